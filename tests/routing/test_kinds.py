"""The kind of demand from what a caller said, also when the recogniser wrote homophones."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing_builders import misheard, the_district, the_sentences

from hotline.routing.kinds import KindRanker

RANKER = KindRanker(the_district().kinds)


def hits(file, rate=0.0, seed=96156):
    """How many sentences have the right kind first, and among the first three, of how many."""
    noise = random.Random(seed)
    rows = the_sentences(file)
    ranked = [
        [one.kind.code for one in RANKER.rank(misheard(row["utterance_zh"], rate, noise))] for row in rows
    ]
    first = sum(codes[:1] == [row["code"]] for codes, row in zip(ranked, rows, strict=True))
    third = sum(row["code"] in codes for codes, row in zip(ranked, rows, strict=True))
    return first, third, len(rows)


def test_every_kind_has_a_sentence():
    codes = {row.code for row in the_district().kinds}
    assert {row["code"] for row in the_sentences("utterances.csv")} == codes
    assert {row["code"] for row in the_sentences("utterances_held_out.csv")} == codes


@pytest.mark.parametrize(
    ("file", "rate", "first_floor", "third_floor"),
    [
        ("utterances.csv", 0.0, 57, 58),
        ("utterances.csv", 0.2, 50, 52),
        ("utterances_held_out.csv", 0.0, 55, 58),
        ("utterances_held_out.csv", 0.2, 50, 54),
        # Written last, with no keyword added after them: the only fair measure of the three.
        ("utterances_fresh.csv", 0.0, 20, 23),
    ],
)
def test_kind_is_right(file, rate, first_floor, third_floor):
    first, third, _ = hits(file, rate)
    assert first >= first_floor
    assert third >= third_floor


def test_homophone_of_a_keyword_counts_less_than_the_keyword():
    (written,) = RANKER.rank("清运")
    (sounded,) = RANKER.rank("青运")
    assert written.kind.code == sounded.kind.code == "0201"
    assert written.score > sounded.score
    assert [(one.word, one.text, one.by_sound) for one in sounded.words] == [("清运", "青运", True)]


def test_word_across_a_comma_is_no_word():
    assert RANKER.rank("青，运") == ()
    assert [one.text for one in RANKER.rank("那个，青运")[0].words] == ["青运"]


def test_word_inside_a_longer_word_counts_once():
    (best, *_) = RANKER.rank("垃圾桶")
    assert [one.text for one in best.words] == ["垃圾桶"]


def test_weak_word_does_not_outvote_the_matter():
    (best, *_) = RANKER.rank("希望能不能把井盖给盖上")
    assert best.kind.code == "0502"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The garbage bins in our street have not been emptied for three days.", "0201"),
        ("There is loud music every night and the neighbors cannot sleep", "0401"),
        ("The street lights are broken", "0503"),
        ("Someone parked a car on the sidewalk, there is no parking space left", "0701"),
        ("The elevator has been out of order since Monday", "0802"),
        ("I would like to know how to get a residence permit", "2101"),
        ("We have had no water since this morning", "0601"),
        ("There are cockroaches and rats in the basement", "1502"),
    ],
)
def test_english_callers_are_understood(text, code):
    assert RANKER.rank(text)[0].kind.code == code


def test_english_word_is_no_part_of_another():
    assert RANKER.rank("the treeless strategy of a literature class") == ()


def test_text_without_a_keyword_has_no_kind():
    assert RANKER.rank("喂你好") == ()
    assert RANKER.rank("") == ()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_ranked_with_its_words(text):
    ranked = RANKER.rank(text)
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    for one in ranked:
        assert 0 < one.score < 1
        assert one.words
        for word in one.words:
            assert text[word.start : word.end] == word.text
