"""The head of a WAV file (RIFF; Microsoft, "New Multimedia Data Types", 1994), for PCM and for G.711."""

from __future__ import annotations

import struct
from enum import Enum
from typing import Final

from hotline.media.rtp import RATE_HZ

LONGEST_DATA: Final = 0xFFFF_FF00  # bytes that a RIFF chunk can count, and room for the head


class WavCoding(Enum):
    """How samples lie in a WAV file, by its format tag (RFC 2361)."""

    PCM16 = 1
    ALAW = 6
    ULAW = 7

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return 2 if self is WavCoding.PCM16 else 1


def wav_head(coding: WavCoding, channels: int, samples: int) -> bytes:
    """Write what stands before the samples, which are interleaved.

    What is not PCM has an extended format chunk and a fact chunk. The data of an odd length is followed by
    ``wav_tail``.

    :param samples: of each channel.
    :raises ValueError: for more than the format can count: 74 hours of both sides in 16 bits.
    """
    block = channels * coding.sample_bytes
    length = samples * block
    if length > LONGEST_DATA:
        raise ValueError("a WAV file holds 4 GiB at most")
    shape = struct.pack(
        "<HHIIHH", coding.value, channels, RATE_HZ, RATE_HZ * block, block, 8 * coding.sample_bytes
    )
    if coding is WavCoding.PCM16:
        chunks = _chunk(b"fmt ", shape)
    else:
        chunks = _chunk(b"fmt ", shape + b"\0\0") + _chunk(b"fact", struct.pack("<I", samples))
    whole = 4 + len(chunks) + 8 + length + length % 2
    return struct.pack("<4sI4s", b"RIFF", whole, b"WAVE") + chunks + struct.pack("<4sI", b"data", length)


def wav_tail(coding: WavCoding, channels: int, samples: int) -> bytes:
    """Give what stands behind the samples: chunks end on even places."""
    return b"\0" * (samples * channels * coding.sample_bytes % 2)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", name, len(body)) + body
