"""Figures that leave the house keep both halves and their version."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from openpyxl import load_workbook

from hotline.errors import Refused
from hotline.indicators.counting import THREE_RATES, Figure
from hotline.indicators.facts import By, Window
from hotline.indicators.sheets import HEADS, write
from tests.tickets.lives import SITE

AT = datetime(2026, 11, 1, tzinfo=UTC)
WINDOW = Window(AT, datetime(2026, 12, 1, tzinfo=UTC), AT, SITE.clocks)
FIGURES = [
    Figure("closing", 1, By.STREET, "S1", 5_436, 5_591),
    Figure("handling_mean", 1, By.STREET, "S1", 46_800, 2),
    Figure("solved", 1, By.STREET, "S2", 0, 0),
    Figure(THREE_RATES, 1, By.STREET, "S2", 9_321, 100),
]
NAMES = {"S1": "=1+1", "S2": "和平里街道"}


def test_csv_is_read_back_and_holds_no_formula() -> None:
    text = write("csv", FIGURES, NAMES, WINDOW).decode("utf-8-sig")
    found = list(csv.DictReader(io.StringIO(text)))
    assert [row["denominator"] for row in found] == ["5591", "2", "0", "100"]
    assert found[0]["name"] == "'=1+1"
    assert found[0]["value"] == "0.972277"
    assert found[2]["value"] == ""
    assert found[1]["value"] == "23400.0"


def test_json_tells_the_period() -> None:
    tree = json.loads(write("json", FIGURES, NAMES, WINDOW))
    assert tree["from"] == AT.isoformat()
    assert tree["figures"][3] == dict(
        zip(
            HEADS,
            ("S2", "和平里街道", "three_rates", 1, "Three-rate score", 9321, 100, 93.21, "points"),
            strict=True,
        )
    )


def test_xlsx_is_read_back_and_names_its_formulas() -> None:
    book = load_workbook(io.BytesIO(write("xlsx", FIGURES, NAMES, WINDOW)))
    first = [cell.value for cell in book["figures"][2]]
    assert first[:2] == ["S1", "=1+1"]
    assert book["figures"]["B2"].data_type == "s"
    assert first[5:7] == [5_436, 5_591]
    assert book["formulas"].max_row > 30


def test_another_form_is_refused() -> None:
    with pytest.raises(Refused, match="csv, json, xlsx"):
        write("pdf", FIGURES, NAMES, WINDOW)
