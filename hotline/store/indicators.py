"""What indicators are made from, read from the ledger and the tables beside it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.indicators.facts import CallFacts, Facts, NoticeFacts
from hotline.indicators.reading import Regions, read_requests
from hotline.routing.suggestion import KIND, REGION
from hotline.store.chain import as_row
from hotline.store.tables import (
    CallRow,
    LedgerRow,
    LegRow,
    NoticeRow,
    OrderRow,
    OrganisationRow,
    RegionRow,
    RequestRow,
    SuggestionRow,
    UserRow,
)
from hotline.store.work import Work
from hotline.tickets.ledger import STEP, read_step
from hotline.tickets.limits import Clocks
from hotline.tickets.service_request import Step

BATCH: Final = 1000
FROM_OUTSIDE: Final = "in"
RUNG: Final = "out"
"""Direction of a leg to a telephone that we rang."""


class SqlIndicators(Work):
    """Reads facts for ``hotline.indicators``."""

    async def facts(self) -> Facts:
        """Read all facts.

        :raises ConfigError: when the site's limits or calendar cannot be read.
        """
        clocks = self.rules.clocks
        return await self.read(lambda session: _facts(session, clocks))

    async def group_names(self) -> Mapping[str, str]:
        """Give the names of streets, communities, units and people by their codes."""
        return await self.read(_names)


def _facts(session: Session, clocks: Clocks) -> Facts:
    parents = {code: parent for code, parent in session.execute(select(RegionRow.code, RegionRow.parent))}
    requests = read_requests(_steps(session), clocks, Regions(parents))
    beside = {
        number: (_person(caller, withheld=withheld), place)
        for number, caller, withheld, place in session.execute(
            select(RequestRow.number, CallRow.caller, CallRow.withheld, RequestRow.place).join(
                CallRow, CallRow.call_id == RequestRow.call_id
            )
        )
    }
    kept = _kept(session)
    for request in requests:
        request.person, request.place = beside.get(request.number, ("", ""))
        request.is_draft_kept = kept.get(request.number)
    return Facts(requests, list(_calls(session)), list(_notices(session)))


def _steps(session: Session) -> Iterator[Step]:
    query = select(LedgerRow).where(LedgerRow.kind == STEP).order_by(LedgerRow.seq)
    for row in session.scalars(query.execution_options(yield_per=BATCH)):
        yield read_step(as_row(row))


def _person(caller: str, *, withheld: bool) -> str:
    # Figures need to know whether two calls are of one person, and nothing of who it is.
    return "" if withheld or not caller else hashlib.sha256(caller.encode("utf-8")).hexdigest()[:16]


def _kept(session: Session) -> Mapping[str, bool]:
    """Tell of each request whether kind and region were taken as proposed; undecided ones are left out."""
    query = select(SuggestionRow.number, SuggestionRow.accepted).where(
        SuggestionRow.field.in_((KIND, REGION)),
        SuggestionRow.ordinal == 0,
        SuggestionRow.accepted.is_not(None),
    )
    kept: dict[str, bool] = {}
    for number, accepted in session.execute(query):
        kept[number] = bool(accepted) and kept.get(number, True)
    return kept


def _calls(session: Session) -> Iterator[CallFacts]:
    legs: dict[str, list[LegRow]] = defaultdict(list)
    for leg in session.scalars(select(LegRow).where(LegRow.direction == RUNG)):
        legs[leg.call_id].append(leg)
    for call in session.scalars(select(CallRow).where(CallRow.direction == FROM_OUTSIDE)):
        rung = legs.get(call.call_id, [])
        answered = [leg for leg in rung if leg.answered_at is not None]
        first = min(answered, key=lambda leg: leg.answered_at or leg.began_at, default=None)
        yield CallFacts(
            offered_at=call.offered_at,
            queued_at=min((leg.began_at for leg in rung), default=None),
            agent_at=first.answered_at if first else None,
            ended_at=call.ended_at,
            agent=first.peer if first else "",
            # Who was rung for wanted a person; all others the flow has served.
            is_served=call.answered_at is not None and not rung,
        )


def _notices(session: Session) -> Iterator[NoticeFacts]:
    query = select(NoticeRow.at, OrderRow.unit_code, NoticeRow.channel, NoticeRow.state).join(
        OrderRow, OrderRow.order_id == NoticeRow.order_id
    )
    for at, unit, channel, state in session.execute(query):
        yield NoticeFacts(at, unit, channel, state)


def _names(session: Session) -> Mapping[str, str]:
    names: dict[str, str] = {}
    for query in (
        select(UserRow.user_name, UserRow.display_name),
        select(OrganisationRow.code, OrganisationRow.name),
        select(RegionRow.code, RegionRow.name),
    ):
        names.update({code: name for code, name in session.execute(query)})
    return names
