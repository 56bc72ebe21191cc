"""What is on disk after a crash becomes recordings and requests, once."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from store_world import World

from hotline.events.outbox import TRANSCRIBE
from hotline.events.record import RECORDING_EMPTY
from hotline.intake.recovery import RecoveryReport, recover
from hotline.media import g711
from hotline.media.plan import Codec, FarSide
from hotline.store import Store
from hotline.store.tables import CallRow, RecordingRow, RequestRow


def spoken(seconds: float) -> bytes:
    """Words (to the detector), after a moment of silence."""
    sound = np.zeros(16_000, np.int16)
    length = int(seconds * 8000)
    sound[1_600 : 1_600 + length] = np.sin(np.arange(length) * 0.5) * 9000
    return g711.encode(sound, Codec.PCMA).tobytes()


SPOKEN = spoken(1.2)
SILENT = b"\xd5" * 16_000
WRITTEN_AT = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


def leave(world: World, name: str, sound: bytes = SPOKEN) -> Path:
    path = world.folder / "recordings" / "2026-11-23" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sound)
    os.utime(path, (WRITTEN_AT.timestamp(),) * 2)
    return path


async def requests_of(store: Store) -> dict[str, str]:
    rows = await store.read(lambda session: session.query(RequestRow).all())
    return {row.recording_id: row.number for row in rows}


@pytest.mark.parametrize(
    ("name", "final", "codec"),
    [
        ("1.alaw.part", "1.alaw", "PCMA"),
        ("1.ulaw.part", "1.ulaw", "PCMU"),
        ("1.part", "1.alaw", "PCMA"),
        ("1.alaw", "1.alaw", "PCMA"),
    ],
)
def test_cut_short_recording_becomes_a_request(world: World, name: str, final: str, codec: str) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        leave(world, f"{call.call_id}-{name}")
        report = await recover(store)
        assert len(report.requests) == 1
        assert report.closed_calls == 1
        recording = await store.recording(f"{call.call_id}-1")
        assert recording.path == f"2026-11-23/{call.call_id}-{final}"
        assert (world.folder / "recordings" / recording.path).read_bytes() == SPOKEN
        assert (recording.codec.name, recording.cut_short, recording.length_samples) == (codec, True, 16_000)
        assert recording.sha256 == hashlib.sha256(SPOKEN).hexdigest()
        assert recording.started_at == WRITTEN_AT.replace(minute=29, second=58)
        assert [job.key for job in await store.claim(TRANSCRIBE, limit=5, lease_s=9)] == [f"{call.call_id}-1"]
        row = await store.read(lambda session: session.get_one(CallRow, call.call_id))
        assert row.cause == "fault"

    world.run(story)


def test_recovery_may_be_repeated(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        leave(world, f"{call.call_id}-1.alaw.part")
        await recover(store)
        before = await requests_of(store)
        assert await recover(store) == RecoveryReport([], 0, 0, 0, [])
        assert await requests_of(store) == before

    world.run(story)


def test_recording_that_has_its_request_is_left_alone(world: World) -> None:
    async def story(store: Store) -> None:
        number = await world.a_request(store)
        (recording_id,) = await requests_of(store)
        leave(world, f"{recording_id}.alaw")
        assert (await recover(store)).requests == []
        assert await requests_of(store) == {recording_id: number}

    world.run(story)


def test_recording_without_a_call_record_still_becomes_a_request(world: World) -> None:
    async def story(store: Store) -> None:
        leave(world, "20261101-beef-1.alaw")
        (number,) = (await recover(store)).requests
        line = await store.request_line(None, number)
        assert line.caller == ""
        call = await store.read(lambda session: session.get_one(CallRow, "20261101-beef"))
        assert (call.source, call.cause) == ("recovered", "fault")

    world.run(story)


def test_empty_file_is_removed_and_noted(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        path = leave(world, f"{call.call_id}-1.alaw.part", b"")
        report = await recover(store)
        assert (report.requests, report.removed) == ([], 1)
        assert not path.exists()
        assert RECORDING_EMPTY in [event.kind for event in await store.events_after(0)]

    world.run(story)


def test_silence_that_the_flow_had_seen_is_no_request(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        await store.close_call(call.call_id, world.clock(), "finished", ("leave_message", "goodbye"))
        path = leave(world, f"{call.call_id}-1.alaw", SILENT)
        report = await recover(store)
        assert (report.requests, report.kept) == ([], 1)
        assert path.read_bytes() == SILENT
        assert await store.read(lambda session: session.query(RecordingRow).count()) == 1

    world.run(story)


@pytest.mark.parametrize("cause", ["caller", "finished", "fault"])
def test_words_whose_request_failed_are_found_whatever_the_call_ended_with(world: World, cause: str) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        await store.close_call(call.call_id, world.clock(), cause, ())
        leave(world, f"{call.call_id}-1.alaw")
        assert len((await recover(store)).requests) == 1
        recording = await store.recording(f"{call.call_id}-1")
        assert recording.cut_short is False

    world.run(story)


def test_cough_beside_the_message_is_no_request_of_its_own(world: World) -> None:
    async def story(store: Store) -> None:
        number = await world.a_request(store)  # recording 1
        (recording_id,) = await requests_of(store)
        leave(world, f"{recording_id}.alaw")
        cough = recording_id.removesuffix("1") + "2"
        leave(world, f"{cough}.alaw", spoken(0.2) * 2)
        report = await recover(store)
        assert (report.requests, report.kept) == ([], 1)
        assert await requests_of(store) == {recording_id: number}
        assert (await store.recording(cough)).speech_ms > 0

    world.run(story)


def test_loudest_doubtful_recording_of_a_call_without_a_request_gets_one(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        await store.close_call(call.call_id, world.clock(), "caller", ())
        leave(world, f"{call.call_id}-1.alaw", spoken(0.1) * 2)
        leave(world, f"{call.call_id}-2.alaw", spoken(0.3) * 2)
        report = await recover(store)
        assert (len(report.requests), report.kept) == (1, 1)
        assert list(await requests_of(store)) == [f"{call.call_id}-2"]

    world.run(story)


def test_looking_again_while_running_leaves_the_living_alone(world: World) -> None:
    async def story(store: Store) -> None:
        talking, ended = world.a_call(), world.a_call()
        for call in (talking, ended):
            await store.open_call(call)
        await store.close_call(ended.call_id, world.clock(), "fault", ())
        open_file = leave(world, f"{talking.call_id}-2.alaw.part")
        just_closed = leave(world, f"{talking.call_id}-1.alaw")
        leave(world, f"{ended.call_id}-1.alaw")
        report = await recover(store, running=True)
        assert (len(report.requests), report.closed_calls) == (1, 0)
        assert list(await requests_of(store)) == [f"{ended.call_id}-1"]
        assert open_file.exists()
        assert just_closed.exists()

    world.run(story)


def test_an_open_file_of_an_ended_call_is_adopted_when_nobody_writes_to_it_any_more(world: World) -> None:
    async def story(store: Store) -> None:
        ended = world.a_call()
        await store.open_call(ended)
        await store.close_call(ended.call_id, world.clock(), "fault", ())
        left = leave(world, f"{ended.call_id}-1.alaw.part")
        world.clock.now = WRITTEN_AT
        world.clock.advance(29)
        assert (await recover(store, running=True)).requests == []
        world.clock.advance(1)
        assert len((await recover(store, running=True)).requests) == 1
        assert not left.exists()
        assert left.with_suffix("").read_bytes() == SPOKEN
        assert (await recover(store, running=True)).requests == []

    world.run(story)


def test_jobs_of_a_dead_worker_are_due_at_once(world: World) -> None:
    async def before(store: Store) -> None:
        await world.a_request(store)
        await store.claim(TRANSCRIBE, limit=1, lease_s=240)

    async def after(store: Store) -> None:
        assert (await recover(store, running=True)).released_jobs == 0
        assert (await recover(store)).released_jobs == 1
        (job,) = await store.claim(TRANSCRIBE, limit=1, lease_s=240)
        assert job.attempts == 2

    world.run(before)
    world.run(after)


def test_strange_files_are_named_and_kept(world: World) -> None:
    async def story(store: Store) -> None:
        path = leave(world, "notes.txt", b"hello")
        assert (await recover(store)).odd == ["2026-11-23/notes.txt: no name of a recording"]
        assert path.exists()

    world.run(story)


def test_file_for_a_person_to_look_at_does_not_keep_others_from_their_requests(world: World) -> None:
    async def story(store: Store) -> None:
        leave(world, "b-1.alaw")
        leave(world, "b-1.alaw.part", SPOKEN[:800])
        leave(world, "c-1.alaw.part")
        report = await recover(store)
        assert len(report.requests) == 2
        assert len(report.odd) == 1
        assert "both exist" in report.odd[0]
        assert (await recover(store)).odd == ["2026-11-23/b-1.alaw.part: this recording was closed already"]
        assert (world.folder / "recordings/2026-11-23/b-1.alaw.part").exists()

    world.run(story)


def test_no_recordings_folder_is_nothing_to_recover(world: World) -> None:
    async def story(store: Store) -> None:
        assert await recover(store) == RecoveryReport([], 0, 0, 0, [])

    world.run(story)


# -- both sides of a talk -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names", [("1.alaw.part", "1.far.ulaw.part"), ("1.alaw", "1.far.ulaw.part"), ("1.alaw", "1.far.ulaw")]
)
def test_both_sides_of_a_talk_that_was_cut_short_are_one_recording(
    world: World, names: tuple[str, str]
) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        leave(world, f"{call.call_id}-{names[0]}")
        leave(world, f"{call.call_id}-{names[1]}", SPOKEN[:9000])
        leave(world, f"{call.call_id}-1.peaks", b"whatever")
        report = await recover(store)
        assert (len(report.requests), report.odd) == (1, [])
        recording = await store.recording(f"{call.call_id}-1")
        assert recording.far == FarSide(
            f"2026-11-23/{call.call_id}-1.far.ulaw",
            Codec.PCMU,
            9000,
            hashlib.sha256(SPOKEN[:9000]).hexdigest(),
        )
        assert (world.folder / "recordings" / recording.far.path).read_bytes() == SPOKEN[:9000]
        assert (recording.length_samples, recording.cut_short) == (16_000, True)
        assert await recover(store) == RecoveryReport([], 0, 0, 0, [])

    world.run(story)


@pytest.mark.parametrize("is_there", [True, False])
def test_where_only_the_other_side_spoke_the_caller_is_silent_as_long(world: World, is_there: bool) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        leave(world, f"{call.call_id}-1.far.alaw.part")
        if is_there:
            leave(world, f"{call.call_id}-1.alaw.part", b"")
        report = await recover(store)
        assert (len(report.requests), report.odd) == (1, [])
        recording = await store.recording(f"{call.call_id}-1")
        assert (world.folder / "recordings" / recording.path).read_bytes() == b"\xd5" * len(SPOKEN)
        assert recording.far is not None
        assert recording.far.length_samples == len(SPOKEN)

    world.run(story)


def test_two_sides_that_are_empty_are_removed(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        await store.open_call(call)
        paths = [leave(world, f"{call.call_id}-1{side}.alaw.part", b"") for side in ("", ".far")]
        report = await recover(store)
        assert (report.removed, report.requests) == (1, [])
        assert not any(path.exists() for path in paths)

    world.run(story)
