"""The media plane as a real process on loopback: what it must survive, and what must survive it."""

import asyncio
import fcntl
import functools
import hashlib
import itertools
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from media_rig import FRAME, Rig, a_phone, free_port_range, holds, tone, write_prompts

from hotline.errors import ConfigError
from hotline.events.ids import CallId, RecordingId
from hotline.media.g711 import encode
from hotline.media.plan import (
    Bridge,
    ClosePort,
    Codec,
    DigitPressed,
    LegQuality,
    MediaFailed,
    OpenPort,
    Play,
    PortOpened,
    PromptEnded,
    Record,
    RecordingClosed,
    SpeechStarted,
    StopPlaying,
    StopRecording,
)
from hotline.wire import media_link

C1 = CallId("c1")


def on_a_plane(test=None, **settings):
    """Run a coroutine with a started rig, and stop it whatever happens."""
    if test is None:
        return functools.partial(on_a_plane, **settings)

    def run(tmp_path: Path) -> None:
        async def body() -> None:
            rig = Rig(tmp_path, **settings)
            await rig.plane.start()
            try:
                await test(rig)
            finally:
                await rig.plane.stop()

        asyncio.run(body())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def record(rig: Rig, call_id: str = "c1", longest_s: float = 60.0) -> None:
    """Start a recording, and let the plane's step pass in which it might already read the next packet."""
    rig.plane.send(Record(CallId(call_id), RecordingId(f"{call_id}-1"), longest_s))
    await asyncio.sleep(0.05)


def parts(rig: Rig) -> list[Path]:
    return list(rig.recordings.glob("*/*.part"))


@on_a_plane
async def test_prompt_and_recording_are_exact_in_both_laws(rig: Rig) -> None:
    async def call(name: str, codec: Codec) -> None:
        phone = await a_phone(payload_type=codec.value)
        port = await rig.open(name, phone, codec)
        rig.plane.send(Play(CallId(name), ["zh/greeting", "zh/beep"], 7))
        await record(rig, name)
        sound = os.urandom(90 * FRAME)
        await phone.talk(port, sound)
        assert (await rig.until(PromptEnded, lambda event: event.call_id == name)).tag == 7
        rig.plane.send(StopRecording(CallId(name)))
        closed = await rig.until(RecordingClosed, lambda event: event.call_id == name)
        assert holds((rig.recordings / closed.path).read_bytes(), sound)
        assert (closed.codec, closed.length_samples) == (codec, len(sound))
        rig.plane.send(ClosePort(CallId(name)))
        want = encode(tone(1.0), codec).tobytes() + encode(tone(0.1, 1000), codec).tobytes()
        assert phone.heard_audio().startswith(want)
        heads = [struct.unpack("!BBHII", packet[:12]) for packet in phone.heard]
        assert {(b[2] - a[2]) & 0xFFFF for a, b in itertools.pairwise(heads)} == {1}

    await asyncio.gather(call("c1", Codec.PCMA), call("c2", Codec.PCMU), call("c3", Codec.PCMA))


@on_a_plane
async def test_keys_bargein_and_speech_are_told_while_they_happen(rig: Rig) -> None:
    phone = await a_phone()
    port = await rig.open("c1", phone)
    rig.plane.send(Play(C1, ["zh/greeting"], 1))
    talking = asyncio.create_task(phone.talk(port, os.urandom(30 * FRAME)))
    await rig.until(SpeechStarted)
    for n in range(4):
        phone.say(port, 900_000, struct.pack("!BBH", 7, 10, 160 * n), payload_type=101)
    assert (await rig.until(DigitPressed)).digit == "7"
    rig.plane.send(StopPlaying(C1))
    await asyncio.sleep(0.06)
    count = len(phone.heard)
    await talking
    assert {packet[12:] for packet in phone.heard[count:]} == {b"\xd5" * FRAME}
    assert not any(isinstance(event, DigitPressed | PromptEnded) for event in rig.events)


@on_a_plane
async def test_packets_leave_every_twenty_milliseconds(rig: Rig) -> None:
    phone = await a_phone()
    await rig.open("c1", phone)
    started = time.monotonic()
    rig.plane.send(Play(C1, ["zh/greeting"], 1))
    await rig.until(PromptEnded)
    await asyncio.sleep(1.0)
    sent, passed = len(phone.heard), time.monotonic() - started
    assert abs(sent - passed * 50) <= 6 + passed * 5  # this process may be late to count them


