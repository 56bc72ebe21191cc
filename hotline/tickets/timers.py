"""One limit that runs: with pauses, extensions, and the levels it has fired.

A timer is a value that fits into a row of the store: nothing runs between two looks at it, so a
restart loses nothing. What was spent before a pause is settled and never shrinks; a machine whose
clock steps back gives no time back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from hotline.errors import LocalProtocolError
from hotline.tickets.calendar import NOTHING, utc
from hotline.tickets.limits import Clocks, Ladder, Level, Limit, TimerKind

MOST_URGENT: Final = "P1"
PCT: Final = 100


@dataclass(frozen=True, slots=True)
class Timer:
    """What is waited for, how long it may take and how much of that is spent."""

    kind: TimerKind
    limit: Limit
    """The original one: shares of it are what a rework and an extension get."""
    started_at: datetime
    """UTC."""
    running_since: datetime | None
    """UTC; None while it is paused."""
    spent: timedelta = NOTHING
    """On its clock, up to ``running_since`` or to the pause."""
    extended: timedelta = NOTHING
    """On its clock, all extensions together."""
    pause_reason: str = ""
    """Why it is paused; empty while it runs."""

    @property
    def allowed(self) -> timedelta:
        """The limit with its extensions, on its clock."""
        return self.limit.length + self.extended

    @property
    def is_running(self) -> bool:
        """Tell whether time counts."""
        return self.running_since is not None


def start(kind: TimerKind, limit: Limit, at: datetime) -> Timer:
    """Start to wait.

    :raises ValueError: when the limit is not positive or ``at`` has no zone.
    """
    if limit.length <= NOTHING:
        raise ValueError(f"a limit is positive: {limit.length}")
    return Timer(kind, limit, utc(at), utc(at))


def spent(timer: Timer, at: datetime, clocks: Clocks) -> timedelta:
    """Tell the time spent by ``at``, on the timer's clock; never less than what was settled before."""
    if timer.running_since is None:
        return timer.spent
    return timer.spent + max(NOTHING, clocks.of(timer.limit.clock).between(timer.running_since, at))


def due_at(timer: Timer, clocks: Clocks) -> datetime | None:
    """Tell when the limit is reached (UTC); None while paused."""
    return reaches(timer, timer.allowed, clocks)


def reaches(timer: Timer, goal: timedelta, clocks: Clocks) -> datetime | None:
    """Tell when ``goal`` on the timer's clock is spent if nothing else happens (UTC); None while paused.

    A goal that was settled before is reached at ``running_since``.
    """
    if timer.running_since is None:
        return None
    return clocks.of(timer.limit.clock).add(timer.running_since, max(NOTHING, goal - timer.spent))


def is_due(timer: Timer, at: datetime, clocks: Clocks) -> bool:
    """Tell whether the limit is reached."""
    return timer.is_running and spent(timer, at, clocks) >= timer.allowed


def share_pct(timer: Timer, at: datetime, clocks: Clocks) -> float:
    """Tell how much of what is allowed was spent, in per cent."""
    return PCT * (spent(timer, at, clocks) / timer.allowed)


def pause(timer: Timer, at: datetime, reason: str, clocks: Clocks) -> Timer:
    """Stop the clock.

    :raises LocalProtocolError: when it stands already, or no reason is given.
    """
    if timer.running_since is None:
        raise LocalProtocolError(f"the timer {timer.kind} is paused already: {timer.pause_reason}")
    if not reason:
        raise LocalProtocolError(f"the timer {timer.kind} is paused for a reason")
    return replace(timer, spent=spent(timer, at, clocks), running_since=None, pause_reason=reason)


def resume(timer: Timer, at: datetime) -> Timer:
    """Let the clock run on.

    :raises LocalProtocolError: when it runs already.
    """
    if timer.running_since is not None:
        raise LocalProtocolError(f"the timer {timer.kind} runs already")
    return replace(timer, running_since=max(utc(at), timer.started_at), pause_reason="")


def extend(timer: Timer, by: timedelta) -> Timer:
    """Allow more time, on the timer's clock.

    :raises ValueError: when it is not more.
    """
    if by <= NOTHING:
        raise ValueError(f"an extension gives more time, not {by}")
    return replace(timer, extended=timer.extended + by)


def shortened(limit: Limit, pct: int) -> Limit:
    """Tell a share of a limit: what a rework gets.

    :raises ValueError: when the share is not above 0.
    """
    if pct <= 0:
        raise ValueError(f"a share is above 0, not {pct}")
    return Limit(limit.length * pct / PCT, limit.clock)


@dataclass(frozen=True, slots=True)
class Raised:
    """Lateness reached a level."""

    level: Level
    crossed_at: datetime
    """When it was due to be told (UTC), however late somebody looked."""


def crossings(timer: Timer, ladder: Ladder, clocks: Clocks, priority: str) -> dict[Level, datetime]:
    """Tell when each level from L1 is reached if nothing else happens (UTC); nothing while paused.

    For P1 the district's leader hears at the latest ``urgent_overdue`` after the limit, on the wall.
    """
    found: dict[Level, datetime] = {}
    for level, pct in ladder.shares_pct.items():
        if (at := reaches(timer, timer.allowed * pct / PCT, clocks)) is not None:
            found[level] = at
    due = due_at(timer, clocks)
    if priority == MOST_URGENT and due is not None and found:
        found[Level.DISTRICT_LEADER] = min(found[Level.DISTRICT_LEADER], due + ladder.urgent_overdue)
    return found


def climb(
    timer: Timer, told: Level, at: datetime, ladder: Ladder, clocks: Clocks, priority: str
) -> tuple[Raised, ...]:
    """Tell the levels above ``told`` that are reached by ``at``, lowest first, each once.

    A level below a reached one is told as well: whoever hears of it can rely on the one below knowing.
    """
    found = crossings(timer, ladder, clocks, priority)
    reached = [level for level, when in found.items() if when <= utc(at)]
    top = max(reached, default=told)
    return tuple(
        Raised(level, min(found[level], found[top])) for level in sorted(found) if told < level <= top
    )


def next_level_at(
    timer: Timer, told: Level, ladder: Ladder, clocks: Clocks, priority: str
) -> datetime | None:
    """Tell when the next level above ``told`` is reached (UTC); None when paused or at the top."""
    found = crossings(timer, ladder, clocks, priority)
    return min((when for level, when in found.items() if level > told), default=None)
