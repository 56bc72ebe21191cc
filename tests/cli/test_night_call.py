"""docs/night-call.md names only commands, options, settings and metrics that there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from hotline.cli import app
from hotline.settings import Settings
from hotline.wire.metrics import explain_metrics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "night-call.md").read_text()
COMMANDS = sorted(set(re.findall(r"(?:^|`)hotline ([a-z][a-z0-9 .\-]*)", PAGE, re.MULTILINE)))
ENGINEERS = ("status", "sip trace", "trunk status", "phone registrations", "call show", "drain", "metrics")


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """Find a command by its words; returns it and the words left over."""
    group: Any = typer.main.get_command(app)
    while words and hasattr(group, "commands"):
        assert words[0] in group.commands, words
        group, words = group.commands[words[0]], words[1:]
    return group, words


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_is_one(line: str) -> None:
    command, rest = command_of(line.split())
    assert not hasattr(command, "commands"), "a group, no command"
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known


def test_every_option_that_stands_alone_belongs_to_trace_or_show() -> None:
    known = {
        name
        for words in ("sip trace", "call show", "call list")
        for parameter in command_of(words.split())[0].params
        for name in parameter.opts
    }
    named = set(re.findall(r"`(--[a-z]+)", PAGE))
    assert len(named) > 5
    assert named <= known


def test_the_page_shows_every_tool_of_the_night() -> None:
    for words in ENGINEERS:
        assert any(line.startswith(words) for line in COMMANDS), words


def test_every_setting_of_the_page_is_one() -> None:
    named = re.findall(r"\[(\w+)\] (\w+)`", PAGE)
    assert named
    for section, key in named:
        fields = Settings.model_fields[section].annotation.model_fields  # type: ignore[union-attr]
        assert key in fields, (section, key)


def test_every_metric_of_the_page_is_one() -> None:
    named = set(re.findall(r"`(hotline_\w+)`", PAGE))
    assert named
    for name in named:
        assert f"`{name}" in explain_metrics(), name


def test_every_other_page_that_it_names_is_there() -> None:
    for name in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / name).exists(), name
