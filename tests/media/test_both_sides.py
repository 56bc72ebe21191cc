"""Both sides of a talk: each as it came, in a file of its own, and sample for sample at the same time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voice_rig import FRAME, Rig, audio, frame_of, rtp

from hotline.events.ids import CallId, RecordingId
from hotline.media.g711 import CODECS
from hotline.media.plan import (
    Bridge,
    ClosePort,
    Codec,
    MediaFailed,
    PauseRecording,
    Record,
    RecordingPaused,
    RecordingResumed,
    ResumeRecording,
    StopRecording,
    Unbridge,
)

SILENCE = {Codec.PCMA: b"\xd5", Codec.PCMU: b"\xff"}
NEAR, FAR, THIRD = CallId("near"), CallId("far"), CallId("third")
PLACES = {NEAR: ("192.0.2.7", 40000), FAR: ("192.0.2.8", 40002), THIRD: ("192.0.2.9", 40004)}
OF_FAR = "r.far"


class Talk(Rig):
    """Three legs; each says its own sound, frame by frame, on a clock of its own."""

    def __init__(self, codecs: dict[CallId, Codec] | None = None) -> None:
        super().__init__()
        self.codecs = dict.fromkeys(PLACES, Codec.PCMA) | (codecs or {})
        self.ports_of = {name: self.open(name, at, self.codecs[name]) for name, at in PLACES.items()}
        self.sound = {name: audio(1500, seed) for seed, name in enumerate(PLACES)}
        self.clock = {NEAR: 2**32 - 4000, FAR: 77_777, THIRD: 123}

    def say(self, name: CallId, *frames: int) -> None:
        self.bring(
            *(
                rtp(
                    60_000 + k,
                    self.clock[name] + k * FRAME,
                    frame_of(self.sound[name], k),
                    kind=self.codecs[name].value,
                    ssrc=len(name),
                )
                for k in frames
            ),
            port=self.ports_of[name],
            at=PLACES[name],
        )

    def said(self, name: CallId, first: int, last: int) -> bytes:
        return self.sound[name][first * FRAME : last * FRAME]

    def record_both(self, longest_s: float = 60.0) -> None:
        self.plane.command(Record(NEAR, RecordingId("r"), longest_s, both=True))

    def bridge(self, one: CallId = NEAR, other: CallId = FAR) -> None:
        self.plane.command(Bridge(one, other))

    def talk(self, first: int, last: int, *names: CallId) -> None:
        for k in range(first, last):
            for name in names:
                self.say(name, k)
            self.turn()

    def stop(self) -> tuple[bytes, bytes]:
        self.plane.command(StopRecording(NEAR))
        self.collect()
        return self.disk["r"], self.disk[OF_FAR]


@pytest.mark.parametrize("far", CODECS)
@pytest.mark.parametrize("near", CODECS)
@pytest.mark.parametrize("loss", [0.0, 0.01, 0.05, 0.20])
def test_ten_seconds_of_both_are_exact_whatever_is_lost(near: Codec, far: Codec, loss: float) -> None:
    rig, chance = Talk({NEAR: near, FAR: far}), random.Random(11)
    want = {name: bytearray(rig.said(name, 0, 500)) for name in (NEAR, FAR)}
    rig.bridge()
    rig.record_both()
    for k in range(500):
        for name in (NEAR, FAR):
            if 0 < k < 499 and chance.random() < loss:
                want[name][k * FRAME : (k + 1) * FRAME] = SILENCE[rig.codecs[name]] * FRAME
            else:
                rig.say(name, k)
        rig.turn()
    assert rig.stop() == (bytes(want[NEAR]), bytes(want[FAR]))
    assert [order.codec for order in rig.sealed] == [near]


def test_reordered_and_doubled_packets_of_both_do_no_harm() -> None:
    rig, chance = Talk(), random.Random(5)
    arrivals = []
    for name in (NEAR, FAR):
        arrivals += [(k + (k and chance.choice([0, 0, 0, 1.5, 2.5, 9.5])), name, k) for k in range(600)]
    arrivals += [
        (when + chance.choice([0.1, 3.1]), *rest) for when, *rest in arrivals if chance.random() < 0.1
    ]
    arrivals.sort()
    rig.bridge()
    rig.record_both()
    for tick in range(620):
        for _, name, k in [one for one in arrivals if tick <= one[0] < tick + 1]:
            rig.say(name, k)
        rig.turn()
    assert rig.stop() == (rig.said(NEAR, 0, 600), rig.said(FAR, 0, 600))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_whenever_each_begins_samples_of_one_number_were_said_together(data: st.DataObject) -> None:
    rig = Talk()
    begins = {name: data.draw(st.integers(0, 120), label=name) for name in (NEAR, FAR)}
    bridged = data.draw(st.integers(0, 60))
    rig.record_both()
    for k in range(200):
        if k == bridged:
            rig.bridge()
        for name in (NEAR, FAR):
            if k >= begins[name]:
                rig.say(name, k)
        rig.turn()
    near, far = rig.stop()
    for name, got, first in ((NEAR, near, begins[NEAR]), (FAR, far, max(begins[FAR], bridged))):
        sound = rig.said(name, first, 200)
        assert got.endswith(sound)
        lead = len(got) - len(sound)
        assert set(got[:lead]) <= {0xD5}
        assert abs(lead - first * FRAME) <= 2 * FRAME


def test_a_caller_who_says_nothing_still_has_the_time_of_the_other() -> None:
    rig = Talk()
    rig.bridge()
    rig.record_both()
    rig.talk(0, 100, FAR)
    near, far = rig.stop()
    assert (near, far) == (b"", rig.said(FAR, 0, 100))


def test_after_a_transfer_the_next_one_speaks_at_the_right_time() -> None:
    rig = Talk()
    rig.bridge()
    rig.record_both()
    rig.talk(0, 100, NEAR, FAR)
    rig.plane.command(Unbridge(NEAR))
    rig.talk(100, 200, NEAR, FAR, THIRD)
    rig.bridge(NEAR, THIRD)
    rig.plane.command(ClosePort(FAR))
    rig.talk(200, 300, NEAR, THIRD)
    near, far = rig.stop()
    assert near == rig.said(NEAR, 0, 300)
    assert far.startswith(rig.said(FAR, 0, 100))
    assert far.endswith(rig.said(THIRD, 200, 300))
    assert set(far[100 * FRAME : -100 * FRAME]) == {0xD5}
    assert abs(len(far) - 300 * FRAME) <= 2 * FRAME


def test_one_law_holds_for_all_who_speak_into_a_file() -> None:
    rig = Talk({THIRD: Codec.PCMU})
    rig.bridge()
    rig.record_both()
    rig.talk(0, 50, NEAR, FAR)
    rig.bridge(NEAR, THIRD)
    rig.talk(50, 100, NEAR, THIRD)
    rig.stop()
    assert {order.codec for order in rig.sealed} == {Codec.PCMA}
    assert rig.laws[OF_FAR] == {Codec.PCMA}


def test_who_is_heard_by_a_recorded_caller_is_recorded_only_where_that_is_wanted() -> None:
    rig = Talk()
    rig.bridge()
    rig.record("near")
    rig.talk(0, 50, NEAR, FAR)
    assert rig.stop() == (rig.said(NEAR, 0, 50), b"")


def test_the_end_of_the_other_leg_keeps_what_it_said_last() -> None:
    rig = Talk()
    rig.bridge()
    rig.record_both()
    rig.talk(0, 33, NEAR, FAR)
    rig.plane.command(ClosePort(FAR))
    rig.talk(33, 60, NEAR)
    assert rig.stop() == (rig.said(NEAR, 0, 60), rig.said(FAR, 0, 33))


def test_the_end_of_the_callers_leg_closes_both() -> None:
    rig = Talk()
    rig.bridge()
    rig.record_both()
    rig.talk(0, 33, NEAR, FAR)
    rig.plane.command(ClosePort(NEAR))
    rig.talk(33, 60, FAR)
    rig.collect()
    assert (rig.disk["r"], rig.disk[OF_FAR]) == (rig.said(NEAR, 0, 33), rig.said(FAR, 0, 33))
    assert len(rig.sealed) == 1


def test_the_longest_recording_holds_for_both() -> None:
    rig = Talk()
    rig.bridge()
    rig.record_both(longest_s=2.0)
    rig.talk(0, 150, NEAR, FAR)
    assert len(rig.sealed) == 1
    assert (rig.disk["r"], rig.disk[OF_FAR]) == (rig.said(NEAR, 0, 100), rig.said(FAR, 0, 100))


def test_a_leg_that_is_recorded_beside_another_has_no_recording_of_its_own() -> None:
    rig = Talk()
    rig.bridge()
    rig.record_both()
    rig.plane.command(Record(FAR, RecordingId("other"), 60.0))
    (failed,) = rig.of(MediaFailed)
    assert "beside near" in failed.reason
    rig.talk(0, 40, NEAR, FAR)
    assert rig.stop() == (rig.said(NEAR, 0, 40), rig.said(FAR, 0, 40))


# -- pauses -------------------------------------------------------------------------------------------


def test_a_pause_is_silence_of_the_same_length_on_both_sides() -> None:
    rig = Talk()
    rig.bridge()
    rig.record_both()
    rig.talk(0, 60, NEAR, FAR)
    rig.plane.command(PauseRecording(NEAR, 60.0))
    rig.talk(60, 130, NEAR, FAR)
    rig.plane.command(ResumeRecording(NEAR))
    rig.talk(130, 200, NEAR, FAR)
    for name, got in zip((NEAR, FAR), rig.stop(), strict=True):
        assert got == rig.said(name, 0, 60) + b"\xd5" * 70 * FRAME + rig.said(name, 130, 200)
    assert rig.of(RecordingPaused) == [RecordingPaused(NEAR, RecordingId("r"), 1200)]
    assert rig.of(RecordingResumed) == [RecordingResumed(NEAR, RecordingId("r"), 2600)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=8), st.sampled_from(CODECS))
def test_any_pauses_hide_exactly_what_was_said_in_them(lengths: list[int], codec: Codec) -> None:
    rig, now = Talk({NEAR: codec}), 0
    rig.record("near")
    want = b""
    for k, length in enumerate(lengths):
        if k:
            rig.plane.command(PauseRecording(NEAR, 60.0) if k % 2 else ResumeRecording(NEAR))
        rig.talk(now, now + length, NEAR)
        want += SILENCE[codec] * length * FRAME if k % 2 else rig.said(NEAR, now, now + length)
        now += length
    assert rig.stop()[0] == want


def test_what_was_sent_in_a_pause_and_comes_late_is_hidden_too() -> None:
    rig = Talk()
    rig.record("near")
    rig.talk(0, 20, NEAR)
    rig.plane.command(PauseRecording(NEAR, 60.0))
    rig.talk(20, 24, NEAR)
    rig.say(NEAR, 25)
    rig.turn()
    rig.plane.command(ResumeRecording(NEAR))
    rig.say(NEAR, 24)
    rig.talk(26, 40, NEAR)
    assert rig.stop()[0] == rig.said(NEAR, 0, 20) + b"\xd5" * 6 * FRAME + rig.said(NEAR, 26, 40)


def test_who_joins_during_a_pause_is_hidden_from_the_first_word_on() -> None:
    rig = Talk()
    rig.record_both()
    rig.talk(0, 20, NEAR)
    rig.plane.command(PauseRecording(NEAR, 60.0))
    rig.bridge()
    rig.talk(20, 50, NEAR, FAR)
    rig.plane.command(ResumeRecording(NEAR))
    rig.talk(50, 80, NEAR, FAR)
    near, far = rig.stop()
    assert near == rig.said(NEAR, 0, 20) + b"\xd5" * 30 * FRAME + rig.said(NEAR, 50, 80)
    assert far.endswith(rig.said(FAR, 50, 80))
    assert set(far[: -30 * FRAME]) == {0xD5}


def test_a_forgotten_pause_ends_by_itself_and_says_so() -> None:
    rig = Talk()
    rig.record("near")
    rig.talk(0, 20, NEAR)
    rig.plane.command(PauseRecording(NEAR, 1.0))
    rig.talk(20, 100, NEAR)
    assert rig.stop()[0] == rig.said(NEAR, 0, 20) + b"\xd5" * 50 * FRAME + rig.said(NEAR, 70, 100)
    assert [event.is_forgotten for event in rig.of(RecordingResumed)] == [True]


def test_pausing_twice_or_without_a_recording_does_nothing() -> None:
    rig = Talk()
    for command in (PauseRecording(NEAR, 9.0), ResumeRecording(NEAR), PauseRecording(CallId("gone"), 9.0)):
        rig.plane.command(command)
    assert not rig.of(RecordingPaused)
    assert not rig.of(RecordingResumed)
    assert not rig.of(MediaFailed)
    rig.record("near")
    rig.plane.command(PauseRecording(NEAR, 9.0))
    rig.plane.command(PauseRecording(NEAR, 9.0))
    assert len(rig.of(RecordingPaused)) == 1


def test_what_is_hidden_counts_for_no_speech() -> None:
    rig = Talk()
    rig.record("near")
    rig.plane.command(PauseRecording(NEAR, 60.0))
    rig.talk(0, 200, NEAR)
    rig.stop()
    assert [order.speech_ms for order in rig.sealed] == [0]
