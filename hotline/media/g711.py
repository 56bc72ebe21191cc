"""G.711: the two companding laws as tables, for arrays of any shape.

One byte is one sample, 8,000 a second. Linear samples are 16-bit signed, of which A-law keeps the
upper 13 bits and µ-law the upper 14. Source: ITU-T G.711 (11/88), tables 1a to 2b.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media.plan import Codec

Octets = NDArray[np.uint8]
Samples = NDArray[np.int16]

ALAW_SILENCE: Final = 0xD5  # G.711 table 1a: the smallest positive value, even bits inverted
ULAW_SILENCE: Final = 0xFF  # G.711 table 2a: positive zero, all bits inverted
CODECS: Final = (Codec.PCMU, Codec.PCMA)
"""Order of the codecs in every column and table that is indexed by codec."""


def codec_index(codec: Codec) -> int:
    """Give the row of a codec in the tables below."""
    return CODECS.index(codec)


def law_of(codec: Codec) -> Codec:
    """Give the law that a call's voice has inside the plane: its own, or A-law for what is no G.711."""
    return codec if codec in CODECS else Codec.PCMA


def _expand_ulaw() -> Samples:
    code = ~np.arange(256, dtype=np.int64) & 0xFF
    segment, step = code >> 4 & 7, code & 15
    magnitude = ((step << 1) + 33 << segment) - 33  # 14-bit scale, bias 33
    return (np.where(code & 0x80, -magnitude, magnitude) << 2).astype(np.int16)


def _expand_alaw() -> Samples:
    code = np.arange(256, dtype=np.int64) ^ 0x55
    segment, step = code >> 4 & 7, code & 15
    magnitude = np.where(segment == 0, (step << 1) + 1, (step << 1) + 33 << np.maximum(segment - 1, 0))
    return (np.where(code & 0x80, magnitude, -magnitude) << 3).astype(np.int16)


def _compress_ulaw() -> Octets:
    linear = np.arange(-32768, 32768, dtype=np.int64) >> 2
    biased = np.minimum(np.abs(linear), 8158) + 33
    segment = np.searchsorted(64 << np.arange(7), biased, side="right")
    code = segment << 4 | biased >> segment + 1 & 15
    octets: Octets = (code ^ np.where(linear < 0, 0x7F, 0xFF)).astype(np.uint8)
    return octets


def _compress_alaw() -> Octets:
    linear = np.arange(-32768, 32768, dtype=np.int64) >> 3
    magnitude = np.where(linear < 0, ~linear, linear)
    segment = np.searchsorted(32 << np.arange(7), magnitude, side="right")
    code = segment << 4 | magnitude >> np.maximum(segment, 1) & 15
    octets: Octets = (code ^ np.where(linear < 0, 0x55, 0xD5)).astype(np.uint8)
    return octets


EXPANDED: Final[NDArray[np.int16]] = np.stack([_expand_ulaw(), _expand_alaw()])
"""``(codec, byte)`` to a 16-bit sample."""
_COMPRESSED: Final[NDArray[np.uint8]] = np.stack([_compress_ulaw(), _compress_alaw()])
SILENCE: Final[NDArray[np.uint8]] = np.array([ULAW_SILENCE, ALAW_SILENCE], np.uint8)
"""The byte of silence, by codec."""


def encode(samples: Samples, codec: Codec) -> Octets:
    """Compress 16-bit samples, one byte each; any shape, also empty. Never raises for int16."""
    octets: Octets = _COMPRESSED[codec_index(codec)][samples.astype(np.int32) + 32768]
    return octets


def decode(octets: Octets, codec: Codec) -> Samples:
    """Expand G.711 bytes to 16-bit samples of the same shape. Every byte is a valid code."""
    samples: Samples = EXPANDED[codec_index(codec)][octets]
    return samples


def transcode(octets: Octets, source: Codec, target: Codec) -> Octets:
    """Turn one law into the other; the same array when they are the same."""
    return octets if source is target else encode(decode(octets, source), target)


LAWS: Final[NDArray[np.uint8]] = np.stack(
    [np.stack([transcode(np.arange(256, dtype=np.uint8), a, b) for b in CODECS]) for a in CODECS]
)
"""``(from, to, byte)`` to the byte that stands for it in the other law."""
