"""Sounds: one syllable for each character, and how far two of them are apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.routing.pinyin import CLOSE, FAR, NEAR, clauses_of, confusion, fuzzy_key, syllables_of


@pytest.mark.parametrize(
    ("one", "other", "cost"),
    [
        ("yuan", "yuan", 0.0),
        ("zhong", "zong", NEAR),
        ("xin", "xing", NEAR),
        ("niu", "liu", NEAR),
        ("shan", "sang", 2 * NEAR),
        ("fa", "ha", CLOSE),
        ("bo", "po", CLOSE),
        ("ma", "mi", FAR),
        ("he", "tuo", FAR + CLOSE),
        ("ping", "hua", 1.0),
    ],
)
def test_confusions_are_graded(one, other, cost):
    assert confusion(one, other) == pytest.approx(cost)
    assert confusion(other, one) == pytest.approx(cost)


def test_regional_mergers_have_one_key():
    assert fuzzy_key("zhuang") == fuzzy_key("zuan")
    assert fuzzy_key("ling") == fuzzy_key("nin")
    assert fuzzy_key("ping") != fuzzy_key("bing")


def test_numbers_sound_as_they_are_spoken():
    (clause,) = clauses_of("和平里7区12号楼")
    assert [sound.syllable for sound in clause] == ["he", "ping", "li", "qi", "qu", "shi", "er", "hao", "lou"]
    assert [(sound.start, sound.end) for sound in clause][5:7] == [(5, 7), (5, 7)]


def test_clauses_end_at_punctuation_and_latin_letters():
    text = "东四，十条ABC东单"
    spans = [text[clause[0].start : clause[-1].end] for clause in clauses_of(text)]
    assert spans == ["东四", "十条", "东单"]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_each_sound_points_at_its_characters(text):
    for clause in clauses_of(text):
        for sound in clause:
            assert 0 <= sound.start < sound.end <= len(text)
            assert sound.character == text[sound.start] or text[sound.start].isdecimal()
            assert sound.syllable


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30))
def test_there_is_one_syllable_for_each_character(text):
    assert len(syllables_of(text)) == len(text)
