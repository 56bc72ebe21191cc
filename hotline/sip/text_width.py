"""How wide a text is on a terminal: a Chinese character takes two columns, a combining mark none."""

from __future__ import annotations

from unicodedata import combining, east_asian_width


def width_of(text: str) -> int:
    """Count the columns that a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(letter) else 2 if east_asian_width(letter) in ("W", "F") else 1 for letter in text
    )


def pad(text: str, width: int) -> str:
    """Fill a text with spaces up to so many columns."""
    return text + " " * (width - width_of(text))


def fit(text: str, width: int) -> str:
    """Cut a text so that it takes at most so many columns, with ``…`` where something is missing."""
    if width_of(text) <= width:
        return text
    kept, room = "", width - 1
    for letter in text:
        room -= width_of(letter)
        if room < 0:
            break
        kept += letter
    return kept + "…"
