import json
import re
from pathlib import Path

import numpy as np
import pytest

from hotline.errors import ConfigError
from hotline.speech import band, prompt_audio
from hotline.speech.prompt_audio import find_stale, read_manifest, read_prompts, read_wav
from hotline.speech.render import main, middle_of_three, render_prompts_blocking
from hotline.speech.tones import read_tone

FOLDER = Path(__file__).parents[2] / "ivr_flows" / "prompts"


def shipped():
    return read_prompts((FOLDER / "texts.toml").read_text(encoding="utf-8"), file="texts.toml")


def test_every_text_has_the_audio_that_was_made_of_it():
    assert find_stale(FOLDER) == []


def test_no_audio_is_left_over():
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.glob("*/*.wav")}
    assert files == {prompt.path for prompt in shipped()} == set(read_manifest(FOLDER))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_greeting_lasts_eight_seconds_at_most(language):
    samples = read_wav(FOLDER / language / "greeting.wav")
    assert samples.size / band.TELEPHONE_RATE_HZ <= 8.0


def test_every_prompt_is_telephone_audio_below_the_level_that_clips():
    for prompt in shipped():
        samples = read_wav(FOLDER / prompt.path)
        peak = float(np.abs(samples).max())
        if prompt.speaker is not None:
            assert peak == pytest.approx(band.PEAK, abs=0.001), prompt.path
        else:
            assert peak <= band.PEAK, prompt.path
        entry = read_manifest(FOLDER)[prompt.path]
        assert entry.length_s == pytest.approx(samples.size / 8000, abs=0.001)


def test_no_prompt_begins_with_silence():
    for prompt in shipped():
        if prompt.speaker is not None:
            samples = np.abs(read_wav(FOLDER / prompt.path))
            assert np.flatnonzero(samples > 0.02)[0] < 0.15 * 8000, prompt.path


def test_every_digit_is_there_in_both_languages():
    names = {(prompt.language, prompt.name) for prompt in shipped()}
    assert {(language, f"digit_{n}") for language in ("zh", "en") for n in range(10)} < names


# -- rendering, without a voice --------------------------------------------------------------------------

TEXTS = '[en]\nhello = "Hello."\n[tones]\nbeep = "1000 Hz, 400 ms"\npause = "silence, 350 ms"\n'


class FakeVoice:
    def __init__(self):
        self.spoken = []

    def speak(self, phonemes, *, voice, speed, shortest_style):
        self.spoken.append(phonemes)
        return (0.2 * np.sin(np.arange(24000) / 10)).astype(np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "texts.toml").write_text(TEXTS)
    monkeypatch.setattr("hotline.speech.render._PHONEMES", {"en": str.lower, "zh": str})
    return tmp_path


def render(folder, **options):
    voice, told = FakeVoice(), []
    count = render_prompts_blocking(folder, lambda: voice, told.append, **options)
    return count, voice.spoken, told


def test_only_what_changed_is_rendered(folder):
    assert render(folder)[:2] == (3, ["hello."])
    assert render(folder)[:2] == (0, [])
    (folder / "texts.toml").write_text(TEXTS.replace("Hello.", "Good day."))
    assert find_stale(folder) == ["en/hello.wav: the text has changed since it was rendered"]
    assert render(folder)[:2] == (1, ["good day."])
    assert find_stale(folder) == []


def test_all_is_rendered_on_wish(folder):
    render(folder)
    assert render(folder, again=True)[0] == 3


def test_the_audio_of_a_text_that_is_gone_is_removed(folder):
    render(folder)
    (folder / "texts.toml").write_text(TEXTS.replace("pause", "rest"))
    render(folder)
    assert sorted(path.name for path in (folder / "en").iterdir()) == ["beep.wav", "hello.wav", "rest.wav"]


def test_audio_that_somebody_replaced_is_noticed(folder):
    render(folder)
    (folder / "en/hello.wav").write_bytes(b"RIFF")
    assert find_stale(folder) == ["en/hello.wav: the audio is not the one that was rendered"]


