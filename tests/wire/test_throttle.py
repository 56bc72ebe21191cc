"""The throttle against plain arithmetic."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.wire.throttle import MAX_ADDRESSES, Throttle


def test_a_burst_is_taken_and_the_rest_dropped() -> None:
    throttle = Throttle(per_s=10, burst=5)
    assert [throttle.admits("a", 0.0) for _ in range(7)] == [True] * 5 + [False] * 2


def test_a_quiet_second_makes_room_again() -> None:
    throttle = Throttle(per_s=3, burst=5)
    for _ in range(9):
        throttle.admits("a", 0.0)
    assert [throttle.admits("a", 1.0) for _ in range(4)] == [True] * 3 + [False]


def test_one_address_does_not_close_the_door_for_another() -> None:
    throttle = Throttle(per_s=1, burst=1)
    throttle.admits("a", 0.0)
    assert not throttle.admits("a", 0.0)
    assert throttle.admits("b", 0.0)


def test_quiet_addresses_are_forgotten_and_loud_ones_not() -> None:
    throttle = Throttle(per_s=1, burst=2)
    for number in range(MAX_ADDRESSES - 1):
        throttle.admits(str(number), 50.0)
    for _ in range(3):
        throttle.admits("loud", 100.0)
    throttle.admits("new", 100.0)
    assert len(throttle) == 2
    assert not throttle.admits("loud", 100.0)


def test_more_loud_addresses_than_we_can_remember_are_all_forgotten() -> None:
    throttle = Throttle(per_s=1, burst=2)
    for number in range(MAX_ADDRESSES + 1):
        throttle.admits(str(number), 0.0)
    assert len(throttle) == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 2), max_size=60))
def test_never_more_than_the_burst_and_the_rate_pass(pauses: list[float]) -> None:
    throttle, now, passed = Throttle(per_s=4, burst=6), 0.0, 0
    for pause in pauses:
        now += pause
        passed += throttle.admits("a", now)
    assert passed <= 6 + 4 * now + 1e-6
