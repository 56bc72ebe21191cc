"""What a text looks like to the classifier: runs of one to three characters, and of two to three sounds.

Runs of sounds are of syllables with the mergers of ``fuzzy_key`` folded away, so that a text written in
homophones still has most of its features. Words in Latin letters count whole. Digits are left out: they
say nothing about the kind of a demand, and a model must not remember telephone numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from hotline.routing.pinyin import fuzzy_key, syllables_of

SOUND_MARK: Final = "~"
"""Begins a feature of sounds: ``~na~zi`` for 垃圾."""
LONGEST_RUN: Final = 3
"""Characters or syllables."""
_RUN: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_LATIN: Final = re.compile(r"[a-z]{2,24}")
_EMPTY: Final = """
    an and are at been but by can for from had has have he her his how in is it me my no not of off on or our
    please she so some someone than that the their there they this to up us was we were what when where which
    will with would you your
"""
_EMPTY_WORDS: Final = frozenset(_EMPTY.split())
"""Words of English that say nothing about a kind; those of Chinese are single characters and weigh little."""


@lru_cache(maxsize=16)  # one text is ranked, explained and learned one after the other
def features_of(text: str) -> tuple[str, ...]:
    """Name the features of a text, each once, in the order in which they first stand there."""
    return tuple(dict.fromkeys(_all(text)))


def is_written(feature: str) -> bool:
    """Tell whether a feature is of characters, which a person can be shown, and not of sounds."""
    return not feature.startswith(SOUND_MARK)


def _all(text: str) -> Iterator[str]:
    lowered = text.lower()
    for match in _RUN.finditer(lowered):
        run = match[0]
        sounds = [SOUND_MARK + fuzzy_key(syllable) for syllable in syllables_of(run)]
        for start in range(len(run)):
            for end in range(start + 1, min(start + LONGEST_RUN, len(run)) + 1):
                yield run[start:end]
                if end > start + 1:
                    yield "".join(sounds[start:end])
    for match in _LATIN.finditer(lowered):
        word = match[0]
        if word in _EMPTY_WORDS:
            continue
        yield word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
