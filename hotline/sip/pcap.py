"""Messages as a capture file that Wireshark and sngrep open (libpcap's classic format).

Each message is written as one UDP datagram between the two addresses, over IPv4 or IPv6, whatever carried it:
what went over TCP or TLS has no packets of its own here, and a reader of SIP wants none.
Source: pcap-savefile(5); LINKTYPE_RAW (101); RFC 791, RFC 8200, RFC 768.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from itertools import zip_longest
from typing import Final

from hotline.sip.glimpse import SeenMessage

_FILE_HEAD: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
"""Times in microseconds, snapshots of at most 65,535 octets, packets that begin with their IP head."""
_UDP: Final = 17
_HOPS: Final = 64
_MAX_MESSAGE_BYTES: Final = 65_535 - 40 - 8
"""What fits behind the heads of IPv6 and UDP; a longer message is cut."""


def pcap(messages: Iterable[SeenMessage]) -> bytes:
    """Write a capture file."""
    parts = [_FILE_HEAD]
    for seen in messages:
        packet = _packet(seen)
        seconds = int(seen.at)
        micros = min(int((seen.at - seconds) * 1_000_000), 999_999)
        parts.append(struct.pack("<IIII", seconds & 0xFFFFFFFF, micros, len(packet), len(packet)) + packet)
    return b"".join(parts)


def _packet(seen: SeenMessage) -> bytes:
    source, target = (seen.local, seen.remote) if seen.is_sent else (seen.remote, seen.local)
    from_ip, to_ip = ipaddress.ip_address(source[0]), ipaddress.ip_address(target[0])
    data = seen.data[:_MAX_MESSAGE_BYTES]
    length = 8 + len(data)
    if from_ip.version == 4 and to_ip.version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, _HOPS, _UDP, 0)
        addresses = from_ip.packed + to_ip.packed
        head = head[:10] + _sum_of(head + addresses) + addresses
        pseudo = addresses + struct.pack("!BBH", 0, _UDP, length)
    else:
        addresses = _sixteen(from_ip) + _sixteen(to_ip)
        head = struct.pack("!IHBB", 6 << 28, length, _UDP, _HOPS) + addresses
        pseudo = addresses + struct.pack("!II", length, _UDP)
    udp = struct.pack("!HHH", source[1], target[1], length)
    checked = _sum_of(pseudo + udp + b"\0\0" + data)
    return head + udp + (checked if checked != b"\0\0" else b"\xff\xff") + data


def _sixteen(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    return ip.packed if ip.version == 6 else b"\0" * 10 + b"\xff\xff" + ip.packed


def _sum_of(octets: bytes) -> bytes:
    """Compute the Internet checksum (RFC 1071)."""
    total = sum(high << 8 | low for high, low in zip_longest(octets[::2], octets[1::2], fillvalue=0))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)
