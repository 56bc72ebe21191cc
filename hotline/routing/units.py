"""Whose job it is: what the dispatch rules say, else the unit that the catalogue names.

Both may say "the office of the street where it is". Every proposal tells which rule or which line of the
catalogue led to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hotline.routing.dispatch import COMMUNITY_OFFICE, OWNER, DispatchRule, OwnerWord, first_rule
from hotline.routing.district import STREET_OFFICE, District, KindRow, UnitRow
from hotline.routing.ear import Ear, HeardWord, word_of


@dataclass(frozen=True, slots=True)
class UnitProposal:
    """A unit that may be given the work."""

    unit: UnitRow
    is_lead: bool
    """False for a unit that should help (协办)."""
    reason: str
    """In Chinese, for the agent."""
    rule: str = ""
    """Name of the dispatch rule that decided; empty when the catalogue did."""


class UnitChooser:
    """Knows the units and rules of one district. Immutable; safe to share between threads.

    :param rules: other rules than the district's own, to try them out.
    """

    def __init__(self, district: District, rules: Sequence[DispatchRule] | None = None) -> None:
        self._rules = district.rules if rules is None else tuple(rules)
        self._by_name = {unit.name: unit for unit in district.units}
        self._by_code = {unit.code: unit for unit in district.units}
        self._by_region = {unit.region_code: unit for unit in district.units if unit.region_code}
        self._street_of = {row.code: row.parent or row.code for row in district.regions}

    def propose(
        self, kind: KindRow, region: str | None, owner: str | None = None
    ) -> tuple[UnitProposal, ...]:
        """Name the lead unit first, then those that should help.

        :param region: code of the street or community where it is; None when nobody knows.
        :param owner: code of the unit that owns the component; None when nobody knows.
        :returns: empty when the street's office should lead and the street is unknown.
        """
        rule = first_rule(self._rules, kind.code, region, owner)
        if rule is None:
            return self._by_catalogue(kind, region)
        proposals: dict[str, UnitProposal] = {}
        because = f"派单规则{rule.name}：{rule.reason}" if rule.reason else f"派单规则{rule.name}"
        for word in (rule.lead, *rule.co_handlers):
            unit = self._unit(word, region, owner)
            is_lead = word == rule.lead
            if is_lead and unit is None:
                return ()
            if unit and unit.code not in proposals:
                proposals[unit.code] = UnitProposal(unit, is_lead, because, rule.name)
        return tuple(proposals.values())

    def _unit(self, word: str, region: str | None, owner: str | None) -> UnitRow | None:
        if word == STREET_OFFICE:
            return self.office(region or "")
        if word == COMMUNITY_OFFICE:
            community = self._by_region.get(region or "")
            return community if community is not self.office(region or "") else None
        return self._by_code.get((owner or "") if word == OWNER else word)

    def _by_catalogue(self, kind: KindRow, region: str | None) -> tuple[UnitProposal, ...]:
        office = self.office(region or "")
        proposals: list[UnitProposal] = []
        if kind.default_department == STREET_OFFICE:
            if office:
                proposals.append(UnitProposal(office, is_lead=True, reason=f"“{kind.label}”由属地街道承办"))
        elif department := self._by_name.get(kind.default_department):
            reason = f"服务目录规定“{kind.label}”由{department.name}承办"
            proposals.append(UnitProposal(department, is_lead=True, reason=reason))
            if office:
                proposals.append(UnitProposal(office, is_lead=False, reason="属地街道，可协办"))
        community = self._by_region.get(region or "")
        if community and community is not office:
            proposals.append(UnitProposal(community, is_lead=False, reason="所在社区，可协办"))
        return tuple(proposals)

    def office(self, region: str) -> UnitRow | None:
        """Find the street's office for a street or community; None for a region that is not ours."""
        return self._by_region.get(self._street_of.get(region, ""))


class OwnerWords:
    """Listens for the phrases of config/owners.csv. Immutable; safe to share between threads."""

    def __init__(self, words: Sequence[OwnerWord]) -> None:
        ordered = sorted(words, key=lambda one: (-len(one.phrase), one.phrase))
        self._words = tuple((word_of(one.phrase), one.unit) for one in ordered)

    def hear(self, text: str) -> tuple[str, HeardWord] | None:
        """Tell whose component a text speaks of: unit code and the words; None when it names no owner.

        Words as written count before words that only sound so, long ones before short ones.
        """
        ear = Ear(text) if self._words else None
        sounded: tuple[str, HeardWord] | None = None
        for word, unit in self._words:
            found = ear.hear(word) if ear else None
            if found and not found.by_sound:
                return unit, found
            if found and sounded is None:
                sounded = unit, found
        return sounded
