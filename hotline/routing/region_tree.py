"""The regions of a district with the days from and to which they were there.

District > street > community > grid cell. A region that was renamed or came to another parent has several
periods under one code; one that is gone keeps its last, and may name who came after it. So the ten streets
of 2009 and the seventeen of today stand in one tree, and a request keeps the region it was opened in.

The rules of answering follow the tree: a street may hand work down to its communities, and stays
answerable for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

LEVELS: Final[Mapping[str, int]] = {"district": 6, "street": 9, "community": 12, "grid": 15}
"""Digits of a code by level; a grid cell adds three to its community's (万米单元网格)."""
ABOVE: Final[Mapping[str, str]] = {"street": "district", "community": "street", "grid": "community"}
"""The level that a region's parent must have."""


@dataclass(frozen=True, slots=True)
class Period:
    """A region as it was from one day to another."""

    code: str
    name: str
    level: str
    parent: str | None
    """Code of the region above; None for the district."""
    valid_from: date | None = None
    """First day; None when nobody wrote down when it began."""
    valid_to: date | None = None
    """First day on which it was no more; None while it is there."""
    successor: str = ""
    """Code of the region that took its place; empty when it is there, or when nobody did."""
    line: int = 0
    """Of the file it was read from."""

    def is_valid(self, day: date) -> bool:
        """Tell whether it was there on a day."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day < self.valid_to
        )

    def overlaps(self, other: Period) -> bool:
        """Tell whether both were there on some day."""
        return _before(self.valid_from, other.valid_to) and _before(other.valid_from, self.valid_to)


@dataclass(frozen=True, slots=True)
class Fault:
    """A period that cannot stand in the tree."""

    period: Period
    field: str
    why: str
    """What is wrong and what to do about it."""


class RegionTree:
    """The regions of all times. Immutable; use ``check`` before building one from what people wrote."""

    def __init__(self, periods: Iterable[Period]) -> None:
        self._periods: dict[str, list[Period]] = defaultdict(list)
        for period in periods:
            self._periods[period.code].append(period)

    def on(self, day: date) -> tuple[Period, ...]:
        """List the regions of a day, by level and code."""
        found = [one for each in self._periods.values() for one in each if one.is_valid(day)]
        return tuple(sorted(found, key=lambda one: (LEVELS[one.level], one.code)))

    def at(self, code: str, day: date) -> Period | None:
        """Find a region as it was on a day; None when it was not there."""
        return next((one for one in self._periods.get(code, ()) if one.is_valid(day)), None)

    def path(self, code: str, day: date) -> tuple[Period, ...]:
        """List a region and those above it as they were on a day, the smallest first."""
        found: list[Period] = []
        at = self.at(code, day)
        while at is not None and len(found) < len(LEVELS):
            found.append(at)
            at = self.at(at.parent, day) if at.parent else None
        return tuple(found)

    def now(self, code: str, day: date) -> Period | None:
        """Find who stands for a region today: itself, or whoever came after it; None when nobody does."""
        seen: set[str] = set()
        while code and code not in seen:
            seen.add(code)
            if one := self.at(code, day):
                return one
            code = next((one.successor for one in reversed(self._periods.get(code, ())) if one.successor), "")
        return None

    def answerable(self, code: str, day: date) -> Period | None:
        """Find the street that answers for a region; the district for itself, None for what is not there."""
        path = self.path(code, day)
        return next((one for one in path if one.level in {"street", "district"}), None)

    def may_hand_down(self, giver: str, taker: str, day: date) -> bool:
        """Tell whether a region may give its work to another: to one right below it, while both are there.

        The giver stays answerable: whoever handed work down still has its clock.
        """
        below = self.at(taker, day)
        return below is not None and below.parent == giver and self.at(giver, day) is not None


def check(periods: Sequence[Period]) -> tuple[Fault, ...]:
    """Find what cannot stand: unknown and removed parents, wrong levels, circles, overlapping periods.

    A period is told once, with its first fault. What hangs on a faulty one is told as well, for it would
    hang in the air.
    """
    faults: dict[int, Fault] = {}
    by_code: dict[str, list[Period]] = defaultdict(list)
    for period in periods:
        by_code[period.code].append(period)
    for n, period in enumerate(periods):
        if found := _own_fault(period) or _overlap(period, by_code) or _above(period, by_code):
            faults[n] = Fault(period, *found)
    faulty = {id(periods[n]) for n in faults}
    grew = True
    while grew:
        grew = False
        for n, period in enumerate(periods):
            if n in faults or period.parent is None:
                continue
            if all(id(one) in faulty for one in by_code[period.parent]):
                why = f"its parent {period.parent} cannot be used; mend that one first"
                faults[n] = Fault(period, "parent", why)
                faulty.add(id(period))
                grew = True
    return tuple(faults[n] for n in sorted(faults))


def _own_fault(period: Period) -> tuple[str, str] | None:
    if period.level not in LEVELS:
        return "level", f"level {period.level!r} must be one of {', '.join(LEVELS)}"
    if not (period.code.isascii() and period.code.isdigit() and len(period.code) == LEVELS[period.level]):
        return "code", f"code {period.code!r} must have {LEVELS[period.level]} digits for a {period.level}"
    if not period.name:
        return "name", f"region {period.code} has no name; fill it in"
    if period.valid_from and period.valid_to and period.valid_from >= period.valid_to:
        return (
            "valid_to",
            f"region {period.code} ends on {period.valid_to} before it begins; turn the dates round",
        )
    if period.level not in ABOVE and period.parent:
        return "parent", f"district {period.code} hangs below {period.parent}; leave its parent empty"
    if period.level in ABOVE and not period.parent:
        return "parent", f"{period.level} {period.code} has no parent; name its {ABOVE[period.level]}"
    return None


def _overlap(period: Period, by_code: Mapping[str, Sequence[Period]]) -> tuple[str, str] | None:
    for other in by_code[period.code]:
        if other is period:
            return None  # the later of two is the one that is told
        if period.overlaps(other):
            return "valid_from", (
                f"region {period.code} is there twice on the same days; end one before the other begins"
            )
    return None


def _above(period: Period, by_code: Mapping[str, Sequence[Period]]) -> tuple[str, str] | None:
    if period.parent is None:
        return _after(period, by_code)
    if circle := _circle(period, by_code):
        return "parent", f"region {period.code} is above itself by way of {', '.join(circle)}; cut the circle"
    parents = by_code.get(period.parent, ())
    if not parents:
        return "parent", f"there is no region {period.parent} above {period.code}; add it or name another"
    if all(parent.level != ABOVE[period.level] for parent in parents):
        return (
            "parent",
            f"{period.parent} is a {parents[0].level}; a {period.level} hangs below a {ABOVE[period.level]}",
        )
    if not period.code.startswith(period.parent):
        return (
            "code",
            f"code {period.code} does not begin with its parent's {period.parent}; correct one of them",
        )
    if not _is_covered(period, parents):
        return "parent", (
            f"{period.parent} was removed, or not yet there, while {period.code} is; end this one that day "
            "or name who came after"
        )
    return _after(period, by_code)


def _after(period: Period, by_code: Mapping[str, Sequence[Period]]) -> tuple[str, str] | None:
    if not period.successor:
        return None
    if period.valid_to is None:
        return "successor", f"region {period.code} is still there and names a successor; write when it ended"
    if period.successor not in by_code:
        return "successor", f"there is no region {period.successor} to come after {period.code}; add it"
    if period.successor == period.code:
        return "successor", f"region {period.code} cannot come after itself; name another or none"
    return None


def _circle(period: Period, by_code: Mapping[str, Sequence[Period]]) -> list[str]:
    way: list[str] = []
    code: str | None = period.parent
    while code is not None and code not in way:
        way.append(code)
        if code == period.code:
            return way
        code = by_code[code][0].parent if code in by_code else None
    return []


def _is_covered(period: Period, parents: Sequence[Period]) -> bool:
    """Tell whether some parent is there on each day of a period."""
    begin: date | None = period.valid_from
    for parent in sorted(parents, key=lambda one: one.valid_from or date.min):
        starts_late = parent.valid_from is not None and (begin is None or parent.valid_from > begin)
        if starts_late or not (parent.valid_to is None or begin is None or parent.valid_to > begin):
            continue
        if parent.valid_to is None or (period.valid_to is not None and parent.valid_to >= period.valid_to):
            return True
        begin = parent.valid_to
    return False


def _before(first: date | None, end: date | None) -> bool:
    return first is None or end is None or first < end
