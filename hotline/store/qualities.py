"""How good the voices of calls were, and when one was missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from hotline.events.ids import CallId
from hotline.events.record import CALL_VOICE_FOUND, CALL_VOICE_MISSING
from hotline.media.plan import Codec, LegQuality, VoiceFound, VoiceMissing
from hotline.store.tables import CallRow, LegQualityRow, LegRow
from hotline.store.work import Work, Writing

VoiceNote = LegQuality | VoiceMissing | VoiceFound
LEG: Final = "-leg"
"""Between a call's id and the number of its leg."""
MOST_IDS: Final = 500
"""Of one question to the database."""
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
    """Write notes in their order; many legs at the price of one, since all calls end with such a note."""
    call_of = _calls_of(writing.session, {note.call_id for note, _ in notes})
    rows: dict[str, dict[str, Any]] = {}
    for note, at in notes:
        call_id = call_of.get(note.call_id)
        if call_id is None:
            continue
        if isinstance(note, LegQuality):
            rows[note.call_id] = _row_of(call_id, note, at)
        else:
            kind = CALL_VOICE_MISSING if isinstance(note, VoiceMissing) else CALL_VOICE_FOUND
            payload: dict[str, object] = {"leg_id": note.call_id}
            if isinstance(note, VoiceMissing):
                payload["reason"] = note.reason
            writing.event(kind, call_id=call_id, payload=payload, at=at)
    if rows:
        connection = writing.session.connection()
        connection.execute(_UPSERTS[connection.dialect.name], list(rows.values()))


def _row_of(call_id: str, note: LegQuality, at: datetime) -> dict[str, Any]:
    figures = {name: getattr(note, name) for name in _FIGURES}
    return {"leg_id": note.call_id, "call_id": call_id, "at": at, "codec": note.codec.name, **figures}


def _upsert(insert: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - each database has a class of its own
    statement = insert(LegQualityRow.__table__)
    news = {name: statement.excluded[name] for name in ("call_id", "at", "codec", *_FIGURES)}
    return statement.on_conflict_do_update(index_elements=[LegQualityRow.leg_id], set_=news)


_UPSERTS: Final = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}


def _calls_of(session: Session, leg_ids: Collection[str]) -> dict[str, str]:
    """Find the calls that legs belong to; those of which there is no record are left out."""
    call_of = {leg_id: leg_id.partition(LEG)[0] for leg_id in leg_ids}
    for some in _in_parts(leg_ids):
        rows = session.execute(select(LegRow.leg_id, LegRow.call_id).where(LegRow.leg_id.in_(some)))
        call_of |= {leg_id: call_id for leg_id, call_id in rows}
    known: set[str] = set()
    for some in _in_parts(set(call_of.values())):
        known.update(session.scalars(select(CallRow.call_id).where(CallRow.call_id.in_(some))))
    return {leg_id: call_id for leg_id, call_id in call_of.items() if call_id in known}


def _in_parts(ids: Collection[str]) -> Iterator[list[str]]:
    """Give ids in lists that a statement takes."""
    rest = list(ids)
    while rest:
        yield rest[:MOST_IDS]
        del rest[:MOST_IDS]


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
