"""From a score that only orders to a chance of being right: isotonic regression.

Scores and whether they were right are put in bins of equal numbers, each bin's share is drawn a little
towards one half (Laplace), and neighbours that fall are pooled until none falls (pool adjacent
violators; Barlow et al. 1972). Between the bins the chance runs in straight lines, so that a higher
score never has a lower chance.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hotline.errors import ConfigError

FEWEST: Final = 20
"""Judged scores without which no calibration is drawn."""
_BINS: Final = 20
_SMALLEST_BIN: Final = 8


@dataclass(frozen=True, slots=True)
class Calibration:
    """A line that never falls, from score to chance."""

    points: tuple[tuple[float, float], ...]
    """Score and chance, both 0 to 1, by rising score."""

    def __post_init__(self) -> None:
        scores = [score for score, _ in self.points]
        chances = [chance for _, chance in self.points]
        inside = all(0 <= value <= 1 for value in (*scores, *chances))
        if not self.points or not inside or chances != sorted(chances) or scores != sorted(set(scores)):
            raise ConfigError("a calibration must rise from score to chance, both between 0 and 1")

    def chance(self, score: float) -> float:
        """Tell how often a suggestion of this score is right, 0 to 1."""
        at = bisect_right(self.points, (score, 2.0))
        if at == 0:
            first, chance = self.points[0]
            return chance * score / first if first > 0 and score > 0 else 0.0
        if at == len(self.points):
            return self.points[-1][1]
        (left, low), (right, high) = self.points[at - 1], self.points[at]
        return low + (high - low) * (score - left) / (right - left)


def fit(judged: Iterable[tuple[float, bool]]) -> Calibration | None:
    """Draw the line from scores (0 to 1) and whether each was right; None when they are too few to tell."""
    ordered = sorted(judged)
    if len(ordered) < FEWEST:
        return None
    size = max(_SMALLEST_BIN, -(-len(ordered) // _BINS))
    blocks: list[tuple[float, float, int]] = []  # sum of scores, number right, number
    for start in range(0, len(ordered), size):
        part = ordered[start : start + size]
        block = (sum(score for score, _ in part), float(sum(right for _, right in part)), len(part))
        while blocks and (_chance(blocks[-1]) >= _chance(block) or _score(blocks[-1]) >= _score(block)):
            last = blocks.pop()
            block = (last[0] + block[0], last[1] + block[1], last[2] + block[2])
        blocks.append(block)
    return Calibration(tuple((_score(block), _chance(block)) for block in blocks))


def _score(block: tuple[float, float, int]) -> float:
    return min(1.0, max(0.0, block[0] / block[2]))


def _chance(block: tuple[float, float, int]) -> float:
    return (block[1] + 1) / (block[2] + 2)


@dataclass(frozen=True, slots=True)
class Band:
    """Suggestions whose stated chance lies between two limits."""

    low: float
    high: float
    count: int
    stated: float
    """Mean chance stated."""
    right: float
    """Share that was right."""


def bands(judged: Sequence[tuple[float, bool]], *, number: int = 10) -> tuple[Band, ...]:
    """Compare stated chances with what was right, in bands of equal width; empty bands are left out."""
    rows = []
    for n in range(number):
        low, high = n / number, (n + 1) / number
        part = [one for one in judged if low <= one[0] < high or (n == number - 1 and one[0] >= high)]
        if part:
            stated, right = sum(one[0] for one in part), sum(one[1] for one in part)
            rows.append(Band(low, high, len(part), stated / len(part), right / len(part)))
    return tuple(rows)


def mean_error(found: Sequence[Band]) -> float:
    """Mean distance between stated chance and share right, weighted by number; 0 for none."""
    total = sum(band.count for band in found)
    return sum(band.count * abs(band.stated - band.right) for band in found) / total if total else 0.0
