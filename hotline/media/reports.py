"""RTCP and quality of all legs: what the other side is told, what it tells, and what the product hears of it.

All of this is off the tick: ``handle_timer`` comes after a step's packets have gone. A few times a
second it counts what came (``arrivals``) and looks whose voice is missing; each leg has its turn to
report every five seconds or so, a few legs a step.

Reports are sent to where RTCP was declared (RFC 3605), else to the port above the voice's, else, when the
two share a port (RFC 5761), to that. They are heard from the host only that the voice comes from.
"""

from __future__ import annotations

import heapq
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.errors import RemoteProtocolError
from hotline.events.ids import CallId
from hotline.media.arrivals import NONE, Arrivals
from hotline.media.judgement import Far, judge
from hotline.media.leg import Leg
from hotline.media.outgoing import Outgoing
from hotline.media.packets import Batch
from hotline.media.plan import Aim, LegQuality, OpenPort, VoiceFound, VoiceMissing
from hotline.media.roster import Address, Roster
from hotline.media.rtcp import (
    Report,
    ReportBlock,
    SenderInfo,
    interval_s,
    middle,
    ntp_time,
    parse_report,
    round_trip_s,
    write_report,
)
from hotline.media.rtp import HEADER, RATE_HZ, address_words, remote_number

COUNT_EVERY_S: Final = 0.25
LEGS_AT_ONCE: Final = 4  # that report in one step of 5 ms: 800 a second
MISSING_S: Final = 2.4  # without a packet; with the time between two counts, less than 3
LISTEN_S: Final = 1.2  # without a packet before we look whether strangers send instead
WORTH_TELLING: Final = 0.1  # change of the score
NAME_BITS: Final = 96  # of a CNAME that tells nothing (RFC 7022, 4.2)

Voice = VoiceMissing | VoiceFound
NewToken = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Outbound:
    """A datagram for the edge to send."""

    port_index: int
    """Of the voice's port."""
    is_muxed: bool
    """True: from the voice's port; False: from the one above it."""
    to: tuple[str, int]
    data: bytes


class _Side:
    """What is known of one leg's reports."""

    def __init__(self, leg: Leg, serial: int, sequence: int) -> None:
        self.leg, self.serial = leg, serial
        self.is_answered = self.is_due = False
        """Whether the call stands, and whether by its terms the other side sends."""
        self.cname = ""
        self.rtcp_ip, self.rtcp_port, self.is_muxed = "", 0, False
        self.heard_from: tuple[str, int] | None = None
        """Where its reports come from; behind a NAT that is where ours must go."""
        self.is_first = True
        self.sequence = sequence
        """Our next one, as of the last report."""
        self.packets = self.octets = 0
        self.sender_report = 0
        """Middle of the NTP timestamp of the other side's last one; 0: none yet."""
        self.sender_report_at = 0.0
        self.expected_before = self.came_before = 0
        self.far: Far | None = None
        self.round_trip_s: float | None = None
        self.told = 0.0
        """Score that the product was told last; 0: none yet."""


