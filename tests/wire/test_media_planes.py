"""Several media planes as real processes: what goes on when one is killed, and legs that come together."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from media_rig import A_STEP_S, FRAME, Rig, a_phone, holds
from test_media_process import on_a_plane, parts, record

from hotline.errors import ConfigError
from hotline.events.ids import CallId, RecordingId
from hotline.media.anchors import Anchors
from hotline.media.plan import (
    Bridge,
    ClosePort,
    Codec,
    MediaFailed,
    OpenPort,
    Play,
    PortMoved,
    PortOpened,
    PromptEnded,
    Record,
    RecordingClosed,
    StopRecording,
)
from hotline.wire import media_link, media_planes
from hotline.wire.media_planes import MediaPlanes, share_ports

C1, LEG = CallId("c1"), CallId("c1-leg1")
PORTS, TURNS, RECORDED = 100, 100, 10
LONG_S = 20.0
"""For a process to start on a busy machine."""


def on_planes(test: Any = None, **settings: Any) -> Any:
    if test is None:
        return lambda one: on_planes(one, **settings)
    return on_a_plane(test, kind=MediaPlanes, **settings)


def kill(rig: Rig, number: int = 0) -> None:
    pid = rig.plane.planes[number].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


async def moved(rig: Rig, leg: str = "c1") -> PortMoved:
    event = await rig.until(PortMoved, lambda event: event.call_id == leg, within_s=LONG_S)
    await asyncio.sleep(0.05)  # told, but maybe not done yet
    return event


@on_planes
async def test_after_a_kill_the_voice_goes_on_at_the_same_port(rig: Rig) -> None:
    phone = await a_phone()
    port = await rig.open("c1", phone)
    rig.plane.send(Play(C1, ["zh/greeting"], 3))
    kill(rig)
    assert (await moved(rig)) == PortMoved(C1, "127.0.0.1", port)
    assert (await rig.until(PromptEnded)).tag == 3, "played again from its beginning"
    assert not [event for event in rig.events if isinstance(event, MediaFailed)]
    assert rig.plane.deaths == 1


@on_planes
async def test_a_recording_goes_on_in_the_same_file_with_silence_for_the_time_without_a_plane(
    rig: Rig,
) -> None:
    phone = await a_phone()
    port = await rig.open("c1", phone)
    await record(rig)
    first, second = os.urandom(100 * FRAME), os.urandom(60 * FRAME)
    await phone.talk(port, first)
    await asyncio.sleep(1.0)  # so that all of it is on disk
    (part,) = parts(rig)
    kept = len(part.read_bytes())
    assert kept == len(first)
    kill(rig)
    await moved(rig)
    await phone.talk(port, second, stamp=2_000_000)
    await asyncio.sleep(0.1)
    rig.plane.send(StopRecording(C1))
    closed = await rig.until(RecordingClosed)
    data = (rig.recordings / closed.path).read_bytes()
    assert data.startswith(first)
    gap, found, rest = data[kept:].partition(second)
    assert found
    assert set(gap) <= {0xD5}
    assert len(gap) >= 4000, "no plane is there again within half a second"
    assert set(rest) <= {0xD5}
    assert closed.length_samples == len(data)
    assert not parts(rig)


@on_planes
async def test_who_hangs_up_while_there_is_no_plane_has_her_recording_closed(rig: Rig) -> None:
    phone = await a_phone()
    port = await rig.open("c1", phone)
    await record(rig)
    sound = os.urandom(100 * FRAME)
    await phone.talk(port, sound)
    kill(rig)
    async with asyncio.timeout(LONG_S):
        while not rig.plane.adrift:
            await asyncio.sleep(0.01)
    rig.plane.send(ClosePort(C1))
    closed = await rig.until(RecordingClosed, within_s=LONG_S)
    data = (rig.recordings / closed.path).read_bytes()
    assert sound.startswith(data)
    assert len(sound) - len(data) <= 8000
    assert rig.plane.open_legs == rig.plane.adrift == 0


@on_planes
async def test_a_recording_that_was_being_closed_is_closed_by_the_next_plane(rig: Rig) -> None:
    phone = await a_phone()
    port = await rig.open("c1", phone)
    await record(rig)
    await phone.talk(port, os.urandom(60 * FRAME))
    os.kill(rig.plane.planes[0].pid or 0, signal.SIGSTOP)  # it will not hear this
    rig.plane.send(StopRecording(C1))
    kill(rig)
    closed = await rig.until(RecordingClosed, within_s=LONG_S)
    assert closed.recording_id == "c1-1"


@on_planes
async def test_a_talk_goes_on_and_both_its_sides_are_recorded_in_time(rig: Rig) -> None:
    near, far = await a_phone(ssrc=1), await a_phone(ssrc=2)
    near_port, far_port = await rig.open("c1", near), await rig.open("c1-leg1", far)
    rig.plane.send(Bridge(C1, LEG))
    rig.plane.send(Record(C1, RecordingId("c1-1"), 60.0, both=True))
    await asyncio.sleep(0.05)
    await asyncio.gather(near.talk(near_port, bytes(50 * FRAME)), far.talk(far_port, bytes(50 * FRAME)))
    kill(rig)
    await moved(rig, "c1")
    said, heard = os.urandom(60 * FRAME), os.urandom(60 * FRAME)
    near.heard.clear()
    far.heard.clear()
    await asyncio.gather(near.talk(near_port, said, 900_000), far.talk(far_port, heard, 900_000))
    await asyncio.sleep(0.1)
    assert said in far.heard_audio()
    assert heard in near.heard_audio()
    rig.plane.send(StopRecording(C1))
    closed = await rig.until(RecordingClosed)
    assert closed.far is not None
    files = [(rig.recordings / path).read_bytes() for path in (closed.path, closed.far.path)]
    places = [file.find(sound) for file, sound in zip(files, (said, heard), strict=True)]
    assert min(places) > 0
    assert abs(places[0] - places[1]) <= 5 * FRAME


@on_planes(workers=2, ports=8)
async def test_calls_go_over_to_another_plane_at_once_and_are_told_their_new_port(rig: Rig) -> None:
    phone = await a_phone()
    port = await rig.open("c1", phone)
    number = next(plane.number for plane in rig.plane.planes if rig.plane.legs_of(plane.number))
    rig.plane.send(Play(C1, ["zh/greeting"], 1))
    kill(rig, number)
    event = await rig.until(PortMoved, within_s=3)
    assert event.local_port != port
    assert rig.plane.legs_of(1 - number) == 1
    await rig.until(PromptEnded)
    phone.heard.clear()
    await asyncio.sleep(0.1)
    assert phone.heard


@on_planes(workers=2, ports=8)
async def test_legs_of_one_call_are_in_one_plane_and_calls_are_spread(rig: Rig) -> None:
    async def open_one(name: str, beside: tuple[str, ...] = ()) -> None:
        answer = rig.plane.open_port(
            OpenPort(CallId(name), "127.0.0.1", 9, Codec.PCMA, None), beside=[CallId(one) for one in beside]
        )
        assert isinstance(answer, PortOpened)

    for call in ("a", "b"):
        await open_one(call)
        await open_one(f"{call}-leg1", (call,))
    assert [rig.plane.legs_of(number) for number in (0, 1)] == [2, 2]


@on_planes(workers=2, ports=8)
async def test_a_leg_of_another_plane_goes_over_to_whom_it_shall_hear(rig: Rig) -> None:
    near, far = await a_phone(ssrc=1), await a_phone(ssrc=2)
    near_port, far_port = await rig.open("c1", near), await rig.open("c2", far)
    assert [rig.plane.legs_of(number) for number in (0, 1)] == [1, 1]
    rig.plane.send(Record(C1, RecordingId("c1-1"), 60.0))
    rig.plane.send(Bridge(CallId("c2"), C1))
    event = await moved(rig, "c2")
    assert event.local_port != far_port
    said = os.urandom(30 * FRAME)
    await asyncio.gather(near.talk(near_port, said), far.talk(event.local_port, bytes(30 * FRAME)))
    await asyncio.sleep(0.1)
    assert said in far.heard_audio()
    rig.plane.send(StopRecording(C1))
    closed = await rig.until(RecordingClosed)
    assert holds((rig.recordings / closed.path).read_bytes(), said)


def held_by(rig: Rig) -> list[tuple[int, int]]:
    """Open files and kilobytes of memory of each plane."""
    return [(len(list(Path(f"/proc/{one.pid}/fd").iterdir())), rss_kb(one.pid)) for one in rig.plane.planes]


async def take_calls(rig: Rig, phone: Any, number: int) -> None:
    """Open as many calls as there are ports, give them all to do, and close them."""
    names = [CallId(f"c{number}-{n}") for n in range(PORTS)]
    recorded = names[:: PORTS // RECORDED]
    ports = []
    for name in names:
        answer = rig.plane.open_port(OpenPort(name, "127.0.0.1", phone.port, Codec.PCMA, 101))
        assert isinstance(answer, PortOpened), answer
        ports.append(answer.local_port)
        rig.plane.send(Play(name, ["zh/greeting"], 1))
    for first, second in zip(names[::2], names[1::2], strict=True):
        rig.plane.send(Bridge(first, second))
    for name in recorded:
        rig.plane.send(Record(name, RecordingId(f"{name}-1"), 60.0))
    for port in ports[:: PORTS // RECORDED]:
        phone.say(port, 0, bytes(FRAME))
    for name in names:
        rig.plane.send(ClosePort(name))
    for _ in recorded:
        await rig.until(RecordingClosed, within_s=LONG_S)
    rig.events.clear()


@on_planes(ports=PORTS, workers=2)
async def test_ten_thousand_calls_leave_nothing_behind(rig: Rig) -> None:
    phone = await a_phone()
    planes = rig.plane.planes
    await asyncio.sleep(A_STEP_S)

    for number in range(10):  # what is made once, is made
        await take_calls(rig, phone, number)
    before = held_by(rig)
    for number in range(10, TURNS):
        await take_calls(rig, phone, number)
    assert rig.plane.open_legs == rig.plane.adrift == 0
    assert rig.plane.free_ports == PORTS
    assert rig.plane._anchors == Anchors()
    async with asyncio.timeout(LONG_S):
        while any(one.status is None or one.status.legs for one in planes):
            await asyncio.sleep(0.1)
    after = held_by(rig)
    assert [files for files, _ in after] == [files for files, _ in before]
    grown_kb = max(now - then for (_, now), (_, then) in zip(after, before, strict=True))
    assert grown_kb < 100 * PORTS, "less than some legs' columns"
    assert not parts(rig)
    for n in range(PORTS):  # each port and each row of the arrays is free again
        await rig.open(f"last-{n}", phone, is_quick=True)
    await asyncio.sleep(A_STEP_S)
    assert not [event for event in rig.events if isinstance(event, MediaFailed)]


def rss_kb(pid: int | None) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])


@on_planes
async def test_a_plane_tells_how_it_is(rig: Rig) -> None:
    phone = await a_phone()
    port = await rig.open("c1", phone)
    rig.plane.send(Play(C1, ["zh/greeting"], 1))
    async with asyncio.timeout(LONG_S):
        while (view := rig.plane.views()[0])["late_p99_ms"] is None or not view["dropped"]:
            phone.say(port, 0, bytes(FRAME), payload_type=3)  # nobody agreed to that
            await asyncio.sleep(0.1)
    assert view["state"] == "ready"
    assert (view["legs"], view["ports"], view["ports_free"]) == (1, 8, 7)
    assert view["dropped"].keys() == {"ignored"}
    assert 0 < view["late_p50_ms"] <= view["late_p99_ms"] <= view["late_most_ms"] * 1.15
    assert view["scheduling"].startswith(("SCHED_RR", "nice"))
    assert rig.plane.lateness_s(0.99) == {"0": pytest.approx(view["late_p99_ms"] / 1000, rel=5)}


def test_a_plane_that_hangs_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_link, "SILENT_S", 3.0)

    async def body() -> None:
        rig = Rig(tmp_path, kind=MediaPlanes)
        await rig.plane.start()
        try:
            await rig.open("c1", await a_phone())
            first = rig.plane.planes[0].pid
            assert first is not None
            os.kill(first, signal.SIGSTOP)
            await moved(rig)
            assert rig.plane.planes[0].pid != first
        finally:
            await rig.plane.stop()

    asyncio.run(body())


def test_who_waits_too_long_for_a_plane_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_planes, "ADRIFT_S", 0.05)

    async def body() -> None:
        rig = Rig(tmp_path, kind=MediaPlanes)
        await rig.plane.start()
        try:
            await rig.open("c1", await a_phone())
            kill(rig)
            assert (await rig.until(MediaFailed)).call_id == "c1"
            rig.plane.send(Play(C1, ["zh/greeting"], 1))
            assert "restarted" in (await rig.until(MediaFailed)).reason
            assert rig.plane.open_legs == 0
        finally:
            await rig.plane.stop()

    asyncio.run(body())


@pytest.mark.parametrize(
    ("workers", "shares"),
    [
        (1, [(16001, 16010)]),
        (2, [(16002, 16005), (16006, 16011)]),
        (5, [(16002 + 2 * n, 16003 + 2 * n) for n in range(5)]),
    ],
)
def test_planes_share_the_ports(workers: int, shares: list[tuple[int, int]]) -> None:
    assert share_ports(16001, 16010, workers) == shares


def test_more_planes_than_ports_are_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match="widen the range or take fewer workers"):
        share_ports(16000, 16003, 3)
