"""Reliable provisional responses and PRACK (RFC 3262), both sides.

``ReliableSender`` belongs to one INVITE that we answer: it numbers our 18x, repeats the one that is not
acknowledged, and keeps the next ones back until it is (section 3 asks for that of the first only and
recommends it for all). ``ReliableReceiver`` belongs to one early dialog of an INVITE of ours: it tells
which of the 18x that come in are to be acknowledged. What goes into messages is the owner's work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from hotline.errors import LocalProtocolError, RemoteProtocolError
from hotline.sip.headers import RAck, parse_rseq
from hotline.sip.message import Response
from hotline.sip.timers import PATIENCE, T1, take_due

OPTION: Final = "100rel"
LARGEST_FIRST: Final = 2**31 - 1  # RFC 3262, 3
MOST_WAITING: Final = 8
"""Responses that wait for their turn; a call says 183 and 180, perhaps twice."""


class State(Enum):
    """How the responses of one INVITE stand."""

    IDLE = "idle"
    """All that was sent is acknowledged."""
    WAITING = "waiting"
    """One response is repeated until its PRACK comes."""
    FINISHING = "finishing"
    """The INVITE was answered; one PRACK may still come, nothing is repeated."""
    DONE = "done"


class Given(Enum):
    """What may happen to them."""

    SEND = "send 18x"
    PRACK = "PRACK that fits"
    FINAL = "final response"
    REPEAT_DUE = "18x due again"
    PRACK_OVERDUE = "no PRACK for 64*T1"


class Action(Enum):
    """What is done on a move."""

    SEND = "send 18x"
    QUEUE = "keep it back"
    REPEAT = "send it again"
    SEND_NEXT = "send the next one"
    TELL_OVERDUE = "tell that nobody acknowledges"
    """The INVITE is to be refused with 5xx (section 3)."""


A, G, S = Action, Given, State
TRANSITIONS: Final[dict[tuple[State, Given], tuple[tuple[Action, ...], State]]] = {
    (S.IDLE, G.SEND): ((A.SEND,), S.WAITING),
    (S.IDLE, G.FINAL): ((), S.DONE),
    (S.WAITING, G.SEND): ((A.QUEUE,), S.WAITING),
    (S.WAITING, G.REPEAT_DUE): ((A.REPEAT,), S.WAITING),
    (S.WAITING, G.PRACK): ((A.SEND_NEXT,), S.IDLE),
    (S.WAITING, G.PRACK_OVERDUE): ((A.TELL_OVERDUE,), S.DONE),
    (S.WAITING, G.FINAL): ((), S.FINISHING),
    (S.FINISHING, G.PRACK): ((), S.DONE),
    (S.FINISHING, G.FINAL): ((), S.FINISHING),
    (S.DONE, G.FINAL): ((), S.DONE),
}
"""(state, given) -> (actions, next state)."""


class PrackTimer(Enum):
    """The timers of a response that is not acknowledged."""

    REPEAT = "repeat"
    """T1, doubled each time without a cap (section 3)."""
    GIVE_UP = "give up"
    """64*T1 (section 3)."""


TIMERS: Final = {S.WAITING: (PrackTimer.REPEAT, PrackTimer.GIVE_UP)}
FIRES: Final = {PrackTimer.REPEAT: Given.REPEAT_DUE, PrackTimer.GIVE_UP: Given.PRACK_OVERDUE}
FIRST_S: Final = {PrackTimer.REPEAT: T1, PrackTimer.GIVE_UP: PATIENCE}


@dataclass(slots=True)
class _Sent:
    rseq: int
    data: bytes
    has_sdp: bool


class ReliableSender:
    """The reliable provisional responses to one INVITE.

    :param cseq: number of the INVITE.
    :param first: a random number, 1 to 2**31 - 1: the RSeq of the first one.
    """

    def __init__(self, cseq: int, first: int) -> None:
        if not 1 <= first <= LARGEST_FIRST:
            raise LocalProtocolError(f"RSeq cannot start with {first}")
        self.state = State.IDLE
        self.is_overdue = False
        """True: nobody acknowledged for 64*T1; the INVITE is to be refused with 5xx."""
        self._cseq, self._next = cseq, first
        self._sent: _Sent | None = None
        self._waiting: deque[tuple[Callable[[int], bytes], bool]] = deque()
        self._acknowledged: set[int] = set()
        self._due: dict[PrackTimer, float] = {}
        self._repeat_s = T1
        self._outbox: list[bytes] = []

    @property
    def may_answer(self) -> bool:
        """Tell whether a 2xx may go out: not while a response with an SDP is unacknowledged (section 3)."""
        sdp_out = self._sent is not None and self._sent.has_sdp and self.state is State.WAITING
        return not sdp_out and not any(has_sdp for _, has_sdp in self._waiting)

    @property
    def is_full(self) -> bool:
        """Tell whether so many wait that no further one may be sent."""
        return len(self._waiting) >= MOST_WAITING

    def send(self, write: Callable[[int], bytes], now: float, *, has_sdp: bool) -> None:
        """Send a reliable provisional response, or keep it until the one before is acknowledged.

        :param write: makes the response with its RSeq; called when it goes out.
        :raises LocalProtocolError: after a final response, or when too many wait.
        """
        if self.is_full or not self._allows(Given.SEND):
            raise LocalProtocolError(f"no provisional response can be sent: {self.state.value}")
        self._waiting.append((write, has_sdp))
        self._move(Given.SEND, now)

    def acknowledge(self, rack: RAck, now: float) -> bool:
        """Take a PRACK.

        :returns: True when it fits, to be answered 200; False: 481 (section 3). A PRACK that came
            before by another transaction fits again: its sender lost our 200.
        """
        if (rack.cseq.number, rack.cseq.method) != (self._cseq, "INVITE"):
            return False
        if rack.rseq in self._acknowledged:
            return True
        if self._sent is None or rack.rseq != self._sent.rseq or not self._allows(Given.PRACK):
            return False
        self._acknowledged.add(rack.rseq)
        self._sent = None
        self._move(Given.PRACK, now)
        return True

    def finish(self, now: float) -> None:
        """Tell that the INVITE got its final response: nothing is sent or repeated any more."""
        self._waiting.clear()
        self._outbox.clear()  # a PRACK that let the 200 go may have let the next 18x go as well
        self._move(Given.FINAL, now)

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        return min(self._due.values()) if self._due else None

    def handle_timer(self, now: float) -> None:
        """Fire what is due, in order of time."""
        while (first := take_due(self._due, now)) is not None:
            timer, due = first
            if timer is PrackTimer.REPEAT:
                self._repeat_s *= 2
                self._due[timer] = max(due, now) + self._repeat_s
            self._move(FIRES[timer], now)

    def take_outbox(self) -> list[bytes]:
        """Hand out what is to be sent, once."""
        taken, self._outbox = self._outbox, []
        return taken

    def _allows(self, given: Given) -> bool:
        return (self.state, given) in TRANSITIONS

    def _move(self, given: Given, now: float) -> None:
        row = TRANSITIONS.get((self.state, given))
        if row is None:
            return
        actions, to = row
        if to is not self.state:
            self.state = to
            self._due = {timer: now + FIRST_S[timer] for timer in TIMERS.get(to, ())}
            self._repeat_s = T1
        for action in actions:
            match action:
                case Action.SEND:
                    self._send_first()
                case Action.REPEAT:
                    assert self._sent is not None
                    self._outbox.append(self._sent.data)
                case Action.SEND_NEXT:
                    if self._waiting:
                        self._move(Given.SEND, now)
                case Action.TELL_OVERDUE:
                    self.is_overdue = True
                    self._waiting.clear()
                case Action.QUEUE:
                    pass  # it waits already

    def _send_first(self) -> None:
        write, has_sdp = self._waiting.popleft()
        self._sent = _Sent(self._next, write(self._next), has_sdp)
        self._next += 1
        self._outbox.append(self._sent.data)


class Arrival(Enum):
    """What a provisional response of a peer is to us."""

    UNRELIABLE = "unreliable"
    """It wants no PRACK."""
    NEXT = "next"
    """To be taken, and acknowledged with ``rack``."""
    REPEATED = "repeated"
    """Acknowledged before; to be passed over, the PRACK repeats itself."""
    TOO_EARLY = "too early"
    """One before it is missing; to be passed over, it will come again (section 4)."""


@dataclass(slots=True)
class ReliableReceiver:
    """The reliable provisional responses of one early dialog."""

    last: int | None = None
    """RSeq of the one that was taken last; None before the first."""
    _rack: RAck | None = field(default=None)

    @property
    def rack(self) -> RAck:
        """What acknowledges the response that was taken last.

        :raises LocalProtocolError: when none was.
        """
        if self._rack is None:
            raise LocalProtocolError("nothing to acknowledge")
        return self._rack

    def take(self, response: Response) -> Arrival:
        """Look at a provisional response above 100."""
        text = response.headers.get("RSeq")
        if text is None or response.status == 100 or OPTION not in {tag.lower() for tag in response.require}:
            return Arrival.UNRELIABLE
        try:
            number = parse_rseq(text)
        except RemoteProtocolError:
            return Arrival.UNRELIABLE
        if self.last is not None and number <= self.last:
            return Arrival.REPEATED
        if self.last is not None and number != self.last + 1:
            return Arrival.TOO_EARLY
        self.last, self._rack = number, RAck(number, response.cseq)
        return Arrival.NEXT


def wants_reliable(required: tuple[str, ...], supported: tuple[str, ...], policy: str) -> bool:
    """Tell whether provisional responses to an INVITE go out reliably.

    :param required: option tags of its Require; ``supported`` those of its Supported.
    :param policy: ``never``, ``supported`` (when the peer can) or ``required``; see ``Origin.reliable``.
    """
    if OPTION in {tag.lower() for tag in required}:
        return True
    return policy != "never" and OPTION in {tag.lower() for tag in supported}
