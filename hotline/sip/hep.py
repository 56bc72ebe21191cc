"""HEP3: a copy of each SIP message for a capture server (Homer, sipcapture), one UDP datagram a message.

Source: "HEP/EEP Network Protocol Specification", revision 3 (sipcapture.org): the word ``HEP3``, the length
of the whole packet, then chunks: vendor (0: generic), type, length of the chunk with its six octets of head,
value; everything in network byte order.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping
from typing import Final

from hotline.sip.glimpse import SeenMessage, call_id_of

CAPTURE_AGENT: Final = 96156
"""Chunk 0x000c: names who sends; a capture server shows it."""
MAX_PACKET_BYTES: Final = 65507
"""What a UDP datagram can carry over IPv4; a longer message is cut."""
_HEAD: Final = struct.Struct("!4sH")
_CHUNK: Final = struct.Struct("!HHH")
_PROTOCOL_SIP: Final = 1
_AF_INET, _AF_INET6 = 2, 10
_IP_PROTOCOLS: Final[Mapping[str, int]] = {"udp": 17, "tcp": 6, "tls": 6, "ws": 6, "wss": 6}
"""Numbers of the Internet protocols (IANA)."""


def hep3(seen: SeenMessage, *, agent: int = CAPTURE_AGENT) -> bytes:
    """Write the packet for one message."""
    source, target = (seen.local, seen.remote) if seen.is_sent else (seen.remote, seen.local)
    source_ip, target_ip = ipaddress.ip_address(source[0]), ipaddress.ip_address(target[0])
    is_v4 = source_ip.version == 4 and target_ip.version == 4
    if not is_v4:  # a packet has one family
        source_ip, target_ip = _as_v6(source_ip), _as_v6(target_ip)
    seconds = int(seen.at)
    chunks = [
        _chunk(0x0001, bytes([_AF_INET if is_v4 else _AF_INET6])),
        _chunk(0x0002, bytes([_IP_PROTOCOLS.get(seen.transport, 17)])),
        _chunk(0x0003 if is_v4 else 0x0005, source_ip.packed),
        _chunk(0x0004 if is_v4 else 0x0006, target_ip.packed),
        _chunk(0x0007, struct.pack("!H", source[1])),
        _chunk(0x0008, struct.pack("!H", target[1])),
        _chunk(0x0009, struct.pack("!I", seconds & 0xFFFFFFFF)),
        _chunk(0x000A, struct.pack("!I", int((seen.at - seconds) * 1_000_000))),
        _chunk(0x000B, bytes([_PROTOCOL_SIP])),
        _chunk(0x000C, struct.pack("!I", agent)),
    ]
    call_id = call_id_of(seen.data)[:512]
    if call_id:
        chunks.append(_chunk(0x0011, call_id))  # correlation id
    room = MAX_PACKET_BYTES - _HEAD.size - sum(map(len, chunks)) - _CHUNK.size
    chunks.append(_chunk(0x000F, seen.data[:room]))
    return _HEAD.pack(b"HEP3", _HEAD.size + sum(map(len, chunks))) + b"".join(chunks)


def _chunk(kind: int, value: bytes) -> bytes:
    return _CHUNK.pack(0, kind, _CHUNK.size + len(value)) + value


def _as_v6(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv6Address:
    if isinstance(ip, ipaddress.IPv6Address):
        return ip
    return ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + ip.packed)  # ::ffff:a.b.c.d (RFC 4291, 2.5.5.2)
