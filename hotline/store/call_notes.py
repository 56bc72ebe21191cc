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


class _Batch:
    """The rows of some notes: what a call's first note made, its next ones of the same batch complete."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.offered: dict[CallId, dict[str, Any]] = {}
        self.answered: list[dict[str, Any]] = []
        self.ended: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []

    def add(self, note: CallNote) -> None:
        """Take a note in; ``InDoubt`` when it repeats another."""
        call_id = note.call_id
        match note:
            case OfferedCall():
                if call_id in self.offered:
                    raise InDoubt
                self.offered[call_id] = offered_row(note) | {
                    "answered_at": None,
                    "ended_at": None,
                    "cause": None,
                }
                self._tell(note, CALL_OFFERED, {"called": note.called}, actor="caller")
            case Answered():
                if not self._complete(call_id, answered_at=note.at):
                    self.answered.append({"the_call": call_id, "at": note.at})
                self._tell(note, CALL_ANSWERED, {})
            case Ended():
                path = list(note.path)
                if not self._complete(call_id, ended_at=note.at, cause=note.cause, path=path):
                    self.ended.append({"the_call": call_id, "at": note.at, "why": note.cause, "steps": path})
                self._tell(note, CALL_ENDED, {"cause": note.cause, "path": path})

    def _complete(self, call_id: CallId, **columns: object) -> bool:
        """Fill columns of a row that is not written yet; False when there is none."""
        row = self.offered.get(call_id)
        if row is None:
            return False
        if row[next(iter(columns))] is not None:
            raise InDoubt
        row.update(columns)
        return True

    def _tell(self, note: CallNote, kind: str, payload: dict[str, Any], *, actor: str = "system") -> None:
        self.position += 1
        self.told.append(
            {
                "position": self.position,
                "at": note.at,
                "kind": kind,
                "call_id": note.call_id,
                "request_number": None,
                "unit_code": None,
                "actor": actor,
                "payload": payload,
            }
        )


def write_together(writing: Writing, notes: Sequence[CallNote]) -> None:
    """Write notes of different calls, and of one call in their order.

    :raises InDoubt: when one of them is a repetition or has no call; nothing is written then.
    """
    connection = writing.session.connection()
    batch = _Batch(connection.scalar(_NEWEST) or 0)
    for note in notes:
        batch.add(note)
    if batch.offered:
        connection.execute(_OFFER, list(batch.offered.values()))
    for statement, rows in ((_ANSWER, batch.answered), (_END, batch.ended)):
        if rows and connection.execute(statement, rows).rowcount != len(rows):
            raise InDoubt
    connection.execute(_TELL, batch.told)
    writing.position = batch.position


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
