"""The index of search, kept in the transaction that changes what it tells of.

Nobody has to remember it: whatever writes a request, its work orders or its suggestions through the
writer's session is noticed when the session is flushed, and the words of those requests are written
once, before the commit. What is in the index is therefore always what is in the rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import event, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.routing.suggestion import KIND
from hotline.search.bigrams import Phrase
from hotline.search.facts import Filed
from hotline.store.tables import Base, CallRow, OrderRow, RegionRow, RequestRow, SuggestionRow
from hotline.store.work import Work, Writing
from hotline.tickets.order_moves import OrderState

NAME: Final = "request_words"
FORM: Final = 1
"""How text becomes words; a new form has the index built anew at the next start."""
BATCH: Final = 500
"""Requests that are indexed in one transaction when all are."""
MOST_PLACES: Final = 255
"""Places of one word that PostgreSQL keeps (its manual, 12.11, limitations)."""
_TOUCHED: Final = "requests to index"
_WATCHED: Final = (RequestRow, OrderRow, SuggestionRow)


class IndexRow(Base):
    """In which form an index was built; no row: not yet."""

    __tablename__ = "search_indexes"
    name: Mapped[str] = mapped_column(primary_key=True)
    form: Mapped[int]


@event.listens_for(Session, "after_flush")
def _notice(session: Session, _context: object) -> None:
    for rows in (session.new, session.dirty, session.deleted):
        for row in rows:
            if isinstance(row, _WATCHED):
                session.info.setdefault(_TOUCHED, set()).add(row.number)


class SqlSearchIndex(Work):
    """Keeps the index."""

    def finish(self, writing: Writing) -> None:
        """Index what the transaction changed."""
        super().finish(writing)
        writing.session.flush()
        if numbers := writing.session.info.pop(_TOUCHED, None):
            index(writing.session, sorted(numbers))

    def migrate_blocking(self) -> None:
        """Bring schema and index up to date."""
        super().migrate_blocking()
        if self.read_blocking(_form) != FORM:
            self.rebuild_index_blocking()

    async def rebuild_index(self) -> int:
        """Build the index anew, while the product runs; tells how many requests are in it."""
        return await self.in_writer(self.rebuild_index_blocking)

    def rebuild_index_blocking(self) -> int:
        """Build the index anew: in many transactions, so that others get their turn between two."""
        self.write_blocking(_empty)
        count, last = 0, ""
        while True:
            numbers = self.write_blocking(partial(_index_after, last=last))
            if not numbers:
                break
            count, last = count + len(numbers), numbers[-1]
        self.write_blocking(_note_built)
        return count


def _form(session: Session) -> int | None:
    row = session.get(IndexRow, NAME)
    return row.form if row else None


def _empty(writing: Writing) -> None:
    # A contentless table forgets its words only by this; DELETE without WHERE is refused there.
    on_sqlite = writing.session.get_bind().dialect.name == "sqlite"
    writing.session.execute(
        text("INSERT INTO request_words (request_words) VALUES ('delete-all')")
        if on_sqlite
        else text("TRUNCATE request_words")
    )


def _index_after(writing: Writing, last: str) -> Sequence[str]:
    query = select(RequestRow.number).where(RequestRow.number > last).order_by(RequestRow.number).limit(BATCH)
    numbers = writing.session.scalars(query).all()
    index(writing.session, numbers)
    return numbers


def _note_built(writing: Writing) -> None:
    writing.session.merge(IndexRow(name=NAME, form=FORM))
    if writing.session.get_bind().dialect.name == "postgresql":
        writing.session.execute(text("ANALYZE request_words"))


def index(session: Session, numbers: Sequence[str]) -> None:
    """Write the words of some requests anew."""
    if not numbers:
        return
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    write = words_sqlite if on_sqlite else vector
    rows: list[dict[str, Any]] = [
        {"number": int(filed.number), "words": write(filed.words())} for filed in _filed(session, numbers)
    ]
    if rows:
        session.connection().execute(_WRITE_SQLITE if on_sqlite else _WRITE_POSTGRESQL, rows)


_WRITE_SQLITE: Final = text("INSERT OR REPLACE INTO request_words (rowid, words) VALUES (:number, :words)")
_WRITE_POSTGRESQL: Final = text(
    "INSERT INTO request_words (number, words) VALUES (:number, CAST(:words AS tsvector)) "
    "ON CONFLICT (number) DO UPDATE SET words = EXCLUDED.words"
)


def _filed(session: Session, numbers: Sequence[str]) -> Iterator[Filed]:
    units = _units(session, numbers)
    kinds = _suggested_kinds(session, numbers)
    parents = {code: parent for code, parent in session.execute(select(RegionRow.code, RegionRow.parent))}
    found = session.execute(
        select(
            RequestRow.number,
            RequestRow.place,
            RequestRow.edited_text,
            RequestRow.text,
            RequestRow.state,
            RequestRow.kind_code,
            RequestRow.region_code,
            CallRow.caller,
            CallRow.withheld,
        )
        .join(CallRow, CallRow.call_id == RequestRow.call_id)
        .where(RequestRow.number.in_(numbers))
    )
    for number, place, edited_text, heard, state, kind, region, caller, withheld in found:
        yield Filed(
            number=number,
            texts=(place, edited_text, heard),
            state=state,
            kind=kind or kinds.get(number, ""),
            regions=tuple(_upwards(region, parents)),
            units=units.get(number, ()),
            phone="" if withheld else caller,
        )


def _units(session: Session, numbers: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    query = select(OrderRow.number, OrderRow.unit_code).where(
        OrderRow.number.in_(numbers), OrderRow.state != OrderState.RETURNED
    )
    for number, unit in session.execute(query):
        found[number].append(unit)
    return {number: tuple(units) for number, units in found.items()}


def _suggested_kinds(session: Session, numbers: Sequence[str]) -> Mapping[str, str]:
    query = select(SuggestionRow.number, SuggestionRow.value).where(
        SuggestionRow.number.in_(numbers), SuggestionRow.field == KIND, SuggestionRow.ordinal == 0
    )
    return {number: value for number, value in session.execute(query)}


def _upwards(region: str | None, parents: Mapping[str, str | None]) -> Iterator[str]:
    seen: set[str] = set()
    while region and region not in seen:  # a circle in the tree is a fault of its own
        seen.add(region)
        yield region
        region = parents.get(region)


# -- the two databases' own forms ---------------------------------------------------------------------
def words_sqlite(words: Iterable[str]) -> str:
    """Write words for FTS5's tokenizer, which parts them at spaces."""
    return " ".join(words)


def vector(words: Iterable[str]) -> str:
    """Write words with their places as PostgreSQL reads a tsvector."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(words, 1):
        if len(places[word]) < MOST_PLACES:
            places[word].append(place)
    return " ".join(f"{_quoted(word)}:{','.join(map(str, at))}" for word, at in places.items())


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def match_sqlite(phrases: Sequence[Phrase]) -> str:
    """Write what is looked for in FTS5's language."""
    written = ((" ".join(phrase.words).replace('"', '""'), phrase.is_open) for phrase in phrases)
    return " AND ".join(f'"{words}"' + "*" * is_open for words, is_open in written)


def match_postgresql(phrases: Sequence[Phrase]) -> str:
    """Write what is looked for as PostgreSQL reads a tsquery."""
    written = ((" <-> ".join(map(_quoted, phrase.words)), phrase.is_open) for phrase in phrases)
    return " & ".join(f"({words}{':*' * is_open})" for words, is_open in written)
