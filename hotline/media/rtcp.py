"""RTCP: bytes in, reports out, and back (RFC 3550, section 6; RFC 3611 is skipped, never refused).

Times are seconds of a clock that only goes forward; on the wire they are NTP timestamps of that clock,
which section 4 allows: nobody but we reads them back (LSR), to find the round trip.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.media.rtp import VERSION

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
DESCRIPTION: Final = 202
GOODBYE: Final = 203
CNAME: Final = 1
MUXED_TYPES: Final = range(64, 96)
"""What RTCP's packet types are in the low seven bits where it shares a port with RTP (RFC 5761, 4)."""
MOST_PACKETS: Final = 32  # of one datagram; ours have three
MOST_LOST: Final = 0x7FFFFF  # 24 bits with a sign (6.4.1)
BLOCK_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What one side says of the stream that it hears (6.4.1)."""

    ssrc: int
    """Of the stream."""
    fraction_lost: float
    """Since its report before, 0 to 1."""
    lost: int
    """In all; below zero when more doubles came than were lost."""
    highest: int
    """Sequence number of the newest packet, with the number of its rounds above it: 32 bits."""
    jitter: int
    """In timestamp units."""
    last_report: int
    """Middle 32 bits of the NTP timestamp of our report that it heard last; 0: of none."""
    delay: int
    """Since then, in 1/65,536 s."""


@dataclass(frozen=True, slots=True)
class SenderInfo:
    """What a sender says of its own stream (6.4.1)."""

    ntp: int
    """64 bits."""
    timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Report:
    """One datagram's worth."""

    ssrc: int
    """Of whoever reports; -1 when none of the packets says."""
    sender: SenderInfo | None
    blocks: tuple[ReportBlock, ...]
    cname: str
    """Empty when not told."""
    gone: tuple[int, ...]
    """SSRCs that say goodbye."""


def is_rtcp(datagram: bytes) -> bool:
    """Tell whether a datagram that came to a shared port is RTCP (RFC 5761, 4)."""
    return len(datagram) >= 8 and datagram[0] >> 6 == VERSION and datagram[1] & 0x7F in MUXED_TYPES


def parse_report(datagram: bytes) -> Report:
    """Read a compound packet, or a lone one (RFC 5506).

    What is in no RFC that we know is passed over.

    :raises RemoteProtocolError: for what is not RTCP version 2, or lengths that do not fit.
    """
    ssrc, sender, cname = -1, None, ""
    blocks: list[ReportBlock] = []
    gone: list[int] = []
    place, packets = 0, 0
    while place < len(datagram):
        if len(datagram) - place < 4 or datagram[place] >> 6 != VERSION:
            raise RemoteProtocolError("this datagram is not RTCP version 2")
        count, kind = datagram[place] & 0x1F, datagram[place + 1]
        end = place + 4 + 4 * int.from_bytes(datagram[place + 2 : place + 4], "big")
        packets += 1
        if end > len(datagram) or packets > MOST_PACKETS or not 192 <= kind <= 223:
            raise RemoteProtocolError("an RTCP packet is longer than its datagram, or of no known family")
        body = datagram[place + 4 : end]
        if kind in (SENDER_REPORT, RECEIVER_REPORT):
            head = 24 if kind == SENDER_REPORT else 4
            if len(body) < head + count * BLOCK_BYTES:
                raise RemoteProtocolError("an RTCP report is cut off")
            ssrc = int.from_bytes(body[:4], "big")
            if kind == SENDER_REPORT:
                sender = SenderInfo(*struct.unpack_from("!QIII", body, 4))
            blocks += [_read_block(body, head + k * BLOCK_BYTES) for k in range(count)]
        elif kind == DESCRIPTION and count:
            cname = cname or _read_cname(body)
        elif kind == GOODBYE:
            if len(body) < 4 * count:
                raise RemoteProtocolError("an RTCP goodbye is cut off")
            gone += struct.unpack_from(f"!{count}I", body)
        place = end
    if not packets:
        raise RemoteProtocolError("an empty datagram is no RTCP")
    return Report(ssrc, sender, tuple(blocks), cname, tuple(gone))


