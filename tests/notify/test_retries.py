"""Waits between tries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hotline.notify.retries import GIVE_UP_S, LONGEST_S, wait_after


def test_first_waits_catch_a_relay_that_was_only_restarted():
    assert [wait_after(tries) for tries in (1, 2, 3, 4, 5, 6)] == [5, 15, 30, 60, 90, 135]
    assert sum(wait_after(tries) for tries in (1, 2, 3)) <= 60


@given(st.integers(1, 10**9))
def test_waits_grow_up_to_half_an_hour(tries):
    assert wait_after(tries) <= wait_after(tries + 1) <= LONGEST_S


def test_a_day_holds_some_fifty_tries():
    tries, waited = 0, 0.0
    while waited < GIVE_UP_S:
        tries += 1
        waited += wait_after(tries)
    assert 45 <= tries <= 65
