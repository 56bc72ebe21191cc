"""From the text of ``config/calendar.toml`` to the working clock of the site."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from hotline.tickets.calendar import FIRST_YEAR, LAST_YEAR, SATURDAY, Shift, WorkingClock
from hotline.tickets.site_file import SiteFile

CALENDAR_FILE: Final = "calendar.toml"
"""Name of the file in the site's configuration folder."""
LONGEST_HOLIDAY_DAYS: Final = 31
"""Longer is a slip of the pen; the longest that was ever announced has nine days."""

_HOURS: Final = re.compile(r"(\d{2}):([0-5]\d)-(\d{2}):([0-5]\d)")
_DAY_MIN: Final = 24 * 60
_ONE_DAY: Final = timedelta(days=1)


def parse_calendar(text: str, *, file: str = CALENDAR_FILE) -> WorkingClock:
    """Make the working clock out of a TOML text.

    :raises ConfigError: naming file, line, key and remedy.
    """
    source = SiteFile(file, text)
    tree = source.table(
        source.tree(), "", allowed=("zone", "hours", "years"), needed=("zone", "hours", "years")
    )
    try:
        zone = ZoneInfo(str(tree["zone"]))
    except (OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise source.wrong("zone", f"{tree['zone']!r} is no name of a time zone") from error
    except KeyError as error:
        raise source.wrong(
            "zone",
            f"no time zone {tree['zone']!r} on this machine: write one as Asia/Shanghai, or install tzdata",
        ) from error
    shifts = _shifts(source, tree["hours"])
    if not isinstance(tree["years"], dict):
        raise source.wrong("years", "write each year as a table [years.2026]")
    holidays: dict[date, str] = {}
    workdays: set[date] = set()
    for key, value in tree["years"].items():
        _read_year(source, key, value, holidays, workdays)
    return WorkingClock(
        zone, shifts, holidays, frozenset(workdays), frozenset(int(key) for key in tree["years"])
    )


def _shifts(source: SiteFile, value: object) -> tuple[Shift, ...]:
    if not isinstance(value, list) or not value:
        raise source.wrong("hours", 'write the working hours as a list: ["09:00-12:00", "13:00-18:00"]')
    shifts: list[Shift] = []
    for row in value:
        match = _HOURS.fullmatch(row) if isinstance(row, str) else None
        if not match:
            raise source.wrong("hours", f'{row!r} are no hours; write them as "09:00-12:00"')
        start, end = (int(match[n]) * 60 + int(match[n + 1]) for n in (1, 3))
        if not start < end <= _DAY_MIN:
            raise source.wrong("hours", f"{row!r} ends before it begins, or after 24:00")
        if shifts and start <= shifts[-1].end_min:
            raise source.wrong(
                "hours", f"{row!r} begins before the hours ahead of it are over: put them in order"
            )
        shifts.append(Shift(start, end))
    return tuple(shifts)


def _read_year(
    source: SiteFile, key: str, value: object, holidays: dict[date, str], workdays: set[date]
) -> None:
    place = f"years.{key}"
    if not re.fullmatch(r"\d{4}", key) or not FIRST_YEAR <= int(key) <= LAST_YEAR:
        raise source.wrong(place, f"{key!r} is no year from {FIRST_YEAR} to {LAST_YEAR}")
    keys = ("source", "workdays", "holidays")
    table = source.table(value, place, allowed=keys, needed=keys)
    if not isinstance(table["source"], str) or not table["source"]:
        raise source.wrong(f"{place}.source", "name the notice that announced the year")
    for name in ("holidays", "workdays"):
        if not isinstance(table[name], list):
            raise source.wrong(f"{place}.{name}", "write a list")
    for row in table["holidays"]:
        where = f"{place}.holidays"
        given = source.table(row, where, allowed=("name", "first", "last"), needed=("name", "first", "last"))
        first, last = (_day(source, where, given[n], int(key)) for n in ("first", "last"))
        if not first <= last < first + timedelta(days=LONGEST_HOLIDAY_DAYS):
            raise source.wrong(
                where, f"{given['name']} from {first} to {last} is no holiday: check both days"
            )
        for offset in range((last - first).days + 1):
            if (day := first + offset * _ONE_DAY) in holidays:
                raise source.wrong(where, f"{day} is in two holidays")
            holidays[day] = str(given["name"])
    for row in table["workdays"]:
        where = f"{place}.workdays"
        day = _day(source, where, row, int(key))
        if day.weekday() < SATURDAY:
            raise source.wrong(where, f"{day} is no Saturday or Sunday: it is worked anyway, take it out")
        if day in holidays:
            raise source.wrong(where, f"{day} is a day of {holidays[day]}: it cannot be worked as well")
        workdays.add(day)


def _day(source: SiteFile, place: str, value: object, year: int) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise source.wrong(place, f"{value!r} is no day; write it as {year}-01-31, without quotation marks")
    if value.year != year:
        raise source.wrong(place, f"{value} belongs into [years.{value.year}]")
    return value
