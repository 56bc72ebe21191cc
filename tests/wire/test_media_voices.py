"""Phones of every kind at a real media plane process: IPv6, SRTP, G.722, Opus, and two that talk."""

import asyncio
import functools
import itertools
import os
import secrets
import socket
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from media_rig import FRAME, Phone, Rig, a_phone, free_port_range, holds, tone

from hotline.events.ids import CallId, RecordingId
from hotline.media.g711 import decode, encode
from hotline.media.plan import (
    Bridge,
    ClosePort,
    Codec,
    DigitPressed,
    MediaFailed,
    Play,
    PromptEnded,
    Record,
    RecordingClosed,
    Srtp,
    StopPlaying,
    StopRecording,
    Unbridge,
)
from hotline.wire.media_process import EXPEDITED, open_ports
from hotline.wire.srtp import SUITES, LibSrtp
from hotline.wire.voice_codecs import make_coder

A, B = CallId("a"), CallId("b")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as end:
            end.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")


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
    run.pytestmark = getattr(test, "pytestmark", [])
    return run


def give_keys(phone: Phone, suite: str) -> Srtp:
    ours, theirs = secrets.token_bytes(30), secrets.token_bytes(30)
    phone.protection = LibSrtp(Srtp(suite, theirs, ours))
    return Srtp(suite, ours, theirs)


def is_one_line(phone: Phone, ticks: int = FRAME) -> bool:
    heads = [struct.unpack("!BBHII", packet[:12]) for packet in phone.heard]
    steps = {((b[2] - a[2]) & 0xFFFF, (b[3] - a[3]) & 0xFFFFFFFF) for a, b in itertools.pairwise(heads)}
    return steps == {(1, ticks)} and len({head[4] for head in heads}) == 1


async def a_call(rig: Rig, name: str, phone: Phone, codec: Codec, sound: bytes, **terms) -> None:
    """Play a prompt to a phone and record what it says, in G.711, byte for byte."""
    call = CallId(name)
    port = await rig.open(name, phone, codec, **terms)
    rig.plane.send(Play(call, ["zh/greeting"], 7))
    rig.plane.send(Record(call, RecordingId(f"{name}-1"), 60.0))
    await asyncio.sleep(0.05)
    await phone.talk(port, sound)
    await rig.until(PromptEnded, lambda event: event.call_id == name)
    await asyncio.sleep(0.05)
    rig.plane.send(StopRecording(call))
    closed = await rig.until(RecordingClosed, lambda event: event.call_id == name)
    assert holds((rig.recordings / closed.path).read_bytes(), sound)
    rig.plane.send(ClosePort(call))
    assert phone.heard_audio().startswith(encode(tone(1.0), codec).tobytes())
    assert is_one_line(phone)


@needs_ipv6
@on_a_plane(also_listen=["::1"])
async def test_both_families_are_served_at_once(rig: Rig) -> None:
    six, four = await a_phone(host="::1"), await a_phone()
    await asyncio.gather(
        a_call(rig, "a", six, Codec.PCMA, os.urandom(60 * FRAME), local_ip="::1"),
        a_call(rig, "b", four, Codec.PCMA, os.urandom(60 * FRAME)),
    )


@on_a_plane
async def test_both_suites_of_srtp_protect_both_ways(rig: Rig) -> None:
    async def call(name: str, suite: str, codec: Codec) -> None:
        phone = await a_phone(payload_type=codec.value)
        srtp = give_keys(phone, suite)
        await a_call(rig, name, phone, codec, os.urandom(60 * FRAME), srtp=srtp)

    eighty, thirty_two = SUITES
    await asyncio.gather(call("a", eighty, Codec.PCMA), call("b", thirty_two, Codec.PCMU))


@on_a_plane
async def test_a_stranger_with_other_keys_ends_nothing(rig: Rig) -> None:
    phone = await a_phone()
    srtp = give_keys(phone, "AES_CM_128_HMAC_SHA1_80")
    port = await rig.open("a", phone, srtp=srtp)
    rig.plane.send(Record(A, RecordingId("a-1"), 60.0))
    await asyncio.sleep(0.05)
    right, wrong = phone.protection, LibSrtp(Srtp(srtp.suite, bytes(30), bytes(30)))
    sound = os.urandom(20 * FRAME)
    for k in range(20):
        phone.protection = wrong
        phone.say(port, 1000 + k * FRAME, bytes(FRAME), step=0)
        phone.protection = right
        phone.say(port, 1000 + k * FRAME, sound[k * FRAME : (k + 1) * FRAME])
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.05)
    rig.plane.send(StopRecording(A))
    closed = await rig.until(RecordingClosed)
    assert holds((rig.recordings / closed.path).read_bytes(), sound)
    assert not any(isinstance(event, MediaFailed) for event in rig.events)