class Reports:
    """The reports of one plane.

    :param new_token: gives an unguessable number of so many bits, for names.
    """

    def __init__(self, roster: Roster, out: Outgoing, arrivals: Arrivals, new_token: NewToken) -> None:
        slots = roster.slots
        self._roster, self._out, self._new_token = roster, out, new_token
        self.arrivals = arrivals
        self._sides: dict[int, _Side] = {}
        self._at_port: dict[int, list[_Side]] = {}
        self._serial = 0
        self._turns: list[tuple[float, int, int]] = []
        self._count_at = 0.0
        self._now = 0.0
        self._expects = np.zeros(slots, np.bool_)
        self._since = np.zeros(slots)
        self._is_missing = np.zeros(slots, np.bool_)
        self._looks_around = np.zeros(slots, np.bool_)
        self._strangers = np.zeros(slots, np.int64)
        self._outbound: list[Outbound] = []
        self._events: list[LegQuality | Voice] = []

    @property
    def has_sides(self) -> bool:
        """Tell whether there is a leg."""
        return bool(self._sides)

    def note(self, batch: Batch, slots: NDArray[np.int64]) -> None:
        """Take note of packets that came to the voices' ports.

        :param slots: the call of each, negative for those of nobody, or not to be believed.
        """
        at = np.full(len(slots), self._now) if batch.at is None else batch.at
        if self.arrivals.note(batch.data.view(">u4")[:, :3], batch.length, slots, at):
            self.arrivals.count(self._now)

    # -- a leg's life -------------------------------------------------------------------------------

    def open(self, leg: Leg) -> None:
        """Begin with a leg; ``agree`` follows."""
        self._serial += 1
        side = self._sides[leg.slot] = _Side(leg, self._serial, int(self._out.sequence[leg.slot]))
        self._at_port.setdefault(int(self._roster.port_index[leg.slot]), []).append(side)
        self.arrivals.open(leg.slot, self._now)
        self._expects[leg.slot] = self._is_missing[leg.slot] = self._looks_around[leg.slot] = False
        self._plan(side, self._now)

    def agree(self, leg: Leg, terms: OpenPort | Aim) -> None:
        """Take over what was agreed."""
        side = self._sides[leg.slot]
        self.arrivals.agree(leg.slot, leg.event_payload_type, leg.ratio * RATE_HZ)
        place = (terms.rtcp_ip, terms.rtcp_port)
        if place != (side.rtcp_ip, side.rtcp_port) or terms.rtcp_mux != side.is_muxed:
            side.heard_from = None
        side.rtcp_ip, side.rtcp_port = place
        side.is_muxed = terms.rtcp_mux
        side.is_due = terms.sends and terms.receives and bool(terms.remote_ip)
        self._expect(side)

    def answer(self, leg: Leg) -> None:
        """Expect voice from now on, where the terms promise it."""
        side = self._sides[leg.slot]
        side.is_answered = True
        self._expect(side)

    def _expect(self, side: _Side) -> None:
        slot, expects = side.leg.slot, side.is_answered and side.is_due
        if expects and not self._expects[slot]:
            self._since[slot] = self._now
        self._expects[slot] = expects
        if not expects:
            self._find(side)

    def close(self, leg: Leg) -> None:
        """Say goodbye, and tell how it was."""
        side = self._sides.pop(leg.slot)
        self._at_port[int(self._roster.port_index[leg.slot])].remove(side)
        self.arrivals.count(self._now)
        self._look_around(leg.slot, False)
        self._expects[leg.slot] = self._is_missing[leg.slot] = False
        self.arrivals.settle(leg.slot, is_end=True)
        self._send(side, self._now, says_goodbye=True)
        self._tell(side, is_final=True)

    # -- time ---------------------------------------------------------------------------------------

    def handle_timer(self, now: float) -> None:
        """Do what is due; after each step of the plane."""
        self._now = now
        if now >= self._count_at:
            self._count_at = now + COUNT_EVERY_S
            self.arrivals.count(now)
            self._watch(now)
        for _ in range(LEGS_AT_ONCE):
            if not self._turns or self._turns[0][0] > now:
                return
            _, slot, serial = heapq.heappop(self._turns)
            side = self._sides.get(slot)
            if side is not None and side.serial == serial:
                self._take_turn(side, now)

    def _plan(self, side: _Side, now: float) -> None:
        # The SSRC is random, and so is this, without another draw for every report.
        chance = (
            int(self._out.words[side.leg.slot, 2]) * 2654435761 + int(now * 1000) * 40503 & 0xFFFF
        ) / 0x10000
        due = now + interval_s(chance, is_first=side.is_first)
        heapq.heappush(self._turns, (due, side.leg.slot, side.serial))

    def _take_turn(self, side: _Side, now: float) -> None:
        side.is_first = False
        self._plan(side, now)
        self.arrivals.settle(side.leg.slot)
        self._send(side, now)
        self._tell(side)
        self.arrivals.renew_fastest(side.leg.slot)

    def take_outbound(self) -> list[Outbound]:
        """Take the datagrams that are to be sent."""
        outbound, self._outbound = self._outbound, []
        return outbound

    def take_events(self) -> list[LegQuality | Voice]:
        """Take what happened, in order."""
        events, self._events = self._events, []
        return events

    # -- whose voice is missing ---------------------------------------------------------------------

    def note_strangers(self, port_indexes: NDArray[np.int64]) -> None:
        """Take note of packets that came from where nobody was to send."""
        for index in np.unique(port_indexes).tolist():
            for side in self._at_port.get(index, ()):
                self._strangers[side.leg.slot] += 1

    def _watch(self, now: float) -> None:
        """Tell whose voice is missing, and whose has come."""
        heard = self.arrivals.heard_at
        quiet = now - np.maximum(heard, self._since)
        is_quiet = self._expects & (quiet > LISTEN_S) & ~self.arrivals.pauses
        for slot in np.nonzero(is_quiet != self._looks_around)[0].tolist():
            self._look_around(slot, bool(is_quiet[slot]))
        for slot in np.nonzero(is_quiet & (quiet > MISSING_S) & ~self._is_missing)[0].tolist():
            self._is_missing[slot] = True
            reason = "strangers" if self._strangers[slot] else "silent"
            self._events.append(VoiceMissing(self._sides[slot].leg.call_id, reason))
        for slot in np.nonzero(self._is_missing & ~is_quiet)[0].tolist():
            self._find(self._sides[slot])

    def _find(self, side: _Side) -> None:
        if self._is_missing[side.leg.slot]:
            self._is_missing[side.leg.slot] = False
            self._events.append(VoiceFound(side.leg.call_id))

    def _look_around(self, slot: int, does: bool) -> None:
        if self._looks_around[slot] != does:
            self._looks_around[slot] = does
            self._strangers[slot] = 0
            self._roster.look_around(slot, does)

    # -- what the other side says -------------------------------------------------------------------

    def hear(self, port_index: int, source: tuple[str, int], data: bytes, now: float) -> bool:
        """Take a datagram that came to the port of a leg's reports; False for a stranger's."""
        try:
            host = _host(remote_number(source[0], 1), address_words(source[0]))
        except RemoteProtocolError:
            return False
        for side in self._at_port.get(port_index, ()):
            if self._is_from(side, host, source[1]):
                is_heard = self.hear_from(side.leg, data, now)
                if is_heard:
                    side.heard_from = source
                return is_heard
        return False

    def hear_from(self, leg: Leg, data: bytes, now: float | None = None) -> bool:
        """Take a leg's report; False for one that is forged or no report.

        :param now: None: the time of the last step.
        """
        side = self._sides[leg.slot]
        plain = leg.protection.open_report(data) if leg.protection is not None else data
        try:
            report = parse_report(plain or b"")
        except RemoteProtocolError:
            return False
        self._note(side, report, self._now if now is None else now)
        return True

    def _is_from(self, side: _Side, host: tuple[int, Address], port: int) -> bool:
        number, words = self._roster.peer(side.leg.slot)
        expected = (number >> 32) + 1
        if side.rtcp_port:
            expected = side.rtcp_port
            if side.rtcp_ip:
                number, words = remote_number(side.rtcp_ip, 1), address_words(side.rtcp_ip)
        return host == _host(number, words) and (port == expected or side.leg.may_latch)

    def _note(self, side: _Side, report: Report, now: float) -> None:
        slot = side.leg.slot
        theirs = int(self.arrivals.ssrc[slot])
        if report.sender is not None and theirs in (NONE, report.ssrc):
            side.sender_report, side.sender_report_at = middle(report.sender.ntp), now
        if theirs != NONE and theirs in report.gone:
            self.arrivals.pauses[slot] = True  # it ended its stream: silence after that is no fault
        ours = int(self._out.words[slot, 2])
        for block in report.blocks:
            if block.ssrc == ours:
                side.far = Far(block.lost, block.fraction_lost, block.jitter / (side.leg.ratio * RATE_HZ))
                trip = round_trip_s(block, now)
                if trip is not None:
                    side.round_trip_s = trip

    # -- what we say --------------------------------------------------------------------------------

    def _send(self, side: _Side, now: float, *, says_goodbye: bool = False) -> None:
        leg = side.leg
        has_sent = self._count_sent(side)
        to = self._place(side)
        if to is None or not side.packets:
            return  # nothing has begun, or we know nobody
        sender = None
        slot, out = leg.slot, self._out
        if has_sent:
            sender = SenderInfo(ntp_time(now), int(out.timestamp[slot]), side.packets, side.octets)
        side.cname = side.cname or f"{self._new_token(NAME_BITS):024x}"
        blocks = [self._block(side, now)] if self.arrivals.ssrc[slot] != NONE else []
        ssrc = int(out.words[slot, 2])
        data: bytes | None = write_report(ssrc, sender, blocks, side.cname, says_goodbye=says_goodbye)
        if leg.protection is not None and data is not None:
            data = leg.protection.protect_report(data)
        if data:
            index = int(self._roster.port_index[slot])
            self._outbound.append(Outbound(index, side.is_muxed, to, data))

    def _count_sent(self, side: _Side) -> bool:
        """Go on with how much was sent; tell whether anything was since the last time."""
        slot, out = side.leg.slot, self._out
        sequence = int(out.sequence[slot])
        packets = (sequence - side.sequence & 0xFFFF) - int(out.skipped[slot])
        out.skipped[slot] = 0
        side.sequence = sequence
        side.packets += max(0, packets)
        side.octets += max(0, packets) * (int(out.lengths[slot]) - HEADER)
        return packets > 0

    def _place(self, side: _Side) -> tuple[str, int] | None:
        if side.heard_from is not None:
            return side.heard_from
        number, words = self._roster.peer(side.leg.slot)
        if not number:
            return None
        ip, port = _text(number, words, side.leg.version), number >> 32
        if side.is_muxed:
            return ip, port
        if side.rtcp_port:
            return side.rtcp_ip or ip, side.rtcp_port
        return (ip, port + 1) if port < 0xFFFF else None

    def _block(self, side: _Side, now: float) -> ReportBlock:
        slot, arrivals = side.leg.slot, self.arrivals
        expected, came, highest = arrivals.stream(slot)
        new, got = expected - side.expected_before, came - side.came_before
        side.expected_before, side.came_before = expected, came
        fraction = (new - got) / new if new > 0 else 0.0
        delay = int((now - side.sender_report_at) * 65536) if side.sender_report else 0
        return ReportBlock(
            int(arrivals.ssrc[slot]),
            max(0.0, fraction),
            expected - came,
            highest,
            int(arrivals.jitter_s[slot] * side.leg.ratio * RATE_HZ),
            side.sender_report,
            delay,
        )

    def _tell(self, side: _Side, *, is_final: bool = False) -> None:
        """Tell the product, when there is something new to tell."""
        self._count_sent(side)
        told = judge(self.arrivals, side.leg, side.packets, side.far, side.round_trip_s, is_final=is_final)
        score = told.mos or 0.0
        if (is_final and (told.expected or told.sent)) or abs(score - side.told) >= WORTH_TELLING:
            side.told = score
            self._events.append(told)

    def call_ids(self) -> list[CallId]:
        """Give the legs whose voice is missing."""
        return [self._sides[slot].leg.call_id for slot in np.nonzero(self._is_missing)[0].tolist()]


def _host(number: int, words: Address) -> tuple[int, Address]:
    return number & 0xFFFFFFFF, words


def _text(number: int, words: Address, version: int) -> str:
    if version == 4:
        return str(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(words[0] << 64 | words[1]))
