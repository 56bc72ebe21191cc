"""Listening for known words in a text, as characters or as sounds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hotline.routing.pinyin import NEAR, Sound, clauses_of, confusion, fuzzy_key, syllables_of

_EDGE: Final = "|"
_CLAUSE_END: Final = "#"
_LATIN: Final = re.compile(r"[a-z][a-z -]*")


@dataclass(frozen=True, slots=True)
class Word:
    """A word to listen for, with its sound."""

    text: str
    syllables: tuple[str, ...]
    key: str
    """Its syllables with all mergers folded, between edges, for a plain string search."""
    is_latin: bool


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word, and how it stands in the text."""

    word: str
    text: str
    """The characters that led to it."""
    start: int
    """First position in the text."""
    end: int
    """One after the last position."""

    @property
    def by_sound(self) -> bool:
        """True when only its sound is there, written with other characters."""
        return self.text.lower() != self.word


def word_of(text: str) -> Word:
    """Prepare a word; Latin letters are listened for in lower case, as whole words or plurals."""
    syllables = tuple(syllables_of(text.lower()))
    return Word(text.lower(), syllables, _key(syllables), bool(_LATIN.fullmatch(text.lower())))


def _key(syllables: Iterable[str]) -> str:
    return _EDGE + _EDGE.join(fuzzy_key(syllable) for syllable in syllables) + _EDGE


class Ear:
    """A text prepared for listening to many words."""

    def __init__(self, text: str) -> None:
        self.text = text
        # lower() may change the length of a few scripts; positions must stay those of the text.
        lowered = text.lower()
        self._lowered = lowered if len(lowered) == len(text) else text
        # One string for all clauses, so that each of a thousand words is searched for once.
        self._sounds: list[Sound | None] = []
        for clause in clauses_of(text):
            self._sounds += (*clause, None)
        self._key = _key(sound.syllable if sound else _CLAUSE_END for sound in self._sounds)

    def hear(self, word: Word) -> HeardWord | None:
        """Find a word, as written before as sounded; None when it is not there.

        By sound, words of two syllables must sound exactly the same and longer ones may carry one
        regional merger; a single character must stand there as written.
        """
        at = self._lowered.find(word.text)
        if word.is_latin:
            if at < 0:
                return None
            match = re.search(rf"(?<![a-z])({re.escape(word.text)})(?:e?s)?(?![a-z])", self._lowered)
            return self._heard(word, match.start(1), match.end(1)) if match else None
        if at >= 0:
            return self._heard(word, at, at + len(word.text))
        if len(word.text) < 2:
            return None
        allowed = NEAR if len(word.syllables) > 2 else 0.0
        place = self._key.find(word.key)
        while place >= 0:
            first = self._key.count(_EDGE, 0, place)
            sounds = [sound for sound in self._sounds[first : first + len(word.syllables)] if sound]
            cost = sum(confusion(a, b.syllable) for a, b in zip(word.syllables, sounds, strict=True))
            if cost <= allowed:
                return self._heard(word, sounds[0].start, sounds[-1].end)
            place = self._key.find(word.key, place + 1)
        return None

    def _heard(self, word: Word, start: int, end: int) -> HeardWord:
        return HeardWord(word.text, self.text[start:end], start, end)
