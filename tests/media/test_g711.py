"""The tables against an implementation that we did not write."""

import warnings

import numpy as np
import pytest

from hotline.media.g711 import ALAW_SILENCE, SILENCE, ULAW_SILENCE, codec_index, decode, encode, transcode
from hotline.media.plan import Codec

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    audioop = pytest.importorskip("audioop")

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)
EVERY_BYTE = np.arange(256).astype(np.uint8)


@pytest.mark.parametrize(
    ("codec", "golden"), [(Codec.PCMA, audioop.lin2alaw), (Codec.PCMU, audioop.lin2ulaw)]
)
def test_every_sample_is_compressed_as_audioop_does(codec: Codec, golden) -> None:
    assert encode(EVERY_SAMPLE, codec).tobytes() == golden(EVERY_SAMPLE.tobytes(), 2)


@pytest.mark.parametrize(
    ("codec", "golden"), [(Codec.PCMA, audioop.alaw2lin), (Codec.PCMU, audioop.ulaw2lin)]
)
def test_every_byte_is_expanded_as_audioop_does(codec: Codec, golden) -> None:
    assert decode(EVERY_BYTE, codec).tobytes() == golden(EVERY_BYTE.tobytes(), 2)


def test_silence_is_the_byte_of_zero() -> None:
    zero = np.zeros(1, np.int16)
    assert encode(zero, Codec.PCMA)[0] == ALAW_SILENCE == SILENCE[codec_index(Codec.PCMA)] == 0xD5
    assert encode(zero, Codec.PCMU)[0] == ULAW_SILENCE == SILENCE[codec_index(Codec.PCMU)] == 0xFF


def test_transcoding_goes_through_the_linear_value() -> None:
    there = transcode(EVERY_BYTE, Codec.PCMA, Codec.PCMU)
    assert (there == encode(decode(EVERY_BYTE, Codec.PCMA), Codec.PCMU)).all()
    assert transcode(EVERY_BYTE, Codec.PCMA, Codec.PCMA) is EVERY_BYTE


def test_shapes_are_kept() -> None:
    assert encode(np.zeros((3, 0), np.int16), Codec.PCMA).shape == (3, 0)
    assert decode(np.zeros((2, 5), np.uint8), Codec.PCMU).shape == (2, 5)