def test_sentences_are_spoken_one_by_one(folder):
    (folder / "texts.toml").write_text('[en]\nhello = "One. Two! Three"\n')
    assert [said.strip() for said in render(folder)[1]] == ["one.", "two!", "three"]


def test_tones_have_their_length(folder):
    render(folder)
    assert read_wav(folder / "en/beep.wav").size == 3200
    pause = read_wav(folder / "en/pause.wav")
    assert pause.size == 2800
    assert not pause.any()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[fr]\na = 'b'", "[fr] is no language that we have a voice for"),
        ("[en]\n'A b' = 'c'", "a prompt's name is a-z"),
        ("[en]\na = ''", "a prompt needs a text"),
        ("[en]\n[tones]\na = 'loud'", "'loud' is no tone"),
        ("[en", "this is not TOML"),
    ],
)
def test_a_bad_text_is_refused_with_its_file(text, complaint):
    with pytest.raises(ConfigError, match="texts.toml: .*" + re.escape(complaint)):
        read_prompts(text, file="texts.toml")


@pytest.mark.parametrize(("sound", "read"), [("440Hz,100ms", (440, 0.1)), ("silence, 1 ms", (0, 0.001))])
def test_a_tone_is_read(sound, read):
    assert read_tone(sound, file="") == read


def test_a_damaged_manifest_is_refused(folder):
    (folder / "manifest.json").write_text(json.dumps({"en/a.wav": {"odd": 1}}))
    with pytest.raises(ConfigError, match="remove it and render again"):
        read_manifest(folder)


def test_other_audio_is_no_prompt(folder):
    (folder / "a.wav").write_bytes(b"not a wave")
    with pytest.raises(ConfigError, match="not a WAV file"):
        read_wav(folder / "a.wav")


def test_checking_renders_nothing(folder, capsys):
    assert main([str(folder), "--check"]) == 1
    assert "en/hello.wav: not rendered yet" in capsys.readouterr().out
    assert not (folder / "en").exists()


def test_missing_texts_are_told(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "texts of the prompts are missing" in capsys.readouterr().err


# -- filters ---------------------------------------------------------------------------------------------


def level(samples):
    return float(np.sqrt(np.mean(samples[samples.size // 4 : -samples.size // 4] ** 2)))


def sine(hz, rate_hz):
    return np.sin(2 * np.pi * hz / rate_hz * np.arange(rate_hz)).astype(np.float32)


@pytest.mark.parametrize("hz", [300, 1000, 3000])
def test_doubling_the_rate_keeps_the_level(hz):
    doubled = band.double_rate(sine(hz, 8000))
    assert doubled.size == 16000
    assert level(doubled) == pytest.approx(level(sine(hz, 16000)), rel=0.02)


def test_doubling_the_rate_leaves_no_image():
    spectrum = np.abs(np.fft.rfft(band.double_rate(sine(1000, 8000)) * np.hanning(16000)))
    assert spectrum[7000] < spectrum[1000] / 1000


@pytest.mark.parametrize(
    ("hz", "passes"), [(50, False), (500, True), (3000, True), (3900, False), (7000, False)]
)
def test_only_the_telephone_band_remains(hz, passes):
    kept = level(band.to_telephone(sine(hz, 24000))) / level(sine(hz, 24000))
    assert kept == pytest.approx(1, rel=0.02) if passes else kept < 0.02


def test_empty_audio_stays_empty():
    nothing = np.zeros(0, np.float32)
    for change in (band.double_rate, band.to_telephone, band.set_peak):
        assert change(nothing).size == 0


def test_the_middle_of_three_words_is_cut_out():
    word = band.set_peak(sine(300, 24000)[:6000] * np.hanning(6000).astype(np.float32))
    middle = middle_of_three(np.concatenate([word, word, word]))
    assert middle.size == pytest.approx(6000, abs=1200)
    assert np.abs(middle[:100]).max() < 0.1


def test_recipes_decide_about_the_digest(monkeypatch):
    before = shipped()[0].text_sha256
    monkeypatch.setattr(prompt_audio, "RECIPE", 99)
    assert shipped()[0].text_sha256 != before
