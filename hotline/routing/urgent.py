"""Words that make a demand urgent whatever it is about: fire, gas, somebody trapped.

Missing one costs more than a false alarm, so homophones count as well (找火 for 着火); the reason
then says that only the sound fits, and a person listens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hotline.routing.ear import Ear, HeardWord, word_of

_NEGATIONS: Final = ("没有", "没", "不是", "不会", "并未", "未")
_NEGATED_STATES: Final = ("没有", "没", "不", "出不来")
"""Phrases that begin with a negation themselves (没有井盖) are not denied by it."""
_SURE: Final = 0.95
_SOUNDS_LIKE: Final = 0.6


class UrgentWords:
    """Listens for the phrases of config/urgent.csv. Immutable; safe to share between threads."""

    def __init__(self, phrases: Sequence[str]) -> None:
        ordered = sorted(set(phrases), key=lambda phrase: (-len(phrase), phrase))
        self._words = tuple(word_of(phrase) for phrase in ordered)

    def hear(self, text: str) -> tuple[HeardWord, ...]:
        """Name the urgent words of a text, those as written first; denied ones (没有着火) are left out."""
        ear = Ear(text)
        heard: list[HeardWord] = []
        for word in self._words:
            found = ear.hear(word)
            if found is None or any(found.start < one.end and one.start < found.end for one in heard):
                continue
            if not _is_denied(text, found):
                heard.append(found)
        return tuple(sorted(heard, key=lambda one: (one.by_sound, one.start)))


def score_of(heard: Sequence[HeardWord]) -> float:
    """How sure an alarm is: high for words as written, lower for words that only sound so."""
    return _SURE if any(not one.by_sound for one in heard) else _SOUNDS_LIKE


def _is_denied(text: str, found: HeardWord) -> bool:
    if found.word.startswith(_NEGATED_STATES):
        return False
    return text[: found.start].endswith(_NEGATIONS)
