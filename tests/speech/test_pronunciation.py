import shutil

import pytest

from hotline.errors import ConfigError
from hotline.speech import pronunciation
from hotline.speech.pronunciation import english, mandarin, pinyin


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("一次", "yi2 ci4"),
        ("一些", "yi4 xie1"),
        ("第一", "di4 yi1"),
        ("不用", "bu2 yong4"),
        ("不能", "bu4 neng2"),
        ("转给", "zhuan2 gei3"),
        ("可以", "ke2 yi3"),
        ("幺", "yao1"),
        ("井号键", "jing3 hao4 jian4"),
        ("地方", "di4 fang5"),
    ],
)
def test_tones_are_those_of_speech(word, read):
    assert pinyin(word) == read.split()


@pytest.mark.parametrize("text", ["请按1", "拨打 96156", "按 OK 键"])
def test_what_has_no_reading_is_refused(text):
    with pytest.raises(ConfigError, match="as it is to be spoken"):
        mandarin(text)


def test_every_own_reading_has_a_syllable_for_each_character():
    for word, syllables in pronunciation.READINGS.items():
        assert len(syllables.split()) == len(word)


def test_a_missing_package_is_named_with_its_remedy():
    with pytest.raises(ConfigError, match=r"rendering needs no_such_module .*hotline\[prompts\]"):
        pronunciation.load_extra("no_such_module")


def test_english_needs_its_program(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ConfigError, match="apt-get install espeak-ng"):
        english("Hello.")


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_english_is_written_in_the_letters_of_the_voice():
    phonemes = english("Press nine, please.")
    assert phonemes.count(",") == 1
    assert phonemes.endswith(".")
    assert "nˈIn" in phonemes
    assert not set("^ːr") & set(phonemes)
