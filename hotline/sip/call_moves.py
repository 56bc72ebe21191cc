"""The words of a call's tables: where it stands, what may happen to it, and what is done then.

``incoming_call`` holds the rows of a call that comes to us until its ACK, ``standing_call`` those of a
dialog that stands, whoever began it; ``call_machine`` walks them. How a call that we make is set up,
INVITE by INVITE, is in ``outgoing_call``.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from hotline.sip.timers import PATIENCE, T1


class State(Enum):
    """Where a call stands on the SIP side."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    OFFERED = "offered"
    """100 was sent; the layer above decides."""
    PROGRESSED = "progressed"
    """A provisional response above 100 was sent: the caller hears it ring, or hears us already."""
    ACCEPTING = "accepting"
    """We want to answer, but PRACK for a response with a session description is missing (RFC 3262, 3)."""
    ANSWERED = "answered"
    """200 was sent and is repeated until the ACK comes."""
    LEAVING = "leaving"
    """We want to hang up, but the ACK has not come yet (section 15)."""
    EARLY = "early"
    """A provisional response to our INVITE made the dialog (12.1); it may be one of several."""
    CONFIRMED = "confirmed"
    """The dialog stands."""
    REANSWERED = "re-answered"
    """200 to a re-INVITE was sent and is repeated until its ACK comes."""
    REOFFERING = "re-offering"
    """Our own re-INVITE waits for its answer."""
    ENDING = "ending"
    """BYE was sent."""
    ENDED = "ended"


UNACKNOWLEDGED: Final = frozenset({State.ANSWERED, State.LEAVING})
"""Our 200 went out, its ACK did not come: such a call is kept for 64*T1 and no longer (13.3.1.4)."""


class Given(Enum):
    """What may happen to a call."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    ACCEPT = "accept"
    ACCEPT_LATER = "accept, PRACK still missing"
    PROGRESS = "progress"
    REFUSE = "refuse"
    HANG_UP = "hang up"
    CANCEL = "CANCEL"
    ACK = "ACK"
    ACK_UNUSABLE = "ACK without a usable answer"
    """The answer to our delayed offer is missing or nothing we can carry."""
    BYE = "BYE"
    REINVITE = "re-INVITE"
    PRACK = "PRACK"
    PRACK_OVERDUE = "no PRACK for 64*T1"
    ESTABLISHED = "2xx to our INVITE"
    ESTABLISHED_UNUSABLE = "2xx without a usable answer"
    REOFFER = "re-offer"
    REOFFER_TAKEN = "2xx to our re-INVITE"
    REOFFER_UNUSABLE = "2xx without a usable answer to our re-INVITE"
    REOFFER_REFUSED = "error to our re-INVITE"
    GLARE = "491 to our re-INVITE"
    SESSION_EXPIRED = "session expired"
    """No refresh came in time (RFC 4028, 10), or the peer does not know the dialog (12.2.1.2)."""
    BYE_DONE = "BYE answered or given up"
    REPEAT_DUE = "200 due again"
    ACK_OVERDUE = "no ACK for 64*T1"
    DECISION_OVERDUE = "no decision"
    RENEWAL_DUE = "a minute without a provisional response"
    REOFFER_OVERDUE = "no final response to our re-INVITE"


class Action(Enum):
    """What a call does on a move."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    SEND_PROGRESS = "send 18x"
    REPEAT_PROGRESS = "send 18x again"
    SEND_OK = "send 200"
    REPEAT_OK = "send 200 again"
    SEND_REFUSAL = "send the error"
    SEND_TERMINATED = "send 487"
    SEND_FAILED = "send 500"
    SEND_TOO_EARLY = "send 500 with Retry-After"
    SEND_PENDING = "send 491"
    ANSWER_BYE = "answer BYE"
    SEND_BYE = "send BYE"
    SEND_REINVITE = "send re-INVITE"
    WAIT_FOR_GLARE = "wait (14.1)"
    TELL_CONFIRMED = "tell confirmed"
    TELL_ANSWERED = "tell answered"
    TELL_MOVED = "tell moved"
    TELL_REFUSED = "tell refused"


class Cause(Enum):
    """Why a call ended, as ``CallEnded`` tells it."""

    BYE = "bye"
    CANCEL = "cancel"
    NO_ACK = "no_ack"
    HUNG_UP = "hung_up"
    REFUSED = "refused"
    FAILED = "failed"
    REPLACED = "replaced"


class CallTimer(Enum):
    """The timers of a call."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    REPEAT = "repeat"
    """Sends the 200 again: T1, doubled up to T2, over every transport (13.3.1.4)."""
    GIVE_UP = "give up"
    """64*T1 without an ACK (13.3.1.4)."""
    DECIDE = "decide"
    """The layer above has not decided; a caller must not hear nothing for ever."""
    RENEW = "renew"
    """Provisional responses are said again each minute, for the proxies between (13.3.1.1)."""
    RING = "ring"
    """It has rung beyond what anybody waits for."""
    REOFFER = "re-offer"
    """Our re-INVITE got provisional responses and nothing else."""


DECISION_S: Final = 30.0
"""Seconds to accept or refuse. Below the minute after which 13.3.1.1 wants another provisional response."""
RENEW_S: Final = 60.0
"""Seconds between provisional responses (13.3.1.1)."""
RING_S: Final = 600.0
"""Seconds that a call may ring or hear early media. The layer above decides long before."""
REOFFER_S: Final = 2 * PATIENCE
"""Seconds that a re-INVITE may stay open: a peer that says 100 and then nothing is gone."""

FIRES: Final = {
    CallTimer.REPEAT: Given.REPEAT_DUE,
    CallTimer.GIVE_UP: Given.ACK_OVERDUE,
    CallTimer.DECIDE: Given.DECISION_OVERDUE,
    CallTimer.RENEW: Given.RENEWAL_DUE,
    CallTimer.RING: Given.DECISION_OVERDUE,
    CallTimer.REOFFER: Given.REOFFER_OVERDUE,
}
FIRST_S: Final = {
    CallTimer.REPEAT: T1,
    CallTimer.GIVE_UP: PATIENCE,
    CallTimer.DECIDE: DECISION_S,
    CallTimer.RENEW: RENEW_S,
    CallTimer.RING: RING_S,
    CallTimer.REOFFER: REOFFER_S,
}

Table = dict[tuple[State, Given], tuple[tuple[Action, ...], State, Cause | None]]
"""(state, given) -> (actions, next state, why the call ended if it did)."""
TimerTable = dict[State, tuple[CallTimer, ...]]
"""Timers that run in a state. Entering a state starts those that were not running and stops the others."""
