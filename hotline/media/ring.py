"""What the callers sent, in the order they said it: a ring of 6.4 s for each slot.

A sample's place is its RTP timestamp, not its arrival: place = timestamp - origin, modulo the
ring. So order and duplicates do not matter, and what never came reads as silence. A taken block
is turned back to silence, ready for the ring's next round. All work is on arrays of slots.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hotline.media.rtp import FRAME

RING_FRAMES: Final = 320
RING: Final = RING_FRAMES * FRAME
"""Samples of one ring: 6.4 s; a burst of five seconds after a stall fits in."""
BLOCK_FRAMES: Final = 10
BLOCK: Final = BLOCK_FRAMES * FRAME
"""Samples that leave the ring together: 200 ms."""
_GUARD_FRAMES: Final = 3  # a packet of up to 60 ms may begin in the ring's last sample
_STRIDE_FRAMES: Final = RING_FRAMES + _GUARD_FRAMES
_STRIDE: Final = _STRIDE_FRAMES * FRAME
LONGEST_ROW: Final = _GUARD_FRAMES * FRAME
"""Samples that one row of ``put`` may hold."""

Index = NDArray[np.int64]
Octets = NDArray[np.uint8]


class Rings:
    """The rings of all slots. Positions are samples since the slot's origin, and never negative."""

    def __init__(self, slots: int) -> None:
        self._rows = np.zeros((slots * _STRIDE_FRAMES, FRAME), np.uint8)
        self._flat = self._rows.reshape(-1)
        self._windows: dict[int, Octets] = {}

    def clear(self, slot: int, silence: int) -> None:
        """Fill a slot's ring with silence."""
        self._flat[slot * _STRIDE : (slot + 1) * _STRIDE] = silence

    def put(self, slots: Index, positions: Index, payloads: Octets) -> None:
        """Write one packet's samples a row; ``payloads`` is ``(n, m)`` with m up to LONGEST_ROW."""
        length = payloads.shape[1]
        windows = self._windows.get(length)
        if windows is None:
            windows = self._windows[length] = sliding_window_view(self._flat, length, writeable=True)
        offsets = positions % RING
        windows[slots * _STRIDE + offsets] = payloads
        for row in np.nonzero(offsets > RING - length)[0]:  # the part in the guard belongs to the start
            start, over = int(slots[row]) * _STRIDE, int(offsets[row]) + length - RING
            self._flat[start : start + over] = self._flat[start + RING : start + RING + over]

    def put_one(self, slot: int, position: int, payload: bytes) -> None:
        """Write one packet of any length up to a ring."""
        places = (position + np.arange(len(payload))) % RING
        self._flat[slot * _STRIDE + places] = np.frombuffer(payload, np.uint8)

    def frames(self, slots: Index, positions: Index) -> Octets:
        """Copy one frame of each slot; positions are multiples of a frame. Shape ``(n, 160)``."""
        frames: Octets = self._rows[slots * _STRIDE_FRAMES + positions // FRAME % RING_FRAMES]
        return frames

    def cut(self, slots: Index, positions: Index, length: int) -> Octets:
        """Copy ``length`` samples of each slot from any position on, in place: ``(n, length)``."""
        if length == FRAME and not (positions % FRAME).any():
            return self.frames(slots, positions)
        places = (positions[:, None] + np.arange(length)) % RING
        samples: Octets = self._flat[slots[:, None] * _STRIDE + places]
        return samples

    def take_blocks(self, slots: Index, positions: Index, silence: Octets) -> Octets:
        """Take one block of each slot out, leaving silence.

        :param positions: multiples of a block.
        :param silence: the byte of silence of each slot.
        :returns: a copy, shape ``(n, 1600)``.
        """
        first = slots * _STRIDE_FRAMES + positions // FRAME % RING_FRAMES
        rows = first[:, None] + np.arange(BLOCK_FRAMES)
        blocks: Octets = self._rows[rows].reshape(len(slots), BLOCK)
        self._rows[rows] = silence[:, None, None]
        return blocks

    def copy(self, slot: int, start: int, end: int) -> Octets:
        """Copy samples ``start`` to ``end`` of a slot, at most a ring, leaving them in place."""
        samples: Octets = self._flat[slot * _STRIDE + np.arange(start, end) % RING]
        return samples

    def map(self, slot: int, table: Octets) -> None:
        """Replace each byte of a slot's ring by its entry in a table of 256."""
        ring = self._flat[slot * _STRIDE : (slot + 1) * _STRIDE]
        ring[:] = table[ring]
