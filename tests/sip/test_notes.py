"""Which lines about others are written."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.notes import EVERY_S, LINES_BURST, MOST, Notes


def test_the_same_is_told_once_in_a_while_with_how_often_it_happened() -> None:
    notes = Notes()
    assert notes.note("broken", "192.0.2.7", 0.0) == 0
    assert [notes.note("broken", "192.0.2.7", 1.0 + n) for n in range(5)] == [None] * 5
    assert notes.note("broken", "192.0.2.7", EVERY_S) == 5
    assert notes.note("broken", "192.0.2.7", 2 * EVERY_S) == 0


def test_another_thing_and_another_source_have_lines_of_their_own() -> None:
    notes = Notes()
    told = [notes.note(*what, 0.0) for what in (("a", "192.0.2.7"), ("b", "192.0.2.7"), ("a", "192.0.2.8"))]
    assert told == [0, 0, 0]


def test_a_network_of_ipv6_is_one_source() -> None:
    notes = Notes()
    assert notes.note("a", "2001:db8::1", 0.0) == 0
    assert notes.note("a", "2001:db8::ffff", 0.0) is None


def test_all_sources_together_cannot_fill_a_disk() -> None:
    notes = Notes()
    told = [notes.note("a", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", n / 1000) for n in range(20_000)]
    assert sum(one is not None for one in told) <= LINES_BURST + 20 + 1
    assert len(notes._noted) <= MOST


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 400), st.integers(0, 3)), max_size=100))
def test_nothing_is_told_twice_within_the_time_nor_forgotten(steps: list[tuple[float, int]]) -> None:
    notes, now, last, asked, told = Notes(), 0.0, dict[int, float](), 0, 0
    for step_s, source in steps:
        now += step_s
        asked += 1
        unsaid = notes.note("a", f"192.0.2.{source}", now)
        if unsaid is not None:
            assert now >= last.get(source, 0.0)
            last[source] = now + EVERY_S
            told += 1 + unsaid
    assert told <= asked
