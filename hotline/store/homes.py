"""Where a caller seems to live: where her earlier requests were, as people decided it."""

from __future__ import annotations

from collections import Counter
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.store.tables import CallRow, RequestRow
from hotline.store.work import Work

LOOKED_AT: Final = 10
"""Newest requests of the caller that count."""


class SqlHomes(Work):
    """Reads where callers live."""

    def home_region_blocking(self, number: str) -> str | None:
        """Tell the region that most of a caller's earlier requests were in; None when nothing tells.

        Only decided regions count: a place that the machine misheard once must not lead it again. Nothing
        is told of a caller who withholds her number.

        :param number: of the request that is being understood; it does not count itself.
        :raises OutsideError: when the store cannot be read.
        """
        return self.read_blocking(lambda session: _home(session, number))


def _home(session: Session, number: str) -> str | None:
    own = session.execute(
        select(CallRow.caller, CallRow.withheld)
        .join(RequestRow, RequestRow.call_id == CallRow.call_id)
        .where(RequestRow.number == number)
    ).first()
    if own is None or own.withheld or not own.caller:
        return None
    regions = session.scalars(
        select(RequestRow.region_code)
        .join(CallRow, CallRow.call_id == RequestRow.call_id)
        .where(
            CallRow.caller == own.caller,
            CallRow.withheld.is_(False),
            RequestRow.number != number,
            RequestRow.region_code.is_not(None),
        )
        .order_by(RequestRow.number.desc())
        .limit(LOOKED_AT)
    ).all()
    # Of regions that are as frequent, the one that was newest.
    return Counter(regions).most_common(1)[0][0] if regions else None
