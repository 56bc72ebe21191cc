"""Words of an index, made from Chinese and Latin text alike.

Most Chinese words have two characters and nothing parts them, so each two neighbours become a word:
和平里 is indexed as 和平, 平里, 里. The last character stands alone behind each run; it lets one
character be looked for by its beginning, and keeps two runs from being read as one. Latin letters and
digits stay whole. Both databases get the same words, so both find the same.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 16_000
"""Words of one document; PostgreSQL counts no places above 16,383, and half an hour of speech has 7,000."""
LONGEST_WORD: Final = 64
"""Characters of a Latin word or a row of digits; longer ones are cut."""
BREAK: Final = "\ue001"
"""Stands between two texts of a document, so that no phrase reaches over; no text can hold it as a word."""
_IDEOGRAPHS: Final = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))


def normalise(text: str) -> str:
    """Write text in the one form that is indexed and looked for: full-width, case and 々 made plain."""
    return unicodedata.normalize("NFKC", text).casefold()


def is_ideograph(character: str) -> bool:
    """Tell whether a character is a Chinese one."""
    code = ord(character)
    return any(low <= code <= high for low, high in _IDEOGRAPHS)


def _is_word(character: str) -> bool:
    return character.isalnum() and not is_ideograph(character)


def runs(text: str) -> Iterator[tuple[bool, str]]:
    """Part a text into runs of Chinese characters and of Latin letters and digits; the rest parts them.

    :returns: whether it is Chinese, and the run, in order; an empty run where something parted two.
    """
    run, kind = "", ""
    for character in normalise(text):
        now = "c" if is_ideograph(character) else "w" if _is_word(character) else ""
        if now == kind and now:
            run += character
            continue
        if run:
            yield kind == "c", run
        if not now:
            yield False, ""
        run, kind = (character, now) if now else ("", "")
    if run:
        yield kind == "c", run


def words_of(text: str) -> Iterator[str]:
    """Make the words of a text, in order."""
    for is_chinese, run in runs(text):
        if is_chinese:
            yield from pairs(run)
            yield run[-1]
        elif run:
            yield run[:LONGEST_WORD]


def pairs(run: str) -> Iterator[str]:
    """Give each two neighbours of a run of Chinese characters."""
    for place in range(len(run) - 1):
        yield run[place : place + 2]


def document(texts: Iterable[str]) -> list[str]:
    """Make the words of a document of several texts; what is beyond ``LONGEST`` cannot be found."""
    words: list[str] = []
    for text in texts:
        if words:
            words.append(BREAK)
        words.extend(words_of(text))
        if len(words) >= LONGEST:
            return words[:LONGEST]
    return words


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that must follow each other."""

    words: tuple[str, ...]
    """At least one."""
    is_open: bool
    """The last word may go on: a single character at the end, which most often begins a pair."""


def phrases_of(text: str) -> tuple[Phrase, ...]:
    """Make what is looked for from what a person typed; all of it must be in a document.

    Spaces and punctuation part phrases; what is written together must stand together.
    """
    found: list[Phrase] = []
    group: list[tuple[bool, str]] = []
    for is_chinese, run in (*runs(text), (False, "")):
        if run:
            group.append((is_chinese, run))
        elif group:
            found.append(_phrase(group))
            group = []
    return tuple(dict.fromkeys(found))


def _phrase(group: list[tuple[bool, str]]) -> Phrase:
    words: list[str] = []
    is_open = False
    for place, (is_chinese, run) in enumerate(group):
        is_last = place == len(group) - 1
        if not is_chinese:
            words.append(run[:LONGEST_WORD])
            continue
        words.extend(pairs(run))
        if not is_last:
            words.append(run[-1])
        elif len(run) == 1:
            words.append(run)
            is_open = True
    return Phrase(tuple(words), is_open)
