from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text
from store_world import World

from hotline.errors import OutsideError
from hotline.events.ids import CallId
from hotline.intake.ports import LegNote
from hotline.store import Store
from hotline.store.schema import config_for


def a_note(world: World, call: CallId, what: str = "dialled", **changes: object) -> LegNote:
    return replace(
        LegNote(CallId(f"{call}-leg1"), call, what, world.clock(), "1001"),
        **changes,  # type: ignore[arg-type]
    )


def test_a_leg_tells_its_story(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        began = world.clock()
        await store.note_leg(a_note(world, call.call_id, sip_call_id="abc@pbx", trunk="unicom"))
        world.clock.advance(4)
        answered = world.clock()
        await store.note_leg(a_note(world, call.call_id, "answered"))
        world.clock.advance(60)
        await store.note_leg(a_note(world, call.call_id, "ended", cause="bye"))
        (leg,) = await store.legs_of(call.call_id)
        assert (leg.direction, leg.peer, leg.trunk, leg.sip_call_id) == ("out", "1001", "unicom", "abc@pbx")
        assert (leg.began_at, leg.answered_at, leg.ended_at) == (began, answered, world.clock())
        assert (leg.cause, leg.status) == ("bye", 0)

    world.run(story)


def test_a_leg_that_nobody_answered_has_its_call_id(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        await store.note_leg(a_note(world, call.call_id, sip_call_id="abc@pbx"))
        await store.note_leg(a_note(world, call.call_id, "ended", cause="failed", status=486))
        (leg,) = await store.legs_of(call.call_id)
        assert (leg.sip_call_id, leg.status) == ("abc@pbx", 486)
        found = await store.call_story("abc@pbx")
        assert found is not None
        assert found.call.call_id == call.call_id

    world.run(story)


def test_of_several_telephones_of_a_user_the_one_that_answered_names_the_leg(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        await store.note_leg(a_note(world, call.call_id, sip_call_id="first@pbx"))
        await store.note_leg(a_note(world, call.call_id, "answered", sip_call_id="second@pbx"))
        await store.note_leg(a_note(world, call.call_id, "ended", cause="bye"))
        (leg,) = await store.legs_of(call.call_id)
        assert leg.sip_call_id == "second@pbx"

    world.run(story)


def test_an_end_that_is_told_before_the_beginning_keeps_all_facts(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        await store.note_leg(a_note(world, call.call_id, "ended", cause="failed", status=408))
        await store.note_leg(a_note(world, call.call_id, sip_call_id="abc@pbx", trunk="unicom"))
        (leg,) = await store.legs_of(call.call_id)
        assert (leg.sip_call_id, leg.trunk, leg.status) == ("abc@pbx", "unicom", 408)

    world.run(story)


def test_a_note_that_comes_twice_changes_nothing(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        await store.note_leg(a_note(world, call.call_id))
        for what, cause, status in (("ended", "failed", 486), ("answered", "", 0), ("ended", "bye", 0)):
            await store.note_leg(a_note(world, call.call_id, what, cause=cause, status=status))
            world.clock.advance(1)
        (leg,) = await store.legs_of(call.call_id)
        assert (leg.cause, leg.status) == ("failed", 486)

    world.run(story)


def test_a_leg_that_moved_is_listed_with_its_new_call(world: World) -> None:
    async def story(store: Store) -> None:
        first, second = world.a_call(), world.a_call()
        for call in (first, second):
            await store.open_call(call)
        await store.note_leg(a_note(world, first.call_id))
        await store.note_leg(replace(a_note(world, first.call_id, "moved"), call_id=second.call_id))
        assert await store.legs_of(first.call_id) == []
        assert [leg.peer for leg in await store.legs_of(second.call_id)] == ["1001"]

    world.run(story)


def test_a_leg_of_no_call_is_refused(world: World) -> None:
    async def story(store: Store) -> None:
        with pytest.raises(OutsideError):
            await store.note_leg(a_note(world, CallId("20261123-9999-zz")))

    world.run(story)


def test_legs_that_a_dead_process_left_open_are_closed_with_their_calls(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        await store.note_leg(a_note(world, call.call_id))
        world.clock.advance(100)
        await store.close_open_calls("fault")
        (leg,) = await store.legs_of(call.call_id)
        assert (leg.ended_at, leg.cause) == (world.clock(), "fault")

    world.run(story)


def test_calls_of_before_count_as_calls_that_came_in(tmp_path: Path) -> None:
    store = World(tmp_path, f"sqlite:///{tmp_path / 'old.sqlite3'}").new_store()
    columns = "call_id, sip_call_id, caller, caller_raw, called, source, withheld, offered_at, path"
    with store._write_engine.begin() as connection:
        command.upgrade(config_for(connection), "0002")
        values = "'a', 'b', '', '', '96156', '', 0, '2026-11-23 04:00:00', '[]'"
        connection.execute(text(f"INSERT INTO calls ({columns}) VALUES ({values})"))
        command.upgrade(config_for(connection), "head")
        assert connection.execute(text("SELECT direction, origin FROM calls")).one() == ("in", "")
