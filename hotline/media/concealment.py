"""Short gaps in a recording made bearable to the ear, after the manner of ITU-T G.711, appendix I.

A stored recording is what came and nothing else: where a packet was lost, it has silence. For people
who listen, the voice is drawn out over such a gap instead: the last pitch period is repeated, from
10 ms on two periods and from 20 ms on three, so that it does not buzz, and it fades from 10 ms on by a
fifth each 10 ms, so that nothing is heard after 60 ms. What follows the gap is faded in over it.

A gap is told from what was said by its sound: a run of the very octet that lost parts are filled with,
as long as packets are, straight behind a voice. A longer one is a mute, a hold or a paused recording,
and stays silent.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media import g711
from hotline.media.plan import Codec
from hotline.media.rtp import RATE_HZ

Samples = NDArray[np.int16]
Sound = NDArray[np.float64]

MS: Final = RATE_HZ // 1000
SHORTEST_GAP: Final = 10 * MS
"""One packet of the shortest kind that phones send."""
LONGEST_GAP: Final = 120 * MS
"""Six packets of 20 ms."""
STEP: Final = 10 * MS
"""The appendix's unit of time (I.2)."""
PITCH_LOW: Final = 5 * MS  # samples; I.2.2: 200 Hz
PITCH_HIGH: Final = 15 * MS  # 66 Hz
WINDOW: Final = 20 * MS  # that the pitch is sought over
HISTORY: Final = PITCH_HIGH * 3 + PITCH_HIGH // 4
"""Samples before a gap that its filling is made of (I.2.1: 390)."""
FADE_PER_STEP: Final = 0.2
SILENT_AFTER: Final = 60 * MS
CONTEXT: Final = HISTORY + 2 * LONGEST_GAP
"""Samples before and behind a stretch that its own samples depend on."""


def find_gaps(octets: NDArray[np.uint8], codec: Codec) -> list[tuple[int, int]]:
    """Find what was probably lost: ``(first, behind the last)`` of each run, in order.

    A run at the beginning has nothing before it, and one at the end may go on: they are none.
    """
    is_filled = octets == g711.SILENCE[g711.codec_index(codec)]
    edges = np.diff(np.concatenate(([False], is_filled, [False])).astype(np.int8))
    starts, ends = np.nonzero(edges == 1)[0], np.nonzero(edges == -1)[0]
    lengths = ends - starts
    is_gap = (lengths >= SHORTEST_GAP) & (lengths <= LONGEST_GAP) & (starts > 0) & (ends < len(octets))
    return list(zip(starts[is_gap].tolist(), ends[is_gap].tolist(), strict=True))


def conceal(octets: NDArray[np.uint8], codec: Codec) -> Samples:
    """Decode a stretch of a recording and fill its gaps.

    :param octets: one channel, as recorded; with ``CONTEXT`` before and behind what is wanted.
    :returns: as many samples.
    """
    sound = g711.decode(octets, codec)
    gaps = find_gaps(octets, codec)
    if not gaps:
        return sound
    filled = sound.astype(np.float64)
    for start, end in gaps:
        _fill(filled, start, end)
    return np.clip(np.rint(filled), -32768, 32767).astype(np.int16)


def _fill(sound: Sound, start: int, end: int) -> None:
    """Draw out what is before ``start`` up to ``end``, in place."""
    history = sound[max(0, start - HISTORY) : start].copy()
    if len(history) < PITCH_HIGH + WINDOW or not history[-WINDOW:].any():
        return
    pitch = find_pitch(history)
    overlap = pitch // 4
    # The better part of the last quarter period is its like, so that the first repetition joins on (I.2.3).
    sound[start - overlap : start] = _seamless(history, pitch, overlap)[-overlap:]
    tail = min(overlap + (end - start) // STEP * 4 * MS, len(sound) - end, STEP)
    body = end - start
    made = _repeated(history, pitch, overlap, body + tail) * _envelope(body + tail)
    rising = _rising(tail)
    sound[start:end] = made[:body]
    sound[end : end + tail] = made[body:] * (1 - rising) + sound[end : end + tail] * rising


def find_pitch(history: Sound) -> int:
    """Give the samples after which a voice repeats itself best (I.2.2).

    :param history: at least ``PITCH_HIGH + WINDOW`` samples.
    """
    recent = history[-WINDOW:]
    lags = np.arange(PITCH_LOW, PITCH_HIGH + 1)
    windows = np.lib.stride_tricks.sliding_window_view(history, WINDOW)[len(history) - WINDOW - lags]
    energy = np.sqrt((windows**2).sum(axis=1))
    likeness = (windows @ recent) / np.maximum(energy, 1.0)
    return int(lags[int(likeness.argmax())])


def _repeated(history: Sound, pitch: int, overlap: int, length: int) -> Sound:
    """Repeat the last period for 10 ms, then the last two, then the last three (I.2.3 to I.2.5)."""
    most = max(1, min(3, (len(history) - overlap) // pitch))
    at = np.arange(length)
    made = _seamless(history, pitch, overlap)[at % pitch]
    for count in range(2, most + 1):
        first = (count - 1) * STEP
        if first >= length:
            break
        longer = _seamless(history, pitch * count, overlap)[at[first:] % (pitch * count)]
        rising = _rising(min(overlap, length - first))
        longer[: len(rising)] = longer[: len(rising)] * rising + made[first : first + len(rising)] * (
            1 - rising
        )
        made[first:] = longer
    return made


def _seamless(history: Sound, length: int, overlap: int) -> Sound:
    """Give the last samples such that they can follow themselves: their end fades into what was before.

    :param history: at least ``length + overlap`` samples.
    """
    period = history[-length:].copy()
    before = history[-length - overlap : len(history) - length]
    rising = _rising(overlap)
    period[-overlap:] = period[-overlap:] * (1 - rising) + before * rising
    return period


def _rising(length: int) -> Sound:
    return (np.arange(length) + 1) / (length + 1)


def _envelope(length: int) -> Sound:
    """Full for 10 ms, then down by a fifth each 10 ms, silent after 60 (I.2.6)."""
    at = np.arange(length)
    envelope = 1.0 - FADE_PER_STEP * np.maximum(0, at - STEP) / STEP
    envelope[at >= SILENT_AFTER] = 0.0
    return np.clip(envelope, 0.0, 1.0)
