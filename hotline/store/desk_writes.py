"""What the desk notes when somebody listens."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.desk.views import Actor, RecordingFile
from hotline.events.record import RECORDING_PLAYED
from hotline.store.desk_reads import has_order
from hotline.store.recordings import recording_file
from hotline.store.request_writes import SqlRequestWrites
from hotline.store.retention import expired_of
from hotline.store.tables import EventRow, RecordingRow, RequestRow
from hotline.store.work import Writing

ONE_LISTENING: Final = timedelta(minutes=10)


class SqlDeskWrites(SqlRequestWrites):
    """The writing half of the DeskStore port."""

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
