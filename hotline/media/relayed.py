"""Packets that pass from one call to another, on their way out: rows of one array, as the edge sends them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media.rtp import HEADER

ROWS: Final = 4096  # two full batches of a step
WIDTH: Final = 1056  # the longest datagram that is read, and the bytes that SRTP adds

Octets = NDArray[np.uint8]
Slots = NDArray[np.int64]


class Relayed:
    """What is to be sent at once; the first ``count`` rows mean something."""

    def __init__(self) -> None:
        self.packets = np.zeros((ROWS, WIDTH), np.uint8)
        """Never reallocated."""
        self.lengths = np.zeros(ROWS, np.int64)
        self.slots = np.zeros(ROWS, np.int64)
        """The call that each packet goes to."""
        self.count = 0
        self._half_words = self.packets.view(">u2")
        self._words = self.packets.view(">u4")

    def clear(self) -> None:
        """Begin anew: all has been sent."""
        self.count = 0

    def take_rows(self, wanted: int) -> slice:
        """Give places for so many packets, fewer when there is not room for all."""
        start = self.count
        self.count = min(start + wanted, ROWS)
        return slice(start, self.count)

    def write_heads(
        self,
        rows: slice,
        heads: NDArray[np.uint16],
        sequences: NDArray[np.uint16],
        timestamps: NDArray[np.uint32],
        ssrcs: NDArray[np.uint32],
    ) -> None:
        """Write the RTP headers of rows whose payloads are in place."""
        self._half_words[rows, 0], self._half_words[rows, 1] = heads, sequences
        self._words[rows, 1], self._words[rows, 2] = timestamps, ssrcs

    def write_head(self, row: int, head: int, sequence: int, timestamp: int, ssrc: int) -> None:
        """Write the RTP header of one row."""
        self._half_words[row, 0], self._half_words[row, 1] = head, sequence
        self._words[row, 1], self._words[row, 2] = timestamp, ssrc

    def packet(self, row: int) -> bytes:
        """Copy one packet."""
        return self.packets[row, : self.lengths[row]].tobytes()

    def replace(self, row: int, packet: bytes) -> None:
        """Put other bytes in a packet's place."""
        self.packets[row, : len(packet)] = np.frombuffer(packet, np.uint8)
        self.lengths[row] = len(packet)

    def put(self, row: int, payload: bytes) -> None:
        """Write the payload of one row."""
        self.packets[row, HEADER : HEADER + len(payload)] = np.frombuffer(payload, np.uint8)
        self.lengths[row] = HEADER + len(payload)
