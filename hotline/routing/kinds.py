"""The kind of demand, from keywords heard as characters or as sounds, and what makes a demand urgent.

A keyword of the catalogue counts in full when it stands in the text as written, and for less when
only its sound does (a recogniser writes 青运 for 清运). Longer keywords say more than short ones,
keywords of several kinds less. A single character counts little, and only as written. The name of
a kind is a keyword of its own, and pairs of characters shared with it break ties.

This half knows words only and never learns; ``kind_model`` is the other. docs/routing.md has the measures.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hotline.routing.district import KindRow
from hotline.routing.ear import Ear, HeardWord, Word, word_of

_LENGTH_WEIGHT: Final = {1: 0.4, 2: 1.0, 3: 1.4}
_LENGTH_WEIGHT_LONG: Final = 1.7
_SOUND_SHARE: Final = {2: 0.6, 3: 0.85}
"""What a keyword counts that only sounds right, by its length; short ones are often other words."""
_SOUND_SHARE_LONG: Final = 0.9
_NAME_SHARE: Final = 0.8
"""What a word of the kind's own name counts."""
_WEAK_SHARE: Final = 0.35
"""What a weak keyword counts."""
_ENGLISH_WEIGHT: Final = 1.2
_PAIR_WEIGHT: Final = 0.12
_FLOOR: Final = 0.35
"""Less than this in all is no reason to name a kind."""
_DOUBT: Final = 0.6
"""Keeps the score of a single short keyword well below 1."""
_NAME_PARTS: Final = re.compile("与|和|、")


@dataclass(frozen=True, slots=True)
class RankedKind:
    """A kind that may be meant, with the words that led there."""

    kind: KindRow
    score: float
    """0 to 1, its share of all that speaks for any kind, lowered where little speaks at all."""
    words: tuple[HeardWord, ...]
    """The weightiest first."""
    by_likeness: bool = False
    """True when no keyword was heard and the text only resembles what is known of the kind."""


@dataclass(frozen=True, slots=True)
class _Clue:
    word: Word
    weight: float


class KindRanker:
    """Ranks the kinds of one catalogue. Immutable; safe to share between threads."""

    def __init__(self, kinds: Sequence[KindRow]) -> None:
        self._kinds = tuple(kinds)
        holders = Counter(word for kind in kinds for word in set(kind.keywords))
        self._clues = tuple(_clues(kind, holders) for kind in kinds)
        self._pairs = tuple(_pairs((kind.label, *kind.keywords)) for kind in kinds)
        self._pair_holders = Counter(pair for pairs in self._pairs for pair in pairs)

    def rank(self, text: str, *, limit: int = 3) -> tuple[RankedKind, ...]:
        """Name the kinds that a text may be about, the likeliest first; none when nothing speaks for one."""
        ear = Ear(text)
        said = _pairs([text])
        ranked = []
        for kind, clues, pairs in zip(self._kinds, self._clues, self._pairs, strict=True):
            words, weight = _listen(ear, clues)
            weight += _PAIR_WEIGHT * sum(1 / self._pair_holders[pair] for pair in said & pairs)
            if words and weight >= _FLOOR:
                ranked.append((weight, kind, words))
        ranked.sort(key=lambda one: (-one[0], one[1].code))
        total = _DOUBT + sum(weight for weight, _, _ in ranked[:limit])
        return tuple(
            RankedKind(kind, round(weight / total, 3), words) for weight, kind, words in ranked[:limit]
        )


def _clues(kind: KindRow, holders: Counter[str]) -> tuple[_Clue, ...]:
    clues = {
        keyword: _LENGTH_WEIGHT.get(len(keyword), _LENGTH_WEIGHT_LONG) / holders[keyword] ** 0.5
        for keyword in kind.keywords
    }
    for keyword in kind.weak_keywords:
        clues[keyword] = _WEAK_SHARE * _LENGTH_WEIGHT.get(len(keyword), _LENGTH_WEIGHT_LONG)
    for part in _NAME_PARTS.split(kind.label):
        if len(part) > 1:
            clues.setdefault(part, _NAME_SHARE * _LENGTH_WEIGHT.get(len(part), _LENGTH_WEIGHT_LONG))
    clues |= dict.fromkeys(kind.keywords_en, _ENGLISH_WEIGHT)
    # Long words first, so that 垃圾桶 is taken before the 垃圾 inside it.
    ordered = sorted(clues.items(), key=lambda one: -len(one[0]))
    return tuple(_Clue(word_of(keyword), weight) for keyword, weight in ordered)


def _listen(ear: Ear, clues: Iterable[_Clue]) -> tuple[tuple[HeardWord, ...], float]:
    """Add up the words that are there; characters that one word has used count for no other."""
    heard: list[tuple[float, HeardWord]] = []
    for clue in clues:
        word = ear.hear(clue.word)
        if word is None or any(word.start < other.end and other.start < word.end for _, other in heard):
            continue
        share = _SOUND_SHARE.get(len(word.word), _SOUND_SHARE_LONG) if word.by_sound else 1.0
        heard.append((clue.weight * share, word))
    heard.sort(key=lambda one: (-one[0], one[1].start))
    return tuple(word for _, word in heard), sum(weight for weight, _ in heard)


def _pairs(texts: Iterable[str]) -> set[str]:
    return {text[n : n + 2] for text in texts for n in range(len(text) - 1)}
