"""What a call's machine is told and what it asks for, beside the media plane's own messages.

The switchboard (wire) carries out the commands and hands the answers back in; media commands
and events of ``hotline.media.plan`` pass through as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hotline.events.ids import CallId, RequestNumber
from hotline.media.plan import MediaCommand, MediaEvent, RecordingClosed

# -- commands: imperatives --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WriteOffered:
    """Commit the call record; answered by OfferedWritten or WriteFailed. Nothing is told before that."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class Answer:
    """Send 200 OK with our address for the caller's voice."""

    call_id: CallId
    local_ip: str
    local_port: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """Send a final error instead of an answer."""

    call_id: CallId
    status: int


@dataclass(frozen=True, slots=True)
class WriteAnswered:
    """Note in the call record that we answered; nothing waits for it."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """Open a service request for a closed recording; answered by RequestOpened or WriteFailed.

    Also given when the caller hung up while speaking: then nobody waits for the number, but the
    request must be opened all the same.
    """

    call_id: CallId
    recording: RecordingClosed
    language: str
    for_agent: bool


@dataclass(frozen=True, slots=True)
class LookUpRequest:
    """Find out how a request stands; answered by StatusFound or StatusMissing."""

    call_id: CallId
    number: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """Send BYE."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class WriteEnded:
    """Close the call record; the last command of every call whose record was written."""

    call_id: CallId
    cause: str
    """``caller`` (she hung up), ``finished`` (the flow ended it), ``cancelled``, ``refused``, ``no_ack``
    or ``fault`` (store or media failed)."""
    path: Sequence[str]
    """The flow as ``main@3f2a9c1d2e4b`` (name and version), then the names of its steps in the order
    they were entered, then notes, which begin with ``!`` (``!not opened: <recording id>``)."""


CallCommand = (
    WriteOffered
    | Answer
    | Refuse
    | WriteAnswered
    | OpenRequest
    | LookUpRequest
    | HangUp
    | WriteEnded
    | MediaCommand
)

# -- events: past participles -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OfferedWritten:
    """The call record is committed."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class WriteFailed:
    """The store could not carry out WriteOffered, OpenRequest or LookUpRequest.

    Not reported for WriteAnswered and WriteEnded, which nothing waits for.
    """

    call_id: CallId
    reason: str


@dataclass(frozen=True, slots=True)
class RequestOpened:
    """The request of the last OpenRequest is committed; its number may be read to the caller."""

    call_id: CallId
    number: RequestNumber


@dataclass(frozen=True, slots=True)
class StatusFound:
    """How a request stands."""

    call_id: CallId
    number: RequestNumber
    state: str
    unit_code: str
    """Lead unit, empty while there is none."""


@dataclass(frozen=True, slots=True)
class StatusMissing:
    """There is no request with that number, or its check digit is wrong."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class CallerConfirmed:
    """ACK arrived."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """The SIP side is over: cause as in ``hotline.sip.events.CallEnded``."""

    call_id: CallId
    cause: str


CallInput = (
    OfferedWritten
    | WriteFailed
    | RequestOpened
    | StatusFound
    | StatusMissing
    | CallerConfirmed
    | CallerLeft
    | MediaEvent
)
