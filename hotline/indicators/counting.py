"""Figures of a period: every formula over every fact, for each group."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hotline.indicators.facts import By, Facts, RequestFacts, Window
from hotline.indicators.formulas import FORMULAS, Context, Formula, Stat

THREE_RATES: Final = "three_rates"
"""Code of the score that weighs response, solved and satisfied."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One indicator of one group, as it is kept: both halves, and the version that made it."""

    code: str
    version: int
    by: By
    group: str
    numerator: int
    """Counts or seconds; of a median or p90 the value itself, of a score hundredths of a point."""
    denominator: int

    @property
    def value(self) -> float | None:
        """Share of one, seconds, or a count; None when there was nothing to count over."""
        if self.denominator == 0:
            return None
        stat = STATS.get(self.code, Stat.SHARE)
        if stat in {Stat.COUNT, Stat.MEDIAN, Stat.P90}:
            return float(self.numerator)
        return self.numerator / self.denominator


STATS: Final[Mapping[str, Stat]] = {formula.code: formula.stat for formula in FORMULAS}


@dataclass(frozen=True, slots=True)
class Weights:
    """What a site sets: how the three rates are weighed, and which outcomes the solved rate leaves out."""

    response: int = 30
    solved: int = 35
    satisfied: int = 35
    excluded_outcomes: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if min(self.response, self.solved, self.satisfied) < 0 or self.total == 0:
            raise ValueError("weights are not negative, and not all nothing")

    @property
    def total(self) -> int:
        """All three."""
        return self.response + self.solved + self.satisfied


def count(
    facts: Facts,
    window: Window,
    by: By,
    *,
    weights: Weights | None = None,
    formulas: Sequence[Formula] = FORMULAS,
) -> list[Figure]:
    """Count all figures of a period.

    :returns: by group in the order of their codes, within each in the order of the formulas; groups that
        a formula has nothing for have no figure of it, the group of all has one of each.
    """
    weights = weights or Weights()
    context = Context(window, find_repeats(facts.requests), weights.excluded_outcomes)
    found: dict[str, dict[str, Figure]] = defaultdict(dict)
    for formula in formulas:
        parts: dict[str, list[tuple[int, int]]] = defaultdict(list)
        if by is By.ALL:
            parts["all"] = []
        for fact in formula.of(facts):
            group = fact.groups(by)
            if group and (part := formula.part(fact, context)) is not None:
                parts[group].append(part)
        for group, added in parts.items():
            numerator, denominator = _combine(formula.stat, added)
            found[group][formula.code] = Figure(
                formula.code, formula.version, by, group, numerator, denominator
            )
    figures: list[Figure] = []
    for group in sorted(found):
        figures += found[group].values()
        score = three_rates(found[group], weights, by, group)
        if score is not None:
            figures.append(score)
    return figures


def _combine(stat: Stat, parts: Sequence[tuple[int, int]]) -> tuple[int, int]:
    if stat in {Stat.MEDIAN, Stat.P90}:
        values = sorted(value for value, _ in parts)
        return (quantile(values, 50 if stat is Stat.MEDIAN else 90), len(values)) if values else (0, 0)
    return sum(n for n, _ in parts), sum(d for _, d in parts)


def quantile(values: Sequence[int], percent: int) -> int:
    """Give the smallest value that this share of sorted values does not exceed (nearest rank).

    :raises ValueError: for no values.
    """
    if not values:
        raise ValueError("nothing has no quantile")
    return values[max(0, -(-len(values) * percent // 100) - 1)]


def three_rates(figures: Mapping[str, Figure], weights: Weights, by: By, group: str) -> Figure | None:
    """Weigh the three rates into points of a hundred, kept in hundredths; None while one is missing."""
    points = 0.0
    for code in ("response", "solved", "satisfied"):
        weight = getattr(weights, code)
        value = figures[code].value if code in figures else None
        if weight and value is None:
            return None
        points += weight * (value or 0.0)
    return Figure(THREE_RATES, 1, by, group, round(points * 10_000 / weights.total), 100)


def find_repeats(requests: Iterable[RequestFacts]) -> Mapping[str, datetime]:
    """Find for each ended request when its matter came up again: same kind, and same person or place."""
    opened: dict[tuple[str, str, str], list[datetime]] = defaultdict(list)
    ended: list[RequestFacts] = []
    for request in requests:
        for key in _matters(request):
            opened[key].append(request.opened_at)
        if request.closed_at is not None:
            ended.append(request)
    for moments in opened.values():
        moments.sort()
    found: dict[str, datetime] = {}
    for request in ended:
        assert request.closed_at is not None
        for key in _matters(request):
            moments = opened[key]
            place = bisect_right(moments, max(request.closed_at, request.opened_at))
            if place < len(moments):
                found[request.number] = min(moments[place], found.get(request.number, moments[place]))
    return found


def _matters(request: RequestFacts) -> Iterable[tuple[str, str, str]]:
    if not request.kind:
        return
    if request.person:
        yield "person", request.person, request.kind
    if request.place:
        yield "place", request.place, request.kind


@dataclass(frozen=True, slots=True)
class Rank:
    """One line of the league table."""

    place: int
    """From 1; equal figures share a place. 0: nothing to rank by."""
    group: str
    value: float | None
    numerator: int
    denominator: int


def league(figures: Iterable[Figure], code: str, *, low_is_better: bool = False) -> list[Rank]:
    """Rank groups by one figure, best first; groups without it stand behind, unranked."""
    named: dict[str, Figure | None] = {}
    for figure in figures:
        named.setdefault(figure.group, None)
        if figure.code == code:
            named[figure.group] = figure
    with_value = [(f.value, group, f) for group, f in named.items() if f is not None and f.value is not None]
    with_value.sort(key=lambda row: (row[0] if low_is_better else -row[0], row[1]))
    ranks: list[Rank] = []
    for index, (value, group, figure) in enumerate(with_value, 1):
        place = ranks[-1].place if ranks and ranks[-1].value == value else index
        ranks.append(Rank(place, group, value, figure.numerator, figure.denominator))
    left = sorted(set(named) - {group for _, group, _ in with_value})
    return ranks + [Rank(0, group, None, 0, 0) for group in left]
