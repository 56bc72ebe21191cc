"""What was agreed for a call's voice, taken over: by OpenPort at the start, by Aim whenever it changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hotline.errors import LocalProtocolError, OutsideError, RemoteProtocolError
from hotline.media.coded import CodedVoice, Coder, MakeCoder, clock_ratio
from hotline.media.dtmf import EventKeys
from hotline.media.g711 import CODECS, LAWS, codec_index, law_of
from hotline.media.keys import FusedKeys
from hotline.media.leg import Leg
from hotline.media.parts import Parts
from hotline.media.plan import Aim, Codec, OpenPort, PortOpened, Srtp
from hotline.media.ports import place_of
from hotline.media.protection import MakeProtection, Protection
from hotline.media.roster import Address
from hotline.media.rtp import FRAME, address_words, ip_version, remote_number
from hotline.media.timelines import DECODED

NewToken = Callable[[int], int]
"""Gives an unguessable number of so many bits."""


def no_coder(codec: Codec) -> Coder:
    """Refuse: for planes of G.711 only."""
    raise OutsideError(f"this plane was made without {codec.name}")


def no_protection(keys: Srtp) -> Protection:
    """Refuse: for planes without SRTP."""
    raise LocalProtocolError(f"this plane was made without SRTP ({keys.suite})")


class Agreement:
    """How calls of one plane are opened and changed.

    :param ports: local RTP ports, in order of use.
    :param port_ips: local address of each port; calls that name none get a port at the first.
    :param new_token: for SSRC and first sequence number and timestamp.
    :param make_coder: for legs whose codec is not G.711.
    :param make_protection: for legs with SRTP.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        ports: Sequence[int],
        port_ips: Sequence[str],
        new_token: NewToken,
        make_coder: MakeCoder,
        make_protection: MakeProtection,
    ) -> None:
        self._parts, self._ports, self._new_token = parts, tuple(ports), new_token
        self._make_coder, self._make_protection = make_coder, make_protection
        self._ips = tuple(dict.fromkeys(port_ips))
        groups = [self._ips.index(ip) for ip in port_ips]
        self._by_port = {place: index for index, place in enumerate(zip(groups, ports, strict=True))}

    def open_port(self, command: OpenPort, call: Leg | None) -> None:
        """Give a call a port, or tell why not.

        :param call: what the plane has under that name already.
        """
        parts = self._parts
        if call is not None:
            parts.fail(command.call_id, "the call has a port already")
            return
        coded, protection = None, None
        try:
            local_ip, group = place_of(command.local_ip, self._ips)
            port_index = self._index_of(command.local_port, group)
            declared = _declared(command, local_ip)
            if command.codec not in CODECS:
                coded = CodedVoice(self._make_coder(command.codec), clock_ratio(command.codec))
            if command.srtp is not None:
                protection = self._make_protection(command.srtp)
        except (RemoteProtocolError, LocalProtocolError, OutsideError) as error:
            parts.fail(command.call_id, str(error))
            return
        slot = parts.roster.take(*declared, command.may_latch, group, port_index)
        if slot is None:
            ports = sum(own == group for own in parts.roster.groups)
            reason = (
                f"media port {command.local_port} is"
                if command.local_port
                else f"all {ports} media ports are"
            )
            parts.fail(command.call_id, f"{reason} taken")
            return
        call = Leg(command.call_id, slot, ip_version(local_ip), declared, command.may_latch)
        call.waits_for_source = command.may_latch
        parts.legs.add(call)
        parts.lines.open(slot, codec_index(law_of(command.codec)), DECODED)
        parts.voice.reset(slot)
        parts.tones.reset(slot)
        parts.levels.watch(slot, False)
        parts.out.open(
            slot, sequence=self._new_token(16), timestamp=self._new_token(32), ssrc=self._new_token(32)
        )
        parts.reports.open(call)
        self._agree(call, command, coded, protection)
        if not command.local_port:  # whoever chose it knows it
            local_port = self._ports[parts.roster.port_index[slot]]
            parts.events.append(PortOpened(call.call_id, local_ip, local_port))

    def _index_of(self, port: int, group: int) -> int | None:
        if not port:
            return None
        index = self._by_port.get((group, port))
        if index is None:
            raise LocalProtocolError(f"port {port} is none of this plane's")
        return index

    def aim(self, call: Leg, command: Aim) -> None:
        """Change what was agreed, or tell why not and change nothing."""
        parts = self._parts
        coded, protection = call.coded, call.protection
        try:
            declared = _declared(command, "" if call.version == 4 else "::")
            if parts.roster.is_taken(call.slot, declared[0]):
                raise LocalProtocolError("another call at the same port has this address already")
            if command.codec is not call.codec:
                coded = None
                if command.codec not in CODECS:
                    coded = CodedVoice(self._make_coder(command.codec), clock_ratio(command.codec))
            if command.srtp != call.srtp:
                protection = self._make_protection(command.srtp) if command.srtp is not None else None
        except (RemoteProtocolError, LocalProtocolError, OutsideError) as error:
            parts.fail(call.call_id, str(error))
            return
        if command.codec is not call.codec:
            parts.conferences.begin_anew(call)
            law = law_of(command.codec)
            if law is not call.law:
                parts.lines.map(call.slot, LAWS[codec_index(call.law), codec_index(law)])
        self._agree(call, command, coded, protection)
        parts.conferences.update(call)
        if declared == call.declared:
            return  # the same address again: a source found behind a NAT stays
        call.declared, call.fused = declared, FusedKeys()  # another telephone, which may tell keys otherwise
        parts.tones.reset(call.slot)
        parts.roster.move(call.slot, *declared)
        parts.reception.wait_for_source(call, call.may_latch)

    def _agree(
        self, call: Leg, terms: OpenPort | Aim, coded: CodedVoice | None, protection: Protection | None
    ) -> None:
        """Take over what was agreed; all of it can be done."""
        parts, slot = self._parts, call.slot
        call.codec, call.coded = terms.codec, coded
        call.payload_type = terms.codec.value if terms.payload_type < 0 else terms.payload_type
        call.event_payload_type, call.sends = terms.event_payload_type, terms.sends
        call.event_clock_hz = terms.event_clock_hz
        if call.keys.ratio != call.event_ratio:
            call.keys = EventKeys(call.event_ratio)
        parts.lines.agree(slot, codec_index(call.law), DECODED if coded else call.payload_type)
        parts.out.use_codec(slot, codec_index(call.law), call.payload_type, FRAME * call.ratio)
        call.srtp, call.protection = terms.srtp, protection
        parts.legs.sort(call)
        parts.reports.agree(call, terms)
        # Until the other side has said where it is, nothing is agreed, not even whether this is in the clear.
        parts.roster.hold(slot, not (call.sends and terms.remote_ip))


def groups_of(port_ips: Sequence[str]) -> dict[str, int]:
    """Number the addresses that ports are at, in order of their first."""
    return {ip: group for group, ip in enumerate(dict.fromkeys(port_ips))}


def _declared(terms: OpenPort | Aim, local_ip: str) -> tuple[int, Address]:
    """Give the number and address of where the other side says it is.

    :raises RemoteProtocolError: for what is no address, or one of another family than ours.
    """
    number = remote_number(terms.remote_ip, terms.remote_port)
    if number and ip_version(terms.remote_ip) != ip_version(local_ip or "0.0.0.0"):  # noqa: S104 - only a family
        family = "IPv4" if ip_version(terms.remote_ip) == 6 else "IPv6"
        raise RemoteProtocolError(f"{terms.remote_ip} cannot be reached from a port that is {family} only")
    return number, (address_words(terms.remote_ip) if number else (0, 0))
