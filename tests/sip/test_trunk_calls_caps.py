"""The caps of a trunk: calls at a time, and new calls a second."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.inspection import Refusal
from hotline.sip.trunk import Trunk
from hotline.sip.trunk_calls import FULL_RETRY_S, TrunkCalls, TrunkCounts


def caps(max_calls: int = 3, per_s: float = 2.0) -> TrunkCalls:
    return TrunkCalls([Trunk("t", max_calls=max_calls, calls_per_second=per_s)])


def test_a_full_trunk_tells_the_carrier_when_to_try_again() -> None:
    calls = caps()
    assert calls.admit_in("t", 2, 0.0) is None
    assert calls.admit_in("t", 3, 1.0) == Refusal(503, (("Retry-After", str(FULL_RETRY_S)),))
    assert calls.counts["t"] == TrunkCounts(calls_in=1, refused_in=1)


def test_calls_that_come_too_fast_are_refused_until_there_is_room() -> None:
    calls = caps(max_calls=99, per_s=2.0)
    assert [calls.admit_in("t", 0, 0.0) is None for _ in range(3)] == [True, True, False]
    assert calls.admit_in("t", 0, 0.4) == Refusal(503, (("Retry-After", "1"),))
    assert calls.admit_in("t", 0, 0.6) is None


def test_calls_out_are_refused_with_a_reason() -> None:
    calls = caps(max_calls=3, per_s=1.0)
    assert calls.admit_out("t", 3, 0.0) == "all 3 channels of the trunk t are taken"
    assert calls.admit_out("t", 2, 0.0) == ""
    assert calls.admit_out("t", 2, 0.0) == "the trunk t takes 1 new calls a second, and had them"
    assert calls.counts["t"] == TrunkCounts(calls_out=1, refused_out=2)


def test_both_ways_have_a_rate_of_their_own() -> None:
    calls = caps(per_s=1.0)
    assert calls.admit_in("t", 0, 0.0) is None
    assert calls.admit_out("t", 1, 0.0) == ""


def test_a_trunk_of_less_than_a_call_a_second_takes_the_first() -> None:
    calls = caps(per_s=0.1)
    assert calls.admit_in("t", 0, 0.0) is None
    assert calls.admit_in("t", 0, 1.0) == Refusal(503, (("Retry-After", "9"),))
    assert calls.admit_in("t", 0, 10.0) is None


@given(st.lists(st.floats(0, 0.5), max_size=200), st.floats(0.5, 20))
@settings(max_examples=60)
def test_no_second_brings_more_than_twice_the_rate(pauses: list[float], per_s: float) -> None:
    """A second's worth at once, and as much again while it lasts."""
    calls, now, admitted = caps(max_calls=9999, per_s=per_s), 0.0, []
    for pause in pauses:
        now += pause
        if calls.admit_in("t", 0, now) is None:
            admitted.append(now)
    for start in admitted:
        assert sum(1 for at in admitted if start <= at < start + 1) <= max(1.0, per_s) + per_s + 1
