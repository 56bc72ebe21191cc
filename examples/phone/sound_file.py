"""Reads the sound files that a telephone can speak; the standard library's wave module knows no G.711."""

from __future__ import annotations

import struct
from pathlib import Path

RATE_HZ = 8000
PCM, ALAW = 1, 6  # format tags of a WAV file
BITS = {PCM: 16, ALAW: 8}


def read_sound(path: Path) -> tuple[int, bytes]:
    """Read a mono WAV of 8 kHz; return its format tag (16-bit PCM or A-law) and its samples.

    :raises SystemExit: naming the file, when it is something else.
    """
    data = path.read_bytes()
    at, tag = 12, 0
    while data[:4] == b"RIFF" and at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if name == b"fmt ":
            tag, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", data, at + 8)
            if (channels, rate_hz, bits) != (1, RATE_HZ, BITS.get(tag)):
                break
        elif name == b"data" and tag:
            return tag, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    raise SystemExit(f"{path}: needs a WAV file of 8 kHz, mono, 16-bit PCM or A-law")
