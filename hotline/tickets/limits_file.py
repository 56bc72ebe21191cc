"""From the text of ``config/limits.toml`` to the limits of the site."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

from hotline.tickets.calendar import ClockKind, WorkingClock
from hotline.tickets.limits import CONFIGURED, Bounds, Ladder, Level, Limit, Limits, TimerKind
from hotline.tickets.priority import PRIORITIES
from hotline.tickets.site_file import SiteFile

LIMITS_FILE: Final = "limits.toml"
"""Name of the file in the site's configuration folder."""
LONGEST_LIMIT: Final = timedelta(days=366)

_LIMIT: Final = re.compile(r"([1-9]\d{0,4})([mhd])( working)?")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_COUNTS: Final = {"bounces": 9, "extensions": 9, "reworks": 9, "follow_up_tries": 20}
"""Keys of [bounds] that count, with the most that makes sense."""
_SHARES: Final = {"ask_extension_before_pct": 100, "longest_extension_pct": 300, "rework_pct": 100}
_CLIMBING: Final = {f"L{level}_pct": level for level in Level if level}
_MOST_PCT: Final = 1000


def parse_limits(text: str, calendar: WorkingClock, *, file: str = LIMITS_FILE) -> Limits:
    """Make the limits out of a TOML text.

    :param calendar: says how long a working day is.
    :raises ConfigError: naming file, line, key and remedy.
    """
    reading = _Reading(SiteFile(file, text), calendar)
    source = reading.source
    needed = ("version", "limits", "bounds", "ladder")
    tree = source.table(source.tree(), "", allowed=(*needed, "backstop", "site_checks"), needed=needed)
    if not isinstance(tree["version"], str) or not tree["version"]:
        raise source.wrong("version", 'name this edition of the limits, as "2026-1"')
    return Limits(
        version=tree["version"],
        limits=reading.limits(tree["limits"]),
        bounds=reading.bounds(tree["bounds"]),
        ladder=reading.ladder(tree["ladder"]),
        backstop=reading.backstop(tree.get("backstop", "")),
        site_checks=reading.site_checks(tree.get("site_checks", [])),
    )


class _Reading:
    """One pass over one file."""

    def __init__(self, source: SiteFile, calendar: WorkingClock) -> None:
        self.source, self._calendar = source, calendar

    def limits(self, value: object) -> dict[tuple[TimerKind, str], Limit]:
        tables = self.source.table(value, "limits", allowed=CONFIGURED, needed=CONFIGURED)
        found: dict[tuple[TimerKind, str], Limit] = {}
        for kind in CONFIGURED:
            place = f"limits.{kind}"
            table = self.source.table(tables[kind], place, allowed=("all", *PRIORITIES))
            if "all" in table and len(table) > 1:
                raise self.source.wrong(place, "write either all or P1 to P4")
            for priority in PRIORITIES:
                key = "all" if "all" in table else priority
                if key not in table:
                    raise self.source.wrong(
                        place, f"{priority} is missing: write it, or all for every priority"
                    )
                found[kind, priority] = self._limit(f"{place}.{key}", table[key])
        lengths = [found[TimerKind.HANDLE, priority] for priority in PRIORITIES]
        if any(limit.clock is not lengths[0].clock for limit in lengths):
            raise self.source.wrong("limits.handle", "all priorities are measured on the same clock")
        if any(a.length > b.length for a, b in pairwise(lengths)):
            raise self.source.wrong("limits.handle", "a more urgent request cannot have more time")
        return found

    def bounds(self, value: object) -> Bounds:
        keys = (*_COUNTS, *_SHARES, "longest_suspension")
        table = self.source.table(value, "bounds", allowed=keys, needed=keys)
        numbers = {
            key: self._number("bounds", key, table, 1, most) for key, most in (_COUNTS | _SHARES).items()
        }
        longest = self._limit("bounds.longest_suspension", table["longest_suspension"])
        if longest.clock is not ClockKind.WALL:
            raise self.source.wrong(
                "bounds.longest_suspension", "a suspension ends on a day: take working away"
            )
        return Bounds(longest_suspension=longest.length, **numbers)

    def ladder(self, value: object) -> Ladder:
        keys = (*_CLIMBING, "L3_reworks", "P1_overdue")
        table = self.source.table(value, "ladder", allowed=keys, needed=keys)
        shares = {level: self._number("ladder", key, table, 1, _MOST_PCT) for key, level in _CLIMBING.items()}
        ordered = list(shares.values())
        for key, lower, upper in zip(list(_CLIMBING)[1:], ordered, ordered[1:], strict=False):
            if upper <= lower:
                raise self.source.wrong(f"ladder.{key}", f"{upper} does not climb: write more than {lower}")
        overdue = self._limit("ladder.P1_overdue", table["P1_overdue"])
        if overdue.clock is not ClockKind.WALL:
            raise self.source.wrong(
                "ladder.P1_overdue", "an emergency does not wait for the morning: no working"
            )
        reworks = self._number("ladder", "L3_reworks", table, 1, _COUNTS["reworks"] + 1)
        return Ladder(shares, reworks, overdue.length)

    def backstop(self, value: object) -> str:
        if not isinstance(value, str):
            raise self.source.wrong("backstop", f'{value!r} is no code of a unit; write it as "D027"')
        return value

    def site_checks(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(code, str) and code.isdigit() for code in value):
            raise self.source.wrong(
                "site_checks", f'{value!r} is no list of kinds; write codes or their first digits, as ["01"]'
            )
        return tuple(value)

    def _limit(self, place: str, value: object) -> Limit:
        match = _LIMIT.fullmatch(value) if isinstance(value, str) else None
        if not match:
            raise self.source.wrong(
                place, f'{value!r} is no limit; write it as "30m", "2h", "7d" or "4h working"'
            )
        clock = ClockKind.WORKING if match[3] else ClockKind.WALL
        unit = self._calendar.day if match[3] and match[2] == "d" else _UNITS[match[2]]
        length = int(match[1]) * unit
        if length > LONGEST_LIMIT:
            raise self.source.wrong(place, f"{value} is longer than a year")
        return Limit(length, clock)

    def _number(self, table: str, key: str, values: dict[str, Any], least: int, most: int) -> int:
        value = values[key]
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.source.wrong(f"{table}.{key}", f"{value!r} is no number from {least} to {most}")
        return value
