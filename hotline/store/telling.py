"""Tells a step of a request to whoever listens: one event for each, with the place of its ledger row.

What people said with a step stays in the ledger; events travel to every browser and every log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hotline.events.record import (
    ORDER_MOVED,
    ORDER_REPLIED,
    ORDER_RETURNED,
    ORDER_SIGNED,
    REQUEST_ESCALATED,
    REQUEST_MOVED,
    REQUEST_ROUTED,
)
from hotline.store.tables import OrderRow, OrganisationRow, RequestRow
from hotline.store.work import Writing
from hotline.tickets.order_moves import OrderMove, Part
from hotline.tickets.request_moves import RequestMove
from hotline.tickets.service_request import ServiceRequest, Step

KINDS: Final[Mapping[str, str]] = {
    RequestMove.DISPATCH: REQUEST_ROUTED,
    RequestMove.SIGN: ORDER_SIGNED,
    RequestMove.AUTO_SIGN: ORDER_SIGNED,
    RequestMove.REPLY: ORDER_REPLIED,
    RequestMove.GRANT_RETURN: ORDER_RETURNED,
    RequestMove.RULE_OTHER_UNIT: ORDER_RETURNED,
    RequestMove.ESCALATE: REQUEST_ESCALATED,
}
"""Moves of a request that have an event of their own; the others are ``request.moved``."""
ORDER_KINDS: Final[Mapping[str, str]] = {
    OrderMove.SIGN: ORDER_SIGNED,
    OrderMove.AUTO_SIGN: ORDER_SIGNED,
    OrderMove.FINISH: ORDER_REPLIED,
}
"""Moves of a co-handler's order that have one; the others are ``order.moved``."""


def tell_step(
    writing: Writing,
    row: RequestRow,
    before: ServiceRequest,
    after: ServiceRequest,
    step: Step,
    *,
    seq: int,
    orders: Sequence[OrderRow],
) -> None:
    """Append the event of a step.

    :param seq: place of its row in the ledger.
    :param orders: of the request, in the order of their dispatch.
    """
    payload: dict[str, object] = {"move": step.move, "row": seq}
    if step.unit:
        kind = ORDER_KINDS.get(step.move, ORDER_MOVED)
        order = next((o for o in reversed(orders) if o.unit_code == step.unit and o.part == Part.CO), None)
    else:
        kind = KINDS.get(step.move, REQUEST_MOVED)
        order = next((o for o in reversed(orders) if o.part == Part.LEAD), None)
    lead = after.lead or before.lead
    unit = step.unit or (lead.unit if lead is not None else None)
    if kind == REQUEST_MOVED:
        payload |= {"from": before.state.value, "to": after.state.value}
    elif kind == REQUEST_ESCALATED:
        told = sorted(set(after.told) - set(before.told))
        payload |= {"level": int(after.level), "from_level": int(before.level), "late": told}
    elif order is not None:
        payload["order_id"] = order.order_id
    if kind == REQUEST_ROUTED and unit is not None:
        payload["unit_name"] = _name(writing, unit)
    writing.event(
        kind, call_id=row.call_id, number=row.number, unit_code=unit, actor=step.person, payload=payload
    )
    for other in orders if kind == REQUEST_ROUTED else ():
        if other.part == Part.CO and other.state == "dispatched" and other.unit_code != unit:
            writing.event(
                kind,
                call_id=row.call_id,
                number=row.number,
                unit_code=other.unit_code,
                actor=step.person,
                payload=payload | {"order_id": other.order_id, "unit_name": _name(writing, other.unit_code)},
            )


def _name(writing: Writing, unit: str) -> str:
    return writing.session.get_one(OrganisationRow, unit).name
