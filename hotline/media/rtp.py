"""RTP: the fixed numbers, the header of a packet, and arithmetic that wraps.

Source: RFC 3550 (5.1, 5.3.1) and RFC 3551 (4.5.14). RTCP, CSRC lists and header extensions are
recognised and skipped; nothing here reads them.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hotline.errors import RemoteProtocolError

RATE_HZ: Final = 8000  # RFC 3551, table 4: PCMU and PCMA
FRAME: Final = 160  # samples, and bytes, of 20 ms (RFC 3551, 4.2: the default packet time)
FRAME_MS: Final = 20
HEADER: Final = 12  # bytes without CSRC and extension (RFC 3550, 5.1)
VERSION: Final = 2
RTCP_TYPES: Final = range(72, 77)  # SR..APP as seen in the low seven bits (RFC 5761, 4)


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One received packet, without its CSRC list, extension and padding."""

    payload_type: int
    is_marked: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse_packet(datagram: bytes) -> RtpPacket:
    """Read one datagram as RTP.

    :raises RemoteProtocolError: for RTCP, another version, or lengths that do not fit.
    """
    if len(datagram) < HEADER or datagram[0] >> 6 != VERSION:
        raise RemoteProtocolError("this datagram is not RTP version 2")
    payload_type = datagram[1] & 0x7F
    if payload_type in RTCP_TYPES:
        raise RemoteProtocolError("RTCP came to the RTP port")
    start, end = HEADER + 4 * (datagram[0] & 15), len(datagram)
    if datagram[0] & 0x10:  # extension: a word of kind and length, then so many words (5.3.1)
        if end < start + 4:
            raise RemoteProtocolError("the RTP header extension is cut off")
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
    if datagram[0] & 0x20:  # padding: its last byte counts it, itself included (5.1)
        if not 0 < datagram[-1] <= end - start:
            raise RemoteProtocolError("the RTP padding is longer than the payload")
        end -= datagram[-1]
    if start > end:
        raise RemoteProtocolError("the RTP header is longer than its datagram")
    return RtpPacket(
        payload_type,
        bool(datagram[1] & 0x80),
        int.from_bytes(datagram[2:4], "big"),
        int.from_bytes(datagram[4:8], "big"),
        int.from_bytes(datagram[8:12], "big"),
        datagram[start:end],
    )


def sequence_step(later: int, earlier: int) -> int:
    """Tell how far one sequence number is ahead of another, -32,768 to 32,767 (RFC 3550, A.1)."""
    return (later - earlier + 0x8000 & 0xFFFF) - 0x8000


def timestamp_step(later: int, earlier: int) -> int:
    """Tell how far one timestamp is ahead of another, -2**31 to 2**31 - 1."""
    return (later - earlier + 0x80000000 & 0xFFFFFFFF) - 0x80000000


def remote_number(ip: str, port: int) -> int:
    """Write an address and port as one number of 48 bits, ``port << 32 | address``; 0 for nowhere.

    An IPv6 address is folded to 32 bits, so its number finds a call but does not prove it: compare
    ``address_words`` as well. Nowhere is an empty or all-zero address or port 0 (a held or not yet
    known peer).

    :raises RemoteProtocolError: for what is no numeric address, or a port above 65,535.
    """
    if not ip or port == 0:
        return 0
    address = _address(ip)
    if not 0 < port <= 0xFFFF:
        raise RemoteProtocolError(f"{port} is no UDP port")
    if not int(address):
        return 0
    if address.version == 4:
        return port << 32 | int(address)
    high, low = address_words(ip)
    folded = high ^ low
    return port << 32 | (folded >> 32 ^ folded & 0xFFFFFFFF)


def address_words(ip: str) -> tuple[int, int]:
    """Give the two halves of an IPv6 address; zeros for an IPv4 one, or for none.

    :raises RemoteProtocolError: for what is no numeric address.
    """
    address = _address(ip) if ip else None
    if address is None or address.version == 4:
        return 0, 0
    return int(address) >> 64, int(address) & 0xFFFF_FFFF_FFFF_FFFF


def ip_version(ip: str) -> int:
    """Give 4 or 6.

    :raises RemoteProtocolError: for what is no numeric address.
    """
    return _address(ip).version


@lru_cache(maxsize=1024)  # the carriers' media gateways are few, and each is asked for several times a call
def _address(ip: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError as error:
        raise RemoteProtocolError(f"{ip!r} is neither an IPv4 nor an IPv6 address") from error
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise RemoteProtocolError(f"{ip!r} names an interface, which means nothing to another machine")
    return address
