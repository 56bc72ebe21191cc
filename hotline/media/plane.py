"""The media plane: calls are columns, and one tick moves them all.

No step of the steady state of plain G.711 calls loops over calls or packets in Python; what is rare
(the first packet of a stream, a key, the end of a prompt, a block for the disk) does, and so do calls
whose packets must be decoded or decrypted one by one. The plane knows no clock: the edge calls
``tick`` every 20 ms for each phase. Calls are spread over up to four phases, so that the edge may
handle them 5 ms apart; a phase is filled before the next is begun.

``take_outbox`` of the usual machine is ``roster.sending`` with ``packets``, and ``take_relayed``, here,
because packets stay in the arrays that the kernel reads them from.

Not here yet: in-band tones. They are to be looked for in ``_listen``, in the frames that voice
activity hears, for calls whose ``EventKeys`` has not counted a key.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from hotline.errors import LocalProtocolError, OutsideError, RemoteProtocolError
from hotline.events.ids import CallId
from hotline.media.bridges import Bridges
from hotline.media.coded import CodedVoice, Coder, MakeCoder, clock_ratio
from hotline.media.demux import STRANGER
from hotline.media.dtmf import EventKeys
from hotline.media.g711 import CODECS, EXPANDED, LAWS, codec_index, law_of
from hotline.media.leg import Leg
from hotline.media.legs import Legs
from hotline.media.outgoing import PACKET, Outgoing
from hotline.media.packets import Batch
from hotline.media.plan import (
    Aim,
    Bridge,
    ClosePort,
    Codec,
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
    Srtp,
    StopPlaying,
    StopRecording,
    Unbridge,
)
from hotline.media.prompts import PromptBank
from hotline.media.protection import MakeProtection, Protection
from hotline.media.reception import Reception
from hotline.media.recording import RecorderOrder
from hotline.media.recordings import Recordings
from hotline.media.relay import Relay
from hotline.media.relayed import Relayed
from hotline.media.roster import Address, Roster
from hotline.media.rtp import (
    FRAME,
    HEADER,
    address_words,
    ip_version,
    remote_number,
)
from hotline.media.timelines import DECODED, Timelines
from hotline.media.vad import VoiceActivity

Slots = NDArray[np.int64]
NewToken = Callable[[int], int]
"""Gives an unguessable number of so many bits."""


def _no_coder(codec: Codec) -> Coder:
    raise OutsideError(f"this plane was made without {codec.name}")


def _no_protection(keys: Srtp) -> Protection:
    raise LocalProtocolError(f"this plane was made without SRTP ({keys.suite})")


class Plane:
    """All calls of one process.

    :param local_ip: where the ports are, unless ``port_ips`` tells it for each of them.
    :param ports: local RTP ports, in order of use.
    :param port_ips: local address of each port; calls that name none get a port at the first.
    :param new_token: for SSRC and first sequence number and timestamp.
    :param make_coder: for legs whose codec is not G.711.
    :param make_protection: for legs with SRTP.
    """

    def __init__(
        self,
        *,
        local_ip: str,
        ports: Sequence[int],
        bank: PromptBank,
        new_token: NewToken,
        calls_per_port: int = 1,
        port_ips: Sequence[str] = (),
        make_coder: MakeCoder = _no_coder,
        make_protection: MakeProtection = _no_protection,
    ) -> None:
        port_ips = tuple(port_ips) or (local_ip,) * len(ports)
        self._ports, self._bank, self._new_token = tuple(ports), bank, new_token
        self._make_coder, self._make_protection = make_coder, make_protection
        self._groups = {ip: group for group, ip in enumerate(dict.fromkeys(port_ips))}
        self.roster = Roster([self._groups[ip] for ip in port_ips], calls_per_port)
        """Who sends and listens where; for the edge to read."""
        slots = self.roster.slots
        self._legs = Legs(slots)
        self._lines, self._out, self._voice = Timelines(slots), Outgoing(slots, bank), VoiceActivity(slots)
        self._relay = Relay(self.roster, self._out)
        self._bridges = Bridges(self._relay, self._out, slots)
        self._events: list[MediaEvent] = []
        self._complaints: list[tuple[CallId, str]] = []
        self.counts: Counter[str] = self._lines.counts
        """Packets that were not heard, by reason: also ``stranger``, ``malformed``, ``flood``, ``forged``."""
        self._recordings = Recordings(self._lines, self._legs.by_slot)
        self._reception = Reception(self._legs, self.roster, self._lines, self._bridges, self.counts)

    # -- for the edge -------------------------------------------------------------------------------

    @property
    def packets(self) -> NDArray[np.uint8]:
        """A row a slot: the packets made by the last tick of each phase, ``lengths`` bytes of each row."""
        return self._out.packets

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Bytes of each slot's packet; changes from tick to tick only for ``uneven`` slots."""
        return self._out.lengths

    def uneven(self, slots: Slots) -> Slots:
        """Give those slots whose packets differ in length from tick to tick."""
        if not self._legs.coded and not self._legs.secured:
            return slots[:0]
        uneven: Slots = slots[self._legs.is_coded[slots] | self._legs.is_secured[slots]]
        return uneven

    def take_relayed(self) -> Relayed:
        """Give what passes from call to call, ready to be sent; clear it when it was.

        Rows whose slot is negative are nothing to send.
        """
        relayed = self._relay.out
        if self._legs.secured and relayed.count:
            for row in np.nonzero(self._legs.is_secured[relayed.slots[: relayed.count]])[0].tolist():
                leg = self._legs.by_slot[relayed.slots[row]]
                sealed = leg.protection.protect(relayed.packet(row)) if leg and leg.protection else None
                if sealed is None:
                    relayed.slots[row] = STRANGER
                else:
                    relayed.replace(row, sealed)
        return relayed

    def is_bridged(self, slots: Slots) -> NDArray[np.bool_]:
        """Tell whose packets are for another call, which hears them the sooner the better."""
        bridged: NDArray[np.bool_] = self._relay.target[slots] >= 0
        return bridged

    def port_index(self, call_id: CallId) -> int | None:
        """Give the index of a call's port; None when the call is over."""
        call = self._legs.by_call.get(call_id)
        return int(self.roster.port_index[call.slot]) if call is not None else None

    def is_idle(self) -> bool:
        """Tell whether no call is open."""
        return not self._legs.by_call

    def take_events(self) -> list[MediaEvent]:
        """Take what happened, in order."""
        events, self._events = self._events, []
        return events

    def take_orders(self) -> list[RecorderOrder]:
        """Take what the recorder is to do, in order."""
        return self._recordings.take_orders()

    def take_complaints(self) -> list[tuple[CallId, str]]:
        """Take what went wrong without harm to the call, for the log."""
        complaints, self._complaints = self._complaints, []
        return complaints

    # -- commands -----------------------------------------------------------------------------------

    def command(self, command: MediaCommand) -> None:
        """Carry out a command; what cannot be done is answered by MediaFailed, never raised."""
        call = self._legs.by_call.get(command.call_id)
        match command:
            case OpenPort():
                self._open_port(command, call)
            case StopPlaying() | StopRecording() | Unbridge() | ClosePort() if call is None:
                pass  # the call was faster
            case _ if call is None:
                self._fail(command.call_id, f"{type(command).__name__} came for a call that has no port")
            case Aim():
                self._aim(call, command)
            case Bridge():
                self._bridge(call, command)
            case Unbridge():
                self._bridges.end(call)
            case Play():
                self._play(call, command)
            case StopPlaying():
                self._stop_playing(call)
            case Record():
                self._record(call, command)
            case StopRecording():
                self._recordings.end(call)
            case ClosePort():
                self._close_port(call)
            case _:
                assert_never(command)

    def close_all(self) -> None:
        """End every call's media, closing its recording."""
        for call in list(self._legs.by_call.values()):
            self._close_port(call)

    def _fail(self, call_id: CallId, reason: str) -> None:
        self._events.append(MediaFailed(call_id, reason))

    def _open_port(self, command: OpenPort, call: Leg | None) -> None:
        if call is not None:
            self._fail(command.call_id, "the call has a port already")
            return
        coded, protection = None, None
        try:
            local_ip, group = self._place(command.local_ip)
            declared = _declared(command, local_ip)
            if command.codec not in CODECS:
                coded = CodedVoice(self._make_coder(command.codec), clock_ratio(command.codec))
            if command.srtp is not None:
                protection = self._make_protection(command.srtp)
        except (RemoteProtocolError, LocalProtocolError, OutsideError) as error:
            self._fail(command.call_id, str(error))
            return
        slot = self.roster.take(*declared, command.may_latch, group)
        if slot is None:
            ports = sum(own == group for own in self.roster.groups)
            self._fail(command.call_id, f"all {ports} media ports are taken")
            return
        call = Leg(command.call_id, slot, ip_version(local_ip), declared, command.may_latch)
        call.waits_for_source = command.may_latch
        self._legs.add(call)
        self._lines.open(slot, codec_index(law_of(command.codec)), DECODED)
        self._voice.reset(slot)
        self._out.open(
            slot, sequence=self._new_token(16), timestamp=self._new_token(32), ssrc=self._new_token(32)
        )
        self._agree(call, command, coded, protection)
        local_port = self._ports[self.roster.port_index[slot]]
        self._events.append(PortOpened(call.call_id, local_ip, local_port))

    def _place(self, local_ip: str) -> tuple[str, int]:
        """Give the address to tell, and the group of its ports.

        An address that no port is at may be a wildcard's, or the outer one of a NAT that forwards to
        the only address of the family.
        """
        if not local_ip:
            return next(iter(self._groups.items()))
        version = ip_version(local_ip)
        family = [group for ip, group in self._groups.items() if ip_version(ip) == version]
        wildcard = self._groups.get("0.0.0.0" if version == 4 else "::")  # noqa: S104 - nothing is bound here
        group = self._groups.get(local_ip, wildcard)
        if group is None and len(family) == 1:
            group = family[0]
        if group is None:
            raise LocalProtocolError(
                f"there are no media ports at {local_ip}, only at {', '.join(self._groups)}: "
                "let hotline listen there as well"
            )
        return local_ip, group

    def _agree(
        self,
        call: Leg,
        terms: OpenPort | Aim,
        coded: CodedVoice | None,
        protection: Protection | None,
    ) -> None:
        """Take over what was agreed; all of it can be done."""
        slot = call.slot
        call.codec, call.coded = terms.codec, coded
        call.payload_type = terms.codec.value if terms.payload_type < 0 else terms.payload_type
        call.event_payload_type, call.sends = terms.event_payload_type, terms.sends
        call.event_clock_hz = terms.event_clock_hz
        if call.keys.ratio != call.event_ratio:
            call.keys = EventKeys(call.event_ratio)
        self._lines.agree(slot, codec_index(call.law), DECODED if coded else call.payload_type)
        self._out.use_codec(slot, codec_index(call.law), call.payload_type, FRAME * call.ratio)
        call.srtp, call.protection = terms.srtp, protection
        self._legs.sort(call)
        # Until the other side has said where it is, nothing is agreed, not even whether this is in the clear.
        self.roster.hold(slot, not (call.sends and terms.remote_ip))

    def _aim(self, call: Leg, command: Aim) -> None:
        coded, protection = call.coded, call.protection
        try:
            declared = _declared(command, "" if call.version == 4 else "::")
            if command.codec is not call.codec:
                coded = None
                if command.codec not in CODECS:
                    coded = CodedVoice(self._make_coder(command.codec), clock_ratio(command.codec))
            if command.srtp != call.srtp:
                protection = self._make_protection(command.srtp) if command.srtp is not None else None
        except (RemoteProtocolError, LocalProtocolError, OutsideError) as error:
            self._fail(call.call_id, str(error))
            return
        if command.codec is not call.codec:
            if call.other is not None:  # their numbers will count in other units
                self._bridges.begin_anew(call)
                self._bridges.begin_anew(call.other)
            law = law_of(command.codec)
            if law is not call.law:
                self._lines.map(call.slot, LAWS[codec_index(call.law), codec_index(law)])
        self._agree(call, command, coded, protection)
        self._bridges.update(call)
        if declared == call.declared:
            return  # the same address again: a source found behind a NAT stays
        call.declared = declared
        self.roster.move(call.slot, *declared)
        self._reception.wait_for_source(call, call.may_latch)

    def _bridge(self, call: Leg, command: Bridge) -> None:
        other = self._legs.by_call.get(command.other)
        if other is None or other is call:
            whom = "itself" if other is call else f"{command.other}, which has no port"
            self._fail(call.call_id, f"the call cannot be bridged with {whom}")
            return
        for one in (call, other):
            self._stop_playing(one)
            self.roster.begin(one.slot)
        self._bridges.build(call, other)

    def _play(self, call: Leg, command: Play) -> None:
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
        call.loop = tuple(call.queue) if command.repeats else ()
        self.roster.begin(call.slot)
        self._play_next(call)
        self._bridges.update(call)

    def _play_next(self, call: Leg) -> None:
        """Go on with the queue; at its end begin it again, or tell that."""
        call.queue = call.queue or deque(call.loop)
        if call.queue:
            self._out.play(call.slot, *call.queue.popleft())
        else:
            self._out.stop(call.slot)
            self._events.append(PromptEnded(call.call_id, call.tag))

    def _stop_playing(self, call: Leg) -> None:
        call.queue.clear()
        call.loop = ()
        self._out.stop(call.slot)
        self._bridges.update(call)

    def _record(self, call: Leg, command: Record) -> None:
        try:
            self._recordings.begin(call, command)
        except LocalProtocolError as error:
            self._fail(call.call_id, str(error))

    def _close_port(self, call: Leg) -> None:
        self._recordings.end(call)
        self._bridges.end(call)
        self._out.stop(call.slot)
        self._legs.remove(call)
        self.roster.give_back(call.slot)

    # -- packets, and every 20 ms -------------------------------------------------------------------

    def receive(self, batch: Batch) -> None:
        """Take in datagrams as they were read from the sockets; their rows may be rewritten."""
        self._reception.receive(batch)
        self._events += self._reception.take_pressed()

    def tick(self, phase: int) -> None:
        """Move the calls of a phase on by 20 ms: listen, hand blocks over, make the next packets."""
        slots = self.roster.open(phase)
        if not len(slots):
            return
        if self._legs.coded:
            self._reception.tick(slots)
        self._listen(slots)
        self._recordings.tick(slots)
        resting = self.roster.resting(phase)
        if len(resting):
            self._out.pass_time(resting)
            self._relay.pass_time(self.roster.relayed(phase))
        sends = self.roster.sending(phase)
        if len(sends):
            self._out.fill(sends)
            for slot in self.uneven(sends).tolist():
                self._finish_packet(slot)
            self._end_prompts(sends)

    def _finish_packet(self, slot: int) -> None:
        """Encode and protect what ``fill`` made in A-law and in the clear."""
        call, out = self._legs.by_slot[slot], self._out
        assert call is not None
        row, length = out.packets[slot], PACKET
        if call.coded is not None:
            payload = call.coded.coder.encode(EXPANDED[out.law[slot]][row[HEADER:PACKET]])
            length = HEADER + len(payload)
            row[HEADER:length] = np.frombuffer(payload, np.uint8)
        if call.protection is not None:
            sealed = call.protection.protect(row[:length].tobytes())
            if sealed is None:  # never seen, as our numbers never come twice; but nothing goes in the clear
                sealed = b""
                self.counts["unsealed"] += 1
            length = len(sealed)
            row[:length] = np.frombuffer(sealed, np.uint8)
        out.lengths[slot] = length

    def _listen(self, slots: Slots) -> None:
        for ready, frames in self._lines.read(slots):
            for slot in self._voice.feed(ready, frames, self._lines.codec[ready]).tolist():
                call = self._legs.by_slot[slot]
                if call is not None:
                    kind = SpeechStarted if self._voice.is_speech[slot] else SpeechEnded
                    self._events.append(kind(call.call_id))
            self._recordings.note_speech(ready, self._voice.is_speech[ready])

    def _end_prompts(self, slots: Slots) -> None:
        for slot in self._out.finished(slots):
            call = self._legs.by_slot[slot]
            if call is not None:
                self._play_next(call)
                if not self._out.is_playing(slot):
                    self._bridges.update(call)


def _declared(terms: OpenPort | Aim, local_ip: str) -> tuple[int, Address]:
    """Give the number and address of where the other side says it is.

    :raises RemoteProtocolError: for what is no address, or one of another family than ours.
    """
    number = remote_number(terms.remote_ip, terms.remote_port)
    if number and ip_version(terms.remote_ip) != ip_version(local_ip or "0.0.0.0"):  # noqa: S104 - only a family
        family = "IPv4" if ip_version(terms.remote_ip) == 6 else "IPv6"
        raise RemoteProtocolError(f"{terms.remote_ip} cannot be reached from a port that is {family} only")
    return number, (address_words(terms.remote_ip) if number else (0, 0))
