"""Quality as a real plane tells it, over sockets: against loss that a seeded road imposes, and reports."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import pytest
from media_rig import A_STEP_S, FRAME, Phone, Rig, a_phone
from test_media_process import on_a_plane

from hotline.events.ids import CallId
from hotline.media.plan import (
    ClosePort,
    Codec,
    ExpectVoice,
    LegQuality,
    OpenPort,
    Play,
    PortOpened,
    VoiceMissing,
)
from hotline.media.quality import mos, rating
from hotline.media.rtcp import Report, ReportBlock, middle, parse_report, write_report

C1 = CallId("c1")
PACKETS = 300


class Reporter(asyncio.DatagramProtocol):
    """The phone's RTCP port: keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[Report, float]] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, _addr: tuple[str, int]) -> None:
        self.heard.append((parse_report(data), time.monotonic()))

    def say(self, data: bytes, port: int) -> None:
        self.transport.sendto(data, ("127.0.0.1", port))


async def a_reporter() -> tuple[Reporter, int]:
    loop = asyncio.get_running_loop()
    _, reporter = await loop.create_datagram_endpoint(Reporter, ("127.0.0.1", 0))
    return reporter, reporter.transport.get_extra_info("sockname")[1]


async def talk(phone: Phone, port: int, loss: float, road: random.Random) -> int:
    """Send packets in time over a road that loses some; tell how many it lost."""
    lost, start = 0, time.monotonic()
    for n in range(PACKETS):
        await asyncio.sleep(max(0.0, start + n * 0.02 - time.monotonic()))
        if road.random() < loss and 0 < n < PACKETS - 1:
            phone.sequence = phone.sequence + 1 & 0xFFFF
            lost += 1
        else:
            phone.say(port, n * FRAME, bytes(FRAME))
    return lost


@on_a_plane
async def test_what_the_road_did_to_a_voice_is_told_and_so_is_the_way_back(rig: Rig) -> None:
    phone, (reporter, rtcp_port) = await a_phone(), await a_reporter()
    rig.plane.send(OpenPort(C1, "127.0.0.1", phone.port, Codec.PCMA, 101, rtcp_port=rtcp_port))
    port = (await rig.until(PortOpened)).local_port
    rig.plane.send(Play(C1, ["zh/beep"], 1))
    rig.plane.send(ExpectVoice(C1))
    await asyncio.sleep(A_STEP_S)  # what comes before the plane has opened the port is thrown away
    talking = asyncio.create_task(talk(phone, port, 0.05, random.Random(11)))
    while not reporter.heard:
        await asyncio.sleep(0.01)
    report, came = reporter.heard[0]
    assert report.sender is not None
    held = time.monotonic() - came
    block = ReportBlock(report.ssrc, 0.02, 2, 100, 160, middle(report.sender.ntp), int(held * 65536))
    reporter.say(write_report(0xCAFE, None, [block], "phone"), port + 1)
    lost = await talking
    await asyncio.sleep(0.1)
    rig.plane.send(ClosePort(C1))
    while not (quality := await rig.until(LegQuality)).is_final:
        pass
    assert (quality.expected, quality.lost) == (PACKETS, lost)
    assert (quality.duplicates, quality.reordered) == (0, 0)
    assert quality.mos == pytest.approx(mos(rating(Codec.PCMA, loss=quality.loss)), abs=0.15)
    assert quality.round_trip_ms is not None
    assert 0 <= quality.round_trip_ms < 100
    assert quality.far_jitter_ms == 20.0
    assert quality.sent == pytest.approx(len(phone.heard), abs=2)
    while not reporter.heard[-1][0].gone:
        await asyncio.sleep(0.01)
    assert reporter.heard[-1][0].gone == (report.ssrc,)
    assert not [event for event in rig.events if isinstance(event, VoiceMissing)]


@on_a_plane
async def test_a_silent_side_is_told_of_within_three_seconds(rig: Rig) -> None:
    phone = await a_phone()
    rig.plane.send(OpenPort(C1, "127.0.0.1", phone.port, Codec.PCMA, 101))
    await rig.until(PortOpened)
    rig.plane.send(Play(C1, ["zh/beep"], 1))
    began = time.monotonic()
    rig.plane.send(ExpectVoice(C1))
    missing = await rig.until(VoiceMissing)
    assert missing == VoiceMissing(C1, "silent")
    assert time.monotonic() - began < 3.0
