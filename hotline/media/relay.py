"""Voice that passes from one call to another in the moment it comes, as columns.

A packet of the source goes out under the target's own SSRC and payload type; its sequence number
and timestamp are shifted by what makes them follow on what the target heard before. So loss,
disorder and the talker's own packet time stay as they are, and the far phone's jitter buffer deals
with them once, not twice. After a pause of the source the target gets silence of ours (the stream
must not end: trunks hang up on silent lines); the first packet after it begins a talk spurt.

A target is in one of two states, kept in the roster: *relayed* (all it hears comes from here) or
not (it is filled every 20 ms like any call: it plays, or its source is quiet).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media.g711 import LAWS
from hotline.media.outgoing import MARKED, PLAIN, Outgoing
from hotline.media.packets import Batch
from hotline.media.relayed import Relayed
from hotline.media.roster import Roster
from hotline.media.rtp import FRAME_MS, HEADER, sequence_step, timestamp_step

NOBODY: Final = -1
PATIENCE_TICKS: Final = 200 // FRAME_MS  # without a packet before we send silence in its place
LONGEST_SPAN: Final = 1000  # packets that a late one may lie behind

Slots = NDArray[np.int64]


class Relay:
    """Who hears whom. Columns are indexed by target, but for ``target`` and ``law``."""

    def __init__(self, roster: Roster, out: Outgoing) -> None:
        slots = roster.slots
        self._roster, self._out = roster, out
        self.out = Relayed()
        self.target = np.full(slots, NOBODY, np.int64)
        """By source: who hears it now; NOBODY for none."""
        self.law = np.zeros(slots, np.intp)
        """By source: row of its law; payloads are rewritten where the target has another."""
        self.links = 0
        """How many sources have a target."""
        self._is_fresh = np.zeros(slots, np.bool_)
        self._sequence_shift = np.zeros(slots, np.uint16)
        self._stamp_shift = np.zeros(slots, np.uint32)
        self._end = np.zeros(slots, np.uint32)
        self._span = np.zeros(slots, np.int64)
        self._quiet = np.zeros(slots, np.int64)
        self._gain = np.zeros(slots, np.int64)
        self._reach = np.zeros(slots, np.int64)

    def join(self, source: int, target: int) -> None:
        """Let a target hear a source from its next packet on."""
        self.part(source)
        self.target[source] = target
        self._is_fresh[target] = True
        self.links += 1
        self._roster.note(source)

    def part(self, source: int) -> None:
        """Let nobody hear a source."""
        target = int(self.target[source])
        if target == NOBODY:
            return
        self.target[source] = NOBODY
        self.links -= 1
        self._roster.note(source)
        self._lull(target)

    def is_on(self, target: int) -> bool:
        """Tell whether the last that a target was sent came from here."""
        return bool(self._roster.is_relayed[target])

    def begin_anew(self, source: int) -> None:
        """Take the source's next packet as the first of another stream: its numbers have jumped."""
        target = int(self.target[source])
        if target != NOBODY:
            self._settle(target)

    def pass_time(self, targets: Slots) -> None:
        """Let 20 ms go by for relayed slots; those whose source is quiet are filled from now on."""
        self._quiet[targets] += 1
        quiet = targets[self._quiet[targets] > PATIENCE_TICKS]
        for target in quiet.tolist():
            self._lull(target)

    def _lull(self, target: int) -> None:
        if self._roster.is_relayed[target]:
            self._roster.relay(target, False)
            self._settle(target)

    def _settle(self, target: int) -> None:
        """Let what comes next follow on the last that was passed."""
        behind = timestamp_step(int(self._end[target]), int(self._out.timestamp[target]))
        if not self._is_fresh[target] and behind > 0:
            self._out.timestamp[target] = self._end[target]
        self._out.mark[target] = MARKED
        self._is_fresh[target] = True

    def _start(self, target: int, sequence: int, stamp: int) -> None:
        """Shift a stream so that its packet with these numbers is the next that the target hears."""
        out = self._out
        self._sequence_shift[target] = int(out.sequence[target]) - sequence & 0xFFFF
        self._stamp_shift[target] = int(out.timestamp[target]) - stamp & 0xFFFFFFFF
        self._end[target], self._span[target], self._is_fresh[target] = out.timestamp[target], 0, False
        out.mark[target] = MARKED
        self._roster.relay(target, True)

    # -- packets ------------------------------------------------------------------------------------

    def pass_on(self, batch: Batch, rows: Slots, sources: Slots) -> None:
        """Send G.711 packets with plain headers on, each to the one who hears its source.

        :param rows: of the batch; :param sources: the call of each, all of them with a target.
        """
        targets = self.target[sources]
        is_heard = self._roster.may_send(targets)
        if not is_heard.all():
            rows, sources, targets = rows[is_heard], sources[is_heard], targets[is_heard]
        words = batch.data.view(">u4")[rows, :2].astype(np.uint32)
        sequence, stamp = (words[:, 0] & 0xFFFF).astype(np.uint16), words[:, 1]
        for row in np.nonzero(self._is_fresh[targets])[0].tolist():
            if self._is_fresh[targets[row]]:
                self._start(int(targets[row]), int(sequence[row]), int(stamp[row]))
        sequence = sequence + self._sequence_shift[targets]
        stamp = stamp + self._stamp_shift[targets]
        ahead = (sequence - self._out.sequence[targets]).view(np.int16).astype(np.int64)
        is_good = -ahead <= self._span[targets]
        if not is_good.all():
            rows, sources, targets = rows[is_good], sources[is_good], targets[is_good]
            sequence, stamp, ahead, words = sequence[is_good], stamp[is_good], ahead[is_good], words[is_good]
        places = self.out.take_rows(len(rows))
        room = places.stop - places.start
        if room < len(rows):  # never seen: a batch has fewer rows than there are places
            rows, sources, targets = rows[:room], sources[:room], targets[:room]
            sequence, stamp, ahead, words = sequence[:room], stamp[:room], ahead[:room], words[:room]
        if not room:
            return
        length = batch.length[rows]
        self._copy(batch, rows, sources, targets, places, int(length.max()))
        self.out.lengths[places], self.out.slots[places] = length, targets
        marks = (words[:, 0] >> 16).astype(np.uint16) & MARKED | self._out.mark[targets]
        heads = (PLAIN | marks | self._out.payload_type[targets]).astype(np.uint16)
        self.out.write_heads(places, heads, sequence, stamp, self._out.words[targets, 2].astype(np.uint32))
        self._advance(targets, ahead, stamp + (length - HEADER).astype(np.uint32))

    def _copy(
        self, batch: Batch, rows: Slots, sources: Slots, targets: Slots, places: slice, width: int
    ) -> None:
        packets = self.out.packets
        packets[places, HEADER:width] = batch.data[rows, HEADER:width]
        other = np.nonzero(self.law[sources] != self._out.law[targets])[0]
        if len(other):
            there = places.start + other
            laws = LAWS[self.law[sources[other]], self._out.law[targets[other]]]
            packets[there, HEADER:width] = np.take_along_axis(laws, packets[there, HEADER:width], axis=1)

    def _advance(self, targets: Slots, ahead: NDArray[np.int64], ends: NDArray[np.uint32]) -> None:
        out = self._out
        np.maximum.at(self._gain, targets, ahead + 1)
        np.maximum.at(self._reach, targets, (ends - self._end[targets]).view(np.int32).astype(np.int64))
        gain = self._gain[targets]  # a target that stands here twice gets the same twice
        if ahead.any():  # out of order, after a loss, or more than one packet of a talker
            each, first, packets = np.unique(targets, return_index=True, return_counts=True)
            out.skipped[each] += gain[first] - packets
        self._span[targets] = np.minimum(self._span[targets] + gain, LONGEST_SPAN)
        out.sequence[targets] += gain.astype(np.uint16)
        self._end[targets] += self._reach[targets].astype(np.uint32)
        self._gain[targets] = self._reach[targets] = self._quiet[targets] = 0
        out.mark[targets] = 0

    def pass_one(
        self,
        source: int,
        sequence: int,
        stamp: int,
        payload: bytes,
        *,
        is_marked: bool = False,
        payload_type: int | None = None,
        duration: int = 0,
    ) -> None:
        """Send one packet on, whatever is in it; payload and times are in the target's terms already.

        :param payload_type: None for the target's voice.
        :param duration: timestamp units that it lasts.
        """
        target = int(self.target[source])
        if target == NOBODY or not self._roster.may_send_to(target):
            return
        out = self._out
        if self._is_fresh[target]:
            self._start(target, sequence, stamp)
        sequence = sequence + int(self._sequence_shift[target]) & 0xFFFF
        stamp = stamp + int(self._stamp_shift[target]) & 0xFFFFFFFF
        ahead = sequence_step(sequence, int(out.sequence[target]))
        places = self.out.take_rows(1)
        if -ahead > self._span[target] or places.stop == places.start:
            self.out.count = places.start
            return
        row = places.start
        self.out.put(row, payload)
        self.out.slots[row] = target
        mark = MARKED if is_marked else 0
        if payload_type is None:
            mark |= int(out.mark[target])
        kind = int(out.payload_type[target]) if payload_type is None else payload_type
        self.out.write_head(row, PLAIN | mark | kind, sequence, stamp, int(out.words[target, 2]))
        gain = max(0, ahead + 1)
        out.skipped[target] += gain - 1
        out.sequence[target] = int(out.sequence[target]) + gain & 0xFFFF
        self._span[target] = min(int(self._span[target]) + gain, LONGEST_SPAN)
        self._quiet[target] = 0
        if timestamp_step(stamp + duration, int(self._end[target])) > 0:
            self._end[target] = stamp + duration & 0xFFFFFFFF
        if payload_type is None:
            out.mark[target] = 0

    # -- packets of our own -------------------------------------------------------------------------

    def time_of(self, target: int) -> int:
        """Give the timestamp at which what a target hears next begins."""
        if self._roster.is_relayed[target] and not self._is_fresh[target]:
            return int(self._end[target])
        return int(self._out.timestamp[target])

    def insert(
        self, target: int, stamp: int, payload: bytes, payload_type: int, *, is_marked: bool = False
    ) -> None:
        """Send a packet of ours under the target's next number; all that passes after it moves up by one."""
        out = self._out
        if not self._roster.may_send_to(target):
            return
        places = self.out.take_rows(1)
        if places.stop == places.start:
            return
        row, sequence = places.start, int(out.sequence[target])
        self.out.put(row, payload)
        self.out.slots[row] = target
        head = PLAIN | (MARKED if is_marked else 0) | payload_type
        self.out.write_head(row, head, sequence, stamp & 0xFFFFFFFF, int(out.words[target, 2]))
        out.sequence[target] = sequence + 1 & 0xFFFF
        self._sequence_shift[target] = int(self._sequence_shift[target]) + 1 & 0xFFFF
