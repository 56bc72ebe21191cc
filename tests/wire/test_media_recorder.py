"""Recordings on disk: whole, durable, named right; and a bad disk costs recordings, never ticks."""

import errno
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hotline.events.ids import CallId, RecordingId
from hotline.media.g711 import transcode
from hotline.media.peaks import measure, read_peaks
from hotline.media.plan import Codec, FarSide, MediaEvent, MediaFailed, RecordingClosed
from hotline.media.recording import AppendSamples, SealRecording, Side
from hotline.wire.recorder import Recorder

DAY = "2026-11-23"


def a_recorder(folder: Path, **kw: object) -> Recorder:
    return Recorder(folder, lambda: DAY, reserve_bytes=0, **kw)  # type: ignore[arg-type]


def append(
    recorder: Recorder,
    data: bytes,
    name: str = "c1-1",
    codec: Codec = Codec.PCMA,
    side: Side = Side.NEAR,
    lead: int = 0,
    at: int | None = None,
) -> None:
    recorder.submit(AppendSamples(CallId("c1"), RecordingId(name), codec, data, side, lead, at))


def until(condition: Callable[[], object], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def seal(
    recorder: Recorder,
    name: str = "c1-1",
    codec: Codec = Codec.PCMA,
    speech_ms: int = 0,
    *,
    is_resumed: bool = False,
) -> None:
    recorder.submit(SealRecording(CallId("c1"), RecordingId(name), codec, speech_ms, is_resumed))


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


def left(folder: Path, data: bytes, name: str = "c1-1.alaw.part", day: str = DAY) -> Path:
    """Leave a file as a plane does that was killed."""
    (folder / day).mkdir(exist_ok=True)
    (folder / day / name).write_bytes(data)
    return folder / day / name


@pytest.mark.parametrize("day", [DAY, "2026-11-22"])
def test_a_recording_goes_on_behind_what_a_dead_plane_wrote(tmp_path: Path, day: str) -> None:
    old, new, more = os.urandom(3000), os.urandom(1600), os.urandom(800)
    part = left(tmp_path, old, day=day)
    recorder = a_recorder(tmp_path)
    append(recorder, new, at=5000)
    append(recorder, more)
    seal(recorder, speech_ms=300, is_resumed=True)
    (event,) = finish(recorder)
    assert isinstance(event, RecordingClosed)
    whole = old + b"\xd5" * 2000 + new + more
    assert (tmp_path / event.path).read_bytes() == whole
    assert event.sha256 == hashlib.sha256(whole).hexdigest()
    assert (event.path, event.length_samples) == (f"{day}/c1-1.alaw", len(whole))
    assert not part.exists()


def test_what_is_there_already_is_never_written_over(tmp_path: Path) -> None:
    left(tmp_path, b"old" * 1000)
    recorder = a_recorder(tmp_path)
    append(recorder, b"new", at=100)
    seal(recorder, is_resumed=True)
    (event,) = finish(recorder)
    assert isinstance(event, RecordingClosed)
    assert (tmp_path / event.path).read_bytes() == b"old" * 1000 + b"new"


def test_a_recording_goes_on_in_the_law_that_it_began_in(tmp_path: Path) -> None:
    left(tmp_path, b"\x10" * 160, "c1-1.ulaw.part")
    new = os.urandom(1600)
    recorder = a_recorder(tmp_path)
    append(recorder, new, at=160)
    seal(recorder, is_resumed=True)
    (event,) = finish(recorder)
    assert isinstance(event, RecordingClosed)
    recoded = transcode(np.frombuffer(new, np.uint8), Codec.PCMA, Codec.PCMU).tobytes()
    assert (tmp_path / event.path).read_bytes() == b"\x10" * 160 + recoded
    assert event.codec is Codec.PCMU


def test_what_a_dead_plane_left_is_closed_with_both_sides(tmp_path: Path) -> None:
    near, far = os.urandom(3200), os.urandom(4800)
    left(tmp_path, near)
    left(tmp_path, far, "c1-1.far.ulaw.part")
    recorder = a_recorder(tmp_path)
    seal(recorder, speech_ms=120, is_resumed=True)
    (event,) = finish(recorder)
    assert isinstance(event, RecordingClosed)
    assert event.speech_ms == 120
    assert (tmp_path / event.path).read_bytes() == near
    assert event.far == FarSide(f"{DAY}/c1-1.far.ulaw", Codec.PCMU, len(far), hashlib.sha256(far).hexdigest())
    assert not list(tmp_path.glob("*/*.part"))


def test_what_a_dead_plane_had_closed_and_not_told_is_told(tmp_path: Path) -> None:
    left(tmp_path, b"old" * 100, "c1-1.alaw")
    recorder = a_recorder(tmp_path)
    seal(recorder, is_resumed=True)
    (event,) = finish(recorder)
    assert isinstance(event, RecordingClosed)
    assert (event.path, event.length_samples) == (f"{DAY}/c1-1.alaw", 300)
    assert event.sha256 == hashlib.sha256(b"old" * 100).hexdigest()


def test_a_recording_of_which_nothing_was_written_begins_with_the_silence_of_that_time(
    tmp_path: Path,
) -> None:
    recorder = a_recorder(tmp_path)
    append(recorder, b"new", at=800)
    seal(recorder, is_resumed=True)
    seal(recorder, "c2-1", is_resumed=True)
    first, second = sorted(finish(recorder), key=lambda event: event.recording_id)  # type: ignore[union-attr]
    assert isinstance(first, RecordingClosed)
    assert (tmp_path / first.path).read_bytes() == b"\xd5" * 800 + b"new"
    assert isinstance(second, RecordingClosed)
    assert (second.path, second.length_samples) == ("", 0)


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


def test_both_sides_are_files_beside_each_other_and_each_is_hashed(tmp_path: Path) -> None:
    recorder, near, far = a_recorder(tmp_path), os.urandom(3200), os.urandom(1600)
    append(recorder, near[:1600])
    append(recorder, far, side=Side.FAR, codec=Codec.PCMU, lead=800)
    append(recorder, near[1600:])
    seal(recorder)
    (closed,) = finish(recorder)
    assert isinstance(closed, RecordingClosed)
    said = b"\xff" * 800 + far
    assert (tmp_path / closed.path).read_bytes() == near
    assert closed.far == FarSide(f"{DAY}/c1-1.far.ulaw", Codec.PCMU, 2400, hashlib.sha256(said).hexdigest())
    assert (tmp_path / closed.far.path).read_bytes() == said


def test_a_caller_who_said_nothing_is_silent_as_long_as_the_other_side_is(tmp_path: Path) -> None:
    recorder = a_recorder(tmp_path)
    append(recorder, bytes(1600), side=Side.FAR)
    seal(recorder)
    (closed,) = finish(recorder)
    assert isinstance(closed, RecordingClosed)
    assert (tmp_path / closed.path).read_bytes() == b"\xd5" * 1600
    assert closed.sha256 == hashlib.sha256(b"\xd5" * 1600).hexdigest()


def test_both_sides_lie_in_the_folder_of_the_day_that_they_began(tmp_path: Path) -> None:
    days = iter(["2026-11-23", "2026-11-24", "2026-11-24"])
    recorder = Recorder(tmp_path, lambda: next(days), reserve_bytes=0)
    append(recorder, b"near")
    until(lambda: recorder.is_idle)
    append(recorder, b"far", side=Side.FAR)
    seal(recorder)
    (closed,) = finish(recorder)
    assert isinstance(closed, RecordingClosed)
    assert closed.far is not None
    assert Path(closed.path).parent == Path(closed.far.path).parent == Path("2026-11-23")


def test_room_is_reserved_ahead_and_what_is_left_is_given_back(tmp_path: Path) -> None:
    recorder = a_recorder(tmp_path)
    append(recorder, bytes(1600))
    until(lambda: recorder.is_idle)
    open_file = (tmp_path / DAY / "c1-1.alaw.part").stat()
    assert open_file.st_size == 1600, (
        "the reserve is no part of the file: a killed plane leaves what was said"
    )
    assert open_file.st_blocks * 512 >= 256 << 10
    seal(recorder)
    (closed,) = finish(recorder)
    assert isinstance(closed, RecordingClosed)
    assert (tmp_path / closed.path).stat().st_blocks * 512 <= 8192


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.ENOSPC, errno.EIO])
def test_a_disk_that_reserves_no_room_is_written_all_the_same(tmp_path: Path, code: int) -> None:
    asked = []

    def reserve(*what: int) -> None:
        asked.append(what)
        raise OSError(code, os.strerror(code))

    recorder, sound = a_recorder(tmp_path, reserve=reserve), os.urandom(3200)
    append(recorder, sound)
    seal(recorder)
    (closed,) = finish(recorder)
    assert isinstance(closed, RecordingClosed)
    assert (tmp_path / closed.path).read_bytes() == sound
    assert len(asked) == 1


