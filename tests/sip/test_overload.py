"""How much new work is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.overload import CALM_S, EVERY_S, LONG_S, SHORT_S, STALE_S, TOP, Overload, Waits


def run(
    overload: Overload, waited_s: float, seconds: float, start: float = 0.0, kind: Waits = Waits.DATAGRAM
) -> float:
    """Measure one wait a hundred times a second; give the time after."""
    now = start
    for step in range(int(seconds * 100)):
        now = start + step / 100
        overload.measure(waited_s, now, kind)
    return now


def refused(overload: Overload, method: str, now: float, of: int = 100) -> int:
    return sum(overload.sheds(method, now) for _ in range(of))


def test_nothing_is_refused_while_nothing_waits() -> None:
    overload = Overload()
    now = run(overload, SHORT_S / 2, 10)
    assert overload.share == 0.0
    assert refused(overload, "OPTIONS", now) == 0


def test_a_queue_costs_probes_first_then_registrations_then_calls() -> None:
    overload, order = Overload(), []
    now = 0.0
    for _ in range(200):
        now = run(overload, LONG_S, 0.3, now) + 0.01
        for method in ("INVITE", "REGISTER", "OPTIONS"):
            if method not in order and refused(overload, method, now):
                order.append(method)
    assert order == ["OPTIONS", "REGISTER", "INVITE"]
    assert refused(overload, "INVITE", now) == 100


def test_a_hiccup_is_no_queue() -> None:
    overload, now = Overload(), 0.0
    for step in range(1000):
        now = step / 100
        overload.measure(1.0 if step % 10 else 0.0, now)
    assert overload.share == 0.0


def test_a_few_messages_a_second_are_never_too_many() -> None:
    overload = Overload()
    for step in range(100):
        overload.measure(1.0, step / 10)
    assert overload.share == 0.0


def test_a_slow_loop_counts_though_datagrams_are_fresh() -> None:
    overload, now = Overload(), 0.0
    for step in range(1000):
        now = step / 100
        overload.measure(0.0, now)
        overload.measure(LONG_S, now, Waits.LOOP)
    assert refused(overload, "OPTIONS", now) == 100


def test_a_share_is_spread_evenly() -> None:
    overload = Overload()
    overload.measure(0.0, 0.0)
    overload.share = 2.25
    fates = [overload.sheds("INVITE", 0.1) for _ in range(40)]
    assert sum(fates) == 10
    assert fates[:4] == fates[4:8]


def test_while_a_queue_stands_what_is_stale_is_refused_and_the_fresh_goes_by_the_share() -> None:
    overload = Overload()
    now = run(overload, STALE_S, 2 * EVERY_S)
    assert refused(overload, "INVITE", now) == 100
    overload.measure(0.0, now)
    assert refused(overload, "INVITE", now) == 0


def test_the_one_that_floods_is_refused_and_who_asks_for_little_is_not() -> None:
    overload, now = Overload(), 0.0
    fates: dict[str, list[bool]] = {"loud": [], "quiet": []}
    for step in range(4000):
        now += 0.002
        source = "quiet" if step % 100 == 99 else "loud"
        overload.measure(LONG_S, now, source=source)
        fate = overload.sheds("INVITE", now)
        if step >= 3000:
            fates[source].append(fate)
    assert not any(fates["quiet"])
    assert sum(fates["loud"]) > 0.3 * len(fates["loud"])


def test_one_stale_message_alone_is_served() -> None:
    overload = Overload()
    overload.measure(1.0, 0.0)
    assert not overload.sheds("INVITE", 0.0)


def test_room_is_used_again_step_by_step() -> None:
    overload = Overload()
    now = run(overload, 1.0, 5)
    shares = []
    for _ in range(100):
        now = run(overload, 0.0, EVERY_S, now) + 0.01
        shares.append(overload.share)
    assert shares == sorted(shares, reverse=True)
    assert overload.share == 0.0


def test_silence_means_that_nothing_waits() -> None:
    overload = Overload()
    now = run(overload, 1.0, 5)
    assert overload.sheds("INVITE", now)
    assert not overload.sheds("INVITE", now + CALM_S + 0.1)
    assert overload.share == 0.0


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 2), st.sampled_from(Waits)), max_size=200))
def test_the_share_stays_in_its_bounds_whatever_is_measured(
    measures: list[tuple[float, float, Waits]],
) -> None:
    overload, now = Overload(), 0.0
    for waited_s, step_s, kind in measures:
        now += step_s
        overload.measure(waited_s, now, kind)
        overload.sheds("INVITE", now)
        assert 0.0 <= overload.share <= TOP


def serve(calls_per_s: int, stall_s: float = 0.0) -> tuple[float, float]:
    """Serve calls of 1 ms each and refusals of 0.1 ms for half a minute.

    :param stall_s: how long the machine stands still, every five seconds.
    :returns: the share of what could be served at best, and the 99th percentile of the wait in seconds,
        both of the second half.
    """
    overload, done, next_stall, waits_s = Overload(), 0.0, 16.0, []
    for number in range(calls_per_s * 30):
        arrived = number / calls_per_s
        now = max(done, arrived)
        if stall_s and now > next_stall:
            now, next_stall = now + stall_s, next_stall + 5
        overload.measure(now - arrived, now)
        if overload.sheds("INVITE", now):
            done = now + 0.0001
            continue
        done = now + 0.001
        if arrived > 15:
            waits_s.append(done - arrived)
    best_per_s = min(calls_per_s, (1 - calls_per_s * 0.0001) / (0.001 - 0.0001))
    return len(waits_s) / 15 / best_per_s, sorted(waits_s)[len(waits_s) * 99 // 100]


@pytest.mark.parametrize("calls_per_s", [1100, 1500, 2000])
def test_past_the_limit_nearly_all_that_can_be_served_is_served_and_at_once(calls_per_s: int) -> None:
    used, wait_s = serve(calls_per_s)
    assert used > 0.95
    assert wait_s < 0.15


def test_stalls_of_the_machine_cost_little_more_than_they_last() -> None:
    assert serve(500, stall_s=0.8)[0] > 0.9
    assert serve(100, stall_s=0.8)[0] > 0.99
