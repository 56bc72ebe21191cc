"""How long each step of a request may take, how often it may be repeated, and whom lateness reaches.

The figures are a site's (``config/limits.toml``); reading them is ``limits_file``'s, running them
``timers``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import Final

from hotline.tickets.calendar import Clock, ClockKind, WallClock, WorkingClock


class TimerKind(StrEnum):
    """What is waited for."""

    WORK_DRAFT = "work_draft"
    CONFIRM_REFUSAL = "confirm_refusal"
    DISPATCH = "dispatch"
    SIGN = "sign"
    RETURN = "return"
    """How long a unit may send an order back; nothing happens when it is over."""
    DECIDE_RETURN = "decide_return"
    CONTACT = "contact"
    HANDLE = "handle"
    """The limit that a request is measured by; the ladder hangs on it."""
    DECIDE_EXTENSION = "decide_extension"
    DECIDE_SUSPENSION = "decide_suspension"
    WAIT = "wait"
    REVIEW_SUSPENSION = "review_suspension"
    """Until the day that the supervisor set."""
    REVIEW = "review"
    VERIFY = "verify"
    FOLLOW_UP = "follow_up"
    DECIDE_UNSOLVED = "decide_unsolved"
    PARENT = "parent"
    REOPEN = "reopen"
    """How long a caller may open a closed request again; nothing happens when it is over."""


CONFIGURED: Final = tuple(kind for kind in TimerKind if kind is not TimerKind.REVIEW_SUSPENSION)
"""Kinds that the file gives a limit to; the others get theirs from a person."""


class Level(IntEnum):
    """How far lateness was told: L0 the one who handles it, and upwards."""

    HANDLER = 0
    LIAISON = 1
    UNIT_LEADER = 2
    SUPERVISION_ORDER = 3
    DISTRICT_LEADER = 4


@dataclass(frozen=True, slots=True)
class Limit:
    """A duration and the clock that it runs on."""

    length: timedelta
    clock: ClockKind


@dataclass(frozen=True, slots=True)
class Bounds:
    """How often and how far a limit may be moved."""

    bounces: int
    """Returns of one request; the last one is arbitrated and final."""
    extensions: int
    """The last one is the supervisor's to grant."""
    ask_extension_before_pct: int
    longest_extension_pct: int
    """Of the original limit, all extensions together."""
    rework_pct: int
    """Of the original limit."""
    reworks: int
    """That a caller's "not solved" orders by itself; further ones are the supervisor's to decide."""
    follow_up_tries: int
    longest_suspension: timedelta


@dataclass(frozen=True, slots=True)
class Ladder:
    """When lateness climbs."""

    shares_pct: Mapping[Level, int]
    """Share of the handling limit at which each level from L1 is told; growing."""
    reworks: int
    """At this rework supervision is told, whatever the clock says."""
    urgent_overdue: timedelta
    """A P1 request over its limit by this much, on the wall, reaches the district's leader."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The two clocks of a site."""

    wall: WallClock
    working: WorkingClock

    def of(self, kind: ClockKind) -> Clock:
        """Pick one."""
        return self.wall if kind is ClockKind.WALL else self.working


@dataclass(frozen=True, slots=True)
class Limits:
    """All figures of ``config/limits.toml``."""

    version: str
    limits: Mapping[tuple[TimerKind, str], Limit]
    """By kind and priority; complete for ``CONFIGURED`` and the four priorities."""
    bounds: Bounds
    ladder: Ladder
    backstop: str = ""
    """Code of the unit that takes what no other one must; empty: the site names none."""
    site_checks: tuple[str, ...] = ()
    """Kinds that are checked on site before the caller is asked, by the beginning of their code."""

    def needs_site_check(self, kind: str) -> bool:
        """Tell whether a kind of the catalogue is checked on site."""
        return bool(kind) and kind.startswith(self.site_checks)

    def of(self, kind: TimerKind, priority: str) -> Limit:
        """Look up one limit.

        :raises KeyError: for ``REVIEW_SUSPENSION``, which a person sets, or an unknown priority.
        """
        return self.limits[kind, priority]
