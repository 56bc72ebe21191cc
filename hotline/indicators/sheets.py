"""Figures as files: CSV, JSON and XLSX, each with numerator, denominator and formula version."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from openpyxl import Workbook
from openpyxl.styles import Font

from hotline.errors import Refused
from hotline.indicators.counting import STATS, THREE_RATES, Figure
from hotline.indicators.facts import Window
from hotline.indicators.formulas import BY_CODE, Stat

FORMS: Final = ("csv", "json", "xlsx")
HEADS: Final = ("group", "name", "code", "version", "indicator", "numerator", "denominator", "value", "unit")
_FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
_BOM: Final = "\ufeff"
"""Without it the spreadsheet that most offices have reads Chinese wrongly."""


def unit_of(code: str) -> str:
    """Tell what a figure's value is in: ``share``, ``seconds``, ``count`` or ``points``."""
    if code == THREE_RATES:
        return "points"
    stat = STATS[code]
    return {Stat.SHARE: "share", Stat.COUNT: "count"}.get(stat, "seconds")


def name_of(code: str) -> str:
    """Give the English name of an indicator."""
    return "Three-rate score" if code == THREE_RATES else BY_CODE[code].name


def rows(
    figures: Sequence[Figure], names: Mapping[str, str]
) -> list[tuple[str, str, str, int, str, int, int, float | None, str]]:
    """Write figures as rows under ``HEADS``.

    :param names: of groups, by code.
    """
    return [
        (
            figure.group,
            names.get(figure.group, ""),
            figure.code,
            figure.version,
            name_of(figure.code),
            figure.numerator,
            figure.denominator,
            None if figure.value is None else round(figure.value, 6),
            unit_of(figure.code),
        )
        for figure in figures
    ]


def write(form: str, figures: Sequence[Figure], names: Mapping[str, str], window: Window) -> bytes:
    """Write a file.

    :param form: ``csv``, ``json`` or ``xlsx``.
    :raises Refused: ``input`` for another one.
    """
    if form == "csv":
        return _csv(figures, names)
    if form == "json":
        return _json(figures, names, window)
    if form == "xlsx":
        return _xlsx(figures, names, window)
    raise Refused(f"there is no form {form!r}; choose {', '.join(FORMS)}", code="input")


def _csv(figures: Sequence[Figure], names: Mapping[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADS)
    for row in rows(figures, names):
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in row])
    return (_BOM + text.getvalue()).encode("utf-8")


def harmless(text: str) -> str:
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text


def _json(figures: Sequence[Figure], names: Mapping[str, str], window: Window) -> bytes:
    tree = {
        "from": window.start.isoformat(),
        "to": window.end.isoformat(),
        "known_until": window.until.isoformat(),
        "figures": [dict(zip(HEADS, row, strict=True)) for row in rows(figures, names)],
    }
    return (json.dumps(tree, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def _xlsx(figures: Sequence[Figure], names: Mapping[str, str], window: Window) -> bytes:
    book = Workbook()
    # The moment that the figures tell of, not the one at which somebody wrote them down.
    book.properties.created = book.properties.modified = _naive(window.until)
    sheet = book.active
    sheet.title = "figures"
    sheet.append(HEADS)
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    for number, row in enumerate(rows(figures, names), 2):
        for column, value in enumerate(row, 1):
            cell = sheet.cell(number, column, value)
            if isinstance(value, str):
                cell.data_type = "s"
            elif column == HEADS.index("value") + 1 and row[-1] == "share":
                cell.number_format = "0.00%"
    meanings = book.create_sheet("formulas")
    meanings.append(("code", "version", "indicator", "counted", "source"))
    for formula in BY_CODE.values():
        meanings.append((formula.code, formula.version, formula.name, formula.says, formula.source))
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _naive(at: datetime) -> datetime:
    return at.replace(tzinfo=None)
