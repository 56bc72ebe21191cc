"""The legs of a call beside the one that it began with: whom it rang, who answered, how each ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hotline.intake.ports import LegNote
from hotline.store.tables import LegRow
from hotline.store.work import Work, Writing


@dataclass(frozen=True, slots=True)
class LegStory:
    """What is known of one leg."""

    leg_id: str
    call_id: str
    direction: str
    """``out``: we called; ``in``: it came in to take another leg's place."""
    peer: str
    trunk: str
    sip_call_id: str
    began_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    cause: str | None
    status: int


class SqlLegs(Work):
    """Legs in SQL."""

    async def note_leg(self, note: LegNote) -> None:
        """Note what became of a leg; a note that comes twice, or late, changes nothing."""
        await self.write(lambda writing: note_leg(writing, note))

    async def legs_of(self, call_id: str) -> Sequence[LegStory]:
        """List the legs of a call in the order they began."""
        return await self.read(lambda session: legs_of(session, call_id))


def note_leg(writing: Writing, note: LegNote) -> None:
    """Write a note; the first that is heard of a leg makes its row."""
    row = writing.session.get(LegRow, note.leg_id)
    if row is None:
        row = LegRow(
            leg_id=note.leg_id,
            call_id=note.call_id,
            direction="in" if note.what == "arrived" else "out",
            peer=note.peer,
            trunk=note.trunk,
            sip_call_id=note.sip_call_id,
            began_at=note.at,
            answered_at=None,
            ended_at=None,
            cause=None,
            status=0,
        )
        writing.session.add(row)
    row.trunk = row.trunk or note.trunk
    if note.what == "answered" or not row.sip_call_id:  # of all who rang, one answered
        row.sip_call_id = note.sip_call_id or row.sip_call_id
    if note.what == "answered" and row.answered_at is None:
        row.answered_at = note.at
    elif note.what == "moved":
        row.call_id = note.call_id
    elif note.what == "ended" and row.ended_at is None:
        row.ended_at, row.cause, row.status = note.at, note.cause, note.status


def legs_of(session: Session, call_id: str) -> Sequence[LegStory]:
    """List the legs of a call in the order they began."""
    rows = session.scalars(
        select(LegRow).where(LegRow.call_id == call_id).order_by(LegRow.began_at, LegRow.leg_id)
    )
    return [
        LegStory(
            leg_id=row.leg_id,
            call_id=row.call_id,
            direction=row.direction,
            peer=row.peer,
            trunk=row.trunk,
            sip_call_id=row.sip_call_id,
            began_at=row.began_at,
            answered_at=row.answered_at,
            ended_at=row.ended_at,
            cause=row.cause,
            status=row.status,
        )
        for row in rows
    ]


def close_open_legs(writing: Writing, cause: str) -> None:
    """Close the rows of legs that a dead process left open."""
    writing.session.execute(
        update(LegRow).where(LegRow.ended_at.is_(None)).values(ended_at=writing.at, cause=cause)
    )
