"""Where a recognised text goes (implements intake's Transcripts)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select

from hotline.errors import LocalProtocolError
from hotline.events.ids import RecordingId, RequestNumber
from hotline.events.record import REQUEST_NOT_TRANSCRIBED, REQUEST_TRANSCRIBED
from hotline.intake.path import understand
from hotline.intake.ports import ClosedRecording, Transcript
from hotline.routing.suggestion import Suggestion
from hotline.store.journal import closed_recording
from hotline.store.lives import Sending, life_of, take
from hotline.store.outbox import finish
from hotline.store.tables import KindRow, RecordingRow, RequestRow, SegmentRow, SuggestionRow
from hotline.store.work import Work, Writing
from hotline.tickets.deciding import decide
from hotline.tickets.duties import SYSTEM
from hotline.tickets.priority import most_urgent
from hotline.tickets.request_moves import RequestMove
from hotline.tickets.service_request import Given


class SqlTranscripts(Work):
    """Transcripts in SQL; text and end of the job are one transaction."""

    async def recording(self, recording_id: RecordingId) -> ClosedRecording | None:
        """Look up what is to be transcribed."""

        def look_up(row: RecordingRow | None) -> ClosedRecording | None:
            return closed_recording(row) if row else None

        return await self.read(lambda session: look_up(session.get(RecordingRow, recording_id)))

    async def save_transcript(
        self, job_id: int, number: RequestNumber, transcript: Transcript, suggestions: Sequence[Suggestion]
    ) -> None:
        """Store text and suggestions on the request, write the event, finish the job.

        The first text stays: one that comes later for the same request only ends its job.
        """
        await self.write(lambda writing: _save(writing, job_id, number, transcript, suggestions))

    async def fail_transcript(self, job_id: int, number: RequestNumber, reason: str) -> None:
        """Say on the request that it could not be transcribed and must be listened to; finish the job."""
        await self.write(lambda writing: _fail(writing, job_id, number, reason))


def _the_request(writing: Writing, number: RequestNumber) -> RequestRow:
    request = writing.session.get(RequestRow, number)
    if request is None:
        raise LocalProtocolError(f"request {number} does not exist")
    return request


def _transcribe(writing: Writing, row: RequestRow, given: Given) -> None:
    before = life_of(writing, row)
    step = decide(before, RequestMove.TRANSCRIBE, SYSTEM, writing.at, writing.rules, given=given)
    take(writing, row, before, step, Sending(""), is_told=False)


def _save(
    writing: Writing,
    job_id: int,
    number: RequestNumber,
    transcript: Transcript,
    suggestions: Sequence[Suggestion],
) -> None:
    request = _the_request(writing, number)
    finish(writing, job_id)
    if request.transcript_state == "done":
        return
    kinds = {row.code: row.priority for row in writing.session.scalars(select(KindRow))}
    understood = understand(transcript, suggestions, kinds)
    request.transcript_state = "done"
    request.text, request.confidence, request.model = transcript.text, transcript.confidence, transcript.model
    if request.kind_code is None:
        priority = understood.priority
    else:  # a person was quicker than the recogniser; urgent words still count
        priority = most_urgent(request.priority, understood.priority)
    _transcribe(writing, request, Given(priority=priority))
    _write_segments(writing, request.recording_id, transcript)
    _write_suggestions(writing, number, understood.suggestions)
    writing.event(
        REQUEST_TRANSCRIBED,
        call_id=request.call_id,
        number=number,
        unit_code=request.lead_unit,
        payload={
            "confidence": transcript.confidence,
            "language": transcript.language,
            "model": transcript.model,
            "priority": request.priority,
            "suggestions": dict(understood.counts),
        },
    )


def _write_segments(writing: Writing, recording_id: str, transcript: Transcript) -> None:
    writing.session.execute(delete(SegmentRow).where(SegmentRow.recording_id == recording_id))
    writing.session.add_all(
        SegmentRow(
            recording_id=recording_id,
            ordinal=ordinal,
            start_ms=segment.start_ms,
            end_ms=segment.end_ms,
            text=segment.text,
            raw_text=segment.raw_text,
            confidence=segment.confidence,
            score=segment.score,
        )
        for ordinal, segment in enumerate(transcript.segments)
    )


def _write_suggestions(writing: Writing, number: RequestNumber, suggestions: Sequence[Suggestion]) -> None:
    writing.session.execute(delete(SuggestionRow).where(SuggestionRow.number == number))
    ordinals: dict[str, int] = {}
    for suggestion in suggestions:
        ordinal = ordinals[suggestion.field] = ordinals.get(suggestion.field, -1) + 1
        writing.session.add(
            SuggestionRow(
                number=number,
                field=suggestion.field,
                ordinal=ordinal,
                value=suggestion.value,
                label=suggestion.label,
                score=suggestion.score,
                reason=suggestion.reason,
                source_text=suggestion.source_text,
            )
        )


def _fail(writing: Writing, job_id: int, number: RequestNumber, reason: str) -> None:
    request = _the_request(writing, number)
    finish(writing, job_id, error=reason or "not transcribed")
    if request.transcript_state != "waiting":
        return
    request.transcript_state = "failed"
    _transcribe(writing, request, Given(reason="not transcribed"))
    writing.event(
        REQUEST_NOT_TRANSCRIBED,
        call_id=request.call_id,
        number=number,
        unit_code=request.lead_unit,
        payload={"reason": reason},
    )
