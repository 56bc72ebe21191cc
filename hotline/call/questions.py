"""What a flow has asked of the store: a request for a recording, or how a request stands.

A flow asks one thing at a time, but it may go on without the answer (the caller pressed a key): then the
answer that comes belongs to a question that nobody asks any more.
"""

from __future__ import annotations

from collections import deque

from hotline.call.messages import LookUpRequest
from hotline.call.openings import Openings
from hotline.call.words import Words
from hotline.events.ids import CallId, RecordingId, RequestNumber
from hotline.ivr.flow import OPEN_REQUEST, REQUEST_STATUS
from hotline.ivr.runner import Answered, Ask


class Questions:
    """The questions of one call."""

    def __init__(self, call_id: CallId) -> None:
        self._call_id = call_id
        self._asked: Ask | None = None
        self._lookups: deque[str] = deque()

    @property
    def is_looking_up(self) -> bool:
        """True while the store was asked how a request stands."""
        return bool(self._lookups)

    def look_up(self, ask: Ask) -> LookUpRequest:
        """Ask how a request stands."""
        self._asked = ask
        self._lookups.append(ask.number)
        return LookUpRequest(self._call_id, ask.number)

    def open(self, ask: Ask, words: Words, openings: Openings, now: float) -> Answered | None:
        """Ask for the request of a recording.

        :returns: the answer, where it is known already.
        """
        assert ask.recording is not None
        self._asked = ask
        recording_id = ask.recording.recording_id
        if recording_id in openings.given_up:
            return self._answered(Answered(OPEN_REQUEST, "failed"))
        if recording_id in openings.numbers:
            return self._answered(Answered(OPEN_REQUEST, "opened", openings.numbers[recording_id]))
        openings.add(words.opening_of(recording_id), now)
        return None

    def opened(self, recording_id: RecordingId | None, number: RequestNumber) -> Answered | None:
        """Take the number of a request; None when the flow does not wait for it."""
        asked = self._asked
        if recording_id is None or asked is None or asked.recording is None:
            return None
        if asked.recording.recording_id != recording_id:
            return None
        return self._answered(Answered(OPEN_REQUEST, "opened", number))

    def found(self, state: str) -> Answered | None:
        """Take how the request that was looked up first stands; None when the flow does not wait for it."""
        number = self._lookups.popleft() if self._lookups else None
        asked = self._asked
        if asked is None or asked.question != REQUEST_STATUS or asked.number != number:
            return None
        return self._answered(Answered(REQUEST_STATUS, state))

    def _answered(self, answer: Answered) -> Answered:
        self._asked = None
        return answer
