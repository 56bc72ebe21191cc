"""Each caller's voice on its own time line: what came, how far it was heard, how far it was written.

Positions are samples since the slot's origin. Three of them move forward only:

* ``edge``: behind the last sample that came;
* ``reader``: how far voice activity has listened; it stays 40 ms behind the edge, so that packets
  out of order find their place, and goes on by itself when nothing comes for 200 ms (mute, DTX);
* ``flushed``: how far blocks were taken for the disk; 320 ms behind the reader, and not beyond the
  edge until nothing came for a second, so that a burst after a stall still finds its place.

So a sample is on its way to the disk 560 ms after it came, at the latest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media.g711 import SILENCE
from hotline.media.packets import Batch
from hotline.media.ring import BLOCK, BLOCK_FRAMES, LONGEST_ROW, RING, Rings
from hotline.media.rtp import FRAME, FRAME_MS, HEADER, RATE_HZ, RtpPacket, sequence_step, timestamp_step

READ_DELAY: Final = 2 * FRAME  # 40 ms: two packets out of order
GRACE: Final = 16 * FRAME  # 320 ms behind the reader: stragglers
QUIET_TICKS: Final = 200 // FRAME_MS
HOLD_TICKS: Final = 1000 // FRAME_MS
ALIVE_TICKS: Final = 3  # a stream that spoke within 60 ms is not replaced by another
CATCH_UP: Final = 3  # frames that the reader may go forward in one tick
PACKET_SIZES: Final = (FRAME, FRAME // 2, FRAME * 3 // 2, FRAME * 2, LONGEST_ROW)  # 20, 10, 30, 40, 60 ms
LEAP: Final = 2 * RATE_HZ  # a timestamp further ahead than 2 s is a jump of the sender's clock, not a silence
LONGEST_PAYLOAD: Final = 1000  # 125 ms
NEVER: Final = np.int64(2**62)
DECODED: Final = 0x100
"""Payload type of calls whose packets are not G.711: none, so that all of them come one by one, decoded."""

Slots = NDArray[np.int64]


class Taken(Enum):
    """What became of a packet."""

    NOT = 0
    """Too late, of another stream, or not voice."""
    IN_PLACE = 1
    """It lies where its timestamp says."""
    ANEW = 2
    """It is the first of a stream, or the sender's clock has jumped: it lies where the time line is now."""


