"""Two calls that hear each other: what passes, under which numbers, and what stands above it."""

import itertools
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voice_rig import CALLER, FRAME, Rig, a_bank, audio, frame_of, key_event, rtp

from hotline.events.ids import CallId
from hotline.media.g711 import codec_index, transcode
from hotline.media.plan import (
    Aim,
    Bridge,
    ClosePort,
    Codec,
    DigitPressed,
    MediaFailed,
    Play,
    PromptEnded,
    StopPlaying,
    StopRecording,
    Unbridge,
)

A, B, C = CallId("a"), CallId("b"), CallId("c")
HERE, THERE, ELSEWHERE = ("192.0.2.1", 4000), ("192.0.2.2", 5000), ("192.0.2.3", 6000)
SILENCE = b"\xd5" * FRAME


class Pair(Rig):
    """Two calls, bridged."""

    def __init__(self, law: Codec = Codec.PCMA, other: Codec = Codec.PCMA) -> None:
        super().__init__()
        self.a = self.open("a", HERE, law)
        self.b = self.open("b", THERE, other)
        self.plane.command(Bridge(A, B))

    def say_a(self, *datagrams: bytes) -> None:
        self.bring(*datagrams, port=self.a, at=HERE)

    def say_b(self, *datagrams: bytes) -> None:
        self.bring(*datagrams, port=self.b, at=THERE)

    def at_a(self) -> list[bytes]:
        return self.packets_to(HERE, self.a)

    def at_b(self) -> list[bytes]:
        return self.packets_to(THERE, self.b)


def heads(packets: list[bytes]) -> list[tuple[int, int, int, int, int]]:
    return [struct.unpack("!BBHII", packet[:12]) for packet in packets]  # type: ignore[misc]


def is_one_line(packets: list[bytes]) -> bool:
    """Tell whether numbers go up by one, and times never down, under one SSRC."""
    told = heads(packets)
    steps = [((b[2] - a[2]) & 0xFFFF, (b[3] - a[3]) & 0xFFFFFFFF) for a, b in itertools.pairwise(told)]
    return (
        len({head[4] for head in told}) == 1
        and all(step == 1 for step, _ in steps)
        and all(0 < time < 4 * FRAME for _, time in steps)
    )