def test_blocks_are_written_together_and_seals_do_not_wait_for_that(tmp_path: Path) -> None:
    writes: list[int] = []

    def write(descriptor: int, data: bytes) -> int:
        writes.append(len(data))
        return os.write(descriptor, data)

    recorder = a_recorder(tmp_path, write=write)
    append(recorder, bytes(100))
    until(lambda: recorder.is_idle)
    for _ in range(5):
        append(recorder, bytes(100))
    seal(recorder)
    (closed,) = finish(recorder)
    assert isinstance(closed, RecordingClosed)
    assert writes == [100, 500]


def test_a_sealed_recording_has_a_peaks_file_of_both_sides(tmp_path: Path) -> None:
    recorder, near, far = a_recorder(tmp_path, drawn_from=9000), os.urandom(9000), os.urandom(1700)
    append(recorder, near)
    append(recorder, far, side=Side.FAR)
    seal(recorder)
    place = tmp_path / DAY / "c1-1.peaks"
    until(place.is_file)
    drawn = read_peaks(place.read_bytes())
    assert [side.tolist()[:3] for side in drawn.sides] == [
        measure([near], Codec.PCMA).tolist()[:3],
        measure([far], Codec.PCMA).tolist()[:3],
    ]
    finish(recorder)
    assert sorted(path.name for path in (tmp_path / DAY).iterdir()) == [
        "c1-1.alaw", "c1-1.far.alaw", "c1-1.peaks",
    ]  # fmt: skip


