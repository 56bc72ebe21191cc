"""Requests in their rows: read for the tables of ``hotline.tickets``, and written back step by step.

``RequestRow.life`` holds a request as the tables know it; the columns beside it (state, priority, lead,
deadlines) and the rows of its orders repeat what lists and inboxes are searched by. Both are written
here, in the transaction of the step's ledger row, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from hotline.store.chain import add_step
from hotline.store.order_letters import give_up_letters, send_letter
from hotline.store.tables import OrderRow, OrganisationRow, RequestRow
from hotline.store.telling import tell_step
from hotline.store.work import Writing
from hotline.tickets import timers
from hotline.tickets.conditions import Site
from hotline.tickets.deciding import apply, decide, next_timer, take_over
from hotline.tickets.duties import SYSTEM, Axis
from hotline.tickets.effects import SILENT
from hotline.tickets.limits import TimerKind
from hotline.tickets.order_moves import OrderState, Part
from hotline.tickets.request_moves import RequestMove, RequestState
from hotline.tickets.service_request import Around, ServiceRequest, Step, WorkOrder, as_json, from_json

UNSEEN: Final = frozenset({RequestMove.ESCALATE.value, RequestMove.LOOK_AT_PARENT.value})
"""Steps that change nothing which a person decides on: her open page stays good."""
ENDED: Final = {
    RequestState.CLOSED: RequestMove.FOLLOW_PARENT,
    RequestState.WITHDRAWN: RequestMove.RELEASE,
    RequestState.ANSWERED: RequestMove.RELEASE,
    RequestState.NOT_ACCEPTED: RequestMove.RELEASE,
}
"""What becomes of the requests that were merged into one, when that one ends so."""
GONE: Final = frozenset({OrderState.RETURNED, OrderState.EXCUSED})


@dataclass(frozen=True, slots=True)
class Sending:
    """What goes with new work orders."""

    by: str
    """User name of who dispatches."""
    note: str = ""


def life_of(writing: Writing, row: RequestRow) -> ServiceRequest:
    """Read a request; one of an older version gets its first row of the ledger now."""
    if row.life is not None:
        return from_json(row.life)
    request = _read_old(writing.session, row, writing.rules)
    return take(writing, row, None, take_over(request, writing.at, writing.rules), Sending(""))


def peek(session: Session, row: RequestRow, at: datetime, site: Site) -> ServiceRequest:
    """Read a request without writing: one of an older version as it would be written now."""
    if row.life is not None:
        return from_json(row.life)
    return apply(None, take_over(_read_old(session, row, site), at, site))


def take(
    writing: Writing,
    row: RequestRow,
    before: ServiceRequest | None,
    step: Step,
    sending: Sending,
    *,
    is_told: bool = True,
) -> ServiceRequest:
    """Make a step: its row of the ledger, the request, its orders with their letters, and merged requests.

    :param is_told: False when the caller writes an event of its own about it.
    """
    after = apply(before, step)
    seq = add_step(writing, step).seq
    _write_row(writing, row, after)
    if before is not None and step.move not in UNSEEN:
        row.version += 1
    new, gone = _write_orders(writing, row, after, sending)
    if is_told and before is not None:
        tell_step(writing, row, before, after, step, seq=seq, orders=orders_of(writing.session, row.number))
    for order in gone:
        give_up_letters(writing, order)
    for order in new:
        if order.state == OrderState.DISPATCHED:
            send_letter(writing, order, writing.session.get_one(OrganisationRow, order.unit_code))
    if before is not None and before.state is not after.state and after.state in ENDED:
        _move_children(writing, row, after)
    return after


def around(session: Session, row: RequestRow, site: Site, parent: str = "") -> Around:
    """Read what a move has to know of other requests.

    :param parent: number of the request that this one shall be merged into; empty: the one that it is in.
    """
    other = session.get(RequestRow, parent or row.parent) if parent or row.parent else None
    has_children = session.scalar(select(exists().where(RequestRow.parent == row.number)))
    return Around(
        parent=RequestState(other.state) if other is not None else None,
        parent_lead=(other.lead_unit or "") if other is not None else "",
        has_children=bool(has_children),
        backstop=site.limits.backstop,
    )


def is_complete(row: RequestRow) -> bool:
    """Tell whether a draft can be accepted: kind and words are there.

    The place may be "none", which is what an empty field of a decided form says; the caller is known
    by her call, or anonymous.
    """
    return bool(row.kind_code and (row.edited_text or row.text))


def due_at(request: ServiceRequest, site: Site) -> datetime | None:
    """Tell when the first of what is waited for is late; None when nothing is, or all clocks stand."""
    found = [
        due
        for timer in request.timers
        if timer.kind not in SILENT - {TimerKind.HANDLE}
        and (due := timers.due_at(timer, site.clocks)) is not None
    ]
    return min(found, default=None)


def _write_row(writing: Writing, row: RequestRow, after: ServiceRequest) -> None:
    lead = after.lead
    row.life, row.state, row.priority = as_json(after), after.state, after.priority
    row.level, row.parent = int(after.level), after.parent or None
    row.lead_unit = lead.unit if lead is not None else None
    row.due_at, row.look_at = due_at(after, writing.rules), next_timer(after, writing.rules)


def _write_orders(
    writing: Writing, row: RequestRow, after: ServiceRequest, sending: Sending
) -> tuple[list[OrderRow], list[OrderRow]]:
    """Write the orders; tells the new ones, and those that are over without having been done."""
    if not after.orders:
        return [], []
    rows, gone = list(orders_of(writing.session, row.number)), []
    for order, known in zip(after.orders, rows, strict=False):
        known.due_at = _order_due_at(order, writing.rules)
        if known.state != order.state:
            known.state = order.state
            if order.state in GONE:
                gone.append(known)
    writing.session.flush()  # before a new lead's order: the index allows one open at a time
    new = [_new_order(writing, row, order, sending) for order in after.orders[len(rows) :]]
    writing.session.add_all(new)
    writing.session.flush()
    return new, gone


def _new_order(writing: Writing, row: RequestRow, order: WorkOrder, sending: Sending) -> OrderRow:
    return OrderRow(
        number=row.number,
        unit_code=order.unit,
        part=order.part,
        state=order.state,
        note=sending.note,
        reply="",
        routed_at=writing.at,
        routed_by=sending.by,
        outcome="",
        due_at=_order_due_at(order, writing.rules),
    )


def _order_due_at(order: WorkOrder, site: Site) -> datetime | None:
    handle = next((timer for timer in order.timers if timer.kind is TimerKind.HANDLE), None)
    return timers.due_at(handle, site.clocks) if handle is not None else None


def orders_of(session: Session, number: str) -> Sequence[OrderRow]:
    """Read the orders of a request as ``ServiceRequest.orders`` has them: in the order of their dispatch."""
    query = select(OrderRow).where(OrderRow.number == number).order_by(OrderRow.order_id)
    return session.scalars(query).all()


def _move_children(writing: Writing, row: RequestRow, after: ServiceRequest) -> None:
    """Let the requests that were merged into one follow its end: every caller gets her answer."""
    writing.session.flush()
    lead = next((order for order in reversed(orders_of(writing.session, row.number))), None)
    children = select(RequestRow).where(
        RequestRow.parent == row.number, RequestRow.state == RequestState.MERGED
    )
    for child in writing.session.scalars(children).all():
        request = life_of(writing, child)
        known = around(writing.session, child, writing.rules)
        move = ENDED[after.state]
        if move is RequestMove.FOLLOW_PARENT and not known.parent_lead:
            move = RequestMove.RELEASE  # closed without anybody's work: nothing to ask this caller about
            known = Around(RequestState.ANSWERED, backstop=known.backstop)
        step = decide(request, move, SYSTEM, writing.at, writing.rules, around=known)
        take(writing, child, request, step, Sending(lead.routed_by if lead is not None else ""))


def _read_old(session: Session, row: RequestRow, site: Site) -> ServiceRequest:
    """Read a row of a version that had no ledger: who did what stands in its orders."""
    rows = orders_of(session, row.number)
    acted: dict[tuple[str, Axis], None] = {}
    for order in rows:
        acted[order.routed_by, Axis.COMMAND] = None
        for person in (order.signed_by, order.replied_by):
            if person:
                acted[person, Axis.HANDLING] = None
    return ServiceRequest(
        number=row.number,
        priority=row.priority,
        needs_site_check=site.limits.needs_site_check(row.kind_code or ""),
        state=RequestState(row.state),
        orders=tuple(WorkOrder(order.unit_code, Part(order.part), OrderState(order.state)) for order in rows),
        acted=tuple(acted),
        kind=row.kind_code or "",
        region=row.region_code or "",
    )
