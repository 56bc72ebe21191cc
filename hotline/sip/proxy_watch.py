"""Whether a proxy is there: OPTIONS out, and what comes back (RFC 3261, 11).

Any answer counts, a refusal as well: it is the silence that tells of a proxy that was moved or cut off.
503 says that it is there but takes no calls. States and moves are rows of ``TABLE``; the client of the
trunk writes and sends the requests.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from hotline.errors import LocalProtocolError

PATIENCE_S: Final = 4.0
"""How long an answer may take: over UDP the request went out four times by then (17.1.2.2)."""
NEXT_TRY_S: Final = 2.0
"""Pause after a silent try, while it is not clear whether the proxy is gone."""
SILENT_TRIES: Final = 3
"""Tries without any answer after which a proxy is called silent."""


class State(Enum):
    """What we know of a proxy."""

    UNTRIED = "untried"
    UP = "up"
    SUSPECT = "suspect"
    """It did not answer the last time; calls still go there."""
    BUSY = "busy"
    """It answers, with 503: it drains, or is overloaded."""
    SILENT = "silent"


class Given(Enum):
    """What may happen."""

    ANSWER = "answer"
    BUSY = "503"
    SILENCE = "no answer"
    LAST_SILENCE = "no answer, once too often"


class Action(Enum):
    """What a move does."""

    TELL_HEARD = "tell that it answers"
    TELL_SILENT = "tell that it is silent"
    TELL_BUSY = "tell that it takes no calls"


Row = tuple[tuple[Action, ...], State]
TABLE: Final[dict[tuple[State, Given], Row]] = {
    (State.UNTRIED, Given.ANSWER): ((Action.TELL_HEARD,), State.UP),
    (State.UNTRIED, Given.BUSY): ((Action.TELL_BUSY,), State.BUSY),
    (State.UNTRIED, Given.SILENCE): ((), State.SUSPECT),
    (State.UP, Given.ANSWER): ((), State.UP),
    (State.UP, Given.BUSY): ((Action.TELL_BUSY,), State.BUSY),
    (State.UP, Given.SILENCE): ((), State.SUSPECT),
    (State.SUSPECT, Given.ANSWER): ((Action.TELL_HEARD,), State.UP),
    (State.SUSPECT, Given.BUSY): ((Action.TELL_BUSY,), State.BUSY),
    (State.SUSPECT, Given.SILENCE): ((), State.SUSPECT),
    (State.SUSPECT, Given.LAST_SILENCE): ((Action.TELL_SILENT,), State.SILENT),
    (State.BUSY, Given.ANSWER): ((Action.TELL_HEARD,), State.UP),
    (State.BUSY, Given.BUSY): ((), State.BUSY),
    (State.BUSY, Given.SILENCE): ((), State.SUSPECT),
    (State.SILENT, Given.ANSWER): ((Action.TELL_HEARD,), State.UP),
    (State.SILENT, Given.BUSY): ((Action.TELL_BUSY,), State.BUSY),
    (State.SILENT, Given.SILENCE): ((), State.SILENT),
    (State.SILENT, Given.LAST_SILENCE): ((), State.SILENT),
}
USABLE: Final = (State.UP, State.UNTRIED, State.SUSPECT)
"""States in which calls go to a proxy; the others are tried when nothing better is left."""


class ProxyWatch:
    """What is known of one address of a proxy.

    :param keepalive_s: pause between OPTIONS; 0: none are sent.
    :param ask: sends an OPTIONS.
    :param tell: told each action of a move.
    """

    def __init__(
        self,
        keepalive_s: float,
        ask: Callable[[float], None],
        tell: Callable[[Action, float], None],
        now: float,
    ) -> None:
        self._keepalive_s, self._ask, self._tell = keepalive_s, ask, tell
        self._next_try: float | None = now if keepalive_s else None
        self._asked_at: float | None = None
        self._silences = 0
        self.state = State.UNTRIED
        self.since = now
        self.answered_at: float | None = None
        self.rtt_s: float | None = None
        self._first_asked: float | None = None

    @property
    def is_usable(self) -> bool:
        """Tell whether calls should go there."""
        return self.state in USABLE

    @property
    def is_waiting(self) -> bool:
        """Tell whether an OPTIONS is under way."""
        return self._asked_at is not None

    def silent_s(self, now: float) -> float:
        """Tell how long it has not answered."""
        heard = self.answered_at if self.answered_at is not None else self._first_asked
        return now - (self.since if heard is None else heard)

    def answered(self, status: int, now: float) -> None:
        """Note an answer to a request of ours, whatever it was."""
        if self._asked_at is not None:
            self.rtt_s = now - self._asked_at
        self.answered_at, self._asked_at, self._silences = now, None, 0
        self._next_try = now + self._keepalive_s if self._keepalive_s else None
        self._move(Given.BUSY if status == 503 else Given.ANSWER, now)

    def heard(self, now: float) -> None:
        """Note an answer to something else than OPTIONS: the proxy is there."""
        self.answered_at, self._silences = now, 0
        if self.state is not State.BUSY:
            self._move(Given.ANSWER, now)

    def missed(self, now: float) -> None:
        """Note that a request of ours got no answer."""
        self._asked_at = None
        self._silences += 1
        if self._keepalive_s:
            is_settled = self.state is State.SILENT
            self._next_try = now + (self._keepalive_s if is_settled else NEXT_TRY_S)
        is_last = self._silences >= SILENT_TRIES and self.state in {State.SUSPECT, State.SILENT}
        self._move(Given.LAST_SILENCE if is_last else Given.SILENCE, now)

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        return self._next_try if self._asked_at is None else self._asked_at + PATIENCE_S

    def handle_timer(self, now: float) -> None:
        """Send the next OPTIONS, or give the wait for an answer up."""
        due = self.next_timer()
        if due is None or due > now:
            return
        if self._asked_at is not None:
            self.missed(now)
            return
        self._asked_at, self._next_try = now, None
        if self._first_asked is None:
            self._first_asked = now
        self._ask(now)

    def _move(self, given: Given, now: float) -> None:
        row = TABLE.get((self.state, given))
        if row is None:
            raise LocalProtocolError(f"a watched proxy that is {self.state.value} knows no {given.value!r}")
        actions, state = row
        if state is not self.state:
            self.state, self.since = state, now
        for action in actions:
            self._tell(action, now)
