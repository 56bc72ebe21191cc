"""G.722 and Opus: decoded for the recording, encoded for the phone, passed on untouched where both agree."""

import itertools
import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voice_rig import FRAME, Rig, key_event, rtp, warble

from hotline.errors import OutsideError, RemoteProtocolError
from hotline.events.ids import CallId
from hotline.media.coded import MOST_WAIT_TICKS, CodedVoice, Reframer
from hotline.media.g711 import Samples, decode, encode
from hotline.media.plan import (
    Aim,
    Bridge,
    ClosePort,
    Codec,
    DigitPressed,
    MediaFailed,
    Play,
    SpeechStarted,
    StopRecording,
)
from hotline.media.rtp import RtpPacket
from hotline.wire import voice_codecs
from hotline.wire.voice_codecs import available_codecs, make_coder

A, B = CallId("a"), CallId("b")
HERE, THERE = ("192.0.2.1", 4000), ("192.0.2.2", 5000)
CODED = [Codec.G722, Codec.OPUS]
TICKS = {Codec.PCMA: 160, Codec.PCMU: 160, Codec.G722: 160, Codec.OPUS: 960}
KIND = {Codec.PCMA: 8, Codec.PCMU: 0, Codec.G722: 9, Codec.OPUS: 111}


def likeness_db(sound: Samples, heard: Samples, longest_delay: int = 400) -> float:
    """Tell how far the error lies below the sound, at the best delay and level."""
    length = min(len(sound), len(heard)) - longest_delay
    want, got = sound[:length].astype(float), heard.astype(float)
    size = 1 << (length + longest_delay).bit_length()
    match = np.fft.irfft(
        np.fft.rfft(got[: length + longest_delay], size) * np.fft.rfft(want, size).conj(), size
    )
    delay = int(match[:longest_delay].argmax())
    part = got[delay : delay + length]
    error = want - part * (want @ part) / (part @ part + 1e-9)
    return float(10 * np.log10((want @ want) / (error @ error + 1e-9)))


LIKE_DB = {Codec.PCMA: 20.0, Codec.PCMU: 20.0, Codec.G722: 20.0, Codec.OPUS: 4.0}
"""How far the error of each codec must lie below the sound; Opus keeps what the ear wants, not the wave."""


