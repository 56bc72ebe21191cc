"""The working clock: holidays, swapped days, and that its parts add up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import ConfigError
from hotline.tickets.calendar import Shift, WallClock, WorkingClock
from hotline.tickets.calendar_file import parse_calendar

FILE = Path(__file__).parents[2] / "config" / "calendar.toml"
CLOCK = parse_calendar(FILE.read_text(encoding="utf-8"))
BEIJING = ZoneInfo("Asia/Shanghai")
START = datetime(2024, 1, 1, tzinfo=UTC)
H, D = timedelta(hours=1), timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


instants = st.integers(0, 3 * 365 * 86400 * 10**6).map(lambda us: START + timedelta(microseconds=us))
durations = st.timedeltas(timedelta(0), timedelta(hours=900))


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-03-02T09:00", 4, "2026-03-02T14:00"),  # the lunch break does not count
        ("2026-03-02T17:30", 1, "2026-03-03T09:30"),
        ("2026-03-06T17:00", 2, "2026-03-09T10:00"),  # over a weekend
        ("2026-03-01T03:00", 8, "2026-03-02T18:00"),  # ends with the day, not the next morning
        ("2026-02-13T17:00", 2, "2026-02-14T10:00"),  # a Saturday that is worked
        ("2026-02-14T17:00", 2, "2026-02-24T10:00"),  # over the Spring Festival
        ("2026-09-30T17:00", 9, "2026-10-08T18:00"),
        ("2026-10-09T17:00", 2, "2026-10-10T10:00"),
        ("2024-09-29T10:00", 1, "2024-09-29T11:00"),  # a Sunday that is worked
    ],
)
def test_working_hours_end_where_a_calendar_on_the_wall_says(start: str, hours: int, end: str) -> None:
    assert CLOCK.add(at(start), hours * H) == at(end)
    assert CLOCK.between(at(start), at(end)) == hours * H


@pytest.mark.parametrize(("year", "worked"), [(2024, 251), (2025, 248), (2026, 248)])
def test_a_year_has_as_many_working_days_as_the_notices_leave(year: int, worked: int) -> None:
    days = [date(year, 1, 1) + n * D for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]
    counted = sum(CLOCK.is_workday(day) for day in days)
    assert CLOCK.between(at(f"{year}-01-01"), at(f"{year + 1}-01-01")) == counted * CLOCK.day
    assert counted == worked


@given(instants, durations, durations)
@settings(max_examples=150)
def test_adding_in_parts_is_adding_at_once(start: datetime, a: timedelta, b: timedelta) -> None:
    assert CLOCK.add(CLOCK.add(start, a), b) == CLOCK.add(start, a + b)


@given(instants, durations)
@settings(max_examples=150)
def test_what_was_added_is_what_passed(start: datetime, work: timedelta) -> None:
    end = CLOCK.add(start, work)
    assert CLOCK.between(start, end) == work
    if work:  # and it is the first such instant
        assert CLOCK.between(start, end - timedelta(microseconds=1)) < work


@given(instants, instants, instants, durations)
@settings(max_examples=150)
def test_the_clock_never_runs_backwards(a: datetime, b: datetime, c: datetime, work: timedelta) -> None:
    a, b, c = sorted((a, b, c))
    assert timedelta(0) <= CLOCK.between(a, b) <= b - a
    assert CLOCK.between(a, b) + CLOCK.between(b, c) == CLOCK.between(a, c)
    assert CLOCK.between(b, a) == -CLOCK.between(a, b)
    assert CLOCK.add(a, work) <= CLOCK.add(b, work)


@given(instants)
@settings(max_examples=50)
def test_the_clock_agrees_with_counting_minutes(start: datetime) -> None:
    start = start.replace(second=0, microsecond=0)
    counted = 0
    for minute in range(3 * 24 * 60):
        local = (start + timedelta(minutes=minute)).astimezone(BEIJING)
        if CLOCK.is_workday(local.date()) and (9 <= local.hour < 12 or 13 <= local.hour < 18):
            counted += 1
    assert CLOCK.between(start, start + 3 * D) == timedelta(minutes=counted)


def test_a_shift_may_last_to_midnight_in_a_zone_with_summer_time() -> None:
    berlin = WorkingClock(ZoneInfo("Europe/Berlin"), (Shift(0, 1440),))
    monday = datetime(2026, 3, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert berlin.add(monday, 24 * H) == monday + D
    assert berlin.day == D


def test_a_year_that_nobody_announced_goes_by_weekdays() -> None:
    assert not CLOCK.is_known(at("2027-01-01T12:00"))
    assert CLOCK.is_workday(date(2027, 1, 1))  # a Friday
    assert CLOCK.is_known(at("2026-12-31T23:59"))


def test_instants_without_zone_are_refused() -> None:
    naive = datetime.fromisoformat("2026-01-05")
    for clock in (CLOCK, WallClock()):
        with pytest.raises(ValueError, match="no zone"):
            clock.add(naive, H)
        with pytest.raises(ValueError, match="no zone"):
            clock.between(naive, at("2026-01-05"))


def test_working_time_has_bounds_that_are_named() -> None:
    with pytest.raises(ValueError, match="from 2000"):
        CLOCK.elapsed(at("1999-12-31"))
    with pytest.raises(ValueError, match="not taken away"):
        CLOCK.add(at("2026-01-05"), -H)
    with pytest.raises(ValueError, match="up to 2199"):
        WorkingClock(UTC, (Shift(0, 1),)).add(at("2026-01-05"), 99999 * H)


def test_the_wall_clock_counts_every_second() -> None:
    assert WallClock().add(at("2026-02-14T18:00"), 24 * H) == at("2026-02-15T18:00")
    assert WallClock().between(at("2026-02-14T18:00"), at("2026-02-15T18:00")) == D


GOOD = """zone = "Asia/Shanghai"
hours = ["09:00-12:00"]
[years.2026]
source = "a notice"
workdays = [2026-01-04]
holidays = [{ name = "x", first = 2026-01-01, last = 2026-01-03 }]
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("zone =", "zones =", 1, "did you mean 'zone'"),
        ("Asia/Shanghai", "Asia/Peking", 1, "no time zone 'Asia/Peking'"),
        ("Asia/Shanghai", "../etc", 1, "no name of a time zone"),
        ("09:00-12:00", "9-12", 2, 'write them as "09:00-12:00"'),
        ("09:00-12:00", "12:00-09:00", 2, "ends before it begins"),
        ('"09:00-12:00"', '"09:00-12:00", "11:00-13:00"', 2, "put them in order"),
        ('["09:00-12:00"]', "[]", 2, "as a list"),
        ('source = "a notice"', "", 3, "'source' is missing"),
        ('source = "a notice"', 'source = ""', 4, "name the notice"),
        ("2026-01-04", "2026-01-05", 5, "is no Saturday or Sunday"),
        ("2026-01-04", "2026-01-03", 5, "cannot be worked as well"),
        ("2026-01-04", "2025-01-04", 5, "belongs into [years.2025]"),
        ("2026-01-04", '"2026-01-04"', 5, "without quotation marks"),
        ("last = 2026-01-03", "last = 2025-12-31", 6, "belongs into [years.2025]"),
        ("last = 2026-01-03", "last = 2026-10-03", 6, "is no holiday"),
        (
            "last = 2026-01-03 }",
            "last = 2026-01-03 }, { name='y', first=2026-01-03, last=2026-01-03}",
            6,
            "two",
        ),
        ("years.2026", "years.26", 3, "no year"),
        ("workdays = [2026-01-04]", "workdays = 1", 5, "write a list"),
        ("zone", "zone zone", None, "not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_line_key_and_remedy(
    old: str, new: str, line: int | None, words: str
) -> None:
    parse_calendar(GOOD)
    with pytest.raises(ConfigError) as error:
        parse_calendar(GOOD.replace(old, new), file="calendar.toml")
    assert words in error.value.message
    assert error.value.line == line
    assert error.value.file == "calendar.toml"
