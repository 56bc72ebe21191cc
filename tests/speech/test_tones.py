"""Sounds that nobody speaks: what their texts mean, and how those of the product sound."""

from pathlib import Path

import numpy as np
import pytest

from hotline.errors import ConfigError
from hotline.speech.band import PEAK
from hotline.speech.prompt_audio import read_prompts, read_wav
from hotline.speech.tones import MELODY_PEAK, make_sound

FOLDER = Path(__file__).parents[2] / "ivr_flows" / "prompts"
FRAME = 160


def loudest_hz(samples):
    return float(np.abs(np.fft.rfft(samples)).argmax() * 8000 / samples.size)


def power_db(samples):
    return 10 * np.log10(np.mean(np.asarray(samples, float) ** 2) + 1e-12)


def test_the_ringing_tone_is_450_hz_for_one_second_in_five():
    ring = read_wav(FOLDER / "zh" / "ringback.wav")
    assert ring.size == 5 * 8000
    assert loudest_hz(ring[:8000]) == pytest.approx(450, abs=1)
    assert not ring[8000:].any()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["ringback", "hold_music"])
def test_what_is_played_round_and_round_ends_with_a_whole_frame(language, name):
    samples = read_wav(FOLDER / language / f"{name}.wav")
    assert samples.size % FRAME == 0, "else silence would fill the last frame, and click"


def test_the_music_has_no_seam_and_stays_below_speech():
    music = read_wav(FOLDER / "zh" / "hold_music.wav")
    assert 20 < music.size / 8000 < 40
    assert np.abs(music).max() == pytest.approx(MELODY_PEAK, abs=0.001)
    steps = np.abs(np.diff(music))
    assert abs(music[0] - music[-1]) <= steps.max(), "the last sample leads into the first"
    second = [power_db(music[k : k + 8000]) for k in range(0, music.size - 8000, 8000)]
    assert max(second) - min(second) < 12, "neither gaps nor bursts"
    speech = read_wav(FOLDER / "zh" / "greeting.wav")
    assert power_db(music) < power_db(speech[np.abs(speech) > 0.02])


def test_music_lies_in_the_telephone_band():
    music = read_wav(FOLDER / "zh" / "hold_music.wav")
    power = np.abs(np.fft.rfft(music)) ** 2
    hertz = np.fft.rfftfreq(music.size, 1 / 8000)
    assert power[(hertz > 250) & (hertz < 3400)].sum() / power.sum() > 0.97


def test_the_shipped_sounds_are_what_their_texts_say():
    for prompt in read_prompts((FOLDER / "texts.toml").read_text(encoding="utf-8"), file=""):
        if prompt.speaker is None:
            made = make_sound(prompt.text, file="")
            assert np.abs(made - read_wav(FOLDER / prompt.path)).max() < 1e-4, prompt.path


def test_pieces_follow_each_other():
    sound = make_sound("400 Hz, 100 ms; silence, 50 ms; 800 Hz, 100 ms", file="")
    assert sound.size == 2000
    assert loudest_hz(sound[:800]) == pytest.approx(400, abs=10)
    assert not sound[800:1200].any()
    assert loudest_hz(sound[1200:]) == pytest.approx(800, abs=10)
    assert np.abs(sound).max() == pytest.approx(PEAK / 2, abs=0.001)


def test_a_note_has_its_pitch():
    assert loudest_hz(make_sound("melody, 2000 ms: A4", file="")) == pytest.approx(440, abs=1)
    assert loudest_hz(make_sound("melody, 2000 ms: C#5", file="")) == pytest.approx(554.4, abs=1)


def test_a_note_rings_on_over_the_seam():
    late = make_sound("melody, 200 ms: - - - C5", file="")
    assert np.abs(late[:800]).max() > 0.1 * np.abs(late).max()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("loud", "'loud' is no tone"),
        ("400 Hz, 100 ms; loud", "'loud' is no tone"),
        ("melody, 400 ms: C5 H5", "'H5' is no note"),
        ("melody, 400 ms: C5 D5; C4", "the same number of notes"),
        ("melody, 400 ms: ;", "the same number of notes"),
        ("melody: C5", "is no tone"),
    ],
)
def test_what_is_no_sound_is_refused_with_what_to_write(text, complaint):
    with pytest.raises(ConfigError, match=complaint) as told:
        make_sound(text, file="texts.toml")
    assert "write '1000 Hz, 400 ms'" in str(told.value)
