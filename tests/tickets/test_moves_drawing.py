"""docs/requests.md is what the tables say."""

from __future__ import annotations

import os
from pathlib import Path

from hotline.tickets.drawing import life_as_markdown
from hotline.tickets.order_moves import ORDER_TABLE
from hotline.tickets.request_moves import REQUEST_TABLE

PAGE = Path(__file__).parents[2] / "docs" / "requests.md"


def test_the_page_is_made_from_the_tables() -> None:
    made = life_as_markdown()
    if os.environ.get("HOTLINE_GOLDEN"):
        PAGE.write_text(made, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == made


def test_each_arrow_is_on_the_page() -> None:
    rows = [line for line in life_as_markdown().splitlines() if line.count("|") == 5]
    assert len(rows) == len(REQUEST_TABLE) + len(ORDER_TABLE) + 4  # heads and rules of two tables
