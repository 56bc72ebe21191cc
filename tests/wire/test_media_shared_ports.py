"""Calls that share a port at a real media plane process, and how fast it falls silent for a key."""

from __future__ import annotations

import asyncio
import struct
import time

import numpy as np
from media_rig import FRAME, Phone, Rig, a_phone, holds
from test_media_process import on_a_plane

from hotline.events.ids import CallId, RecordingId
from hotline.media.plan import (
    Aim,
    ClosePort,
    Codec,
    DigitPressed,
    MediaFailed,
    OpenPort,
    Play,
    PromptEnded,
    Record,
    RecordingClosed,
    StopRecording,
)

SILENCE = b"\xd5" * FRAME
SHARING = 4


@on_a_plane(ports=2, calls_per_port=SHARING)
async def test_eight_calls_on_two_ports_are_told_apart_byte_for_byte(rig: Rig) -> None:
    phones = [await a_phone(ssrc=n) for n in range(2 * SHARING)]
    ports = [await rig.open(f"c{n}", phone) for n, phone in enumerate(phones)]
    assert sorted(ports.count(port) for port in set(ports)) == [SHARING, SHARING]
    sounds = [
        np.random.default_rng(n).integers(0, 256, 40 * FRAME, np.uint8).tobytes() for n in range(len(phones))
    ]
    for n in range(len(phones)):
        rig.plane.send(Record(CallId(f"c{n}"), RecordingId(f"c{n}-1"), 60.0))
        rig.plane.send(Play(CallId(f"c{n}"), ["zh/beep"] if n % 2 else ["zh/greeting"], 1))
    await asyncio.sleep(0.05)
    await asyncio.gather(
        *(phone.talk(port, sound) for phone, port, sound in zip(phones, ports, sounds, strict=True))
    )
    await rig.until(PromptEnded, lambda event: event.call_id == "c0")
    for n, sound in enumerate(sounds):
        rig.plane.send(StopRecording(CallId(f"c{n}")))
        closed = await rig.until(RecordingClosed, lambda event, n=n: event.call_id == f"c{n}")
        assert holds((rig.recordings / closed.path).read_bytes(), sound)
    lengths = [sum(packet[12:] != SILENCE for packet in phone.heard) for phone in phones]
    assert lengths == [50, 5] * SHARING


@on_a_plane(ports=1, calls_per_port=2)
async def test_a_full_port_a_stranger_and_a_neighbours_address_are_refused(rig: Rig) -> None:
    one, other, stranger = await a_phone(), await a_phone(ssrc=2), await a_phone(ssrc=3)
    port = await rig.open("c1", one)
    assert await rig.open("c2", other) == port
    rig.plane.send(OpenPort(CallId("c3"), stranger.host, stranger.port, Codec.PCMA, 101))
    assert (await rig.until(MediaFailed)).call_id == "c3"
    rig.plane.send(Aim(CallId("c2"), one.host, one.port, Codec.PCMA, 101))
    assert "address already" in (await rig.until(MediaFailed)).reason
    await press(stranger, port)
    await press(other, port)
    assert (await rig.until(DigitPressed)).call_id == "c2"
    await asyncio.sleep(0.05)
    assert not [event for event in rig.events if isinstance(event, DigitPressed)]
    rig.plane.send(ClosePort(CallId("c1")))
    assert await rig.open("c4", stranger) == port
    await press(other, port, stamp=9000)
    assert (await rig.until(DigitPressed)).call_id == "c2"


async def press(phone: Phone, port: int, key: int = 5, stamp: int = 1000) -> None:
    phone.say(port, stamp, struct.pack("!BBH", key, 10, 160), payload_type=101)


@on_a_plane(ports=1)
async def test_the_prompt_is_silent_before_the_product_has_said_so(rig: Rig) -> None:
    """From the key's first packet to the last frame that still sounds: 25 ms, of which 20 are the tick's."""
    phone = await a_phone()
    port = await rig.open("c1", phone)
    waits = []
    for turn in range(5):
        rig.plane.send(Play(CallId("c1"), ["zh/greeting"], turn, stops_at_keys="5"))
        await asyncio.sleep(0.2 + turn * 0.004)
        pressed_at = time.monotonic()
        await press(phone, port, stamp=8000 * turn)
        await rig.until(PromptEnded, lambda event, turn=turn: event.tag == turn)
        await asyncio.sleep(0.06)
        loud = [at for packet, at in zip(phone.heard, phone.heard_at, strict=True) if packet[12:] != SILENCE]
        waits.append(max(loud) - pressed_at)
        assert phone.heard[-1][12:] == SILENCE
    assert sorted(waits)[2] < 0.025, waits
