"""Weeks of a district with random people: no orphan, no forbidden step, and the ledger tells it all again."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hotline.tickets.request_moves import RequestMove, RequestState
from tests.tickets.world import World

seeds = st.integers(0, 2**32 - 1)


class District(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(seed=seeds)
    def begin(self, seed: int) -> None:
        self.world.open(Random(seed))

    @rule(seed=seeds)
    def a_call_comes(self, seed: int) -> None:
        self.world.open(Random(seed))

    @rule(seed=seeds)
    def people_act(self, seed: int) -> None:
        rng = Random(seed)
        for _ in range(5):
            self.world.act(rng)

    @rule(minutes=st.integers(1, 6000))
    def time_passes(self, minutes: int) -> None:
        self.world.wait(timedelta(minutes=minutes))

    @rule(minutes=st.integers(1, 600))
    def the_clock_steps_back(self, minutes: int) -> None:
        self.world.wait(-timedelta(minutes=minutes))

    @rule()
    def the_machine_restarts(self) -> None:
        self.world.crash()

    @invariant()
    def nobody_is_forgotten(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        self.world.check_chain()


District.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestDistrict = District.TestCase


def live_four_weeks(seed: int) -> tuple[World, set[RequestState]]:
    world, rng = World(), Random(seed)
    world.open(rng)
    seen: set[RequestState] = set()
    for _ in range(28 * 12):
        if rng.random() < 0.6:
            world.open(rng)
        for _ in range(12):
            world.act(rng)
        seen |= {request.state for request in world.requests.values()}
        world.wait(timedelta(hours=2) if rng.random() < 0.95 else -timedelta(minutes=5))
        world.check()
    world.crash()
    world.check_chain()
    return world, seen


def test_four_weeks_reach_every_state_and_make_every_move() -> None:
    world, seen = live_four_weeks(96156)
    assert seen == set(RequestState)
    assert {move for move in RequestMove if not world.made[move]} == set()
    assert set(world.refused) == {"state", "role", "duty", "input", "missing"}


def test_ten_thousand_steps_of_six_districts_forget_nobody() -> None:
    worlds = [live_four_weeks(seed)[0] for seed in range(6)]
    assert sum(len(world.rows) for world in worlds) > 10_000
    assert {state for world in worlds for state in (r.state for r in world.requests.values())} > {
        RequestState.CLOSED,
        RequestState.WITHDRAWN,
    }
