"""How punctual a media plane is: when its packets left, counted against its grid of 5 ms.

Counted in buckets that grow by a seventh, so that a minute of all steps is some sixty short rows of numbers,
and a percentile is right to 15 %.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

FIRST_MS: Final = 0.05
GROWTH: Final = 1.15
BUCKETS: Final = 72
BOUNDS_MS: Final = tuple(FIRST_MS * GROWTH**n for n in range(BUCKETS - 1))
"""Upper bound of each bucket but the last: 0.05 ms to one second."""


class Lateness:
    """The steps since somebody took the count."""

    def __init__(self) -> None:
        self._counts = [0] * BUCKETS
        self._most_ms = 0.0

    def note(self, ms: float) -> None:
        """Count one step."""
        self._counts[bisect_right(BOUNDS_MS, ms)] += 1
        self._most_ms = max(self._most_ms, ms)

    def take(self) -> tuple[tuple[int, ...], float]:
        """Take the count, by bucket, and the latest of all, in ms; begin anew."""
        taken = tuple(self._counts), self._most_ms
        self._counts, self._most_ms = [0] * BUCKETS, 0.0
        return taken


def add(rows: Iterable[Sequence[int]]) -> list[int]:
    """Add counts, bucket by bucket."""
    total = [0] * BUCKETS
    for row in rows:
        total = [one + more for one, more in zip(total, row, strict=True)]
    return total


def percentile_ms(counts: Sequence[int], share: float) -> float | None:
    """Give a bound that this share of the steps did not exceed; None without any step."""
    wanted = share * sum(counts)
    if not wanted:
        return None
    seen = 0
    for bound, count in zip(BOUNDS_MS, counts, strict=False):
        seen += count
        if seen >= wanted:
            return bound
    return BOUNDS_MS[-1]