def talk(pair: Pair, sound: bytes, start: int = 0, back: bytes = b"") -> None:
    for k in range(len(sound) // FRAME):
        pair.say_a(rtp(start + k, (start + k) * FRAME, frame_of(sound, k), ssrc=1))
        if back:
            pair.say_b(rtp(7 + k, 99 + k * FRAME, frame_of(back, k), ssrc=2))
        pair.turn()


def voice(packets: list[bytes]) -> bytes:
    return b"".join(packet[12:] for packet in packets)


def test_each_hears_the_other_bit_by_bit() -> None:
    pair, one, two = Pair(), audio(50, 1), audio(50, 2)
    talk(pair, one, back=two)
    assert voice(pair.at_b()) == one
    assert voice(pair.at_a()) == two
    assert is_one_line(pair.at_a())
    assert is_one_line(pair.at_b())


def test_a_packet_passes_in_the_moment_it_comes() -> None:
    pair = Pair()
    talk(pair, audio(5))
    before = len(pair.at_b())
    pair.say_a(rtp(5, 5 * FRAME, audio(1, 9), ssrc=1))
    assert voice(pair.at_b()[before:]) == audio(1, 9), "without a tick"


@pytest.mark.parametrize(("law", "other"), [(Codec.PCMA, Codec.PCMU), (Codec.PCMU, Codec.PCMA)])
def test_one_law_is_turned_into_the_other(law: Codec, other: Codec) -> None:
    pair, sound = Pair(law, other), audio(30)
    for k in range(30):
        pair.say_a(rtp(k, k * FRAME, frame_of(sound, k), kind=law.value))
        pair.turn()
    want = transcode(np.frombuffer(sound, np.uint8), law, other).tobytes()
    assert voice(pair.at_b()) == want
    assert {head[1] & 0x7F for head in heads(pair.at_b())} == {other.value}


@pytest.mark.parametrize("length", [80, 160, 240, 320, 480, 200])
def test_the_talkers_packet_time_is_kept(length: int) -> None:
    pair, sound = Pair(), audio(60)
    for k in range(20):
        pair.say_a(rtp(k, k * length, frame_of(sound, k, length)))
        pair.turn(max(1, length // FRAME))
    assert [len(packet) - 12 for packet in pair.at_b()] == [length] * 20
    assert voice(pair.at_b()) == sound[: 20 * length]
    assert {b[3] - a[3] for a, b in itertools.pairwise(heads(pair.at_b()))} == {length}


def test_loss_and_disorder_pass_as_they_are() -> None:
    pair, sound = Pair(), audio(20)
    for k in (0, 1, 2, 4, 3, 7, 6, 5, 8, 10, 11):
        pair.say_a(rtp(65_530 + k, k * FRAME, frame_of(sound, k)))
        pair.turn()
    told = heads(pair.at_b())
    assert [(head[2] - told[0][2]) & 0xFFFF for head in told] == [0, 1, 2, 4, 3, 7, 6, 5, 8, 10, 11]
    assert [(head[3] - told[0][3]) & 0xFFFFFFFF for head in told] == [
        k * FRAME for k in (0, 1, 2, 4, 3, 7, 6, 5, 8, 10, 11)
    ]


def test_one_line_of_numbers_runs_from_prompt_to_bridge_to_prompt() -> None:
    pair = Pair()
    pair.plane.command(Unbridge(A))
    pair.plane.command(Play(B, ["zh/greeting"], 1))
    pair.turn(7)
    pair.plane.command(Bridge(A, B))
    talk(pair, audio(40, 5))
    pair.plane.command(Play(B, ["zh/short"], 2))
    talk(pair, audio(10, 6), start=40)
    pair.plane.command(Unbridge(B))
    pair.turn(5)
    assert is_one_line(pair.at_b())
    assert audio(40, 5) in voice(pair.at_b())
    assert pair.of(PromptEnded)[-1].tag == 2


def test_a_talk_spurt_begins_with_a_mark() -> None:
    pair = Pair()
    pair.turn(5)
    talk(pair, audio(5))
    marks = [head[1] >> 7 for head in heads(pair.at_b())]
    assert marks == [1, 0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_while_the_other_says_nothing_the_stream_goes_on_with_silence() -> None:
    pair = Pair()
    pair.turn(20)
    talk(pair, audio(10))
    pair.turn(50)
    talk(pair, audio(10), start=70)
    assert voice(pair.at_b()[:20]) == SILENCE * 20
    assert voice(pair.at_b()[20:30]) == audio(10)
    assert voice(pair.at_b()[30:-10]) == SILENCE * 41, "200 ms of patience"
    assert voice(pair.at_b()[-10:]) == audio(10)
    told = heads(pair.at_b())
    assert {(b[2] - a[2]) & 0xFFFF for a, b in itertools.pairwise(told)} == {1}
    assert (told[-1][3] - told[0][3]) & 0xFFFFFFFF in range(88 * FRAME, 91 * FRAME)


def test_music_on_hold_stands_above_the_bridge_until_it_is_stopped() -> None:
    pair, sound = Pair(), audio(60)
    talk(pair, sound[: 10 * FRAME])
    pair.plane.command(Play(B, ["zh/short"], 1, repeats=True))
    talk(pair, sound[10 * FRAME : 40 * FRAME], start=10, back=audio(30, 8))
    bank = a_bank()
    start, end = bank.span("zh/short") or (0, 0)
    music = bank.rows[codec_index(Codec.PCMA), start:end].tobytes()
    assert voice(pair.at_b()[10:40]) == music * 15
    assert voice(pair.at_a()[-30:]) == audio(30, 8), "the other direction goes on"
    pair.plane.command(StopPlaying(B))
    talk(pair, sound[40 * FRAME :], start=40)
    assert voice(pair.at_b()[40:]) == sound[40 * FRAME :]
    assert is_one_line(pair.at_b())
    assert not pair.of(PromptEnded)


def test_after_a_prompt_in_the_bridge_the_other_is_heard_again() -> None:
    pair, sound = Pair(), audio(30)
    pair.plane.command(Play(B, ["zh/short"], 4))
    talk(pair, sound)
    assert voice(pair.at_b())[2 * FRAME :] == sound[2 * FRAME :]
    assert [event.tag for event in pair.of(PromptEnded)] == [4]


def test_a_bridge_ends_what_both_play() -> None:
    rig = Rig()
    rig.open("a", HERE)
    rig.open("b", THERE)
    for one in (A, B):
        rig.plane.command(Play(one, ["zh/greeting"], 1, repeats=True))
    rig.turn(3)
    rig.plane.command(Bridge(A, B))
    rig.turn(3)
    assert voice(rig.packets_to(HERE)[3:]) == SILENCE * 3
    assert not rig.of(PromptEnded)


def test_a_held_side_is_sent_nothing_and_hears_on_in_time() -> None:
    pair, sound = Pair(), audio(40)
    talk(pair, sound[: 10 * FRAME])
    pair.plane.command(Aim(B, *THERE, Codec.PCMA, 101, sends=False))
    talk(pair, sound[10 * FRAME : 30 * FRAME], start=10)
    assert len(pair.at_b()) == 10
    pair.plane.command(Aim(B, *THERE, Codec.PCMA, 101, sends=True))
    talk(pair, sound[30 * FRAME :], start=30)
    told = heads(pair.at_b())
    assert voice(pair.at_b()[10:]) == sound[30 * FRAME :]
    assert (told[10][3] - told[9][3]) & 0xFFFFFFFF in range(20 * FRAME, 23 * FRAME)
    assert len({head[4] for head in told}) == 1


def test_both_recordings_go_on_during_the_bridge() -> None:
    pair, one, two = Pair(), audio(50, 1), audio(50, 2)
    pair.record("a", recording="ra")
    pair.record("b", recording="rb")
    talk(pair, one, back=two)
    for call in (A, B):
        pair.plane.command(StopRecording(call))
    pair.collect()
    assert (pair.disk["ra"], pair.disk["rb"]) == (one, two)


def test_keys_pass_under_the_other_sides_payload_type_and_are_told() -> None:
    pair = Pair()
    pair.plane.command(Aim(B, *THERE, Codec.PCMA, 96))
    talk(pair, audio(5))
    before = len(pair.at_b())
    for n in range(1, 4):
        pair.say_a(
            rtp(4 + n, 800, key_event(5, n * 160, is_end=n == 3), kind=101 | (0x80 if n == 1 else 0), ssrc=1)
        )
    keys = pair.at_b()[before:]
    assert [(packet[1] & 0x7F, packet[1] >> 7) for packet in keys] == [(96, 1), (96, 0), (96, 0)]
    assert [packet[12:] for packet in keys] == [key_event(5, n * 160, is_end=n == 3) for n in range(1, 4)]
    assert len({head[3] for head in heads(keys)}) == 1
    talk(pair, audio(3), start=8)
    assert is_one_line([*pair.at_b()[:before], *pair.at_b()[before + 3 :]]) is False
    assert {(b[2] - a[2]) & 0xFFFF for a, b in itertools.pairwise(heads(pair.at_b()))} == {1}
    assert [(event.call_id, event.digit) for event in pair.of(DigitPressed)] == [("a", "5")]


def test_keys_are_only_told_where_the_other_side_knows_none() -> None:
    pair = Pair()
    pair.plane.command(Aim(B, *THERE, Codec.PCMA, None))
    talk(pair, audio(5))
    pair.say_a(rtp(5, 800, key_event(5, 160), kind=101, ssrc=1))
    assert {packet[1] & 0x7F for packet in pair.at_b()} == {8}
    assert len(pair.of(DigitPressed)) == 1


def test_a_new_stream_of_the_talker_goes_on_in_the_same_line() -> None:
    pair = Pair()
    talk(pair, audio(10))
    pair.turn(5)
    for k in range(10):
        pair.say_a(rtp(40_000 + k, 10**9 + k * FRAME, frame_of(audio(10, 4), k), ssrc=77))
        pair.turn()
    assert voice(pair.at_b()[10:]) == audio(10, 4)
    told = heads(pair.at_b())
    assert {(b[2] - a[2]) & 0xFFFF for a, b in itertools.pairwise(told)} == {1}
    assert all((b[3] - a[3]) & 0xFFFFFFFF <= 8 * FRAME for a, b in itertools.pairwise(told))


def test_strangers_pass_nothing() -> None:
    pair = Pair()
    talk(pair, audio(5))
    before = len(pair.at_b())
    pair.bring(rtp(5, 5 * FRAME, audio(1), ssrc=1), port=pair.a, at=ELSEWHERE)
    pair.say_a(rtp(5, 5 * FRAME, audio(1), ssrc=666))
    assert len(pair.at_b()) == before


def test_hanging_up_ends_the_bridge_and_leaves_the_other_with_silence() -> None:
    pair = Pair()
    talk(pair, audio(10), back=audio(10))
    pair.plane.command(ClosePort(A))
    count = len(pair.at_b())
    pair.turn(3)
    assert voice(pair.at_b()[count:]) == SILENCE * 3
    pair.plane.command(Unbridge(B))
    assert not pair.of(MediaFailed)


def test_a_moved_phone_is_heard_and_hears() -> None:
    pair, new = Pair(), ("192.0.2.44", 4044)
    talk(pair, audio(5), back=audio(5))
    pair.plane.command(Aim(A, *new, Codec.PCMA, 101))
    for k in range(5):
        pair.bring(rtp(50 + k, 10**6 + k * FRAME, frame_of(audio(5, 7), k), ssrc=5), port=pair.a, at=new)
        pair.say_b(rtp(12 + k, 99 + (5 + k) * FRAME, frame_of(audio(5, 6), k), ssrc=2))
        pair.turn()
    assert voice(pair.packets_to(new, pair.a)) == audio(5, 6)
    pair.turn()
    assert audio(3, 7)[FRAME:] in voice(pair.at_b()) or audio(5, 7)[-FRAME:] in voice(pair.at_b())


def test_a_third_call_takes_the_place_of_the_second() -> None:
    pair = Pair()
    c = pair.open("c", ELSEWHERE)
    talk(pair, audio(5))
    pair.plane.command(Bridge(A, C))
    count = len(pair.at_b())
    talk(pair, audio(5), start=5)
    assert voice(pair.at_b()[count:]) == SILENCE * 5
    assert voice(pair.packets_to(ELSEWHERE, c)) == audio(5)


def test_what_cannot_be_bridged_is_told() -> None:
    rig = Rig()
    rig.open("a", HERE)
    rig.plane.command(Bridge(A, B))
    rig.plane.command(Bridge(A, A))
    rig.plane.command(Bridge(B, A))
    assert [event.call_id for event in rig.of(MediaFailed)] == ["a", "a", "b"]


def test_a_hundred_pairs_do_not_mix() -> None:
    rig = Rig(ports=200)
    ports = [rig.open(f"c{n}", ("192.0.2.9", 2000 + n)) for n in range(200)]
    for n in range(100):
        rig.plane.command(Bridge(CallId(f"c{n}"), CallId(f"c{199 - n}")))
    sounds = [audio(10, n) for n in range(200)]
    for k in range(10):
        for n in range(200):
            rig.bring(
                rtp(k, k * FRAME, frame_of(sounds[n], k), ssrc=n), port=ports[n], at=("192.0.2.9", 2000 + n)
            )
        rig.turn()
    for n in range(200):
        assert voice(rig.packets_to(("192.0.2.9", 2000 + n), ports[n])).endswith(sounds[199 - n])


COMMANDS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), st.integers(0, 9)), min_size=5, max_size=60
)
WHERE = {"a": HERE, "b": THERE, "c": ELSEWHERE}


def command(rig: Rig, name: str, other: str, move: int, number: int) -> None:
    call = CallId(name)
    codec = Codec.PCMU if other == "b" else Codec.PCMA
    if move == 4:
        rig.record(name, recording=f"r{number}")
        return
    rig.plane.command(
        (
            Unbridge(call),
            Play(call, ["zh/short"], number, repeats=other == "a"),
            StopPlaying(call),
            Aim(call, *WHERE[name], codec, 101, sends=other != "c"),
            None,
            ClosePort(call),
        )[move]
        if move < 6
        else Bridge(call, CallId(other))  # type: ignore[arg-type]
    )


def assert_nothing_is_left(rig: Rig) -> None:
    roster = rig.plane.roster
    assert rig.plane.is_idle()
    for phase in range(roster.phases):
        assert not len(roster.sending(phase))
        assert not len(roster.relayed(phase))
        assert not len(roster.resting(phase))
    assert not rig.plane.is_bridged(np.arange(roster.slots)).any()
    assert not roster.is_relayed.any()
    assert not rig.plane.uneven(np.arange(roster.slots)).any()


@settings(max_examples=60, deadline=None)
@given(COMMANDS)
def test_no_order_of_commands_leaves_anything_behind(moves: list[tuple[str, str, int]]) -> None:
    rig = Rig()
    ports: dict[str, int] = {}
    for number, (name, other, move) in enumerate(moves):
        if name not in ports:
            ports[name] = rig.open(name, WHERE[name])
        command(rig, name, other, move, number)
        if move == 5:
            del ports[name]
        for speaker, port in ports.items():
            kind = 8 if move % 2 else 0
            packet = rtp(number, number * FRAME, audio(1, number), kind=kind)
            rig.bring(packet, port=port, at=WHERE[speaker])
        rig.turn()
    for packets in rig.heard.values():
        streams: dict[int, list[int]] = {}
        for head in heads(packets):
            streams.setdefault(head[4], []).append(head[2])
        for numbers in streams.values():
            steps = {(b - a) & 0xFFFF for a, b in itertools.pairwise(numbers)}
            assert steps <= set(range(1, 61)), "never twice, never back; a gap where the talker had one"
    for name in WHERE:
        rig.plane.command(ClosePort(CallId(name)))
    rig.turn(2)
    assert_nothing_is_left(rig)


def test_a_prompt_repeats_until_it_is_stopped() -> None:
    rig = Rig()
    rig.open()
    rig.plane.command(Play(CallId("c1"), ["zh/short", "zh/greeting"], 1, repeats=True))
    rig.turn(21)
    bank = a_bank()
    both = b"".join(
        bank.rows[codec_index(Codec.PCMA), slice(*(bank.span(name) or (0, 0)))].tobytes()
        for name in ("zh/short", "zh/greeting")
    )
    assert voice(rig.packets_to()) == both * 3
    rig.plane.command(StopPlaying(CallId("c1")))
    rig.turn(2)
    assert voice(rig.packets_to()[21:]) == SILENCE * 2
    assert not rig.of(PromptEnded)


def test_a_hold_from_the_start_sends_nothing_and_its_timestamps_go_on() -> None:
    rig = Rig()
    rig.open()
    rig.plane.command(Play(CallId("c1"), ["zh/greeting"], 1))
    rig.turn(2)
    rig.plane.command(Aim(CallId("c1"), *CALLER, Codec.PCMA, 101, sends=False))
    rig.turn(50)
    assert len(rig.packets_to()) == 2
    rig.plane.command(Aim(CallId("c1"), *CALLER, Codec.PCMA, 101))
    rig.turn(5)
    told = heads(rig.packets_to())
    assert (told[2][2] - told[1][2], told[2][3] - told[1][3]) == (1, 51 * FRAME)
    assert len(rig.of(PromptEnded)) == 1, "what was played waited"
