"""Everybody acts in any order, on old pages and other people's orders too, while the clock stumbles.

The real tables, the real store: no open request without owner and live timer, no forbidden step, the
chain whole, and every request recomputed from its rows equal to the one that is stored.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from store_walk import Walk
from store_world import World

seeds = st.integers(0, 2**32 - 1)


class DeskModel(RuleBasedStateMachine):
    world: World
    database: Path

    @initialize()
    def open_the_office(self) -> None:
        for leftover in self.world.folder.glob("hotline.sqlite3*"):
            leftover.unlink()
        (self.world.folder / "ledger.head").unlink(missing_ok=True)
        shutil.copy(self.database, self.world.folder / "hotline.sqlite3")
        self.walk = Walk(self.world)
        self.walk.open_office()

    def teardown(self) -> None:
        if hasattr(self, "walk"):
            self.walk.check_all()
            self.walk.store.close_blocking()

    @rule(seed=seeds)
    def a_resident_calls(self, seed: int) -> None:
        self.walk.call(Random(seed))

    @rule(seed=seeds)
    def people_act(self, seed: int) -> None:
        rng = Random(seed)
        for _ in range(8):
            self.walk.act(rng)

    @rule(minutes=st.integers(1, 5000))
    def time_passes(self, minutes: int) -> None:
        self.walk.wait(minutes * 60)

    @rule(minutes=st.integers(1, 300))
    def the_clock_steps_back(self, minutes: int) -> None:
        self.walk.wait(-minutes * 60)

    @rule()
    def the_product_restarts(self) -> None:
        self.walk.restart()

    @invariant()
    def nobody_is_forgotten(self) -> None:
        if hasattr(self, "walk"):
            self.walk.check_open()


def run(world: World, database: Path, **more: Any) -> None:
    DeskModel.world, DeskModel.database = world, database
    run_state_machine_as_test(
        DeskModel,
        settings=settings(
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
            **more,
        ),
    )


def test_books_stay_in_order_whoever_does_what(world: World, seeded_database: Path) -> None:
    run(world, seeded_database, max_examples=6, stateful_step_count=20)


def test_weeks_of_a_district_on_the_store(world: World) -> None:
    """One long walk, which comes to the seldom states."""
    walk = Walk(world)
    walk.open_office()
    rng = Random(96156)
    for _ in range(12):
        walk.call(rng)
        for _ in range(80):
            walk.act(rng)
        walk.wait(rng.randrange(1, 3 * 86400))
        walk.check_open()
    walk.restart()
    walk.check_all()
    walk.store.close_blocking()
    assert len(walk.made) > 25, walk.made
