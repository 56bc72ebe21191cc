"""The pages of commands and events say what the code says; `HOTLINE_GOLDEN=1` writes the first one anew."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from hotline import errors
from hotline.cli import app
from hotline.events import record
from hotline.tickets.order_moves import OrderState
from hotline.tickets.request_moves import RequestState

ROOT = Path(__file__).parent.parent
COMMANDS = ROOT / "docs" / "commands.md"
EVENTS = ROOT / "docs" / "events.md"


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


def explain_commands() -> str:
    """Write the page that lists every command with what it takes, as Markdown."""
    lines = [
        "# Commands",
        "",
        "Every command takes its settings from `--config` (`config/hotline.toml` when not given) and the",
        "environment, see [settings](settings.md). A mistake ends with one sentence that names the place and",
        "the remedy, and exit code 2. 1: a check that was asked for found faults. 0: done.",
    ]
    for words, command in commands(typer.main.get_command(app)):
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "config"]
        shown = [a.name.upper() if a.required else f"[{a.name.upper()}]" for a in arguments]
        shown += [o.opts[0] + ("" if o.is_flag else f" {o.name.upper()}") for o in options if o.required]
        lines += ["", f"## hotline {' '.join([*words, *shown])}", "", " ".join((command.help or "").split())]
        rows = []
        for option in options:
            default = (
                "" if option.default in (None, "") or option.is_flag else f" Default: `{option.default}`."
            )
            rows.append(f"- `{'` / `'.join([*option.opts, *option.secondary_opts])}`: {option.help}{default}")
        lines += ["", *rows] if rows else []
    return "\n".join(lines) + "\n"


def test_the_page_of_commands_is_what_the_command_line_says() -> None:
    page = explain_commands()
    if os.environ.get("HOTLINE_GOLDEN"):
        COMMANDS.write_text(page)
    assert COMMANDS.read_text() == page


def test_every_command_and_option_says_what_it_does() -> None:
    for words, command in commands(typer.main.get_command(app)):
        assert command.help, words
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.help, (words, parameter.name)


def kinds() -> dict[str, str]:
    """Read the kinds of events: constant to kind."""
    return {
        name: value
        for name, value in vars(record).items()
        if name.isupper() and isinstance(value, str) and re.fullmatch(r"[a-z]+\.[a-z_]+", value)
    }


def payloads() -> dict[str, str]:
    """Read which payload the page promises for each kind: heading to the text below it."""
    parts = re.split(r"^### `([a-z._]+)`$", EVENTS.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_event_has_its_heading_and_every_heading_its_event() -> None:
    assert list(payloads()) == list(kinds().values())


def test_the_page_names_every_key_that_the_store_writes_into_an_event() -> None:
    """Looks through the calls of ``event(KIND, ..., payload={...})`` of the store."""
    written: dict[str, set[str]] = {}
    for file in (ROOT / "hotline" / "store").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr != "event" or not node.args or not isinstance(node.args[0], ast.Name):
                continue
            kind = kinds().get(node.args[0].id)
            for keyword in node.keywords:
                if kind and keyword.arg == "payload" and isinstance(keyword.value, ast.Dict):
                    found = {str(ast.literal_eval(key)) for key in keyword.value.keys if key is not None}
                    written.setdefault(kind, set()).update(found)
    assert len(written) >= 10, "the store writes its events in another way now: look anew"
    for kind, keys in written.items():
        for key in keys:
            assert f"`{key}`" in payloads()[kind], f"{kind}: {key}"


def test_every_state_of_requests_and_orders_is_explained() -> None:
    page = (ROOT / "docs" / "states.md").read_text()
    for state in {*map(str, RequestState), *map(str, OrderState)}:
        assert f"### `{state}`" in page, state


def test_refusals_have_the_codes_that_the_page_names() -> None:
    said = {
        code
        for package in ("desk", "store", "tickets")
        for file in (ROOT / "hotline" / package).glob("*.py")
        for code in re.findall(r'code="(\w+)"', file.read_text())
    }
    named = (ROOT / "docs" / "states.md").read_text().split("### `Refused`")[1]
    assert said
    assert said == set(re.findall(r"`(\w+)`", named)) - {"code"}


def test_every_error_of_the_tree_is_explained() -> None:
    page = (ROOT / "docs" / "states.md").read_text()
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.HotlineError):
            assert f"### `{name}`" in page, name
