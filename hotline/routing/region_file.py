"""Region trees as files: CSV with a heading, or JSON with the streets of ``regions.json``.

Every line that cannot be used is told with its number, its field, what is wrong and the remedy.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from hotline.errors import ConfigError
from hotline.routing.lines import CONTROL, csv_rows, line_of
from hotline.routing.region_tree import ABOVE, LEVELS, Period, check

COLUMNS: Final = ("code", "name", "level", "parent", "valid_from", "valid_to", "successor")
REPORT_DAY: Final = date(2009, 6, 30)
"""A day on which the district had the ten streets of its report of 2009."""
_NESTED: Final = {"district": "streets", "street": "communities", "community": "grids"}


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that could not be used."""

    line: int
    """Counted from 1, the heading included."""
    field: str
    """Column, or empty for the line as a whole."""
    why: str
    """What is wrong and what to do about it."""

    def __str__(self) -> str:
        return f"line {self.line}{f', {self.field}' if self.field else ''}: {self.why}"


def read_tree(text: str, file: str) -> tuple[tuple[Period, ...], tuple[RefusedLine, ...]]:
    """Read a tree; a file that begins with a brace is JSON, any other CSV.

    :returns: the regions that can stand, and every line that was refused.
    :raises ConfigError: when the form of the file as a whole is wrong.
    """
    is_json = text.lstrip("\ufeff \t\r\n").startswith("{")
    rows = _json_rows(text, file) if is_json else csv_rows(text, file, COLUMNS)
    periods: list[Period] = []
    refused: list[RefusedLine] = []
    for line, row, fault in rows:
        period, field, why = _period(line, row) if not fault else (None, "", fault)
        if period is None:
            refused.append(RefusedLine(line, field, why))
        else:
            periods.append(period)
    faults = check(periods)
    refused += [RefusedLine(one.period.line, one.field, one.why) for one in faults]
    bad = {id(one.period) for one in faults}
    return tuple(one for one in periods if id(one) not in bad), tuple(
        sorted(refused, key=lambda one: one.line)
    )


def _period(line: int, row: Mapping[str, str]) -> tuple[Period | None, str, str]:
    days: list[date | None] = []
    for field in ("valid_from", "valid_to"):
        try:
            days.append(date.fromisoformat(row[field]) if row[field] else None)
        except ValueError:
            return None, field, f"{field} {row[field]!r} is no day; write it as 2010-07-01 or leave it empty"
    period = Period(
        code=row["code"],
        name=row["name"],
        level=row["level"],
        parent=row["parent"] or None,
        valid_from=days[0],
        valid_to=days[1],
        successor=row["successor"],
        line=line,
    )
    return period, "", ""


def _json_rows(text: str, file: str) -> Iterator[tuple[int, dict[str, str], str]]:
    try:
        tree: Any = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise ConfigError(f"this is not JSON: {error}", file=file, line=line) from error
    if not isinstance(tree, dict) or not isinstance(tree.get("streets"), list):
        raise ConfigError('the file must hold an object with a list "streets"', file=file)
    district = tree.get("district")
    code = str(district.get("code", "")) if isinstance(district, dict) else ""
    if isinstance(district, dict):
        yield from _json_row(text, district, "district", "")
    for street in tree["streets"]:
        yield from _json_level(text, street, "street", code)


def _json_level(
    text: str, entry: object, level: str, parent: str
) -> Iterator[tuple[int, dict[str, str], str]]:
    if not isinstance(entry, dict):
        yield (
            1,
            dict.fromkeys(COLUMNS, ""),
            f"{str(entry)[:40]!r} is no {level}; write an object with code and name",
        )
        return
    yield from _json_row(text, entry, level, parent)
    below = entry.get(_NESTED.get(level, ""), [])
    code = str(entry.get("code", ""))
    if not isinstance(below, list):
        line = line_of(text, code)
        yield line, dict.fromkeys(COLUMNS, ""), f'"{_NESTED[level]}" of {code} must be a list'
        return
    lower = next((name for name, above in ABOVE.items() if above == level), "")
    for one in below:
        yield from _json_level(text, one, lower, code)