@on_a_plane
async def test_what_came_to_a_port_before_its_call_is_thrown_away(rig: Rig) -> None:
    stranger, phone = await a_phone(ssrc=666), await a_phone()
    for port in range(rig.port_low, rig.port_low + 16, 2):
        stranger.say(port, 0, bytes(FRAME))
    await asyncio.sleep(0.02)
    port = await rig.open("c1", phone, may_latch=True)
    await record(rig)
    await phone.talk(port, b"\x11" * 10 * FRAME)
    await asyncio.sleep(0.05)
    rig.plane.send(StopRecording(C1))
    closed = await rig.until(RecordingClosed)
    assert (rig.recordings / closed.path).read_bytes() == b"\x11" * 10 * FRAME
    assert not stranger.heard


@on_a_plane
async def test_stopping_seals_and_tells_every_open_recording(rig: Rig) -> None:
    phone = await a_phone()
    port = await rig.open("c1", phone)
    await record(rig)
    sound = os.urandom(20 * FRAME)
    await phone.talk(port, sound)
    await asyncio.sleep(0.05)
    await rig.plane.stop()
    closed = await rig.until(RecordingClosed)
    assert holds((rig.recordings / closed.path).read_bytes(), sound)
    assert rig.plane.pid is None
    assert not any(isinstance(event, MediaFailed) for event in rig.events)


@on_a_plane
async def test_a_killed_plane_loses_less_than_a_second_and_is_replaced(rig: Rig) -> None:
    phone = await a_phone()
    port = await rig.open("c1", phone)
    await record(rig)
    sound = os.urandom(125 * FRAME)
    await phone.talk(port, sound)
    first = rig.plane.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert (await rig.until(MediaFailed)).call_id == "c1"
    (part,) = parts(rig)
    kept = part.read_bytes()
    assert part.name == "c1-1.alaw.part"
    assert sound.startswith(kept)
    assert len(sound) - len(kept) <= 8000
    rig.plane.send(OpenPort(CallId("early"), "127.0.0.1", 9, Codec.PCMA, None))
    assert "restarted" in (await rig.until(MediaFailed)).reason
    async with asyncio.timeout(5):
        while not rig.plane.is_ready:
            await asyncio.sleep(0.02)
    assert rig.plane.pid != first
    await rig.open("c2", phone)
    assert part.read_bytes() == kept


PARENT = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from media_rig import Rig
from hotline.media.plan import Codec, OpenPort, PortOpened, Record
async def main():
    rig = Rig(Path(sys.argv[2]))
    await rig.plane.start()
    rig.plane.send(OpenPort("c1", "127.0.0.1", int(sys.argv[3]), Codec.PCMA, 101))
    opened = await rig.until(PortOpened)
    rig.plane.send(Record("c1", "c1-1", 60.0))
    await asyncio.sleep(0.05)
    print(opened.local_port, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def is_held(lock) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def test_when_the_product_is_killed_the_recording_is_sealed_within_a_second(tmp_path: Path) -> None:
    async def body() -> None:
        phone = await a_phone()
        here = str(Path(__file__).parent)
        parent = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PARENT, here, str(tmp_path), str(phone.port)), stdout=subprocess.PIPE
        )
        assert parent.stdout is not None
        while b"ready" in (line := await parent.stdout.readline()) or not line.strip():
            pass
        port = int(line)
        sound = os.urandom(60 * FRAME)
        await phone.talk(port, sound)
        await asyncio.sleep(0.05)
        parent.kill()
        killed = time.monotonic()
        await parent.wait()
        with (tmp_path / "recordings" / ".lock").open() as lock:
            while is_held(lock):  # until the plane's process has ended
                assert time.monotonic() - killed < 1.0
                await asyncio.sleep(0.01)
        assert not list(tmp_path.glob("recordings/*/*.part"))
        (sealed,) = tmp_path.glob("recordings/*/*.alaw")
        assert sealed.read_bytes() == sound

    asyncio.run(body())


