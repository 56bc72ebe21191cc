"""What people decided, for whoever learns from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hotline.events.record import REQUEST_EDITED
from hotline.routing.kind_model import Sample
from hotline.store.tables import EventRow, RequestRow
from hotline.store.work import Work

_CHANGED: Final = "changed"


class SqlDecisions(Work):
    """Reads the kinds that people decided on."""

    async def kinds_decided_after(
        self, position: int, *, limit: int = 100
    ) -> tuple[Sequence[tuple[int, Sample]], int]:
        """Read decisions on a request's kind after a position of the event log, oldest first.

        A decision that was changed later is left out; the later one stands at its own position.

        :returns: position and sample of each, and the position up to which that is all; one before
            ``position`` when the log has been put back to an earlier state.
        """
        return await self.read(lambda session: _decided(session, position, limit))


def _decided(session: Session, after: int, limit: int) -> tuple[list[tuple[int, Sample]], int]:
    newest = session.scalar(select(func.max(EventRow.position))) or 0
    query = (
        select(
            EventRow.position, EventRow.payload, RequestRow.kind_code, RequestRow.text, RequestRow.edited_text
        )
        .join(RequestRow, RequestRow.number == EventRow.request_number)
        .where(EventRow.position > after, EventRow.kind == REQUEST_EDITED)
        .order_by(EventRow.position)
        .limit(limit)
    )
    rows = session.execute(query).all()
    found = []
    for position, payload, kind, text, edited in rows:
        said = text or edited
        is_decision = "kind_code" in payload.get(_CHANGED, ()) and payload.get("kind_code") == kind
        if is_decision and kind and said:
            found.append((position, Sample(said, kind)))
    return found, rows[-1][0] if len(rows) == limit else newest