class Timelines:
    """The receiving side of all slots, as columns."""

    def __init__(self, slots: int) -> None:
        self._rings = Rings(slots)
        self.codec = np.zeros(slots, np.uint8)
        """Row of the agreed law in the codec tables."""
        self._payload_type = np.zeros(slots, np.uint32)
        self.is_live = np.zeros(slots, np.bool_)
        """True from the first voice packet on."""
        self._ssrc = np.zeros(slots, np.uint32)
        self._sequence = np.zeros(slots, np.uint16)
        self._flushed_stamp = np.zeros(slots, np.uint32)
        self.flushed = np.zeros(slots, np.int64)
        self.reader = np.zeros(slots, np.int64)
        self.edge = np.zeros(slots, np.int64)
        self._idle = np.zeros(slots, np.int32)
        self._is_marking = np.zeros(slots, np.bool_)
        self._mark = np.zeros(slots, np.int64)
        self.first = np.full(slots, NEVER, np.int64)
        """Position of the first sample that came after ``mark``; NEVER until one came."""
        self.counts: Counter[str] = Counter()
        """How many packets were ``late``, of an ``overlapping`` stream, ``overrun`` or ``ignored``."""

    def open(self, slot: int, codec: int, payload_type: int) -> None:
        """Begin a call in a slot."""
        start = (
            slot % BLOCK_FRAMES * FRAME
        )  # staggered, so that the blocks of all calls end in different ticks
        self.flushed[slot] = 0
        self.reader[slot] = self.edge[slot] = start
        self.codec[slot], self._payload_type[slot] = codec, payload_type
        self.is_live[slot] = self._is_marking[slot] = False
        self.first[slot] = NEVER
        self._idle[slot] = 0
        self._rings.clear(slot, int(SILENCE[codec]))

    def agree(self, slot: int, codec: int, payload_type: int) -> None:
        """Take this law under this payload type from now on."""
        self.codec[slot], self._payload_type[slot] = codec, payload_type

    def map(self, slot: int, table: NDArray[np.uint8]) -> None:
        """Rewrite what the ring holds through a table: the law changes."""
        self._rings.map(slot, table)

    def mark(self, slot: int) -> None:
        """Find the first sample that comes from now on (``first``)."""
        self._mark[slot], self.first[slot], self._is_marking[slot] = self.edge[slot], NEVER, True

    def now(self, slot: int) -> int:
        """Tell where a sample would lie that was said just now, to a packet's length."""
        return int(self.edge[slot]) + max(0, int(self._idle[slot]) - 1) * FRAME

    def settle(self, slot: int) -> None:
        """Let ``first`` stand: samples from there on have been taken."""
        self._is_marking[slot] = False

    # -- what comes in ------------------------------------------------------------------------------

    def accept(self, batch: Batch, slots: Slots) -> tuple[Slots, Slots]:
        """Take the plain voice packets of running streams.

        :param slots: the call of each row, -1 for strangers.
        :returns: the rows that were taken, and all others.
        """
        words = batch.data.view(">u4")[:, :3].astype(np.uint32)
        head, stamp = words[:, 0], words[:, 1]
        ahead = (stamp - self._flushed_stamp[slots]).view(np.int32).astype(np.int64)
        size = batch.length - HEADER
        is_running = (
            (slots >= 0)
            & self.is_live[slots]
            & (head >> 16 & 0xFF7F == 0x8000 | self._payload_type[slots])
            & (words[:, 2] == self._ssrc[slots])
        )
        is_good = is_running & (ahead >= 0) & (ahead + size <= self._room(slots))
        is_newer = ((head & 0xFFFF).astype(np.uint16) - self._sequence[slots]).view(np.int16) > 0
        is_behind = is_running & (ahead < 0) & is_newer  # sent later, stamped before what is on disk
        if is_behind.any():  # a burst after a long stall: one by one, so that it stays in one piece
            is_good &= ~np.isin(slots, slots[is_behind])
        positions = self.flushed[slots] + ahead
        if (is_good & (size == FRAME)).all():  # as nearly always: no row has to be picked out
            self._rings.put(slots, positions, batch.data[:, HEADER : HEADER + FRAME])
            rows = np.arange(len(slots))
            others = rows[:0]
        else:
            rows, others = self._put_by_size(batch, slots, positions, np.where(is_good, size, 0))
        if len(rows):
            mine = slots[rows]
            np.maximum.at(self.edge, mine, positions[rows] + size[rows])
            self._sequence[mine] = (head[rows] & 0xFFFF).astype(np.uint16)
            self._idle[mine] = 0
            self._note_first(mine, positions[rows])
        return rows, others

    def _put_by_size(
        self, batch: Batch, slots: Slots, positions: NDArray[np.int64], size: NDArray[np.int64]
    ) -> tuple[Slots, Slots]:
        """Put the rows of usual sizes up to the rings; give these, and all others.

        :param size: samples of each row; 0 for those that are not to be taken.
        """
        is_taken = np.zeros(len(slots), np.bool_)
        open_rows = int(np.count_nonzero(size))
        for length in PACKET_SIZES:
            if open_rows == 0:
                break
            rows = np.nonzero(size == length)[0]
            if len(rows):
                self._rings.put(slots[rows], positions[rows], batch.data[rows, HEADER : HEADER + length])
                is_taken[rows] = True
                open_rows -= len(rows)
        return np.nonzero(is_taken)[0], np.nonzero(~is_taken)[0]

    def _room(self, slots: Slots) -> NDArray[np.int64]:
        """Tell how far behind ``flushed`` a packet may end, in samples."""
        now = np.maximum(self.edge[slots], self.reader[slots])
        return np.minimum(now - self.flushed[slots] + LEAP, RING)

    def _note_first(self, slots: Slots, positions: NDArray[np.int64]) -> None:
        rows = np.nonzero(self._is_marking[slots] & (positions >= self._mark[slots]))[0]
        if len(rows):
            np.minimum.at(self.first, slots[rows], positions[rows])

    def is_overlapping(self, slot: int, ssrc: int) -> bool:
        """Tell whether a packet is of a second stream beside one that is alive."""
        is_other = ssrc != self._ssrc[slot]
        return bool(self.is_live[slot] and is_other and self._idle[slot] < ALIVE_TICKS)

    def accept_one(self, slot: int, packet: RtpPacket) -> Taken:
        """Take any other packet of a call: the first, odd sizes, a new stream, a jump of its clock."""
        payload = packet.payload
        if packet.payload_type != self._payload_type[slot] or not 0 < len(payload) <= LONGEST_PAYLOAD:
            self.counts["ignored"] += 1  # comfort noise and what was not agreed: the time line stays silent
            return Taken.NOT
        if self.is_overlapping(slot, packet.ssrc):
            self.counts["overlapping"] += 1
            return Taken.NOT
        taken = Taken.IN_PLACE
        ahead = timestamp_step(packet.timestamp, int(self._flushed_stamp[slot]))
        if not self.is_live[slot] or packet.ssrc != self._ssrc[slot]:
            ahead, taken = self._rebase(slot, packet), Taken.ANEW
        elif not 0 <= ahead <= int(self._room(np.array([slot]))[0]) - len(payload):
            if sequence_step(packet.sequence, int(self._sequence[slot])) <= 0:
                self.counts["late"] += 1
                return Taken.NOT
            # sent later, stamped elsewhere: the sender's clock jumped
            ahead, taken = self._rebase(slot, packet), Taken.ANEW
        if ahead > RING - len(payload):
            self.counts["overrun"] += 1
            return Taken.NOT
        position = int(self.flushed[slot]) + ahead
        self._rings.put_one(slot, position, payload)
        self.edge[slot] = max(int(self.edge[slot]), position + len(payload))
        self._sequence[slot], self._idle[slot] = packet.sequence, 0
        self._note_first(np.array([slot]), np.array([position]))
        return taken

    def _rebase(self, slot: int, packet: RtpPacket) -> int:
        """Put a packet where the time line is now, and its stream after it."""
        ahead = int(max(self.reader[slot], self.edge[slot]) - self.flushed[slot])
        self._flushed_stamp[slot] = packet.timestamp - ahead & 0xFFFFFFFF
        self._ssrc[slot], self.is_live[slot] = packet.ssrc, True
        return ahead

    # -- what goes on -------------------------------------------------------------------------------

    def read(self, slots: Slots) -> Iterator[tuple[Slots, NDArray[np.uint8]]]:
        """Listen to the next frame of each call that has one; once a tick.

        Gives slots and their frames, ``(n, 160)``; more than once only to catch up.
        """
        self._idle[slots] += 1
        for _ in range(CATCH_UP):
            left = self.edge[slots] - self.reader[slots]
            goes = self.is_live[slots] & ((left >= READ_DELAY + FRAME) | (self._idle[slots] > QUIET_TICKS))
            ready = slots[goes]
            if len(ready):
                frames = self._rings.frames(ready, self.reader[ready])
                self.reader[ready] += FRAME
                yield ready, frames
            slots = slots[left >= READ_DELAY + CATCH_UP * FRAME]
            if not len(slots):
                return

    def around(self, slots: Slots) -> tuple[Slots, NDArray[np.uint8]]:
        """Give the frame that was read last, the one before and the one after: where, and ``(n, 480)``."""
        starts = self.reader[slots] - 2 * FRAME
        frames = [self._rings.frames(slots, starts + step) for step in (0, FRAME, 2 * FRAME)]
        return starts, np.hstack(frames)

    def cut(self, slots: Slots, positions: NDArray[np.int64], length: int) -> NDArray[np.uint8]:
        """Copy what lies at these places of the last seconds: ``(n, length)``; what never came is silence."""
        return self._rings.cut(slots, positions, length)

    def take_due(self, slots: Slots) -> tuple[Slots, NDArray[np.int64], NDArray[np.uint8]]:
        """Take the blocks that are due, at most one a slot: slots, positions and bytes ``(n, 1600)``."""
        flushed = self.flushed[slots]
        is_due = (self.reader[slots] - flushed >= GRACE + BLOCK) & (
            (flushed + BLOCK <= self.edge[slots]) | (self._idle[slots] > HOLD_TICKS)
        )
        due, starts = slots[is_due], flushed[is_due]
        if not len(due):
            return due, starts, np.zeros((0, BLOCK), np.uint8)
        blocks = self._rings.take_blocks(due, starts, SILENCE[self.codec[due]])
        self.flushed[due] += BLOCK
        self._flushed_stamp[due] += np.uint32(BLOCK)
        return due, starts, blocks

    def copy_rest(self, slot: int, start: int) -> NDArray[np.uint8]:
        """Copy what came behind ``start`` and has not been taken yet, to the edge."""
        return self._rings.copy(slot, max(start, int(self.flushed[slot])), int(self.edge[slot]))
