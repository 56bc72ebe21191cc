"""Similar requests and hotspots out of the tables (implements ``hotline.desk.neighbours``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON, Index, and_, case, distinct, func, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.desk.neighbours import Hotspot, SimilarRequest
from hotline.events.record import HOTSPOT_COOLED, HOTSPOT_GREW, HOTSPOT_RAISED
from hotline.routing.crowds import LOOK_BACK, RECENT, Crowd, Filed, crowds
from hotline.routing.hotspots import PAST_DAYS, WINDOWS, Change, Level, change_of, heat_of, read_key
from hotline.routing.similar import NEAR_DAYS, most_similar, traits_of
from hotline.store.desk_reads import has_order, lines_of
from hotline.store.tables import Base, CallRow, KindRow, RegionRow, RequestRow
from hotline.store.traits import HeatRow, SqlTraits, TraitRow, described
from hotline.store.work import Writing

MOST_OF_A_TRAIT: Final = 60
"""Newest requests under one key that are compared; a dozen keys make some hundred."""
MOST_NUMBERS: Final = 50
"""Requests that a hotspot names; more are counted all the same."""
EVENTS: Final = {
    Change.RAISED: HOTSPOT_RAISED,
    Change.GREW: HOTSPOT_GREW,
    Change.COOLED: HOTSPOT_COOLED,
}


class HotspotRow(Base):
    """A hotspot that was told, and how it went on."""

    __tablename__ = "hotspots"
    __table_args__ = (
        Index(
            "uq_hotspots_open_key",
            "key",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    hotspot_id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    callers: Mapped[int]
    told: Mapped[int]
    """Callers of which people were told last."""
    hours: Mapped[float]
    expected: Mapped[float]
    numbers: Mapped[list[str]] = mapped_column(JSON)
    raised_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SqlNeighbours(SqlTraits):
    """Finds siblings, and watches for hotspots."""

    async def similar_requests(self, unit: str | None, number: str) -> Sequence[SimilarRequest]:
        """Find the requests most like one; ``unit``: only what this unit has part in, None for all."""
        return await self.read(lambda session: _similar(session, unit, number))

    async def hotspots(self, *, limit: int) -> Sequence[Hotspot]:
        """List the hotspots of now, the newest first."""
        return await self.read(lambda session: _hotspots(session, limit))

    async def look_for_hotspots(self) -> int:
        """Count once and write down what is new; tells how many hotspots were raised, grew or cooled."""
        at = self._at()
        found = await self.read(lambda session: crowds(_filed(session, at), at))
        is_quiet = await self.read(lambda session: not found and not _open(session))
        return 0 if is_quiet else await self.write(lambda writing: _tell(writing, found))


# -- siblings -----------------------------------------------------------------------------------------
def _similar(session: Session, unit: str | None, number: str) -> list[SimilarRequest]:
    own = described(session, [number])
    if not own:
        return []
    candidates = _candidates(session, unit, number, own[0].opened_at, traits_of(own[0]))
    found = most_similar(own[0], described(session, sorted(candidates)))
    lines = {line.number: line for line in lines_of(session, unit, [one.number for one in found])}
    return [SimilarRequest(lines[one.number], one.score, one.reason) for one in found if one.number in lines]


def _candidates(
    session: Session, unit: str | None, number: str, opened_at: datetime, traits: Sequence[str]
) -> set[str]:
    # A number begins with its day, so a key and a range of numbers are one walk along the primary key.
    first = (opened_at - timedelta(days=NEAR_DAYS)).strftime("%y%m%d")
    last = (opened_at + timedelta(days=NEAR_DAYS)).strftime("%y%m%d") + ":"
    found: set[str] = set()
    for trait in traits:
        query = select(TraitRow.number).where(
            TraitRow.trait == trait,
            TraitRow.number > first,
            TraitRow.number < last,
            TraitRow.number != number,
        )
        if unit is not None:
            query = query.join(RequestRow, RequestRow.number == TraitRow.number).where(has_order(unit))
        found.update(session.scalars(query.order_by(TraitRow.number.desc()).limit(MOST_OF_A_TRAIT)))
    return found


# -- hotspots -----------------------------------------------------------------------------------------
# Who withholds her number may be anybody: each of her calls counts as another caller's.
_CALLER: Final = case((or_(CallRow.withheld, CallRow.caller == ""), CallRow.call_id), else_=CallRow.caller)


def _filed(session: Session, at: datetime) -> dict[str, list[Filed]]:
    """Read what was filed under the keys that are hot; few are, so the database counts first."""
    filed: dict[str, list[Filed]] = {}
    for key in _hot_keys(session, at):
        rows = session.execute(
            select(HeatRow.number, HeatRow.opened_at, _CALLER)
            .join(RequestRow, RequestRow.number == HeatRow.number)
            .join(CallRow, CallRow.call_id == RequestRow.call_id)
            .where(HeatRow.key == key, HeatRow.opened_at > at - LOOK_BACK, HeatRow.opened_at <= at)
        )
        filed[key] = [Filed(number, opened_at, caller) for number, opened_at, caller in rows]
    return filed


def _hot_keys(session: Session, at: datetime) -> list[str]:
    """Count callers by key in every window and in the weeks before it, and judge the counts."""
    begins = [at - timedelta(hours=window.hours) for window in WINDOWS]
    past = timedelta(days=PAST_DAYS)
    since = HeatRow.opened_at
    recent = [func.count(distinct(case((since > begin, _CALLER)))) for begin in begins]
    before = [
        func.count(distinct(case((and_(since > begin - past, since <= begin), _CALLER)))) for begin in begins
    ]
    # Only keys with enough requests of late are looked at further back.
    may_be_hot = (
        select(HeatRow.key)
        .where(since > at - RECENT, since <= at)
        .group_by(HeatRow.key)
        .having(
            or_(
                *(
                    func.sum(case((since > begin, 1), else_=0)) >= window.fewest
                    for begin, window in zip(begins, WINDOWS, strict=True)
                )
            )
        )
    )
    rows = session.execute(
        select(HeatRow.key, *recent, *before)
        .join(RequestRow, RequestRow.number == HeatRow.number)
        .join(CallRow, CallRow.call_id == RequestRow.call_id)
        .where(HeatRow.key.in_(may_be_hot), since > at - LOOK_BACK, since <= at)
        .group_by(HeatRow.key)
    )
    hot = []
    for key, *counts in rows:
        callers = [int(count) for count in counts]
        if heat_of(tuple(callers[: len(WINDOWS)]), tuple(callers[len(WINDOWS) :])) is not None:
            hot.append(str(key))
    return hot


def _open(session: Session) -> list[HotspotRow]:
    return list(session.scalars(select(HotspotRow).where(HotspotRow.ended_at.is_(None))))


def _tell(writing: Writing, found: Sequence[Crowd]) -> int:
    known = {row.key: row for row in _open(writing.session)}
    changes = 0
    for crowd in found:
        row = known.pop(crowd.key, None)
        change = change_of(row.told if row else None, crowd.heat)
        if row is None:
            row = HotspotRow(key=crowd.key, raised_at=writing.at, told=crowd.heat.callers)
            writing.session.add(row)
        row.callers, row.hours, row.expected = crowd.heat.callers, crowd.heat.hours, crowd.heat.expected
        row.numbers, row.seen_at = list(crowd.numbers[-MOST_NUMBERS:]), writing.at
        if change is not None:
            row.told = crowd.heat.callers
            changes += 1
            _event(writing, row, change)
    for row in known.values():
        row.ended_at = writing.at
        changes += 1
        _event(writing, row, Change.COOLED)
    return changes


def _event(writing: Writing, row: HotspotRow, change: Change) -> None:
    where, kind, label = _named(writing.session, row.key)
    payload: dict[str, Any] = {
        "where": where,
        "kind": kind,
        "label": label,
        "callers": row.callers,
        "hours": row.hours,
        "expected": round(row.expected, 2),
        "numbers": row.numbers,
    }
    writing.event(EVENTS[change], payload=payload)


def _hotspots(session: Session, limit: int) -> list[Hotspot]:
    query = (
        select(HotspotRow)
        .where(HotspotRow.ended_at.is_(None))
        .order_by(HotspotRow.hotspot_id.desc())
        .limit(limit)
    )
    shown = []
    for row in session.scalars(query):
        where, kind, label = _named(session, row.key)
        shown.append(
            Hotspot(
                where, kind, label, row.callers, row.hours, row.expected, tuple(row.numbers), row.raised_at
            )
        )
    return shown


def _named(session: Session, key: str) -> tuple[str, str, str]:
    """Name the place and the kind of a key."""
    level, where, kind = read_key(key) or (Level.PLACE, key, "")
    if level is not Level.PLACE:
        region = session.get(RegionRow, where)
        where = region.name if region else where
    row = session.get(KindRow, kind)
    return where, kind, row.label if row else kind
