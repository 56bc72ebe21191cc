"""What each caller hears: one packet every 20 ms, prompts and the silence between them.

Sequence number, timestamp and SSRC of a call run on without a break from its first packet to its
last, whatever is played (RFC 3550, 5.1). Packets are rows of one array that the edge sends from.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media.prompts import SILENT_ROW, PromptBank
from hotline.media.rtp import FRAME, HEADER

PACKET: Final = HEADER + FRAME
_PLAIN: Final = 0x8000  # version 2, no padding, extension or CSRC
_MARKED: Final = 0x0080  # first packet of a stream (RFC 3551, 4.1)

Slots = NDArray[np.int64]


class Outgoing:
    """The sending side of all slots, as columns."""

    def __init__(self, slots: int, bank: PromptBank) -> None:
        self._bank = bank
        self.packets = np.zeros((slots, PACKET), np.uint8)
        """``(slots, 172)``: the packet of each slot in this tick; never reallocated."""
        self._half_words = self.packets.view(">u2")
        self._words = self.packets.view(">u4")
        self._payload_type = np.zeros(slots, np.uint16)
        self._codec = np.zeros(slots, np.intp)
        self._sequence = np.zeros(slots, np.uint16)
        self._timestamp = np.zeros(slots, np.uint32)
        self._mark = np.zeros(slots, np.uint16)
        self._row = np.zeros(slots, np.int64)
        self._end = np.zeros(slots, np.int64)
        self._wants_end = np.zeros(slots, np.bool_)

    def open(self, slot: int, *, sequence: int, timestamp: int, ssrc: int) -> None:
        """Begin a stream at random numbers (RFC 3550, 5.1: against guessing)."""
        self._sequence[slot], self._timestamp[slot], self._words[slot, 2] = sequence, timestamp, ssrc
        self._mark[slot] = _MARKED
        self.stop(slot)

    def use_codec(self, slot: int, codec: int, payload_type: int) -> None:
        """Send in this law from the next packet on."""
        self._codec[slot], self._payload_type[slot] = codec, payload_type

    def play(self, slot: int, start: int, end: int) -> None:
        """Play these rows of the bank from the next packet on; ``finished`` tells their end."""
        self._row[slot], self._end[slot], self._wants_end[slot] = start, end, True

    def stop(self, slot: int) -> None:
        """Send silence from the next packet on."""
        self._row[slot] = self._end[slot] = 0
        self._wants_end[slot] = False

    def fill(self, slots: Slots) -> None:
        """Make the next packet of each of these slots."""
        row = self._row[slots]
        row = np.where(row < self._end[slots], row, SILENT_ROW)
        self.packets[slots, HEADER:] = self._bank.rows[self._codec[slots], row]
        self._half_words[slots, 0] = _PLAIN | self._mark[slots] | self._payload_type[slots]
        self._half_words[slots, 1] = self._sequence[slots]
        self._words[slots, 1] = self._timestamp[slots]
        self._mark[slots] = 0
        self._sequence[slots] += np.uint16(1)
        self._timestamp[slots] += np.uint32(FRAME)
        self._row[slots] += 1

    def finished(self, slots: Slots) -> list[int]:
        """Give those of the slots whose rows have all been sent; they stay so until ``play`` or ``stop``."""
        is_done = self._wants_end[slots] & (self._row[slots] >= self._end[slots])
        return [int(slot) for slot in slots[is_done]] if is_done.any() else []
