"""Under which keys requests are filed: to find their siblings, and to count who calls about what where.

As with the index of search nobody has to remember it: whatever writes a request or its suggestions through
the writer's session is noticed when the session is flushed, and the keys are written before the commit.
Keys are few and small; a request has about a dozen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import ForeignKey, Index, delete, event, insert, select
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from hotline.routing.hotspots import keys_of
from hotline.routing.similar import Described, traits_of
from hotline.routing.suggestion import KIND, PLACE, REGION
from hotline.store.search_index import IndexRow
from hotline.store.tables import Base, RequestRow, SuggestionRow
from hotline.store.work import Work, Writing

NAME: Final = "request_traits"
FORM: Final = 1
"""How a request is filed; a new form has all of them filed anew at the next start."""
BATCH: Final = 500
COUNTED_FROM: Final = 0.3
"""Score from which a suggested kind or place counts towards a hotspot before a person decided."""
_TOUCHED: Final = "requests to file"
_FIELDS: Final = (KIND, REGION, PLACE)


class TraitRow(Base):
    """A key under which a request is filed, to find its siblings by."""

    __tablename__ = "request_traits"
    trait: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(ForeignKey("service_requests.number"), primary_key=True, index=True)


class HeatRow(Base):
    """A key under which a request counts towards a hotspot."""

    __tablename__ = "request_heat"
    __table_args__ = (Index(None, "opened_at", "key"),)
    key: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(ForeignKey("service_requests.number"), primary_key=True, index=True)
    opened_at: Mapped[datetime]


@event.listens_for(Session, "after_flush")
def _notice(session: Session, _context: object) -> None:
    for rows in (session.new, session.dirty, session.deleted):
        for row in rows:
            if isinstance(row, RequestRow) or (isinstance(row, SuggestionRow) and row.field in _FIELDS):
                session.info.setdefault(_TOUCHED, set()).add(row.number)


class SqlTraits(Work):
    """Files requests."""

    def finish(self, writing: Writing) -> None:
        """File what the transaction changed."""
        super().finish(writing)
        writing.session.flush()
        if numbers := writing.session.info.pop(_TOUCHED, None):
            file_requests(writing.session, sorted(numbers))

    def migrate_blocking(self) -> None:
        """Bring the schema up to date, and file what is not filed as this version does it."""
        super().migrate_blocking()
        if self.read_blocking(_form) != FORM:
            last = ""
            while numbers := self.write_blocking(partial(_file_after, last=last)):
                last = numbers[-1]
            self.write_blocking(_note_filed)


def _form(session: Session) -> int | None:
    row = session.get(IndexRow, NAME)
    return row.form if row else None


def _note_filed(writing: Writing) -> None:
    writing.session.merge(IndexRow(name=NAME, form=FORM))


def _file_after(writing: Writing, last: str) -> Sequence[str]:
    query = select(RequestRow.number).where(RequestRow.number > last).order_by(RequestRow.number).limit(BATCH)
    numbers = writing.session.scalars(query).all()
    file_requests(writing.session, numbers)
    return numbers


def file_requests(session: Session, numbers: Sequence[str]) -> None:
    """Write the keys of some requests anew, where they differ."""
    for start in range(0, len(numbers), BATCH):
        _file_batch(session, numbers[start : start + BATCH])


def _file_batch(session: Session, numbers: Sequence[str]) -> None:
    seen = _seen(session, numbers)
    wanted_traits = {one.described.number: set(traits_of(one.described)) for one in seen}
    wanted_heat = {one.described.number: set(one.heat) for one in seen}
    opened = {one.described.number: one.described.opened_at for one in seen}
    _agree(session, TraitRow, TraitRow.trait, wanted_traits, {})
    _agree(session, HeatRow, HeatRow.key, wanted_heat, opened)


def _agree(
    session: Session,
    table: type[TraitRow] | type[HeatRow],
    column: InstrumentedAttribute[str],
    wanted: Mapping[str, set[str]],
    opened: Mapping[str, datetime],
) -> None:
    have: dict[str, set[str]] = {number: set() for number in wanted}
    for number, key in session.execute(select(table.number, column).where(table.number.in_(list(wanted)))):
        have[number].add(key)
    for number, keys in wanted.items():
        if gone := have[number] - keys:
            session.execute(delete(table).where(table.number == number, column.in_(gone)))
        if added := sorted(keys - have[number]):
            more = {"opened_at": opened[number]} if opened else {}
            session.execute(insert(table), [{column.key: key, "number": number, **more} for key in added])


@dataclass(frozen=True, slots=True)
class _Seen:
    described: Described
    heat: tuple[str, ...]
    """Keys that it counts under: of what a person decided, or what was suggested with some confidence."""


def described(session: Session, numbers: Sequence[str]) -> list[Described]:
    """Describe requests by what people decided, else by what was suggested."""
    return [one.described for one in _seen(session, numbers)]


def _seen(session: Session, numbers: Sequence[str]) -> list[_Seen]:
    best = _suggested(session, numbers)
    found = session.execute(
        select(
            RequestRow.number,
            RequestRow.opened_at,
            RequestRow.edited_text,
            RequestRow.text,
            RequestRow.kind_code,
            RequestRow.region_code,
            RequestRow.place,
        ).where(RequestRow.number.in_(numbers))
    )
    seen = []
    for number, opened_at, edited_text, text, kind, region, place in found:
        kinds, regions, places = (best.get((number, field), ()) for field in (KIND, REGION, PLACE))
        one = Described(
            number=number,
            opened_at=opened_at,
            text=edited_text or text,
            kinds=(kind,) if kind else tuple(value for value, _ in kinds),
            region=region or "".join(value for value, _ in regions[:1]),
            place=place or "".join(value for value, _ in places[:1]),
        )
        heat = keys_of(place or _sure(places), region or _sure(regions), kind or _sure(kinds))
        seen.append(_Seen(one, heat))
    return seen


def _sure(values: Sequence[tuple[str, float]]) -> str:
    return values[0][0] if values and values[0][1] >= COUNTED_FROM else ""


def _suggested(
    session: Session, numbers: Sequence[str]
) -> Mapping[tuple[str, str], Sequence[tuple[str, float]]]:
    found: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    query = (
        select(SuggestionRow.number, SuggestionRow.field, SuggestionRow.value, SuggestionRow.score)
        .where(SuggestionRow.number.in_(numbers), SuggestionRow.field.in_(_FIELDS))
        .order_by(SuggestionRow.number, SuggestionRow.field, SuggestionRow.ordinal)
    )
    for number, field, value, score in session.execute(query):
        found[number, field].append((value, score))
    return found
