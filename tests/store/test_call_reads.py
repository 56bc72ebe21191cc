"""What is on record about a call, found by any of its names."""

from __future__ import annotations

from store_world import World

from hotline.events.ids import CallId
from hotline.intake.ports import LegNote
from hotline.store import Store


async def a_connected_call(world: World, store: Store) -> tuple[str, str]:
    """A resident left a message and spoke with a telephone of the house."""
    number = await world.a_request(store, origin="unicom")
    (call,) = await store.recent_calls(1)
    leg = CallId(f"{call.call_id}-leg1")
    note = LegNote(leg, CallId(call.call_id), "dialled", world.clock(), "1001", sip_call_id="leg@house")
    await store.note_leg(note)
    return call.call_id, number


def test_calls_are_listed_newest_first(world: World) -> None:
    async def story(store: Store) -> None:
        for caller in ("+8613800138000", "+8613900139000", ""):
            await store.open_call(world.a_call(caller=caller))
            world.clock.advance(60)
        assert [call.caller for call in await store.recent_calls(2)] == ["", "+8613900139000"]
        assert [call.caller for call in await store.recent_calls(9, number="3900")] == ["+8613900139000"]
        assert len(await store.recent_calls(9, number="96156")) == 3
        assert await store.recent_calls(9, number="%") == []

    world.run(story)


def test_a_call_is_found_by_each_of_its_names(world: World) -> None:
    async def story(store: Store) -> None:
        call_id, number = await a_connected_call(world, store)
        spaced = f"{number[:6]} {number[6:]}"
        for name in (call_id, f"{call_id}@phone", number, spaced, "leg@house", f"{call_id}-leg1"):
            found = await store.call_story(name)
            assert found is not None, name
            assert found.call.call_id == call_id

    world.run(story)


def test_the_story_has_legs_requests_recordings_and_events(world: World) -> None:
    async def story(store: Store) -> None:
        call_id, number = await a_connected_call(world, store)
        found = await store.call_story(call_id)
        assert found is not None
        assert (found.call.origin, found.call.direction, found.call.cause) == ("unicom", "in", "caller")
        assert [leg.sip_call_id for leg in found.legs] == ["leg@house"]
        assert [(request.number, request.state) for request in found.requests] == [(number, "draft")]
        assert [one.length_samples for one in found.recordings] == [32_000]
        kinds = [event.kind for event in found.events]
        assert kinds[:2] == ["call.offered", "call.answered"]
        assert "request.opened" in kinds
        assert kinds[-1] == "call.ended"

    world.run(story)


def test_of_two_calls_with_one_sip_call_id_the_newer_is_shown(world: World) -> None:
    async def story(store: Store) -> None:
        await store.open_call(world.a_call(sip_call_id="same"))
        world.clock.advance(60)
        newer = world.a_call(sip_call_id="same")
        await store.open_call(newer)
        found = await store.call_story("same")
        assert found is not None
        assert found.call.call_id == newer.call_id

    world.run(story)


def test_nothing_is_told_of_an_unknown_name(world: World) -> None:
    async def story(store: Store) -> None:
        for name in ("", "nobody", "202611230000", "%"):
            assert await store.call_story(name) is None

    world.run(story)


def test_jobs_are_counted_by_topic(world: World) -> None:
    async def story(store: Store) -> None:
        assert await store.jobs_waiting() == {"transcribe": 0, "mail": 0}
        await world.a_request(store)
        assert await store.jobs_waiting() == {"transcribe": 1, "mail": 0}

    world.run(story)
