"""What the dispatch rules would have done with past requests, and how often suggested units were right.

A request counts with the unit that has the lead in the end: what was sent back and given to another unit
is held against whoever named the first one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hotline.routing.district import KindRow
from hotline.routing.units import OwnerWords, UnitChooser

LAST: Final = 500
"""Decided requests on which precision is measured, the newest."""
PRECISION: Final = 0.98
"""Share of right suggestions from which on a machine may dispatch."""
CATALOGUE: Final = "catalogue"
"""Stands in place of a rule's name where the catalogue decided."""


@dataclass(frozen=True, slots=True)
class Past:
    """A request that people have dispatched."""

    number: str
    kind: str
    region: str
    """Code of a street or community; empty when nobody knew."""
    text: str
    lead: str
    """Code of the unit that has, or had, the lead in the end."""
    suggested: str
    """Code of the unit that was suggested first; empty when none was."""
    score: float
    """Of that suggestion."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A request that the rules would have given to another unit, or to none."""

    number: str
    rule: str
    lead: str
    proposed: str
    """Empty for none."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What the rules would have done."""

    count: int
    same: int
    none: int
    """Requests for which the rules name nobody."""
    rules: Mapping[str, tuple[int, int]]
    """By the name of the rule: requests it decides, and of these the ones given to the same unit."""
    differences: tuple[Difference, ...]


def dry_run(
    past: Iterable[Past], kinds: Mapping[str, KindRow], chooser: UnitChooser, owners: OwnerWords
) -> DryRun:
    """Run the rules on past requests; those of a kind that the catalogue no longer has are passed over."""
    decided: Counter[str] = Counter()
    right: Counter[str] = Counter()
    differences = []
    for one in past:
        kind = kinds.get(one.kind)
        if kind is None:
            continue
        owned = owners.hear(one.text)
        proposed = chooser.propose(kind, one.region or None, owned[0] if owned else None)
        rule = (proposed[0].rule if proposed else "") or CATALOGUE
        lead = proposed[0].unit.code if proposed else ""
        decided[rule] += 1
        right[rule] += lead == one.lead
        if lead != one.lead:
            differences.append(Difference(one.number, rule, one.lead, lead))
    return DryRun(
        count=decided.total(),
        same=right.total(),
        none=sum(not each.proposed for each in differences),
        rules={name: (decided[name], right[name]) for name in sorted(decided)},
        differences=tuple(differences),
    )


@dataclass(frozen=True, slots=True)
class Precision:
    """How often the unit that was suggested first was right."""

    count: int
    """Requests that were judged: the newest ``LAST`` at most."""
    suggested: int
    """Of these, the ones for which a unit was suggested."""
    right: int
    threshold: float | None
    """Score from which on they are right as often as asked; None when no score is, or too few count."""
    share: float
    """Of the requests that the threshold would leave to the machine; 0 without one."""


def precision_of(past: Sequence[Past], *, wanted: float = PRECISION, fewest: int = LAST) -> Precision:
    """Judge suggested units by where the requests went in the end.

    :param past: the newest first; only ``LAST`` of them count.
    :param fewest: requests without which no threshold is given: a lucky dozen proves nothing.
    """
    judged = past[:LAST]
    named = sorted(
        ((one.score, one.suggested == one.lead) for one in judged if one.suggested), key=lambda one: -one[0]
    )
    threshold, share, right = None, 0.0, 0
    for n, (score, is_right) in enumerate(named, 1):
        right += is_right
        # A threshold cannot part suggestions of the same score.
        is_last = n == len(named) or named[n][0] < score
        if is_last and right >= wanted * n and len(judged) >= fewest:
            threshold, share = score, n / len(judged)
    return Precision(len(judged), len(named), sum(right for _, right in named), threshold, share)
