"""The media plane: calls are columns, and one tick moves them all.

No step of the steady state loops over calls or packets in Python; what is rare (the first packet
of a stream, a key, the end of a prompt, a block for the disk) does. The plane knows no clock: the
edge calls ``tick`` every 20 ms for each phase. Calls are spread over up to four phases, so that
the edge may handle them 5 ms apart; a phase is filled before the next is begun.

``take_outbox`` of the usual machine is ``roster.sending`` and ``packets`` here, because packets stay in
the array that the kernel reads them from.

Not here yet: in-band tones. They are to be looked for in ``_listen``, in the frames that voice
activity hears, for calls whose ``EventKeys`` has not counted a key.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.errors import RemoteProtocolError
from hotline.events.ids import CallId
from hotline.media.demux import STRANGER
from hotline.media.dtmf import EventKeys
from hotline.media.g711 import codec_index, transcode
from hotline.media.outgoing import Outgoing
from hotline.media.packets import Batch
from hotline.media.plan import (
    Aim,
    ClosePort,
    Codec,
    DigitPressed,
    MediaCommand,
    MediaEvent,
    MediaFailed,
    OpenPort,
    Play,
    PortOpened,
    PromptEnded,
    Record,
    SpeechEnded,
    SpeechStarted,
    StopPlaying,
    StopRecording,
)
from hotline.media.prompts import PromptBank
from hotline.media.recording import AppendSamples, OpenRecording, RecorderOrder, SealRecording
from hotline.media.roster import Roster
from hotline.media.rtp import FRAME_MS, RATE_HZ, RtpPacket, parse_packet, remote_number
from hotline.media.timelines import Timelines
from hotline.media.vad import VoiceActivity

ODD_PACKETS: Final = 512  # of one batch; more are dropped, so that a flood cannot hold up a tick
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,100}")
_TO_OTHER: Final = {
    codec: transcode(np.arange(256, dtype=np.uint8), other, codec)
    for codec, other in ((Codec.PCMA, Codec.PCMU), (Codec.PCMU, Codec.PCMA))
}
"""By the new codec: the byte that stands for each byte of the old one."""

Slots = NDArray[np.int64]
NewToken = Callable[[int], int]
"""Gives an unguessable number of so many bits."""


@dataclass(slots=True)
class _Call:
    call_id: CallId
    slot: int
    codec: Codec
    declared: int
    event_payload_type: int | None
    may_latch: bool
    waits_for_source: bool
    keys: EventKeys = field(default_factory=EventKeys)
    queue: deque[tuple[int, int]] = field(default_factory=deque)
    tag: int = 0
    recording: OpenRecording | None = None


class Plane:
    """All calls of one process.

    :param ports: local RTP ports, in order of use.
    :param new_token: for SSRC and first sequence number and timestamp.
    """

    def __init__(
        self,
        *,
        local_ip: str,
        ports: Sequence[int],
        bank: PromptBank,
        new_token: NewToken,
        calls_per_port: int = 1,
    ) -> None:
        self._local_ip, self._ports, self._bank, self._new_token = local_ip, tuple(ports), bank, new_token
        self.roster = Roster(len(ports), calls_per_port)
        """Who sends and listens where; for the edge to read."""
        slots = self.roster.slots
        self._calls: dict[CallId, _Call] = {}
        self._by_slot: list[_Call | None] = [None] * slots
        self._is_recording = np.zeros(slots, np.bool_)
        self._ticks_left = np.zeros(slots, np.int64)
        self._speech_frames = np.zeros(slots, np.int32)
        self._lines, self._out, self._voice = Timelines(slots), Outgoing(slots, bank), VoiceActivity(slots)
        self._events: list[MediaEvent] = []
        self._orders: list[RecorderOrder] = []
        self._complaints: list[tuple[CallId, str]] = []
        self.counts: Counter[str] = self._lines.counts
        """Packets that were not heard, by reason: also ``stranger``, ``malformed`` and ``flood``."""

    # -- for the edge -------------------------------------------------------------------------------

    @property
    def packets(self) -> NDArray[np.uint8]:
        """``(slots, 172)``: the packets made by the last tick of each phase."""
        return self._out.packets

    def is_idle(self) -> bool:
        """Tell whether no call is open."""
        return not self._calls

    def take_events(self) -> list[MediaEvent]:
        """Take what happened, in order."""
        events, self._events = self._events, []
        return events

    def take_orders(self) -> list[RecorderOrder]:
        """Take what the recorder is to do, in order."""
        orders, self._orders = self._orders, []
        return orders

    def take_complaints(self) -> list[tuple[CallId, str]]:
        """Take what went wrong without harm to the call, for the log."""
        complaints, self._complaints = self._complaints, []
        return complaints

    # -- commands -----------------------------------------------------------------------------------

    def command(self, command: MediaCommand) -> None:
        """Carry out a command; what cannot be done is answered by MediaFailed, never raised."""
        call = self._calls.get(command.call_id)
        match command:
            case OpenPort():
                self._open_port(command, call)
            case StopPlaying() | StopRecording() | ClosePort() if call is None:
                pass  # the call was faster
            case _ if call is None:
                self._fail(command.call_id, f"{type(command).__name__} came for a call that has no port")
            case Aim():
                self._aim(call, command)
            case Play():
                self._play(call, command)
            case StopPlaying():
                call.queue.clear()
                self._out.stop(call.slot)
            case Record():
                self._record(call, command)
            case StopRecording():
                self._stop_recording(call)
            case ClosePort():
                self._close_port(call)

    def close_all(self) -> None:
        """End every call's media, closing its recording."""
        for call in list(self._calls.values()):
            self._close_port(call)

    def _fail(self, call_id: CallId, reason: str) -> None:
        self._events.append(MediaFailed(call_id, reason))

    def _open_port(self, command: OpenPort, call: _Call | None) -> None:
        if call is not None:
            self._fail(command.call_id, "the call has a port already")
            return
        try:
            remote = remote_number(command.remote_ip, command.remote_port)
        except RemoteProtocolError as error:
            self._fail(command.call_id, str(error))
            return
        slot = self.roster.take(remote, command.may_latch)
        if slot is None:
            self._fail(command.call_id, f"all {len(self._ports)} media ports are taken")
            return
        call = _Call(
            command.call_id,
            slot,
            command.codec,
            remote,
            command.event_payload_type,
            command.may_latch,
            command.may_latch,
        )
        self._calls[call.call_id] = self._by_slot[slot] = call
        index, payload_type = codec_index(call.codec), call.codec.value
        self._lines.open(slot, index, payload_type)
        self._voice.reset(slot)
        self._out.open(
            slot, sequence=self._new_token(16), timestamp=self._new_token(32), ssrc=self._new_token(32)
        )
        self._out.use_codec(slot, index, payload_type)
        local_port = self._ports[self.roster.port_index[slot]]
        self._events.append(PortOpened(call.call_id, self._local_ip, local_port))

    def _aim(self, call: _Call, command: Aim) -> None:
        try:
            remote = remote_number(command.remote_ip, command.remote_port)
        except RemoteProtocolError as error:
            self._fail(call.call_id, str(error))
            return
        if command.codec is not call.codec:
            table = _TO_OTHER[command.codec]
            index, payload_type = codec_index(command.codec), command.codec.value
            self._lines.change_codec(call.slot, index, payload_type, table)
            self._out.use_codec(call.slot, index, payload_type)
            call.codec = command.codec
        call.event_payload_type = command.event_payload_type
        if remote == call.declared:
            return  # the same address again: a source found behind a NAT stays
        call.declared = remote
        self.roster.move(call.slot, remote)
        self._wait_for_source(call, call.may_latch)

    def _wait_for_source(self, call: _Call, is_waiting: bool) -> None:
        call.waits_for_source = is_waiting
        self.roster.wait_for_source(call.slot, is_waiting)

    def _play(self, call: _Call, command: Play) -> None:
        call.queue.clear()
        call.tag = command.tag
        for name in command.prompts:
            span = self._bank.span(name)
            if span is None:
                self._complaints.append(
                    (call.call_id, f"there is no prompt {name!r}; the caller hears nothing instead")
                )
            elif span[0] < span[1]:
                call.queue.append(span)
        self.roster.begin(call.slot)
        if call.queue:
            self._out.play(call.slot, *call.queue.popleft())
        else:
            self._out.stop(call.slot)
            self._events.append(PromptEnded(call.call_id, call.tag))

    def _record(self, call: _Call, command: Record) -> None:
        if not _FILE_NAME.fullmatch(command.recording_id):
            self._fail(call.call_id, f"{command.recording_id!r} cannot be the name of a recording")
            return
        self._stop_recording(call)
        call.recording = OpenRecording(
            command.recording_id,
            call.codec,
            longest_samples=max(0, round(command.longest_s * RATE_HZ)),
        )
        self._is_recording[call.slot] = True
        self._ticks_left[call.slot] = max(0, round(command.longest_s * 1000 / FRAME_MS))
        self._speech_frames[call.slot] = 0
        self._lines.mark(call.slot)

    def _stop_recording(self, call: _Call) -> None:
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

    def _append(self, call: _Call, samples: NDArray[np.uint8]) -> None:
        recording = call.recording
        assert recording is not None
        samples = samples[: recording.longest_samples - recording.length_samples]
        if not len(samples):
            return
        if recording.codec is not call.codec:
            samples = _TO_OTHER[recording.codec][samples]
        recording.length_samples += len(samples)
        self._orders.append(
            AppendSamples(call.call_id, recording.recording_id, recording.codec, samples.tobytes())
        )

    def _close_port(self, call: _Call) -> None:
        self._stop_recording(call)
        slot = call.slot
        self._out.stop(slot)
        del self._calls[call.call_id]
        self._by_slot[slot] = None
        self.roster.give_back(slot)

    # -- packets ------------------------------------------------------------------------------------

    def receive(self, batch: Batch) -> None:
        """Take in datagrams as they were read from the sockets."""
        slots = self.roster.find(batch)
        rows = self._lines.accept(batch, slots)
        is_stranger = (slots[rows] == STRANGER) & self.roster.is_unwanted(batch, rows)
        self.counts["stranger"] += int(np.count_nonzero(is_stranger))
        rows = rows[~is_stranger]
        self.counts["flood"] += max(0, len(rows) - ODD_PACKETS)
        for row in rows[:ODD_PACKETS].tolist():
            self._receive_one(batch, row)

    def _receive_one(self, batch: Batch, row: int) -> None:
        length = int(batch.length[row])
        try:
            packet = parse_packet(batch.data[row, : max(0, length)].tobytes())
        except RemoteProtocolError:
            self.counts["malformed"] += 1
            return
        remote, port_index = int(batch.remote[row]), int(batch.port_index[row])
        call = self._call_of(remote, port_index, packet)
        if call is None:
            self.counts["stranger"] += 1
        elif packet.payload_type == call.event_payload_type:
            key = call.keys.press(packet.timestamp, packet.payload)
            if key is not None:
                self._events.append(DigitPressed(call.call_id, key))
        else:
            self._lines.accept_one(call.slot, packet)

    def _call_of(self, remote: int, port_index: int, packet: RtpPacket) -> _Call | None:
        """Give the call that hears this sender; the first agreed packet fixes the sender, once."""
        slot, is_known = self.roster.find_one(remote, port_index)
        call = self._by_slot[slot] if slot != STRANGER else None
        if call is None or packet.payload_type not in (call.codec.value, call.event_payload_type):
            return call if is_known else None
        if not is_known:
            self.roster.move(slot, remote)
        if call.waits_for_source:
            self._wait_for_source(call, False)
        self.roster.begin(slot)
        return call

    # -- every 20 ms --------------------------------------------------------------------------------

    def tick(self, phase: int) -> None:
        """Move the calls of a phase on by 20 ms: listen, hand blocks over, make the next packets."""
        slots = self.roster.open(phase)
        if not len(slots):
            return
        self._listen(slots)
        self._record_tick(slots)
        sends = self.roster.sending(phase)
        if len(sends):
            self._out.fill(sends)
            self._end_prompts(sends)

    def _listen(self, slots: Slots) -> None:
        for ready, frames in self._lines.read(slots):
            for slot in self._voice.feed(ready, frames, self._lines.codec[ready]).tolist():
                call = self._by_slot[slot]
                if call is not None:
                    kind = SpeechStarted if self._voice.is_speech[slot] else SpeechEnded
                    self._events.append(kind(call.call_id))
            self._speech_frames[ready] += self._voice.is_speech[ready] & self._is_recording[ready]

    def _record_tick(self, slots: Slots) -> None:
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
                self._stop_recording(call)

    def _end_prompts(self, slots: Slots) -> None:
        for slot in self._out.finished(slots):
            call = self._by_slot[slot]
            if call is None:
                continue
            if call.queue:
                self._out.play(slot, *call.queue.popleft())
            else:
                self._out.stop(slot)
                self._events.append(PromptEnded(call.call_id, call.tag))
