"""Recordings expire when their request is over and old; nothing else is ever touched."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from store_world import MORNING, World

from hotline.errors import OutsideError
from hotline.events.record import RECORDING_EXPIRED
from hotline.media.plan import Codec, FarSide
from hotline.store import Store
from hotline.store.expiry import Expiry
from hotline.store.retention import Sweep, next_night
from hotline.store.tables import EventRow, RequestRow
from hotline.tickets.request_moves import FINAL_STATES

SOUND = b"\x55" * 8_000
DAY_S = 86_400.0


async def a_request(world: World, store: Store, *, both: bool = False) -> tuple[str, Path]:
    """A request whose recording lies on the disk; gives the recording's id and the file."""
    call = world.a_call()
    await store.open_call(call)
    recording = world.a_recording(call.call_id)
    file = world.folder / "recordings" / recording.path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(SOUND)
    file.with_suffix(".peaks").write_bytes(b"drawing")
    side = None
    if both:
        far = file.with_suffix(".far.alaw")
        far.write_bytes(SOUND)
        name = f"2026-11-23/{far.name}"
        side = FarSide(name, Codec.PCMA, len(SOUND), hashlib.sha256(SOUND).hexdigest())
    recording = replace(
        recording, length_samples=len(SOUND), sha256=hashlib.sha256(SOUND).hexdigest(), far=side
    )
    await store.open_request(replace(world.a_draft(call.call_id), recording=recording))
    return recording.recording_id, file


async def put_in_state(store: Store, recording_id: str, state: str) -> None:
    change = update(RequestRow).where(RequestRow.recording_id == recording_id).values(state=state)
    await store.write(lambda writing: writing.session.execute(change))


async def expired_events(store: Store) -> list[EventRow]:
    query = select(EventRow).where(EventRow.kind == RECORDING_EXPIRED).order_by(EventRow.position)
    return await store.read(lambda session: list(session.scalars(query)))


def test_the_sound_of_a_closed_request_goes_when_its_time_is_over(world: World) -> None:
    async def story(store: Store) -> None:
        recording_id, file = await a_request(world, store, both=True)
        await put_in_state(store, recording_id, "closed")
        world.clock.advance(29 * DAY_S)
        assert (await store.expire_recordings(30, actor="system")).recordings == []
        world.clock.advance(2 * DAY_S)
        sweep = await store.expire_recordings(30, actor="system")
        assert sweep.recordings == [recording_id]
        assert sweep.size_bytes == 2 * len(SOUND) + len(b"drawing")
        assert not file.parent.exists()
        (event,) = await expired_events(store)
        assert event.payload == {
            "recording_id": recording_id,
            "keep_days": 30,
            "sha256": hashlib.sha256(SOUND).hexdigest(),
        }
        assert event.request_number
        assert event.actor == "system"
        assert (await store.expire_recordings(30, actor="system")).recordings == []
        assert (await store.verify_recordings()).faults == []
        (kept,) = await store.recordings_of(recording_id)
        assert kept.expired_at == world.clock.now
        page = await store.request_page(None, event.request_number)
        assert page is not None
        assert page.recordings[0].expired_at == world.clock.now

    world.run(story)


@pytest.mark.parametrize("state", ["accepted", "dispatched", "signed", "replied"])
def test_a_request_that_goes_on_keeps_its_sound_however_old_it_is(world: World, state: str) -> None:
    assert state not in FINAL_STATES

    async def story(store: Store) -> None:
        recording_id, file = await a_request(world, store)
        await put_in_state(store, recording_id, state)
        world.clock.advance(4000 * DAY_S)
        assert (await store.expire_recordings(1, actor="system")).recordings == []
        assert file.read_bytes() == SOUND

    world.run(story)


def test_what_happens_to_a_request_counts_and_listening_does_not(world: World) -> None:
    async def story(store: Store) -> None:
        recording_id, file = await a_request(world, store)
        await put_in_state(store, recording_id, "closed")
        number = (await store.lines(None, state="", before="", limit=1))[0].number
        world.clock.advance(20 * DAY_S)
        await store.write(lambda writing: writing.event("request.edited", number=number))
        world.clock.advance(20 * DAY_S)
        assert (await store.expire_recordings(30, actor="system")).recordings == []
        await store.write(lambda writing: writing.event("recording.played", number=number))
        world.clock.advance(11 * DAY_S)
        assert (await store.expire_recordings(30, actor="system")).recordings == [recording_id]
        assert not file.exists()

    world.run(story)


def test_a_call_with_one_open_request_keeps_all_its_sound(world: World) -> None:
    async def story(store: Store) -> None:
        first, file = await a_request(world, store)
        call_id = first.rpartition("-")[0]
        second = world.a_recording(call_id, 2)
        (world.folder / "recordings" / second.path).write_bytes(SOUND)
        await store.open_request(replace(world.a_draft(call_id), recording=second))
        await put_in_state(store, first, "closed")
        world.clock.advance(100 * DAY_S)
        assert (await store.expire_recordings(30, actor="system")).recordings == []
        await put_in_state(store, second.recording_id, "closed")
        gone = await store.expire_recordings(30, actor="system")
        assert gone.recordings == [first, second.recording_id]
        assert not file.exists()

    world.run(story)


