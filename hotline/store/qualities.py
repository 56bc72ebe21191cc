"""How good the voices of calls were, and when one was missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.events.ids import CallId
from hotline.events.record import CALL_VOICE_FOUND, CALL_VOICE_MISSING
from hotline.media.plan import Codec, LegQuality, VoiceFound, VoiceMissing
from hotline.store.tables import CallRow, LegQualityRow, LegRow
from hotline.store.work import Work, Writing

VoiceNote = LegQuality | VoiceMissing | VoiceFound
LEG: Final = "-leg"
"""Between a call's id and the number of its leg."""
_FIGURES: Final = [
    field.name for field in fields(LegQuality) if field.name not in ("call_id", "codec", "is_final")
]


class SqlQualities(Work):
    """What is known of voices, in SQL."""

    async def note_voices(self, notes: Sequence[tuple[VoiceNote, datetime]]) -> None:
        """Note what the media plane told, and when; of a leg's qualities the last stays.

        A leg of a call that has no record is passed over.
        """
        await self.write(lambda writing: note_voices(writing, notes))

    async def qualities_of(self, call_id: str) -> Sequence[LegQuality]:
        """List the qualities of a call's legs; ``call_id`` of each is the leg's."""
        return await self.read(lambda session: qualities_of(session, call_id))


def note_voices(writing: Writing, notes: Sequence[tuple[VoiceNote, datetime]]) -> None:
    """Write notes in their order."""
    for note, at in notes:
        call_id = _call_of(writing.session, note.call_id)
        if call_id is None:
            continue
        if isinstance(note, LegQuality):
            _write_quality(writing, call_id, note, at)
        else:
            kind = CALL_VOICE_MISSING if isinstance(note, VoiceMissing) else CALL_VOICE_FOUND
            payload: dict[str, object] = {"leg_id": note.call_id}
            if isinstance(note, VoiceMissing):
                payload["reason"] = note.reason
            writing.event(kind, call_id=call_id, payload=payload, at=at)


def _write_quality(writing: Writing, call_id: str, note: LegQuality, at: datetime) -> None:
    row = writing.session.get(LegQualityRow, note.call_id)
    if row is None:
        row = LegQualityRow(leg_id=note.call_id)
        writing.session.add(row)
    row.call_id, row.at, row.codec = call_id, at, note.codec.name
    for name in _FIGURES:
        setattr(row, name, getattr(note, name))


def _call_of(session: Session, leg_id: str) -> str | None:
    """Find the call that a leg belongs to; None when there is no record of it."""
    leg = session.get(LegRow, leg_id)
    call_id = leg.call_id if leg is not None else leg_id.partition(LEG)[0]
    return call_id if session.get(CallRow, call_id) is not None else None


def qualities_of(session: Session, call_id: str) -> Sequence[LegQuality]:
    """List the qualities of a call's legs."""
    rows = session.scalars(
        select(LegQualityRow).where(LegQualityRow.call_id == call_id).order_by(LegQualityRow.leg_id)
    )
    return [
        LegQuality(
            call_id=CallId(row.leg_id),
            codec=Codec[row.codec],
            is_final=True,
            **{name: getattr(row, name) for name in _FIGURES},
        )
        for row in rows
    ]
