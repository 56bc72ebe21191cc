"""One call that came to us: the UAS core of an INVITE dialog, as a table.

From the INVITE to the end of the BYE (RFC 3261, 13.3, 14.2, 15.1): it answers, repeats its 200 until
the ACK comes (13.3.1.4), takes re-INVITEs, and hangs up only when it may (section 15: a callee sends
no BYE before the ACK). What each move means in messages is carried out by ``call_actions``; here is
only when it happens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from hotline.errors import LocalProtocolError
from hotline.sip.timers import PATIENCE, T1, T2


class State(Enum):
    """Where a call stands on the SIP side."""

    OFFERED = "offered"
    """100 was sent; the layer above decides."""
    ANSWERED = "answered"
    """200 was sent and is repeated until the ACK comes."""
    LEAVING = "leaving"
    """We want to hang up, but the ACK has not come yet (section 15)."""
    CONFIRMED = "confirmed"
    """The dialog stands."""
    REANSWERED = "re-answered"
    """200 to a re-INVITE was sent and is repeated until its ACK comes."""
    ENDING = "ending"
    """BYE was sent."""
    ENDED = "ended"


class Given(Enum):
    """What may happen to a call."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    HANG_UP = "hang up"
    CANCEL = "CANCEL"
    ACK = "ACK"
    ACK_UNUSABLE = "ACK without a usable answer"
    """The answer to our delayed offer is missing or nothing we can carry."""
    BYE = "BYE"
    REINVITE = "re-INVITE"
    SESSION_EXPIRED = "session expired"
    """No refresh came in time, or the peer does not know our refresh (RFC 4028, 10)."""
    BYE_DONE = "BYE answered or given up"
    REPEAT_DUE = "200 due again"
    ACK_OVERDUE = "no ACK for 64*T1"
    DECISION_OVERDUE = "no decision"


class Action(Enum):
    """What a call does on a move."""

    SEND_OK = "send 200"
    REPEAT_OK = "send 200 again"
    SEND_REFUSAL = "send the error"
    SEND_TERMINATED = "send 487"
    SEND_FAILED = "send 500"
    SEND_PENDING = "send 491"
    ANSWER_BYE = "answer BYE"
    SEND_BYE = "send BYE"
    TELL_CONFIRMED = "tell confirmed"


class Cause(Enum):
    """Why a call ended, as ``CallEnded`` tells it."""

    BYE = "bye"
    CANCEL = "cancel"
    NO_ACK = "no_ack"
    HUNG_UP = "hung_up"
    REFUSED = "refused"


class CallTimer(Enum):
    """The timers of a call."""

    REPEAT = "repeat"
    """Sends the 200 again: T1, doubled up to T2, over every transport (13.3.1.4)."""
    GIVE_UP = "give up"
    """64*T1 without an ACK (13.3.1.4)."""
    DECIDE = "decide"
    """The layer above has not decided; a caller must not hear nothing for ever."""


DECISION_S: Final = 30.0
"""Seconds to accept or refuse. Below the minute after which 13.3.1.1 wants another provisional response."""

A, G, S = Action, Given, State
TRANSITIONS: Final[dict[tuple[State, Given], tuple[tuple[Action, ...], State, Cause | None]]] = {
    (S.OFFERED, G.ACCEPT): ((A.SEND_OK,), S.ANSWERED, None),
    (S.OFFERED, G.REFUSE): ((A.SEND_REFUSAL,), S.ENDED, Cause.REFUSED),
    (S.OFFERED, G.HANG_UP): ((A.SEND_REFUSAL,), S.ENDED, Cause.REFUSED),
    (S.OFFERED, G.CANCEL): ((A.SEND_TERMINATED,), S.ENDED, Cause.CANCEL),  # 9.2
    (S.OFFERED, G.DECISION_OVERDUE): ((A.SEND_FAILED,), S.ENDED, Cause.REFUSED),
    (S.ANSWERED, G.REPEAT_DUE): ((A.REPEAT_OK,), S.ANSWERED, None),
    (S.ANSWERED, G.ACK): ((A.TELL_CONFIRMED,), S.CONFIRMED, None),
    (S.ANSWERED, G.ACK_UNUSABLE): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),  # 13.2.2.4
    (S.ANSWERED, G.ACK_OVERDUE): ((A.SEND_BYE,), S.ENDING, Cause.NO_ACK),  # 13.3.1.4
    (S.ANSWERED, G.HANG_UP): ((), S.LEAVING, None),
    (S.ANSWERED, G.BYE): ((A.ANSWER_BYE,), S.ENDED, Cause.BYE),
    (S.ANSWERED, G.CANCEL): ((), S.ANSWERED, None),  # 9.2: too late, has no effect
    (S.ANSWERED, G.REINVITE): ((A.SEND_PENDING,), S.ANSWERED, None),
    (S.LEAVING, G.REPEAT_DUE): ((A.REPEAT_OK,), S.LEAVING, None),
    (S.LEAVING, G.ACK): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.LEAVING, G.ACK_UNUSABLE): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.LEAVING, G.ACK_OVERDUE): ((A.SEND_BYE,), S.ENDING, Cause.NO_ACK),
    (S.LEAVING, G.HANG_UP): ((), S.LEAVING, None),
    (S.LEAVING, G.BYE): ((A.ANSWER_BYE,), S.ENDED, Cause.BYE),
    (S.LEAVING, G.CANCEL): ((), S.LEAVING, None),
    (S.LEAVING, G.REINVITE): ((A.SEND_PENDING,), S.LEAVING, None),
    (S.CONFIRMED, G.ACK): ((), S.CONFIRMED, None),
    (S.CONFIRMED, G.ACK_UNUSABLE): ((), S.CONFIRMED, None),  # a repeated ACK without its body
    (S.CONFIRMED, G.HANG_UP): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.CONFIRMED, G.BYE): ((A.ANSWER_BYE,), S.ENDED, Cause.BYE),
    (S.CONFIRMED, G.CANCEL): ((), S.CONFIRMED, None),
    (S.CONFIRMED, G.REINVITE): ((A.SEND_OK,), S.REANSWERED, None),
    (S.CONFIRMED, G.SESSION_EXPIRED): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.REANSWERED, G.SESSION_EXPIRED): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.REANSWERED, G.REPEAT_DUE): ((A.REPEAT_OK,), S.REANSWERED, None),
    (S.REANSWERED, G.ACK): ((), S.CONFIRMED, None),
    (S.REANSWERED, G.ACK_UNUSABLE): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.REANSWERED, G.ACK_OVERDUE): ((A.SEND_BYE,), S.ENDING, Cause.NO_ACK),  # 14.2
    (S.REANSWERED, G.HANG_UP): ((A.SEND_BYE,), S.ENDING, Cause.HUNG_UP),
    (S.REANSWERED, G.BYE): ((A.ANSWER_BYE,), S.ENDED, Cause.BYE),
    (S.REANSWERED, G.CANCEL): ((), S.REANSWERED, None),
    (S.REANSWERED, G.REINVITE): ((A.SEND_PENDING,), S.REANSWERED, None),
    (S.ENDING, G.ACK): ((), S.ENDING, None),
    (S.ENDING, G.ACK_UNUSABLE): ((), S.ENDING, None),
    (S.ENDING, G.HANG_UP): ((), S.ENDING, None),
    (S.ENDING, G.BYE): ((A.ANSWER_BYE,), S.ENDING, None),  # both hung up at once
    (S.ENDING, G.CANCEL): ((), S.ENDING, None),
    (S.ENDING, G.BYE_DONE): ((), S.ENDED, None),
}
"""(state, given) -> (actions, next state, why the call ended if it did)."""