def test_a_second_plane_waits_for_the_folder(tmp_path: Path) -> None:
    async def body() -> None:
        rig = Rig(tmp_path)
        rig.recordings.mkdir()
        with (rig.recordings / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            starting = asyncio.create_task(rig.plane.start())
            await asyncio.sleep(0.6)
            assert not starting.done()
            fcntl.flock(lock, fcntl.LOCK_UN)
            await asyncio.wait_for(starting, 3)
        await rig.plane.stop()

    asyncio.run(body())


def test_a_second_plane_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_link, "LOCK_WAIT_S", 0.2)

    async def body() -> None:
        first, second = Rig(tmp_path), Rig(tmp_path)
        await first.plane.start()
        with pytest.raises(ConfigError, match=r"another media plane uses .*site\.data_dir"):
            await second.plane.start()
        await first.plane.stop()

    asyncio.run(body())


def test_a_taken_port_is_named_with_the_remedy(tmp_path: Path) -> None:
    async def body() -> None:
        rig = Rig(tmp_path)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", rig.port_low + 4))
            with pytest.raises(ConfigError, match=rf"{rig.port_low + 4}.*media\.port_low"):
                await rig.plane.start()
        assert rig.plane.pid is None

    asyncio.run(body())


def test_a_prompt_at_a_wrong_rate_is_named(tmp_path: Path) -> None:
    async def body() -> None:
        rig = Rig(tmp_path)
        bad = tmp_path / "prompts" / "zh" / "greeting.wav"
        data = bytearray(bad.read_bytes())
        data[24:28] = (16000).to_bytes(4, "little")
        bad.write_bytes(data)
        with pytest.raises(ConfigError, match="16000 Hz") as told:
            await rig.plane.start()
        assert told.value.file == str(bad)

    asyncio.run(body())


def test_a_plane_is_ready_in_less_than_a_second_and_a_half(tmp_path: Path) -> None:
    async def body() -> None:
        rig = Rig(tmp_path, ports=200)
        started = time.monotonic()
        ready = await rig.plane.start()
        passed = time.monotonic() - started
        await rig.plane.stop()
        assert (ready.ports, ready.prompts) == (200, 2)
        assert passed < 1.5

    asyncio.run(body())


@on_a_plane(reserve_bytes=2**62)
async def test_without_room_on_the_disk_no_recording_is_begun(rig: Rig) -> None:
    phone = await a_phone()
    port = await rig.open("c1", phone)
    await record(rig)
    assert "nearly full" in (await rig.until(MediaFailed)).reason
    await phone.talk(port, bytes(20 * FRAME))
    assert not parts(rig)


@on_a_plane
async def test_a_disk_that_fills_up_makes_no_frame_late(rig: Rig) -> None:
    phone = await a_phone()
    port = await rig.open("c1", phone)
    rig.plane.send(Play(C1, ["zh/greeting"], 1))
    await record(rig)
    assert rig.plane.pid is not None
    resource.prlimit(rig.plane.pid, resource.RLIMIT_FSIZE, (8000, 8000))
    sound = os.urandom(125 * FRAME)
    started = time.monotonic()
    await phone.talk(port, sound)
    sent, passed = len(phone.heard), time.monotonic() - started
    assert "cannot be written" in (await rig.until(MediaFailed)).reason
    assert abs(sent - passed * 50) <= 6 + passed * 5  # this process may be late to count them
    rig.plane.send(ClosePort(C1))
    closed = await rig.until(RecordingClosed)
    assert (rig.recordings / closed.path).read_bytes() == sound[:8000]


@on_a_plane
async def test_a_thousand_calls_leave_no_port_or_file_behind(rig: Rig) -> None:
    phone = await a_phone()
    before = sorted(Path(f"/proc/{rig.plane.pid}/fd").iterdir())
    for turn in range(125):
        names = [CallId(f"c{turn}-{n}") for n in range(8)]
        for name in names:
            rig.plane.send(OpenPort(name, "127.0.0.1", phone.port, Codec.PCMA, 101))
            rig.plane.send(Record(name, RecordingId(f"{name}-1"), 60.0))
            rig.plane.send(Play(name, ["zh/beep"], 1))
        for _ in names:
            opened = await rig.until(PortOpened)
            phone.say(opened.local_port, 0, bytes(FRAME))
        for name in names:
            rig.plane.send(ClosePort(name))
        for _ in names:
            await rig.until(RecordingClosed)
    assert {type(event) for event in rig.events} <= {LegQuality}
    assert sorted(Path(f"/proc/{rig.plane.pid}/fd").iterdir()) == before
    assert not parts(rig)


