"""What a console shows: plain values, already filtered for the person who asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hotline.routing.suggestion import Suggestion


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


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One event of a request's history."""

    at: datetime
    kind: str
    actor: str
    """Display name of the person, ``caller`` or ``system``."""
    payload: Mapping[str, object]


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
    """Actions that this person may take now: ``route``, ``edit``, ``sign``, ``reply``, ``play``."""


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
class TalkView:
    """A recorded talk that a person is in now."""

    call_id: str
    is_paused: bool
    """Its recording holds silence at present."""


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
