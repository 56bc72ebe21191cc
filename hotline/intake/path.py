"""The path of a recording: its name, the job it leads to, and what a transcript changes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hotline.errors import LocalProtocolError
from hotline.events.ids import CallId, RecordingId, RequestNumber
from hotline.intake.ports import Transcript
from hotline.routing.suggestion import KIND, PRIORITY, Suggestion
from hotline.tickets.priority import most_urgent

_RECORDING_ID: Final = re.compile(r"([A-Za-z0-9-]+)-([1-9][0-9]*)")


def split_recording_id(text: str) -> tuple[CallId, int] | None:
    """Tell the call and the count from ``<call_id>-<n>``; None for anything else."""
    found = _RECORDING_ID.fullmatch(text)
    return (CallId(found[1]), int(found[2])) if found else None


def call_of(recording_id: str) -> CallId:
    """Tell the call of a recording.

    :raises LocalProtocolError: for what names no recording.
    """
    parts = split_recording_id(recording_id)
    if parts is None:
        raise LocalProtocolError(f"{recording_id!r} names no recording")
    return parts[0]


def transcription_job(
    recording_id: RecordingId, number: RequestNumber, language: str
) -> Mapping[str, object]:
    """Build the payload of the topic ``transcribe`` (hotline.events.outbox)."""
    return {"recording_id": recording_id, "request_number": number, "language": language}


@dataclass(frozen=True, slots=True)
class Understanding:
    """What a request gains from its transcript."""

    priority: str
    suggestions: Sequence[Suggestion]
    """By field, best first within each."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many suggestions each field has."""


def understand(
    transcript: Transcript, suggestions: Sequence[Suggestion], kind_priorities: Mapping[str, str]
) -> Understanding:
    """Order the suggestions and derive the priority.

    :param kind_priorities: priority by code of the catalogue.
    :returns: the priority is the more urgent of what was suggested and of the likeliest kind's own;
        without any text it is the ordinary one.
    """
    fields: dict[str, list[Suggestion]] = {}
    for suggestion in suggestions:
        fields.setdefault(suggestion.field, []).append(suggestion)
    for ranked in fields.values():
        ranked.sort(key=lambda suggestion: -suggestion.score)
    urgencies: list[str] = []
    if transcript.text:
        urgencies += [suggestion.value for suggestion in fields.get(PRIORITY, ())[:1]]
        urgencies += [kind_priorities.get(suggestion.value, "") for suggestion in fields.get(KIND, ())[:1]]
    return Understanding(
        priority=most_urgent(*urgencies),
        suggestions=[suggestion for ranked in fields.values() for suggestion in ranked],
        counts={name: len(ranked) for name, ranked in fields.items()},
    )


def excerpt(text: str, length: int = 40) -> str:
    """Cut the first words out of a text for a list: one line, ``…`` where something is left out."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
