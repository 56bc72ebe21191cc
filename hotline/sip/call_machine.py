"""The machine of one call: walks the rows of ``incoming_call`` and ``standing_call``.

What each move means in messages is carried out by ``call_book``; here is only when it happens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from hotline.errors import LocalProtocolError
from hotline.sip.call_moves import (
    FIRES,
    FIRST_S,
    Action,
    CallTimer,
    Cause,
    Given,
    State,
    Table,
    TimerTable,
)
from hotline.sip.incoming_call import INCOMING, INCOMING_TIMERS
from hotline.sip.standing_call import STANDING, STANDING_TIMERS
from hotline.sip.timers import T1, T2, change_timers, take_due

TRANSITIONS: Final[Table] = {**INCOMING, **STANDING}
TIMERS: Final[TimerTable] = {**INCOMING_TIMERS, **STANDING_TIMERS}
FROM_OUR_CODE: Final = frozenset(
    {Given.ACCEPT, Given.ACCEPT_LATER, Given.PROGRESS, Given.REFUSE, Given.HANG_UP, Given.REOFFER}
)
"""Moves that only our own code makes: one that no row holds is a bug."""


@dataclass(slots=True)
class CallMachine:
    """Moves go in with ``now``; actions and the cause of the end come out."""

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
        """Start the timers of the first state."""
        self._start_timers((), now)

    def allows(self, given: Given) -> bool:
        """Tell whether the table holds such a move in this state."""
        return (self.state, given) in TRANSITIONS

    def handle(self, given: Given, now: float) -> None:
        """Make one move of the table; what the wire brings at a wrong time is dropped.

        :raises LocalProtocolError: when our own code asks for what the state does not allow.
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
        while (first := take_due(self._due, now)) is not None:
            timer, due = first
            if timer is CallTimer.REPEAT:
                self._repeat_s = min(2 * self._repeat_s, T2)
                self._due[timer] = max(due, now) + self._repeat_s
            elif timer is CallTimer.RENEW:
                self._due[timer] = max(due, now) + FIRST_S[timer]
            self.handle(FIRES[timer], now)

    def take_actions(self) -> list[Action]:
        """Hand out what is to be done, once."""
        taken, self._todo = self._todo, []
        return taken

    def _start_timers(self, running: tuple[CallTimer, ...], now: float) -> None:
        for timer in change_timers(self._due, running, TIMERS.get(self.state, ())):
            self._due[timer] = now + FIRST_S[timer]
            if timer is CallTimer.REPEAT:
                self._repeat_s = T1
