"""What a console shows: plain values, already filtered for the person who asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hotline.routing.suggestion import Suggestion
from hotline.tickets.service_request import ALONE, Around, ServiceRequest


@dataclass(frozen=True, slots=True)
class MoveOffer:
    """A move that is open to a person now."""

    move: str
    asks: frozenset[str] = frozenset()
    """What she has to say with it: ``reason``, ``unit``, ``any_unit`` (one, or none fits), ``source``,
    ``parent``, ``extension``, ``review_day``, ``outcome``."""


@dataclass(frozen=True, slots=True)
class ClockView:
    """One thing that is waited for."""

    kind: str
    """Kind of timer of ``hotline.tickets.limits``."""
    clock: str
    """``wall`` or ``working``."""
    due_at: datetime | None
    """None while it stands still."""
    left_s: int
    """On its clock; negative when late."""
    share_pct: int
    """Of what is allowed, spent."""
    pause_reason: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """The person behind a browser."""

    user_name: str
    display_name: str
    role: str
    """``agent``, ``supervisor``, ``unit`` (works in a street, community or department) or ``admin``."""
    unit_code: str | None
    """The unit that a ``unit`` user works for; None for the others."""
    language: str
    """``zh`` or ``en``."""


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A service request as a line of a list."""

    number: str
    state: str
    """State of tickets.request."""
    priority: str
    """``P1`` to ``P4``."""
    opened_at: datetime
    caller: str
    """Masked as the reader's role demands; empty when withheld."""
    kind_label: str
    """Kind of demand decided by a person, else the suggested one, else empty."""
    place: str
    unit_name: str
    """Lead unit; empty while nobody has it."""
    excerpt: str
    """First words of the transcript."""
    transcript_state: str
    """``waiting``, ``done`` or ``failed``."""
    for_agent: bool
    """True when the caller had asked for a person."""
    version: int
    """Grows with every change; an action must name the one it was decided on."""
    due_at: datetime | None = None
    """When the first of what is waited for is late; None when nothing is, or its clock stands."""
    level: int = 0
    """How far its lateness was told, L0 to L4."""


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A stretch of the transcript, with the place in the audio it came from."""

    start_ms: int
    end_ms: int
    text: str
    raw_text: str
    confidence: str


@dataclass(frozen=True, slots=True)
class RecordingView:
    """A recording that may be played."""

    recording_id: str
    started_at: datetime
    length_s: float
    cut_short: bool
    both: bool = False
    """True: the caller and whom she talked with; she is heard on the left."""
    expired_at: datetime | None = None
    """When its audio was deleted because its time was over."""


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A letter to a unit, and how far it got."""

    notice_id: int
    channel: str
    address: str
    state: str
    """``queued``, ``delayed`` (tried, will be tried again), ``sent`` or ``failed``."""
    attempts: int
    last_error: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderView:
    """A work order: one unit's part in a request."""

    order_id: int
    number: str
    unit_code: str
    unit_name: str
    part: str
    """``lead`` or ``co``."""
    state: str
    """State of tickets.work_order: ``dispatched``, ``signed``, ``done``, ``returned``."""
    note: str
    reply: str
    routed_at: datetime
    routed_by: str
    notices: Sequence[NoticeView]
    outcome: str = ""
    """Code of ``hotline.tickets.outcomes``; empty before the reply."""
    due_at: datetime | None = None
    """Of a co-handler's part; the lead's clocks are the request's."""
    moves: Sequence[MoveOffer] = ()
    """What this person may do with it now."""


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One event of a request's history."""

    at: datetime
    kind: str
    actor: str
    """Display name of the person, ``caller`` or ``system``."""
    payload: Mapping[str, object]
    said: str = ""
    """Reason or words that were given with it."""


@dataclass(frozen=True, slots=True)
class RequestPage:
    """All that a person may see of one request."""

    line: RequestLine
    text: str
    """Whole transcript, corrected; empty when waiting or failed."""
    edited_text: str
    """What a person wrote instead, empty when nobody did."""
    kind_code: str
    region_code: str
    segments: Sequence[SegmentView]
    suggestions: Sequence[Suggestion]
    """Best first within each field."""
    recordings: Sequence[RecordingView]
    orders: Sequence[OrderView]
    history: Sequence[HistoryLine]
    earlier: Sequence[RequestLine]
    """Other requests of the same caller, newest first."""
    called: str
    language: str
    may: frozenset[str]
    """Actions that this person may take now: ``route``, ``edit``, ``sign``, ``contact``, ``reply``,
    ``play``."""
    moves: Sequence[MoveOffer] = ()
    """Other moves of the request that are open to her."""
    clocks: Sequence[ClockView] = ()
    """What is waited for, the most pressing first."""
    life: ServiceRequest | None = None
    """The request as the tables know it; None once the desk has read it."""
    around: Around = ALONE
    is_complete: bool = False
    """It can be accepted: kind and words are there."""
    voices: Sequence[VoiceView] = ()
    """How good the voices of its call were, the caller's first; empty where nothing was measured."""


@dataclass(frozen=True, slots=True)
class UnitChoice:
    """A unit that a request can be routed to."""

    code: str
    name: str
    kind: str
    """``street``, ``community`` or ``department``."""
    email: str
    """Empty when the unit has no address: then routing works, but no letter goes out."""


@dataclass(frozen=True, slots=True)
class KindChoice:
    """A kind of demand of the catalogue."""

    code: str
    label: str
    group: str
    """The two upper levels, joined with `` › ``."""


@dataclass(frozen=True, slots=True)
class VoiceView:
    """How good the voice of one side of a call is, in its worse direction."""

    who: str
    """``caller`` or ``other``."""
    grade: str
    """``very_good``, ``good``, ``fair``, ``poor``, ``bad``, ``unheard``, or ``unknown`` as yet."""
    mos: float | None
    """1 to 4.5 (ITU-T G.107)."""
    loss: float
    """Part of the packets that could not be heard, 0 to 1."""
    is_missing: bool
    """Nothing comes from this side though it should; of a call that is over: at some time."""


@dataclass(frozen=True, slots=True)
class TalkView:
    """A recorded talk that a person is in now."""

    call_id: str
    is_paused: bool
    """Its recording holds silence at present."""
    voices: Sequence[VoiceView] = ()
    """The caller's first."""


@dataclass(frozen=True, slots=True)
class TalkLevels:
    """How loud the sides of a talk were in the last fifth of a second, in dBov; None: nothing came."""

    caller: float | None
    other: float | None


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """Where the audio of a recording lies, for the route that streams it."""

    path: str
    """Absolute path of a header-less G.711 file."""
    suffix: str
    """``.alaw`` or ``.ulaw``."""
    length_bytes: int
    far_path: str = ""
    """File of what was said to her; empty where she alone was recorded."""
    far_suffix: str = ""
    far_length_bytes: int = 0

    @property
    def channels(self) -> int:
        """How many sides there are."""
        return 2 if self.far_path else 1

    @property
    def samples(self) -> int:
        """Length of the longer side, at 8,000 a second."""
        return max(self.length_bytes, self.far_length_bytes)
