"""The recordings that are open: what their callers say, from time line to disk.

A recording has a side for the leg that it is made of and, when both are wanted, one for whoever that leg
is bridged with. Each side is a file of its own, as it came from its leg. The two files begin in the same
tick, and every leg that begins to speak into one of them finds its place by the ticks since then: so their
samples of the same number were said at the same time, to a packet's length or two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.errors import LocalProtocolError
from hotline.media.g711 import LAWS, SILENCE, codec_index
from hotline.media.leg import Leg
from hotline.media.plan import FinishRecording, Record, RecordingPaused, RecordingResumed
from hotline.media.recording import (
    NOWHERE,
    AppendSamples,
    OpenRecording,
    OpenSide,
    RecorderOrder,
    SealRecording,
    Side,
)
from hotline.media.rtp import FRAME, FRAME_MS, RATE_HZ
from hotline.media.timelines import NEVER, Timelines

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,100}")
_FOREVER: Final = int(NEVER)

Slots = NDArray[np.int64]


class Recordings:
    """All recordings of one plane.

    :param by_slot: the leg of each slot.
    """

    def __init__(self, lines: Timelines, by_slot: list[Leg | None]) -> None:
        self._lines, self._by_slot = lines, by_slot
        slots = len(by_slot)
        self._sides: dict[int, OpenSide] = {}
        """By slot: the file that its leg speaks into."""
        self._is_recording = np.zeros(slots, np.bool_)
        self._is_paused = np.zeros(slots, np.bool_)
        self._ticks_left = np.zeros(slots, np.int64)
        """Of a recording, by the slot of its near side; without meaning elsewhere."""
        self._speech_frames = np.zeros(slots, np.int32)
        self._orders: list[RecorderOrder] = []
        self._events: list[RecordingPaused | RecordingResumed] = []

    def take_orders(self) -> list[RecorderOrder]:
        """Take what the recorder is to do, in order."""
        orders, self._orders = self._orders, []
        return orders

    def take_events(self) -> list[RecordingPaused | RecordingResumed]:
        """Take what happened."""
        events, self._events = self._events, []
        return events

    def note_speech(self, slots: Slots, is_speech: NDArray[np.bool_]) -> None:
        """Count a frame of these slots as speech, or not."""
        self._speech_frames[slots] += is_speech & self._is_recording[slots] & ~self._is_paused[slots]

    # -- commands -----------------------------------------------------------------------------------

    def begin(self, leg: Leg, command: Record) -> None:
        """Record from the next sample on; a recording that is open ends.

        :raises LocalProtocolError: for what cannot be a file's name, and for a leg that speaks into the
            recording of another.
        """
        if not _FILE_NAME.fullmatch(command.recording_id):
            raise LocalProtocolError(f"{command.recording_id!r} cannot be the name of a recording")
        self.end(leg)
        if leg.slot in self._sides:
            with_whom = self._sides[leg.slot].recording.call_id
            raise LocalProtocolError(f"{leg.call_id} is recorded already, beside {with_whom}")
        longest_ticks = max(0, round(command.longest_s * 1000 / FRAME_MS))
        resumed_ticks = max(0, round(command.resumed_s * 1000 / FRAME_MS))
        recording = leg.recording = OpenRecording(
            leg.call_id,
            command.recording_id,
            longest_ticks,
            longest_samples=max(0, round(command.longest_s * RATE_HZ)),
            is_resumed=command.resumed_s > 0,
        )
        self._ticks_left[leg.slot] = longest_ticks - resumed_ticks
        self._speech_frames[leg.slot] = command.spoken_ms // FRAME_MS
        self._attach(recording.near, leg)
        if command.both:
            recording.far = OpenSide(recording, Side.FAR, is_resumed=recording.is_resumed)
            if leg.other is not None:
                self.join(leg, leg.other)

    def join(self, leg: Leg, other: Leg) -> None:
        """Take note that two legs hear each other from now on."""
        for near, far in ((leg, other), (other, leg)):
            recording = near.recording
            if recording is not None and recording.far is not None and far.slot not in self._sides:
                self._attach(recording.far, far)

    def part(self, leg: Leg) -> None:
        """Take note that a leg, and whoever it is bridged with, hear each other no more."""
        for one in (leg, leg.other):
            side = self._sides.get(one.slot) if one is not None else None
            if one is not None and side is not None and side.side is Side.FAR:
                self._detach(side, one)

    def pause(self, leg: Leg, longest_s: float) -> None:
        """Write silence in place of what is said from now on, for so long at most."""
        recording = leg.recording
        if recording is None or recording.is_paused:
            return
        recording.is_paused, recording.pause_ticks = True, max(1, round(longest_s * 1000 / FRAME_MS))
        for side in recording.sides:
            self._hush(side)
        self._events.append(RecordingPaused(leg.call_id, recording.recording_id, self._at_ms(recording)))

    def resume(self, leg: Leg, *, is_forgotten: bool = False) -> None:
        """Write what is said again."""
        recording = leg.recording
        if recording is None or not recording.is_paused:
            return
        recording.is_paused = False
        for side in recording.sides:
            if side.slot != NOWHERE:
                self._is_paused[side.slot] = False
                begin, _ = side.hushed[-1]
                side.hushed[-1] = (begin, max(begin, int(self._lines.edge[side.slot])))
        self._events.append(
            RecordingResumed(
                leg.call_id, recording.recording_id, self._at_ms(recording), is_forgotten=is_forgotten
            )
        )

    def end(self, leg: Leg) -> None:
        """Hand over what is left, and let the files be sealed; nothing when none is open."""
        recording = leg.recording
        if recording is None:
            return
        if recording.far is not None and recording.far.slot != NOWHERE:
            other = self._by_slot[recording.far.slot]
            assert other is not None, "a leg that goes parts first"
            self._detach(recording.far, other)
        self._detach(recording.near, leg)
        leg.recording = None
        near = recording.near
        speech_ms = int(self._speech_frames[leg.slot]) * FRAME_MS
        if not recording.is_resumed:  # else the recorder alone knows how long it is
            speech_ms = min(speech_ms, near.length_samples * 1000 // RATE_HZ)
        self._orders.append(
            SealRecording(
                leg.call_id,
                recording.recording_id,
                near.codec or leg.law,
                speech_ms,
                is_resumed=recording.is_resumed,
            )
        )

    def finish(self, command: FinishRecording) -> None:
        """Let a recording be sealed that a plane left open which died."""
        self._orders.append(
            SealRecording(
                command.call_id, command.recording_id, command.codec, command.spoken_ms, is_resumed=True
            )
        )

    # -- every 20 ms --------------------------------------------------------------------------------

    def tick(self, slots: Slots) -> None:
        """Hand over what is due of these slots, and end what has become too long."""
        due, starts, blocks = self._lines.take_due(slots)
        is_wanted = self._is_recording[due]
        for slot, start, block in zip(
            due[is_wanted].tolist(), starts[is_wanted].tolist(), blocks[is_wanted], strict=True
        ):
            leg, first = self._by_slot[slot], int(self._lines.first[slot])
            if leg is not None and first < start + len(block):
                offset = max(0, first - start)
                self._append(self._sides[slot], leg, start + offset, block[offset:])
        self._ticks_left[slots] -= 1
        for leg in self._near_legs(slots[self._is_recording[slots] & (self._ticks_left[slots] <= 0)]):
            self.end(leg)
        for leg in self._near_legs(slots[self._is_paused[slots]]):
            assert leg.recording is not None
            leg.recording.pause_ticks -= 1
            if leg.recording.pause_ticks <= 0:
                self.resume(leg, is_forgotten=True)

    def _near_legs(self, slots: Slots) -> Iterable[Leg]:
        """Give the legs of these slots that have a recording of their own."""
        for slot in slots.tolist():
            leg = self._by_slot[slot]
            if leg is not None and leg.recording is not None:
                yield leg

    # -- legs and their sides -----------------------------------------------------------------------

    def _attach(self, side: OpenSide, leg: Leg) -> None:
        slot = side.slot = leg.slot
        side.has_begun = False
        side.hushed.clear()
        side.codec = side.codec or leg.law
        self._sides[slot] = side
        self._is_recording[slot], self._is_paused[slot] = True, False
        self._lines.mark(slot)
        if side.recording.is_paused:
            self._hush(side)

    def _detach(self, side: OpenSide, leg: Leg) -> None:
        slot = leg.slot
        first = int(self._lines.first[slot])
        if first < self._lines.edge[slot]:
            start = max(first, int(self._lines.flushed[slot]))
            self._append(side, leg, start, self._lines.copy_rest(slot, start))
        del self._sides[slot]
        self._is_recording[slot] = self._is_paused[slot] = False
        self._lines.settle(slot)
        side.slot = NOWHERE

    def _hush(self, side: OpenSide) -> None:
        if side.slot != NOWHERE:
            self._is_paused[side.slot] = True
            side.hushed.append((int(self._lines.edge[side.slot]), _FOREVER))

    def _append(self, side: OpenSide, leg: Leg, start: int, samples: NDArray[np.uint8]) -> None:
        recording, codec = side.recording, side.codec
        assert codec is not None, "given when the leg was attached"
        lead, at = 0, None
        if not side.has_begun:
            side.has_begun = True
            self._lines.settle(leg.slot)
            lead = self._lead(side, start)
        side.next = start + len(samples)
        if side.hushed:
            samples = self._silence(side, leg, start, samples)
        samples = samples[: max(0, recording.longest_samples - side.length_samples - lead)]
        if not len(samples):
            return
        if codec is not leg.law:
            samples = LAWS[codec_index(leg.law), codec_index(codec)][samples]
        side.length_samples += lead + len(samples)
        if side.is_resumed:
            side.is_resumed, lead, at = False, 0, lead
        self._orders.append(
            AppendSamples(
                recording.call_id, recording.recording_id, codec, samples.tobytes(), side.side, lead, at
            )
        )

    def _lead(self, side: OpenSide, start: int) -> int:
        """Tell how much silence belongs before a leg's first sample: what passed without its voice.

        One packet's length is left out, as a tick and a packet are not due in the same moment.
        """
        if side.recording.far is None and not side.is_resumed:
            return 0  # one side alone begins with the first sample that comes
        came = self._lines.now(side.slot) - start
        return max(0, self._elapsed(side.recording) - came - FRAME - side.length_samples)

    def _elapsed(self, recording: OpenRecording) -> int:
        """Tell how long a recording is open, in samples."""
        return (recording.longest_ticks - int(self._ticks_left[recording.near.slot])) * FRAME

    def _at_ms(self, recording: OpenRecording) -> int:
        """Tell where in the recording the present moment is."""
        near = recording.near
        if near.has_begun:
            samples = near.length_samples + max(0, int(self._lines.edge[near.slot]) - near.next)
        elif recording.far is not None or recording.is_resumed:
            samples = self._elapsed(recording)
        else:
            samples = max(0, int(self._lines.edge[near.slot] - self._lines.first[near.slot]))
        return samples * 1000 // RATE_HZ

    def _silence(self, side: OpenSide, leg: Leg, start: int, samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Make silent what was said while the recording paused; stretches that are over are forgotten."""
        end = start + len(samples)
        samples = samples.copy()
        for begin, stop in side.hushed:
            if begin < end and stop > start:
                samples[max(begin, start) - start : min(stop, end) - start] = SILENCE[codec_index(leg.law)]
        side.hushed = [stretch for stretch in side.hushed if stretch[1] > end]
        return samples
