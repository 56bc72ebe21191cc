"""Life cycles of a service request (诉求) and of its work orders (工单), as two tables.

A request is one demand of one caller. A work order is one unit's part in it: one unit has the
lead, others may help. What is not in a table cannot happen: a wrong state or role raises Refused,
for a person asked; the tables also say which states a request can reach at all.

::

    draft ─open─► accepted ─route─► dispatched ─sign─► signed ─reply─► replied ─close─► closed
                     ▲ edit, transcribe   ▲  │             │              │
                     └──┘                 └──┴── reroute ──┴──────────────┘
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hotline.errors import Refused
from hotline.tickets.roles import Role


class RequestState(StrEnum):
    """Where a service request stands."""

    DRAFT = "draft"
    """Before its number is committed; no row of the store is in it."""
    ACCEPTED = "accepted"
    """已受理: it has a number, and the caller may know it."""
    DISPATCHED = "dispatched"
    """已派单: a unit has the lead and was told."""
    SIGNED = "signed"
    """已签收: the lead unit took it over."""
    REPLIED = "replied"
    """已反馈: the lead unit says what it did."""
    CLOSED = "closed"
    """已结案."""


class RequestMove(StrEnum):
    """What can happen to a service request."""

    OPEN = "open"
    TRANSCRIBE = "transcribe"
    EDIT = "edit"
    ROUTE = "route"
    REROUTE = "reroute"
    SIGN = "sign"
    REPLY = "reply"
    CLOSE = "close"


class OrderState(StrEnum):
    """Where a work order stands."""

    DISPATCHED = "dispatched"
    SIGNED = "signed"
    DONE = "done"
    RETURNED = "returned"
    """Taken away again: another unit has it now."""


class OrderMove(StrEnum):
    """What can happen to a work order."""

    SIGN = "sign"
    REPLY = "reply"
    RETURN = "return"


class Part(StrEnum):
    """A unit's part in a request."""

    LEAD = "lead"
    CO = "co"


@dataclass(frozen=True, slots=True)
class Rule:
    """One arrow: where it leads and who may walk it."""

    target: str
    roles: frozenset[Role]


def _rule(target: str, *roles: Role) -> Rule:
    return Rule(target, frozenset(roles))


_R, _M, _S = RequestState, RequestMove, Role
REQUEST_TRANSITIONS: Final[Mapping[tuple[RequestState, RequestMove], Rule]] = {
    (_R.DRAFT, _M.OPEN): _rule(_R.ACCEPTED, _S.SYSTEM),
    # A text may come late (the recogniser was down) and never moves the request.
    (_R.ACCEPTED, _M.TRANSCRIBE): _rule(_R.ACCEPTED, _S.SYSTEM),
    (_R.DISPATCHED, _M.TRANSCRIBE): _rule(_R.DISPATCHED, _S.SYSTEM),
    (_R.SIGNED, _M.TRANSCRIBE): _rule(_R.SIGNED, _S.SYSTEM),
    (_R.REPLIED, _M.TRANSCRIBE): _rule(_R.REPLIED, _S.SYSTEM),
    (_R.CLOSED, _M.TRANSCRIBE): _rule(_R.CLOSED, _S.SYSTEM),
    # Until a unit has signed, the agent's own words may still be put right.
    (_R.ACCEPTED, _M.EDIT): _rule(_R.ACCEPTED, _S.AGENT),
    (_R.DISPATCHED, _M.EDIT): _rule(_R.DISPATCHED, _S.AGENT),
    (_R.ACCEPTED, _M.ROUTE): _rule(_R.DISPATCHED, _S.AGENT),
    (_R.DISPATCHED, _M.REROUTE): _rule(_R.DISPATCHED, _S.AGENT),
    (_R.SIGNED, _M.REROUTE): _rule(_R.DISPATCHED, _S.AGENT),
    (_R.REPLIED, _M.REROUTE): _rule(_R.DISPATCHED, _S.AGENT),
    (_R.DISPATCHED, _M.SIGN): _rule(_R.SIGNED, _S.UNIT),
    (_R.SIGNED, _M.REPLY): _rule(_R.REPLIED, _S.UNIT),
    # Closing is supervision: neither the agent who dispatched nor the unit that acted may do it.
    (_R.REPLIED, _M.CLOSE): _rule(_R.CLOSED, _S.SUPERVISOR),
}

_O, _W = OrderState, OrderMove
ORDER_TRANSITIONS: Final[Mapping[tuple[OrderState, OrderMove], Rule]] = {
    (_O.DISPATCHED, _W.SIGN): _rule(_O.SIGNED, _S.UNIT),
    (_O.SIGNED, _W.REPLY): _rule(_O.DONE, _S.UNIT),
    (_O.DISPATCHED, _W.RETURN): _rule(_O.RETURNED, _S.AGENT),
    (_O.SIGNED, _W.RETURN): _rule(_O.RETURNED, _S.AGENT),
}

OPEN_ORDER_STATES: Final = frozenset({OrderState.DISPATCHED, OrderState.SIGNED})
"""A unit still has to do something."""


def move_request(state: RequestState, move: RequestMove, role: Role) -> RequestState:
    """Walk one arrow of a request.

    :raises Refused: ``state`` when the table has no such arrow, ``role`` when it is not this role's to walk.
    """
    rule = REQUEST_TRANSITIONS.get((state, move))
    if rule is None:
        raise Refused(f"a request that is {state} cannot be moved by {move}", code="state")
    if role not in rule.roles:
        raise Refused(f"{role} may not {move} a request", code="role")
    return RequestState(rule.target)


def move_order(state: OrderState, move: OrderMove, role: Role) -> OrderState:
    """Walk one arrow of a work order.

    :raises Refused: as move_request.
    """
    rule = ORDER_TRANSITIONS.get((state, move))
    if rule is None:
        raise Refused(f"a work order that is {state} cannot be moved by {move}", code="state")
    if role not in rule.roles:
        raise Refused(f"{role} may not {move} a work order", code="role")
    return OrderState(rule.target)


def can_move_request(state: RequestState, move: RequestMove, role: Role) -> bool:
    """Tell whether move_request would succeed."""
    rule = REQUEST_TRANSITIONS.get((state, move))
    return rule is not None and role in rule.roles


def can_move_order(state: OrderState, move: OrderMove, role: Role) -> bool:
    """Tell whether move_order would succeed."""
    rule = ORDER_TRANSITIONS.get((state, move))
    return rule is not None and role in rule.roles


def routing_move(state: RequestState) -> RequestMove:
    """Tell which move dispatching is in a state: the first time, or away from a unit that has it."""
    return RequestMove.ROUTE if state is RequestState.ACCEPTED else RequestMove.REROUTE
