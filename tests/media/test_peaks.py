"""How loud a recording is over its length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.errors import LocalProtocolError
from hotline.media.g711 import CODECS, decode, encode
from hotline.media.peaks import PAIR_SAMPLES, PeakMeter, measure, read_peaks, write_peaks
from hotline.media.plan import Codec


@given(
    st.binary(min_size=1, max_size=5000), st.sampled_from(CODECS), st.lists(st.integers(1, 2000), max_size=5)
)
def test_pairs_are_the_lowest_and_the_highest_of_each_tenth_however_it_comes(
    octets: bytes, codec: Codec, cuts: list[int]
) -> None:
    meter, at = PeakMeter(codec), 0
    for cut in cuts:
        meter.feed(octets[at : at + cut])
        at += cut
    meter.feed(octets[at:])
    samples = decode(np.frombuffer(octets, np.uint8), codec) >> 8
    want = [
        (samples[start : start + PAIR_SAMPLES].min(), samples[start : start + PAIR_SAMPLES].max())
        for start in range(0, len(samples), PAIR_SAMPLES)
    ]
    assert meter.finish().tolist() == [list(pair) for pair in want]


def test_a_tone_is_as_high_as_it_is_loud() -> None:
    tone = (np.sin(np.arange(8000) * 0.6) * 16_000).astype(np.int16)
    pairs = measure([encode(tone, Codec.PCMA).tobytes()], Codec.PCMA)
    assert len(pairs) == 10
    assert set(pairs[:, 1].tolist()) <= {60, 61, 62, 63}
    assert set(pairs[:, 0].tolist()) <= {-61, -62, -63, -64}


@given(st.lists(st.binary(max_size=4000), min_size=1, max_size=2))
def test_what_is_written_is_read(sounds: list[bytes]) -> None:
    sides = [measure([sound], Codec.PCMA) for sound in sounds]
    read = read_peaks(write_peaks(sides)).sides
    assert len(read) == len(sides)
    assert len({len(side) for side in read}) == 1
    for side, got in zip(sides, read, strict=True):
        assert np.array_equal(got[: len(side)], side)
        assert not got[len(side) :].any()


@given(st.binary(max_size=60))
def test_any_other_bytes_are_refused_or_read(octets: bytes) -> None:
    try:
        peaks = read_peaks(octets)
    except LocalProtocolError:
        return
    assert write_peaks(list(peaks.sides)) == octets


def test_a_later_version_is_refused() -> None:
    octets = bytearray(write_peaks([measure([bytes(800)], Codec.PCMA)]))
    octets[0] += 1
    with pytest.raises(LocalProtocolError, match="version 2"):
        read_peaks(bytes(octets))