def test_free_ports_are_even(tmp_path: Path) -> None:
    assert free_port_range(2) % 2 == 0
    assert (write_prompts(tmp_path) / "zh" / "beep.wav").is_file()


async def a_recorded_talk(rig: Rig) -> tuple[Any, Any, int, int]:
    near, far = await a_phone(ssrc=1), await a_phone(ssrc=2)
    near_port, far_port = await rig.open("c1", near), await rig.open("c1-leg1", far)
    rig.plane.send(Bridge(C1, CallId("c1-leg1")))
    rig.plane.send(Record(C1, RecordingId("c1-1"), 60.0, both=True))
    await asyncio.sleep(0.05)
    return near, far, near_port, far_port


@on_a_plane
async def test_both_sides_of_a_talk_are_exact_and_begin_together(rig: Rig) -> None:
    near, far, near_port, far_port = await a_recorded_talk(rig)
    said, heard = os.urandom(60 * FRAME), os.urandom(60 * FRAME)
    await asyncio.gather(near.talk(near_port, said), far.talk(far_port, heard))
    await asyncio.sleep(0.05)
    rig.plane.send(ClosePort(CallId("c1-leg1")))
    rig.plane.send(StopRecording(C1))
    closed = await rig.until(RecordingClosed)
    assert closed.far is not None
    files = [(rig.recordings / path).read_bytes() for path in (closed.path, closed.far.path)]
    for file, sound in zip(files, (said, heard), strict=True):
        assert file.endswith(sound)
        assert set(file[: -len(sound)]) <= {0xD5}
    assert abs(len(files[0]) - len(files[1])) <= 3 * FRAME
    digests = (closed.sha256, closed.far.sha256)
    assert digests == tuple(hashlib.sha256(file).hexdigest() for file in files)


@on_a_plane
async def test_a_killed_plane_leaves_a_beginning_of_both_sides(rig: Rig) -> None:
    near, far, near_port, far_port = await a_recorded_talk(rig)
    said, heard = os.urandom(125 * FRAME), os.urandom(125 * FRAME)
    await asyncio.gather(near.talk(near_port, said), far.talk(far_port, heard))
    assert rig.plane.pid is not None
    os.kill(rig.plane.pid, signal.SIGKILL)
    await rig.until(MediaFailed)
    kept = {part.name: part.read_bytes().lstrip(b"\xd5") for part in parts(rig)}
    assert sorted(kept) == ["c1-1.alaw.part", "c1-1.far.alaw.part"]
    for name, sound in (("c1-1.alaw.part", said), ("c1-1.far.alaw.part", heard)):
        assert kept[name] in sound
        assert len(sound) - len(kept[name]) <= 8000, "less than a second is lost"


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@on_a_plane
async def test_a_disk_that_stands_still_for_seconds_makes_no_frame_late_and_loses_nothing(rig: Rig) -> None:
    near, far, near_port, far_port = await a_recorded_talk(rig)
    threads = sorted(int(path.name) for path in Path(f"/proc/{rig.plane.pid}/task").iterdir())
    writer = threads[1]  # the plane itself is the first, then comes who writes, then who seals
    stall = ("--trace=write", "--inject=write:delay_enter=2000000", "-o", "/dev/null")
    tracer = await asyncio.create_subprocess_exec("strace", "-p", str(writer), *stall, stderr=subprocess.PIPE)
    assert tracer.stderr is not None
    if b"attached" not in await tracer.stderr.readline():
        pytest.skip("this system lets nobody trace another process")
    said, heard = os.urandom(150 * FRAME), os.urandom(150 * FRAME)
    await asyncio.gather(near.talk(near_port, said), far.talk(far_port, heard))
    await asyncio.sleep(0.05)
    stuck = sum(part.stat().st_size for part in parts(rig))
    assert stuck < len(said), "the disk did stand still"
    assert len(near.heard) >= 145, "and yet they heard each other"
    assert len(far.heard) >= 145
    tracer.terminate()
    await tracer.wait()
    rig.plane.send(StopRecording(C1))
    closed = await rig.until(RecordingClosed)
    assert closed.far is not None
    assert (rig.recordings / closed.path).read_bytes().endswith(said)
    assert (rig.recordings / closed.far.path).read_bytes().endswith(heard)
