"""What both kinds of calls share: a record to be written, a table to walk, and a limit to each state."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

from hotline.call.messages import CallCommand, Refuse, WriteEnded, WriteOffered
from hotline.call.statuses import UNAVAILABLE
from hotline.sip.events import CallArrived

State = TypeVar("State", bound=Enum)
Input = TypeVar("Input", bound=Enum)
Action = TypeVar("Action", bound=Enum)


class CallFrame(Generic[State, Input, Action]):
    """A call that walks a table.

    :param facts: what the user agent told about the INVITE.
    :param direction: ``in``, ``inside`` or ``out``, for the call record.
    :param first: the state that it begins in.
    :param timeout: the move when a state lasted too long.
    :param waits_for_record: nothing is done before the call record is committed.
    """

    def __init__(
        self,
        facts: CallArrived,
        direction: str,
        now: float,
        *,
        moves: Mapping[tuple[State, Input], tuple[Action, State]],
        limits_s: Mapping[State, float],
        first: State,
        timeout: Input,
        waits_for_record: bool = False,
    ) -> None:
        self.facts, self.direction = facts, direction
        self.call_id = facts.call_id
        self.state = first
        self.cause = ""
        """Why the call ended, as in WriteEnded; empty while nobody knows."""
        self._moves, self._limits_s, self._timeout = moves, limits_s, timeout
        self._commands: list[CallCommand] = [WriteOffered(self.call_id, waits_for_record)]
        self._notes: list[str] = []
        self._limit: float | None = now + limits_s[first]

    def take_commands(self) -> list[CallCommand]:
        """Give what is to be done, in this order, and forget it."""
        commands, self._commands = self._commands, []
        return commands

    @property
    def path(self) -> tuple[str, ...]:
        """What the call went through, and notes (``!...``)."""
        return tuple(self._notes)

    def _act(self, action: Action, now: float) -> None:
        """Carry out an action of the table."""
        raise NotImplementedError

    def _move(self, event: Input, now: float) -> None:
        row = self._moves.get((self.state, event))
        if row is None:
            return
        action, state = row
        if state is not self.state:
            self.state = state
            limit_s = self._limits_s.get(state)
            self._limit = None if limit_s is None else now + limit_s
        self._act(action, now)

    def _fire_limit(self, now: float) -> None:
        self._limit = None
        self._move(self._timeout, now)

    def _refuse(self, _now: float) -> None:
        self.cause = self.cause or "fault"
        self._commands.append(Refuse(self.call_id, UNAVAILABLE))

    def _write_ended(self, _now: float) -> None:
        self._commands.append(WriteEnded(self.call_id, self.cause or "fault", self.path))

    def _nothing(self, _now: float) -> None:
        return
