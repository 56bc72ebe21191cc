"""What is on record about calls, for whoever works on the machine itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from hotline.events.record import Event
from hotline.media.plan import LegQuality
from hotline.store.desk_reads import read_event
from hotline.store.legs import LegStory, legs_of
from hotline.store.qualities import qualities_of
from hotline.store.tables import CallRow, EventRow, LegRow, RecordingRow, RequestRow
from hotline.store.work import Work
from hotline.tickets.number import read_number


@dataclass(frozen=True, slots=True)
class CallOnRecord:
    """A call record."""

    call_id: str
    sip_call_id: str
    caller: str
    caller_raw: str
    called: str
    source: str
    withheld: bool
    offered_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    cause: str
    path: tuple[str, ...]
    direction: str
    """``in`` to a flow; of a telephone of the house ``inside`` or ``out``."""
    origin: str
    """Trunk that it came over, or user of the telephone that made it."""


@dataclass(frozen=True, slots=True)
class RequestOnRecord:
    """A request that a call made."""

    number: str
    state: str


@dataclass(frozen=True, slots=True)
class RecordingOnRecord:
    """A recording of a call."""

    recording_id: str
    started_at: datetime
    length_samples: int


@dataclass(frozen=True, slots=True)
class CallStory:
    """All that is on record about one call."""

    call: CallOnRecord
    legs: tuple[LegStory, ...]
    """Beside the one that it began with."""
    qualities: tuple[LegQuality, ...]
    """Of all legs that have ended; ``call_id`` of each is the leg's."""
    requests: tuple[RequestOnRecord, ...]
    recordings: tuple[RecordingOnRecord, ...]
    events: tuple[Event, ...]


class SqlCallReads(Work):
    """Reads call records."""

    async def recent_calls(self, limit: int, *, number: str = "") -> Sequence[CallOnRecord]:
        """List calls, newest first.

        :param number: only calls from or to a number with these digits in it.
        """
        return await self.read(lambda session: _recent(session, limit, number))

    async def call_story(self, name: str) -> CallStory | None:
        """Tell all about a call.

        :param name: our id of it or of one of its legs, a SIP Call-ID, or the number of a request that
            it made.
        """
        return await self.read(lambda session: _story(session, name))


def _recent(session: Session, limit: int, number: str) -> list[CallOnRecord]:
    query = select(CallRow).order_by(CallRow.offered_at.desc()).limit(limit)
    if number:
        query = query.where(
            or_(
                CallRow.caller.contains(number, autoescape=True),
                CallRow.called.contains(number, autoescape=True),
            )
        )
    return [_call(row) for row in session.scalars(query)]


def _story(session: Session, name: str) -> CallStory | None:
    row = session.get(CallRow, name)
    if row is None:  # the newest, should a peer use one Call-ID again
        of_sip = select(CallRow).where(CallRow.sip_call_id == name).order_by(CallRow.offered_at.desc())
        row = session.scalars(of_sip).first()
    if row is None and (leg := session.scalars(select(LegRow).where(_is_leg(name))).first()) is not None:
        row = session.get(CallRow, leg.call_id)
    if row is None and (number := read_number(name)) is not None:
        request = session.get(RequestRow, number)
        row = session.get(CallRow, request.call_id) if request is not None else None
    if row is None:
        return None
    requests = session.scalars(
        select(RequestRow).where(RequestRow.call_id == row.call_id).order_by(RequestRow.number)
    ).all()
    recordings = session.scalars(
        select(RecordingRow).where(RecordingRow.call_id == row.call_id).order_by(RecordingRow.started_at)
    ).all()
    numbers = [request.number for request in requests]
    events = session.scalars(
        select(EventRow)
        .where(or_(EventRow.call_id == row.call_id, EventRow.request_number.in_(numbers)))
        .order_by(EventRow.position)
    )
    return CallStory(
        call=_call(row),
        legs=tuple(legs_of(session, row.call_id)),
        qualities=tuple(qualities_of(session, row.call_id)),
        requests=tuple(RequestOnRecord(request.number, request.state) for request in requests),
        recordings=tuple(
            RecordingOnRecord(one.recording_id, one.started_at, one.length_samples) for one in recordings
        ),
        events=tuple(read_event(event) for event in events),
    )


def _is_leg(name: str) -> ColumnElement[bool]:
    return or_(LegRow.leg_id == name, LegRow.sip_call_id == name)


def _call(row: CallRow) -> CallOnRecord:
    return CallOnRecord(
        call_id=row.call_id,
        sip_call_id=row.sip_call_id,
        caller=row.caller,
        caller_raw=row.caller_raw,
        called=row.called,
        source=row.source,
        withheld=row.withheld,
        offered_at=row.offered_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        cause=row.cause or "",
        path=tuple(row.path),
        direction=row.direction,
        origin=row.origin,
    )
