"""Timers: pauses, extensions, the ladder, clocks that step back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import ConfigError, LocalProtocolError
from hotline.tickets import timers
from hotline.tickets.calendar import ClockKind, WallClock
from hotline.tickets.calendar_file import parse_calendar
from hotline.tickets.limits import CONFIGURED, Clocks, Level, Limit, TimerKind
from hotline.tickets.limits_file import parse_limits
from hotline.tickets.priority import PRIORITIES

CONFIG = Path(__file__).parents[2] / "config"
CALENDAR = parse_calendar((CONFIG / "calendar.toml").read_text(encoding="utf-8"))
CLOCKS = Clocks(WallClock(), CALENDAR)
TEXT = (CONFIG / "limits.toml").read_text(encoding="utf-8")
LIMITS = parse_limits(TEXT, CALENDAR)
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)  # Monday, 9:00 in Beijing
M, H, D = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WALL, WORKING = ClockKind.WALL, ClockKind.WORKING


def a_timer(length: timedelta = 10 * H, clock: ClockKind = WALL) -> timers.Timer:
    return timers.start(TimerKind.HANDLE, Limit(length, clock), NOW)


def test_the_limits_are_what_the_city_promises() -> None:
    handle = [LIMITS.of(TimerKind.HANDLE, priority).length for priority in PRIORITIES]
    assert handle == [2 * H, 24 * H, 7 * D, 15 * D]
    assert LIMITS.of(TimerKind.SIGN, "P3") == Limit(4 * H, WORKING)
    assert LIMITS.of(TimerKind.RETURN, "P4") == Limit(8 * H, WORKING)  # one working day
    assert {kind for kind, _ in LIMITS.limits} == set(CONFIGURED)


def test_a_limit_in_working_hours_skips_the_night() -> None:
    assert timers.due_at(a_timer(10 * H, WORKING), CLOCKS) == NOW + D + 2 * H
    assert timers.due_at(a_timer(10 * H), CLOCKS) == NOW + 10 * H


def test_a_pause_moves_the_deadline_by_its_length() -> None:
    paused = timers.pause(a_timer(), NOW + 3 * H, "waiting for the caller", CLOCKS)
    assert paused.pause_reason == "waiting for the caller"
    assert timers.due_at(paused, CLOCKS) is None
    assert not timers.is_due(paused, NOW + 99 * D, CLOCKS)
    assert timers.spent(paused, NOW + 99 * D, CLOCKS) == 3 * H
    running = timers.resume(paused, NOW + 2 * D)
    assert timers.due_at(running, CLOCKS) == NOW + 2 * D + 7 * H
    assert running.pause_reason == ""


def test_an_extension_moves_the_deadline_on_the_timers_own_clock() -> None:
    extended = timers.extend(a_timer(10 * H, WORKING), 8 * H)
    assert timers.due_at(extended, CLOCKS) == NOW + 2 * D + 2 * H
    assert timers.share_pct(extended, NOW + D + 2 * H, CLOCKS) == pytest.approx(100 * 10 / 18)


def test_the_limit_is_reached_at_its_very_end() -> None:
    assert not timers.is_due(a_timer(), NOW + 10 * H - timedelta(microseconds=1), CLOCKS)
    assert timers.is_due(a_timer(), NOW + 10 * H, CLOCKS)


def test_a_clock_that_steps_back_gives_no_time_back() -> None:
    timer = a_timer()
    assert timers.spent(timer, NOW - D, CLOCKS) == timedelta(0)
    paused = timers.pause(timer, NOW + 3 * H, "x", CLOCKS)
    running = timers.resume(paused, NOW - 5 * D)
    assert timers.spent(running, NOW - 5 * D, CLOCKS) == 3 * H
    assert timers.spent(running, NOW - 9 * D, CLOCKS) == 3 * H


def test_moves_that_make_no_sense_are_our_bug() -> None:
    paused = timers.pause(a_timer(), NOW, "x", CLOCKS)
    with pytest.raises(LocalProtocolError, match="paused already"):
        timers.pause(paused, NOW, "y", CLOCKS)
    with pytest.raises(LocalProtocolError, match="for a reason"):
        timers.pause(a_timer(), NOW, "", CLOCKS)
    with pytest.raises(LocalProtocolError, match="runs already"):
        timers.resume(a_timer(), NOW)
    with pytest.raises(ValueError, match="more time"):
        timers.extend(a_timer(), timedelta(0))
    with pytest.raises(ValueError, match="positive"):
        a_timer(timedelta(0))
    with pytest.raises(ValueError, match="above 0"):
        timers.shortened(Limit(H, WALL), 0)


def test_a_rework_gets_half() -> None:
    limit = timers.shortened(LIMITS.of(TimerKind.HANDLE, "P3"), LIMITS.bounds.rework_pct)
    assert limit == Limit(84 * H, WALL)


@pytest.mark.parametrize(
    ("hours", "levels"),
    [(7.9, []), (8, [1]), (9.9, [1]), (10, [1, 2]), (12, [1, 2, 3]), (19.9, [1, 2, 3]), (20, [1, 2, 3, 4])],
)
def test_lateness_climbs_the_ladder(hours: float, levels: list[int]) -> None:
    raised = timers.climb(a_timer(), Level.HANDLER, NOW + hours * H, LIMITS.ladder, CLOCKS, "P3")
    assert [r.level for r in raised] == levels
    due = {1: 8 * H, 2: 10 * H, 3: 12 * H, 4: 20 * H}
    assert [r.crossed_at for r in raised] == [NOW + due[level] for level in levels]


def test_a_level_is_told_once() -> None:
    late = NOW + 13 * H
    raised = timers.climb(a_timer(), Level.UNIT_LEADER, late, LIMITS.ladder, CLOCKS, "P3")
    assert [r.level for r in raised] == [Level.SUPERVISION_ORDER]
    assert (
        timers.next_level_at(a_timer(), Level.SUPERVISION_ORDER, LIMITS.ladder, CLOCKS, "P3") == NOW + 20 * H
    )
    assert timers.next_level_at(a_timer(), Level.DISTRICT_LEADER, LIMITS.ladder, CLOCKS, "P3") is None


def test_an_emergency_reaches_the_district_half_an_hour_over_its_limit() -> None:
    timer = timers.start(TimerKind.HANDLE, LIMITS.of(TimerKind.HANDLE, "P1"), NOW)
    raised = timers.climb(timer, Level.HANDLER, NOW + 2 * H + 30 * M, LIMITS.ladder, CLOCKS, "P1")
    assert [r.level for r in raised] == [1, 2, 3, 4]
    assert raised[-1].crossed_at == NOW + 2 * H + 30 * M


def test_a_paused_timer_climbs_no_further() -> None:
    paused = timers.pause(a_timer(), NOW + 9 * H, "x", CLOCKS)
    assert timers.climb(paused, Level.LIAISON, NOW + 99 * D, LIMITS.ladder, CLOCKS, "P1") == ()
    assert timers.next_level_at(paused, Level.LIAISON, LIMITS.ladder, CLOCKS, "P1") is None


steps = st.lists(
    st.tuples(st.sampled_from(["pause", "resume", "extend", "look"]), st.integers(-600, 6000)), max_size=12
)


@given(st.sampled_from([WALL, WORKING]), steps)
@settings(max_examples=150)
def test_settled_time_never_shrinks_whatever_the_clock_does(
    clock: ClockKind, moves: list[tuple[str, int]]
) -> None:
    timer, at, latest = a_timer(20 * H, clock), NOW, NOW
    for move, minutes in moves:
        settled = timer.spent
        at += minutes * M  # also backwards
        latest = max(latest, at)
        if move == "pause" and timer.is_running:
            timer = timers.pause(timer, at, "x", CLOCKS)
        elif move == "resume" and not timer.is_running:
            timer = timers.resume(timer, at)
        elif move == "extend":
            timer = timers.extend(timer, H)
        assert timer.spent >= settled
        assert timer.spent <= timers.spent(timer, latest, CLOCKS) <= timer.spent + (latest - NOW)
        due = timers.due_at(timer, CLOCKS)
        assert timers.is_due(timer, latest, CLOCKS) == (due is not None and due <= latest)
        if due is not None and timer.spent < timer.allowed:
            assert timers.spent(timer, due, CLOCKS) == timer.allowed


@given(st.timedeltas(timedelta(0), 30 * H), st.timedeltas(timedelta(0), 30 * H), st.sampled_from(PRIORITIES))
@settings(max_examples=100)
def test_looking_often_tells_the_same_as_looking_once(a: timedelta, b: timedelta, priority: str) -> None:
    early, late = NOW + a, NOW + a + b
    once = timers.climb(a_timer(), Level.HANDLER, late, LIMITS.ladder, CLOCKS, priority)
    first = timers.climb(a_timer(), Level.HANDLER, early, LIMITS.ladder, CLOCKS, priority)
    told = first[-1].level if first else Level.HANDLER
    second = timers.climb(a_timer(), told, late, LIMITS.ladder, CLOCKS, priority)
    assert [*first, *second] == list(once)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('version = "2026-1"', "version = 3", "version: name this edition"),
        ('P1 = "5m"', 'P1 = "5 minutes"', "limits.dispatch.P1: '5 minutes' is no limit; write it as \"30m\""),
        ('P1 = "5m"', 'P1 = "0m"', "limits.dispatch.P1"),
        ('P1 = "5m"', 'all = "5m"', "limits.dispatch: write either all or P1 to P4"),
        ('P1 = "5m"\n', "", "limits.dispatch: P1 is missing"),
        ('P1 = "5m"', 'P5 = "5m"', "unknown key 'P5'; known are all, P1"),
        ('P4 = "15d"', 'P4 = "400d"', "longer than a year"),
        ('P4 = "15d"', 'P4 = "6d"', "cannot have more time"),
        ('P4 = "15d"', 'P4 = "15d working"', "on the same clock"),
        ("[limits.wait]", "[limits.waits]", "did you mean 'wait'"),
        ("L3_pct = 120", "L3_pct = 100", "ladder.L3_pct: 100 does not climb"),
        ("L3_pct = 120", "", "'L3_pct' is missing"),
        ("L3_pct = 120", "L3_pct = true", "is no number"),
        ("bounces          = 2", "bounces = 0", "bounds.bounces: 0 is no number from 1 to 9"),
        ('"90d"', '"90d working"', "take working away"),
        ('P1_overdue = "30m"', 'P1_overdue = "3h working"', "does not wait"),
        ("[bounds]", "[bound]", "did you mean 'bounds'"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_key_and_remedy(old: str, new: str, words: str) -> None:
    assert old in TEXT
    with pytest.raises(ConfigError) as error:
        parse_limits(TEXT.replace(old, new, 1), CALENDAR)
    assert words in error.value.message
    assert error.value.line is not None or "missing" in words or "mean" in words
