"""Words of an index that no text can hold: what a request is, beside what was said.

State, kind, region and units go into the same index as the text, so that a rare state and a common
word are found together as fast as either alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from hotline.search.asked import Asked
from hotline.search.bigrams import Phrase, document

MARK: Final = "\ue000"
"""Begins a fact; a character for private use, which no text keeps as a word."""


def fact(name: str, value: str) -> str:
    """Make the word of a fact: letters and digits behind the mark."""
    plain = "".join(c if c.isascii() and c.isalnum() else f"{MARK}{ord(c):x}{MARK}" for c in value.casefold())
    return f"{MARK}{name}{plain}"


@dataclass(frozen=True, slots=True)
class Filed:
    """What the index holds of one request."""

    number: str
    texts: tuple[str, ...] = ()
    """Place, wording and transcript."""
    state: str = ""
    kind: str = ""
    regions: tuple[str, ...] = ()
    """Its region and those above it."""
    units: tuple[str, ...] = field(default=())
    """That have or had part in it, and did not give it back."""
    phone: str = ""
    """Of the caller; empty when withheld."""

    def facts(self) -> Iterator[str]:
        """Give its facts as words, each once."""
        yield from _facts("s", [self.state])
        yield from _facts("k", [self.kind])
        yield from _facts("r", dict.fromkeys(self.regions))
        yield from _facts("u", dict.fromkeys(self.units))
        yield from _facts("p", [self.phone])

    def words(self) -> list[str]:
        """Give all its words, in order: facts first, then the texts."""
        return [*self.facts(), *document(text for text in self.texts if text)]


def phrases_for(asked: Asked) -> tuple[Phrase, ...]:
    """Give what must be in the index: words that were typed, and facts that narrow them."""
    facts = (
        *_facts("s", [asked.state]),
        *_facts("k", [asked.kind]),
        *_facts("r", [asked.region]),
        *_facts("u", [asked.unit]),
        *_facts("p", [asked.phone]),
    )
    return (*asked.phrases, *(Phrase((word,), is_open=False) for word in facts))


def _facts(name: str, values: Iterable[str]) -> Iterator[str]:
    return (fact(name, value) for value in values if value)
