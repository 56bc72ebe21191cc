"""``hotline routing check``, ``dry-run`` and ``precision``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hotline.cli import app

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def site(tmp_path: Path) -> list[str]:
    settings = tmp_path / "hotline.toml"
    settings.write_text(f'[site]\nconfig_dir = "{CONFIG}"\ndata_dir = "{tmp_path / "data"}"\n')
    return ["--config", str(settings)]


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["routing", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_shipped_rules_pass(site: list[str]) -> None:
    assert call("check", *site) == (0, "9 rules are usable, 0 lines are not, 0 holes\n")


def test_rules_with_faults_do_not(site: list[str], tmp_path: Path) -> None:
    rules = tmp_path / "rules.csv"
    rules.write_text("rule,kind,region,owner,lead,co_handlers,reason\nA,0502,*,*,区民证局,,\n")
    code, text = call("check", "--rules", str(rules), *site)
    assert code == 1
    assert "0 rules are usable, 1 lines are not, 0 holes" in text
    assert "there is no unit '区民证局'" in text.replace("\n", "")


def test_dry_run_without_a_past_says_so(site: list[str]) -> None:
    code, text = call("dry-run", "--json", *site)
    assert code == 0
    assert json.loads(text)["count"] == 0


def test_precision_of_too_few_requests_trusts_no_machine(site: list[str]) -> None:
    code, text = call("precision", *site)
    assert code == 0
    assert "500 are needed before a machine may be trusted" in text
