from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from store_world import Clock, World

from hotline.events.outbox import Job
from hotline.store import Store
from hotline.store.outbox import CLAIM_LIMIT, finish
from hotline.store.tables import OutboxRow

TOPIC = "mail"


async def add(store: Store, *keys: str, topic: str = TOPIC) -> None:
    def put(writing) -> None:
        for key in keys:
            writing.add_job(topic, key, {"key": key})

    await store.write(put)


def test_oldest_jobs_are_claimed_first(world: World) -> None:
    async def story(store: Store) -> None:
        await add(store, "a", "b", "c")
        await add(store, "x", topic="other")
        assert [job.key for job in await store.claim(TOPIC, limit=2, lease_s=60)] == ["a", "b"]
        assert [job.key for job in await store.claim(TOPIC, limit=2, lease_s=60)] == ["c"]

    world.run(story)


def test_job_is_added_once(world: World) -> None:
    async def story(store: Store) -> None:
        await add(store, "a", "a")
        await add(store, "a")
        assert len(await store.claim(TOPIC, limit=9, lease_s=60)) == 1

    world.run(story)


def test_no_claim_takes_more_than_a_worker_can_carry(world: World) -> None:
    async def story(store: Store) -> None:
        await add(store, *(str(n) for n in range(CLAIM_LIMIT + 5)))
        assert len(await store.claim(TOPIC, limit=10_000, lease_s=60)) == CLAIM_LIMIT
        assert await store.claim(TOPIC, limit=0, lease_s=60) == []

    world.run(story)


def test_lease_that_ran_out_is_claimed_again(world: World) -> None:
    async def story(store: Store) -> None:
        await add(store, "a")
        (first,) = await store.claim(TOPIC, limit=1, lease_s=60)
        assert await store.next_due_s(TOPIC) == 60
        world.clock.advance(59)
        assert await store.claim(TOPIC, limit=1, lease_s=60) == []
        world.clock.advance(1)
        assert await store.next_due_s(TOPIC) == 0
        (second,) = await store.claim(TOPIC, limit=1, lease_s=60)
        assert (first.attempts, second.attempts) == (1, 2)
        await store.retry(first, error="late", wait_s=0)  # no longer the first worker's to give back
        assert await store.claim(TOPIC, limit=1, lease_s=60) == []

    world.run(story)


def test_retried_job_waits(world: World) -> None:
    async def story(store: Store) -> None:
        await add(store, "a")
        (job,) = await store.claim(TOPIC, limit=1, lease_s=60)
        await store.retry(job, error="relay is away", wait_s=5)
        assert await store.next_due_s(TOPIC) == 5
        world.clock.advance(5)
        (again,) = await store.claim(TOPIC, limit=1, lease_s=60)
        assert again.attempts == 2

    world.run(story)


def test_leases_outlive_the_process(world: World) -> None:
    async def first(store: Store) -> None:
        await add(store, "a")
        await store.claim(TOPIC, limit=1, lease_s=60)

    async def second(store: Store) -> None:
        assert await store.claim(TOPIC, limit=1, lease_s=60) == []
        world.clock.advance(61)
        assert len(await store.claim(TOPIC, limit=1, lease_s=60)) == 1

    world.run(first)
    world.run(second)


@pytest.mark.parametrize("jump_s", [-3600, -86_400])
def test_clock_set_back_delays_no_job(world: World, jump_s: float) -> None:
    async def story(store: Store) -> None:
        await add(store, "a")
        (job,) = await store.claim(TOPIC, limit=1, lease_s=60)
        await store.retry(job, error="relay is away", wait_s=5)
        world.clock.advance(jump_s)
        assert await store.next_due_s(TOPIC) == 0
        assert len(await store.claim(TOPIC, limit=1, lease_s=60)) == 1

    world.run(story)


def test_no_job_no_time(world: World) -> None:
    async def story(store: Store) -> None:
        assert await store.next_due_s(TOPIC) is None

    world.run(story)


def test_two_connections_never_share_a_job(world: World) -> None:
    async def story(store: Store) -> None:
        other = world.new_store()
        await other.start()
        try:
            await add(store, *(str(n) for n in range(40)))
            claims = await asyncio.gather(
                *(worker.claim(TOPIC, limit=3, lease_s=60) for _ in range(7) for worker in (store, other))
            )
            keys = [job.key for jobs in claims for job in jobs]
            assert sorted(keys, key=int) == [str(n) for n in range(40)]
        finally:
            await other.stop()

    world.run(story)


class OutboxModel(RuleBasedStateMachine):
    """Claims, ends and clocks in any order, against a plain dictionary."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = Store(self.world.url, self.world.folder, self.clock, lambda _position: None)
        self.store.write_blocking(lambda writing: writing.session.query(OutboxRow).delete())
        self.due_at: dict[str, float] = {}  # of open jobs: when one may claim them
        self.held: list[Job] = []
        self.newest: dict[str, int] = {}  # attempts of the newest claim
        self.seconds = 0.0
        self.added = 0

    def teardown(self) -> None:
        self.store.close_blocking()

    @rule()
    def add(self) -> None:
        self.added += 1
        key = f"{self.added:05}"
        self.store.write_blocking(lambda writing: writing.add_job(TOPIC, key, {}))
        self.due_at[key] = self.seconds

    @rule(limit=st.integers(1, 4), lease_s=st.integers(1, 30))
    def claim(self, limit: int, lease_s: int) -> None:
        jobs = asyncio.run(self.claimed(limit, lease_s))
        expected = sorted(key for key, due_at in self.due_at.items() if due_at <= self.seconds)[:limit]
        assert [job.key for job in jobs] == expected
        for job in jobs:
            self.due_at[job.key] = self.seconds + lease_s
            self.newest[job.key] = job.attempts
            self.held.append(job)

    async def claimed(self, limit: int, lease_s: int) -> list[Job]:
        # The coroutine's own unit, run in this thread: starting threads for every rule would be slow.
        async def here(unit):
            return self.store.write_blocking(unit)

        self.store.write = here
        return list(await self.store.claim(TOPIC, limit=limit, lease_s=lease_s))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), wait_s=st.integers(0, 20))
    def retry(self, data: st.DataObject, wait_s: int) -> None:
        job = data.draw(st.sampled_from(self.held))
        asyncio.run(self.store.retry(job, error="x", wait_s=wait_s))
        if job.key in self.due_at and self.newest[job.key] == job.attempts and job in self.held:
            self.due_at[job.key] = self.seconds + wait_s
        self.held = [other for other in self.held if other != job]

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(self.held))
        self.store.write_blocking(lambda writing: finish(writing, job.id))
        self.due_at.pop(job.key, None)
        self.held = [other for other in self.held if other.key != job.key]

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.seconds += seconds

    @invariant()
    def no_job_is_lost(self) -> None:
        def open_keys(session) -> set[str]:
            return {
                row.key for row in session.query(OutboxRow).filter(OutboxRow.state.in_(("due", "leased")))
            }

        assert self.store.read_blocking(open_keys) == set(self.due_at)


def test_leases_hold_in_any_order_of_events(world: World) -> None:
    OutboxModel.world = world
    run_state_machine_as_test(
        OutboxModel,
        settings=settings(
            max_examples=8,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        ),
    )
