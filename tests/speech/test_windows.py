import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.speech.band import TELEPHONE_RATE_HZ, double_rate, tone
from hotline.speech.windows import (
    Stretch,
    cut_out,
    find_speech,
    make_windows,
    split,
    voiced_s,
)


def stretches(*seconds):
    return [Stretch(int(start * 16000), int(end * 16000)) for start, end in seconds]


def test_a_window_ends_at_a_long_pause():
    one, two, three = stretches((0, 2), (2.5, 4), (5, 6))
    assert make_windows([one, two, three]) == [[one, two], [three]]


def test_a_window_is_never_longer_than_twelve_seconds():
    one, two = stretches((0, 7), (7.4, 13))
    assert make_windows([one, two]) == [[one], [two]]


def test_the_longest_pause_is_where_a_window_is_cut():
    window = stretches((0, 1), (1.2, 2), (2.8, 4), (4.3, 5))
    assert split(np.zeros(0, np.float32), window) == (window[:2], window[2:])


def test_speech_without_a_pause_is_cut_where_it_is_quietest():
    samples = np.ones(16000 * 6, np.float32)
    samples[int(2.9 * 16000) : int(3.1 * 16000)] = 0.1
    (before,), (after,) = split(samples, stretches((0, 6)))
    assert (before.start, after.end) == (0, 6 * 16000)
    assert before.end == after.start == pytest.approx(3 * 16000, abs=1600)


def test_a_short_stretch_is_not_cut():
    assert split(np.ones(16000 * 3, np.float32), stretches((0, 3))) is None


def test_only_stretches_count_as_voiced():
    assert voiced_s(stretches((0, 1), (1.5, 3))) == pytest.approx(2.5)


def test_a_window_is_heard_with_its_margins():
    samples = np.arange(16000 * 3, dtype=np.float32)
    assert cut_out(samples, stretches((1, 2))).size == 16000 + 2 * 3200
    assert cut_out(samples, stretches((0, 3))).size == samples.size


@st.composite
def speech(draw):
    at, found = 0, []
    for gap, length in draw(
        st.lists(st.tuples(st.integers(0, 40000), st.integers(4800, 16000 * 12)), max_size=12)
    ):
        found.append(Stretch(at + gap, at + gap + length))
        at += gap + length
    return found


@given(speech())
def test_windows_hold_every_stretch_once_in_order(found):
    windows = make_windows(found)
    assert [stretch for window in windows for stretch in window] == found
    for window in windows:
        assert window[-1].end - window[0].start <= 12 * 16000
        for before, after in itertools.pairwise(window):
            assert after.start - before.end < 0.9 * 16000


def noise(level, seconds=5):
    random = np.random.default_rng(7)
    return (random.standard_normal(seconds * TELEPHONE_RATE_HZ) * level).astype(np.float32)


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(5 * TELEPHONE_RATE_HZ, np.float32),
        noise(0.002),
        noise(0.03),
        tone(450, 5.0) * np.float32(0.3),
        tone(697, 2.0) * np.float32(0.3) + tone(1209, 2.0) * np.float32(0.3),
        np.zeros(0, np.float32),
    ],
    ids=["silence", "hiss", "noise", "ringing", "key", "nothing"],
)
def test_silence_noise_or_tones_are_no_speech(sound):
    assert find_speech(double_rate(sound)) == []