@pytest.mark.parametrize(("codec", "kind", "ticks"), [(Codec.G722, 9, 160), (Codec.OPUS, 111, 960)])
def test_a_phone_with_another_codec_is_recorded_and_hears(
    codec: Codec, kind: int, ticks: int, tmp_path: Path
) -> None:
    async def call(rig: Rig) -> None:
        phone, coder = await a_phone(payload_type=kind), make_coder(codec)
        port = await rig.open("a", phone, codec, payload_type=kind)
        rig.plane.send(Play(A, ["zh/greeting"], 1))
        rig.plane.send(Record(A, RecordingId("a-1"), 60.0))
        await asyncio.sleep(0.05)
        said = tone(1.0, 700)
        payloads = [coder.encode(said[k : k + FRAME]) for k in range(0, len(said), FRAME)]
        await phone.say_all(port, payloads, stamp=2**32 - 10 * ticks, ticks=ticks)
        await rig.until(PromptEnded)
        phone.say(port, 77, struct.pack("!BBH", 6, 10, ticks), payload_type=101)
        assert (await rig.until(DigitPressed)).digit == "6"
        rig.plane.send(StopRecording(A))
        closed = await rig.until(RecordingClosed)
        assert closed.codec is Codec.PCMA
        assert closed.path.endswith(".alaw")
        recorded = decode(np.fromfile(rig.recordings / closed.path, np.uint8), Codec.PCMA)
        assert abs(len(recorded) - len(said)) <= FRAME
        heard = np.concatenate([coder.decode(packet[12:]) for packet in phone.heard])
        assert loudest_hz(recorded) == pytest.approx(700, abs=10)
        assert loudest_hz(heard[: 50 * FRAME]) == pytest.approx(440, abs=10)
        assert is_one_line(phone, ticks)

    on_a_plane(call)(tmp_path)


def loudest_hz(samples: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(samples.astype(float)))
    return float(power.argmax() * 8000 / len(samples))


@on_a_plane
async def test_two_phones_hear_each_other_and_stay_recorded(rig: Rig) -> None:
    one, two = await a_phone(), await a_phone(payload_type=0, ssrc=7)
    a, b = await rig.open("a", one), await rig.open("b", two, Codec.PCMU)
    for call in (A, B):
        rig.plane.send(Record(call, RecordingId(f"{call}-1"), 60.0))
    rig.plane.send(Bridge(A, B))
    await asyncio.sleep(0.05)
    said_one, said_two = os.urandom(100 * FRAME), os.urandom(100 * FRAME)
    await asyncio.gather(one.talk(a, said_one), two.talk(b, said_two))
    await asyncio.sleep(0.03)
    to_two = encode(decode(np.frombuffer(said_one, np.uint8), Codec.PCMA), Codec.PCMU).tobytes()
    to_one = encode(decode(np.frombuffer(said_two, np.uint8), Codec.PCMU), Codec.PCMA).tobytes()
    assert to_two in two.heard_audio()
    assert to_one in one.heard_audio()
    rig.plane.send(Play(A, ["zh/beep"], 1, repeats=True))
    await asyncio.sleep(0.3)
    rig.plane.send(StopPlaying(A))
    rig.plane.send(Unbridge(B))
    await asyncio.sleep(0.1)
    assert encode(tone(0.1, 1000), Codec.PCMA).tobytes() * 2 in one.heard_audio()
    assert len(one.heard) > 110
    for call, said in ((A, said_one), (B, said_two)):
        rig.plane.send(ClosePort(call))
        closed = await rig.until(RecordingClosed, lambda event, call=call: event.call_id == call)
        assert holds((rig.recordings / closed.path).read_bytes(), said)


@on_a_plane
async def test_no_number_is_skipped_or_sent_twice_when_the_other_falls_quiet(rig: Rig) -> None:
    one, two = await a_phone(), await a_phone(ssrc=7)
    a, b = await rig.open("a", one), await rig.open("b", two)
    rig.plane.send(Bridge(A, B))
    for turn in range(4):
        sound = os.urandom(12 * FRAME)
        await one.talk(a, sound, stamp=1000 + turn * 40 * FRAME)
        await asyncio.sleep(0.4)
        assert sound in two.heard_audio()
    two.say(b, 0, bytes(FRAME))
    await asyncio.sleep(0.3)
    for phone in (one, two):
        numbers = [int.from_bytes(packet[2:4], "big") for packet in phone.heard]
        assert {(b - a) & 0xFFFF for a, b in itertools.pairwise(numbers)} == {1}
        assert len(numbers) > 60


