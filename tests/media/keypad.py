"""Sound of a keypad, and speech to confuse it with; and a bank of detectors fed as a plane feeds them."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from examples.phone.sound_file import read_sound
from hotline.media.g711 import Samples, codec_index, decode, encode
from hotline.media.plan import Codec
from hotline.media.rtp import FRAME, RATE_HZ
from hotline.media.tones import CONTEXT, HIGH_HZ, KEYPAD, LOW_HZ, ToneKeys
from hotline.media.vad import VoiceActivity

Sound = NDArray[np.float64]
PROMPTS = Path(__file__).parents[2] / "ivr_flows" / "prompts"
RECORDED = Path(__file__).parents[1] / "data" / "speech"
"""People on the telephone, in A-law."""


def volts(dbm0: float) -> float:
    """Give the amplitude of a tone, of full scale: a full-scale tone has 3.14 dBm0 (G.711, table 5)."""
    return float(10 ** ((dbm0 - 3.14) / 20))


def tone(
    key: str,
    ms: float,
    chance: np.random.Generator,
    *,
    off: tuple[float, float] = (0.0, 0.0),
    twist_db: float = 0.0,
    dbm0: float = -25.0,
) -> Sound:
    """Sound a key; ``twist_db`` is high over low, ``dbm0`` the level of the louder of the two."""
    place = KEYPAD.index(key)
    time = np.arange(round(ms * RATE_HZ / 1000)) / RATE_HZ
    low, high = LOW_HZ[place // 4] * (1 + off[0]), HIGH_HZ[place % 4] * (1 + off[1])
    phases = chance.uniform(0, 2 * np.pi, 2)
    return volts(dbm0 - max(twist_db, 0)) * np.sin(2 * np.pi * low * time + phases[0]) + volts(
        dbm0 + min(twist_db, 0)
    ) * np.sin(2 * np.pi * high * time + phases[1])


def dial(text: str, chance: np.random.Generator, *, ms: float = 60, pause_ms: float = 60) -> Sound:
    """Press keys one after the other."""
    quiet = np.zeros(round(pause_ms * RATE_HZ / 1000))
    return np.concatenate([quiet, *(part for key in text for part in (tone(key, ms, chance), quiet))])


def with_noise(sound: Sound, power: float, snr_db: float, chance: np.random.Generator) -> Sound:
    """Add white noise that lies so far below a power."""
    return sound + chance.normal(0, np.sqrt(power / 10 ** (snr_db / 10)), sound.shape)


def to_samples(sound: Sound) -> Samples:
    """Write sound of -1 to 1 as 16-bit samples."""
    return np.clip(sound * 32768, -32768, 32767).astype(np.int16)


def hear(sounds: Sound, codec: Codec = Codec.PCMA, *, ends: bool = True) -> list[str]:
    """Give the keys that detectors hear in rows of sound; each row whole frames, cut up as a plane does."""
    octets = encode(to_samples(sounds), codec)
    count, law = len(octets), codec_index(codec)
    detectors, voice = ToneKeys(count), VoiceActivity(count)
    codecs, slots = np.full(count, law, np.uint8), np.arange(count)
    for slot in range(count):
        detectors.reset(slot)
    heard = [""] * count
    for start in range(FRAME, octets.shape[1] - FRAME, FRAME):
        frames = octets[:, start : start + FRAME]
        voice.feed(slots, frames, codecs)
        rows = detectors.candidates(slots, frames, codecs, voice.power)
        if len(rows):
            context = octets[rows, start - FRAME : start - FRAME + CONTEXT]
            at = np.full(len(rows), start - FRAME)
            for slot, key, is_new in detectors.press(rows, context, codecs[rows], at):
                heard[slot] += key if is_new else ""
    return heard


def load(path: Path) -> tuple[Sound, int]:
    """Read a wave file: samples of -1 to 1, and their rate."""
    if path.is_relative_to(RECORDED):
        _, sound = read_sound(path)
        return decode(np.frombuffer(sound, np.uint8), Codec.PCMA) / 32768, RATE_HZ
    with wave.open(str(path)) as file:
        assert file.getsampwidth() == 2
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64) / 32768
        return samples[:: file.getnchannels()], file.getframerate()


def at_speed(sound: Sound, rate_hz: int, speed: float) -> Sound:
    """Play faster, and so higher, or slower."""
    places = np.arange(0, len(sound) - 1, rate_hz * speed / RATE_HZ)
    return np.interp(places, np.arange(len(sound)), sound)


def speech(paths: Iterable[Path], hours: float, chance: np.random.Generator) -> Sound:
    """Mix and loop speech until it lasts so long: voices, pitches, levels, pairs at once; rows of 10 s."""
    clips = [load(path) for path in sorted(paths)]
    row = 10 * RATE_HZ
    rows: list[Sound] = []
    while len(rows) * 10 < hours * 3600:
        speed, dbov = chance.uniform(0.8, 1.25), chance.uniform(-30, -14)
        voices = [at_speed(*clips[place], speed) for place in chance.permutation(len(clips))]
        line = np.concatenate(
            [one / (np.sqrt(np.mean(one**2)) + 1e-9) * 10 ** (dbov / 20) for one in voices if len(one)]
        )
        if chance.random() < 0.5:
            line = line + chance.uniform(0.2, 1) * np.roll(line, int(chance.integers(len(line))))
        rows += list(line[: len(line) // row * row].reshape(-1, row))
    return np.stack(rows)
