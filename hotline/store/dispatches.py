"""Past requests with the units they went to, for judging rules and suggestions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from hotline.routing.dry_run import Past
from hotline.routing.suggestion import UNIT
from hotline.store.tables import RequestRow, SuggestionRow
from hotline.store.work import Work


class SqlDispatches(Work):
    """Reads what people dispatched."""

    async def past_dispatches(self, *, limit: int) -> Sequence[Past]:
        """List requests whose kind and lead people decided, the newest first."""
        return await self.read(lambda session: _past(session, limit))


def _past(session: Session, limit: int) -> list[Past]:
    query = (
        select(
            RequestRow.number,
            RequestRow.kind_code,
            RequestRow.region_code,
            RequestRow.text,
            RequestRow.lead_unit,
            SuggestionRow.value,
            SuggestionRow.score,
        )
        .outerjoin(
            SuggestionRow,
            and_(
                SuggestionRow.number == RequestRow.number,
                SuggestionRow.field == UNIT,
                SuggestionRow.ordinal == 0,
            ),
        )
        .where(RequestRow.kind_code.is_not(None), RequestRow.lead_unit.is_not(None))
        .order_by(RequestRow.number.desc())
        .limit(limit)
    )
    return [
        Past(number, kind or "", region or "", text, lead or "", suggested or "", score or 0.0)
        for number, kind, region, text, lead, suggested, score in session.execute(query)
    ]
