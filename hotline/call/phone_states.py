"""The states of a call that a telephone of the house makes, and every move between them: one table.

::

    WRITING ─ record committed ─► OPENING ─ port ─► CONNECTING ─ somebody answers ─► TALKING ─┐
      │ store failed: 503           │ failed: 503       │ nobody answers: his status          │ over
      │ left                        ▼                   ▼                                     ▼
      ▼                           ENDED ◄───────────────┴─────────────────────────────────────┘
    ABANDONED ─ store answers ─► ENDED

The record is committed before anything is sent to anybody but the telephone itself. What happens
between the first ring and the end is the bridge's business (``bridge_states.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class S(Enum):
    """States of a telephone's call."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    WRITING = "writing"
    OPENING = "opening"
    CONNECTING = "connecting"
    TALKING = "talking"
    ABANDONED = "abandoned"
    ENDED = "ended"


class I(Enum):  # noqa: E742 - states S, inputs I, actions A: the letters of all our tables
    """Inputs of a telephone's call."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    WRITTEN = "record committed"
    NOT_WRITTEN = "record not committed"
    PORT_OPENED = "port opened"
    ANSWERED = "somebody answered"
    OVER = "bridge over"
    LEFT = "telephone left"
    MEDIA_FAILED = "media failed"
    TIMEOUT = "state lasted too long"


class A(Enum):
    """Actions of a telephone's call."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    OPEN_PORT = "OpenPort"
    REFUSE = "Refuse 503"
    SEEK = "look for whom it called"
    NOTE_ANSWERED = "WriteAnswered"
    END = "Refuse or HangUp, ClosePort, WriteEnded"
    CUT = "HangUp on both sides, ClosePort, WriteEnded"
    WRITE_ENDED = "WriteEnded"
    NOTHING = "-"


PHONE_TRANSITIONS: Final[Mapping[tuple[S, I], tuple[A, S]]] = {
    (S.WRITING, I.WRITTEN): (A.OPEN_PORT, S.OPENING),
    (S.WRITING, I.NOT_WRITTEN): (A.REFUSE, S.ENDED),
    (S.WRITING, I.LEFT): (A.NOTHING, S.ABANDONED),
    (S.WRITING, I.TIMEOUT): (A.REFUSE, S.ABANDONED),
    (S.OPENING, I.PORT_OPENED): (A.SEEK, S.CONNECTING),
    (S.OPENING, I.MEDIA_FAILED): (A.END, S.ENDED),
    (S.OPENING, I.LEFT): (A.END, S.ENDED),
    (S.OPENING, I.TIMEOUT): (A.CUT, S.ENDED),
    (S.CONNECTING, I.ANSWERED): (A.NOTE_ANSWERED, S.TALKING),
    (S.CONNECTING, I.OVER): (A.END, S.ENDED),
    (S.CONNECTING, I.TIMEOUT): (A.CUT, S.ENDED),
    (S.TALKING, I.OVER): (A.END, S.ENDED),
    (S.TALKING, I.TIMEOUT): (A.CUT, S.ENDED),
    (S.ABANDONED, I.WRITTEN): (A.WRITE_ENDED, S.ENDED),
    (S.ABANDONED, I.NOT_WRITTEN): (A.NOTHING, S.ENDED),
    (S.ABANDONED, I.TIMEOUT): (A.NOTHING, S.ENDED),
}

PHONE_LIMITS_S: Final[Mapping[S, float]] = {
    S.WRITING: 10.0,
    S.OPENING: 5.0,
    S.CONNECTING: 240.0,  # past every ringing (RFC 3261, 16.6 step 11 gives 180 s)
    S.TALKING: 4 * 3600.0,  # a receiver that was not put back
    S.ABANDONED: 60.0,
}
"""How long a state may last."""
