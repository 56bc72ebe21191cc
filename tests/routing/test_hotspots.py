"""Hotspots: counts of callers against what the weeks before let expect."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.routing.hotspots import (
    CHANCE,
    WINDOWS,
    Change,
    Heat,
    Level,
    chance_of,
    change_of,
    expected_of,
    heat_of,
    key_of,
    keys_of,
    read_key,
)


def test_three_callers_in_two_hours_at_a_quiet_place_are_a_hotspot():
    heat = heat_of((3, 3, 3), (0, 0, 0))
    assert heat is not None
    assert heat.hours == 2
    assert heat.callers == 3


def test_two_callers_are_never_one():
    assert heat_of((2, 2, 2), (0, 0, 0)) is None


def test_busy_place_needs_more():
    assert heat_of((3, 8, 40), (170, 165, 150)) is None
    assert heat_of((3, 40, 70), (170, 140, 110)) is not None


def test_window_that_shows_it_best_is_told():
    heat = heat_of((1, 2, 9), (9, 8, 1))
    assert heat is not None
    assert heat.hours == 168


def test_quiet_past_is_not_taken_for_never():
    assert expected_of(0, 24) > 0


@pytest.mark.parametrize(
    ("told", "callers", "change"),
    [
        (None, None, None),
        (None, 4, Change.RAISED),
        (4, 4, None),
        (4, 7, None),
        (4, 8, Change.GREW),
        (4, None, Change.COOLED),
    ],
)
def test_hotspot_is_told_once_and_again_when_it_has_doubled(told, callers, change):
    heat = None if callers is None else Heat(24, callers, 0.1, 1e-9)
    assert change_of(told, heat) is change


def test_request_counts_for_place_community_and_street():
    assert keys_of("草园社区", "110101005014", "0201") == (
        "h:place:草园社区:0201",
        "h:community:110101005014:0201",
        "h:street:110101005:0201",
    )
    assert keys_of("", "110101005", "0201") == ("h:street:110101005:0201",)
    assert keys_of("草园社区", "110101005014", "") == ()


@given(st.sampled_from(Level), st.text(min_size=1, max_size=20), st.from_regex(r"\d{4}", fullmatch=True))
def test_key_is_read_back(level, where, kind):
    assert read_key(key_of(level, where, kind)) == (level, where, kind)


@given(st.text(max_size=30))
def test_other_keys_are_none(text):
    found = read_key(text)
    assert found is None or key_of(*found) == text


@settings(max_examples=100)
@given(st.integers(1, 60), st.floats(0.01, 50))
def test_chance_is_the_tail_of_the_poisson_law(count, expected):
    direct = math.fsum(
        math.exp(n * math.log(expected) - expected - math.lgamma(n + 1)) for n in range(count, count + 400)
    )
    assert chance_of(count, expected) == pytest.approx(min(direct, 1.0), rel=1e-6, abs=1e-9)


@given(st.integers(0, 200), st.floats(0, 200))
def test_chance_is_a_chance(count, expected):
    assert 0 <= chance_of(count, expected) <= 1


@given(st.tuples(*[st.integers(0, 80)] * 3), st.tuples(*[st.integers(0, 400)] * 3))
def test_hotspot_has_enough_callers_and_is_unlikely(counts, pasts):
    heat = heat_of(counts, pasts)
    if heat is not None:
        assert heat.chance <= CHANCE
        assert heat.callers >= min(window.fewest for window in WINDOWS)
        assert heat.callers > heat.expected