@pytest.fixture
def swift(tmp_path: Path) -> Iterator[Path]:
    """Give a folder in memory, where there is one, as ten thousand syncs of a disk take their time."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path) as name:
        yield Path(name)


def test_a_short_recording_has_none_as_it_is_measured_in_no_time(tmp_path: Path) -> None:
    recorder = a_recorder(tmp_path)
    append(recorder, bytes(8000 * 60 - 1))
    seal(recorder)
    finish(recorder)
    assert [path.name for path in (tmp_path / DAY).iterdir()] == ["c1-1.alaw"]


def test_ten_thousand_recordings_leave_no_handle_and_no_part_behind(swift: Path) -> None:
    handles = len(list(Path("/proc/self/fd").iterdir()))
    threads = threading.active_count()
    recorder = a_recorder(swift)
    for n in range(10_000):
        append(recorder, b"said", f"c{n}-1")
        if n % 3 == 0:
            append(recorder, b"heard", f"c{n}-1", side=Side.FAR)
        seal(recorder, f"c{n}-1")
    until(lambda: recorder._ordered_seals == recorder._told_seals, 120)
    assert recorder.close_blocking(60)
    assert len(recorder.take_events()) == 10_000
    assert not [*recorder._open, *recorder._begun, *recorder._dropped]
    assert not recorder.backlog_bytes
    assert len(list(Path("/proc/self/fd").iterdir())) == handles
    assert threading.active_count() == threads
    assert not list(swift.glob("*/*.part"))