def test_a_dry_run_changes_nothing(world: World) -> None:
    async def story(store: Store) -> None:
        recording_id, file = await a_request(world, store)
        await put_in_state(store, recording_id, "closed")
        world.clock.advance(100 * DAY_S)
        would = await store.expire_recordings(30, actor="system", dry_run=True)
        assert (would.recordings, would.size_bytes) == ([recording_id], len(SOUND) + len(b"drawing"))
        assert file.read_bytes() == SOUND
        assert await expired_events(store) == []

    world.run(story)


def test_files_that_are_unknown_or_being_written_are_left_alone(world: World) -> None:
    async def story(store: Store) -> None:
        recording_id, file = await a_request(world, store)
        await put_in_state(store, recording_id, "closed")
        others = [
            file.with_name("20261123-ffff-1.alaw"),
            file.with_name("20261123-fffe-1.alaw.part"),
            file.with_name("notes.txt"),
        ]
        for other in others:
            other.write_bytes(b"x")
        world.clock.advance(100 * DAY_S)
        assert (await store.expire_recordings(30, actor="system")).recordings == [recording_id]
        assert sorted(file.parent.iterdir()) == sorted(others)

    world.run(story)


def test_a_sweep_that_was_cut_off_is_finished_by_the_next(world: World) -> None:
    async def story(store: Store) -> None:
        recording_id, file = await a_request(world, store, both=True)
        await put_in_state(store, recording_id, "closed")
        world.clock.advance(100 * DAY_S)
        await store.expire_recordings(30, actor="system")
        file.parent.mkdir()
        file.write_bytes(SOUND)  # as if the machine had died between the event and the file
        assert (await store.expire_recordings(30, actor="system")).recordings == [recording_id]
        assert not file.exists()
        assert len(await expired_events(store)) == 1

    world.run(story)


def test_many_recordings_go_in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hotline.store.retention.AT_ONCE", 2)

    async def story(store: Store) -> None:
        made = [await a_request(world, store) for _ in range(5)]
        for recording_id, _ in made[:4]:
            await put_in_state(store, recording_id, "closed")
        world.clock.advance(100 * DAY_S)
        gone = await store.expire_recordings(30, actor="system")
        assert gone.recordings == [recording_id for recording_id, _ in made[:4]]
        assert [file.exists() for _, file in made] == [False, False, False, False, True]

    world.run(story)


def test_keeping_for_no_days_is_no_sweep(world: World) -> None:
    async def story(store: Store) -> None:
        with pytest.raises(ValueError, match="keep_days is 0"):
            await store.expire_recordings(0, actor="system")

    world.run(story)


@given(
    st.integers(1_577_836_800, 1_893_456_000),
    st.sampled_from(["Asia/Shanghai", "Europe/Berlin"]),
)
def test_the_next_night_is_ahead_and_less_than_26_hours_away(stamp: int, zone: str) -> None:
    now = datetime.fromtimestamp(stamp, ZoneInfo(zone))
    night = next_night(now, 3)
    ahead = night.astimezone(UTC) - now.astimezone(UTC)
    assert timedelta(0) < ahead <= timedelta(hours=26)
    assert night.hour == 3


class FakeStore:
    """Counts sweeps; the first of them fails."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def expire_recordings(self, keep_days: int, *, actor: str, dry_run: bool = False) -> Sweep:
        self.asked.append(keep_days)
        if len(self.asked) == 1:
            raise OutsideError("the disk is away")
        return Sweep()


def test_the_sweep_is_made_each_night_even_after_one_that_failed() -> None:
    async def story() -> list[int]:
        now = [datetime(2026, 11, 23, 2, 59, 59, tzinfo=ZoneInfo("Asia/Shanghai"))]

        def at() -> datetime:
            now[0] += timedelta(hours=1)  # an hour passes with each look at the clock
            return now[0]

        store = FakeStore()
        expiry = Expiry(store, 30, at, time_zone="Asia/Shanghai", look_s=0.0)
        expiry.start()
        for _ in range(2000):
            await asyncio.sleep(0)
            if len(store.asked) == 3:
                break
        await expiry.stop()
        return store.asked

    assert asyncio.run(story()) == [30, 30, 30]


def test_who_keeps_for_ever_never_sweeps() -> None:
    async def story() -> list[int]:
        store = FakeStore()
        expiry = Expiry(store, 0, lambda: MORNING, time_zone="Asia/Shanghai", look_s=0.0)
        expiry.start()
        await asyncio.sleep(0)
        await expiry.stop()
        return store.asked

    assert asyncio.run(story()) == []
