"""Recordings on disk: whole, durable, named right; and a bad disk costs recordings, never ticks."""

import hashlib
import os
import threading
import time
from pathlib import Path

import pytest

from hotline.events.ids import CallId, RecordingId
from hotline.media.plan import Codec, MediaEvent, MediaFailed, RecordingClosed
from hotline.media.recording import AppendSamples, SealRecording
from hotline.wire.recorder import Recorder

DAY = "2026-11-23"


def a_recorder(folder: Path, **kw: object) -> Recorder:
    return Recorder(folder, lambda: DAY, reserve_bytes=0, **kw)  # type: ignore[arg-type]


def append(recorder: Recorder, data: bytes, name: str = "c1-1", codec: Codec = Codec.PCMA) -> None:
    recorder.submit(AppendSamples(CallId("c1"), RecordingId(name), codec, data))


def seal(recorder: Recorder, name: str = "c1-1", codec: Codec = Codec.PCMA, speech_ms: int = 0) -> None:
    recorder.submit(SealRecording(CallId("c1"), RecordingId(name), codec, speech_ms))


def finish(recorder: Recorder) -> list[MediaEvent]:
    assert recorder.close_blocking(10)
    return recorder.take_events()


@pytest.mark.parametrize(("codec", "suffix"), [(Codec.PCMA, ".alaw"), (Codec.PCMU, ".ulaw")])
def test_a_closed_recording_is_whole_and_hashed(tmp_path: Path, codec: Codec, suffix: str) -> None:
    recorder = a_recorder(tmp_path)
    blocks = [os.urandom(1600) for _ in range(50)]
    for block in blocks:
        append(recorder, block, codec=codec)
    seal(recorder, codec=codec, speech_ms=900)
    sound = b"".join(blocks)
    assert finish(recorder) == [
        RecordingClosed(
            CallId("c1"),
            RecordingId("c1-1"),
            f"{DAY}/c1-1{suffix}",
            codec,
            80_000,
            900,
            hashlib.sha256(sound).hexdigest(),
        )
    ]
    assert (tmp_path / DAY / f"c1-1{suffix}").read_bytes() == sound
    assert [path.name for path in (tmp_path / DAY).iterdir()] == [f"c1-1{suffix}"]


def test_an_open_recording_is_a_part_file_that_names_its_law(tmp_path: Path) -> None:
    recorder = a_recorder(tmp_path)
    append(recorder, b"abc", codec=Codec.PCMU)
    finish(recorder)
    assert (tmp_path / DAY / "c1-1.ulaw.part").read_bytes() == b"abc"


def test_an_empty_recording_leaves_no_file(tmp_path: Path) -> None:
    recorder = a_recorder(tmp_path)
    seal(recorder)
    (event,) = finish(recorder)
    assert isinstance(event, RecordingClosed)
    assert (event.path, event.length_samples) == ("", 0)
    assert not (tmp_path / DAY).exists()


def test_a_recording_of_that_name_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / DAY).mkdir()
    (tmp_path / DAY / "c1-1.alaw").write_bytes(b"old")
    recorder = a_recorder(tmp_path)
    append(recorder, b"new")
    seal(recorder)
    (event,) = finish(recorder)
    assert isinstance(event, MediaFailed)
    assert "exists already" in event.reason
    assert (tmp_path / DAY / "c1-1.alaw").read_bytes() == b"old"
    assert (tmp_path / DAY / "c1-1.alaw.part").read_bytes() == b"new"


def test_a_part_file_of_a_crashed_plane_is_never_written_on(tmp_path: Path) -> None:
    (tmp_path / DAY).mkdir()
    (tmp_path / DAY / "c1-1.alaw.part").write_bytes(b"old")
    recorder = a_recorder(tmp_path)
    append(recorder, b"new")
    append(recorder, b"new")
    seal(recorder)
    events = finish(recorder)
    assert [type(event) for event in events] == [MediaFailed, RecordingClosed], (
        "told once, and closed as empty"
    )
    assert (tmp_path / DAY / "c1-1.alaw.part").read_bytes() == b"old"


def test_a_full_disk_is_told_once_and_what_was_written_is_kept(tmp_path: Path) -> None:
    room = [4000]

    def write(descriptor: int, data: bytes) -> int:
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        done = os.write(descriptor, bytes(data)[: room[0]])
        room[0] -= done
        return done

    recorder = a_recorder(tmp_path, write=write)
    sound = os.urandom(8000)
    for place in range(0, 8000, 1600):
        append(recorder, sound[place : place + 1600])
    seal(recorder)
    failed, closed = finish(recorder)
    assert isinstance(failed, MediaFailed)
    assert "No space left" in failed.reason
    assert isinstance(closed, RecordingClosed)
    assert closed.length_samples == 4000
    assert (tmp_path / closed.path).read_bytes() == sound[:4000]


def test_a_stalled_disk_never_holds_up_the_caller_of_submit(tmp_path: Path) -> None:
    goes_on = threading.Event()

    def write(descriptor: int, data: bytes) -> int:
        goes_on.wait(20)
        return os.write(descriptor, data)

    recorder = a_recorder(tmp_path, write=write, longest_backlog=16_000)
    started = time.monotonic()
    for _ in range(100):
        append(recorder, bytes(1600))
    assert time.monotonic() - started < 1.0
    (event,) = recorder.take_events()
    assert isinstance(event, MediaFailed)
    assert "keep up" in event.reason
    seal(recorder)
    goes_on.set()
    (closed,) = finish(recorder)
    assert isinstance(closed, RecordingClosed)
    assert closed.length_samples == 16_000, "what was taken before is kept"


def test_a_disk_with_little_room_is_known(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, lambda: DAY, reserve_bytes=2**62)
    assert recorder.is_short_of_space
    assert not a_recorder(tmp_path).is_short_of_space
    recorder.close_blocking(1)


def test_many_recordings_at_once_all_arrive(tmp_path: Path) -> None:
    recorder = a_recorder(tmp_path)
    sounds = {f"c{n}-1": os.urandom(3200) for n in range(60)}
    for half in (0, 1600):
        for name, sound in sounds.items():
            append(recorder, sound[half : half + 1600], name)
    for name in sounds:
        seal(recorder, name)
    events = finish(recorder)
    assert recorder.is_idle
    assert {event.recording_id for event in events if isinstance(event, RecordingClosed)} == set(sounds)
    assert all((tmp_path / DAY / f"{name}.alaw").read_bytes() == sound for name, sound in sounds.items())
