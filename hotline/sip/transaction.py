"""The four transaction machines of RFC 3261 section 17, with the Accepted state of RFC 6026.

A transaction carries one request and its responses over a network that loses, repeats and
reorders. Server transactions absorb repetitions, so that the layer above sees each request once;
client transactions repeat a request until it is answered or given up.

All four are rows of ``TABLES``: (state, input) -> (actions, next state). What is not in a table and
comes from the wire is dropped, as section 17 says; what is not in a table and comes from our own
code is a bug and raises ``LocalProtocolError``. ``TIMERS`` says which timers run in which state:
entering a state starts those that were not running and stops the others.

A transaction knows nothing of parsing, addresses or dialogs: it is given bytes to send, and passes
messages up as the objects it was handed. Matching messages to transactions is in ``matching``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from hotline.errors import LocalProtocolError
from hotline.sip.timers import (
    FIRST,
    LONGEST,
    NEVER_WHEN_RELIABLE,
    ZERO_WHEN_RELIABLE,
    Timer,
    change_timers,
    take_due,
)


class Kind(Enum):
    """Which of the four machines."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    INVITE_CLIENT = "INVITE client (RFC 3261 figure 5, RFC 6026 7.2)"
    CLIENT = "non-INVITE client (RFC 3261 figure 6)"
    INVITE_SERVER = "INVITE server (RFC 3261 figure 7, RFC 6026 7.1)"
    SERVER = "non-INVITE server (RFC 3261 figure 8)"


class S(Enum):
    """State of a transaction."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    CALLING = "Calling"
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    CONFIRMED = "Confirmed"
    ACCEPTED = "Accepted"
    TERMINATED = "Terminated"


class I(Enum):  # noqa: E742 - one letter, as in the tables
    """What may happen to a transaction, apart from its timers."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    REQUEST = "request again"
    ACK = "ACK"
    SEND_1XX = "send 1xx"
    SEND_2XX = "send 2xx"
    SEND_ERROR = "send 300-699"
    RECEIVE_1XX = "1xx"
    RECEIVE_2XX = "2xx"
    RECEIVE_ERROR = "300-699"
    TRANSPORT_ERROR = "transport error"


