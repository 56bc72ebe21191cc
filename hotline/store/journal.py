"""What is written before it is told: calls, recordings, requests (implements intake's Journal)."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from hotline.errors import LocalProtocolError
from hotline.events.ids import CallId, RecordingId, RequestNumber
from hotline.events.outbox import TRANSCRIBE
from hotline.events.record import CALL_ANSWERED, CALL_ENDED, CALL_OFFERED, RECORDING_CLOSED, REQUEST_OPENED
from hotline.intake.path import transcription_job
from hotline.intake.ports import ClosedRecording, OfferedCall, RequestDraft, RequestStatus
from hotline.media.plan import Codec, FarSide
from hotline.store.call_notes import Answered, CallNote, Ended, offered_row, write_together
from hotline.store.chain import add_digest
from hotline.store.lane import Lane
from hotline.store.lives import Sending, take
from hotline.store.tables import CallRow, DayCounterRow, OrganisationRow, RecordingRow, RequestRow
from hotline.store.work import Work, Writing
from hotline.tickets.deciding import open_request as open_draft
from hotline.tickets.duties import SYSTEM
from hotline.tickets.number import compose, read_number
from hotline.tickets.priority import DEFAULT_PRIORITY
from hotline.tickets.request_moves import RequestState
from hotline.tickets.service_request import ServiceRequest


class SqlJournal(Work):
    """The journal in SQL. Each method may be called twice with the same key without harm."""

    def __init__(self, *args: Any, **settings: Any) -> None:  # noqa: ANN401 - those of Work
        super().__init__(*args, **settings)
        self._calls: Lane[CallNote] = Lane(self, write_together, _write_alone)

    async def stop(self) -> None:
        """Finish what was handed in, then close."""
        await self._calls.idle()
        await super().stop()

    @property
    def notes(self) -> Lane[CallNote]:
        """The notes on their way, for those who measure how far behind the store is."""
        return self._calls

    def open_call(self, call: OfferedCall, *, is_awaited: bool = True) -> Future[None]:
        """Write the call record; anything else of the call may be written only then."""
        return self._calls.write(call, patient=not is_awaited)

    def answer_call(self, call_id: CallId, at: datetime) -> Future[None]:
        """Note that 200 OK was sent."""
        return self._calls.write(Answered(call_id, at), patient=True)

    def close_call(self, call_id: CallId, at: datetime, cause: str, path: Sequence[str]) -> Future[None]:
        """Note the end: cause as in call.record, and the steps of the flow that were walked."""
        return self._calls.write(Ended(call_id, at, cause, tuple(path)), patient=True)

    async def open_request(self, draft: RequestDraft) -> RequestNumber:
        """Write recording, request, its first event and the transcription job in one transaction."""
        return await self.write(lambda writing: open_request(writing, draft))

    async def request_status(self, number: str) -> RequestStatus | None:
        """Look a request up by what the caller keyed in; None for a number that we never gave out."""
        known = read_number(number)
        if known is None:
            return None
        return await self.read(lambda session: _request_status(session, known))


def _write_alone(writing: Writing, note: CallNote) -> None:
    match note:
        case OfferedCall():
            _open_call(writing, note)
        case Answered():
            _answer_call(writing, note.call_id, note.at)
        case Ended():
            close_call(writing, note.call_id, note.at, note.cause, note.path)


def _open_call(writing: Writing, call: OfferedCall) -> None:
    known = writing.session.get(CallRow, call.call_id)
    if known is not None:
        if known.sip_call_id != call.sip_call_id:
            raise LocalProtocolError(f"call {call.call_id} was given out twice")
        return
    writing.session.add(CallRow(**offered_row(call)))
    # No caller's number in events: they travel to every browser.
    writing.event(
        CALL_OFFERED, call_id=call.call_id, actor="caller", payload={"called": call.called}, at=call.at
    )


def _answer_call(writing: Writing, call_id: CallId, at: datetime) -> None:
    call = _the_call(writing.session, call_id)
    if call.answered_at is not None:
        return
    call.answered_at = at
    writing.event(CALL_ANSWERED, call_id=call_id, at=at)


def close_call(writing: Writing, call_id: str, at: datetime, cause: str, path: Sequence[str]) -> None:
    """Close a call record; one that is closed stays as it is."""
    call = _the_call(writing.session, call_id)
    if call.ended_at is not None:
        return
    call.ended_at, call.cause, call.path = at, cause, list(path)
    writing.event(CALL_ENDED, call_id=call_id, payload={"cause": cause, "path": list(path)}, at=at)


def _the_call(session: Session, call_id: str) -> CallRow:
    call = session.get(CallRow, call_id)
    if call is None:
        raise LocalProtocolError(f"call {call_id} has no record")
    return call


def open_request(writing: Writing, draft: RequestDraft) -> RequestNumber:
    """Write everything that belongs to a new request; the same recording leads to the same number."""
    recording = draft.recording
    known = writing.session.scalar(
        select(RequestRow.number).where(RequestRow.recording_id == recording.recording_id)
    )
    if known is not None:
        return RequestNumber(known)
    if not recording.path or recording.length_samples == 0:
        raise LocalProtocolError(f"recording {recording.recording_id} is empty: there is nothing to request")
    number = compose(writing.day, _next_count(writing))
    add_recording(writing, recording, number)
    row = RequestRow(
        number=number,
        recording_id=recording.recording_id,
        call_id=recording.call_id,
        language=draft.language,
        for_agent=draft.for_agent,
        state=RequestState.DRAFT,
        priority=DEFAULT_PRIORITY,
        opened_at=draft.at,
        version=1,
        place="",
        edited_text="",
        transcript_state="waiting",
        text="",
        confidence="none",
        model="",
    )
    writing.session.add(row)
    request = ServiceRequest(number)
    take(writing, row, None, open_draft(request, SYSTEM, writing.at, writing.rules), Sending(""))
    writing.event(
        REQUEST_OPENED,
        call_id=recording.call_id,
        number=number,
        actor="caller",
        payload={"recording_id": recording.recording_id, "for_agent": draft.for_agent},
        at=draft.at,
    )
    writing.add_job(
        TRANSCRIBE,
        recording.recording_id,
        transcription_job(recording.recording_id, number, draft.language),
    )
    return number


def add_recording(writing: Writing, recording: ClosedRecording, number: str = "") -> None:
    """Write the row of a recording that is safe on disk, unless it is there; its digest joins the ledger."""
    if writing.session.get(RecordingRow, recording.recording_id) is not None:
        return
    writing.session.add(
        RecordingRow(
            recording_id=recording.recording_id,
            call_id=recording.call_id,
            path=recording.path,
            codec=recording.codec.name,
            length_samples=recording.length_samples,
            speech_ms=recording.speech_ms,
            sha256=recording.sha256,
            started_at=recording.started_at,
            cut_short=recording.cut_short,
            **_far_columns(recording.far),
        )
    )
    writing.session.flush()
    add_digest(writing, recording.recording_id, number, recording.sha256, writing.at)
    if recording.far is not None:
        add_digest(writing, far_name(recording.recording_id), number, recording.far.sha256, writing.at)
    writing.event(
        RECORDING_CLOSED,
        call_id=recording.call_id,
        payload={
            "recording_id": recording.recording_id,
            "length_samples": recording.length_samples,
            "sha256": recording.sha256,
            "cut_short": recording.cut_short,
        },
    )


def far_name(recording_id: str) -> str:
    """Name the other side of a recording in the ledger."""
    return f"{recording_id}/far"


def closed_recording(row: RecordingRow) -> ClosedRecording:
    """Read a row back."""
    return ClosedRecording(
        recording_id=RecordingId(row.recording_id),
        call_id=CallId(row.call_id),
        path=row.path,
        codec=Codec[row.codec],
        length_samples=row.length_samples,
        speech_ms=row.speech_ms,
        sha256=row.sha256,
        started_at=row.started_at,
        cut_short=row.cut_short,
        far=far_side(row),
    )


def far_side(row: RecordingRow) -> FarSide | None:
    """Read back what a row tells of the other side; None when there is none."""
    if not row.far_path:
        return None
    return FarSide(row.far_path, Codec[row.far_codec], row.far_length_samples, row.far_sha256)


def _far_columns(far: FarSide | None) -> dict[str, Any]:
    if far is None:
        return {"far_path": "", "far_codec": "", "far_length_samples": 0, "far_sha256": ""}
    return {
        "far_path": far.path,
        "far_codec": far.codec.name,
        "far_length_samples": far.length_samples,
        "far_sha256": far.sha256,
    }


def _next_count(writing: Writing) -> int:
    """Take the next number of the day; rolled back with the transaction, so none is skipped."""
    insert = postgresql.insert if writing.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    upsert = (
        insert(DayCounterRow)
        .values(day=writing.day, last_count=1)
        .on_conflict_do_update(
            index_elements=[DayCounterRow.day], set_={"last_count": DayCounterRow.last_count + 1}
        )
        .returning(DayCounterRow.last_count)
    )
    return writing.session.scalars(upsert).one()


def _request_status(session: Session, number: RequestNumber) -> RequestStatus | None:
    found = session.execute(
        select(RequestRow.state, OrganisationRow.name)
        .outerjoin(OrganisationRow, OrganisationRow.code == RequestRow.lead_unit)
        .where(RequestRow.number == number)
    ).one_or_none()
    return RequestStatus(number, found[0], found[1] or "") if found else None