@on_a_plane
async def test_a_bridge_holds_a_packet_for_a_step_at_most(rig: Rig) -> None:
    one, two = await a_phone(), await a_phone(ssrc=7)
    a, _ = await rig.open("a", one), await rig.open("b", two)
    rig.plane.send(Bridge(A, B))
    await one.talk(a, bytes(5 * FRAME))
    delays = []
    for k in range(100):
        mark = os.urandom(FRAME)
        began = time.monotonic()
        one.say(a, 10_000 + k * FRAME, mark)
        while not two.heard or two.heard[-1][12:] != mark:
            await asyncio.sleep(0.0005)
            assert time.monotonic() - began < 1
        delays.append(two.heard_at[-1] - began)
        await asyncio.sleep(0.013)
    assert sorted(delays)[50] < 0.012, "a step is 5 ms; this process wakes late as well"


@needs_ipv6
@on_a_plane(also_listen=["::1"])
async def test_an_agent_on_opus_srtp_and_ipv6_talks_with_a_plain_trunk(rig: Rig) -> None:
    agent, trunk = await a_phone(host="::1", payload_type=111), await a_phone(ssrc=7)
    srtp = give_keys(agent, "AES_CM_128_HMAC_SHA1_80")
    a = await rig.open("a", agent, Codec.OPUS, payload_type=111, srtp=srtp, local_ip="::1")
    b = await rig.open("b", trunk, event_payload_type=100)
    rig.plane.send(Bridge(A, B))
    await asyncio.sleep(0.03)
    coder, voice = make_coder(Codec.OPUS), tone(2.0, 600)
    payloads = [coder.encode(voice[k : k + FRAME]) for k in range(0, len(voice), FRAME)]
    back = encode(tone(2.0, 900), Codec.PCMA).tobytes()
    await asyncio.gather(agent.say_all(a, payloads, ticks=960), trunk.talk(b, back))
    agent.say(a, 10**7, struct.pack("!BBH", 2, 0x8A, 960), payload_type=101)
    await rig.until(DigitPressed)
    await asyncio.sleep(0.05)
    heard = b"".join(packet[12:] for packet in trunk.heard if packet[1] & 0x7F == 8)
    assert loudest_hz(decode(np.frombuffer(heard, np.uint8), Codec.PCMA)) == pytest.approx(600, abs=10)
    assert [packet[12:] for packet in trunk.heard if packet[1] & 0x7F == 100] == [
        struct.pack("!BBH", 2, 0x8A, 160)
    ]
    understood = np.concatenate([coder.decode(packet[12:]) for packet in agent.heard])
    assert loudest_hz(understood) == pytest.approx(900, abs=10)
    numbers = [int.from_bytes(packet[2:4], "big") for packet in agent.heard]
    assert {(b - a) & 0xFFFF for a, b in itertools.pairwise(numbers)} == {1}
    assert len(numbers) >= 100


@pytest.mark.parametrize("ip", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_voice_is_marked_as_voice(ip: str) -> None:
    low = free_port_range(2)
    ends = open_ports(ip, low, low + 3)
    try:
        for end in ends:
            if ip == "::1":
                marked = end.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
                assert end.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
            else:
                marked = end.getsockopt(socket.IPPROTO_IP, socket.IP_TOS)
            assert marked == EXPEDITED == 184
        assert len(ends) == 2
    finally:
        for end in ends:
            end.close()


@on_a_plane
async def test_a_hundred_bridges_leave_no_file_behind(rig: Rig) -> None:
    one, two = await a_phone(), await a_phone(ssrc=7)
    before = sorted(Path(f"/proc/{rig.plane.pid}/fd").iterdir())
    for n in range(100):
        names = CallId(f"a{n}"), CallId(f"b{n}")
        ports = [await rig.open(name, phone) for name, phone in zip(names, (one, two), strict=True)]
        rig.plane.send(Bridge(*names))
        one.say(ports[0], n, bytes(FRAME))
        two.say(ports[1], n, bytes(FRAME))
        for name in names[:: 1 if n % 2 else -1]:
            rig.plane.send(ClosePort(name))
    port = await rig.open("last", one)
    assert port
    assert sorted(Path(f"/proc/{rig.plane.pid}/fd").iterdir()) == before
    assert not any(isinstance(event, MediaFailed) for event in rig.events)
