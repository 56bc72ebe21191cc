"""Recordings as WAV over HTTP, with ranges (RFC 9110, 14), made from G.711 while they are sent."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

RATE_HZ: Final = 8000  # ITU-T G.711, 2
BYTES_PER_SAMPLE: Final = 2
HEADER_BYTES: Final = 44
CHUNK_SAMPLES: Final = 32_768
"""About four seconds a time: little memory, and a browser that seeks away wastes little work."""
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes ``first`` to ``last``, both included, as in Content-Range."""

    first: int
    last: int


class NotSatisfiable(Exception):  # noqa: N818 - RFC 9110, 15.5.17
    """The range lies outside of the file."""


def wav_header(samples: int, channels: int = 1) -> bytes:
    """Write the 44 bytes before 16-bit PCM of so many samples of each channel at 8 kHz (RIFF, 1991)."""
    block = channels * BYTES_PER_SAMPLE
    length = samples * block
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + length, b"WAVE", b"fmt ", 16, 1, channels, RATE_HZ, RATE_HZ * block,
        block, 8 * BYTES_PER_SAMPLE, b"data", length,
    )  # fmt: skip


def parse_range(header: str, total: int) -> ByteRange | None:
    """Read a Range header.

    :param total: length of the whole answer in bytes, at least one.
    :returns: None when the whole is to be sent: no header, another unit, or several ranges, which a
        server may ignore (RFC 9110, 14.2).
    :raises NotSatisfiable: when it begins after the end.
    """
    match = _RANGE.fullmatch(header.strip())
    if not match or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), total)
        if length == 0:
            raise NotSatisfiable
        return ByteRange(total - length, total - 1)
    if last and int(last) < int(first):
        return None  # invalid, to be ignored (RFC 9110, 14.1.1)
    if int(first) >= total:
        raise NotSatisfiable
    return ByteRange(int(first), min(int(last), total - 1) if last else total - 1)
