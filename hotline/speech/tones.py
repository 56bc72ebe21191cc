"""Sounds that nobody speaks: tones, the ringing tone, and the music on hold, each computed from its text.

Three forms stand in the ``[tones]`` table of ``texts.toml``:

* one tone, ``1000 Hz, 400 ms``, or ``silence, 350 ms``;
* several of these, one after the other, with semicolons between them; the ringing tone of Chinese
  exchanges is 450 Hz for one second in five (GB/T 3380, call progress tones);
* a melody, ``melody, 400 ms: C5 - E5 G5; C4 - G4 -``: voices with semicolons between them, each a row
  of notes of that length. ``-`` lets the note before it ring on. A melody has no end: what still
  rings at its last note is heard over its first, so that it can be played round and round.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from hotline.errors import ConfigError
from hotline.speech.band import PEAK, TELEPHONE_RATE_HZ, Samples, set_peak, tone

MELODY_PEAK: Final = PEAK / 2.5
"""Music on hold waits in the background: some 8 dB below speech."""
PARTIALS: Final = (1.0, 0.45, 0.22, 0.1, 0.05)
"""Of a plucked string: each partial as loud as this."""
RINGS_S: Final = 0.7
"""A note falls to 37 % in this time."""
ATTACK_S: Final = 0.008
LONGEST_RING_S: Final = 5.0
_TONE: Final = re.compile(r"(?:(?P<frequency_hz>\d+) ?Hz|silence), ?(?P<length_ms>\d+) ?ms")
_MELODY: Final = re.compile(r"melody, ?(?P<length_ms>\d+) ?ms: ?(?P<voices>.+)", re.DOTALL)
_NOTE: Final = re.compile(r"(?P<name>[A-G])(?P<sharp>#?)(?P<octave>[2-7])")
_SEMITONES: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_A4: Final = 440.0  # Hz (ISO 16)
_REMEDY: Final = (
    "write '1000 Hz, 400 ms', 'silence, 350 ms', several of these with semicolons between them, "
    "or 'melody, 400 ms: C5 - E5 G5'"
)


def read_tone(sound: str, *, file: str) -> tuple[float, float]:
    """Read ``1000 Hz, 400 ms`` or ``silence, 350 ms``.

    :returns: frequency in Hz, 0 for silence; length in seconds.
    :raises ConfigError: for anything else.
    """
    found = _TONE.fullmatch(sound)
    if found is None:
        raise ConfigError(f"{sound!r} is no tone; {_REMEDY}", file=file)
    return float(found["frequency_hz"] or 0), int(found["length_ms"]) / 1000


def make_sound(text: str, *, file: str) -> Samples:
    """Compute a sound at the telephone rate from its text.

    :raises ConfigError: for a text of none of the three forms.
    """
    melody = _MELODY.fullmatch(text)
    if melody is not None:
        voices = [voice.split() for voice in melody["voices"].split(";")]
        return _play(voices, int(melody["length_ms"]) / 1000, file)
    parts = []
    for piece in text.split(";"):
        frequency_hz, length_s = read_tone(piece.strip(), file=file)
        count = round(length_s * TELEPHONE_RATE_HZ)
        parts.append(tone(frequency_hz, length_s) if frequency_hz else np.zeros(count, np.float32))
    return set_peak(np.concatenate(parts), PEAK / 2)


def _play(voices: list[list[str]], note_s: float, file: str) -> Samples:
    if not all(voices) or len({len(voice) for voice in voices}) != 1:
        raise ConfigError(f"the voices of a melody must have the same number of notes; {_REMEDY}", file=file)
    step = round(note_s * TELEPHONE_RATE_HZ)
    total = np.zeros(step * len(voices[0]), np.float64)
    for voice in voices:
        for place, note in enumerate(voice):
            if note == "-":
                continue
            sound = _pluck(_frequency_hz(note, file))
            at = (place * step + np.arange(sound.size)) % total.size
            np.add.at(total, at, sound)
    return set_peak(total.astype(np.float32), MELODY_PEAK)


def _frequency_hz(note: str, file: str) -> float:
    found = _NOTE.fullmatch(note)
    if found is None:
        raise ConfigError(f"{note!r} is no note; {_REMEDY}", file=file)
    semitone = _SEMITONES[found["name"]] + len(found["sharp"]) + 12 * int(found["octave"])
    return float(_A4 * 2 ** ((semitone - 57) / 12))


def _pluck(frequency_hz: float) -> Samples:
    time = np.arange(round(LONGEST_RING_S * TELEPHONE_RATE_HZ)) / TELEPHONE_RATE_HZ
    total = np.zeros(time.size)
    for number, loudness in enumerate(PARTIALS, start=1):
        if number * frequency_hz < TELEPHONE_RATE_HZ / 2.4:  # above that G.711's band ends
            fall = np.exp(-time * number**0.5 / RINGS_S)  # high partials fall faster
            total += loudness * fall * np.sin(2 * np.pi * number * frequency_hz * time)
    return np.asarray(total * np.minimum(time / ATTACK_S, 1.0), np.float32)
