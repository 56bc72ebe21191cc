"""Gaps are filled with what sounded before them; all else is left as it came."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hotline.media import g711
from hotline.media.concealment import (
    CONTEXT,
    HISTORY,
    LONGEST_GAP,
    MS,
    PITCH_HIGH,
    SHORTEST_GAP,
    STEP,
    conceal,
    find_gaps,
    find_pitch,
)
from hotline.media.plan import Codec

SPEECH = Path(__file__).parents[1] / "data" / "speech"
LAWS = [Codec.PCMA, Codec.PCMU]
PACKET = 160


def a_vowel(pitch_hz: float, samples: int) -> NDArray[np.int16]:
    """A voice that holds one tone: ten harmonics, each weaker than the last."""
    at = np.arange(samples) / 8000
    sound = np.sum([np.sin(2 * np.pi * pitch_hz * n * at + n) / n for n in range(1, 11)], axis=0)
    samples_16: NDArray[np.int16] = (sound * 4000).astype(np.int16)
    return samples_16


def speech(name: str) -> NDArray[np.int16]:
    octets = (SPEECH / name).read_bytes()  # A-law in a WAV file
    return g711.decode(np.frombuffer(octets[octets.index(b"data") + 8 :], np.uint8), Codec.PCMA)


def lose(octets: NDArray[np.uint8], codec: Codec, packets: list[int]) -> NDArray[np.uint8]:
    damaged = octets.copy()
    for n in packets:
        damaged[n * PACKET : (n + 1) * PACKET] = g711.SILENCE[g711.codec_index(codec)]
    return damaged


@pytest.mark.parametrize("codec", LAWS)
def test_a_lost_packet_is_a_gap_and_a_mute_is_none(codec: Codec) -> None:
    octets = g711.encode(a_vowel(130, 16_000), codec)
    assert find_gaps(lose(octets, codec, [20]), codec) == [(20 * PACKET, 21 * PACKET)]
    assert find_gaps(lose(octets, codec, [*range(20, 26)]), codec) == [(20 * PACKET, 26 * PACKET)]
    assert find_gaps(lose(octets, codec, [*range(20, 27)]), codec) == []
    assert find_gaps(lose(octets, codec, [0, 99]), codec) == []


@pytest.mark.parametrize("codec", LAWS)
@pytest.mark.parametrize("pitch_hz", [80, 115, 160, 190])
def test_a_held_vowel_goes_on_over_a_lost_packet(codec: Codec, pitch_hz: float) -> None:
    sound = a_vowel(pitch_hz, 8000)
    octets = g711.encode(sound, codec)
    first, last = 20 * PACKET, 21 * PACKET
    filled = conceal(lose(octets, codec, [20]), codec).astype(float)
    want, got = sound[first:last].astype(float), filled[first:last]
    assert (want @ got) / np.sqrt((want @ want) * (got @ got)) > 0.9, "it sounds on in phase"
    assert 0.5 < np.sqrt((got @ got) / (want @ want)) <= 1.05
    largest_step = np.abs(np.diff(sound.astype(float))).max()
    assert np.abs(np.diff(filled[first - 40 : last + 120])).max() < 1.5 * largest_step, "and does not click"


@pytest.mark.parametrize("pitch_hz", [70, 100, 133, 195])
def test_the_pitch_is_found(pitch_hz: float) -> None:
    found = find_pitch(a_vowel(pitch_hz, HISTORY).astype(np.float64))
    period = 8000 / pitch_hz
    nearest = round(found / period)
    assert nearest >= 1
    assert abs(found - nearest * period) <= 1


def test_a_longer_gap_fades_and_is_silent_after_60_ms() -> None:
    octets = lose(g711.encode(a_vowel(120, 8000), Codec.PCMA), Codec.PCMA, [20, 21, 22, 23, 24])
    filled = conceal(octets, Codec.PCMA)[20 * PACKET :].astype(float)
    power = [np.sqrt((filled[n * STEP : (n + 1) * STEP] ** 2).mean()) for n in range(10)]
    assert power[0] > power[2] > power[4] > power[5]
    assert power[6:] == [0, 0, 0, 0]


@pytest.mark.parametrize("codec", LAWS)
@pytest.mark.parametrize("loss", [0.01, 0.05, 0.2])
def test_real_speech_is_nearer_to_what_was_said_than_with_silence(codec: Codec, loss: float) -> None:
    sound = np.concatenate([speech(f"aishell_{n}.wav") for n in range(4)])
    octets = g711.encode(sound, codec)
    lost = np.nonzero(np.random.default_rng(7).random(len(octets) // PACKET) < loss)[0]
    damaged = lose(octets, codec, lost.tolist())
    want = loudness(g711.decode(octets, codec))
    with_silence = np.abs(want - loudness(g711.decode(damaged, codec))).mean()
    with_voice = np.abs(want - loudness(conceal(damaged, codec))).mean()
    assert with_voice < 0.7 * with_silence


def loudness(sound: NDArray[np.int16]) -> NDArray[np.float64]:
    """How loud each of 16 bands is in each 16 ms, in decibels above a quiet room."""
    frames = np.lib.stride_tricks.sliding_window_view(sound.astype(float), 256)[::128] * np.hanning(256)
    power = (np.abs(np.fft.rfft(frames, axis=1)) ** 2)[:, 1:].reshape(len(frames), 16, 8).mean(axis=2)
    levels: NDArray[np.float64] = 10 * np.log10(power + 1e5)
    return levels


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, 7000), st.integers(1, 1500)), max_size=6),
    st.sampled_from(LAWS),
)
def test_nothing_outside_of_gaps_and_their_edges_is_touched(
    seed: int, holes: list[tuple[int, int]], codec: Codec
) -> None:
    octets = np.random.default_rng(seed).integers(0, 256, 8000, np.uint8)
    for start, length in holes:
        octets[start : start + length] = g711.SILENCE[g711.codec_index(codec)]
    filled = conceal(octets, codec)
    assert filled.shape == octets.shape
    may_change = np.zeros(len(octets), bool)
    for start, end in find_gaps(octets, codec):
        assert SHORTEST_GAP <= end - start <= LONGEST_GAP
        may_change[max(0, start - PITCH_HIGH // 4) : end + STEP] = True
    assert (filled[~may_change] == g711.decode(octets, codec)[~may_change]).all()


@pytest.mark.parametrize("codec", LAWS)
def test_a_stretch_with_its_context_is_the_same_as_the_whole(codec: Codec) -> None:
    octets = g711.encode(speech("aishell_0.wav")[:24_000], codec)
    lost = np.nonzero(np.random.default_rng(3).random(150) < 0.1)[0].tolist()
    octets = lose(octets, codec, lost)
    whole = conceal(octets, codec)
    for first in range(0, 24_000, 1777):
        start = max(0, first - CONTEXT)
        piece = conceal(octets[start : first + 1777 + CONTEXT], codec)[first - start :][:1777]
        assert (piece == whole[first : first + 1777]).all()


def test_too_little_before_a_gap_is_left_as_it_is() -> None:
    octets = lose(g711.encode(a_vowel(120, 1600), Codec.PCMA), Codec.PCMA, [1])
    assert (conceal(octets, Codec.PCMA) == g711.decode(octets, Codec.PCMA)).all()
    assert PITCH_HIGH == 15 * MS
