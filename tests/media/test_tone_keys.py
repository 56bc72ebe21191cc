"""Keys in the voice: all that Q.24 asks for is heard, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from keypad import PROMPTS, RECORDED, Sound, dial, hear, speech, to_samples, tone, volts, with_noise
from voice_rig import FRAME, Rig, key_event, rtp

from hotline.events.ids import CallId
from hotline.media.g711 import encode
from hotline.media.plan import Bridge, Codec, DigitPressed
from hotline.media.tones import KEYPAD

ROWS = 320
Off = Callable[[np.random.Generator], tuple[float, float]]


def share_heard(
    ms: float,
    *,
    snr_db: float = 15,
    off: Off = lambda _: (0.0, 0.0),
    twist_db: float = 0,
    dbm0: float = -25,
    codec: Codec = Codec.PCMA,
) -> float:
    """Tell how many of ROWS keys, each somewhere in noise, are heard, once and right."""
    chance = np.random.default_rng(7)
    rows = np.zeros((ROWS, 20 * FRAME))
    keys = [KEYPAD[row % 16] for row in range(ROWS)]
    for row, key in zip(rows, keys, strict=True):
        sound = tone(key, ms, chance, off=off(chance), twist_db=twist_db, dbm0=dbm0)
        start = int(chance.integers(2 * FRAME, 4 * FRAME))
        row[start : start + len(sound)] = sound
        row[:] = with_noise(row, float(np.mean(sound**2)), snr_db, chance)
    heard = hear(rows, codec)
    assert all(one in ("", key) for one, key in zip(heard, keys, strict=True))
    return sum(map(bool, heard)) / ROWS


def either_way(size: float) -> Off:
    return lambda chance: (float(chance.choice([-size, size])), float(chance.choice([-size, size])))


@pytest.mark.parametrize("codec", [Codec.PCMA, Codec.PCMU])
@pytest.mark.parametrize("twist_db", [0, 4, -8])
def test_forty_milliseconds_at_fifteen_decibels_are_enough(twist_db: float, codec: Codec) -> None:
    assert share_heard(40, off=either_way(0.015), twist_db=twist_db, codec=codec) == 1.0


@pytest.mark.parametrize("dbm0", [-25, -10, -3])
def test_every_level_of_a_telephone_is_heard(dbm0: float) -> None:
    assert share_heard(40, dbm0=dbm0, off=either_way(0.015)) == 1.0


def test_long_keys_count_once() -> None:
    assert share_heard(200, off=either_way(0.015)) == 1.0


@pytest.mark.parametrize("snr_db", [15, 25, 60])
def test_twenty_three_milliseconds_are_no_key(snr_db: float) -> None:
    assert share_heard(23, snr_db=snr_db, dbm0=-8) == 0.0


@pytest.mark.parametrize("off", [(0.035, 0.0), (-0.035, 0.0), (0.0, 0.035), (0.0, -0.035), (0.035, 0.035)])
def test_what_is_off_by_three_and_a_half_percent_is_no_key(off: tuple[float, float]) -> None:
    assert share_heard(80, snr_db=40, dbm0=-8, off=lambda _: off) == 0.0


def test_what_is_quieter_than_any_telephone_is_no_key() -> None:
    assert share_heard(80, snr_db=40, dbm0=-45) == 0.0


def test_one_tone_alone_is_no_key() -> None:
    time = np.arange(40 * FRAME) / 8000
    tones = [697, 770, 852, 941, 1209, 1336, 1477, 1633, 350, 425, 440, 450, 480, 620, 1100, 2100]
    assert not any(hear(np.stack([volts(-8) * np.sin(2 * np.pi * hertz * time) for hertz in tones])))


def test_tones_of_the_network_are_no_keys() -> None:
    time = np.arange(40 * FRAME) / 8000
    pairs = [(350, 440), (440, 480), (480, 620), (950, 1400), (1400, 1800), (697, 770), (1209, 1336)]
    sounds = [sum(volts(-10) * np.sin(2 * np.pi * hertz * time) for hertz in pair) for pair in pairs]
    assert not any(hear(np.stack(sounds)))


def test_keys_pressed_fast_are_all_heard_also_the_same_twice() -> None:
    chance = np.random.default_rng(2)
    texts = ["1122334455", "9661560000", "*#0#*ABCDD", "5555555555"]
    sounds = [dial(text, chance, ms=45, pause_ms=45) for text in texts]
    length = -(-max(map(len, sounds)) // FRAME) * FRAME + 2 * FRAME
    rows = np.stack([np.pad(sound, (0, length - len(sound))) for sound in sounds])
    assert hear(with_noise(rows, volts(-25) ** 2, 20, chance)) == texts


def test_a_lost_packet_does_not_make_two_keys_of_one() -> None:
    chance = np.random.default_rng(3)
    rows = np.zeros((40, 30 * FRAME))
    for row in rows:
        row[600 : 600 + 300 * 8] = tone("7", 300, chance, dbm0=-12)
        lost = int(chance.integers(9, 16)) * FRAME
        row[lost : lost + FRAME] = 0
    assert hear(rows) == ["7"] * 40


def test_speech_over_a_key_does_not_hide_it_where_it_is_quieter() -> None:
    chance = np.random.default_rng(4)
    sound = np.pad(dial("2580", chance, ms=80, pause_ms=80), (0, 5 * FRAME))
    sound = sound[: len(sound) // FRAME * FRAME]
    voice = speech(PROMPTS.glob("zh/*.wav"), 0.01, chance)[0]
    voice = np.resize(voice / np.sqrt(np.mean(voice**2)), sound.shape)
    assert hear((sound + voice * volts(-25) * 10 ** (-15 / 20))[None]) == ["2580"]


def test_an_hour_of_mandarin_presses_no_key() -> None:
    chance = np.random.default_rng(96156)
    heard = hear(speech([*PROMPTS.glob("*/*.wav"), *RECORDED.glob("*.wav")], 1.0, chance))
    assert len(heard) >= 360
    assert not any(heard)


# -- in a plane -------------------------------------------------------------------------------------


def talk(rig: Rig, sound: Sound, first: int = 0, *, ssrc: int = 99) -> int:
    """Let a caller send a sound, a frame a tick."""
    octets = encode(to_samples(sound[: len(sound) // FRAME * FRAME]), Codec.PCMA).reshape(-1, FRAME)
    for number, frame in enumerate(octets, first):
        rig.bring(rtp(number, number * FRAME, frame.tobytes(), ssrc=ssrc))
        rig.turn()
    return first + len(octets)


def digits(rig: Rig) -> str:
    return "".join(event.digit for event in rig.of(DigitPressed))


def test_a_caller_without_events_is_heard_in_her_voice() -> None:
    rig = Rig()
    rig.open(event_payload_type=None)
    talk(rig, np.pad(dial("96156#", np.random.default_rng(1)), (0, 1600)))
    assert digits(rig) == "96156#"


def test_once_events_were_seen_tones_are_left_alone() -> None:
    rig = Rig()
    rig.open()
    chance = np.random.default_rng(1)
    for n in range(3):
        rig.bring(rtp(n, 0, key_event(5, 160 * (n + 1)), kind=101))
    talk(rig, np.pad(dial("123", chance), (0, 1600)), 3)
    assert digits(rig) == "5"


def test_a_new_call_in_the_same_place_is_listened_to_again() -> None:
    rig = Rig(ports=1)
    rig.open()
    rig.bring(rtp(0, 0, key_event(5, 160), kind=101))
    rig.close()
    rig.open("c2")
    talk(rig, np.pad(dial("8", np.random.default_rng(1)), (0, 1600)))
    assert digits(rig) == "58"


def test_talkers_in_a_bridge_press_no_keys_in_their_voice() -> None:
    rig = Rig()
    rig.open()
    rig.open("c2", ("192.0.2.8", 40000))
    rig.plane.command(Bridge(CallId("c1"), CallId("c2")))
    talk(rig, np.pad(dial("1", np.random.default_rng(1)), (0, 1600)))
    assert digits(rig) == ""


def test_a_plane_that_wants_no_tones_hears_none() -> None:
    rig = Rig(hears_tones=False)
    rig.open(event_payload_type=None)
    talk(rig, np.pad(dial("1", np.random.default_rng(1)), (0, 1600)))
    assert digits(rig) == ""
