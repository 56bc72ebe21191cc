"""How good suggestions of kinds are, on texts whose kind is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from hotline.routing.calibration import Band, bands, mean_error
from hotline.routing.kind_model import Sample

PRECISIONS: Final = (0.90, 0.95, 0.98, 0.99)
"""Precisions for which the share of traffic is told; 0.98 is what automatic dispatch asks for."""

Rank = Callable[[str], Sequence[tuple[str, float]]]
"""From a text to kinds and stated chances, the likeliest first, three at most."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much could be left to the machine at a precision."""

    precision: float
    share: float
    """Of all texts; 0 when no threshold reaches the precision."""
    threshold: float
    """Chance from which on suggestions are taken; 1 when none are."""


@dataclass(frozen=True, slots=True)
class KindScore:
    """How one kind fares."""

    kind: str
    count: int
    first: int
    """Texts of the kind for which it stood first."""
    third: int
    """Texts of the kind for which it stood among the first three."""
    claimed: int
    """Texts of other kinds for which it stood first."""
    mistaken_for: str
    """The kind that most often stood first instead; empty when none did."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was found."""

    count: int
    first: int
    third: int
    silent: int
    """Texts for which no kind was named."""
    macro_f1: float
    """Mean over kinds of the harmonic mean of precision and recall."""
    bands: tuple[Band, ...]
    """Chances stated for the first suggestion against what was right."""
    mean_error: float
    """Mean distance of the two."""
    coverage: tuple[Coverage, ...]
    kinds: tuple[KindScore, ...]

    @property
    def first_share(self) -> float:
        """Share of texts whose kind stood first."""
        return self.first / self.count if self.count else 0.0

    @property
    def third_share(self) -> float:
        """Share of texts whose kind stood among the first three."""
        return self.third / self.count if self.count else 0.0


def evaluate(samples: Sequence[Sample], rank: Rank) -> Evaluation:
    """Ask for the kind of every sample and compare."""
    return judge([(sample.kind, rank(sample.text)) for sample in samples])


def judge(answers: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> Evaluation:
    """Compare answers with the right kinds.

    :param answers: the right kind, and what was suggested for its text.
    """
    firsts = [(right, named[0][0] if named else "") for right, named in answers]
    tops = [(named[0][1], named[0][0] == right) for right, named in answers if named]
    found = bands(tops)
    kinds = _kinds(answers, firsts)
    return Evaluation(
        count=len(answers),
        first=sum(right == first for right, first in firsts),
        third=sum(right in [code for code, _ in named[:3]] for right, named in answers),
        silent=sum(not named for _, named in answers),
        macro_f1=sum(_f1(one) for one in kinds) / len(kinds) if kinds else 0.0,
        bands=found,
        mean_error=mean_error(found),
        coverage=tuple(_coverage(tops, len(answers), precision) for precision in PRECISIONS),
        kinds=kinds,
    )


def _coverage(tops: Sequence[tuple[float, bool]], total: int, precision: float) -> Coverage:
    ordered = sorted(tops, key=lambda one: -one[0])
    best, right = Coverage(precision, 0.0, 1.0), 0
    for n, (chance, is_right) in enumerate(ordered, 1):
        right += is_right
        # A threshold cannot part suggestions of the same chance.
        is_last = n == len(ordered) or ordered[n][0] < chance
        if is_last and right / n >= precision:
            best = Coverage(precision, n / total, chance)
    return best


def _kinds(
    answers: Sequence[tuple[str, Sequence[tuple[str, float]]]], firsts: Sequence[tuple[str, str]]
) -> tuple[KindScore, ...]:
    counts = Counter(right for right, _ in firsts)
    claimed = Counter(first for right, first in firsts if first and first != right)
    third = Counter(right for right, named in answers if right in [code for code, _ in named[:3]])
    confused = Counter(pair for pair in firsts if pair[1] and pair[0] != pair[1])
    rows = []
    for kind in sorted(counts):
        rivals = [(-number, other) for (right, other), number in confused.items() if right == kind]
        rows.append(
            KindScore(
                kind=kind,
                count=counts[kind],
                first=sum(right == first == kind for right, first in firsts),
                third=third[kind],
                claimed=claimed[kind],
                mistaken_for=min(rivals)[1] if rivals else "",
            )
        )
    return tuple(rows)


def _f1(score: KindScore) -> float:
    # Texts of the kind that were missed and texts of others that it claimed count alike.
    return 2 * score.first / (score.count + score.first + score.claimed)
