"""From requests filed under hotspot keys to hotspots: callers counted, larger areas explained by smaller.

A burst pipe makes its lane, its community and its street look hot at once. Told is the smallest area that
holds most of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from hotline.routing.hotspots import PAST_DAYS, WINDOWS, Heat, Level, heat_of, read_key

LOOK_BACK: Final = timedelta(hours=max(window.hours for window in WINDOWS), days=PAST_DAYS)
"""How old a request may be and still count for anything."""
RECENT: Final = timedelta(hours=max(window.hours for window in WINDOWS))
"""How old a request may be and still make a hotspot."""
_EXPLAINED: Final = 0.7
"""Share of a larger area's requests that a smaller one must hold to be told in its place."""
_ORDER: Final = {Level.PLACE: 0, Level.COMMUNITY: 1, Level.STREET: 2}


@dataclass(frozen=True, slots=True)
class Filed:
    """A request under a key."""

    number: str
    opened_at: datetime
    caller: str
    """Whoever called, as anything that tells callers apart."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """A hotspot with the requests that make it."""

    key: str
    heat: Heat
    numbers: tuple[str, ...]
    """Of the requests of the window, in the order they came."""


def crowds(filed: Mapping[str, Sequence[Filed]], at: datetime) -> tuple[Crowd, ...]:
    """Find the hotspots of now, the least likely first.

    :param filed: by key, the requests of ``LOOK_BACK``.
    """
    found = [crowd for key, rows in filed.items() if (crowd := _crowd(key, rows, at))]
    found.sort(key=lambda one: (_level(one.key), one.heat.chance, one.key))
    kept: list[Crowd] = []
    for one in found:
        if not any(_explains(smaller, one) for smaller in kept):
            kept.append(one)
    return tuple(sorted(kept, key=lambda one: (one.heat.chance, one.key)))


def _crowd(key: str, rows: Sequence[Filed], at: datetime) -> Crowd | None:
    counts, pasts = [], []
    for window in WINDOWS:
        begin = at - timedelta(hours=window.hours)
        counts.append(_callers(rows, begin, at))
        pasts.append(_callers(rows, begin - timedelta(days=PAST_DAYS), begin))
    heat = heat_of(tuple(counts), tuple(pasts))
    if heat is None:
        return None
    begin = at - timedelta(hours=heat.hours)
    numbers = sorted(row.number for row in rows if begin < row.opened_at <= at)
    return Crowd(key, heat, tuple(numbers))


def _callers(rows: Sequence[Filed], after: datetime, until: datetime) -> int:
    return len({row.caller for row in rows if after < row.opened_at <= until})


def _level(key: str) -> int:
    parts = read_key(key)
    return _ORDER[parts[0]] if parts else len(_ORDER)


def _explains(smaller: Crowd, larger: Crowd) -> bool:
    return len(set(smaller.numbers) & set(larger.numbers)) >= _EXPLAINED * len(larger.numbers)
