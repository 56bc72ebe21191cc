"""Recordings by name, their check against the disk, what is noted about them, and how they are heard."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from store_world import World

from hotline.events.ids import CallId, RecordingId
from hotline.events.record import RECORDING_EXPORTED, RECORDING_PAUSED, RECORDING_RESUMED
from hotline.media.g711 import decode, encode, transcode
from hotline.media.peaks import measure, read_peaks, write_peaks
from hotline.media.plan import Codec, FarSide
from hotline.store import Store
from hotline.store.playback import (
    read_concealed_blocking,
    read_g711_blocking,
    read_pcm16_blocking,
    read_peaks_blocking,
)
from hotline.store.recording_reads import Fault, KeptRecording

NEAR, FAR = os.urandom(16_000), os.urandom(12_000)


async def a_talk(world: World, store: Store, far_codec: Codec = Codec.PCMU) -> KeptRecording:
    """A recording of both sides that is on disk as the store says."""
    call = world.a_call()
    await store.open_call(call)
    recording = world.a_recording(call.call_id)
    near = world.folder / "recordings" / recording.path
    far = near.with_suffix(f".far{far_codec.suffix}")
    near.parent.mkdir(parents=True, exist_ok=True)
    near.write_bytes(NEAR)
    far.write_bytes(FAR)
    side = FarSide(f"2026-11-23/{far.name}", far_codec, len(FAR), hashlib.sha256(FAR).hexdigest())
    recording = replace(
        recording, length_samples=len(NEAR), sha256=hashlib.sha256(NEAR).hexdigest(), far=side
    )
    await store.open_request(replace(world.a_draft(call.call_id), recording=recording))
    assert await store.recording(recording.recording_id) == recording
    (kept,) = await store.recordings_of(recording.recording_id)
    return kept


def test_a_recording_is_found_by_itself_its_call_and_its_request(world: World) -> None:
    async def story(store: Store) -> None:
        kept = await a_talk(world, store)
        lines = await store.lines(None, state="", before="", limit=5)
        for name in (kept.recording_id, kept.call_id, lines[0].number):
            assert await store.recordings_of(name) == [kept]
        assert await store.recordings_of("nobody") == []
        assert (kept.file.channels, kept.file.samples, kept.file.far_length_bytes) == (2, 16_000, 12_000)

    world.run(story)


def test_files_as_they_were_are_all_right(world: World) -> None:
    async def story(store: Store) -> None:
        for _ in range(3):
            await a_talk(world, store)
        verdict = await store.verify_recordings()
        assert (verdict.checked, verdict.faults, verdict.open_files) == (6, [], 0)

    world.run(story)


@pytest.mark.parametrize("side", ["path", "far_path"])
def test_a_changed_and_a_missing_file_are_named(world: World, side: str) -> None:
    async def story(store: Store) -> None:
        one, two, whole = [await a_talk(world, store) for _ in range(3)]
        changed, missing = Path(getattr(one.file, side)), Path(getattr(two.file, side))
        octets = bytearray(changed.read_bytes())
        octets[1234] ^= 1
        changed.write_bytes(octets)
        missing.unlink()
        verdict = await store.verify_recordings()
        assert [(f.recording_id, f.place, f.what) for f in verdict.faults] == [
            (one.recording_id, f"2026-11-23/{changed.name}", "changed"),
            (two.recording_id, f"2026-11-23/{missing.name}", "missing"),
        ]
        assert verdict.checked == 4
        assert whole.recording_id not in {fault.recording_id for fault in verdict.faults}

    world.run(story)


def test_a_file_beside_a_recording_that_the_store_does_not_know_is_named(world: World) -> None:
    async def story(store: Store) -> None:
        kept = await a_talk(world, store)
        folder = Path(kept.file.path).parent
        (folder / f"{kept.recording_id}.ulaw").write_bytes(b"?")
        (folder / "20261123-9999-1.alaw.part").write_bytes(b"?")
        (folder / f"{kept.recording_id}.peaks").write_bytes(b"?")
        verdict = await store.verify_recordings()
        place = f"2026-11-23/{kept.recording_id}.ulaw"
        assert (verdict.faults, verdict.open_files) == ([Fault(kept.recording_id, place, "unknown")], 1)

    world.run(story)


def test_pauses_and_exports_are_events_with_who_and_why(world: World) -> None:
    async def story(store: Store) -> None:
        kept = await a_talk(world, store)
        call_id, recording_id = CallId(kept.call_id), RecordingId(kept.recording_id)
        await store.note_pause(call_id, recording_id, 61_000, "wang", "card")
        await store.note_resumption(call_id, recording_id, 90_000, "system")
        await store.note_export(kept, "command line", "opus")
        events = await store.events(None, after=0, limit=99, with_logins=True)
        assert [(one.kind, one.actor, dict(one.payload)) for one in events[-3:]] == [
            (RECORDING_PAUSED, "wang", {"recording_id": recording_id, "at_ms": 61_000, "reason": "card"}),
            (RECORDING_RESUMED, "system", {"recording_id": recording_id, "at_ms": 90_000}),
            (RECORDING_EXPORTED, "command line", {"recording_id": recording_id, "format": "opus"}),
        ]
        assert {one.call_id for one in events[-3:]} == {kept.call_id}

    world.run(story)


def test_who_came_to_a_talk_and_left_are_events_with_who_and_how(world: World) -> None:
    async def story(store: Store) -> None:
        call_id, leg = CallId((await a_talk(world, store)).call_id), CallId("leg2")
        await store.note_guest(call_id, leg, "1009", "monitor", "zhao", has_left=False)
        await store.note_guest(call_id, leg, "1009", "monitor", "zhao", has_left=True)
        events = await store.events(None, after=0, limit=99, with_logins=True)
        payload = {"leg": leg, "name": "1009", "part": "monitor"}
        assert [(one.kind, one.call_id, one.actor, dict(one.payload)) for one in events[-2:]] == [
            ("call.guest_came", call_id, "zhao", payload),
            ("call.guest_left", call_id, "zhao", payload),
        ]

    world.run(story)


# -- for the ear and the eye --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last"), [(0, 16_000), (0, 99_999), (11_990, 12_010), (15_000, 15_100), (7, 7)]
)
def test_both_sides_are_two_channels_and_who_ended_earlier_is_silent(
    world: World, first: int, last: int
) -> None:
    async def story(store: Store) -> None:
        file = (await a_talk(world, store)).file
        near = decode(np.frombuffer(NEAR, np.uint8), Codec.PCMA)
        far = np.pad(decode(np.frombuffer(FAR, np.uint8), Codec.PCMU), (0, 4000))
        want = np.stack([near, far], axis=1)[first:last]
        assert read_pcm16_blocking(file, first, last) == want.astype("<i2").tobytes()
        octets = read_g711_blocking(file, first, last)
        assert octets[:, 0].tobytes() == NEAR[first:last]
        mapped = transcode(np.frombuffer(FAR, np.uint8), Codec.PCMU, Codec.PCMA).tobytes()
        assert octets[:, 1].tobytes() == (mapped + b"\xd5" * 4000)[first:last]

    world.run(story)


def test_peaks_are_measured_where_there_is_no_file_or_one_that_does_not_fit(world: World) -> None:
    async def story(store: Store) -> None:
        file = (await a_talk(world, store)).file
        place = Path(file.path).with_suffix(".peaks")
        want = write_peaks([measure([NEAR], Codec.PCMA), measure([FAR], Codec.PCMU)])
        for wrong in (None, b"", b"\x02" + want[1:], want[:-1], write_peaks([measure([NEAR], Codec.PCMA)])):
            if wrong is not None:
                place.write_bytes(wrong)
            assert read_peaks_blocking(file) == want
        other = write_peaks([measure([FAR], Codec.PCMA), measure([NEAR], Codec.PCMU)])
        place.write_bytes(other)
        assert read_peaks_blocking(file) == other, "a good file is not measured again"
        assert len(read_peaks(want).sides[0]) == 20

    world.run(story)


def test_a_gap_is_filled_for_the_ear_and_stays_on_the_disk(world: World) -> None:
    async def story(store: Store) -> None:
        file = (await a_talk(world, store)).file
        sound = (np.sin(np.arange(len(NEAR)) * 2 * np.pi / 64) * 8000).astype(np.int16)
        octets = encode(sound, Codec.PCMA)
        octets[4800:4960] = 0xD5
        Path(file.path).write_bytes(octets.tobytes())
        plain = np.frombuffer(read_pcm16_blocking(file, 0, 16_000), "<i2").reshape(-1, 2)
        heard = np.frombuffer(read_concealed_blocking(file, 0, 16_000), "<i2").reshape(-1, 2)
        assert not (plain[4800:4960, 0] != 8).any()
        assert np.abs(heard[4800:4960, 0]).max() > 7000
        assert (heard[:4700] == plain[:4700]).all()
        assert (heard[5200:] == plain[5200:]).all()
        for first, last in (
            (4700, 4900),
            (4880, 4990),
            (-5, 100),
            (15_990, 20_000),
            (17_000, 18_000),
            (9, 3),
        ):
            piece = np.frombuffer(read_concealed_blocking(file, first, last), "<i2").reshape(-1, 2)
            assert (piece == heard[max(first, 0) : max(last, 0)]).all()
        alone = replace(file, far_path="", far_suffix="", far_length_bytes=0)
        assert read_concealed_blocking(alone, 4800, 4960) == heard[4800:4960, 0].tobytes()
        assert Path(file.path).read_bytes() == octets.tobytes()

    world.run(story)
