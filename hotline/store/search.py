"""Search over requests: the newest first, page by page, on both databases alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session

from hotline.desk.views import RequestLine
from hotline.search.asked import Asked, highest, lowest
from hotline.search.facts import phrases_for
from hotline.store.desk_reads import lines_of
from hotline.store.search_index import SqlSearchIndex, match_postgresql, match_sqlite
from hotline.store.tables import RequestRow

NO_LESS: Final = "0" * 12
NO_MORE: Final = "9" * 12

_FIND_SQLITE: Final = text(
    "SELECT rowid FROM request_words WHERE request_words MATCH :what AND rowid >= :low AND rowid <= :high "
    "ORDER BY rowid DESC LIMIT :most"
)
_FIND_POSTGRESQL: Final = text(
    "SELECT number FROM request_words WHERE words @@ CAST(:what AS tsquery) AND number >= :low "
    "AND number <= :high ORDER BY number DESC LIMIT :most"
)


class SqlSearch(SqlSearchIndex):
    """The searching half of the DeskStore port."""

    async def search(self, unit: str | None, asked: Asked, *, limit: int) -> Sequence[RequestLine]:
        """Find requests, newest first.

        :param unit: only what this unit has or had part in; None for all.
        """
        return await self.read(lambda session: _search(session, unit, asked, limit))


def _search(session: Session, unit: str | None, asked: Asked, limit: int) -> Sequence[RequestLine]:
    numbers = find(session, asked, limit) if unit is None else find(session, _within(asked, unit), limit)
    return lines_of(session, unit, numbers)


def _within(asked: Asked, unit: str) -> Asked:
    # One unit's user may name another one that has part in the same request: both must be there.
    return replace(asked, phrases=(*asked.phrases, *phrases_for(Asked(unit=unit))))


def find(session: Session, asked: Asked, limit: int) -> Sequence[str]:
    """Find the numbers of requests, newest first."""
    low, high = _bounds(asked)
    if low > high:
        return []
    phrases = phrases_for(asked)
    if not phrases:
        return session.scalars(_by_number(low, high, limit)).all()
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    found = session.execute(
        _FIND_SQLITE if on_sqlite else _FIND_POSTGRESQL,
        {
            "what": match_sqlite(phrases) if on_sqlite else match_postgresql(phrases),
            "low": int(low),
            "high": int(high),
            "most": limit,
        },
    )
    return [f"{number:012d}" for (number,) in found]


def _by_number(low: str, high: str, limit: int) -> Select[str]:
    return (
        select(RequestRow.number)
        .where(RequestRow.number >= low, RequestRow.number <= high)
        .order_by(RequestRow.number.desc())
        .limit(limit)
    )


def _bounds(asked: Asked) -> tuple[str, str]:
    """Tell the lowest and the highest number that may be found."""
    if asked.number:
        return (asked.number, asked.number) if not asked.before or asked.number < asked.before else ("1", "0")
    low = lowest(asked.first_day) if asked.first_day else NO_LESS
    high = highest(asked.last_day) if asked.last_day else NO_MORE
    if asked.before:
        high = min(high, f"{int(asked.before) - 1:012d}")
    return low, high
