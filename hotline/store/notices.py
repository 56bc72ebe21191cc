"""Letters to units, and how far they got (implements intake's Notices)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.errors import LocalProtocolError
from hotline.events.ids import RequestNumber
from hotline.events.outbox import Job
from hotline.events.record import NOTICE_DELAYED, NOTICE_FAILED, NOTICE_SENT
from hotline.intake.ports import Letter
from hotline.routing.suggestion import KIND, PLACE
from hotline.store.outbox import finish, give_back, is_ours
from hotline.store.tables import (
    CallRow,
    KindRow,
    NoticeRow,
    OrderRow,
    OrganisationRow,
    OutboxRow,
    RegionRow,
    RequestRow,
    SuggestionRow,
    UserRow,
)
from hotline.store.work import Work, Writing
from hotline.tickets.order_moves import OrderState, Part

WANTED: Final = ("queued", "delayed")


class SqlNotices(Work):
    """Notices in SQL; each report is one transaction of notice, event and outbox row."""

    async def letter(self, notice_id: int) -> Letter | None:
        """Read what to write; None when the notice is unknown, was sent already or is no longer wanted."""
        return await self.read(lambda session: _letter(session, notice_id))

    async def notice_sent(self, job: Job, notice_id: int, response: str) -> None:
        """Note that the relay took the letter, with its answer; the job is done."""
        await self.write(lambda writing: _sent(writing, job, notice_id, response))

    async def notice_delayed(self, job: Job, notice_id: int, error: str, wait_s: float) -> None:
        """Note why it could not be sent now; the job is due again after ``wait_s`` seconds."""
        await self.write(lambda writing: _delayed(writing, job, notice_id, error, wait_s))

    async def notice_failed(self, job: Job, notice_id: int, error: str) -> None:
        """Note that it will never be sent, and why; the job is dead."""
        await self.write(lambda writing: _failed(writing, job, notice_id, error))


def _letter(session: Session, notice_id: int) -> Letter | None:
    found = session.execute(
        select(NoticeRow, OrderRow, RequestRow, CallRow, OrganisationRow, UserRow.display_name)
        .join(OrderRow, OrderRow.order_id == NoticeRow.order_id)
        .join(RequestRow, RequestRow.number == OrderRow.number)
        .join(CallRow, CallRow.call_id == RequestRow.call_id)
        .join(OrganisationRow, OrganisationRow.code == OrderRow.unit_code)
        .join(UserRow, UserRow.user_name == OrderRow.routed_by)
        .where(NoticeRow.notice_id == notice_id)
    ).one_or_none()
    if found is None:
        return None
    notice, order, request, call, unit, routed_by = found
    if notice.state not in WANTED or order.state == OrderState.RETURNED:
        return None
    return Letter(
        notice_id=notice.notice_id,
        to_address=notice.address,
        unit_name=unit.name,
        request_number=RequestNumber(request.number),
        priority=request.priority,
        kind_label=_kind_label(session, request),
        region_name=_region_name(session, request),
        place=request.place or _best(session, request.number, PLACE),
        text=request.edited_text or request.text,
        transcript_confidence="high" if request.edited_text else request.confidence,
        caller="" if call.withheld else call.caller,
        called_at=call.offered_at,
        routed_by=routed_by,
        routed_at=order.routed_at,
        note=order.note,
        order_id=order.order_id,
        console_path="/inbox",
        is_co=order.part == Part.CO,
    )


def _kind_label(session: Session, request: RequestRow) -> str:
    kind = session.get(KindRow, request.kind_code) if request.kind_code else None
    return kind.label if kind else _best(session, request.number, KIND)


def _region_name(session: Session, request: RequestRow) -> str:
    region = session.get(RegionRow, request.region_code) if request.region_code else None
    return region.name if region else ""


def _best(session: Session, number: str, field: str) -> str:
    label = session.scalar(
        select(SuggestionRow.label).where(
            SuggestionRow.number == number, SuggestionRow.field == field, SuggestionRow.ordinal == 0
        )
    )
    return label or ""


def _the_notice(writing: Writing, notice_id: int) -> tuple[NoticeRow, OrderRow]:
    notice = writing.session.get(NoticeRow, notice_id)
    order = writing.session.get(OrderRow, notice.order_id) if notice else None
    if notice is None or order is None:
        raise LocalProtocolError(f"notice {notice_id} does not exist")
    return notice, order


def _note(
    writing: Writing, notice: NoticeRow, order: OrderRow, kind: str, payload: dict[str, object]
) -> None:
    notice.at = writing.at
    writing.event(
        kind,
        number=order.number,
        unit_code=order.unit_code,
        payload={
            "notice_id": notice.notice_id,
            "order_id": order.order_id,
            "attempts": notice.attempts,
            **payload,
        },
    )


def _sent(writing: Writing, job: Job, notice_id: int, response: str) -> None:
    notice, order = _the_notice(writing, notice_id)
    finish(writing, job.id)
    if notice.state == "sent":
        return
    # Also when it had been given up meanwhile: what the relay took is on its way, and that is the truth.
    notice.state, notice.attempts, notice.response, notice.last_error = "sent", job.attempts, response, ""
    _note(writing, notice, order, NOTICE_SENT, {"response": response})


def _delayed(writing: Writing, job: Job, notice_id: int, error: str, wait_s: float) -> None:
    notice, order = _the_notice(writing, notice_id)
    if not give_back(writing, job, error, wait_s) or notice.state not in WANTED:
        return
    said_already = notice.state == "delayed" and notice.last_error == error
    notice.state, notice.attempts, notice.last_error = "delayed", job.attempts, error
    if said_already:  # a relay that is away for a day is one fact, not a thousand
        notice.at = writing.at
        return
    _note(writing, notice, order, NOTICE_DELAYED, {"error": error, "wait_s": wait_s})


def _failed(writing: Writing, job: Job, notice_id: int, error: str) -> None:
    notice, order = _the_notice(writing, notice_id)
    row = writing.session.get(OutboxRow, job.id)
    if row is None or not is_ours(row, job) or notice.state not in WANTED:
        return
    finish(writing, job.id, error=error or "failed")
    notice.state, notice.attempts, notice.last_error = "failed", job.attempts, error
    _note(writing, notice, order, NOTICE_FAILED, {"error": error})
