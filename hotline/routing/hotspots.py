"""Hotspots: more people than chance explains ask for the same kind of thing at the same place.

Requests of one kind at one place arrive like raindrops, so the count of a window is Poisson when
nothing has happened. The mean is taken from the weeks before, never as zero: a place that was quiet for
four weeks is not known to be quiet for ever. Counted are callers, not calls: one angry person is
no hotspot.

Watched are some hundred places times sixty kinds in three windows all day long, so chance has many tries:
a hotspot needs what one pair shows once in a hundred thousand looks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CHANCE: Final = 1e-5
"""How unlikely a count must be where nothing has happened."""
PAST_DAYS: Final = 28
"""Days before the window from which the mean is taken: four of each day of the week."""
UNSEEN: Final = 0.5
"""Callers that are added to the past, since none in four weeks does not mean none ever."""
GROWN: Final = 2.0
"""How many times what was told a hotspot must reach before it is told again."""


class Level(StrEnum):
    """How large an area a hotspot is about."""

    PLACE = "place"
    COMMUNITY = "community"
    STREET = "street"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time up to now in which callers are counted."""

    hours: float
    fewest: int
    """Callers below which it is no hotspot, however unlikely."""


WINDOWS: Final = (Window(2, 3), Window(24, 4), Window(168, 6))
"""A burst pipe, a missed collection, a heating that was turned down."""


@dataclass(frozen=True, slots=True)
class Heat:
    """What a count amounts to."""

    hours: float
    """Of the window that shows it best."""
    callers: int
    expected: float
    """Callers that the weeks before let expect."""
    chance: float
    """How likely as many are where nothing has happened."""


class Change(StrEnum):
    """What is to be told about a hotspot."""

    RAISED = "raised"
    GREW = "grew"
    COOLED = "cooled"


def key_of(level: Level, where: str, kind: str) -> str:
    """Write the key under which requests of a kind at a place are counted: ``h:street:110101005:0201``."""
    return f"h:{level}:{where}:{kind}"


def read_key(key: str) -> tuple[Level, str, str] | None:
    """Read it back: level, place or region, kind; None for another key."""
    parts = key.split(":", 2)
    if len(parts) != 3 or parts[0] != "h" or parts[1] not in set(Level):
        return None
    where, _, kind = parts[2].rpartition(":")
    return (Level(parts[1]), where, kind) if where and kind else None


def keys_of(place: str, region: str, kind: str) -> tuple[str, ...]:
    """List the keys under which a request counts, the smallest area first; none without a kind.

    :param place: name of a place, or empty.
    :param region: code of a street (9 digits) or community (12), or empty.
    """
    if not kind:
        return ()
    keys = []
    if place:
        keys.append(key_of(Level.PLACE, place, kind))
    if len(region) > 9:
        keys.append(key_of(Level.COMMUNITY, region, kind))
    if region:
        keys.append(key_of(Level.STREET, region[:9], kind))
    return tuple(keys)


def chance_of(count: int, expected: float) -> float:
    """Tell how likely a Poisson count of at least this many is.

    Exact to rounding for the counts of a district: the tail is summed from its largest term downwards.
    """
    if count <= 0:
        return 1.0
    if expected <= 0:
        return 0.0
    if count <= expected:  # the tail is the larger part; one minus the smaller one is exact enough
        term = math.exp(-expected)
        below = term
        for n in range(1, count):
            term *= expected / n
            below += term
        return max(0.0, 1.0 - below)
    first = math.exp(count * math.log(expected) - expected - math.lgamma(count + 1))
    total, term, n = 0.0, 1.0, count
    while term > 1e-12 * (total or 1.0):
        total += term
        n += 1
        term *= expected / n
    return min(1.0, first * total)


def expected_of(past: int, hours: float, *, past_days: float = PAST_DAYS) -> float:
    """Tell how many callers a window should have.

    :param past: callers of the ``past_days`` before the window.
    """
    return (past + UNSEEN) * hours / (past_days * 24)


def heat_of(counts: tuple[int, ...], pasts: tuple[int, ...]) -> Heat | None:
    """Judge the counts of all windows; None when none of them is a hotspot.

    :param counts: callers in each of ``WINDOWS``.
    :param pasts: callers in the ``PAST_DAYS`` before each window.
    """
    best: Heat | None = None
    for window, callers, past in zip(WINDOWS, counts, pasts, strict=True):
        expected = expected_of(past, window.hours)
        if callers < window.fewest:
            continue
        chance = chance_of(callers, expected)
        if chance <= CHANCE and (best is None or chance < best.chance):
            best = Heat(window.hours, callers, expected, chance)
    return best


def change_of(told: int | None, heat: Heat | None) -> Change | None:
    """Decide what is to be told; None for nothing.

    :param told: callers of which people were told last; None when the hotspot was not known.
    """
    if heat is None:
        return None if told is None else Change.COOLED
    if told is None:
        return Change.RAISED
    return Change.GREW if heat.callers >= GROWN * told else None
