"""Notes that gather on their way into the store: nothing is lost, nothing comes twice, order holds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import func, select
from store_world import World

from hotline.errors import LocalProtocolError, OutsideError
from hotline.events.record import CALL_ANSWERED, CALL_ENDED, CALL_OFFERED
from hotline.intake.ports import OfferedCall
from hotline.store import Store, call_notes, journal, lane
from hotline.store.tables import CallRow, EventRow


async def all_events(store: Store) -> list[tuple[str, str | None]]:
    events = await store.events(None, after=0, limit=1000, with_logins=True)
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    return [(event.kind, event.call_id) for event in events]


def commits_of(store: Store) -> list[int]:
    counted: list[int] = []
    sqlalchemy_event.listen(store._write_engine, "commit", lambda _connection: counted.append(1))
    return counted


def test_many_calls_share_few_commits(world: World) -> None:
    async def story(store: Store) -> None:
        commits = commits_of(store)
        calls = [world.a_call() for _ in range(100)]

        async def live(call_id: str) -> None:
            await store.answer_call(call_id, world.clock())
            await store.close_call(call_id, world.clock(), "caller", ("menu",))

        await asyncio.gather(*(store.open_call(call) for call in calls))
        await asyncio.gather(*(live(call.call_id) for call in calls))
        assert len(commits) <= 10
        told = await all_events(store)
        for call in calls:
            mine = [kind for kind, call_id in told if call_id == call.call_id]
            assert mine == [CALL_OFFERED, CALL_ANSWERED, CALL_ENDED]
        rows = await store.read(lambda session: session.scalars(select(CallRow)).all())
        assert {row.cause for row in rows} == {"caller"}
        assert all(row.answered_at == row.ended_at == world.clock() for row in rows)
        assert world.positions[-1] == 300

    world.run(story)


def test_a_bad_note_among_good_ones_fails_alone(world: World) -> None:
    async def story(store: Store) -> None:
        call, other = world.a_call(), world.a_call()
        done = await asyncio.gather(
            store.open_call(call),
            store.answer_call("nobody", world.clock()),  # type: ignore[arg-type]
            store.open_call(call),
            store.open_call(replace(call, sip_call_id="another")),
            store.open_call(other),
            return_exceptions=True,
        )
        assert [type(one) for one in done] == [
            type(None), LocalProtocolError, type(None), LocalProtocolError, type(None),
        ]  # fmt: skip
        assert await all_events(store) == [(CALL_OFFERED, call.call_id), (CALL_OFFERED, other.call_id)]

    world.run(story)


def test_notes_that_nobody_waits_for_are_written_at_the_end(world: World) -> None:
    call = world.a_call()

    async def story(store: Store) -> None:
        await store.open_call(call)
        task = asyncio.ensure_future(store.close_call(call.call_id, world.clock(), "caller", ()))
        await asyncio.sleep(0)
        await store.stop()
        await task

    world.run(story)

    async def later(store: Store) -> None:
        assert (CALL_ENDED, call.call_id) in await all_events(store)

    world.run(later)


def test_who_goes_away_meanwhile_takes_nothing_along(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        task = asyncio.ensure_future(store.open_call(call))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await store.open_call(world.a_call())
        assert (CALL_OFFERED, call.call_id) in await all_events(store)

    world.run(story)


def test_a_closed_store_refuses_at_once(world: World) -> None:
    async def story(store: Store) -> None:
        await store.stop()
        with pytest.raises(OutsideError, match="not open"):
            await store.open_call(world.a_call())

    world.run(story)


NOTES = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["open", "answer", "close"]), st.booleans()), max_size=30
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NOTES)
def test_together_or_alone_the_books_say_the_same(world: World, notes: list[tuple[int, str, bool]]) -> None:
    """Whatever gathers, each call ends up as if its notes had come one by one."""

    async def story(store: Store) -> None:
        calls = [world.a_call() for _ in range(5)]
        opened, answered, closed = set(), set(), set()
        tasks = []
        for which, what, pause in notes:
            call_id = calls[which].call_id
            if what == "open":
                tasks.append(asyncio.ensure_future(store.open_call(calls[which])))
                opened.add(call_id)
            elif call_id in opened:
                if what == "answer":
                    tasks.append(asyncio.ensure_future(store.answer_call(call_id, world.clock())))
                    answered.add(call_id)
                else:
                    tasks.append(
                        asyncio.ensure_future(store.close_call(call_id, world.clock(), "caller", ()))
                    )
                    closed.add(call_id)
            await asyncio.sleep(0.001 if pause else 0)
        assert [error for error in await asyncio.gather(*tasks, return_exceptions=True) if error] == []

        def count(kind: str) -> int:
            ids = [call.call_id for call in calls]
            query = select(func.count()).where(EventRow.kind == kind, EventRow.call_id.in_(ids))
            return store.read_blocking(lambda session: session.scalar(query)) or 0

        assert (count(CALL_OFFERED), count(CALL_ANSWERED), count(CALL_ENDED)) == (
            len(opened), len(answered), len(closed),
        )  # fmt: skip

    world.run(story)


@pytest.mark.parametrize("how", ["value", "fault"])
def test_a_note_that_cannot_be_written_fails_alone_and_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    poison, good = world.a_call(), [world.a_call() for _ in range(3)]
    if how == "value":  # the database layer refuses the value
        poison = replace(poison, at=poison.at.replace(tzinfo=None))
    else:  # a bug of ours
        offered_row = call_notes.offered_row

        def broken(call: OfferedCall) -> dict[str, Any]:
            if call.call_id == poison.call_id:
                raise ValueError("what nobody thought of")
            return offered_row(call)

        monkeypatch.setattr(call_notes, "offered_row", broken)
        monkeypatch.setattr(journal, "offered_row", broken, raising=False)

    async def story(store: Store) -> None:
        calls = (store.open_call(call) for call in (good[0], poison, good[1]))
        async with asyncio.timeout(10):
            done = await asyncio.gather(*calls, return_exceptions=True)
            await store.open_call(good[2])
        assert [isinstance(one, Exception) for one in (done[0], done[2])] == [False, False]
        told = [call_id for _, call_id in await all_events(store)]
        assert [call_id for call_id in told if call_id != poison.call_id] == [call.call_id for call in good]

    world.run(story)


def test_a_call_that_is_over_soon_is_written_in_one_row_with_all_its_events(world: World) -> None:
    async def story(store: Store) -> None:
        call, statements = world.a_call(), []
        sqlalchemy_event.listen(
            store._write_engine,
            "before_cursor_execute",
            lambda _c, _cursor, statement, *_: statements.append(statement.split()[0]),
        )
        await asyncio.gather(
            store.open_call(call, is_awaited=False),
            store.answer_call(call.call_id, world.clock()),
            store.close_call(call.call_id, world.clock(), "caller", ("menu",)),
        )
        assert statements.count("UPDATE") == 0
        row = await store.read(lambda session: session.get_one(CallRow, call.call_id))
        assert (row.answered_at, row.ended_at, row.cause, row.path) == (
            world.clock(), world.clock(), "caller", ["menu"],
        )  # fmt: skip
        assert [kind for kind, _ in await all_events(store)] == [CALL_OFFERED, CALL_ANSWERED, CALL_ENDED]

    world.run(story)


def test_patient_notes_gather_and_one_that_is_waited_for_takes_them_along(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "PATIENCE_S", 3600.0)

    async def story(store: Store) -> None:
        commits, call, other = commits_of(store), world.a_call(), world.a_call()
        patient = asyncio.ensure_future(store.open_call(call, is_awaited=False))
        assert store.notes.depth == 1
        await asyncio.sleep(0.02)
        assert store.notes.age_s >= 0.02
        await store.open_call(other)
        assert patient.done()
        assert len(commits) == 1
        assert (store.notes.depth, store.notes.age_s) == (0, 0.0)

    world.run(story)
