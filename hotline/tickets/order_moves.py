"""The life cycle of a work order (工单) as one table: one unit's part in a request.

The lead's order follows the moves of its request (``FOLLOWED``); co-handlers move their own, each
with clocks of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from hotline.tickets.duties import Duty
from hotline.tickets.moves import Need, Rule, Way
from hotline.tickets.request_moves import RequestMove


class OrderState(StrEnum):
    """Where a work order stands."""

    DISPATCHED = "dispatched"
    SIGNED = "signed"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    EXCUSED = "excused"
    """Not needed after all, or not this unit's: the lead goes on without it."""
    RETURNED = "returned"


class OrderMove(StrEnum):
    """What can happen to a work order."""

    SIGN = "sign"
    AUTO_SIGN = "auto_sign"
    BEGIN = "begin"
    FINISH = "finish"
    EXCUSE = "excuse"
    RETURN = "return"
    REWORK = "rework"


class Part(StrEnum):
    """A unit's part in a request."""

    LEAD = "lead"
    CO = "co"


_O, _W, _D, _N = OrderState, OrderMove, Duty, Need
_OWN: Final = Way(frozenset({_D.UNIT, _D.UNIT_LEADER}), (_N.OWN_ORDER,))
_BY_SYSTEM: Final = Way(frozenset({_D.SYSTEM}))
_BY_COMMAND: Final = Way(frozenset({_D.DISPATCHER, _D.SHIFT_LEADER}), (_N.REASON,))


def _to(target: OrderState, *ways: Way) -> Rule[OrderState]:
    return Rule(target, ways)


OPEN_ORDER_STATES: Final = frozenset({_O.DISPATCHED, _O.SIGNED, _O.IN_PROGRESS})
"""The unit still has to do something."""

ORDER_TABLE: Final[Mapping[tuple[OrderState, OrderMove], Rule[OrderState]]] = {
    (_O.DISPATCHED, _W.SIGN): _to(_O.SIGNED, _OWN),
    (_O.DISPATCHED, _W.AUTO_SIGN): _to(_O.SIGNED, Way(frozenset({_D.SYSTEM}), (_N.DUE,))),
    (_O.SIGNED, _W.BEGIN): _to(_O.IN_PROGRESS, _OWN),
    (_O.IN_PROGRESS, _W.FINISH): _to(_O.DONE, Way(_OWN.duties, (_N.OWN_ORDER, _N.OUTCOME))),
    **{(s, _W.EXCUSE): _to(_O.EXCUSED, _BY_COMMAND) for s in _O if s in OPEN_ORDER_STATES},
    # An order goes back with its request (the lead's) or when its request ends early.
    **{(s, _W.RETURN): _to(_O.RETURNED, _BY_SYSTEM) for s in _O if s in OPEN_ORDER_STATES},
    (_O.DONE, _W.REWORK): _to(_O.IN_PROGRESS, _BY_SYSTEM),
}

FOLLOWED: Final[Mapping[RequestMove, OrderMove]] = {
    RequestMove.SIGN: OrderMove.SIGN,
    RequestMove.AUTO_SIGN: OrderMove.AUTO_SIGN,
    RequestMove.CONTACT: OrderMove.BEGIN,
    RequestMove.REPLY: OrderMove.FINISH,
    RequestMove.GRANT_RETURN: OrderMove.RETURN,
    RequestMove.RULE_OTHER_UNIT: OrderMove.RETURN,
    RequestMove.REJECT_RETURN: OrderMove.AUTO_SIGN,
    RequestMove.RULE_SAME_UNIT: OrderMove.AUTO_SIGN,
    RequestMove.REWORK: OrderMove.REWORK,
    RequestMove.REOPEN: OrderMove.REWORK,
}
"""Which move of the lead's order goes with which move of the request, in the same row of the ledger.

A refused return counts as signing: an order that was not signed yet is then signed by the product.
"""

SIGNED_ANYWAY: Final = frozenset({RequestMove.REJECT_RETURN, RequestMove.RULE_SAME_UNIT})
"""Moves whose order may be past signing already."""
