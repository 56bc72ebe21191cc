"""Whose job it is: the unit that the catalogue names, or the office of the street where it is."""

from __future__ import annotations

from dataclasses import dataclass

from hotline.routing.district import STREET_OFFICE, District, KindRow, UnitRow


@dataclass(frozen=True, slots=True)
class UnitProposal:
    """A unit that may be given the work."""

    unit: UnitRow
    is_lead: bool
    """False for a unit that should help (协办)."""
    reason: str
    """In Chinese, for the agent."""


class UnitChooser:
    """Knows the units of one district. Immutable; safe to share between threads."""

    def __init__(self, district: District) -> None:
        self._by_name = {unit.name: unit for unit in district.units}
        self._by_region = {unit.region_code: unit for unit in district.units if unit.region_code}
        self._street_of = {row.code: row.parent or row.code for row in district.regions}

    def propose(self, kind: KindRow, region: str | None) -> tuple[UnitProposal, ...]:
        """Name the lead unit first, then those that should help.

        :param region: code of the street or community where it is; None when nobody knows.
        :returns: empty when the catalogue names the street's office and the street is unknown.
        """
        office = self._by_region.get(self._street_of.get(region or "", ""))
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
