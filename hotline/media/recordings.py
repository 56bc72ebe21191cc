"""The recordings that are open: what their callers say, from time line to disk."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.errors import LocalProtocolError
from hotline.media.g711 import LAWS, codec_index
from hotline.media.leg import Leg
from hotline.media.plan import Record
from hotline.media.recording import AppendSamples, OpenRecording, RecorderOrder, SealRecording
from hotline.media.rtp import FRAME_MS, RATE_HZ
from hotline.media.timelines import Timelines

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,100}")

Slots = NDArray[np.int64]


class Recordings:
    """All recordings of one plane.

    :param by_slot: the leg of each slot.
    """

    def __init__(self, lines: Timelines, by_slot: list[Leg | None]) -> None:
        self._lines, self._by_slot = lines, by_slot
        slots = len(by_slot)
        self._is_recording = np.zeros(slots, np.bool_)
        self._ticks_left = np.zeros(slots, np.int64)
        self._speech_frames = np.zeros(slots, np.int32)
        self._orders: list[RecorderOrder] = []

    def take_orders(self) -> list[RecorderOrder]:
        """Take what the recorder is to do, in order."""
        orders, self._orders = self._orders, []
        return orders

    def note_speech(self, slots: Slots, is_speech: NDArray[np.bool_]) -> None:
        """Count a frame of these slots as speech, or not."""
        self._speech_frames[slots] += is_speech & self._is_recording[slots]

    def begin(self, call: Leg, command: Record) -> None:
        """Record from the next sample on; a recording that is open ends.

        :raises LocalProtocolError: for what cannot be a file's name.
        """
        if not _FILE_NAME.fullmatch(command.recording_id):
            raise LocalProtocolError(f"{command.recording_id!r} cannot be the name of a recording")
        self.end(call)
        call.recording = OpenRecording(
            command.recording_id,
            call.law,
            longest_samples=max(0, round(command.longest_s * RATE_HZ)),
        )
        self._is_recording[call.slot] = True
        self._ticks_left[call.slot] = max(0, round(command.longest_s * 1000 / FRAME_MS))
        self._speech_frames[call.slot] = 0
        self._lines.mark(call.slot)

    def end(self, call: Leg) -> None:
        """Hand over what is left, and let the file be sealed; nothing when none is open."""
        recording, slot = call.recording, call.slot
        if recording is None:
            return
        first = int(self._lines.first[slot])
        if first < self._lines.edge[slot]:
            self._append(call, self._lines.copy_rest(slot, first))
        call.recording = None
        self._is_recording[slot] = False
        self._lines.settle(slot)
        speech_ms = min(int(self._speech_frames[slot]) * FRAME_MS, recording.length_samples * 1000 // RATE_HZ)
        self._orders.append(SealRecording(call.call_id, recording.recording_id, recording.codec, speech_ms))

    def tick(self, slots: Slots) -> None:
        """Hand over what is due of these slots, and end what has become too long; every 20 ms."""
        due, starts, blocks = self._lines.take_due(slots)
        is_wanted = self._is_recording[due]
        for slot, start, block in zip(
            due[is_wanted].tolist(), starts[is_wanted].tolist(), blocks[is_wanted], strict=True
        ):
            call, first = self._by_slot[slot], int(self._lines.first[slot])
            if call is None or first >= start + len(block):
                continue
            self._lines.settle(slot)
            self._append(call, block[max(0, first - start) :])
        self._ticks_left[slots] -= 1
        for slot in slots[self._is_recording[slots] & (self._ticks_left[slots] <= 0)].tolist():
            call = self._by_slot[slot]
            if call is not None:
                self.end(call)

    def _append(self, call: Leg, samples: NDArray[np.uint8]) -> None:
        recording = call.recording
        assert recording is not None
        samples = samples[: recording.longest_samples - recording.length_samples]
        if not len(samples):
            return
        if recording.codec is not call.law:
            samples = LAWS[codec_index(call.law), codec_index(recording.codec)][samples]
        recording.length_samples += len(samples)
        self._orders.append(
            AppendSamples(call.call_id, recording.recording_id, recording.codec, samples.tobytes())
        )
