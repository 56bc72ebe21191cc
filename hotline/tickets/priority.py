"""Priorities, most urgent first: P1 (two hours), P2 (24 hours), P3 (seven days), P4 (fifteen days)."""

from __future__ import annotations

from typing import Final

PRIORITIES: Final = ("P1", "P2", "P3", "P4")
DEFAULT_PRIORITY: Final = "P3"
"""What a request has before anybody understood a word: an ordinary demand."""


def most_urgent(*priorities: str) -> str:
    """Pick the most urgent; words that are no priority are passed over, and ``P3`` is what is left."""
    return min((p for p in priorities if p in PRIORITIES), default=DEFAULT_PRIORITY)
