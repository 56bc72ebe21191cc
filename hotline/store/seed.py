"""Loads regions, organisations and catalogue from the site's files, as often as one likes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.routing.district import District, Rejected
from hotline.store.tables import Base, KindRow, OrganisationRow, RegionRow
from hotline.store.work import Work, Writing


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What a load changed."""

    added: int
    changed: int
    retired: int
    """Rows that the files do not name any more; they stay for old requests, but are no longer offered."""
    rejected: Sequence[Rejected]
    """Lines that could not be used, with file, line and remedy."""


class SqlSeed(Work):
    """The loading of a district."""

    def seed_blocking(self, district: District, rejected: Sequence[Rejected] = ()) -> SeedReport:
        """Make the tables agree with the district's files; does nothing when they do.

        :param rejected: what reading the files already refused; comes back in the report.
        """
        return self.write_blocking(lambda writing: _seed(writing, district, rejected))

    async def seed(self, district: District, rejected: Sequence[Rejected] = ()) -> SeedReport:
        """Do as seed_blocking does, in the writer thread."""
        return await self.write(lambda writing: _seed(writing, district, rejected))


def _seed(writing: Writing, district: District, rejected: Sequence[Rejected]) -> SeedReport:
    regions = {
        row.code: {"name": row.name, "level": row.level, "parent": row.parent, "in_2009": row.in_2009}
        for row in sorted(district.regions, key=lambda row: row.parent is not None)
    }
    units = {
        row.code: {"name": row.name, "kind": row.kind, "email": row.email, "region_code": row.region_code}
        for row in district.units
    }
    kinds = {
        row.code: {
            "level1": row.level1,
            "level2": row.level2,
            "label": row.label,
            "default_department": row.default_department,
            "priority": row.priority,
            "first_contact_hours": row.first_contact_hours,
            "sla_hours": row.sla_hours,
            "tier": row.tier,
        }
        for row in district.kinds
    }
    counts = [
        _agree(writing.session, table, wanted)
        for table, wanted in ((RegionRow, regions), (OrganisationRow, units), (KindRow, kinds))
    ]
    added, changed, retired = (sum(column) for column in zip(*counts, strict=True))
    return SeedReport(added, changed, retired, tuple(rejected))


def _agree(
    session: Session, table: type[Base], wanted: Mapping[str, Mapping[str, Any]]
) -> tuple[int, int, int]:
    """Make one table hold what is wanted; returns how many rows were added, changed, retired."""
    have: dict[str, Any] = {row.code: row for row in session.scalars(select(table))}  # type: ignore[attr-defined]
    added = changed = retired = 0
    for code, values in wanted.items():
        full = {**values, "active": True}
        row = have.pop(code, None)
        if row is None:
            session.add(table(code=code, **full))
            session.flush()  # parents before their children
            added += 1
        elif any(getattr(row, name) != value for name, value in full.items()):
            for name, value in full.items():
                setattr(row, name, value)
            changed += 1
    for row in have.values():
        if row.active:
            row.active, retired = False, retired + 1
    return added, changed, retired