def encoded(codec: Codec, sound: Samples, frame: int = FRAME) -> list[bytes]:
    frames = [sound[k : k + frame] for k in range(0, len(sound) // frame * frame, frame)]
    if codec in (Codec.PCMA, Codec.PCMU):
        return [encode(each, codec).tobytes() for each in frames]
    coder = make_coder(codec)
    return [coder.encode(each) for each in frames]


class Pair(Rig):
    def __init__(self, one: Codec, other: Codec) -> None:
        super().__init__()
        self.codecs = one, other
        self.a = self.open("a", HERE, one, payload_type=KIND[one])
        self.b = self.open("b", THERE, other, payload_type=KIND[other], event_payload_type=102)
        self.plane.command(Bridge(A, B))

    def talk(self, payloads: list[bytes], ticks: int = 0) -> None:
        """Let A say so."""
        one = self.codecs[0]
        for k, payload in enumerate(payloads):
            packet = rtp(k, 2**32 - 5 * TICKS[one] + k * (ticks or TICKS[one]), payload, kind=KIND[one])
            self.bring(packet, port=self.a, at=HERE)
            self.turn()

    def understood(self, codec: Codec) -> Samples:
        """What B understands."""
        coder = make_coder(codec) if codec in CODED else None
        packets = [packet for packet in self.packets_to(THERE, self.b) if packet[1] & 0x7F == KIND[codec]]
        if coder is None:
            return decode(np.frombuffer(b"".join(packet[12:] for packet in packets), np.uint8), codec)
        return np.concatenate([coder.decode(packet[12:]) for packet in packets])


@pytest.mark.parametrize("codec", CODED)
def test_what_is_encoded_is_understood(codec: Codec) -> None:
    sound = warble(100)
    coder = make_coder(codec)
    heard = np.concatenate([coder.decode(payload) for payload in encoded(codec, sound)])
    assert likeness_db(sound, heard) > LIKE_DB[codec]


@pytest.mark.parametrize("codec", CODED)
@settings(max_examples=100, deadline=None)
@given(payload=st.binary(max_size=300))
def test_no_bytes_crash_a_decoder(codec: Codec, payload: bytes) -> None:
    coder = make_coder(codec)
    try:
        samples = coder.decode(payload)
    except RemoteProtocolError:
        return
    assert samples.dtype == np.int16
    assert len(samples) <= 1000


@pytest.mark.parametrize("codec", CODED)
def test_a_leg_is_recorded_in_a_law_and_noticed_when_it_speaks(codec: Codec) -> None:
    rig, sound = Rig(), warble(150)
    rig.open("a", HERE, codec, payload_type=KIND[codec])
    rig.record("a")
    for k, payload in enumerate(encoded(codec, sound)):
        rig.bring(rtp(k, 2**32 - 900 + k * TICKS[codec], payload, kind=KIND[codec]), at=HERE)
        rig.turn()
    rig.plane.command(StopRecording(A))
    rig.collect()
    recorded = decode(np.frombuffer(rig.disk["r"], np.uint8), Codec.PCMA)
    assert len(recorded) == len(sound)
    assert rig.sealed[0].codec is Codec.PCMA
    assert likeness_db(sound, recorded) > LIKE_DB[codec]
    assert len(rig.of(SpeechStarted)) == 1


@pytest.mark.parametrize("frame", [80, 160, 320, 480])
@pytest.mark.parametrize("codec", CODED)
def test_every_packet_time_is_recorded_whole(codec: Codec, frame: int) -> None:
    rig, sound = Rig(), warble(96)
    rig.open("a", HERE, codec, payload_type=KIND[codec])
    rig.record("a")
    for k, payload in enumerate(encoded(codec, sound, frame)):
        rig.bring(rtp(k, k * TICKS[codec] * frame // FRAME, payload, kind=KIND[codec]), at=HERE)
        if (k + 1) * frame % FRAME == 0:
            rig.turn(max(1, frame // FRAME))
    rig.plane.command(StopRecording(A))
    rig.collect()
    assert len(rig.disk["r"]) == len(sound)


@pytest.mark.parametrize("codec", CODED)
def test_a_prompt_is_heard_in_the_phones_codec(codec: Codec) -> None:
    rig = Rig()
    rig.open("a", HERE, codec, payload_type=KIND[codec])
    rig.plane.command(Play(A, ["zh/voice"], 1, repeats=True))
    rig.turn(100)
    packets, coder = rig.packets_to(HERE), make_coder(codec)
    heads = [struct.unpack("!BBHII", packet[:12]) for packet in packets]
    assert {head[1] & 0x7F for head in heads} == {KIND[codec]}
    assert {(b[3] - a[3]) & 0xFFFFFFFF for a, b in itertools.pairwise(heads)} == {TICKS[codec]}
    heard = np.concatenate([coder.decode(packet[12:]) for packet in packets])
    assert likeness_db(warble(100), heard) > LIKE_DB[codec]


@pytest.mark.parametrize("codec", CODED)
def test_the_same_codec_passes_untouched(codec: Codec) -> None:
    pair = Pair(codec, codec)
    payloads = encoded(codec, warble(40))
    pair.talk(payloads)
    packets = pair.packets_to(THERE, pair.b)
    assert [packet[12:] for packet in packets] == payloads
    heads = [struct.unpack("!BBHII", packet[:12]) for packet in packets]
    assert {(b[3] - a[3]) & 0xFFFFFFFF for a, b in itertools.pairwise(heads)} == {TICKS[codec]}


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(KIND, 2)))
def test_any_codec_is_turned_into_any_other(one: Codec, other: Codec) -> None:
    pair, sound = Pair(one, other), warble(100)
    pair.talk(encoded(one, sound))
    packets = pair.packets_to(THERE, pair.b)
    heads = [struct.unpack("!BBHII", packet[:12]) for packet in packets]
    assert len(packets) in (99, 100)
    assert {(b[2] - a[2]) & 0xFFFF for a, b in itertools.pairwise(heads)} == {1}
    assert {(b[3] - a[3]) & 0xFFFFFFFF for a, b in itertools.pairwise(heads)} == {TICKS[other]}
    assert likeness_db(sound, pair.understood(other), 600) > min(LIKE_DB[one], LIKE_DB[other])


@pytest.mark.parametrize("codec", CODED)
@pytest.mark.parametrize("frame", [80, 320, 480])
def test_another_packet_time_becomes_twenty_milliseconds(codec: Codec, frame: int) -> None:
    pair, sound = Pair(codec, Codec.PCMA), warble(96)
    pair.talk(encoded(codec, sound, frame), ticks=TICKS[codec] * frame // FRAME)
    packets = pair.packets_to(THERE, pair.b)
    voiced = [packet for packet in packets if packet[12:] != b"\xd5" * FRAME]
    assert {len(packet) for packet in packets} == {172}
    assert len(voiced) >= 90


@pytest.mark.parametrize("loss", [0.02, 0.1])
def test_lost_opus_packets_are_made_up_for(loss: float) -> None:
    rig, sound, chance = Rig(), warble(300), random.Random(5)
    rig.open("a", HERE, Codec.OPUS, payload_type=111)
    rig.record("a")
    lost = {k for k in range(5, 290) if chance.random() < loss}
    for k, payload in enumerate(encoded(Codec.OPUS, sound)):
        if k not in lost:
            rig.bring(rtp(k, k * 960, payload, kind=111), at=HERE)
        rig.turn()
    rig.plane.command(StopRecording(A))
    rig.collect()
    recorded = rig.disk["r"]
    assert len(recorded) == len(sound)
    silent = sum(recorded[k * FRAME : (k + 1) * FRAME] == b"\xd5" * FRAME for k in lost)
    assert silent == 0, "the decoder knows what to put there"
    assert likeness_db(sound, decode(np.frombuffer(recorded, np.uint8), Codec.PCMA)) > LIKE_DB[Codec.OPUS] / 2


@pytest.mark.parametrize("codec", CODED)
def test_packets_out_of_order_are_put_right_before_they_are_decoded(codec: Codec) -> None:
    def record(order: list[int]) -> bytes:
        rig = Rig()
        rig.open("a", HERE, codec, payload_type=KIND[codec])
        rig.record("a")
        for k in order:
            rig.bring(rtp(65_500 + k, k * TICKS[codec], payloads[k], kind=KIND[codec]), at=HERE)
            rig.turn()
        rig.turn(5)
        rig.plane.command(StopRecording(A))
        rig.collect()
        return rig.disk["r"]

    payloads = encoded(codec, warble(60))
    order = list(range(60))
    for place in (10, 20, 30, 45):
        order[place], order[place + 1] = order[place + 1], order[place]
    order[50], order[52] = order[52], order[50]
    assert record([*order, 7, 3, 59]) == record(list(range(60)))


def test_a_long_mute_of_an_opus_phone_is_as_long_in_the_recording() -> None:
    rig, sound = Rig(), warble(100)
    rig.open("a", HERE, Codec.OPUS, payload_type=111)
    rig.record("a")
    for k, payload in enumerate(encoded(Codec.OPUS, sound)):
        pause = 500 if k >= 50 else 0
        if k == 50:
            rig.turn(500)
        rig.bring(rtp(k, 2**32 - 960 * 300 + (k + pause) * 960, payload, kind=111), at=HERE)
        rig.turn()
    rig.plane.command(StopRecording(A))
    rig.collect()
    assert len(rig.disk["r"]) == 600 * FRAME


def test_a_key_of_an_opus_phone_counts_once_and_reaches_the_trunk_in_its_clock() -> None:
    pair = Pair(Codec.OPUS, Codec.PCMA)
    pair.talk(encoded(Codec.OPUS, warble(20)))
    stamp = (2**32 - 5 * 960 + 20 * 960) & 0xFFFFFFFF
    for n in range(1, 11):
        event = key_event(9, n * 960, is_end=n == 10)
        pair.bring(rtp(19 + n, stamp, event, kind=101 | (0x80 if n == 1 else 0)), port=pair.a, at=HERE)
        pair.turn()
    assert [event.digit for event in pair.of(DigitPressed)] == ["9"]
    told = [packet for packet in pair.packets_to(THERE, pair.b) if packet[1] & 0x7F == 102]
    assert [packet[12:] for packet in told] == [key_event(9, n * 160, is_end=n == 10) for n in range(1, 11)]
    assert len({packet[4:8] for packet in told}) == 1
    assert [packet[1] >> 7 for packet in told] == [1] + [0] * 9


def test_keys_counted_at_8000_hz_beside_opus_keep_their_length() -> None:
    """libre names telephone-event at 8,000 Hz whatever the codec, and counts durations so."""
    pair = Pair(Codec.OPUS, Codec.PCMA)
    pair.plane.command(Aim(A, *HERE, Codec.OPUS, 101, payload_type=111, event_clock_hz=8000))
    pair.plane.command(Aim(B, *THERE, Codec.PCMA, 102))
    pair.talk(encoded(Codec.OPUS, warble(20)))
    stamp = (2**32 - 5 * 960 + 20 * 960) & 0xFFFFFFFF
    for n in range(1, 6):
        pair.bring(rtp(19 + n, stamp, key_event(9, n * 160), kind=101), port=pair.a, at=HERE)
        pair.bring(rtp(n, 0, key_event(5, n * 160), kind=102), port=pair.b, at=THERE)
        pair.turn()
    assert sorted(event.digit for event in pair.of(DigitPressed)) == ["5", "9"]
    for place, port, kind, code in ((THERE, pair.b, 102, 9), (HERE, pair.a, 101, 5)):
        told = [packet for packet in pair.packets_to(place, port) if packet[1] & 0x7F == kind]
        assert [packet[12:] for packet in told] == [key_event(code, n * 160) for n in range(1, 6)]


def test_a_key_held_for_five_seconds_stays_one_key_through_both_clocks() -> None:
    pair, back = Pair(Codec.PCMA, Codec.OPUS), Rig()
    pair.talk(encoded(Codec.PCMA, warble(5)))
    back.open("a", THERE, Codec.OPUS, payload_type=111, event_payload_type=102)
    stamp = 2**32 - 5 * 160 + 5 * 160 & 0xFFFFFFFF
    for n in range(1, 101):
        pair.bring(rtp(4 + n, stamp, key_event(3, n * 400, is_end=n == 100), kind=101), port=pair.a, at=HERE)
        pair.turn(2)
    told = [packet for packet in pair.packets_to(THERE, pair.b) if packet[1] & 0x7F == 102]
    assert len({packet[4:8] for packet in told}) == 4, "in segments of at most 65,535 of its units"
    ends = [int.from_bytes(packet[4:8], "big") + int.from_bytes(packet[14:16], "big") for packet in told]
    assert {b - a for a, b in itertools.pairwise(ends)} == {2400}
    for packet in told:
        back.bring(packet, at=THERE)
    assert [event.digit for event in back.of(DigitPressed)] == ["3"]


def test_a_phone_may_change_its_codec_in_the_middle_of_a_bridge() -> None:
    pair, sound = Pair(Codec.PCMA, Codec.PCMA), warble(30)
    pair.talk(encoded(Codec.PCMA, sound))
    pair.plane.command(Aim(B, *THERE, Codec.OPUS, 102, payload_type=111))
    for k in range(30, 60):
        pair.bring(
            rtp(k, 2**32 - 800 + k * 160, bytes(encode(sound[:160], Codec.PCMA))), port=pair.a, at=HERE
        )
        pair.turn()
    packets = pair.packets_to(THERE, pair.b)
    assert [packet[1] & 0x7F for packet in packets] == [8] * 30 + [111] * 30
    heads = [struct.unpack("!BBHII", packet[:12]) for packet in packets]
    assert {(b[2] - a[2]) & 0xFFFF for a, b in itertools.pairwise(heads)} == {1}
    assert {(b[3] - a[3]) & 0xFFFFFFFF for a, b in itertools.pairwise(heads[31:])} == {960}


def test_without_the_library_the_call_is_told_and_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    rig.open("a", HERE)

    def missing(codec: Codec) -> None:
        raise OutsideError(f"no {codec.name} here")

    rig.plane._commands._agreement._make_coder = missing  # type: ignore[assignment,method-assign]
    rig.plane.command(Aim(A, *HERE, Codec.OPUS, 101, payload_type=111))
    assert "no OPUS here" in rig.of(MediaFailed)[0].reason
    rig.plane.command(Play(A, ["zh/short"], 1))
    rig.turn(2)
    assert len(rig.packets_to(HERE)) == 2


def test_a_missing_library_is_a_codec_that_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert available_codecs() == ("PCMA", "PCMU", "G722", "opus")
    available_codecs.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "opuslib_next", None)
    try:
        assert available_codecs() == ("PCMA", "PCMU", "G722")
        with pytest.raises(OutsideError, match="install opuslib-next"):
            make_coder(Codec.OPUS)
    finally:
        available_codecs.cache_clear()
    assert voice_codecs.OPUS_BIT_RATE == 24_000


def test_closing_a_coded_call_leaves_nothing() -> None:
    pair = Pair(Codec.OPUS, Codec.G722)
    pair.talk(encoded(Codec.OPUS, warble(10)))
    for call in (A, B):
        pair.plane.command(ClosePort(call))
    pair.turn(2)
    assert pair.plane.is_idle()
    assert not len(pair.plane.uneven(np.arange(pair.plane.roster.slots)))


class Echo:
    """A coder whose payload is its samples."""

    def encode(self, samples: Samples) -> bytes:
        return samples.tobytes()

    def decode(self, payload: bytes) -> Samples:
        if len(payload) % 2:
            raise RemoteProtocolError("odd")
        return np.frombuffer(payload, np.int16)

    def conceal(self, length_samples: int, following: bytes) -> Samples:
        return np.full(length_samples, -1, np.int16)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_whatever_the_network_does_voice_is_given_once_and_forward_only(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 60))
    chance = data.draw(st.randoms(use_true_random=False))
    first, start = data.draw(st.sampled_from([(0, 0), (65_520, 2**32 - 3000)])), 7
    arrivals = []
    for k in range(count):
        if chance.random() < 0.85:
            arrivals += [
                (k + chance.choice([0, 0, 0, 1.5, 2.5, 6.5]), k) for _ in range(chance.choice([1, 1, 1, 2]))
            ]
    voice, given_out = CodedVoice(Echo(), 6), []
    # what waits at the end is seven packets at most, each behind a gap of its own
    for tick in range(count + 10 + (MOST_WAIT_TICKS + 1) ** 2):
        for _, k in sorted(each for each in arrivals if tick <= each[0] < tick + 1):
            payload = np.full(FRAME, k, np.int16).tobytes()
            sequence, stamp = first[0] + k & 0xFFFF, first[1] + k * 960 & 0xFFFFFFFF
            given_out += voice.take(RtpPacket(111, False, sequence, stamp, start, payload))
        given_out += voice.wait()
    assert not voice.is_waiting
    ends = [heard.timestamp + len(heard.samples) for heard in given_out]
    assert all(heard.timestamp >= end for heard, end in zip(given_out[1:], ends, strict=False))
    said = [int(heard.samples[0]) for heard in given_out if heard.samples[0] >= 0]
    assert said == sorted(set(said))
    assert all((heard.timestamp - given_out[0].timestamp) % FRAME == 0 for heard in given_out)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(-2, 3), st.integers(1, 700)), max_size=30))
def test_frames_are_whole_and_never_out_of_time(pieces: list[tuple[int, int]]) -> None:
    reframer, time = Reframer(), 1000
    frames = []
    for gap, length in pieces:
        time += gap * 100
        frames += reframer.cut(time, np.arange(time, time + length).astype(np.int16))
        time += length
    for at, samples in frames:
        assert len(samples) == FRAME
        assert (samples == np.arange(at, at + FRAME).astype(np.int16)).all()
