"""The wall clock and the working clock of the district, which every limit of a request runs on.

The working clock stands still at night, at weekends and on public holidays, and runs on weekend
days that were swapped for a holiday (调休). Both clocks are functions of instants alone: they hold
no present time. Reading a calendar from its file is ``calendar_file``'s.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final, Protocol

FIRST_YEAR: Final = 2000
"""Working time is counted from the start of this year."""
LAST_YEAR: Final = 2199
SATURDAY: Final = 5
NOTHING: Final = timedelta(0)


class ClockKind(StrEnum):
    """Which clock a limit runs on."""

    WALL = "wall"
    WORKING = "working"


class Clock(Protocol):
    """Measures a limit: adds a duration to an instant, and tells how much passed between two."""

    def add(self, at: datetime, duration: timedelta) -> datetime:
        """Tell the first instant by which ``duration`` has passed since ``at``, in UTC."""
        ...

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Tell how much passed from ``start`` to ``end``; negative when ``end`` lies before."""
        ...


class WallClock:
    """The clock on the wall: every second counts."""

    def add(self, at: datetime, duration: timedelta) -> datetime:
        """Tell ``at`` plus ``duration``, in UTC.

        :raises ValueError: when ``at`` has no zone.
        """
        return utc(at) + duration

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Tell the time from ``start`` to ``end``.

        :raises ValueError: when one has no zone.
        """
        return utc(end) - utc(start)


@dataclass(frozen=True, slots=True)
class Shift:
    """A stretch of working hours of one day, in minutes after its midnight."""

    start_min: int
    end_min: int
    """Not included; 1440 is midnight."""


@dataclass(frozen=True)
class WorkingClock:
    """The working clock of one site.

    Working time is one growing function of the instant, ``elapsed``; everything else follows from
    it, so that parts always add up to the whole.
    """

    zone: tzinfo
    shifts: tuple[Shift, ...]
    """In order, not touching each other; at least one."""
    holidays: Mapping[date, str] = field(default_factory=dict)
    """Days off by name, weekend days among them."""
    workdays: frozenset[date] = frozenset()
    """Weekend days that are worked."""
    years: frozenset[int] = frozenset()
    """Years whose holidays are known."""
    _spans: dict[int, tuple[tuple[datetime, datetime], ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _totals: list[timedelta] = field(default_factory=lambda: [NOTHING], init=False, repr=False, compare=False)
    """Working time before each day, counted from the first of ``FIRST_YEAR``; grows on demand."""

    def is_workday(self, day: date) -> bool:
        """Tell whether anybody works on this day."""
        return day in self.workdays or (day.weekday() < SATURDAY and day not in self.holidays)

    def is_known(self, at: datetime) -> bool:
        """Tell whether the holidays around an instant were announced; a deadline is provisional otherwise."""
        return utc(at).astimezone(self.zone).year in self.years

    @property
    def day(self) -> timedelta:
        """The working time of one ordinary day: what "1 working day" is as a limit."""
        return timedelta(minutes=sum(shift.end_min - shift.start_min for shift in self.shifts))

    def add(self, at: datetime, duration: timedelta) -> datetime:
        """Tell the first instant, in UTC, by which ``duration`` of working time has passed since ``at``.

        Nothing added to an instant of rest leaves it there.

        :raises ValueError: when ``at`` has no zone, ``duration`` is negative or the years run out.
        """
        if duration < NOTHING:
            raise ValueError(f"working time is added, not taken away: {duration}")
        if not duration:
            return utc(at)
        goal = self.elapsed(at) + duration
        while self._totals[-1] < goal:
            self._count_day()
        index = bisect_left(self._totals, goal) - 1
        left = goal - self._totals[index]
        for start, end in self._worked(index):
            if left <= end - start:
                return start + left
            left -= end - start
        raise AssertionError("the day holds less than its own total")

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Tell the working time from ``start`` to ``end``; negative when ``end`` lies before.

        :raises ValueError: when one has no zone or lies outside of the years that are counted.
        """
        return self.elapsed(end) - self.elapsed(start)

    def elapsed(self, at: datetime) -> timedelta:
        """Tell the working time from the start of ``FIRST_YEAR`` to an instant.

        :raises ValueError: when ``at`` has no zone or lies outside of the years that are counted.
        """
        at = utc(at)
        day = at.astimezone(self.zone).date()
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValueError(f"working time is counted from {FIRST_YEAR} to {LAST_YEAR}, not in {day.year}")
        index = day.toordinal() - _FIRST_DAY
        while len(self._totals) <= index:
            self._count_day()
        worked = self._totals[index]
        for start, end in self._worked(index):
            worked += max(NOTHING, min(at, end) - start)
        return worked

    def _worked(self, index: int) -> tuple[tuple[datetime, datetime], ...]:
        """Tell the stretches of work of a day, in UTC."""
        if (spans := self._spans.get(index)) is None:
            day = date.fromordinal(_FIRST_DAY + index)
            shifts = self.shifts if self.is_workday(day) else ()
            spans = tuple((self._instant(day, s.start_min), self._instant(day, s.end_min)) for s in shifts)
            self._spans[index] = spans
        return spans

    def _instant(self, day: date, minutes: int) -> datetime:
        return (datetime.combine(day, time(), self.zone) + timedelta(minutes=minutes)).astimezone(UTC)

    def _count_day(self) -> None:
        index = len(self._totals) - 1
        if date.fromordinal(_FIRST_DAY + index).year > LAST_YEAR:
            raise ValueError(f"working time is counted up to {LAST_YEAR}")
        worked = sum((end - start for start, end in self._worked(index)), NOTHING)
        self._totals.append(self._totals[-1] + worked)


_FIRST_DAY: Final = date(FIRST_YEAR, 1, 1).toordinal()


def utc(at: datetime) -> datetime:
    """Put an instant into UTC.

    :raises ValueError: when it has no zone, for then nobody knows which instant it is.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no zone")
    return at.astimezone(UTC)
