"""What a person looks for: the one box that takes numbers, telephones and words, and what narrows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from hotline.errors import Refused
from hotline.search.bigrams import Phrase, phrases_of
from hotline.sip.numbers import normalise_number
from hotline.tickets.number import LENGTH, read_number

MOST_PHRASES: Final = 8
LONGEST_BOX: Final = 200
"""Characters that may be typed."""
SHORTEST_PHONE: Final = 7
_SEPARATORS: Final = str.maketrans("", "", " -+()\u00a0")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for; everything that is given must hold, and nothing given finds all."""

    phrases: tuple[Phrase, ...] = ()
    number: str = ""
    """A whole request number."""
    phone: str = ""
    """Caller's number, E.164 or as dialled inside."""
    unit: str = ""
    """Code of a unit that has or had part in the request, and did not give it back."""
    state: str = ""
    kind: str = ""
    """Code of the catalogue, decided or, before that, suggested."""
    region: str = ""
    """Code of a street or community; a street's communities are part of it."""
    first_day: date | None = None
    last_day: date | None = None
    """Days on which requests were received, both included, in the site's zone."""
    before: str = ""
    """Number that the last page ended with; empty for the first page."""

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing narrows it."""
        return self == Asked(before=self.before)


def read_box(text: str, *, area_code: str = "10") -> Asked:
    """Read what was typed into the one box.

    Twelve digits with a right check digit are a request; digits that make a telephone number are one;
    all else is words.

    :raises Refused: ``input`` when it is too long, or holds nothing that can be looked for.
    """
    text = text.strip()
    if not text:
        return Asked()
    if len(text) > LONGEST_BOX:
        raise Refused(f"a search has {LONGEST_BOX} characters at most, not {len(text)}", code="input")
    number = read_number(text)
    if number is not None:
        return Asked(number=number)
    digits = text.translate(_SEPARATORS)
    if len(digits) == LENGTH and digits.isascii() and digits.isdigit() and not digits.startswith("0"):
        raise Refused("this is no request number of ours: a digit of it is wrong", code="input")
    if len(digits) >= SHORTEST_PHONE and digits.isascii() and digits.isdigit():
        phone = normalise_number(text, area_code)
        if phone:
            return Asked(phone=phone)
    phrases = phrases_of(text)
    if not phrases:
        raise Refused("there is no word, number or telephone in it to look for", code="input")
    if len(phrases) > MOST_PHRASES:
        raise Refused(f"a search has {MOST_PHRASES} words at most, not {len(phrases)}", code="input")
    return Asked(phrases=phrases)


def read_day(text: str, what: str) -> date | None:
    """Read a day as ``2026-11-24``; None for nothing.

    :raises Refused: ``input``.
    """
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Refused(f"{what} is no day: write it as 2026-11-24", code="input") from None


def narrowed(asked: Asked, first_day: date | None, last_day: date | None) -> Asked:
    """Narrow to days.

    :raises Refused: ``input`` when they end before they begin.
    """
    if first_day is not None and last_day is not None and last_day < first_day:
        raise Refused("the days end before they begin", code="input")
    return replace(asked, first_day=first_day, last_day=last_day)


def lowest(day: date) -> str:
    """Give what is not above any request number of a day."""
    return f"{day:%y%m%d}000000"


def highest(day: date) -> str:
    """Give what is not below any request number of a day."""
    return f"{day:%y%m%d}999999"
