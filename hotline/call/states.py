"""The states of a call and every move between them: one table.

::

    OPENING_MEDIA ─ port ─► ANSWERING ─ ACK ─► TALKING ─ caller left, or flow ended ─┐
      │ failed: 503           │ left               CLOSING ◄──────────────────────────┘
      │ left                  │                    │ the recording is on disk
      ▼                       ▼                    ▼
    ENDED ◄───────────────────┘              SETTLING ─ requests stored ─► ENDED

The record is handed to the store as the call comes, and 200 OK does not wait for the disk: before the
greeting is over she has said nothing that could be lost (docs/decisions/107). What is written before what
is told from then on: a recording is on disk before its request is opened, and its record and its request
before a number is read; ``WriteEnded`` is the last command of every call, and comes after every request of
the call is stored or given up.
``docs/call.md`` holds the drawing made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class S(Enum):
    """States of a call."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    OPENING_MEDIA = "opening_media"
    ANSWERING = "answering"
    TALKING = "talking"
    CLOSING = "closing"
    SETTLING = "settling"
    ENDED = "ended"


class I(Enum):  # noqa: E742 - states S, inputs I, actions A: the letters of all our tables
    """Inputs of a call."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    NOT_WRITTEN = "record not committed, nothing said yet"
    PORT_OPENED = "port opened"
    PORT_OPENED_FREE = "port opened, for a free announcement"
    MEDIA_FAILED = "media failed"
    PORT_MOVED = "voice is expected at a new plane"
    PORT_REFUSED = "the other side does not follow there"
    CONFIRMED = "ACK"
    CONFIRMED_UNWRITTEN = "ACK, record not committed"
    LEFT = "caller left"
    FLOW_ENDED = "flow ended"
    RECORDING_CLOSED = "recording closed"
    SETTLED = "all requests stored or given up"
    TIMEOUT = "state lasted too long"


class A(Enum):
    """Actions of a call."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    REFUSE_AND_CLOSE = "Refuse 503, ClosePort, WriteEnded"
    ANSWER = "Answer, WriteAnswered"
    ANNOUNCE = "Progress 183, begin the flow"
    BEGIN_FLOW = "begin the flow"
    BEGIN_WITH_APOLOGY = "apology, then HangUp"
    CLOSE_UNUSED = "ClosePort, WriteEnded"
    DROP = "HangUp, ClosePort, WriteEnded"
    CLOSE = "ClosePort"
    HANG_UP = "HangUp, ClosePort"
    REOFFER = "Reoffer"
    WIND_UP = "farewell, then HangUp"
    APOLOGISE = "apology, then HangUp; at once when that fails too"
    SETTLE = "OpenRequest for words without one"
    SETTLE_WITHOUT_FILE = "note the missing file, settle"
    WRITE_ENDED = "WriteEnded"


TRANSITIONS: Final[Mapping[tuple[S, I], tuple[A, S]]] = {
    (S.OPENING_MEDIA, I.PORT_OPENED): (A.ANSWER, S.ANSWERING),
    (S.OPENING_MEDIA, I.PORT_OPENED_FREE): (A.ANNOUNCE, S.TALKING),
    (S.OPENING_MEDIA, I.MEDIA_FAILED): (A.REFUSE_AND_CLOSE, S.ENDED),
    (S.OPENING_MEDIA, I.NOT_WRITTEN): (A.REFUSE_AND_CLOSE, S.ENDED),
    (S.OPENING_MEDIA, I.TIMEOUT): (A.REFUSE_AND_CLOSE, S.ENDED),
    (S.OPENING_MEDIA, I.LEFT): (A.CLOSE_UNUSED, S.ENDED),
    (S.ANSWERING, I.CONFIRMED): (A.BEGIN_FLOW, S.TALKING),
    (S.ANSWERING, I.CONFIRMED_UNWRITTEN): (A.BEGIN_WITH_APOLOGY, S.TALKING),
    (S.ANSWERING, I.LEFT): (A.CLOSE_UNUSED, S.ENDED),
    (S.ANSWERING, I.MEDIA_FAILED): (A.DROP, S.ENDED),
    (S.ANSWERING, I.PORT_MOVED): (A.REOFFER, S.ANSWERING),
    (S.ANSWERING, I.PORT_REFUSED): (A.DROP, S.ENDED),
    (S.ANSWERING, I.TIMEOUT): (A.DROP, S.ENDED),
    (S.TALKING, I.LEFT): (A.CLOSE, S.CLOSING),
    (S.TALKING, I.FLOW_ENDED): (A.HANG_UP, S.CLOSING),
    (S.TALKING, I.MEDIA_FAILED): (A.APOLOGISE, S.TALKING),
    (S.TALKING, I.PORT_MOVED): (A.REOFFER, S.TALKING),
    (S.TALKING, I.PORT_REFUSED): (A.APOLOGISE, S.TALKING),
    (S.TALKING, I.NOT_WRITTEN): (A.APOLOGISE, S.TALKING),
    (S.TALKING, I.TIMEOUT): (A.WIND_UP, S.TALKING),
    (S.CLOSING, I.RECORDING_CLOSED): (A.SETTLE, S.SETTLING),
    (S.CLOSING, I.MEDIA_FAILED): (A.SETTLE_WITHOUT_FILE, S.SETTLING),
    (S.CLOSING, I.TIMEOUT): (A.SETTLE_WITHOUT_FILE, S.SETTLING),
    (S.SETTLING, I.RECORDING_CLOSED): (A.SETTLE, S.SETTLING),
    (S.SETTLING, I.SETTLED): (A.WRITE_ENDED, S.ENDED),
}

LIMITS_S: Final[Mapping[S, float]] = {
    S.OPENING_MEDIA: 5.0,  # the caller hears ringing; who is refused can dial again
    S.ANSWERING: 40.0,  # past 64*T1 = 32 s, when the user agent itself reports no_ack (RFC 3261, 13.3.1.4)
    S.CLOSING: 10.0,  # fsync of a few hundred kilobytes, on a disk in trouble
}
"""How long a state may last; TALKING has the flow's own limit, SETTLING that of its openings."""

FAREWELL_S: Final = 30.0
"""What a call that lasts too long, or failed, is given for its last words, before it is cut."""

RECORD_WAIT_S: Final = 10.0
"""How long the store may be silent about the call record, before that counts as not written."""
