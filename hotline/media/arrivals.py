"""How the packets of each call came: columns of what RTCP reports and quality is judged by.

``note`` copies a batch's headers and no more; a few times a second ``count`` goes over what was copied,
all calls at once. How many rows a call has in it changes nothing: jitter is a filter with memory (RFC
3550, A.8), and its steps are summed up with their weights.

A stream is counted from its first packet on. Numbers that leave the window are settled: what has not
come by then is lost. What follows a jump of the numbers, or has another SSRC, is another stream, whose
counts add to those before.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media.quality import count_rows
from hotline.media.rtp import FRAME_MS, HEADER, RATE_HZ

ROOM: Final = 4096  # packets that may wait to be counted
WINDOW: Final = 1024  # sequence numbers that a call's are remembered of: 10 s of 10 ms packets
WAIT: Final = 50  # numbers behind the newest that may still come, before they are lost
SETTLE_AT: Final = 400  # numbers that may be unsettled: a jump forward must find room behind them
LARGEST_JUMP: Final = 500  # sequence numbers; more is another stream (RFC 3550, A.1, where it is 3,000)
CLOCK_JUMP_S: Final = 1.0  # between clock and timestamp: the sender's clock was set anew
SPURT_JUMP_S: Final = 0.05  # the same at the begin of a talk spurt, before which some clocks stand still
LONGEST_PACKET_S: Final = 0.12
LATE_S: Final = 0.12  # behind the fastest packet: a jitter buffer of the usual depth has given it up
GAIN: Final = 1 / 16  # RFC 3550, 6.4.1
NONE: Final = -1
COMFORT_NOISE: Final = 13  # RFC 3389, 4
RTCP_LOW, RTCP_HIGH = 64, 95  # RFC 5761, 4: types that are RTCP's on a shared port

Slots = NDArray[np.int64]
Floats = NDArray[np.float64]

_FADING: Final = (1 - GAIN) ** np.arange(ROOM + 1)


class Arrivals:
    """The receiving side's counts of all slots."""

    def __init__(self, slots: int) -> None:
        self.ssrc = np.full(slots, NONE, np.int64)
        """Of the stream that is counted; NONE before the first packet."""
        self._first = np.zeros(slots, np.int64)
        self.highest = np.zeros(slots, np.int64)
        """Newest sequence number, with the number of its rounds above 16 bits."""
        self._settled = np.zeros(slots, np.int64)
        self._open_row = np.zeros(slots, np.int64)
        self._event_type = np.full(slots, NONE, np.int64)
        self._clock_hz = np.full(slots, float(RATE_HZ))
        # of all streams of the call so far
        self.received = np.zeros(slots, np.int64)
        """Packets without doubles."""
        self.duplicates = np.zeros(slots, np.int64)
        self.reordered = np.zeros(slots, np.int64)
        """Packets that came after one with a higher number."""
        self.late = np.zeros(slots, np.int64)
        """Packets that came more than LATE_S behind the fastest."""
        self._before = np.zeros(slots, np.int64)
        self._came_before = np.zeros(slots, np.int64)
        self.lost = np.zeros(slots, np.int64)
        """Settled ones."""
        self.bursts = np.zeros(slots, np.int64)
        """Rows of lost packets."""
        self.longest = np.zeros(slots, np.int64)
        """Packets of the longest such row."""
        # time
        self._last_at, self._last_stamp = np.full(slots, np.nan), np.zeros(slots, np.int64)
        self._transit, self._fastest = np.zeros(slots), np.full(slots, np.inf)
        self._fastest_before = np.full(slots, np.inf)
        self.jitter_s = np.zeros(slots)
        """As RFC 3550, 6.4.1 has it, now."""
        self.jitter_max_s, self._jitter_sum = np.zeros(slots), np.zeros(slots)
        self._jitter_count = np.zeros(slots, np.int64)
        self.packet_s = np.full(slots, FRAME_MS / 1000)
        """How long a packet of the talker's lasts."""
        self.heard_at = np.zeros(slots)
        """When a packet came last, by the clock of ``count``."""
        self.pauses = np.zeros(slots, np.bool_)
        """True for talkers who send nothing while they are silent (DTX), or comfort noise at the last."""
        self._columns = [column for column in vars(self).values() if isinstance(column, np.ndarray)]
        self._fresh = [column[:1].copy() for column in self._columns]
        self._seen = np.zeros(slots * WINDOW, np.bool_)
        self._heads = np.zeros((ROOM, 3), ">u4")
        self._slots, self._at = np.zeros(ROOM, np.int64), np.zeros(ROOM)
        self._length = np.zeros(ROOM, np.int64)
        self._filled = 0

    # -- a call's life ------------------------------------------------------------------------------

    def open(self, slot: int, now: float) -> None:
        """Begin a call in a slot."""
        self._forget(slot)
        for column, fresh in zip(self._columns, self._fresh, strict=True):
            column[slot] = fresh[0]
        self._clear_window(slot)
        self.heard_at[slot] = now

    def agree(self, slot: int, event_type: int | None, clock_hz: int) -> None:
        """Know what was agreed: packets of this type are keys, whose timestamps stand still."""
        self._event_type[slot] = NONE if event_type is None else event_type
        if self._clock_hz[slot] != clock_hz:
            self._clock_hz[slot] = clock_hz
            self._forget_times(slot)

    def _clear_window(self, slot: int) -> None:
        self._seen[slot * WINDOW : (slot + 1) * WINDOW] = False

    def _forget(self, slot: int) -> None:
        """Count nothing that was copied for whoever had the slot before."""
        waiting = self._slots[: self._filled]
        waiting[waiting == slot] = NONE

    def _forget_times(self, slot: int) -> None:
        """Compare the next packet with none before it."""
        self._last_at[slot] = np.nan
        self._fastest[slot] = self._fastest_before[slot] = np.inf
        self._transit[slot] = 0.0

    # -- packets ------------------------------------------------------------------------------------

    def note(self, words: NDArray[np.uint32], length: Slots, slots: Slots, at: Floats) -> bool:
        """Copy the headers of packets that came.

        :param words: ``(n, 3)``, the first three words of each packet in network order.
        :param slots: the call of each, negative for those of nobody.
        :param at: when each came, in seconds.
        :returns: True when ``count`` should be called before more come.
        """
        start, n = self._filled, min(len(slots), ROOM - self._filled)
        end = start + n
        self._heads[start:end], self._slots[start:end] = words[:n], slots[:n]
        self._length[start:end], self._at[start:end] = length[:n], at[:n]
        self._filled = end
        return end > ROOM // 2

    def count(self, now: float) -> None:
        """Count what was copied since the last time."""
        n, self._filled = self._filled, 0
        if not n:
            return
        head = self._heads[:n, 0].astype(np.int64)
        slots, kind = self._slots[:n], head >> 16 & 0x7F
        is_ours = (slots >= 0) & (self._length[:n] >= HEADER) & (head >> 30 == 2)
        is_ours &= (kind < RTCP_LOW) | (kind > RTCP_HIGH)
        rows = np.nonzero(is_ours)[0]
        if not len(rows):
            return
        rows = rows[np.argsort(slots[rows], kind="stable")]
        ssrcs = self._heads[:n, 2].astype(np.int64)
        keeps = self._choose_streams(slots[rows], head[rows] & 0xFFFF, ssrcs[rows])
        if keeps is not None:
            rows = rows[keeps]
        slots, head, kind = slots[rows], head[rows], kind[rows]
        starts, group = _groups(slots)
        calls = slots[starts]
        highest = self.highest[slots]
        numbers = highest + ((head - highest + 0x8000 & 0xFFFF) - 0x8000)
        is_new = self._count_numbers(calls, starts, group, slots, numbers, highest)
        self.heard_at[calls] = now
        ends = np.append(starts[1:], len(rows)) - 1
        self.pauses[calls] |= kind[ends] == COMFORT_NOISE
        is_timed = is_new & (kind != self._event_type[slots])
        if not is_timed.all():
            timed = np.nonzero(is_timed)[0]
            rows, slots, numbers, head = rows[timed], slots[timed], numbers[timed], head[timed]
        if len(rows):
            stamps = self._heads[:n, 1].astype(np.int64)[rows]
            self._count_times(slots, numbers, stamps, self._at[rows], head >> 23 & 1 != 0)
        for slot in calls[self.highest[calls] - self._settled[calls] > SETTLE_AT].tolist():
            self.settle(slot)

    def _choose_streams(self, slots: Slots, numbers: Slots, ssrcs: Slots) -> NDArray[np.bool_] | None:
        """Begin new streams; tell which packets are of the streams that calls have now, None for all."""
        step = (numbers - self.highest[slots] + 0x8000 & 0xFFFF) - 0x8000
        is_odd = (ssrcs != self.ssrc[slots]) | (np.abs(step) > LARGEST_JUMP)
        if not is_odd.any():
            return None
        keeps = np.ones(len(slots), np.bool_)
        for slot in np.unique(slots[is_odd]).tolist():
            mine = np.nonzero(slots == slot)[0]
            newest = mine[-1]
            if is_odd[newest]:
                is_other = ssrcs[mine] != ssrcs[newest]
                steps = (numbers[mine] - numbers[newest] + 0x8000 & 0xFFFF) - 0x8000
                is_other |= np.abs(steps) > LARGEST_JUMP
                self._begin_stream(slot, int(ssrcs[newest]), int(numbers[mine[~is_other]][0]))
                keeps[mine] = ~is_other
            else:
                keeps[mine] = ~is_odd[mine]
        return keeps

    def _begin_stream(self, slot: int, ssrc: int, number: int) -> None:
        if self.ssrc[slot] != NONE:
            self.settle(slot, is_end=True)
            self._before[slot] += self.highest[slot] + 1 - self._first[slot]
            self._came_before[slot] = self.received[slot] + self.duplicates[slot]
        self._clear_window(slot)
        self.ssrc[slot] = ssrc
        self._first[slot] = self._settled[slot] = number + 0x10000  # so that nothing is ever below zero
        self.highest[slot] = number + 0xFFFF
        self._open_row[slot] = 0
        self._forget_times(slot)

    def _count_numbers(
        self, calls: Slots, starts: Slots, group: Slots, slots: Slots, numbers: Slots, highest: Slots
    ) -> NDArray[np.bool_]:
        """Mark what came; tell which rows are there for the first time."""
        count = len(calls)
        places = slots * WINDOW + (numbers & WINDOW - 1)
        is_new: NDArray[np.bool_] = ~self._seen[places]
        before = np.empty_like(numbers)
        before[1:] = numbers[:-1]
        before[starts] = highest[starts]
        if (numbers - before != 1).any():
            _, index = np.unique(places, return_index=True)
            is_first = np.zeros(len(slots), np.bool_)
            is_first[index] = True
            is_new &= is_first
            is_old = numbers < self._settled[slots]  # lost already, or a double of what came long ago
            is_new &= ~is_old
            base = group << 24
            ahead = base + (numbers - highest)
            top = np.maximum.accumulate(np.maximum(ahead, base))
            self.duplicates[calls] += np.bincount(group[~is_new & ~is_old], minlength=count)
            self.reordered[calls] += np.bincount(group[is_new & (ahead < top)], minlength=count)
        self._seen[places[is_new]] = True
        self.received[calls] += np.bincount(group[is_new], minlength=count)
        self.highest[calls] = np.maximum(highest[starts], np.maximum.reduceat(numbers, starts))
        return is_new

    def _count_times(
        self, slots: Slots, numbers: Slots, stamps: Slots, at: Floats, is_marked: NDArray[np.bool_]
    ) -> None:
        """Go on with jitter, and with how far each packet is behind the fastest."""
        starts, group = _groups(slots)
        calls = slots[starts]
        ends = np.append(starts[1:], len(slots)) - 1
        at_before, stamp_before, number_before = (
            np.empty_like(at),
            np.empty_like(stamps),
            np.empty_like(numbers),
        )
        at_before[1:], stamp_before[1:], number_before[1:] = at[:-1], stamps[:-1], numbers[:-1]
        at_before[starts], stamp_before[starts] = self._last_at[calls], self._last_stamp[calls]
        number_before[starts] = NONE
        said = ((stamps - stamp_before + 0x80000000 & 0xFFFFFFFF) - 0x80000000) / self._clock_hz[slots]
        deviation = at - at_before - said
        size = np.abs(deviation)
        is_jump = ~(size <= SPURT_JUMP_S)
        if is_jump.any():  # also the first, whose time is not a number
            is_jump &= is_marked | ~(size <= CLOCK_JUMP_S)
            deviation[is_jump] = size[is_jump] = 0.0
            jumped = slots[is_jump]
            self._fastest[jumped] = self._fastest_before[jumped] = np.inf
        is_long = said > LONGEST_PACKET_S
        if is_long.any():
            self.pauses[slots[is_long & (numbers - number_before == 1) & ~is_jump]] = True
        is_step = (numbers[ends] - number_before[ends] == 1) & (said[ends] > 0.0) & ~is_long[ends]
        self.packet_s[calls[is_step]] = said[ends[is_step]]
        sums = np.cumsum(deviation)
        transit = sums + (self._transit[calls] - sums[starts] + deviation[starts])[group]
        self._fastest[calls] = np.minimum(self._fastest[calls], np.minimum.reduceat(transit, starts))
        fastest = np.minimum(self._fastest[calls], self._fastest_before[calls])
        is_late = transit > (fastest + LATE_S)[group]
        if is_late.any():
            self.late[calls] += np.bincount(group[is_late], minlength=len(calls))
        self._transit[calls], self._last_at[calls] = transit[ends], at[ends]
        self._last_stamp[calls] = stamps[ends]
        counts = ends + 1 - starts
        left = ends[group] - np.arange(len(slots))
        jitter = np.add.reduceat(size * _FADING[left], starts) * GAIN
        jitter += self.jitter_s[calls] * _FADING[counts]
        self.jitter_s[calls] = jitter
        self.jitter_max_s[calls] = np.maximum(self.jitter_max_s[calls], jitter)
        self._jitter_sum[calls] += jitter * counts
        self._jitter_count[calls] += counts

    # -- what is told -------------------------------------------------------------------------------

    def settle(self, slot: int, *, is_end: bool = False) -> None:
        """Count what has not come by now as lost.

        :param is_end: nothing more will come of the stream.
        """
        if self.ssrc[slot] == NONE:
            return
        start = int(self._settled[slot])
        end = int(self.highest[slot]) + 1 - (0 if is_end else WAIT)
        if end <= start:
            return
        places = slot * WINDOW + (np.arange(start, end) & WINDOW - 1)
        rows = count_rows(self._seen[places], int(self._open_row[slot]))
        self._seen[places] = False
        self._settled[slot], self._open_row[slot] = end, rows.open
        self.lost[slot] += rows.lost
        self.bursts[slot] += rows.bursts
        self.longest[slot] = max(int(self.longest[slot]), rows.longest)

    def renew_fastest(self, slot: int) -> None:
        """Forget the fastest packet of long ago: clocks drift, and ways change."""
        self._fastest_before[slot], self._fastest[slot] = self._fastest[slot], np.inf

    def expected(self, slot: int) -> int:
        """Give how many packets were sent to us, as their numbers say, in all streams."""
        if self.ssrc[slot] == NONE:
            return 0
        return int(self._before[slot] + self.highest[slot] + 1 - self._first[slot])

    def stream(self, slot: int) -> tuple[int, int, int]:
        """Give what reports have of the stream that is counted (RFC 3550, 6.4.1 and A.3).

        :returns: packets that were sent, that came with doubles, and the highest number with its rounds.
        """
        highest = int(self.highest[slot])
        came = int(self.received[slot] + self.duplicates[slot] - self._came_before[slot])
        return highest + 1 - int(self._first[slot]), came, highest - 0x10000

    def expected_settled(self, slot: int) -> int:
        """Give of how many of these it is known whether they came."""
        if self.ssrc[slot] == NONE:
            return 0
        return int(self._before[slot] + self._settled[slot] - self._first[slot])

    def jitter_mean_s(self, slot: int) -> float:
        """Give the mean of the jitter, packet by packet."""
        return float(self._jitter_sum[slot] / max(1, int(self._jitter_count[slot])))


def _groups(slots: Slots) -> tuple[Slots, Slots]:
    """Give where each call's rows start, and the number of each row's call among them."""
    is_start = np.ones(len(slots), np.bool_)
    is_start[1:] = slots[1:] != slots[:-1]
    return np.nonzero(is_start)[0], np.cumsum(is_start) - 1
