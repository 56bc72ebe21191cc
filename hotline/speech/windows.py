"""Where somebody speaks, and the windows that are read at a time.

Silence and tones never reach the recogniser: it would write down words nobody said. Long windows make
it drop whole sentences, so a window ends at a pause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from hotline.speech.band import RECOGNISER_RATE_HZ, Samples

SURE: Final = 0.5
"""A stretch counts only where silero's probability of speech goes above this: noise and tones do not."""
FAINT: Final = 0.2
"""Where a stretch begins and ends: a telephone's soft first syllables stay below ``SURE``."""
SHORTEST_MS: Final = 300
"""Shorter is a click, a cough, a key."""
JOIN_MS: Final = 250
"""A gap shorter than this does not end a stretch."""
PAD_MS: Final = 200
"""Added to both ends of a stretch, for the soft beginnings and ends of words."""
MARGIN_MS: Final = 200
"""Heard in addition before and after a window."""
LONGEST_S: Final = 12.0
"""Longest window; 27 s ones lost sentences (docs/speech.md)."""
PAUSE_S: Final = 0.9
"""A pause at which a window ends; ending it at 0.5 s did harm."""

SHORTEST_TO_CUT_S: Final = 4.0
"""A stretch without a pause is cut only when it lasts so long."""
QUIET_MS: Final = 100
"""It is cut in the middle of the quietest time of this length."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples of a recording in which somebody speaks, at the recogniser's rate."""

    start: int
    end: int

    @property
    def length_s(self) -> float:
        """How long it lasts."""
        return (self.end - self.start) / RECOGNISER_RATE_HZ


Window = Sequence[Stretch]
"""One or more stretches that are read in one go, in order."""


def find_speech(samples: Samples) -> list[Stretch]:
    """Find where somebody speaks, by the silero network that faster-whisper carries.

    :param samples: 16 kHz.
    :returns: in order, not overlapping, none longer than a window.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    if samples.size < RECOGNISER_RATE_HZ * SHORTEST_MS // 1000:
        return []

    def look(threshold: float, shortest_ms: int) -> list[Stretch]:
        options = VadOptions(
            threshold=threshold,
            min_speech_duration_ms=shortest_ms,
            max_speech_duration_s=LONGEST_S,
            min_silence_duration_ms=JOIN_MS,
            speech_pad_ms=PAD_MS,
        )
        found = get_speech_timestamps(samples, options, RECOGNISER_RATE_HZ)
        return [Stretch(int(one["start"]), min(int(one["end"]), samples.size)) for one in found]

    sure = look(SURE, SHORTEST_MS)
    if not sure:
        return []
    return [
        faint
        for faint in look(FAINT, SHORTEST_MS)
        if any(faint.start < one.end and one.start < faint.end for one in sure)
    ]


def make_windows(
    stretches: Sequence[Stretch], *, longest_s: float = LONGEST_S, pause_s: float = PAUSE_S
) -> list[Window]:
    """Group stretches into windows of at most ``longest_s`` that end at pauses of ``pause_s``."""
    windows: list[list[Stretch]] = []
    for stretch in stretches:
        last = windows[-1] if windows else None
        if (
            last is not None
            and stretch.start - last[-1].end < pause_s * RECOGNISER_RATE_HZ
            and stretch.end - last[0].start <= longest_s * RECOGNISER_RATE_HZ
        ):
            last.append(stretch)
        else:
            windows.append([stretch])
    return list(windows)


def cut_out(samples: Samples, window: Window) -> Samples:
    """Give the samples of a window, with a margin on both sides."""
    margin = RECOGNISER_RATE_HZ * MARGIN_MS // 1000
    return samples[max(0, window[0].start - margin) : window[-1].end + margin]


def voiced_s(window: Window) -> float:
    """How long somebody speaks in a window."""
    return sum(stretch.length_s for stretch in window)


def split(samples: Samples, window: Window) -> tuple[Window, Window] | None:
    """Cut a window in two: at its longest pause, or where somebody who makes none is quietest.

    :returns: None when it is too short to be cut.
    """
    if len(window) > 1:
        cut = max(range(1, len(window)), key=lambda at: window[at].start - window[at - 1].end)
        return window[:cut], window[cut:]
    (stretch,) = window
    if stretch.length_s < SHORTEST_TO_CUT_S:
        return None
    step = RECOGNISER_RATE_HZ // 100
    energy = samples[stretch.start : stretch.end] ** 2
    smooth = np.convolve(energy, np.ones(QUIET_MS * step // 10, np.float32), "same")[::step]
    third = smooth.size // 3
    middle = stretch.start + step * (third + int(np.argmin(smooth[third:-third])))
    return [Stretch(stretch.start, middle)], [Stretch(middle, stretch.end)]
