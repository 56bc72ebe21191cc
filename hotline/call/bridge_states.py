"""The states of a bridge and every move between them: one table.

::

                      answered                    a side holds
    CALLING ───────────────────────► TALKING ◄──────────────────► HELD
       ▲ │ nobody answers               │ a transfer is asked for   │
       │ ▼                              ▼                           │
       │ OVER ◄── either side leaves    TRANSFERRING ◄──────────────┘
       │                                │ answered: TALKING with the new one
       └── who asked for it hung up ────┤ failed: TALKING with who asked for it

``near`` is the side that stays: the caller whose flow goes on when the talk is over, or of two
telephones the one that nobody transferred yet. ``far`` is whom it talks with.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class B(Enum):
    """States of a bridge."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    CALLING = "calling"
    TALKING = "talking"
    HELD = "held"
    TRANSFERRING = "transferring"
    OVER = "over"


class I(Enum):  # noqa: E742 - inputs I, actions A: the letters of all our tables
    """Inputs of a bridge."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    FOUND = "telephones found"
    NOBODY = "nobody is left who could answer"
    FORWARDED = "a telephone sends its call to another one"
    LINE_FAILED = "the trunk could not carry it"
    RINGS = "it rings"
    ANSWERED = "somebody answered"
    TIMEOUT = "nothing came for too long"
    HOLDS = "a side holds the other"
    RESUMES = "no side holds the other any more"
    NEAR_LEFT = "near left"
    FAR_LEFT = "far left"
    FAR_LEFT_THREE = "far left, a third talks on"
    REFERRED = "a side asks for a transfer"
    TAKEN = "a leg of another call joins"
    TAKEN_RINGING = "a leg of another call joins that still rings"
    GIVEN = "a side goes over to another call"
    REPLACED = "another telephone takes a side's place"


class A(Enum):
    """Actions of a bridge."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    OPEN_LEGS = "open a port for each telephone"
    TELL_RINGING = "tell that it rings"
    CONNECT = "drop the others, let both hear each other"
    GIVE_UP = "drop all, tell the outcome"
    SEEK_FORWARD = "look for that one"
    SEEK_LINE = "look for another trunk"
    DROP = "drop all"
    END = "tell that the talk is over"
    SEEK_TARGET = "look for the target"
    REPORT_RINGING = "tell who asked that it rings"
    COMPLETE = "let near and the target hear each other, report 200"
    GO_BACK = "report the failure, let near and far hear each other again"
    GO_ON_ALONE = "near waits for the target"
    TAKE_MEMBER = "let near and the third talk on"
    HEAR = "change what is heard"
    HAND_OVER = "drop the other side, tell that the call is joined"
    AWAIT_TAKEN = "report 200, near waits until it answers"


TRANSITIONS: Final[Mapping[tuple[B, I], tuple[A, B]]] = {
    (B.CALLING, I.FOUND): (A.OPEN_LEGS, B.CALLING),
    (B.CALLING, I.RINGS): (A.TELL_RINGING, B.CALLING),
    (B.CALLING, I.ANSWERED): (A.CONNECT, B.TALKING),
    (B.CALLING, I.NOBODY): (A.GIVE_UP, B.OVER),
    (B.CALLING, I.FORWARDED): (A.SEEK_FORWARD, B.CALLING),
    (B.CALLING, I.LINE_FAILED): (A.SEEK_LINE, B.CALLING),
    (B.CALLING, I.TIMEOUT): (A.GIVE_UP, B.OVER),
    (B.CALLING, I.NEAR_LEFT): (A.DROP, B.OVER),
    (B.CALLING, I.GIVEN): (A.HAND_OVER, B.OVER),
    (B.CALLING, I.REPLACED): (A.CONNECT, B.TALKING),
    (B.TALKING, I.HOLDS): (A.HEAR, B.HELD),
    (B.TALKING, I.NEAR_LEFT): (A.DROP, B.OVER),
    (B.TALKING, I.FAR_LEFT): (A.END, B.OVER),
    (B.TALKING, I.FAR_LEFT_THREE): (A.TAKE_MEMBER, B.TALKING),
    (B.TALKING, I.REFERRED): (A.SEEK_TARGET, B.TRANSFERRING),
    (B.TALKING, I.TAKEN): (A.COMPLETE, B.TALKING),
    (B.TALKING, I.TAKEN_RINGING): (A.AWAIT_TAKEN, B.CALLING),
    (B.TALKING, I.GIVEN): (A.HAND_OVER, B.OVER),
    (B.TALKING, I.REPLACED): (A.CONNECT, B.TALKING),
    (B.HELD, I.HOLDS): (A.HEAR, B.HELD),
    (B.HELD, I.RESUMES): (A.HEAR, B.TALKING),
    (B.HELD, I.NEAR_LEFT): (A.DROP, B.OVER),
    (B.HELD, I.FAR_LEFT): (A.END, B.OVER),
    (B.HELD, I.FAR_LEFT_THREE): (A.TAKE_MEMBER, B.TALKING),
    (B.HELD, I.REFERRED): (A.SEEK_TARGET, B.TRANSFERRING),
    (B.HELD, I.TAKEN): (A.COMPLETE, B.TALKING),
    (B.HELD, I.TAKEN_RINGING): (A.AWAIT_TAKEN, B.CALLING),
    (B.HELD, I.GIVEN): (A.HAND_OVER, B.OVER),
    (B.HELD, I.REPLACED): (A.CONNECT, B.TALKING),
    (B.TRANSFERRING, I.FOUND): (A.OPEN_LEGS, B.TRANSFERRING),
    (B.TRANSFERRING, I.RINGS): (A.REPORT_RINGING, B.TRANSFERRING),
    (B.TRANSFERRING, I.ANSWERED): (A.COMPLETE, B.TALKING),
    (B.TRANSFERRING, I.NOBODY): (A.GO_BACK, B.TALKING),
    (B.TRANSFERRING, I.FORWARDED): (A.SEEK_FORWARD, B.TRANSFERRING),
    (B.TRANSFERRING, I.LINE_FAILED): (A.SEEK_LINE, B.TRANSFERRING),
    (B.TRANSFERRING, I.TIMEOUT): (A.GO_BACK, B.TALKING),
    (B.TRANSFERRING, I.FAR_LEFT): (A.GO_ON_ALONE, B.CALLING),
    (B.TRANSFERRING, I.NEAR_LEFT): (A.DROP, B.OVER),
    (B.TRANSFERRING, I.REPLACED): (A.CONNECT, B.TALKING),
}

SEEK_S: Final = 10.0
"""Looking up telephones and lines: a name server that says nothing is given up before."""
PORT_S: Final = 5.0
"""Opening their ports; the plane answers within a tick of 20 ms."""
LEAVING_S: Final = 3.0
"""Who transferred a call usually hangs up as soon as he is told that it worked; then we do."""
TARGET_RING_S: Final = 60.0
"""How long the target of a transfer rings before it goes back to who asked for it."""
MOST_LEGS: Final = 20
"""Telephones that ring at once for one caller; each takes a port and an INVITE."""