class A(Enum):
    """What a transaction does on a move."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    SEND = "send"
    """Send the bytes that came with the input, and keep them for repetition."""
    RESEND = "send again"
    """Send the kept bytes, if there are any."""
    SEND_ACK = "send ACK"
    """Acknowledge a final error (17.1.1.3)."""
    RESTART = "restart timer"
    """Start the timer that fired again, doubled."""
    RESTART_SLOWEST = "restart timer at its longest"
    """Start the timer that fired again with its longest run (17.1.2.2: E in Proceeding runs T2)."""
    TELL = "tell"
    """Pass the message up."""
    TELL_TIMEOUT = "tell timeout"
    TELL_TRANSPORT = "tell transport error"


Row = tuple[tuple[A, ...], S]
Table = dict[tuple[S, I | Timer], Row]

INVITE_SERVER: Final[Table] = {
    (S.PROCEEDING, I.REQUEST): ((A.RESEND,), S.PROCEEDING),
    (S.PROCEEDING, I.SEND_1XX): ((A.SEND,), S.PROCEEDING),
    (S.PROCEEDING, I.SEND_2XX): ((A.SEND,), S.ACCEPTED),  # RFC 6026, 7.1
    (S.PROCEEDING, I.SEND_ERROR): ((A.SEND,), S.COMPLETED),
    (S.PROCEEDING, I.TRANSPORT_ERROR): ((A.TELL_TRANSPORT,), S.PROCEEDING),  # RFC 6026, 8.6: stays
    (S.COMPLETED, I.REQUEST): ((A.RESEND,), S.COMPLETED),
    (S.COMPLETED, Timer.G): ((A.RESEND, A.RESTART), S.COMPLETED),
    (S.COMPLETED, Timer.H): ((A.TELL_TIMEOUT,), S.TERMINATED),
    (S.COMPLETED, I.ACK): ((), S.CONFIRMED),
    (S.COMPLETED, I.TRANSPORT_ERROR): ((A.TELL_TRANSPORT,), S.COMPLETED),  # RFC 6026, 8.6
    (S.CONFIRMED, I.ACK): ((), S.CONFIRMED),
    (S.CONFIRMED, Timer.I): ((), S.TERMINATED),
    (S.ACCEPTED, I.REQUEST): ((), S.ACCEPTED),  # RFC 6026, 7.1: the UAS core repeats its 2xx, not we
    (S.ACCEPTED, I.SEND_2XX): ((A.SEND,), S.ACCEPTED),
    (S.ACCEPTED, I.ACK): ((A.TELL,), S.ACCEPTED),
    (S.ACCEPTED, I.TRANSPORT_ERROR): ((A.TELL_TRANSPORT,), S.ACCEPTED),
    (S.ACCEPTED, Timer.L): ((), S.TERMINATED),
}

SERVER: Final[Table] = {
    (S.TRYING, I.REQUEST): ((), S.TRYING),
    (S.TRYING, I.SEND_1XX): ((A.SEND,), S.PROCEEDING),
    (S.TRYING, I.SEND_2XX): ((A.SEND,), S.COMPLETED),
    (S.TRYING, I.SEND_ERROR): ((A.SEND,), S.COMPLETED),
    (S.PROCEEDING, I.REQUEST): ((A.RESEND,), S.PROCEEDING),
    (S.PROCEEDING, I.SEND_1XX): ((A.SEND,), S.PROCEEDING),
    (S.PROCEEDING, I.SEND_2XX): ((A.SEND,), S.COMPLETED),
    (S.PROCEEDING, I.SEND_ERROR): ((A.SEND,), S.COMPLETED),
    (S.PROCEEDING, I.TRANSPORT_ERROR): ((A.TELL_TRANSPORT,), S.PROCEEDING),  # RFC 6026, 8.6
    (S.COMPLETED, I.REQUEST): ((A.RESEND,), S.COMPLETED),
    (S.COMPLETED, I.SEND_2XX): ((), S.COMPLETED),  # 17.2.2: a second final response is discarded
    (S.COMPLETED, I.SEND_ERROR): ((), S.COMPLETED),
    (S.COMPLETED, I.TRANSPORT_ERROR): ((A.TELL_TRANSPORT,), S.COMPLETED),
    (S.COMPLETED, Timer.J): ((), S.TERMINATED),
}

INVITE_CLIENT: Final[Table] = {
    (S.CALLING, Timer.A): ((A.RESEND, A.RESTART), S.CALLING),
    (S.CALLING, Timer.B): ((A.TELL_TIMEOUT,), S.TERMINATED),
    (S.CALLING, I.RECEIVE_1XX): ((A.TELL,), S.PROCEEDING),
    (S.CALLING, I.RECEIVE_2XX): ((A.TELL,), S.ACCEPTED),
    (S.CALLING, I.RECEIVE_ERROR): ((A.TELL, A.SEND_ACK), S.COMPLETED),
    (S.CALLING, I.TRANSPORT_ERROR): ((A.TELL_TRANSPORT,), S.TERMINATED),
    (S.PROCEEDING, I.RECEIVE_1XX): ((A.TELL,), S.PROCEEDING),
    (S.PROCEEDING, I.RECEIVE_2XX): ((A.TELL,), S.ACCEPTED),
    (S.PROCEEDING, I.RECEIVE_ERROR): ((A.TELL, A.SEND_ACK), S.COMPLETED),
    (S.PROCEEDING, I.TRANSPORT_ERROR): ((A.TELL_TRANSPORT,), S.TERMINATED),
    (S.COMPLETED, I.RECEIVE_ERROR): ((A.SEND_ACK,), S.COMPLETED),
    (S.COMPLETED, I.TRANSPORT_ERROR): ((A.TELL_TRANSPORT,), S.TERMINATED),
    (S.COMPLETED, Timer.D): ((), S.TERMINATED),
    (S.ACCEPTED, I.RECEIVE_2XX): ((A.TELL,), S.ACCEPTED),  # RFC 6026, 7.2: the core acknowledges each
    (S.ACCEPTED, Timer.M): ((), S.TERMINATED),
}

CLIENT: Final[Table] = {
    (S.TRYING, Timer.E): ((A.RESEND, A.RESTART), S.TRYING),
    (S.TRYING, Timer.F): ((A.TELL_TIMEOUT,), S.TERMINATED),
    (S.TRYING, I.RECEIVE_1XX): ((A.TELL,), S.PROCEEDING),
    (S.TRYING, I.RECEIVE_2XX): ((A.TELL,), S.COMPLETED),
    (S.TRYING, I.RECEIVE_ERROR): ((A.TELL,), S.COMPLETED),
    (S.TRYING, I.TRANSPORT_ERROR): ((A.TELL_TRANSPORT,), S.TERMINATED),
    (S.PROCEEDING, Timer.E): ((A.RESEND, A.RESTART_SLOWEST), S.PROCEEDING),
    (S.PROCEEDING, Timer.F): ((A.TELL_TIMEOUT,), S.TERMINATED),
    (S.PROCEEDING, I.RECEIVE_1XX): ((A.TELL,), S.PROCEEDING),
    (S.PROCEEDING, I.RECEIVE_2XX): ((A.TELL,), S.COMPLETED),
    (S.PROCEEDING, I.RECEIVE_ERROR): ((A.TELL,), S.COMPLETED),
    (S.PROCEEDING, I.TRANSPORT_ERROR): ((A.TELL_TRANSPORT,), S.TERMINATED),
    (S.COMPLETED, I.RECEIVE_2XX): ((), S.COMPLETED),
    (S.COMPLETED, I.RECEIVE_ERROR): ((), S.COMPLETED),
    (S.COMPLETED, Timer.K): ((), S.TERMINATED),
}

TABLES: Final[dict[Kind, Table]] = {
    Kind.INVITE_CLIENT: INVITE_CLIENT,
    Kind.CLIENT: CLIENT,
    Kind.INVITE_SERVER: INVITE_SERVER,
    Kind.SERVER: SERVER,
}

INITIAL: Final[dict[Kind, S]] = {
    Kind.INVITE_CLIENT: S.CALLING,
    Kind.CLIENT: S.TRYING,
    Kind.INVITE_SERVER: S.PROCEEDING,
    Kind.SERVER: S.TRYING,
}

TIMERS: Final[dict[tuple[Kind, S], tuple[Timer, ...]]] = {
    (Kind.INVITE_CLIENT, S.CALLING): (Timer.A, Timer.B),
    (Kind.INVITE_CLIENT, S.COMPLETED): (Timer.D,),
    (Kind.INVITE_CLIENT, S.ACCEPTED): (Timer.M,),
    (Kind.CLIENT, S.TRYING): (Timer.E, Timer.F),
    (Kind.CLIENT, S.PROCEEDING): (Timer.E, Timer.F),
    (Kind.CLIENT, S.COMPLETED): (Timer.K,),
    (Kind.INVITE_SERVER, S.COMPLETED): (Timer.G, Timer.H),
    (Kind.INVITE_SERVER, S.CONFIRMED): (Timer.I,),
    (Kind.INVITE_SERVER, S.ACCEPTED): (Timer.L,),
    (Kind.SERVER, S.COMPLETED): (Timer.J,),
}

FROM_OUR_CODE: Final = frozenset({I.SEND_1XX, I.SEND_2XX, I.SEND_ERROR})
"""Inputs that only our own code gives: one that no row holds is a bug."""


class Outcome(Enum):
    """What a transaction tells the layer above."""

    MESSAGE = "message"
    TIMEOUT = "timeout"
    TRANSPORT_ERROR = "transport error"


@dataclass(slots=True)
class Transaction:
    """One transaction, in the machine form: inputs go in with ``now``, effects are taken out.

    A client transaction sends its request with ``start``; a server transaction begins with the
    request already received.
    """

    kind: Kind
    is_reliable: bool
    """True over TCP and TLS."""
    state: S = field(init=False)
    kept: bytes = b""
    """What is sent again: the request (client) or the last response (server)."""
    ack: bytes = b""
    """The ACK to a final error, built once by whoever owns an INVITE client transaction."""
    _due: dict[Timer, float] = field(init=False, default_factory=dict)
    _interval: dict[Timer, float] = field(init=False, default_factory=dict)
    _outbox: list[bytes] = field(init=False, default_factory=list)
    _told: list[Outcome] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.state = INITIAL[self.kind]

    @property
    def is_over(self) -> bool:
        """Tell whether the transaction may be forgotten."""
        return self.state is S.TERMINATED

    def start(self, request: bytes, now: float) -> None:
        """Send the request of a client transaction for the first time."""
        self.kept = request
        self._outbox.append(request)
        self._start_timers((), now)

    def handle(self, given: I | Timer, now: float, data: bytes = b"") -> None:
        """Make one move of the table.

        :param data: the message to send, for the ``SEND_`` inputs.
        :raises LocalProtocolError: for a ``SEND_`` input that the state does not allow.
        """
        row = TABLES[self.kind].get((self.state, given))
        if row is None:
            if given in FROM_OUR_CODE:
                raise LocalProtocolError(f"{self.kind.name} in {self.state.name} cannot {given.value}")
            return
        actions, to = row
        for action in actions:
            self._act(action, given, now, data)
        if to is not self.state:
            running = TIMERS.get((self.kind, self.state), ())
            self.state = to
            self._start_timers(running, now)

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        return min(self._due.values()) if self._due else None

    def handle_timer(self, now: float) -> None:
        """Fire what is due, in order of time."""
        while (first := take_due(self._due, now)) is not None:
            timer, due = first
            # A late call must not stretch the schedule: the next run counts from when this one was due,
            # but never from so far back that lost time would be sent as a burst.
            self.handle(timer, max(due, now - self._interval[timer]))

    def take_outbox(self) -> list[bytes]:
        """Hand out what is to be sent, once."""
        taken, self._outbox = self._outbox, []
        return taken

    def take_told(self) -> list[Outcome]:
        """Hand out what the layer above must know, once."""
        taken, self._told = self._told, []
        return taken

    def _act(self, action: A, given: I | Timer, now: float, data: bytes) -> None:
        match action:
            case A.SEND:
                self.kept = data
                self._outbox.append(data)
            case A.RESEND:
                if self.kept:
                    self._outbox.append(self.kept)
            case A.SEND_ACK:
                if self.ack:
                    self._outbox.append(self.ack)
            case A.RESTART | A.RESTART_SLOWEST:
                assert isinstance(given, Timer)
                doubled = 2 * self._interval[given] if action is A.RESTART else LONGEST[given]
                self._interval[given] = min(doubled, LONGEST[given])
                self._due[given] = now + self._interval[given]
            case A.TELL:
                self._told.append(Outcome.MESSAGE)
            case A.TELL_TIMEOUT:
                self._told.append(Outcome.TIMEOUT)
            case A.TELL_TRANSPORT:
                self._told.append(Outcome.TRANSPORT_ERROR)

    def _start_timers(self, running: tuple[Timer, ...], now: float) -> None:
        for timer in change_timers(self._due, running, TIMERS.get((self.kind, self.state), ())):
            if self.is_reliable and timer in NEVER_WHEN_RELIABLE:
                continue
            if self.is_reliable and timer in ZERO_WHEN_RELIABLE:
                self.handle(timer, now)
                return
            self._interval[timer] = FIRST[timer]
            self._due[timer] = now + FIRST[timer]