TIMERS: Final[dict[State, tuple[CallTimer, ...]]] = {
    S.OFFERED: (CallTimer.DECIDE,),
    S.ANSWERED: (CallTimer.REPEAT, CallTimer.GIVE_UP),
    S.LEAVING: (CallTimer.REPEAT, CallTimer.GIVE_UP),
    S.REANSWERED: (CallTimer.REPEAT, CallTimer.GIVE_UP),
}
"""Timers that run in a state. Entering a state starts those that were not running and stops the others."""

FIRES: Final = {
    CallTimer.REPEAT: Given.REPEAT_DUE,
    CallTimer.GIVE_UP: Given.ACK_OVERDUE,
    CallTimer.DECIDE: Given.DECISION_OVERDUE,
}
FIRST_S: Final = {CallTimer.REPEAT: T1, CallTimer.GIVE_UP: PATIENCE, CallTimer.DECIDE: DECISION_S}

FROM_OUR_CODE: Final = frozenset({Given.ACCEPT, Given.REFUSE, Given.HANG_UP})


@dataclass(slots=True)
class IncomingCall:
    """The machine of one call: moves go in with ``now``, actions and the cause of the end come out."""

    state: State = State.OFFERED
    cause: Cause | None = None
    """Why the call ended; None while it goes on."""
    _due: dict[CallTimer, float] = field(default_factory=dict)
    _repeat_s: float = T1
    _todo: list[Action] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Tell whether the call may be forgotten."""
        return self.state is State.ENDED

    def start(self, now: float) -> None:
        """Begin to wait for a decision."""
        self._start_timers((), now)

    def allows(self, given: Given) -> bool:
        """Tell whether the table holds such a move in this state."""
        return (self.state, given) in TRANSITIONS

    def handle(self, given: Given, now: float) -> None:
        """Make one move of the table; what the wire brings at a wrong time is dropped.

        :raises LocalProtocolError: when our own code accepts or refuses a call a second time.
        """
        row = TRANSITIONS.get((self.state, given))
        if row is None:
            if given in FROM_OUR_CODE and not self.is_over:
                raise LocalProtocolError(f"a call that is {self.state.value} cannot {given.value}")
            return
        actions, to, cause = row
        self._todo.extend(actions)
        self.cause = self.cause or cause
        if to is not self.state:
            running = TIMERS.get(self.state, ())
            self.state = to
            self._start_timers(running, now)

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        return min(self._due.values()) if self._due else None

    def handle_timer(self, now: float) -> None:
        """Fire what is due, in order of time."""
        while self._due:
            timer, due = min(self._due.items(), key=lambda item: item[1])
            if due > now:
                return
            del self._due[timer]
            if timer is CallTimer.REPEAT:
                self._repeat_s = min(2 * self._repeat_s, T2)
                self._due[timer] = max(due, now) + self._repeat_s
            self.handle(FIRES[timer], now)

    def take_actions(self) -> list[Action]:
        """Hand out what is to be done, once."""
        taken, self._todo = self._todo, []
        return taken

    def _start_timers(self, running: tuple[CallTimer, ...], now: float) -> None:
        wanted = TIMERS.get(self.state, ())
        for timer in [timer for timer in self._due if timer not in wanted]:
            del self._due[timer]
        for timer in wanted:
            if timer not in running:
                self._due[timer] = now + FIRST_S[timer]
                if timer is CallTimer.REPEAT:
                    self._repeat_s = T1
