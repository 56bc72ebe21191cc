"""What each caller hears: one packet every 20 ms, prompts and the silence between them.

Sequence number, timestamp and SSRC of a call run on without a break from its first packet to its
last, whatever is played and whoever is passed through (RFC 3550, 5.1). Packets are rows of one
array that the edge sends from.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media.g711 import SILENCE
from hotline.media.prompts import SILENT_ROW, PromptBank
from hotline.media.rtp import FRAME, HEADER

PACKET: Final = HEADER + FRAME
LONGEST_PACKET: Final = PACKET + 16  # SRTP adds at most ten bytes (RFC 4568, 6.2); a multiple of four
MARKED: Final = 0x0080  # first packet of a stream (RFC 3551, 4.1)
PLAIN: Final = 0x8000  # version 2, no padding, extension or CSRC

Slots = NDArray[np.int64]


class Outgoing:
    """The sending side of all slots, as columns."""

    def __init__(self, slots: int, bank: PromptBank) -> None:
        self._bank = bank
        self.packets = np.zeros((slots, LONGEST_PACKET), np.uint8)
        """The packet of each slot in this tick; never reallocated."""
        self.lengths = np.full(slots, PACKET, np.int64)
        """Bytes of each slot's packet."""
        self._half_words = self.packets.view(">u2")
        self.words = self.packets.view(">u4")
        """Word 2 of a row is the slot's SSRC."""
        self.payload_type = np.zeros(slots, np.uint16)
        self.law = np.zeros(slots, np.intp)
        """Row of the law that frames are made in (``g711.codec_index``)."""
        self.sequence = np.zeros(slots, np.uint16)
        """Sequence number of the next packet."""
        self.timestamp = np.zeros(slots, np.uint32)
        """Timestamp of the next packet; goes on every 20 ms, sent or not."""
        self.step = np.full(slots, FRAME, np.uint32)
        """Timestamp units of 20 ms."""
        self.mark = np.zeros(slots, np.uint16)
        """MARKED where the next packet begins a talk spurt."""
        self.skipped = np.zeros(slots, np.int64)
        """Numbers that went by without a packet since ``reports`` looked: they were lost before us."""
        self.mixed = np.zeros((slots, FRAME), np.uint8)
        """What slots that hear several hear next, in their law; for ``Mixing`` to write."""
        self._is_mixed = np.zeros(slots, np.bool_)
        self._mixes = 0
        self._row = np.zeros(slots, np.int64)
        self._end = np.zeros(slots, np.int64)
        self._wants_end = np.zeros(slots, np.bool_)

    def open(self, slot: int, *, sequence: int, timestamp: int, ssrc: int) -> None:
        """Begin a stream at random numbers (RFC 3550, 5.1: against guessing)."""
        self.sequence[slot], self.timestamp[slot], self.words[slot, 2] = sequence, timestamp, ssrc
        self.mark[slot] = MARKED
        self.skipped[slot] = 0
        self.stop(slot)

    def use_codec(self, slot: int, law: int, payload_type: int, step: int = FRAME) -> None:
        """Send so from the next packet on.

        :param step: timestamp units of 20 ms.
        """
        self.law[slot], self.payload_type[slot], self.step[slot] = law, payload_type, step
        self.lengths[slot] = PACKET

    def play(self, slot: int, start: int, end: int) -> None:
        """Play these rows of the bank from the next packet on; ``finished`` tells their end."""
        self._row[slot], self._end[slot], self._wants_end[slot] = start, end, True

    def is_playing(self, slot: int) -> bool:
        """Tell whether a slot plays something."""
        return bool(self._wants_end[slot])

    def stop(self, slot: int) -> None:
        """Send silence from the next packet on."""
        self._row[slot] = self._end[slot] = 0
        self._wants_end[slot] = False

    def mix(self, slot: int, is_on: bool) -> None:
        """Send what is mixed for a slot, in place of silence between prompts; at first that is silence."""
        self._mixes += is_on - int(self._is_mixed[slot])
        self._is_mixed[slot] = is_on
        self.mixed[slot] = SILENCE[self.law[slot]]

    def fill(self, slots: Slots) -> None:
        """Make the next packet of each of these slots, its payload in the slot's law."""
        row = self._row[slots]
        row = np.where(row < self._end[slots], row, SILENT_ROW)
        self.packets[slots, HEADER:PACKET] = self._bank.rows[self.law[slots], row]
        if self._mixes:
            mixed = slots[self._is_mixed[slots] & ~self._wants_end[slots]]
            self.packets[mixed, HEADER:PACKET] = self.mixed[mixed]
        self._half_words[slots, 0] = PLAIN | self.mark[slots] | self.payload_type[slots]
        self._half_words[slots, 1] = self.sequence[slots]
        self.words[slots, 1] = self.timestamp[slots]
        self.mark[slots] = 0
        self.sequence[slots] += np.uint16(1)
        self.timestamp[slots] += self.step[slots]
        self._row[slots] += 1

    def pass_time(self, slots: Slots) -> None:
        """Let 20 ms go by for slots that send nothing of ours; what they play waits."""
        self.timestamp[slots] += self.step[slots]

    def finished(self, slots: Slots) -> list[int]:
        """Give those of the slots whose rows have all been sent; they stay so until ``play`` or ``stop``."""
        is_done = self._wants_end[slots] & (self._row[slots] >= self._end[slots])
        return [int(slot) for slot in slots[is_done]] if is_done.any() else []
