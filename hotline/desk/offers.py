"""What a person may do with a request now, and how long is left: the tables' answer, for a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from hotline.desk.policy import Action, duties_of, may
from hotline.desk.views import Actor, ClockView, MoveOffer, OrderView, RequestPage
from hotline.tickets import timers
from hotline.tickets.conditions import Site
from hotline.tickets.limits import TimerKind
from hotline.tickets.moves import Need
from hotline.tickets.offers import Offer, offered, offered_order
from hotline.tickets.order_moves import OrderMove, Part
from hotline.tickets.request_moves import RequestMove, RequestState
from hotline.tickets.service_request import ServiceRequest

ASKS: Final[Mapping[Need, str]] = {
    Need.REASON: "reason",
    Need.UNIT: "unit",
    Need.RULED: "any_unit",
    Need.SOURCE: "source",
    Need.PARENT: "parent",
    Need.EXTENSION_OPEN: "extension",
    Need.REVIEW_DAY: "review_day",
    Need.OUTCOME: "outcome",
}
"""What a form has to ask for each condition that a person meets by what she says."""
BY_ORDER: Final[Mapping[RequestMove, OrderMove]] = {
    RequestMove.SIGN: OrderMove.SIGN,
    RequestMove.CONTACT: OrderMove.BEGIN,
    RequestMove.REPLY: OrderMove.FINISH,
}
"""Moves of a request that stand with its lead's order."""
WITH_A_FORM: Final = frozenset({RequestMove.EDIT, RequestMove.DISPATCH})
MAY: Final = {OrderMove.SIGN: "sign", OrderMove.BEGIN: "contact", OrderMove.FINISH: "reply"}
HIDDEN: Final = frozenset({TimerKind.REOPEN, TimerKind.RETURN, TimerKind.PARENT})
"""Windows, and what only the product waits for."""


def with_offers(actor: Actor, page: RequestPage, at: datetime, site: Site) -> RequestPage:
    """Fill in what this person may do now, and the clocks; takes the request itself off the page."""
    life = page.life
    if life is None:
        return page
    actors = duties_of(actor)
    found = offered(life, actors, at, site, around=page.around, is_complete=page.is_complete)
    moves = {offer.move: offer for offer in found}
    orders = [
        replace(order, moves=_order_moves(actor, order, life, moves, at, site)) for order in page.orders
    ]
    allowed = {MAY[OrderMove(m.move)] for order in orders for m in order.moves if m.move in set(MAY)}
    if RequestMove.EDIT in moves and may(actor, Action.EDIT):
        allowed.add(Action.EDIT)
    if may(actor, Action.ROUTE) and _may_route(life, moves, actor, at, site, page):
        allowed.add(Action.ROUTE)
    if page.recordings and may(actor, Action.PLAY):
        allowed.add(Action.PLAY)
    shown = [_view(o) for o in found if o.move not in WITH_A_FORM and o.move not in set(BY_ORDER)]
    return replace(
        page,
        orders=orders,
        may=frozenset(map(str, allowed)),
        moves=shown,
        clocks=clocks(life.timers, at, site),
        life=None,
    )


def clocks(running: Iterable[timers.Timer], at: datetime, site: Site) -> Sequence[ClockView]:
    """Tell how long is left of each thing that is waited for, the most pressing first."""
    found = []
    for timer in running:
        if timer.kind in HIDDEN:
            continue
        spent = timers.spent(timer, at, site.clocks)
        found.append(
            ClockView(
                kind=timer.kind.value,
                clock=timer.limit.clock.value,
                due_at=timers.due_at(timer, site.clocks),
                left_s=int((timer.allowed - spent).total_seconds()),
                share_pct=int(timers.share_pct(timer, at, site.clocks)),
                pause_reason=timer.pause_reason,
            )
        )
    return sorted(found, key=lambda clock: (clock.due_at is None, -clock.share_pct))


def _may_route(
    life: ServiceRequest,
    moves: Mapping[str, Offer],
    actor: Actor,
    at: datetime,
    site: Site,
    page: RequestPage,
) -> bool:
    """Tell whether she may dispatch it; a draft is accepted on the way, once the form is filled in."""
    if life.state is not RequestState.DRAFT:
        return RequestMove.DISPATCH in moves
    found = offered(life, duties_of(actor), at, site, around=page.around, is_complete=True)
    return any(offer.move == RequestMove.ACCEPT for offer in found)


def _order_moves(
    actor: Actor,
    order: OrderView,
    life: ServiceRequest,
    moves: Mapping[str, Offer],
    at: datetime,
    site: Site,
) -> Sequence[MoveOffer]:
    if actor.unit_code and order.unit_code != actor.unit_code:
        return ()
    if order.part == Part.CO:
        return [_view(offer) for offer in offered_order(life, order.unit_code, duties_of(actor), at, site)]
    lead = life.lead
    if lead is None or lead.unit != order.unit_code or order.state != lead.state:
        return ()
    return [replace(_view(moves[move]), move=work.value) for move, work in BY_ORDER.items() if move in moves]


def _view(offer: Offer) -> MoveOffer:
    return MoveOffer(offer.move, frozenset(ASKS[need] for need in offer.asks if need in ASKS))
