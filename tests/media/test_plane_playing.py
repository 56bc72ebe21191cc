"""What a caller hears: one unbroken stream from the answer to the end."""

import itertools
import struct

import numpy as np
import pytest
from voice_rig import CALLER, FRAME, Rig, a_bank, audio, rtp

from hotline.events.ids import CallId
from hotline.media.g711 import CODECS, codec_index
from hotline.media.plan import (
    Aim,
    ClosePort,
    Codec,
    MediaFailed,
    OpenPort,
    Play,
    PortOpened,
    PromptEnded,
    StopPlaying,
)

C1 = CallId("c1")


def prompt(name: str, codec: Codec = Codec.PCMA) -> bytes:
    bank = a_bank()
    span = bank.span(name)
    assert span is not None
    return bank.rows[codec_index(codec), span[0] : span[1]].tobytes()


def payloads(rig: Rig) -> list[bytes]:
    return [packet[12:] for packet in rig.packets_to()]


def play(rig: Rig, *names: str, tag: int = 1) -> None:
    rig.plane.command(Play(C1, names, tag))


@pytest.mark.parametrize(("codec", "silence"), [(Codec.PCMA, b"\xd5"), (Codec.PCMU, b"\xff")])
def test_prompts_follow_each_other_without_a_gap(codec: Codec, silence: bytes) -> None:
    rig = Rig()
    rig.open(codec=codec)
    play(rig, "zh/greeting", "zh/short", tag=5)
    rig.turn(12)
    want = prompt("zh/greeting", codec) + prompt("zh/short", codec)
    assert b"".join(payloads(rig)) == want + silence * FRAME * 5
    assert [event.tag for event in rig.of(PromptEnded)] == [5]
    assert {packet[1] & 0x7F for packet in rig.packets_to()} == {codec.value}


def test_the_end_is_told_with_the_last_frame() -> None:
    rig = Rig()
    rig.open()
    play(rig, "zh/greeting")
    rig.turn(4)
    assert not rig.of(PromptEnded)
    rig.turn()
    assert len(rig.of(PromptEnded)) == 1


