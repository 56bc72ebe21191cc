from __future__ import annotations

from dataclasses import replace

import pytest
from store_world import World

from hotline.errors import LocalProtocolError
from hotline.events.outbox import TRANSCRIBE
from hotline.events.record import (
    CALL_ANSWERED,
    CALL_ENDED,
    CALL_OFFERED,
    RECORDING_CLOSED,
    REQUEST_OPENED,
)
from hotline.store import Store
from hotline.store.tables import CallRow, DayCounterRow, RequestRow
from hotline.tickets.number import read_number


async def all_events(store: Store) -> list[str]:
    return [event.kind for event in await store.events(None, after=0, limit=200, with_logins=True)]


def test_call_leaves_its_record_and_its_events(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        world.clock.advance(3)
        await store.answer_call(call.call_id, world.clock())
        world.clock.advance(30)
        await store.close_call(call.call_id, world.clock(), "caller", ("greeting", "menu"))
        row = await store.read(lambda session: session.get_one(CallRow, call.call_id))
        assert (row.caller, row.called, row.source) == ("+8613800138000", "96156", "udp:192.0.2.7:5060")
        assert row.offered_at == call.at
        assert (row.ended_at, row.cause, row.path) == (world.clock(), "caller", ["greeting", "menu"])
        assert await all_events(store) == [CALL_OFFERED, CALL_ANSWERED, CALL_ENDED]

    world.run(story)


def test_every_step_of_a_call_may_come_twice(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        for _ in range(2):
            await store.open_call(call)
        for _ in range(2):
            await store.answer_call(call.call_id, world.clock())
        for cause in ("caller", "fault"):
            await store.close_call(call.call_id, world.clock(), cause, ())
        row = await store.read(lambda session: session.get_one(CallRow, call.call_id))
        assert row.cause == "caller"
        assert len(await all_events(store)) == 3

    world.run(story)


def test_two_calls_with_one_key_are_a_bug(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        with pytest.raises(LocalProtocolError, match="given out twice"):
            await store.open_call(replace(call, sip_call_id="another"))

    world.run(story)


def test_callers_number_is_in_no_event(world: World) -> None:
    async def story(store: Store) -> None:
        await world.a_request(store)
        events = await store.events(None, after=0, limit=200, with_logins=True)
        assert not any("13800138000" in repr(event) for event in events)

    world.run(story)


def test_request_comes_with_recording_event_and_job(world: World) -> None:
    async def story(store: Store) -> None:
        number = await world.a_request(store)
        assert read_number(number) == number
        assert number.startswith("26112300001")
        kinds = await all_events(store)
        assert kinds == [CALL_OFFERED, CALL_ANSWERED, RECORDING_CLOSED, REQUEST_OPENED, CALL_ENDED]
        (job,) = await store.claim(TRANSCRIBE, limit=10, lease_s=60)
        assert job.payload == {"recording_id": job.key, "request_number": number, "language": "zh"}
        recording = await store.recording(job.key)
        assert recording is not None
        assert recording.path == f"2026-11-23/{job.key}.alaw"

    world.run(story)


def test_same_recording_leads_to_the_same_number(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        first = await store.open_request(world.a_draft(call.call_id))
        again = await store.open_request(world.a_draft(call.call_id))
        other = await store.open_request(world.a_draft(call.call_id, n=2))
        assert first == again
        assert other[6:11] == "00002"
        assert len(await store.claim(TRANSCRIBE, limit=10, lease_s=60)) == 2

    world.run(story)


def test_empty_recording_opens_nothing(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        draft = world.a_draft(call.call_id)
        with pytest.raises(LocalProtocolError, match="empty"):
            await store.open_request(
                replace(draft, recording=replace(draft.recording, path="", length_samples=0))
            )

    world.run(story)


def test_counting_begins_anew_at_midnight_of_the_site(world: World) -> None:
    async def story(store: Store) -> None:
        world.clock.now = world.clock.now.replace(hour=23, minute=59, second=59)
        before = await world.a_request(store)
        world.clock.advance(2)  # in UTC it is still the afternoon of the same day
        after = await world.a_request(store)
        assert (before[:11], after[:11]) == ("26112300001", "26112400001")

    world.run(story)


def test_number_is_not_used_again_after_its_request_failed(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        bad = replace(world.a_draft(call.call_id), language="fr")
        with pytest.raises(Exception, match="language"):
            await store.open_request(bad)
        number = await store.open_request(world.a_draft(call.call_id))
        assert number[6:11] == "00001"  # rolled back together: never told, never used
        count = await store.read(lambda session: session.get_one(DayCounterRow, world.clock().date()))
        assert count.last_count == 1

    world.run(story)


def test_status_is_found_by_what_the_caller_keys_in(world: World) -> None:
    async def story(store: Store) -> None:
        number = await world.a_request(store)
        status = await store.request_status(f"{number[:6]} {number[6:]}")
        assert status is not None
        assert (status.number, status.state, status.unit_name) == (number, "draft", "")
        assert await store.request_status("261123000028") is None
        assert await store.request_status("#*") is None

    world.run(story)


def test_listeners_are_told_after_the_commit(world: World) -> None:
    async def story(store: Store) -> None:
        woken: list[int] = []
        store.on_added(TRANSCRIBE, lambda: woken.append(1))
        await world.a_request(store)
        assert world.positions == [1, 2, 4, 5]
        assert woken == [1]
        assert await store.newest_position() == 5

    world.run(story)


def test_what_was_written_is_there_after_a_restart(world: World) -> None:
    number = world.run(world.a_request)

    async def later(store: Store) -> None:
        row = await store.read(lambda session: session.get_one(RequestRow, number))
        assert row.state == "draft"
        assert (await world.a_request(store))[6:11] == "00002"

    world.run(later)


@pytest.mark.parametrize(
    "name", ["\x00", "\ud800\udfff", "\N{RIGHT-TO-LEFT OVERRIDE}", "'; --", "x" * 10_000]
)
def test_no_display_name_keeps_a_call_from_its_record(world: World, name: str) -> None:
    async def story(store: Store) -> None:
        call = world.a_call(caller_raw=name, caller=name, called=name, source=name)
        await store.open_call(call)
        assert await store.newest_position() == 1

    world.run(story)
