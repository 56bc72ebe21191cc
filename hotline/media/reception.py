"""What comes in: whose packet it is, what its keys say, and where its voice goes."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from hotline.errors import RemoteProtocolError
from hotline.media.bridges import Bridges
from hotline.media.coded import CodedVoice, Heard
from hotline.media.demux import STRANGER
from hotline.media.g711 import encode
from hotline.media.leg import Leg
from hotline.media.legs import Legs, Slots
from hotline.media.packets import Batch
from hotline.media.reports import Reports
from hotline.media.roster import Address, Roster
from hotline.media.rtcp import is_rtcp
from hotline.media.rtp import HEADER, RtpPacket, parse_packet
from hotline.media.timelines import DECODED, Taken, Timelines

ODD_PACKETS: Final = 512  # of one batch; more are dropped, so that a flood cannot hold up a tick
CODED_PACKETS: Final = 24  # of one call in one batch, which costs up to 0.1 ms each: a stall of half a second
REFUSED: Final = -2  # in a batch's slots: not what its call's keys say


class Reception:
    """The receiving side of one plane.

    :param counts: takes what was not heard, by reason.
    """

    def __init__(
        self,
        legs: Legs,
        roster: Roster,
        lines: Timelines,
        bridges: Bridges,
        reports: Reports,
        counts: Counter[str],
    ) -> None:
        self._legs, self._roster, self._lines, self._bridges = legs, roster, lines, bridges
        self._counts, self._reports = counts, reports
        self._pressed: list[tuple[Leg, str]] = []

    def take_pressed(self) -> list[tuple[Leg, str]]:
        """Take the keys that events told of, in order, and whose they are."""
        pressed, self._pressed = self._pressed, []
        return pressed

    def wait_for_source(self, leg: Leg, is_waiting: bool) -> None:
        """Let a stranger's agreed packet fix the call's address, or no longer."""
        leg.waits_for_source = is_waiting
        self._roster.wait_for_source(leg.slot, is_waiting)

    def receive(self, batch: Batch) -> None:
        """Take in datagrams as they were read from the sockets; their rows may be rewritten."""
        slots = self._roster.find(batch)
        if self._legs.secured:
            self._open_secured(batch, slots)
        self._reports.note(batch, slots)
        taken, rows = self._lines.accept(batch, slots)
        if self._bridges.has_links and len(taken):
            self._bridges.pass_on(batch, taken, slots[taken])
        if self._legs.secured:
            rows = rows[slots[rows] != REFUSED]
        if self._legs.coded:
            rows = self._receive_coded(batch, slots, rows)
        is_stranger = (slots[rows] == STRANGER) & self._roster.is_unwanted(batch, rows)
        if is_stranger.any():
            self._counts["stranger"] += int(np.count_nonzero(is_stranger))
            self._reports.note_strangers(batch.port_index[rows[is_stranger]])
            rows = rows[~is_stranger]
        self._counts["flood"] += max(0, len(rows) - ODD_PACKETS)
        for row in rows[:ODD_PACKETS].tolist():
            self._receive_one(batch, row, is_opened=slots[row] != STRANGER)

    def _open_secured(self, batch: Batch, slots: Slots) -> None:
        """Put what was protected in its plain form where it lies."""
        for row in np.nonzero((slots >= 0) & self._legs.is_secured[slots])[0].tolist():
            leg = self._legs.by_slot[slots[row]]
            length = int(batch.length[row])
            packet, data = None, batch.data[row, : max(0, length)].tobytes()
            if leg is not None and self._is_report(leg, data):
                slots[row] = REFUSED
                continue
            if leg is not None and leg.protection is not None and length >= HEADER:
                packet = leg.protection.open(data)
            if packet is None:
                self._counts["forged"] += 1
                slots[row] = REFUSED
            else:
                batch.data[row, : len(packet)] = np.frombuffer(packet, np.uint8)
                batch.length[row] = len(packet)

    def _receive_coded(self, batch: Batch, slots: Slots, rows: Slots) -> Slots:
        """Take the packets of calls that are not G.711, each call only so many; give all other rows."""
        is_mine = (slots[rows] >= 0) & self._legs.is_coded[slots[rows]]
        left: dict[int, int] = {}
        for row in rows[is_mine].tolist():
            slot = int(slots[row])
            left[slot] = left.get(slot, CODED_PACKETS) - 1
            if left[slot] < 0:
                self._counts["flood"] += 1
            else:
                self._receive_one(batch, row, is_opened=True)
        others: Slots = rows[~is_mine]
        return others

    def _receive_one(self, batch: Batch, row: int, *, is_opened: bool) -> None:
        remote, port_index = int(batch.remote[row]), int(batch.port_index[row])
        address = (
            (0, 0) if batch.address is None else (int(batch.address[row, 0]), int(batch.address[row, 1]))
        )
        slot, is_known = self._roster.find_one(remote, address, port_index)
        call = self._legs.by_slot[slot] if slot != STRANGER else None
        data: bytes | None = batch.data[row, : max(0, int(batch.length[row]))].tobytes()
        if call is not None and is_known and data and self._is_report(call, data):
            return
        if data and call is not None and call.protection is not None and not is_opened:
            data = call.protection.open(data)
            if data is None:
                self._counts["forged"] += 1
                return
        try:
            packet = parse_packet(data or b"")
        except RemoteProtocolError:
            self._counts["malformed"] += 1
            return
        is_agreed = call is not None and packet.payload_type in (call.payload_type, call.event_payload_type)
        if call is None or not (is_known or is_agreed):
            self._counts["stranger"] += 1
            return
        if is_agreed:
            self._settle_source(call, (remote, address), is_known=is_known)
        if packet.payload_type == call.event_payload_type:
            self._press(call, packet)
        elif call.coded is not None:
            self._hear_coded(call, call.coded, packet)
        else:
            self._hear(call, packet)

    def _is_report(self, call: Leg, data: bytes) -> bool:
        """Take RTCP that shares the voice's port (RFC 5761); tell whether it was some."""
        if not is_rtcp(data):
            return False
        if not self._reports.hear_from(call, data):
            self._counts["malformed"] += 1
        return True

    def _settle_source(self, call: Leg, source: tuple[int, Address], *, is_known: bool) -> None:
        """The first agreed packet fixes the sender, once, and lets us send."""
        if not is_known:
            self._roster.move(call.slot, *source)
        if call.waits_for_source:
            self.wait_for_source(call, False)
        self._roster.begin(call.slot)

    def _press(self, call: Leg, packet: RtpPacket) -> None:
        key = call.keys.press(packet.timestamp, packet.payload)
        if key is not None:
            self._pressed.append((call, key))
        if call.coded is not None:
            self._place_heard(call, packet.ssrc, call.coded.take(packet, is_voice=False))
        self._bridges.pass_key(call, packet)

    def _hear(self, call: Leg, packet: RtpPacket) -> None:
        taken = self._lines.accept_one(call.slot, packet)
        if call.listener is not None and taken is not Taken.NOT:
            if taken is Taken.ANEW:
                self._bridges.begin_anew(call)
            self._bridges.pass_one(call, packet)

    def _hear_coded(self, call: Leg, coded: CodedVoice, packet: RtpPacket) -> None:
        if packet.payload_type != call.payload_type:
            self._counts["ignored"] += 1
            self._place_heard(call, packet.ssrc, coded.take(packet, is_voice=False))
        elif self._lines.is_overlapping(call.slot, packet.ssrc):
            self._counts["overlapping"] += 1
        else:
            is_anew = coded.is_anew(packet)
            if is_anew:
                self._bridges.begin_anew(call)
            self._place_heard(call, packet.ssrc, coded.take(packet))
            self._bridges.pass_one(call, packet)

    def _place_heard(self, call: Leg, ssrc: int, pieces: list[Heard]) -> None:
        for piece in pieces:
            call.heard = call.heard + 1 & 0xFFFF
            octets = encode(piece.samples, call.law).tobytes()
            stamp = piece.timestamp & 0xFFFFFFFF
            self._lines.accept_one(call.slot, RtpPacket(DECODED, False, call.heard, stamp, ssrc, octets))
            self._bridges.pass_heard(call, piece)

    def tick(self, slots: Slots) -> None:
        """Let voice that waits for a lost packet wait no longer than is good; every 20 ms."""
        for slot in slots[self._legs.is_coded[slots]].tolist():
            call = self._legs.coded[slot]
            if call.coded is not None and call.coded.is_waiting:
                self._place_heard(call, call.coded.ssrc, call.coded.wait())
