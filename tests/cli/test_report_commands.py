"""``hotline report``, ``hotline search`` and ``hotline store`` on a site with two requests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openpyxl import load_workbook

from hotline.errors import Refused
from tests.cli.test_recording_commands import Ask, ask, site

__all__ = ["ask", "site"]
DAYS = ("--from", "2026-11-01", "--to", "2026-12-31")


def test_figures_are_told_as_text_and_as_files(ask: Ask, tmp_path: Path) -> None:
    said = ask("report", "figures", *DAYS).output
    assert "Closing rate" in said
    tree = json.loads(ask("report", "figures", *DAYS, "--form", "json").output)
    by_code = {row["code"]: row for row in tree["figures"]}
    assert by_code["filed"]["denominator"] + by_code["orphans"]["denominator"] >= 1
    file = tmp_path / "figures.xlsx"
    assert ask("report", "figures", *DAYS, "--form", "xlsx", "--out", str(file)).exit_code == 0
    assert load_workbook(file)["figures"].max_row == len(tree["figures"]) + 1


def test_formulas_and_league(ask: Ask) -> None:
    assert "three" in ask("report", "formulas").output
    assert ask("report", "league", "closing", *DAYS, "--by", "unit").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("figures", "--by", "planet"),
        ("figures", "--from", "tomorrow"),
        ("figures", "--from", "2026-12-02", "--to", "2026-12-01"),
        ("figures", "--weights", "1,2"),
        ("figures", "--form", "pdf"),
        ("league", "nothing"),
    ],
)
def test_what_cannot_be_told_is_refused(ask: Ask, words: tuple[str, ...]) -> None:
    with pytest.raises(Refused):
        ask("report", *words)


def test_search_finds_by_telephone_and_masks_it(ask: Ask) -> None:
    found = [json.loads(line) for line in ask("search", "--json").output.splitlines()]
    assert found
    assert all("*" in line["caller"] or not line["caller"] for line in found)
    one = ask("search", found[0]["number"], "--json").output.splitlines()
    assert [json.loads(line)["number"] for line in one] == [found[0]["number"]]
    assert "nothing matches" in ask("search", "无人说过").output


def test_the_index_is_built_anew(ask: Ask) -> None:
    assert "2 requests are in the index" in ask("store", "reindex").output
