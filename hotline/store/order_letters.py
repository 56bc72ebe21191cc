"""The letter that goes with a work order, and what becomes of it when the order is taken back."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from hotline.events.outbox import MAIL
from hotline.events.record import NOTICE_FAILED, NOTICE_QUEUED
from hotline.store.outbox import finish
from hotline.store.tables import NoticeRow, OrderRow, OrganisationRow, OutboxRow
from hotline.store.work import Writing

MAIL_CHANNEL: Final = "mail"
NO_ADDRESS: Final = "no address"
NOT_WANTED: Final = "no longer wanted: the unit's part is over"
WAITING: Final = ("queued", "delayed")


def send_letter(writing: Writing, order: OrderRow, unit: OrganisationRow) -> None:
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
    _tell(writing, notice, order, NOTICE_QUEUED if unit.email else NOTICE_FAILED)


def give_up_letters(writing: Writing, order: OrderRow) -> None:
    """Have a letter that was not sent yet never be sent."""
    waiting = select(NoticeRow).where(NoticeRow.order_id == order.order_id, NoticeRow.state.in_(WAITING))
    for notice in writing.session.scalars(waiting).all():
        notice.state, notice.last_error, notice.at = "failed", NOT_WANTED, writing.at
        job_id = writing.session.scalar(
            select(OutboxRow.id).where(OutboxRow.topic == MAIL, OutboxRow.key == str(notice.notice_id))
        )
        if job_id is not None:
            finish(writing, job_id, error=NOT_WANTED)
        _tell(writing, notice, order, NOTICE_FAILED)


def _tell(writing: Writing, notice: NoticeRow, order: OrderRow, kind: str) -> None:
    payload: dict[str, object] = {"notice_id": notice.notice_id, "order_id": order.order_id}
    if notice.last_error:
        payload["error"] = notice.last_error
    writing.event(kind, number=order.number, unit_code=order.unit_code, payload=payload)
