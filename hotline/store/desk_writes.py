"""What the desk changes: decisions, dispatching, a unit's answers. Each is one transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.desk.policy import role_of
from hotline.desk.ports import Decision
from hotline.desk.views import Actor, RecordingFile
from hotline.errors import Refused
from hotline.events.outbox import MAIL
from hotline.events.record import (
    NOTICE_FAILED,
    NOTICE_QUEUED,
    ORDER_REPLIED,
    ORDER_RETURNED,
    ORDER_SIGNED,
    RECORDING_PLAYED,
    REQUEST_EDITED,
    REQUEST_ROUTED,
)
from hotline.routing.suggestion import KIND, PLACE, PRIORITY, REGION, UNIT
from hotline.store.desk_reads import has_order
from hotline.store.outbox import finish
from hotline.store.recordings import recording_file
from hotline.store.retention import expired_of
from hotline.store.tables import (
    EventRow,
    KindRow,
    NoticeRow,
    OrderRow,
    OrganisationRow,
    OutboxRow,
    RecordingRow,
    RegionRow,
    RequestRow,
    SuggestionRow,
)
from hotline.store.work import Work, Writing
from hotline.tickets.lifecycle import (
    OPEN_ORDER_STATES,
    OrderMove,
    OrderState,
    Part,
    RequestMove,
    RequestState,
    move_order,
    move_request,
    routing_move,
)
from hotline.tickets.priority import most_urgent

MAIL_CHANNEL: Final = "mail"
NO_ADDRESS: Final = "no address"
NOT_WANTED: Final = "no longer wanted: another unit has the request"
ONE_LISTENING: Final = timedelta(minutes=10)


class SqlDeskWrites(Work):
    """The writing half of the DeskStore port."""

    async def edit_request(self, actor: Actor, number: str, version: int, decision: Decision) -> None:
        """Decide kind, region, place and wording."""
        await self.write(lambda writing: _edit(writing, actor, number, version, decision))

    async def route_request(self, actor: Actor, number: str, version: int, unit_code: str, note: str) -> None:
        """Dispatch to a unit."""
        await self.write(
            lambda writing: _route(writing, actor, number, version, unit_code=unit_code, note=note)
        )

    async def sign_order(self, actor: Actor, order_id: int) -> None:
        """Take a work order over."""
        await self.write(lambda writing: _sign(writing, actor, order_id))

    async def reply_order(self, actor: Actor, order_id: int, text: str) -> None:
        """Report back."""
        await self.write(lambda writing: _reply(writing, actor, order_id, text))

    async def recording_file(
        self, actor: Actor, unit: str | None, recording_id: str, *, is_heard: bool = True
    ) -> RecordingFile | None:
        """Find a recording and note that this person heard it, unless she only looks at it."""
        found, has_expired = await self.read(lambda session: _audible(session, unit, recording_id))
        if found is None or has_expired:
            return None
        if is_heard:
            await self.write(lambda writing: _note_played(writing, actor, recording_id))
        return recording_file(found, self.recordings_dir)


def _audible(session: Session, unit: str | None, recording_id: str) -> tuple[RecordingRow | None, bool]:
    """Find a recording that somebody of this unit may hear, and tell whether its audio was deleted."""
    row = session.scalar(
        select(RecordingRow)
        .join(RequestRow, RequestRow.recording_id == RecordingRow.recording_id)
        .where(RecordingRow.recording_id == recording_id)
        .where(has_order(unit) if unit is not None else RequestRow.number.is_not(None))
    )
    return row, row is not None and recording_id in expired_of(session, {row.call_id})


# -- the request --------------------------------------------------------------------------------------
def _the_request(writing: Writing, number: str, version: int) -> RequestRow:
    request = writing.session.get(RequestRow, number)
    if request is None:
        raise Refused(f"there is no request {number}", code="missing")
    if request.version != version:
        raise Refused(f"request {number} changed meanwhile; look at it again", code="stale")
    return request


def _edit(writing: Writing, actor: Actor, number: str, version: int, decision: Decision) -> None:
    request = _the_request(writing, number, version)
    request.state = move_request(RequestState(request.state), RequestMove.EDIT, role_of(actor))
    kind = writing.session.get(KindRow, decision.kind_code) if decision.kind_code else None
    if decision.kind_code and (kind is None or not kind.active):
        raise Refused(f"the catalogue has no kind {decision.kind_code}", code="input")
    if decision.region_code and writing.session.get(RegionRow, decision.region_code) is None:
        raise Refused(f"there is no region {decision.region_code}", code="input")
    edited_text = "" if decision.text == request.text else decision.text
    wanted = {
        "kind_code": decision.kind_code or None,
        "region_code": decision.region_code or None,
        "place": decision.place,
        "edited_text": edited_text,
    }
    changed = [name for name, value in wanted.items() if getattr(request, name) != value]
    for name, value in wanted.items():
        setattr(request, name, value)
    _decide(writing, actor, number, KIND, decision.kind_code)
    _decide(writing, actor, number, REGION, decision.region_code)
    _decide(writing, actor, number, PLACE, decision.place)
    if not changed:
        return
    if "kind_code" in changed:
        request.priority = most_urgent(kind.priority if kind else "", _suggested_priority(writing, number))
    request.version += 1
    writing.event(
        REQUEST_EDITED,
        call_id=request.call_id,
        number=number,
        unit_code=request.lead_unit,
        actor=actor.user_name,
        payload={
            "changed": changed,
            "kind_code": decision.kind_code,
            "region_code": decision.region_code,
            "priority": request.priority,
        },
    )


def _decide(writing: Writing, actor: Actor, number: str, field: str, value: str) -> None:
    """Note on each suggestion of a field whether a person took it; nothing is decided by an empty value."""
    if not value:
        return
    rows = writing.session.scalars(
        select(SuggestionRow).where(SuggestionRow.number == number, SuggestionRow.field == field)
    )
    for row in rows:
        accepted = value in {row.value, row.label} if field == PLACE else row.value == value
        if row.accepted is not accepted:
            row.accepted, row.decided_by, row.decided_at = accepted, actor.user_name, writing.at


def _suggested_priority(writing: Writing, number: str) -> str:
    best = select(SuggestionRow.value).where(
        SuggestionRow.number == number, SuggestionRow.field == PRIORITY, SuggestionRow.ordinal == 0
    )
    return writing.session.scalar(best) or ""


# -- dispatching --------------------------------------------------------------------------------------
def _route(writing: Writing, actor: Actor, number: str, version: int, *, unit_code: str, note: str) -> None:
    request = _the_request(writing, number, version)
    state = RequestState(request.state)
    unit = writing.session.get(OrganisationRow, unit_code)
    if unit is None or not unit.active:
        raise Refused(f"there is no unit {unit_code or 'without a code'}", code="input")
    request.state = move_request(state, routing_move(state), role_of(actor))
    earlier = _take_back(writing, actor, number, unit)
    order = OrderRow(
        number=number,
        unit_code=unit.code,
        part=Part.LEAD,
        state=OrderState.DISPATCHED,
        note=note,
        reply="",
        routed_at=writing.at,
        routed_by=actor.user_name,
    )
    writing.session.add(order)
    writing.session.flush()
    request.lead_unit = unit.code
    request.version += 1
    _decide(writing, actor, number, UNIT, unit.code)
    writing.event(
        REQUEST_ROUTED,
        call_id=request.call_id,
        number=number,
        unit_code=unit.code,
        actor=actor.user_name,
        payload={"order_id": order.order_id, "unit_name": unit.name, "from_unit": earlier or ""},
    )
    _notify(writing, order, unit)


def _take_back(writing: Writing, actor: Actor, number: str, unit: OrganisationRow) -> str | None:
    """Return the lead order that another unit still has open, with its letter; tells which unit."""
    order = writing.session.scalar(
        select(OrderRow).where(
            OrderRow.number == number, OrderRow.part == Part.LEAD, OrderRow.state.in_(OPEN_ORDER_STATES)
        )
    )
    if order is None:
        return None
    if order.unit_code == unit.code:
        raise Refused(f"{unit.name} has the request already", code="state")
    order.state = move_order(OrderState(order.state), OrderMove.RETURN, role_of(actor))
    writing.session.flush()  # before the next lead order: the index allows one open at a time
    writing.event(
        ORDER_RETURNED,
        number=number,
        unit_code=order.unit_code,
        actor=actor.user_name,
        payload={"order_id": order.order_id, "to_unit": unit.code},
    )
    waiting = select(NoticeRow).where(
        NoticeRow.order_id == order.order_id, NoticeRow.state.in_(("queued", "delayed"))
    )
    for notice in writing.session.scalars(waiting):
        _give_up(writing, notice, order)
    return order.unit_code


def _give_up(writing: Writing, notice: NoticeRow, order: OrderRow) -> None:
    notice.state, notice.last_error, notice.at = "failed", NOT_WANTED, writing.at
    job_id = writing.session.scalar(
        select(OutboxRow.id).where(OutboxRow.topic == MAIL, OutboxRow.key == str(notice.notice_id))
    )
    if job_id is not None:
        finish(writing, job_id, error=NOT_WANTED)
    _tell_notice(writing, notice, order, NOTICE_FAILED)


def _notify(writing: Writing, order: OrderRow, unit: OrganisationRow) -> None:
    """Queue the letter; a unit without an address gets a notice that says so, and no job."""
    notice = NoticeRow(
        order_id=order.order_id,
        channel=MAIL_CHANNEL,
        address=unit.email,
        state="queued" if unit.email else "failed",
        attempts=0,
        last_error="" if unit.email else NO_ADDRESS,
        response="",
        at=writing.at,
    )
    writing.session.add(notice)
    writing.session.flush()
    if unit.email:
        writing.add_job(MAIL, str(notice.notice_id), {"notice_id": notice.notice_id})
    _tell_notice(writing, notice, order, NOTICE_QUEUED if unit.email else NOTICE_FAILED)


def _tell_notice(writing: Writing, notice: NoticeRow, order: OrderRow, kind: str) -> None:
    payload: dict[str, object] = {"notice_id": notice.notice_id, "order_id": order.order_id}
    if notice.last_error:
        payload["error"] = notice.last_error
    writing.event(kind, number=order.number, unit_code=order.unit_code, payload=payload)


# -- a unit's side ------------------------------------------------------------------------------------
def _own_order(writing: Writing, actor: Actor, order_id: int) -> tuple[OrderRow, RequestRow]:
    order = writing.session.get(OrderRow, order_id)
    # Another unit's order is as missing as none at all: its number tells nothing.
    if order is None or order.unit_code != actor.unit_code:
        raise Refused(f"there is no work order {order_id} for you", code="missing")
    return order, writing.session.get_one(RequestRow, order.number)


def _sign(writing: Writing, actor: Actor, order_id: int) -> None:
    order, request = _own_order(writing, actor, order_id)
    order.state = move_order(OrderState(order.state), OrderMove.SIGN, role_of(actor))
    order.signed_at, order.signed_by = writing.at, actor.user_name
    _follow(request, order, actor, RequestMove.SIGN)
    _tell_order(writing, actor, order, ORDER_SIGNED)


def _reply(writing: Writing, actor: Actor, order_id: int, text: str) -> None:
    order, request = _own_order(writing, actor, order_id)
    order.state = move_order(OrderState(order.state), OrderMove.REPLY, role_of(actor))
    order.reply, order.replied_at, order.replied_by = text, writing.at, actor.user_name
    _follow(request, order, actor, RequestMove.REPLY)
    _tell_order(writing, actor, order, ORDER_REPLIED)


def _follow(request: RequestRow, order: OrderRow, actor: Actor, move: RequestMove) -> None:
    """Let the request follow its lead order; co-handlers do not move it."""
    if order.part == Part.LEAD:
        request.state = move_request(RequestState(request.state), move, role_of(actor))
    request.version += 1


def _tell_order(writing: Writing, actor: Actor, order: OrderRow, kind: str) -> None:
    writing.event(
        kind,
        number=order.number,
        unit_code=order.unit_code,
        actor=actor.user_name,
        payload={"order_id": order.order_id},
    )


# -- listening ----------------------------------------------------------------------------------------
def _note_played(writing: Writing, actor: Actor, recording_id: str) -> None:
    """Note that somebody listened; a player asks for many stretches of one recording, which is once."""
    request = writing.session.scalar(select(RequestRow).where(RequestRow.recording_id == recording_id))
    if request is None:
        return
    last = writing.session.scalar(
        select(EventRow.at)
        .where(
            EventRow.request_number == request.number,
            EventRow.kind == RECORDING_PLAYED,
            EventRow.actor == actor.user_name,
        )
        .order_by(EventRow.position.desc())
        .limit(1)
    )
    if last is not None and abs(writing.at - last) < ONE_LISTENING:
        return
    writing.event(
        RECORDING_PLAYED,
        call_id=request.call_id,
        number=request.number,
        actor=actor.user_name,
        payload={"recording_id": recording_id},
    )
