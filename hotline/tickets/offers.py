"""Which moves somebody may make now, and what she has to say with each: read off the tables.

An offer is made by trying: every way of every arrow is tested with an answer that says all that a
person could say. What is then still refused hangs on the request, the clock or the person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from hotline.errors import Refused
from hotline.tickets.conditions import Site
from hotline.tickets.deciding import decide, decide_order
from hotline.tickets.duties import Actor
from hotline.tickets.moves import Need, Way
from hotline.tickets.order_moves import ORDER_TABLE, OrderMove
from hotline.tickets.request_moves import REQUEST_TABLE, RequestMove, RequestState
from hotline.tickets.service_request import Around, Given, ServiceRequest

ASKED: Final = frozenset(
    {
        Need.REASON, Need.SOURCE, Need.PARENT, Need.UNIT, Need.RULED, Need.EXTENSION_OPEN, Need.REVIEW_DAY,
        Need.OUTCOME, Need.SOLVED, Need.UNSOLVED, Need.PASSCODE,
    }
)  # fmt: skip
"""Conditions that a person meets by what she says."""
_ANY: Final = "?"
"""Stands for whatever a person will name."""
_LEAST: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Offer:
    """A move that is open to somebody."""

    move: str
    duty: str
    """As what she makes it."""
    asks: frozenset[Need]
    """What she has to say with it."""


def offered(
    request: ServiceRequest,
    actors: Iterable[Actor],
    at: datetime,
    site: Site,
    *,
    around: Around,
    is_complete: bool,
) -> tuple[Offer, ...]:
    """Tell the moves of a request that one person may make under any of her duties.

    :param actors: the same person, once under each duty; an earlier one is preferred.
    :param is_complete: the draft has all that accepting needs.
    """
    # Whichever request will be named as the other one: whether it can be is asked when it is.
    around = replace(around, parent=around.parent or RequestState.IN_PROGRESS)
    found: dict[str, Offer] = {}
    for actor in actors:
        for (state, move), rule in REQUEST_TABLE.items():
            if state is not request.state or move in found:
                continue
            for way in rule.ways:
                if actor.duty not in way.duties:
                    continue
                given = _hopeful(way, request, at, is_complete=is_complete)
                if _goes(request, move, actor, at, site, given, around):
                    found[move] = Offer(move.value, actor.duty.value, ASKED & set(way.needs))
                    break
    return tuple(found.values())


def offered_order(
    request: ServiceRequest, unit: str, actors: Iterable[Actor], at: datetime, site: Site
) -> tuple[Offer, ...]:
    """Tell the moves of a co-handler's order that one person may make."""
    order = request.open_order(unit)
    found: dict[str, Offer] = {}
    if order is None:
        return ()
    for actor in actors:
        for (state, move), rule in ORDER_TABLE.items():
            ways = [way for way in rule.ways if actor.duty in way.duties]
            if state is not order.state or move in found or not ways:
                continue
            given = _hopeful(ways[0], request, at, is_complete=False)
            try:
                decide_order(request, unit, OrderMove(move), actor, at, site, given=given)
            except Refused:
                continue
            found[move] = Offer(move.value, actor.duty.value, ASKED & set(ways[0].needs))
    return tuple(found.values())


def _hopeful(way: Way, request: ServiceRequest, at: datetime, *, is_complete: bool) -> Given:
    since = at if request.last_at is None else max(at, request.last_at)
    return Given(
        reason=_ANY,
        unit=request.ruled_unit or _ANY,
        outcome=_ANY,
        text=_ANY,
        source=_ANY,
        parent=_ANY,
        is_complete=is_complete,
        review_at=since + _LEAST,
        extension=_LEAST,
        solved=Need.UNSOLVED not in way.needs,
    )


def _goes(
    request: ServiceRequest,
    move: RequestMove,
    actor: Actor,
    at: datetime,
    site: Site,
    given: Given,
    around: Around,
) -> bool:
    try:
        decide(request, move, actor, at, site, given=given, around=around)
    except Refused:
        return False
    return True
