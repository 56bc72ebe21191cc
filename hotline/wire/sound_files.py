"""Recordings as files that other programs play: WAV of G.711 or of 16 bits, and Opus in Ogg."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from hotline.errors import OutsideError
from hotline.media.g711 import Octets, Samples
from hotline.media.ogg import GRANULE_HZ, OggStream, opus_head, opus_tags
from hotline.media.rtp import FRAME, RATE_HZ
from hotline.media.wav import WavCoding, wav_head, wav_tail

BIT_RATE: Final = 24_000
"""Of each channel: transparent for telephone speech."""
COMPLEXITY: Final = 10
_LONGEST_PACKET: Final = 1275  # bytes of one Opus frame (RFC 6716, 3.2.1)
_STEP: Final = GRANULE_HZ // RATE_HZ


class SoundFormat(Enum):
    """A kind of file."""

    WAV = "wav"
    """G.711 as it was recorded."""
    WAV16 = "wav16"
    """PCM of 16 bits."""
    OPUS = "opus"


def write_wav_blocking(
    out: BinaryIO, pieces: Iterable[Samples | Octets], *, channels: int, samples: int, coding: WavCoding
) -> None:
    """Write a WAV file.

    :param pieces: of shape ``(n, channels)``, ``samples`` rows in all; already in this coding.
    :raises ValueError: when it would be too long for the format.
    """
    out.write(wav_head(coding, channels, samples))
    for piece in pieces:
        out.write(piece.astype("<i2" if coding is WavCoding.PCM16 else np.uint8, copy=False).tobytes())
    out.write(wav_tail(coding, channels, samples))


def write_opus_blocking(
    out: BinaryIO, pieces: Iterable[Samples], *, channels: int, samples: int, comments: Sequence[str] = ()
) -> None:
    """Write Opus in Ogg, as long as the sound to the sample (RFC 7845, 4.4 and 4.5).

    :raises OutsideError: when the library is missing, with the remedy.
    """
    try:
        import opuslib_next as opus
    except Exception as error:  # whatever a broken library raises at its import
        raise OutsideError(f"Opus cannot be written ({error}); install opuslib-next") from error
    encoder = opus.Encoder(RATE_HZ, channels, opus.APPLICATION_VOIP)
    encoder.bitrate, encoder.complexity = BIT_RATE * channels, COMPLEXITY
    pre_skip = int(encoder.lookahead) * _STEP
    stream = OggStream(zlib.crc32(repr(list(comments)).encode()))
    out.write(stream.head(opus_head(channels, pre_skip, RATE_HZ)))
    out.write(stream.head(opus_tags("hotline", list(comments))))
    granule, end = 0, pre_skip + samples * _STEP
    for frame in _frames(pieces, channels, samples + int(encoder.lookahead)):
        packet = opus.api.encoder.encode(encoder.encoder_state, frame.tobytes(), FRAME, _LONGEST_PACKET)
        granule += FRAME * _STEP
        out.write(stream.put(packet, granule))
    out.write(stream.end(min(granule, end)))


def _frames(pieces: Iterable[Samples], channels: int, least: int) -> Iterable[NDArray[np.int16]]:
    """Cut pieces into frames of 20 ms, with silence behind until so many samples are in them."""
    rest: Samples = np.zeros((0, channels), np.int16)
    given = 0
    for piece in pieces:
        rest = np.concatenate([rest, piece])
        whole = len(rest) // FRAME * FRAME
        for start in range(0, whole, FRAME):
            yield np.ascontiguousarray(rest[start : start + FRAME], "<i2")
        given += whole
        rest = rest[whole:]
    while given < least:
        yield np.pad(rest[:FRAME], ((0, FRAME - len(rest[:FRAME])), (0, 0))).astype("<i2")
        given, rest = given + FRAME, rest[FRAME:]
