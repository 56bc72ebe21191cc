"""The table of dispatch rules: kind x region x owner of the component -> lead unit and co-handlers.

The rows are data of the site (config/dispatch.csv). They are read like those of a firewall: from the
top, and the first that covers a demand decides. Where none does, the catalogue's own unit has it.
Reading and checking the file is ``dispatch_file``'s work; turning a rule into units is ``units``'.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

ANY: Final = "*"
STREET_OFFICE: Final = "街道办事处"
"""Word in catalogue and rules for "the office of the street where it is", whichever that is."""
COMMUNITY_OFFICE: Final = "社区"
"""Word in rules for the community where it is; it may help, the street answers for it."""
OWNER: Final = "权属单位"
"""Word in rules for the unit that owns the component."""
_OTHER_OWNER: Final = "?"
"""Stands for every owner that no rule names."""


@dataclass(frozen=True, slots=True)
class DispatchRule:
    """One row of the table."""

    name: str
    """How people speak of it: ``R110``."""
    line: int
    """Of the file, counted from 1, the heading included."""
    kinds: tuple[str, ...]
    """Codes of kinds (``0502``) or of items (``05``), or ``*``."""
    regions: tuple[str, ...]
    """Codes of streets or communities, or ``*``, which covers demands without a place as well."""
    owners: tuple[str, ...]
    """Codes of units that own the component, or ``*``, which covers components without an owner as well."""
    lead: str
    """Code of a unit, or ``街道办事处`` or ``权属单位``."""
    co_handlers: tuple[str, ...]
    """Codes of units, or ``街道办事处``, ``社区``, ``权属单位``."""
    reason: str
    """In Chinese, for the agent."""

    def covers(self, kind: str, region: str | None, owner: str | None) -> bool:
        """Tell whether the rule decides a demand.

        :param region: code of a street or community; a rule for a street covers its communities.
        """
        return (
            (ANY in self.kinds or kind in self.kinds or kind[:2] in self.kinds)
            and (ANY in self.regions or (region is not None and _within(region, self.regions)))
            and (ANY in self.owners or owner in self.owners)
        )


@dataclass(frozen=True, slots=True)
class OwnerWord:
    """Words of a caller that tell whose component it is."""

    phrase: str
    unit: str
    """Code of the unit that owns it."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """A rule that never decides anything."""

    rule: DispatchRule
    by: tuple[DispatchRule, ...]
    """Earlier rules that take everything it covers."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A demand for which nobody leads."""

    kind: str
    region: str | None
    """None: wherever it is."""
    why: str


def first_rule(
    rules: Iterable[DispatchRule], kind: str, region: str | None, owner: str | None
) -> DispatchRule | None:
    """Find the rule that decides a demand; None when the catalogue does."""
    return next((rule for rule in rules if rule.covers(kind, region, owner)), None)


def shadows(
    rules: Sequence[DispatchRule], kinds: Collection[str], regions: Collection[str]
) -> tuple[Shadow, ...]:
    """Find the rules that no demand can reach.

    :param kinds: all codes of the catalogue.
    :param regions: all codes of streets and communities.

    Every demand that the table can tell from another is tried, so that several rules which together
    hide a later one are found as well as a single one.
    """
    found = []
    owners = {owner for rule in rules for owner in rule.owners if owner != ANY}
    for n, rule in enumerate(rules):
        taken: set[str] = set()
        for demand in _demands(rule, kinds, _told_apart(rules[: n + 1], regions), owners):
            earlier = first_rule(rules[:n], *demand)
            if earlier is None:
                break
            taken.add(earlier.name)
        else:
            found.append(Shadow(rule, tuple(one for one in rules if one.name in taken)))
    return tuple(found)


def holes(
    rules: Sequence[DispatchRule],
    defaults: Mapping[str, str],
    regions: Collection[str],
    units: Collection[str],
) -> tuple[Hole, ...]:
    """Find the kinds for which nobody would lead somewhere.

    :param defaults: unit code or ``街道办事处`` by kind, from the catalogue; empty for no known unit.
    :param regions: codes of the streets.
    :param units: codes of all units.
    """
    found = []
    for kind, default in sorted(defaults.items()):
        open_streets = []
        why = ""
        for region in sorted(regions):
            rule = first_rule(rules, kind, region, None)
            lead = rule.lead if rule else default
            if lead == STREET_OFFICE and region in units:
                continue
            if lead not in units:
                open_streets.append(region)
                why = (
                    f"rule {rule.name} names no unit"
                    if rule
                    else "the catalogue names no unit, and no rule does"
                )
        if open_streets and len(open_streets) == len(regions):
            found.append(Hole(kind, None, why))
        else:
            found += [Hole(kind, region, why) for region in open_streets]
    return tuple(found)


def _within(region: str, listed: Collection[str]) -> bool:
    # A community's code begins with its street's nine digits (read_regions refuses another one).
    return region in listed or region[:9] in listed


def _told_apart(rules: Sequence[DispatchRule], regions: Collection[str]) -> set[str | None]:
    """List a region for each way in which the rules may treat one."""
    named: set[str | None] = {None}
    named |= {code for rule in rules for code in rule.regions if code != ANY}
    listed = {code for code in named if code is not None}
    inside: set[str] = set()
    for code in sorted(regions):
        # One community of each street stands for all that no rule names.
        street = code[:9]
        if code not in listed and street not in inside:
            inside.add(street)
            named.add(code)
    return named


def _demands(
    rule: DispatchRule, kinds: Collection[str], regions: Collection[str | None], owners: Collection[str]
) -> Iterator[tuple[str, str | None, str | None]]:
    everyone: tuple[str | None, ...] = (None, _OTHER_OWNER, *sorted(owners))
    for kind, region, owner in product(sorted(kinds), sorted(regions, key=str), everyone):
        if rule.covers(kind, region, owner):
            yield kind, region, owner
