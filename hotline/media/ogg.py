"""Opus in Ogg: pages (RFC 3533, 6) and the two head packets (RFC 7845, 5). Packets come in, bytes go out."""

from __future__ import annotations

import struct
from typing import Final

GRANULE_HZ: Final = 48_000  # RFC 7845, 4: positions count 48,000 a second whatever was encoded
MOST_SEGMENTS: Final = 255  # of a page (RFC 3533, 6)
PAGE_SAMPLES: Final = GRANULE_HZ  # RFC 7845, 4.: pages of a second or less let a player seek
FIRST: Final = 0x02
LAST: Final = 0x04
_HEAD: Final = struct.Struct("<4sBBqIIIB")
_CHECKSUM_AT: Final = 22
_POLYNOMIAL: Final = 0x04C1_1DB7  # RFC 3533, 6, 7): no reflection, begins and ends with zero


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ (_POLYNOMIAL if value & 0x8000_0000 else 0)) & 0xFFFF_FFFF
        rows.append(value)
    return tuple(rows)


_TABLE: Final = _table()


def checksum(data: bytes) -> int:
    """Compute the checksum of a page whose own field is zero."""
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFF_FFFF) ^ _TABLE[value >> 24 ^ byte]
    return value


def opus_head(channels: int, pre_skip: int, input_hz: int) -> bytes:
    """Write the identification packet (RFC 7845, 5.1).

    :param pre_skip: samples at 48,000 a second that a player drops at the start.
    :param input_hz: what was encoded, for information only.
    """
    return b"OpusHead" + struct.pack("<BBHIhB", 1, channels, pre_skip, input_hz, 0, 0)


def opus_tags(vendor: str, comments: list[str]) -> bytes:
    """Write the comment packet (RFC 7845, 5.2); comments are ``NAME=value``."""
    body = b"OpusTags" + _text(vendor) + struct.pack("<I", len(comments))
    return body + b"".join(_text(comment) for comment in comments)


def _text(text: str) -> bytes:
    octets = text.encode()
    return struct.pack("<I", len(octets)) + octets


class OggStream:
    """One logical stream, page by page.

    :param serial: tells it from others in one file.
    """

    def __init__(self, serial: int) -> None:
        self._serial, self._sequence = serial & 0xFFFF_FFFF, 0
        self._lacing, self._body = bytearray(), bytearray()
        self._granule = self._page_began = 0

    def head(self, packet: bytes) -> bytes:
        """Give a page with one head packet alone; the first one begins the stream."""
        self._lace(packet)
        return self._page(FIRST if self._sequence == 0 else 0, 0)

    def put(self, packet: bytes, granule: int) -> bytes:
        """Add a packet; give the page that is full, or nothing.

        :param granule: position behind its last sample.
        """
        page = b""
        too_full = len(self._lacing) + len(packet) // MOST_SEGMENTS + 1 > MOST_SEGMENTS
        if self._lacing and (too_full or granule - self._page_began > PAGE_SAMPLES):
            page = self._page(0, self._granule)
            self._page_began = self._granule
        self._lace(packet)
        self._granule = granule
        return page

    def end(self, granule: int) -> bytes:
        """Give the last page.

        :param granule: where the sound ends, which may lie inside of the last packet (RFC 7845, 4.4).
        """
        return self._page(LAST, granule)

    def _lace(self, packet: bytes) -> None:
        whole, rest = divmod(len(packet), MOST_SEGMENTS)
        self._lacing += b"\xff" * whole + bytes([rest])
        self._body += packet

    def _page(self, flags: int, granule: int) -> bytes:
        head = _HEAD.pack(b"OggS", 0, flags, granule, self._serial, self._sequence, 0, len(self._lacing))
        page = bytearray(head + self._lacing + self._body)
        page[_CHECKSUM_AT : _CHECKSUM_AT + 4] = struct.pack("<I", checksum(bytes(page)))
        self._sequence += 1
        self._lacing.clear()
        self._body.clear()
        return bytes(page)
