"""Recordings are what the caller sent, byte for byte, at the places that the timestamps tell."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voice_rig import CALLER, FRAME, Rig, audio, frame_of, rtp

from hotline.events.ids import CallId, RecordingId
from hotline.media.g711 import CODECS, transcode
from hotline.media.plan import (
    Aim,
    ClosePort,
    Codec,
    FinishRecording,
    MediaFailed,
    Record,
    RecordingClosed,
    SpeechEnded,
    SpeechStarted,
    StopRecording,
)
from hotline.media.recording import AppendSamples, SealRecording

SILENCE = {Codec.PCMA: b"\xd5", Codec.PCMU: b"\xff"}
C1 = CallId("c1")


def stop(rig: Rig) -> bytes:
    rig.plane.command(StopRecording(C1))
    rig.collect()
    return rig.disk["r"]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("loss", [0.0, 0.01, 0.05, 0.20])
def test_ten_seconds_are_exact_with_silence_for_what_was_lost(codec: Codec, loss: float) -> None:
    rig, chance, sound = Rig(), random.Random(9), audio(500)
    rig.open(codec=codec)
    rig.record()
    want = bytearray(sound)
    start = 2**32 - 100 * FRAME  # the timestamp wraps under way, the sequence number as well
    for k in range(500):
        if 0 < k < 499 and chance.random() < loss:
            want[k * FRAME : (k + 1) * FRAME] = SILENCE[codec] * FRAME
        else:
            rig.bring(rtp(65_400 + k, start + k * FRAME, frame_of(sound, k), kind=codec.value))
        rig.turn()
    assert stop(rig) == bytes(want)
    assert rig.sealed[0].codec is codec


def test_reordered_and_doubled_packets_do_no_harm() -> None:
    rig, chance, sound = Rig(), random.Random(4), audio(600)
    rig.open()
    rig.record()
    arrivals = sorted((k + chance.choice([0, 0, 0, 0, 1.5, 2.5, 9.5]), k) for k in range(600))
    arrivals += [(when + chance.choice([0.1, 3.1]), k) for when, k in arrivals if chance.random() < 0.1]
    arrivals.sort()
    for tick in range(620):
        rig.bring(
            *(rtp(k, 5000 + k * FRAME, frame_of(sound, k)) for when, k in arrivals if tick <= when < tick + 1)
        )
        rig.turn()
    assert stop(rig) == sound


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_mischief_within_the_grace_leaves_an_exact_recording(data: st.DataObject) -> None:
    length = data.draw(st.sampled_from([80, 160, 240, 320, 480, 33, 200]))
    count = data.draw(st.integers(5, 60))
    start = data.draw(st.sampled_from([0, 2**32 - 2000, 2**31 - 3000, 777]))
    chance = data.draw(st.randoms(use_true_random=False))
    sound, rig = audio(count * length // FRAME + 1)[: count * length], Rig()
    rig.open()
    rig.record()
    want, arrivals = bytearray(sound), []
    for k in range(count):
        if 0 < k < count - 1 and chance.random() < 0.1:
            want[k * length : (k + 1) * length] = b"\xd5" * length
            continue
        due = k * length // FRAME
        arrivals += [(due + (chance.randrange(8) if k else 0), k) for _ in range(1 + (chance.random() < 0.2))]
    last = max(when for when, _ in arrivals)
    for tick in range(last + 1):
        rig.bring(
            *(rtp(k, start + k * length, frame_of(sound, k, length)) for when, k in arrivals if when == tick)
        )
        rig.turn()
    assert stop(rig) == bytes(want)


def test_the_disk_is_at_most_a_second_behind() -> None:
    rig, sound = Rig(), audio(500)
    rig.open()
    rig.record()
    for k in range(500):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
        rig.turn()
        assert (k + 1) * 20 - len(rig.disk["r"]) // 8 <= 600
    assert sound.startswith(rig.disk["r"])


def test_nothing_before_record_is_recorded() -> None:
    rig, sound = Rig(), audio(100)
    rig.open()
    for k in range(100):
        if k == 40:
            rig.record()
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
        rig.turn()
    assert stop(rig) == sound[40 * FRAME :]


def test_a_caller_who_was_silent_at_first_leaves_no_leading_gap() -> None:
    rig, sound = Rig(), audio(20)
    rig.open()
    rig.bring(rtp(1, 0, frame_of(sound, 0)))
    rig.record()
    rig.turn(100)
    for k in range(1, 20):
        rig.bring(rtp(1 + k, 100 * FRAME + k * FRAME, frame_of(sound, k)))
        rig.turn()
    assert stop(rig) == sound[FRAME:]


def test_the_second_packet_may_come_first() -> None:
    rig, sound = Rig(), audio(10)
    rig.open()
    rig.bring(rtp(0, 0, frame_of(sound, 0)))
    rig.turn()
    rig.record()
    for k in (2, 1, 3, 4, 5, 6, 7, 8, 9):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
        rig.turn()
    assert stop(rig) == sound[FRAME:]


def test_two_recordings_share_no_sample() -> None:
    rig, sound = Rig(), audio(200)
    rig.open()
    for k in range(200):
        if k == 10:
            rig.record(recording="a")
        if k == 100:
            rig.record(recording="b")
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
        rig.turn()
    rig.plane.command(StopRecording(C1))
    rig.collect()
    assert rig.disk["a"] == sound[10 * FRAME : 100 * FRAME]
    assert rig.disk["b"] == sound[100 * FRAME :]
    assert [seal.recording_id for seal in rig.sealed] == ["a", "b"]


def test_the_longest_recording_closes_itself() -> None:
    rig, sound = Rig(), audio(200)
    rig.open()
    rig.record(longest_s=2.0)
    for k in range(200):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
        rig.turn()
    assert len(rig.sealed) == 1
    assert rig.disk["r"] == sound[: 100 * FRAME]


def test_a_fast_sender_gets_no_longer_recording() -> None:
    rig, sound = Rig(), audio(300)
    rig.open()
    rig.record(longest_s=2.0)
    for k in range(150):
        rig.bring(*(rtp(n, n * FRAME, frame_of(sound, n)) for n in (2 * k, 2 * k + 1)))
        rig.turn()
    assert rig.disk["r"] == sound[: 100 * FRAME]


def test_a_recording_of_nobody_closes_itself_empty() -> None:
    rig = Rig()
    rig.open()
    rig.record(longest_s=2.0)
    rig.turn(99)
    assert not rig.sealed
    rig.turn()
    assert len(rig.sealed) == 1
    assert not rig.disk


def test_hanging_up_closes_the_recording() -> None:
    rig, sound = Rig(), audio(7)
    rig.open()
    rig.record()
    for k in range(7):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
    rig.plane.command(ClosePort(C1))
    rig.collect()
    assert rig.disk["r"] == sound
    assert len(rig.sealed) == 1
    assert not rig.of(RecordingClosed), "only the recorder may tell that"


def test_a_mute_of_ten_seconds_is_ten_seconds_of_silence() -> None:
    rig, sound = Rig(), audio(100)
    rig.open()
    rig.record()
    for k in range(50):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
        rig.turn()
    rig.turn(500)
    for k in range(50, 100):
        rig.bring(rtp(k, (k + 500) * FRAME, frame_of(sound, k)))
        rig.turn()
    assert stop(rig) == sound[: 50 * FRAME] + b"\xd5" * 500 * FRAME + sound[50 * FRAME :]


@pytest.mark.parametrize("stall", [10, 30, 48])
def test_a_burst_after_a_stall_is_recorded_whole(stall: int) -> None:
    rig, sound = Rig(), audio(300)
    rig.open()
    rig.record()
    for k in range(100):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
        rig.turn()
    rig.turn(stall)
    rig.bring(*(rtp(k, k * FRAME, frame_of(sound, k)) for k in range(100, 100 + stall)))
    for k in range(100 + stall, 300):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
        rig.turn()
    assert stop(rig) == sound


@pytest.mark.parametrize("stall", [60, 100, 150])
def test_after_a_longer_stall_no_word_is_lost_either(stall: int) -> None:
    rig, sound = Rig(), audio(300)
    rig.open()
    rig.record()
    for k in range(300):
        if not 100 <= k < 100 + stall:
            rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
        if k == 99 + stall:
            rig.bring(*(rtp(n, n * FRAME, frame_of(sound, n)) for n in range(100, 100 + stall)))
        rig.turn()
    got = stop(rig)
    assert got.startswith(sound[: 100 * FRAME])
    assert got.endswith(sound[100 * FRAME :])
    assert set(got[100 * FRAME : -200 * FRAME]) == {0xD5}
    assert len(got) <= (300 + stall) * FRAME


def test_a_new_stream_goes_on_where_the_recording_is() -> None:
    rig, sound = Rig(), audio(100)
    rig.open()
    rig.record()
    for k in range(50):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
        rig.turn()
    rig.turn(4)
    for k in range(50, 100):
        rig.bring(rtp(9000 + k, 123_456 + k * FRAME, frame_of(sound, k), ssrc=4711))
        rig.turn()
    assert stop(rig) == sound


def test_a_second_stream_beside_a_living_one_is_refused() -> None:
    rig, sound = Rig(), audio(100)
    rig.open()
    rig.record()
    for k in range(100):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)), rtp(k, 99 * k * FRAME, bytes(FRAME), ssrc=666))
        rig.turn()
    assert stop(rig) == sound
    assert rig.plane.counts["overlapping"] == 100


@pytest.mark.parametrize("jump", [-(10**6), -5000, 10**6, 2**31 - 1])
def test_a_jump_of_the_senders_clock_loses_nothing(jump: int) -> None:
    rig, sound = Rig(), audio(200)
    rig.open()
    rig.record()
    for k in range(200):
        rig.bring(rtp(k, k * FRAME + (jump if k >= 100 else 0), frame_of(sound, k)))
        rig.turn()
    assert stop(rig) == sound


def test_an_old_packet_out_of_nowhere_is_dropped() -> None:
    rig, sound = Rig(), audio(100)
    rig.open()
    rig.record()
    for k in range(100):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
        rig.turn()
    rig.bring(rtp(10, 10 * FRAME, bytes(FRAME)))
    assert stop(rig) == sound
    assert rig.plane.counts["late"] == 1


def test_headers_with_sources_extensions_or_padding_are_read() -> None:
    rig, sound = Rig(), audio(4)
    rig.open()
    rig.record()
    rig.bring(rtp(0, 0, frame_of(sound, 0)))
    rig.bring(rtp(1, FRAME, frame_of(sound, 1), first=0x91, extra=b"\0\0\0\1" + b"\xbe\xde\0\1abcd"))
    rig.bring(rtp(2, 2 * FRAME, frame_of(sound, 2) + b"\0\0\0\4", first=0xA0))
    rig.bring(rtp(3, 3 * FRAME, frame_of(sound, 3), kind=0x88))
    assert stop(rig) == sound


def test_comfort_noise_and_rtcp_write_nothing() -> None:
    rig, sound = Rig(), audio(12)
    rig.open()
    rig.record()
    rig.bring(rtp(0, 0, frame_of(sound, 0)))
    rig.bring(
        rtp(1, FRAME, b"\x10", kind=13),
        rtp(2, 2 * FRAME, bytes(24), kind=200),
        rtp(3, 3 * FRAME, bytes(FRAME), kind=0),
    )
    rig.bring(b"", b"\x80", bytes(1500), rtp(4, 4 * FRAME, b""))
    rig.bring(rtp(4, 4 * FRAME, frame_of(sound, 4)))
    assert stop(rig) == sound[:FRAME] + b"\xd5" * 3 * FRAME + sound[4 * FRAME : 5 * FRAME]
    assert rig.plane.counts["malformed"] == 4
    assert rig.plane.counts["ignored"] == 3


def test_a_change_of_law_in_mid_sentence_keeps_the_files_law() -> None:
    rig, sound = Rig(), audio(60)
    rig.open()
    rig.record()
    for k in range(30):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
        rig.turn()
    rig.plane.command(Aim(C1, *CALLER, Codec.PCMU, 101))
    for k in range(30, 60):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k), kind=0))
        rig.turn()
    got = np.frombuffer(stop(rig), np.uint8)
    ulaw = np.frombuffer(sound, np.uint8)
    there_and_back = transcode(transcode(ulaw, Codec.PCMA, Codec.PCMU), Codec.PCMU, Codec.PCMA)
    settled = 20 * FRAME  # taken from the ring before the change
    same = (got[:settled] == ulaw[:settled]) | (got[:settled] == there_and_back[:settled])
    assert same.all()
    assert (got[settled : 30 * FRAME] == there_and_back[settled : 30 * FRAME]).all()
    assert (got[30 * FRAME :] == transcode(ulaw[30 * FRAME :], Codec.PCMU, Codec.PCMA)).all()
    assert rig.sealed[0].codec is Codec.PCMA


def test_speech_is_measured() -> None:
    rig, loud = Rig(), audio(100)
    rig.open()
    rig.record()
    for k in range(100):
        rig.bring(rtp(k, k * FRAME, frame_of(loud, k) if 25 <= k < 75 else b"\xd5" * FRAME))
        rig.turn()
    stop(rig)
    assert 1000 <= rig.sealed[0].speech_ms <= 1320
    assert len(rig.of(SpeechStarted)) == len(rig.of(SpeechEnded)) == 1


def test_speech_ends_when_packets_end() -> None:
    rig, loud = Rig(), audio(50)
    rig.open()
    for k in range(50):
        rig.bring(rtp(k, k * FRAME, frame_of(loud, k)))
        rig.turn()
    rig.turn(40)
    assert len(rig.of(SpeechEnded)) == 1


def test_a_name_that_leads_out_of_the_folder_is_refused() -> None:
    rig = Rig()
    rig.open()
    rig.record(recording="../../etc/passwd")
    assert "cannot be the name" in rig.of(MediaFailed)[0].reason
    rig.bring(rtp(0, 0, bytes(FRAME)))
    rig.plane.command(StopRecording(C1))
    rig.collect()
    assert not rig.disk
    assert not rig.sealed


def test_commands_for_a_call_without_port_are_answered_or_absorbed() -> None:
    rig = Rig()
    rig.record("ghost")
    assert [event.call_id for event in rig.of(MediaFailed)] == ["ghost"]
    for command in (StopRecording(CallId("ghost")), ClosePort(CallId("ghost"))):
        rig.plane.command(command)
    assert len(rig.of(MediaFailed)) == 1


def test_calls_do_not_mix() -> None:
    rig = Rig(ports=200)
    sounds = [audio(60, seed) for seed in range(200)]
    ports = [rig.open(f"c{n}", (f"192.0.2.{n % 50}", 10_000 + n)) for n in range(200)]
    for n in range(200):
        rig.plane.command(Record(CallId(f"c{n}"), f"r{n}", 60.0))  # type: ignore[arg-type]
    for k in range(60):
        for n in range(200):
            rig.bring(
                rtp(k, n * 1000 + k * FRAME, frame_of(sounds[n], k), ssrc=n),
                port=ports[n],
                at=(f"192.0.2.{n % 50}", 10_000 + n),
            )
        rig.turn()
    for n in range(200):
        rig.plane.command(ClosePort(CallId(f"c{n}")))
    rig.collect()
    assert all(rig.disk[f"r{n}"] == sounds[n] for n in range(200))
    assert len(set(ports)) == 200


def resumed(rig: Rig) -> list[AppendSamples]:
    return [order for order in rig.plane.take_orders() if isinstance(order, AppendSamples)]


def test_a_resumed_recording_tells_where_its_samples_belong() -> None:
    rig, sound = Rig(), audio(60)
    rig.open()
    rig.plane.command(Record(C1, RecordingId("r"), 60.0, resumed_s=10.0, spoken_ms=700))
    orders = []
    for k in range(60):
        if k >= 5:  # a re-INVITE takes its time
            rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
        for phase in range(rig.plane.roster.phases):
            rig.plane.tick(phase)
        orders += resumed(rig)
    rig.plane.command(StopRecording(C1))
    *rest, seal = rig.plane.take_orders()
    orders += [order for order in rest if isinstance(order, AppendSamples)]
    assert orders[0].at is not None
    assert abs(orders[0].at - (10 * 8000 + 5 * FRAME)) <= 3 * FRAME
    assert {order.at for order in orders[1:]} == {None}
    assert {order.lead for order in orders} == {0}
    assert b"".join(order.data for order in orders) == sound[5 * FRAME :]
    assert isinstance(seal, SealRecording)
    assert seal.is_resumed
    assert seal.speech_ms >= 700


def test_a_resumed_recording_ends_when_it_would_have_ended() -> None:
    rig, sound = Rig(), audio(200)
    rig.open()
    rig.plane.command(Record(C1, RecordingId("r"), 12.0, resumed_s=10.0))
    for k in range(200):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)))
        rig.turn()
        if rig.sealed:
            break
    assert abs(k - 100) <= 2


def test_a_recording_that_another_plane_left_is_sealed_without_a_leg() -> None:
    rig = Rig()
    rig.plane.command(FinishRecording(C1, RecordingId("r"), Codec.PCMU, 1234))
    assert rig.plane.take_orders() == [SealRecording(C1, RecordingId("r"), Codec.PCMU, 1234, is_resumed=True)]
