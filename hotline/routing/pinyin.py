"""Mandarin by its sound: syllables without tones, and how easily one is taken for another.

A recogniser that knows no local names writes what it heard with other characters: 草原社区 for
草园社区. On the level of toneless syllables most such errors disappear, and the rest are the
confusions of northern speech over a telephone line (zh/z, n/l, in/ing ...), which cost a little
instead of everything. ``confusion`` grades them; ``fuzzy_key`` folds them away for a first, quick search.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

NEAR: Final = 0.2
"""Cost of a merger that whole regions speak (zh/z, in/ing)."""
CLOSE: Final = 0.3
"""Cost of a confusion that a telephone line makes (j/q, f/h)."""
FAR: Final = 0.6
"""Cost of any other difference in one half of a syllable."""
GAP: Final = 0.8
"""Cost of a syllable too many or too few."""
GAP_ERHUA: Final = 0.25
"""Cost of the diminutive 儿, which Beijing speech swallows and adds."""

_HAN: Final = "\u3400-\u4dbf\u4e00-\u9fff"
_CLAUSE: Final = re.compile(rf"[{_HAN}0-9]+")
_PART: Final = re.compile(rf"[{_HAN}]+|[0-9]+")
_DIGITS: Final = "零一二三四五六七八九"
_INITIALS: Final = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcsyw")


def _pairs(near: str, close: str) -> dict[frozenset[str], float]:
    table = {frozenset(pair.split("/")): CLOSE for pair in close.split()}
    return table | {frozenset(pair.split("/")): NEAR for pair in near.split()}


_INITIAL_COST: Final = _pairs(
    near="zh/z ch/c sh/s n/l",
    close="f/h l/r j/q q/x j/zh q/ch x/sh z/c zh/ch b/p d/t g/k r/y w/h n/m s/c sh/ch",
)
_FINAL_COST: Final = _pairs(
    near="an/ang en/eng in/ing ian/iang uan/uang un/ong",
    close="eng/ong in/en ing/eng e/uo o/uo ai/ei ie/ian ia/ian u/ou ui/ei ua/uo i/ei ao/ou van/uan v/u ve/ie",
)


@dataclass(frozen=True, slots=True)
class Sound:
    """One spoken syllable, and the characters that stand for it."""

    character: str
    syllable: str
    start: int
    """First position in the text."""
    end: int
    """One after the last position; a two-digit number is one or more sounds over the same characters."""


def clauses_of(text: str) -> list[list[Sound]]:
    """Split a text at everything that is not Chinese or a digit, and tell the sounds of each part.

    Numbers up to two digits sound as numbers (``10`` is shi), longer ones digit by digit.
    """
    return [
        [
            sound
            for part in _PART.finditer(clause[0])
            for sound in _sounds(part[0], clause.start() + part.start())
        ]
        for clause in _CLAUSE.finditer(text)
    ]


def _sounds(part: str, start: int) -> list[Sound]:
    spans = [(start + n, start + n + 1) for n in range(len(part))]
    spoken = part
    if part.isdecimal():
        spoken = _number(part)
        if len(part) == 2 and part[0] != "0":
            spans = [(start, start + 2)] * len(spoken)
    return [
        Sound(character, syllable, *span)
        for character, syllable, span in zip(spoken, syllables_of(spoken), spans, strict=True)
    ]


def _number(digits: str) -> str:
    """Write a number as it is spoken in a name: 7 as 七, 12 as 十二, 105 as 一零五."""
    if len(digits) == 2 and digits[0] != "0":
        tens = "" if digits[0] == "1" else _DIGITS[int(digits[0])]
        ones = "" if digits[1] == "0" else _DIGITS[int(digits[1])]
        return f"{tens}十{ones}"
    return "".join(_DIGITS[int(digit)] for digit in digits)


def syllables_of(text: str) -> list[str]:
    """Tell the toneless syllable of each character, one for one; other characters stand for themselves."""
    return list(_read(text))


@lru_cache(maxsize=256)  # places, kinds and danger are looked for in the same text one after the other
def _read(text: str) -> tuple[str, ...]:
    from pypinyin import Style, lazy_pinyin  # its tables take a third of the start of any command

    found = lazy_pinyin(text, style=Style.NORMAL)
    if len(found) == len(text):
        return tuple(found)
    # Other characters come back in runs, and a few phrases have a reading of another length.
    return tuple(lazy_pinyin(character, style=Style.NORMAL)[0] for character in text)


@lru_cache(maxsize=4096)
def halves(syllable: str) -> tuple[str, str]:
    """Split a syllable into initial and final; the initial is empty for ``an`` and the like."""
    for initial in _INITIALS:
        if syllable.startswith(initial) and len(syllable) > len(initial):
            return initial, syllable[len(initial) :]
    return "", syllable


@lru_cache(maxsize=200_000)
def confusion(one: str, other: str) -> float:
    """Grade how badly two syllables differ: 0 the same sound, 1 nothing in common."""
    if one == other:
        return 0.0
    (initial_a, final_a), (initial_b, final_b) = halves(one), halves(other)
    cost = 0.0 if initial_a == initial_b else _INITIAL_COST.get(frozenset((initial_a, initial_b)), FAR)
    cost += 0.0 if final_a == final_b else _FINAL_COST.get(frozenset((final_a, final_b)), FAR)
    return min(1.0, cost)


def gap(character: str) -> float:
    """Cost of leaving this character out, or of saying it where it does not belong."""
    return GAP_ERHUA if character == "儿" else GAP


_FOLD_INITIAL: Final = {"zh": "z", "ch": "c", "sh": "s", "l": "n", "r": "n"}


@lru_cache(maxsize=4096)
def fuzzy_key(syllable: str) -> str:
    """Fold the mergers of ``NEAR`` away: zh/z, ch/c, sh/s, n/l, and -n/-ng."""
    initial, final = halves(syllable)
    return _FOLD_INITIAL.get(initial, initial) + (final[:-1] if final.endswith("ng") else final)