def _json_row(
    text: str, entry: Mapping[str, object], level: str, parent: str
) -> Iterator[tuple[int, dict[str, str], str]]:
    row = {name: str(entry.get(name) or "").strip() for name in COLUMNS}
    row |= {"level": level, "parent": parent}
    why = ""
    if any(CONTROL.search(cell) for cell in row.values()):
        why = "the entry holds a control character; take it out"
    yield line_of(text, f'"{row["code"]}"'), row, why


def write_csv(periods: Sequence[Period]) -> str:
    """Write a tree as CSV, parents before their children; ``read_tree`` reads the same back."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in sorted(periods, key=lambda each: (LEVELS[each.level], each.code, each.valid_from or date.min)):
        days = [day.isoformat() if day else "" for day in (one.valid_from, one.valid_to)]
        writer.writerow([one.code, one.name, one.level, one.parent or "", *days, one.successor])
    return out.getvalue()


def write_json(periods: Sequence[Period], day: date, old: str = "") -> str:
    """Write the regions of one day as ``regions.json``: the streets and what is below them.

    :param old: the file as it is; whatever else it says of a region or of itself is kept.
    """
    today = sorted((one for one in periods if one.is_valid(day)), key=lambda one: one.code)
    below: dict[str, list[Period]] = {}
    for one in today:
        below.setdefault(one.parent or "", []).append(one)
    former = {one.code for one in periods if one.level == "street" and one.is_valid(REPORT_DAY)}
    tree: dict[str, Any] = json.loads(old) if old else {}
    known = dict(_entries(tree))

    def entry(one: Period) -> dict[str, Any]:
        written = {k: v for k, v in known.get(one.code, {}).items() if k not in {*COLUMNS, *_NESTED.values()}}
        written = {"code": one.code, "name": one.name, **written}
        if one.level == "street":
            written["in_2009"] = one.code in former
        if one.level in _NESTED and one.code in below:
            written[_NESTED[one.level]] = [entry(each) for each in below[one.code]]
        return written

    for one in today:
        if one.level == "district":
            tree["district"] = {**tree.get("district", {}), "code": one.code, "name": one.name}
    tree["streets"] = [entry(one) for one in today if one.level == "street"]
    return json.dumps(tree, ensure_ascii=False, indent=1) + "\n"


def _entries(tree: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in _NESTED.values():
        for entry in tree.get(name, ()):
            yield entry["code"], entry
            yield from _entries(entry)


def merged(old: Sequence[Period], new: Sequence[Period], day: date) -> tuple[Period, ...]:
    """Put a new tree over an old one: what is gone ends on a day, what changed begins anew on it.

    Periods that ended before keep their place, so that requests of then keep their regions.
    """
    wanted = {one.code: one for one in new if one.is_valid(day)}
    past = [one for one in new if not one.is_valid(day)]
    kept: dict[tuple[str, date | None], Period] = {}
    for one in old:
        now = wanted.get(one.code)
        if not one.is_valid(day):
            kept[one.code, one.valid_from] = one
        elif now is None:
            kept[one.code, one.valid_from] = replace(one, valid_to=day)
        elif (one.name, one.parent, one.level) == (now.name, now.parent, now.level):
            kept[one.code, one.valid_from] = one
            del wanted[one.code]
        elif now.valid_from is None or (one.valid_from or date.min) < now.valid_from:
            begin = now.valid_from or day
            if begin != one.valid_from:
                kept[one.code, one.valid_from] = replace(one, valid_to=begin)
            wanted[one.code] = replace(now, valid_from=begin)
    for one in (*past, *wanted.values()):
        kept.setdefault((one.code, one.valid_from), one)
    return tuple(
        sorted(kept.values(), key=lambda one: (LEVELS[one.level], one.code, one.valid_from or date.min))
    )
