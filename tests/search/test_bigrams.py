"""What is typed is found in what was indexed, wherever it stands in it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.search.bigrams import LONGEST, Phrase, document, phrases_of, words_of

CHINESE = st.text(st.sampled_from("和平里东西街道垃圾桶路灯"), min_size=1, max_size=12)
MIXED = st.text(st.sampled_from("和平里垃圾 ，。abc12３Ａ"), max_size=30)


def holds(words: list[str], phrase: Phrase) -> bool:
    """Look for a phrase as both databases do."""
    size = len(phrase.words)
    for start in range(len(words) - size + 1):
        here = words[start : start + size]
        if tuple(here[:-1]) != phrase.words[:-1]:
            continue
        if here[-1] == phrase.words[-1] or (phrase.is_open and here[-1].startswith(phrase.words[-1])):
            return True
    return False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("和平里", ["和平", "平里", "里"]),
        ("灯", ["灯"]),
        ("住3号楼，Ａbc。", ["住", "3", "号楼", "楼", "abc"]),
        ("", []),
        ("？！", []),
        ("𠮷野家", ["𠮷野", "野家", "家"]),
    ],
)
def test_text_becomes_words(text: str, words: list[str]) -> None:
    assert list(words_of(text)) == words


@given(CHINESE, st.data())
def test_every_part_of_a_chinese_text_is_found(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    (phrase,) = phrases_of(text[start:end])
    assert holds(list(words_of(text)), phrase)


@given(MIXED)
def test_every_word_of_a_text_is_found_in_it(text: str) -> None:
    words = list(words_of(text))
    assert all(holds(words, phrase) for phrase in phrases_of(text))


@given(CHINESE, CHINESE)
@settings(max_examples=200)
def test_what_is_not_in_a_text_is_not_found(text: str, asked: str) -> None:
    (phrase,) = phrases_of(asked)
    assert holds(list(words_of(text)), phrase) == (asked in text)


@given(st.text(max_size=200))
def test_any_text_can_be_indexed_and_looked_for(text: str) -> None:
    for word in words_of(text):
        assert word
        assert not any(c.isspace() or ord(c) in {0xE000, 0xE001} for c in word)
    for phrase in phrases_of(text):
        assert phrase.words


def test_no_phrase_reaches_from_one_text_into_the_next() -> None:
    words = document(["ab", "cd"])
    assert not holds(words, phrases_of("ab cd")[0].__class__(("ab", "cd"), is_open=False))
    assert not any(holds(document(["和平", "里弄"]), phrase) for phrase in phrases_of("平里"))


def test_document_ends_where_places_end() -> None:
    assert len(document(["垃" * 20_000])) == LONGEST
