"""What falls silent by itself: at a key, or at the caller's voice, in the very tick that hears it."""

from __future__ import annotations

import numpy as np
import pytest
from keypad import dial, to_samples
from voice_rig import FRAME, Rig, key_event, rtp, warble

from hotline.events.ids import CallId
from hotline.media.g711 import encode
from hotline.media.plan import (
    Codec,
    DigitPressed,
    MediaEvent,
    NoteKey,
    Play,
    PromptEnded,
    SpeechStarted,
    StopPlaying,
)

C1 = CallId("c1")
SILENCE = b"\xd5" * FRAME


def play(rig: Rig, *, keys: str = "", at_speech: bool = False, repeats: bool = False) -> None:
    rig.plane.command(
        Play(C1, ["zh/voice"], 4, repeats=repeats, stops_at_keys=keys, stops_at_speech=at_speech)
    )


def is_silent(rig: Rig) -> bool:
    return rig.packets_to()[-1][12:] == SILENCE


def told(rig: Rig) -> list[MediaEvent]:
    return [
        event for event in rig.of(object) if isinstance(event, DigitPressed | PromptEnded | SpeechStarted)
    ]


@pytest.mark.parametrize("repeats", [False, True])
def test_the_first_packet_of_a_key_silences_the_very_next_frame(repeats: bool) -> None:
    rig = Rig()
    rig.open()
    play(rig, keys="123", repeats=repeats)
    rig.turn(5)
    assert not is_silent(rig)
    rig.bring(rtp(0, 0, key_event(2, 160), kind=101 | 0x80))
    rig.turn()
    assert is_silent(rig)
    assert told(rig) == [DigitPressed(C1, "2"), PromptEnded(C1, 4)]
    rig.turn(100)
    assert is_silent(rig)
    assert told(rig)[2:] == []


def test_other_keys_are_told_and_silence_nothing() -> None:
    rig = Rig()
    rig.open()
    play(rig, keys="123")
    rig.bring(rtp(0, 0, key_event(4, 160), kind=101))
    rig.turn(2)
    assert not is_silent(rig)
    assert told(rig) == [DigitPressed(C1, "4")]


def test_info_and_tones_silence_as_well() -> None:
    rig = Rig()
    rig.open()
    play(rig, keys="1")
    rig.turn(2)
    rig.plane.command(NoteKey(C1, "1"))
    rig.turn()
    assert is_silent(rig)
    rig = Rig()
    rig.open(event_payload_type=None)
    play(rig, keys="1")
    sound = encode(to_samples(dial("1", np.random.default_rng(1), pause_ms=0)), Codec.PCMA)
    for n in range(3):
        rig.bring(rtp(n, n * FRAME, sound[n * FRAME : (n + 1) * FRAME].tobytes()))
        rig.turn()
    for n in range(3, 8):
        rig.bring(rtp(n, n * FRAME, SILENCE))
        rig.turn()
    assert is_silent(rig)
    assert told(rig) == [DigitPressed(C1, "1"), PromptEnded(C1, 4)]


def test_a_key_after_the_end_ends_nothing_twice() -> None:
    rig = Rig()
    rig.open()
    play(rig, keys="1")
    rig.plane.command(StopPlaying(C1))
    rig.bring(rtp(0, 0, key_event(1, 160), kind=101))
    rig.turn()
    assert told(rig) == [DigitPressed(C1, "1")]


def test_the_next_prompt_has_its_own_keys() -> None:
    rig = Rig()
    rig.open()
    play(rig, keys="1")
    play(rig, keys="")
    rig.bring(rtp(0, 0, key_event(1, 160), kind=101))
    rig.turn()
    assert not is_silent(rig)


@pytest.mark.parametrize("at_speech", [True, False])
def test_the_callers_voice_silences_what_is_to_stop_at_it(at_speech: bool) -> None:
    rig = Rig()
    rig.open()
    play(rig, at_speech=at_speech)
    sound = encode(warble(10), Codec.PCMA)
    for n in range(10):
        rig.bring(rtp(n, n * FRAME, sound[n * FRAME : (n + 1) * FRAME].tobytes()))
        rig.turn()
    assert is_silent(rig) == at_speech
    assert told(rig) == [SpeechStarted(C1), *([PromptEnded(C1, 4)] if at_speech else [])]
