"""The requests that a call must open: one for each recording with words in it, until each is stored.

A machine beside the call's own. It asks for one request at a time, so that an answer always belongs
to the last question; it asks again when the store fails, after growing waits; and it gives up only
when waiting longer helps nobody: the recording is on disk by then, and the recovery at the next
start opens a request for every recording that has none.
"""

from __future__ import annotations

from typing import Final

from hotline.call.messages import OpenRequest
from hotline.events.ids import RecordingId, RequestNumber

RETRY_WAITS_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Waits before asking again; a restart of the database server takes less than their sum of a minute."""
ANSWER_WAIT_S: Final = 30.0
"""An answer that took longer is taken for lost; asking twice for one recording does no harm."""


class Openings:
    """What is still to be opened for a call."""

    def __init__(self) -> None:
        self.numbers: dict[RecordingId, RequestNumber] = {}
        self.given_up: list[RecordingId] = []
        self._known: set[RecordingId] = set()
        self._waiting: list[OpenRequest] = []
        self._current: OpenRequest | None = None
        self._attempts = 0
        self._is_asked = False
        self._timer: float | None = None
        self._commands: list[OpenRequest] = []

    def add(self, opening: OpenRequest, now: float) -> None:
        """Have a request opened; a recording that is known already is not asked for twice."""
        if opening.recording.recording_id in self._known:
            return
        self._known.add(opening.recording.recording_id)
        self._waiting.append(opening)
        self._go_on(now)

    def opened(self, number: RequestNumber, now: float) -> RecordingId | None:
        """Note that the current request is stored.

        :returns: the recording that it was opened for; None when the answer came twice.
        """
        if self._current is None or number in self.numbers.values():
            return None
        recording_id = self._current.recording.recording_id
        self.numbers[recording_id] = number
        self._finish(now)
        return recording_id

    def failed(self, now: float) -> None:
        """Note that the store could not open the current request: ask again later, or give up."""
        if self._current is None or not self._is_asked:
            return
        self._is_asked = False
        if self._attempts > len(RETRY_WAITS_S):
            self.given_up.append(self._current.recording.recording_id)
            self._finish(now)
        else:
            self._timer = now + RETRY_WAITS_S[self._attempts - 1]

    @property
    def is_asking(self) -> bool:
        """True while an answer of the store is awaited."""
        return self._is_asked

    @property
    def is_settled(self) -> bool:
        """True when nothing is left to be opened."""
        return self._current is None and not self._waiting

    @property
    def count(self) -> int:
        """How many recordings were handed in so far."""
        return len(self._known)

    def knows(self, recording_id: RecordingId) -> bool:
        """Tell whether a recording was handed in before."""
        return recording_id in self._known

    def next_timer(self) -> float | None:
        """Tell when to call handle_timer; None: never."""
        return self._timer

    def handle_timer(self, now: float) -> None:
        """Ask again, or take an answer that does not come for a failure."""
        if self._timer is None or self._timer > now:
            return
        if self._is_asked:
            self.failed(now)
        else:
            self._ask(now)

    def take_commands(self) -> list[OpenRequest]:
        """Give what is to be asked, and forget it."""
        commands, self._commands = self._commands, []
        return commands

    def _go_on(self, now: float) -> None:
        if self._current is None and self._waiting:
            self._current, self._attempts = self._waiting.pop(0), 0
            self._ask(now)

    def _ask(self, now: float) -> None:
        assert self._current is not None
        self._attempts += 1
        self._is_asked = True
        self._timer = now + ANSWER_WAIT_S
        self._commands.append(self._current)

    def _finish(self, now: float) -> None:
        self._current, self._is_asked, self._timer = None, False, None
        self._go_on(now)
