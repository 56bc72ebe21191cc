"""How much new work is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.overload import CALM_S, EVERY_S, LONG_S, SHORT_S, STALE_S, Overload, Waits, level_of
from tests.sip.queue_model import LIMIT_PER_S, REFUSAL_S, play

NEVER_CUT = 0.0


def run(
    overload: Overload, waited_s: float, seconds: float, start: float = 0.0, kind: Waits = Waits.DATAGRAM
) -> float:
    """Measure one wait a hundred times a second; give the time after."""
    now = start
    for step in range(int(seconds * 100)):
        now = start + step / 100
        overload.measure(waited_s, now, kind)
    return now


def ask(
    overload: Overload, methods: str, waited_s: float, seconds: float, start: float = 0.0
) -> Iterator[bool]:
    """Ask for one thing after the other, a hundred a second; give each fate."""
    asked = methods.split()
    for step in range(int(seconds * 100)):
        now = start + step / 100
        overload.measure(waited_s, now)
        yield overload.sheds(asked[step % len(asked)], now)


def refused(overload: Overload, method: str, now: float, of: int = 100) -> int:
    return sum(overload.sheds(method, now) for _ in range(of))


def test_nothing_is_refused_while_nothing_waits() -> None:
    overload = Overload()
    assert not any(ask(overload, "INVITE OPTIONS", SHORT_S / 2, 10))
    assert overload.cut == NEVER_CUT


def test_what_is_worth_least_goes_first() -> None:
    overload = Overload()
    order: list[str] = []
    for step, is_refused in enumerate(ask(overload, "INVITE REGISTER OPTIONS", 2 * LONG_S, 10)):
        method = ("INVITE", "REGISTER", "OPTIONS")[step % 3]
        if is_refused and method not in order:
            order.append(method)
    assert order == ["OPTIONS", "REGISTER", "INVITE"]


def test_calls_are_cut_at_once_where_nothing_else_is_asked_for() -> None:
    overload = Overload()
    fates = list(ask(overload, "INVITE", 2 * LONG_S, 0.6))
    assert any(fates)
    assert overload.refuses_calls


def test_a_hiccup_is_no_queue() -> None:
    overload, now = Overload(), 0.0
    for step in range(1000):
        now = step / 100
        overload.measure(1.0 if step % 10 else 0.0, now)
        overload.sheds("INVITE", now)
    assert overload.cut == NEVER_CUT


def test_a_few_messages_a_second_are_never_too_many() -> None:
    overload = Overload()
    for step in range(100):
        overload.measure(1.0, step / 10)
    assert overload.cut == NEVER_CUT


def test_a_slow_loop_counts_though_datagrams_are_fresh() -> None:
    overload, now = Overload(), 0.0
    for step in range(1000):
        now = step / 100
        overload.measure(2 * LONG_S, now, Waits.LOOP)
        overload.measure(0.0, now)
        overload.sheds("OPTIONS", now)
    assert refused(overload, "OPTIONS", now) > 90


@dataclass
class Lane:
    """A queue behind SIP."""

    waited_s: float = 0.0

    def wait_s(self, now: float) -> float:
        return self.waited_s


def test_a_queue_before_the_store_counts_though_datagrams_are_fresh() -> None:
    overload, lane = Overload(), Lane()
    overload.watch(lane, usual_s=0.1)
    lane.waited_s = 0.1
    assert not any(ask(overload, "INVITE", 0.0, 3))
    lane.waited_s = 0.1 + 2 * LONG_S
    assert sum(ask(overload, "INVITE", 0.0, 3, 3.0)) > 50
    lane.waited_s = 0.0
    assert sum(ask(overload, "INVITE", 0.0, 3, 6.0)) < 100
    assert overload.cut == NEVER_CUT


def test_a_share_is_spread_evenly() -> None:
    overload = Overload()
    overload.measure(0.0, 0.0)
    overload.sheds("INVITE", 0.0)
    overload.cut, overload.shares, overload._levels = 0.25, [1.0, 1.0, 0.25], [0.0, 0.0, 0.0]
    overload._asked[2][""] = 100.0
    overload._levels[2] = 75.0
    fates = [overload.sheds("INVITE", 0.01) for _ in range(40)]
    gaps = [at for at, fate in enumerate(fates) if fate]
    assert 10 <= sum(fates) <= 16  # what is asked for meanwhile makes the source louder
    assert max(later - earlier for earlier, later in pairwise(gaps)) <= 4


def test_while_work_is_cut_what_is_stale_is_refused() -> None:
    overload = Overload()
    list(ask(overload, "INVITE", 2 * LONG_S, 0.6))
    now = 0.61
    overload.measure(STALE_S, now)
    assert refused(overload, "INVITE", now, 20) == 20


def test_one_stale_message_alone_is_served() -> None:
    overload = Overload()
    overload.measure(1.0, 0.0)
    assert not overload.sheds("INVITE", 0.0)


def test_silence_means_that_nothing_waits() -> None:
    overload = Overload()
    list(ask(overload, "INVITE", 1.0, 5))
    assert overload.is_on
    assert not overload.sheds("INVITE", 5 + CALM_S + 0.1)
    assert not overload.is_on


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 60), st.floats(0, 2), st.sampled_from(Waits), st.sampled_from(["a", "b", "c"])
        ),
        max_size=200,
    )
)
def test_the_cut_stays_in_its_bounds_whatever_is_measured(
    measures: list[tuple[float, float, Waits, str]],
) -> None:
    overload, now = Overload(), 0.0
    for waited_s, step_s, kind, source in measures:
        now += step_s
        overload.measure(waited_s, now, kind, source)
        for method in ("INVITE", "OPTIONS"):
            overload.sheds(method, now)
        assert 0.0 <= overload.cut < 1.0
        assert all(0.0 <= share <= 1.0 for share in overload.shares)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.1, 1000), min_size=1, max_size=30), st.floats(0, 1))
def test_the_level_cuts_the_share_and_only_the_loudest(asked: list[float], share: float) -> None:
    level = level_of(asked, share)
    assert sum(max(0.0, one - level) for one in asked) == pytest.approx(share * sum(asked), abs=1e-6)


# -- played against a queue -----------------------------------------------------------------------------


def best_per_s(offered_per_s: float) -> float:
    """Calls a second that a perfect control would take, which knows what everything costs."""
    return min(offered_per_s, (1 - offered_per_s * REFUSAL_S) / (1 / LIMIT_PER_S - REFUSAL_S))


@pytest.mark.parametrize("times", [1.1, 2.0, 5.0])
def test_past_the_limit_nearly_all_that_can_be_carried_is_carried_and_soon(times: float) -> None:
    offered = times * LIMIT_PER_S
    outcome = play(Overload(), {"carrier": offered})
    assert outcome.taken_per_s(3, 20) > 0.93 * best_per_s(offered)
    assert outcome.wait_s(0.5, 3, 20) < 0.06
    assert outcome.wait_s(0.99, 0, 20) < 0.3  # the beginning, before anything is known, included
    assert outcome.repeated == outcome.lost == 0


@pytest.mark.parametrize("times", [0.5, 0.8, 0.9])
def test_below_the_limit_nobody_is_refused(times: float) -> None:
    assert play(Overload(), {"carrier": times * LIMIT_PER_S}).refused == []


@pytest.mark.parametrize(
    ("times", "stall_s", "most"), [(0.6, 0.2, 0.0), (0.6, 0.5, 0.0), (0.8, 0.2, 0.02), (0.8, 0.5, 0.2)]
)
def test_a_stall_of_the_machine_costs_hardly_anybody_his_call(
    times: float, stall_s: float, most: float
) -> None:
    for seed in range(3):
        outcome = play(Overload(), {"carrier": times * LIMIT_PER_S}, stalls=[(10.0, stall_s)], seed=seed)
        one_second = times * LIMIT_PER_S
        assert len(outcome.refused) <= most * one_second
        assert outcome.wait_s(0.99, 12.5, 20.0) < 0.1


def test_when_the_rush_is_over_nobody_is_refused_a_second_later() -> None:
    outcome = play(
        Overload(), {"carrier": lambda at: (2.0 if 5 <= at < 10 else 0.5) * LIMIT_PER_S}, seconds=15
    )
    assert outcome.refused_between(5, 10) > 1000
    assert outcome.refused_between(11, 15) == 0


def test_probes_go_before_calls() -> None:
    outcome = play(Overload(), {"carrier": 0.95 * LIMIT_PER_S}, probes_per_s=300)
    assert outcome.probes_refused > 0.3 * 300 * 20
    assert len(outcome.refused) < 0.12 * 0.95 * LIMIT_PER_S * 20


def test_who_floods_pays_and_who_asks_for_little_is_not_refused() -> None:
    rates = {"loud": 2 * LIMIT_PER_S, "middling": 0.3 * LIMIT_PER_S, "quiet": 10.0}
    outcome = play(Overload(), rates)
    assert outcome.refused_of["quiet"] == 0
    assert outcome.refused_of["middling"] < 0.1 * outcome.taken_of["middling"]
    assert outcome.refused_of["loud"] > outcome.taken_of["loud"]


def test_two_that_are_equally_loud_are_cut_alike() -> None:
    outcome = play(Overload(), {"one": LIMIT_PER_S, "other": 1.1 * LIMIT_PER_S})
    assert outcome.taken_of["one"] == pytest.approx(outcome.taken_of["other"], rel=0.1)


def test_the_cut_is_set_as_often_as_it_says() -> None:
    overload, changes, before = Overload(), 0, 0.0
    for _ in ask(overload, "INVITE", 3 * LONG_S, 2.0):
        changes += overload.cut != before
        before = overload.cut
    assert 2 <= changes <= 2.0 / EVERY_S


@pytest.mark.parametrize("slice_s", [0.01, 0.03])
def test_on_a_machine_that_others_use_most_of_what_is_left_is_used(slice_s: float) -> None:
    """They take half of the core, in slices."""
    for times, least in ((0.3, 0.98), (1.0, 0.8)):
        offered = times * LIMIT_PER_S
        outcome = play(Overload(), {"carrier": offered}, stolen_s=(slice_s, slice_s), seed=3)
        can = min(offered, (0.5 - offered * REFUSAL_S) / (1 / LIMIT_PER_S - REFUSAL_S))
        assert outcome.taken_per_s(3, 20) > least * can
        assert outcome.wait_s(0.99, 3, 20) < 0.25
