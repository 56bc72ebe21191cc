"""The interfaces of the edges that intake needs; the store, the recogniser and the wire fill them in."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hotline.events.ids import CallId, RecordingId, RequestNumber
from hotline.events.outbox import Job
from hotline.media.plan import Codec, FarSide
from hotline.routing.suggestion import Suggestion


@dataclass(frozen=True, slots=True)
class OfferedCall:
    """What is known of a call when its INVITE arrives."""

    call_id: CallId
    sip_call_id: str
    caller: str
    """Dial-back number, for example ``+861065241234`` or ``1001``; empty when withheld or unknown."""
    caller_raw: str
    """The identity header as it came, control characters removed."""
    called: str
    """The number dialled, for example ``96156``."""
    source: str
    """Transport address that sent the INVITE, ``udp:192.0.2.7:5060``."""
    at: datetime
    withheld: bool = False
    """True when the caller asked for privacy (RFC 3323): her number is stored but never shown."""
    direction: str = "in"
    """``in`` to a flow; of a call that a telephone of the house makes ``inside`` or ``out``."""
    origin: str = ""
    """Trunk that it came over, or user of the telephone that made it."""


@dataclass(frozen=True, slots=True)
class LegNote:
    """What became of a leg of a call, beside the one that the call began with."""

    leg_id: CallId
    call_id: CallId
    what: str
    """``dialled`` by us, ``arrived`` to take another's place, ``answered``, ``moved`` or ``ended``."""
    at: datetime
    peer: str
    """User of the house, or number outside."""
    sip_call_id: str = ""
    trunk: str = ""
    """Line that it goes over; empty for a telephone of the house."""
    cause: str = ""
    """With ``ended``: as in sip.events.CallEnded; ``hung_up`` for what we ended."""
    status: int = 0
    """The final error that ended it; 0 without one."""


@dataclass(frozen=True, slots=True)
class ClosedRecording:
    """A recording that is on disk under its final name."""

    recording_id: RecordingId
    call_id: CallId
    path: str
    codec: Codec
    length_samples: int
    speech_ms: int | None
    """None when nobody measured it (recovered after a crash)."""
    sha256: str
    started_at: datetime
    cut_short: bool = False
    """True when the product died while it was being made."""
    far: FarSide | None = None
    """What was said to her, where that was recorded too."""


@dataclass(frozen=True, slots=True)
class RequestDraft:
    """What a service request is opened with, before anybody understood a word."""

    recording: ClosedRecording
    language: str
    """``zh`` or ``en``: what the caller chose, and what she is probably speaking."""
    for_agent: bool
    """True when she asked for a person and was asked to leave a message instead."""
    at: datetime


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """What a caller may hear about a request by its number."""

    number: RequestNumber
    state: str
    """State of tickets.request: ``accepted``, ``dispatched``, ``signed``, ``replied`` ..."""
    unit_name: str
    """Lead unit, empty while there is none."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech and its text."""

    start_ms: int
    end_ms: int
    text: str
    raw_text: str
    """Before the gazetteer corrected place names."""
    confidence: str
    """``high``, ``mid``, ``low`` or ``none`` (unclear: listen)."""
    score: float
    """Mean log-probability of the neutral decode."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The text of one recording."""

    text: str
    """Segments joined; empty when there was no speech."""
    segments: Sequence[Segment]
    confidence: str
    """The lowest that matters: ``high``, ``mid``, ``low`` or ``none``."""
    language: str
    model: str
    """Name and version of the model that heard it."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a unit is told about a request that was routed to it."""

    notice_id: int
    to_address: str
    unit_name: str
    request_number: RequestNumber
    priority: str
    """``P1`` to ``P4``."""
    kind_label: str
    """Kind of demand that the agent decided, else the suggested one, else empty."""
    region_name: str
    """Street or community, empty when unknown."""
    place: str
    text: str
    """What an agent wrote, else the transcript; empty when neither exists yet."""
    transcript_confidence: str
    """``high``, ``mid``, ``low`` or ``none``; ``high`` when an agent wrote the text; empty without one."""
    caller: str
    """Full number, since the unit has to call back; empty when withheld or unknown."""
    called_at: datetime
    routed_by: str
    """Display name of the agent."""
    routed_at: datetime
    note: str
    order_id: int
    console_path: str
    """Where the unit finds its work orders, below the console's base address: ``/inbox``."""
    is_co: bool
    """True when the unit helps another one that has the lead."""


class Journal(Protocol):
    """What is written before it is told. What a method gives is done after the commit.

    Each may be called twice with the same key without harm; each raises OutsideError when the
    store cannot write.
    """

    def open_call(self, call: OfferedCall, *, is_awaited: bool = True) -> Awaitable[None]:
        """Write the call record; anything else of the call may be written only then.

        :param is_awaited: False: it may gather with others for a moment, and be written with them.
        """
        ...

    def answer_call(self, call_id: CallId, at: datetime) -> Awaitable[None]:
        """Note that 200 OK was sent."""
        ...

    def close_call(self, call_id: CallId, at: datetime, cause: str, path: Sequence[str]) -> Awaitable[None]:
        """Note the end: cause as in call.record, and the steps of the flow that were walked."""
        ...

    async def note_leg(self, note: LegNote) -> None:
        """Note what became of a leg."""
        ...

    async def open_request(self, draft: RequestDraft) -> RequestNumber:
        """Write recording, request, its first event and the transcription job in one transaction.

        Repeating it for the same recording returns the same number.
        """
        ...

    async def request_status(self, number: str) -> RequestStatus | None:
        """Look a request up by what the caller keyed in; None for a number that we never gave out."""
        ...


class Transcripts(Protocol):
    """Where a recognised text goes, and the job that asked for it ends, in one transaction."""

    async def recording(self, recording_id: RecordingId) -> ClosedRecording | None:
        """Look up what is to be transcribed."""
        ...

    async def save_transcript(
        self, job_id: int, number: RequestNumber, transcript: Transcript, suggestions: Sequence[Suggestion]
    ) -> None:
        """Store text and suggestions on the request, write the event, finish the job."""
        ...

    async def fail_transcript(self, job_id: int, number: RequestNumber, reason: str) -> None:
        """Say on the request that it could not be transcribed and must be listened to; finish the job."""
        ...


class Notices(Protocol):
    """Letters to units. Each of the three reports is one transaction: notice, event, outbox row.

    A report that comes twice, or after another worker took the job over, changes nothing.
    """

    async def letter(self, notice_id: int) -> Letter | None:
        """Read what to write; None when the notice is unknown, was sent already or is no longer wanted."""
        ...

    async def notice_sent(self, job: Job, notice_id: int, response: str) -> None:
        """Note that the relay took the letter, with its answer; the job is done."""
        ...

    async def notice_delayed(self, job: Job, notice_id: int, error: str, wait_s: float) -> None:
        """Note why it could not be sent now; the job is due again after ``wait_s`` seconds."""
        ...

    async def notice_failed(self, job: Job, notice_id: int, error: str) -> None:
        """Note that it will never be sent, and why; the job is dead."""
        ...
