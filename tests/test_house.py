"""The house's own rules: what the README promises exists, what must not be here is not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hotline.cli import app

ROOT = Path(__file__).parent.parent
READMES = ["README.md", "README.zh-CN.md"]


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


@pytest.mark.parametrize("readme", READMES)
def test_every_make_command_of_the_readme_is_a_target(readme: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    promised = set(re.findall(r"(?:^|`)make ([a-z]+)", (ROOT / readme).read_text(), re.MULTILINE))
    assert promised
    assert promised <= targets


@pytest.mark.parametrize("readme", READMES)
def test_every_hotline_command_of_the_readme_answers_to_help(readme: str) -> None:
    promised = set(re.findall(r"bin/hotline ([a-z]+(?: [a-z]+)?)", (ROOT / readme).read_text()))
    assert len(promised) >= 4
    for command in promised:
        words = [word for word in command.split() if word.islower()]
        result = CliRunner().invoke(app, [*words, "--help"])
        assert result.exit_code == 0, f"{command}: {result.output}"


def test_the_two_readmes_tell_the_same_commands() -> None:
    commands = [
        re.findall(r"bin/hotline ([a-z-]+)|(?:^|`)make ([a-z]+)", (ROOT / name).read_text())
        for name in READMES
    ]
    assert commands[0] == commands[1]


@pytest.mark.parametrize("readme", READMES)
def test_every_file_that_the_readme_names_is_there(readme: str) -> None:
    for name in re.findall(r"\]\(((?!http)[^)#]+)\)", (ROOT / readme).read_text()):
        assert (ROOT / name).exists(), name


def test_the_product_imports_no_gpl_phone() -> None:
    for file in tracked("hotline/*.py", "agent_console/*.py"):
        assert not re.search(r"^\s*(import|from)\s+pyVoIP", file.read_text(), re.MULTILINE), file


def test_a_decision_is_short_and_numbered_once() -> None:
    decisions = tracked("docs/decisions/*.md")
    numbers = [file.name.split("-")[0] for file in decisions]
    assert len(set(numbers)) == len(numbers)
    for file in decisions:
        assert file.read_text().startswith(f"# {file.name.split('-')[0]}: "), file


def test_every_package_says_what_it_is_for() -> None:
    for file in tracked("hotline/*/__init__.py", "agent_console/__init__.py"):
        assert file.read_text().lstrip().startswith('"""'), file


def test_the_command_is_there_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hotline", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "serve" in done.stdout


def test_a_mistake_ends_with_one_sentence_and_code_2(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[sip]\nprot = 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "hotline", "config", "show", "--config", str(file)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "did you mean 'port'" in done.stderr
    assert "Traceback" not in done.stderr


def test_each_long_test_file_is_there() -> None:
    rows = [line.split() for line in (ROOT / "tests" / "seconds.txt").read_text().splitlines()[1:]]
    assert len(rows) > 20
    assert [name for _, name in rows if not (ROOT / "tests" / name).exists()] == []
    assert [float(seconds) for seconds, _ in rows] == sorted((float(row[0]) for row in rows), reverse=True)
