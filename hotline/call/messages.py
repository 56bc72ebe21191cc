"""What a call's machine is told and what it asks for, beside the media plane's own messages.

The switchboard (wire) carries out the commands and hands the answers back in; media commands
and events of ``hotline.media.plan`` pass through as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hotline.call.destinations import Destination, Shown
from hotline.events.ids import CallId, RequestNumber
from hotline.media.plan import MediaCommand, MediaEvent, RecordingClosed
from hotline.sip.dialling import DialOrder
from hotline.sip.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallRinging,
    MediaMoved,
    ReofferFailed,
    TransferAsked,
)

# -- commands: imperatives --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WriteOffered:
    """Write the call record; answered by OfferedWritten or OfferedNotWritten."""

    call_id: CallId
    is_awaited: bool = False
    """True: the call goes on only when that is done."""


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
class Reoffer:
    """Tell the other side by a re-INVITE where its voice is expected; MediaMoved or ReofferFailed follows."""

    call_id: CallId
    local_ip: str
    local_port: int


# The commands about legs carry the leg in ``call_id``; the one that came in has the call's own id.


@dataclass(frozen=True, slots=True)
class FindTargets:
    """Find the telephones or the line that a call is to reach; answered by TargetsFound."""

    call_id: CallId
    """The call."""
    tag: int
    """Comes back in TargetsFound, so that a late answer is told from the next one's."""
    to: tuple[str, ...]
    """Users and groups of the house; where ``acting`` is given, a number on a trunk too."""
    shown: Shown
    acting: str = ""
    """Telephone user on whose behalf the call goes out; empty: inside the house only."""
    only_idle: bool = False
    """True: leave out who is talking."""
    answers_itself: bool = False
    """True: ask the telephones to answer without a hand on them."""
    but: tuple[str, ...] = ()
    """Trunks that failed already in this search."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Send the INVITE of a leg, and write its row."""

    call_id: CallId
    order: DialOrder
    call: CallId
    peer: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Send a provisional response: 180, or 183 with our address for the voice."""

    call_id: CallId
    status: int
    local_ip: str = ""
    local_port: int = 0


@dataclass(frozen=True, slots=True)
class ReportTransfer:
    """Tell who asked for a transfer how it goes (RFC 3515); a final status ends it."""

    call_id: CallId
    status: int


@dataclass(frozen=True, slots=True)
class NoteLeg:
    """Write what became of a leg; nothing waits for it."""

    call_id: CallId
    call: CallId
    peer: str
    what: str
    """``arrived``, ``answered``, ``moved`` to this call, or ``ended``; ``dialled`` is written with Dial."""
    cause: str = ""
    """As in ``hotline.sip.events.CallEnded``; ``hung_up`` for what we ended."""
    status: int = 0


@dataclass(frozen=True, slots=True)
class NoteGuest:
    """Write that somebody came to a talk, does something else there, or left it; nothing waits for it."""

    call_id: CallId
    """Her leg."""
    call: CallId
    name: str
    """Telephone user or number."""
    part: str
    """``monitor``, ``whisper``, ``barge`` or ``member``; as it was where she left."""
    by: str
    """Who wanted it: a user name, or ``command line``."""
    has_left: bool = False


@dataclass(frozen=True, slots=True)
class JoinCalls:
    """Let the calls of two legs be one (an attended transfer); see ``hotline.call.join``."""

    call_id: CallId
    """The leg that asked."""
    replaces: CallId


@dataclass(frozen=True, slots=True)
class WriteEnded:
    """Close the call record; the last command of every call."""

    call_id: CallId
    cause: str
    """``caller`` (she hung up), ``finished`` (the flow, or the other side, ended it), ``cancelled``,
    ``refused``, ``no_ack`` or ``fault`` (store or media failed); of a call between telephones also
    ``busy``, ``no_answer`` and ``failed``."""
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
    | Reoffer
    | FindTargets
    | Dial
    | Progress
    | ReportTransfer
    | NoteLeg
    | NoteGuest
    | JoinCalls
    | WriteEnded
    | MediaCommand
)

# -- events: past participles -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OfferedWritten:
    """The call record is committed."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class OfferedNotWritten:
    """The store could not write the call record; it is written again before anything else of the call is."""

    call_id: CallId
    reason: str


@dataclass(frozen=True, slots=True)
class WriteFailed:
    """The store could not carry out OpenRequest or LookUpRequest.

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


@dataclass(frozen=True, slots=True)
class TargetsFound:
    """What FindTargets found."""

    call_id: CallId
    tag: int
    destinations: tuple[Destination, ...]
    status: int = 480
    """Where there are none: why, as a SIP status (404 unknown, 480 not registered, 486 all are talking,
    403 not allowed, 503 no line is free)."""
    reason: str = ""
    """The same in a sentence, for the path of the call."""


@dataclass(frozen=True, slots=True)
class GuestAsked:
    """Somebody wants another one in a talk (``hotline.call.guests``); nothing happens where there is none."""

    call_id: CallId
    """The call."""
    name: str
    """Telephone user, or number."""
    part: str
    """``monitor``, ``whisper``, ``barge`` or ``member``."""
    by: str
    acting: str = ""
    """Telephone user on whose behalf a number outside is called; empty: inside the house only."""
    tone: bool = False
    """True: whoever is supervised hears a tone."""


@dataclass(frozen=True, slots=True)
class GuestChanged:
    """A supervisor does something else from now on."""

    call_id: CallId
    name: str
    part: str
    by: str


@dataclass(frozen=True, slots=True)
class GuestDismissed:
    """A guest is to leave."""

    call_id: CallId
    name: str


GuestEvent = GuestAsked | GuestChanged | GuestDismissed

SipLegEvent = (
    CallArrived | CallRinging | CallAnswered | CallEnded | MediaMoved | ReofferFailed | TransferAsked
)
"""What the user agent tells about a leg; ``CallArrived`` for one that takes another's place (RFC 3891)."""

CallInput = (
    OfferedWritten
    | OfferedNotWritten
    | WriteFailed
    | RequestOpened
    | StatusFound
    | StatusMissing
    | CallerConfirmed
    | CallerLeft
    | TargetsFound
    | GuestEvent
    | SipLegEvent
    | MediaEvent
)