def test_one_line_of_numbers_runs_over_prompts_silence_and_barge_in() -> None:
    rig = Rig()
    rig.open()
    play(rig, "zh/greeting")
    rig.turn(3)
    rig.plane.command(StopPlaying(C1))
    rig.turn(70_000 // 160)
    play(rig, "zh/short")
    rig.turn(10)
    rig.plane.command(Aim(C1, *CALLER, Codec.PCMU, 101))
    rig.turn(10)
    heads = [struct.unpack("!BBHII", packet[:12]) for packet in rig.packets_to()]
    assert len(heads) == 3 + 437 + 20, "one packet every 20 ms"
    assert {(b[2] - a[2]) & 0xFFFF for a, b in itertools.pairwise(heads)} == {1}
    assert {(b[3] - a[3]) & 0xFFFFFFFF for a, b in itertools.pairwise(heads)} == {FRAME}
    assert len({head[4] for head in heads}) == 1
    assert [head[1] >> 7 for head in heads] == [1] + [0] * (len(heads) - 1)


def test_the_sequence_number_wraps() -> None:
    rig = Rig()
    rig.open()
    play(rig)
    rig.turn(6_000)
    numbers = [int.from_bytes(packet[2:4], "big") for packet in rig.packets_to()]
    assert {(b - a) & 0xFFFF for a, b in itertools.pairwise(numbers)} == {1}


def test_silence_falls_within_one_frame_and_no_end_is_told() -> None:
    rig = Rig()
    rig.open()
    play(rig, "zh/greeting", "zh/short")
    rig.turn(2)
    rig.plane.command(StopPlaying(C1))
    rig.turn(20)
    assert payloads(rig)[2:] == [b"\xd5" * FRAME] * 20
    assert not rig.of(PromptEnded)


def test_a_new_prompt_takes_the_place_of_the_old_one() -> None:
    rig = Rig()
    rig.open()
    play(rig, "zh/greeting", "zh/greeting", tag=1)
    rig.turn(2)
    play(rig, "zh/short", tag=2)
    rig.turn(10)
    assert b"".join(payloads(rig)[2:4]) == prompt("zh/short")
    assert [event.tag for event in rig.of(PromptEnded)] == [2]


def test_a_prompt_that_does_not_exist_ends_at_once_and_is_complained_about() -> None:
    rig = Rig()
    rig.open()
    play(rig, "zh/none", tag=9)
    assert [event.tag for event in rig.of(PromptEnded)] == [9]
    ((call_id, text),) = rig.plane.take_complaints()
    assert call_id == "c1"
    assert "zh/none" in text
    assert not rig.of(MediaFailed)


def test_a_missing_prompt_among_others_is_passed_over() -> None:
    rig = Rig()
    rig.open()
    play(rig, "zh/none", "zh/short", "zh/empty", "zh/none")
    rig.turn(5)
    assert b"".join(payloads(rig)[:2]) == prompt("zh/short")
    assert len(rig.of(PromptEnded)) == 1


def test_nothing_is_sent_before_the_answer_can_be_on_its_way() -> None:
    rig = Rig()
    rig.open()
    rig.turn(10)
    assert not rig.packets_to()
    rig.bring(rtp(1, 0, audio(1)))
    rig.turn(3)
    assert len(rig.packets_to()) == 3, "the caller speaks, so she has our address"


def test_nothing_is_sent_after_the_end() -> None:
    rig = Rig()
    rig.open()
    play(rig, "zh/greeting")
    rig.turn(2)
    rig.plane.command(ClosePort(C1))
    rig.turn(5)
    assert len(rig.packets_to()) == 2


def test_a_delayed_offer_hears_its_prompt_from_the_start() -> None:
    rig = Rig()
    rig.open(at=("", 0))
    play(rig, "zh/short")
    rig.turn(5)
    rig.plane.command(Aim(C1, *CALLER, Codec.PCMU, 96))
    rig.turn(3)
    assert b"".join(payloads(rig)[:2]) == prompt("zh/short", Codec.PCMU)


def test_hold_stops_the_stream_and_resume_goes_on() -> None:
    rig = Rig()
    rig.open()
    play(rig)
    rig.turn(3)
    rig.plane.command(Aim(C1, "0.0.0.0", 9, Codec.PCMA, 101))
    rig.turn(10)
    assert len(rig.packets_to()) == 3
    rig.plane.command(Aim(C1, *CALLER, Codec.PCMA, 101))
    rig.turn(2)
    assert len(rig.packets_to()) == 5


def test_a_bad_address_is_told_and_changes_nothing() -> None:
    rig = Rig()
    rig.plane.command(OpenPort(CallId("six"), "2001:db8::1", 4000, Codec.PCMA, None))
    assert "IPv4" in rig.of(MediaFailed)[0].reason
    rig.open()
    play(rig)
    rig.plane.command(Aim(C1, "nonsense", 1, Codec.PCMA, None))
    rig.turn(2)
    assert len(rig.packets_to()) == 2


def test_two_hundred_calls_each_hear_their_own() -> None:
    rig = Rig(ports=200)
    for n in range(200):
        rig.open(f"c{n}", ("192.0.2.9", 2000 + n), codec=CODECS[n % 2])
        rig.plane.command(Play(CallId(f"c{n}"), ["zh/greeting"] if n % 3 else ["zh/short"], n))
    rig.turn(5)
    for n in range(200):
        codec = CODECS[n % 2]
        (stream,) = [heard for (remote, _), heard in rig.heard.items() if remote >> 32 == 2000 + n]
        want = prompt("zh/greeting", codec) if n % 3 else prompt("zh/short", codec)
        assert b"".join(packet[12:] for packet in stream)[: len(want)] == want
    assert sorted(event.tag for event in rig.of(PromptEnded)) == list(range(200))


def test_ports_run_out_politely_and_are_used_again() -> None:
    rig = Rig(ports=3)
    ports = [rig.open(f"c{n}", ("192.0.2.9", 2000 + n)) for n in range(3)]
    rig.plane.command(OpenPort(CallId("c3"), "192.0.2.9", 3000, Codec.PCMA, None))
    assert rig.of(MediaFailed)[0].reason == "all 3 media ports are taken"
    rig.plane.command(ClosePort(CallId("c1")))
    assert rig.open("c4", ("192.0.2.9", 3001)) == ports[1]


def test_a_freed_port_is_used_again_as_late_as_possible() -> None:
    rig = Rig(ports=5)
    used = []
    for n in range(10):
        used.append(rig.open(f"c{n}"))
        rig.plane.command(ClosePort(CallId(f"c{n}")))
    assert used == rig.ports * 2


def test_a_call_has_one_port() -> None:
    rig = Rig()
    rig.open()
    rig.plane.command(OpenPort(C1, *CALLER, Codec.PCMA, 101))
    assert len(rig.of(MediaFailed)) == 1
    assert len(rig.of(PortOpened)) == 1


def test_a_thousand_calls_leave_nothing_behind() -> None:
    rig = Rig(ports=4)
    for n in range(1000):
        rig.open(f"c{n}")
        rig.record(f"c{n}", recording=f"r{n}")
        rig.plane.command(Play(CallId(f"c{n}"), ["zh/greeting"], 1))
        rig.bring(rtp(1, 1, audio(1)), port=rig.of(PortOpened)[-1].local_port)
        rig.turn()
        rig.plane.command(ClosePort(CallId(f"c{n}")))
        rig.events.clear()
    rig.turn()
    assert rig.plane.is_idle()
    assert not any(len(rig.plane.roster.sending(phase)) for phase in range(rig.plane.roster.phases))
    assert not any(rig.plane.roster.listening(phase) for phase in range(rig.plane.roster.phases))
    assert np.count_nonzero(rig.plane.roster.remote) == 0
    assert len(rig.sealed) == 1000
    assert all(sound == audio(1) for sound in rig.disk.values())
