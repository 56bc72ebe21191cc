"""How loud a recording is over its length, for drawing it: the peaks file beside it.

A ``.peaks`` file is a header of eight bytes, then for each side (the caller's first) a pair of signed
bytes for every 100 ms: the lowest and the highest sample, of 256 steps. An hour of both sides is 144 kB.
It is made from the sound and can be made again from it at any time, so it is in no database.

======  ===================================
byte    what
======  ===================================
0       VERSION
1       sides, 1 or 2
2, 3    samples of one pair, little-endian
4 to 7  pairs of each side, little-endian
======  ===================================
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.errors import LocalProtocolError
from hotline.media.g711 import CODECS, EXPANDED, codec_index
from hotline.media.plan import Codec
from hotline.media.rtp import RATE_HZ

SUFFIX: Final = ".peaks"
VERSION: Final = 1
PAIR_SAMPLES: Final = RATE_HZ // 10
_HEAD: Final = struct.Struct("<BBHI")

_LOUDNESS: Final = {codec: (EXPANDED[codec_index(codec)] >> 8).astype(np.int8) for codec in CODECS}
"""The upper byte of each of the 256 samples of a law."""

Pairs = NDArray[np.int8]
"""Lowest and highest of each 100 ms, shape ``(n, 2)``."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """What a peaks file holds."""

    sides: Sequence[Pairs]
    """All of one length; a side that ended earlier is quiet to the end."""


class PeakMeter:
    """Measures one side, piece by piece."""

    def __init__(self, codec: Codec) -> None:
        self._loudness = _LOUDNESS[codec]
        self._rest = np.zeros(0, np.int8)
        self._pairs: list[Pairs] = []

    def feed(self, octets: bytes) -> None:
        """Take the next samples, of G.711."""
        heard = np.concatenate([self._rest, self._loudness[np.frombuffer(octets, np.uint8)]])
        whole = len(heard) // PAIR_SAMPLES * PAIR_SAMPLES
        self._take(heard[:whole].reshape(-1, PAIR_SAMPLES))
        self._rest = heard[whole:]

    def finish(self) -> Pairs:
        """Give the pairs; a last stretch that is shorter has one too."""
        if len(self._rest):
            self._take(self._rest.reshape(1, -1))
            self._rest = self._rest[:0]
        return np.concatenate([np.zeros((0, 2), np.int8), *self._pairs])

    def _take(self, rows: NDArray[np.int8]) -> None:
        self._pairs.append(np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1))


def measure(pieces: Iterable[bytes], codec: Codec) -> Pairs:
    """Measure one side from all its pieces."""
    meter = PeakMeter(codec)
    for piece in pieces:
        meter.feed(piece)
    return meter.finish()


def write_peaks(sides: Sequence[Pairs]) -> bytes:
    """Make a peaks file of one side, or of two."""
    length = max(len(side) for side in sides)
    body = b"".join(np.pad(side, ((0, length - len(side)), (0, 0))).tobytes() for side in sides)
    return _HEAD.pack(VERSION, len(sides), PAIR_SAMPLES, length) + body


def read_peaks(octets: bytes) -> Peaks:
    """Read a peaks file.

    :raises LocalProtocolError: for what is none, or of another version; make it anew then.
    """
    if len(octets) < _HEAD.size:
        raise LocalProtocolError("a peaks file has a header of eight bytes")
    version, sides, samples, length = _HEAD.unpack_from(octets)
    if (version, samples) != (VERSION, PAIR_SAMPLES) or sides not in (1, 2):
        raise LocalProtocolError(f"a peaks file of version {version} is not known here")
    if len(octets) != _HEAD.size + sides * length * 2:
        raise LocalProtocolError(f"a peaks file of {sides} x {length} pairs is not {len(octets)} bytes long")
    values = np.frombuffer(octets, np.int8, offset=_HEAD.size).reshape(sides, length, 2)
    return Peaks(tuple(values))
