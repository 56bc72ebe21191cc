"""The three lines of a call's record, written many at a time.

The statements say what ``journal`` says row by row; they are plain ones, since at hundreds of calls
a second the unit of work costs ten times what the rows do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select, update

from hotline.events.ids import CallId
from hotline.events.record import CALL_ANSWERED, CALL_ENDED, CALL_OFFERED
from hotline.intake.ports import OfferedCall
from hotline.store.lane import InDoubt
from hotline.store.tables import CallRow, EventRow
from hotline.store.work import Writing


@dataclass(frozen=True, slots=True)
class Answered:
    """200 OK was sent."""

    call_id: CallId
    at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over."""

    call_id: CallId
    at: datetime
    cause: str
    path: tuple[str, ...]


CallNote = OfferedCall | Answered | Ended

_NEWEST: Final = select(func.coalesce(func.max(EventRow.position), 0))
_OFFER: Final = insert(CallRow.__table__)  # type: ignore[arg-type]
_TELL: Final = insert(EventRow.__table__)  # type: ignore[arg-type]
_ANSWER: Final = (
    update(CallRow.__table__)  # type: ignore[arg-type]
    .where(CallRow.call_id == bindparam("the_call"), CallRow.answered_at.is_(None))
    .values(answered_at=bindparam("at"))
)
_END: Final = (
    update(CallRow.__table__)  # type: ignore[arg-type]
    .where(CallRow.call_id == bindparam("the_call"), CallRow.ended_at.is_(None))
    .values(ended_at=bindparam("at"), cause=bindparam("why"), path=bindparam("steps"))
)


def write_together(writing: Writing, notes: Sequence[CallNote]) -> None:
    """Write notes of different calls, and of one call in their order.

    :raises InDoubt: when one of them is a repetition or has no call; nothing is written then.
    """
    connection = writing.session.connection()
    position = connection.scalar(_NEWEST) or 0
    offered: list[dict[str, Any]] = []
    answered: list[dict[str, Any]] = []
    ended: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    for note in notes:
        position += 1
        match note:
            case OfferedCall():
                offered.append(offered_row(note))
                told.append(
                    _event(position, note.at, CALL_OFFERED, note.call_id, "caller", {"called": note.called})
                )
            case Answered():
                answered.append({"the_call": note.call_id, "at": note.at})
                told.append(_event(position, note.at, CALL_ANSWERED, note.call_id, "system", {}))
            case Ended():
                path = list(note.path)
                ended.append({"the_call": note.call_id, "at": note.at, "why": note.cause, "steps": path})
                payload = {"cause": note.cause, "path": path}
                told.append(_event(position, note.at, CALL_ENDED, note.call_id, "system", payload))
    if offered:
        connection.execute(_OFFER, offered)
    for statement, rows in ((_ANSWER, answered), (_END, ended)):
        if rows and connection.execute(statement, rows).rowcount != len(rows):
            raise InDoubt
    connection.execute(_TELL, told)
    writing.position = position


def offered_row(call: OfferedCall) -> dict[str, Any]:
    """Give the columns of a new call's record."""
    return {
        "call_id": call.call_id,
        "sip_call_id": call.sip_call_id,
        "caller": call.caller,
        "caller_raw": call.caller_raw,
        "called": call.called,
        "source": call.source,
        "withheld": call.withheld,
        "offered_at": call.at,
        "path": [],
        "direction": call.direction,
        "origin": call.origin,
    }


def _event(
    position: int, at: datetime, kind: str, call_id: CallId, actor: str, payload: dict[str, Any]
) -> dict[str, Any]:
    return {
        "position": position,
        "at": at,
        "kind": kind,
        "call_id": call_id,
        "request_number": None,
        "unit_code": None,
        "actor": actor,
        "payload": payload,
    }