def _read_block(body: bytes, place: int) -> ReportBlock:
    ssrc, loss, highest, jitter, last_report, delay = struct.unpack_from("!6I", body, place)
    lost = loss & 0xFFFFFF
    if lost > MOST_LOST:
        lost -= 1 << 24
    return ReportBlock(ssrc, (loss >> 24) / 256, lost, highest, jitter, last_report, delay)


def _read_cname(body: bytes) -> str:
    """Find the CNAME of a description's first chunk (6.5); empty when it has none."""
    place = 4
    while place + 2 <= len(body) and body[place]:
        kind, length = body[place], body[place + 1]
        text = body[place + 2 : place + 2 + length]
        if kind == CNAME and len(text) == length:
            return text.decode("utf-8", "replace")
        place += 2 + length
    return ""


def write_report(
    ssrc: int,
    sender: SenderInfo | None,
    blocks: Sequence[ReportBlock],
    cname: str,
    *,
    says_goodbye: bool = False,
) -> bytes:
    """Write a compound packet: a report, our CNAME, and a goodbye where it is the last (6.1).

    :param sender: None for one who has not sent of late (a receiver report).
    :param blocks: at most 31.
    """
    kind, head = RECEIVER_REPORT, struct.pack("!I", ssrc)
    if sender is not None:
        kind = SENDER_REPORT
        head += struct.pack(
            "!QIII",
            sender.ntp & 0xFFFFFFFF_FFFFFFFF,
            sender.timestamp & 0xFFFFFFFF,
            sender.packets & 0xFFFFFFFF,
            sender.octets & 0xFFFFFFFF,
        )
    told = _packet(kind, len(blocks), head + b"".join(map(_write_block, blocks)))
    name = cname.encode()[:255]
    item = struct.pack("!IBB", ssrc, CNAME, len(name)) + name
    told += _packet(DESCRIPTION, 1, item + bytes(4 - len(item) % 4))  # one zero at least ends the items
    return told + _packet(GOODBYE, 1, struct.pack("!I", ssrc)) if says_goodbye else told


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", VERSION << 6 | count, kind, len(body) // 4) + body


def _write_block(block: ReportBlock) -> bytes:
    fraction = min(255, max(0, int(block.fraction_lost * 256)))
    lost = max(-MOST_LOST - 1, min(block.lost, MOST_LOST)) & 0xFFFFFF
    return struct.pack(
        "!6I",
        block.ssrc & 0xFFFFFFFF,
        fraction << 24 | lost,
        block.highest & 0xFFFFFFFF,
        min(block.jitter, 0xFFFFFFFF),
        block.last_report & 0xFFFFFFFF,
        min(block.delay, 0xFFFFFFFF),
    )


# -- times ----------------------------------------------------------------------------------------------


def ntp_time(now: float) -> int:
    """Write a time as an NTP timestamp: seconds and their 2**32 parts (section 4)."""
    return int(now * 4294967296.0)


def middle(ntp: int) -> int:
    """Give the middle 32 of an NTP timestamp's 64 bits, as LSR has them (6.4.1)."""
    return ntp >> 16 & 0xFFFFFFFF


def round_trip_s(block: ReportBlock, now: float) -> float | None:
    """Tell how long our last report and its echo were on their way (6.4.1, A - LSR - DLSR).

    :param now: when the block came.
    :returns: None before our first report was heard, and for what cannot be.
    """
    if not block.last_report:
        return None
    units = middle(ntp_time(now)) - block.last_report - block.delay & 0xFFFFFFFF
    if units >= 1 << 31:  # it claims to have held our report for longer than it can have: clocks are coarse
        units = 0 if units > 0xFFFFFFFF - 3277 else units  # 50 ms
    seconds = units / 65536.0
    return seconds if seconds < 60.0 else None


# -- when ------------------------------------------------------------------------------------------------

INTERVAL_S: Final = 5.0  # 6.2: the least, which holds for two who talk G.711
COMPENSATION: Final = 1.21828  # 6.3.1: e - 3/2, because intervals are reconsidered


def interval_s(chance: float, *, is_first: bool) -> float:
    """Give the time to the next report, spread so that reports of many do not meet (6.2, 6.3.1).

    :param chance: 0 to 1, even.
    """
    least = INTERVAL_S / 2 if is_first else INTERVAL_S
    return least * (0.5 + chance) / COMPENSATION
