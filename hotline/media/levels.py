"""How loud callers are, for whoever looks on: the mean over a fifth of a second, where it is asked for."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media.rtp import FRAME_MS

Slots = NDArray[np.int64]

EVERY: Final = 200 // FRAME_MS
"""Frames of one reading: a fifth of a second, as often as a person's eye wants it."""
QUIETEST_DBOV: Final = -127.0  # RFC 6464, 3: the lowest level that can be written


class Levels:
    """The meters of all slots; columns are indexed by slot."""

    def __init__(self, slots: int) -> None:
        self._is_watched = np.zeros(slots, np.bool_)
        self._watched = 0
        self._sum = np.zeros(slots, np.float64)
        self._frames = np.zeros(slots, np.int32)

    def watch(self, slot: int, is_watched: bool) -> None:
        """Begin, or cease, to measure a slot."""
        self._watched += int(is_watched) - int(self._is_watched[slot])
        self._is_watched[slot] = is_watched
        self._sum[slot] = self._frames[slot] = 0

    def feed(self, slots: Slots, power: NDArray[np.float32]) -> list[tuple[int, float]]:
        """Take one frame of each of these slots; give the slots that have a reading, and that, in dBov.

        :param power: mean power of the frames, of full scale squared. 0 dBov is the level of full scale.
        """
        if not self._watched:
            return []
        rows = np.nonzero(self._is_watched[slots])[0]
        mine = slots[rows]
        self._sum[mine] += power[rows]
        self._frames[mine] += 1
        readings = []
        for slot in mine[self._frames[mine] >= EVERY].tolist():
            readings.append((slot, to_dbov(float(self._sum[slot]) / int(self._frames[slot]))))
            self._sum[slot] = self._frames[slot] = 0
        return readings


def to_dbov(power: float) -> float:
    """Give a mean power, of full scale squared, in decibels below overload."""
    return max(QUIETEST_DBOV, 10 * math.log10(power)) if power > 0 else QUIETEST_DBOV
