"""Recorded talks, by who talks in them: an agent pauses the recording while a card's number is told.

Implements ``desk.ports.Talks``. The media plane confirms what it did, with the place in the recording;
only then the event is written, with who wanted it and why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from hotline.desk.views import TalkView
from hotline.desk.voices import voice_view, worst_first
from hotline.errors import OutsideError
from hotline.events.ids import CallId, RecordingId
from hotline.media.plan import (
    LegQuality,
    LevelHeard,
    MediaCommand,
    MediaEvent,
    PauseRecording,
    RecordingClosed,
    RecordingPaused,
    RecordingResumed,
    ResumeRecording,
)
from hotline.wire.meters import Meter, Meters

LONGEST_PAUSE_S: Final = 120.0
"""A pause that is forgotten ends by itself: what is said later must not be lost."""
SYSTEM: Final = "system"

log = structlog.get_logger()


class PauseNotes(Protocol):
    """Where pauses are written down."""

    async def note_pause(
        self, call_id: CallId, recording_id: RecordingId, at_ms: int, actor: str, reason: str
    ) -> None:
        """Note that a recording pauses."""
        ...

    async def note_resumption(
        self, call_id: CallId, recording_id: RecordingId, at_ms: int, actor: str
    ) -> None:
        """Note that a recording goes on."""
        ...


@dataclass(slots=True)
class _Wish:
    actor: str
    reason: str
    is_paused: bool = False


class Talks:
    """The talks of a house.

    :param call_of: finds the call that is being recorded and in which one of these telephones talks.
    :param phones_of: tells the telephones of a person.
    :param legs_of: tells the legs of a call, the caller's by the call's own name.
    :param quality_of: tells how good a leg's voice is so far.
    :param is_missing: tells whether a leg's voice is missing now.
    """

    def __init__(
        self,
        send: Callable[[MediaCommand], None],
        notes: PauseNotes,
        call_of: Callable[[Collection[str]], CallId | None],
        phones_of: Callable[[str], Collection[str]],
        *,
        legs_of: Callable[[CallId], Sequence[CallId]] = lambda _call_id: (),
        quality_of: Callable[[CallId], LegQuality | None] = lambda _leg_id: None,
        is_missing: Callable[[CallId], bool] = lambda _leg_id: False,
    ) -> None:
        self._send, self._notes = send, notes
        self._legs_of, self._quality_of, self._is_missing = legs_of, quality_of, is_missing
        self._meters = Meters(send, legs_of)
        self._call_of, self._phones_of = call_of, phones_of
        self._wishes: dict[CallId, _Wish] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def talk_of(self, user_name: str) -> TalkView | None:
        """Tell in which recorded talk a person is now."""
        call_id = self._call_of(self._phones_of(user_name))
        if call_id is None:
            return None
        wish = self._wishes.get(call_id)
        voices = [
            voice_view(
                self._quality_of(leg_id),
                "caller" if leg_id == call_id else "other",
                is_missing=self._is_missing(leg_id),
            )
            for leg_id in self._legs_of(call_id)
        ]
        return TalkView(call_id, wish is not None and wish.is_paused, tuple(worst_first(voices)))

    def follow(self, user_name: str) -> Meter | None:
        """Begin to look at how loud a person's talk is; None when she is in none."""
        call_id = self._call_of(self._phones_of(user_name))
        return self._meters.follow(call_id) if call_id is not None else None

    def pause(self, user_name: str, reason: str) -> bool:
        """Pause the recording of a person's talk; False when she is in none."""
        call_id = self._call_of(self._phones_of(user_name))
        if call_id is None:
            return False
        self._wishes[call_id] = _Wish(user_name, reason, is_paused=True)
        self._send(PauseRecording(call_id, LONGEST_PAUSE_S))
        return True

    def resume(self, user_name: str) -> bool:
        """Let the recording of a person's talk go on; False when she is in none."""
        call_id = self._call_of(self._phones_of(user_name))
        if call_id is None:
            return False
        self._wishes[call_id] = _Wish(user_name, "")
        self._send(ResumeRecording(call_id))
        return True

    def hear(self, event: MediaEvent) -> bool:
        """Take note of what the media plane did; tell whether it was for nobody else."""
        if isinstance(event, LevelHeard):
            self._meters.hear(event)
            return True
        self._note(event)
        return False

    def _note(self, event: MediaEvent) -> None:
        if not isinstance(event, RecordingPaused | RecordingResumed | RecordingClosed):
            return
        wish = self._wishes.get(event.call_id)
        if isinstance(event, RecordingClosed):
            self._wishes.pop(event.call_id, None)
        elif isinstance(event, RecordingPaused):
            actor, reason = (wish.actor, wish.reason) if wish is not None else (SYSTEM, "")
            self._write(self._notes.note_pause(event.call_id, event.recording_id, event.at_ms, actor, reason))
        else:
            actor = wish.actor if wish is not None and not event.is_forgotten else SYSTEM
            self._wishes.pop(event.call_id, None)
            self._write(self._notes.note_resumption(event.call_id, event.recording_id, event.at_ms, actor))

    async def idle(self) -> None:
        """Wait until all is written."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _write(self, note: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._write_one(note))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _write_one(note: Coroutine[Any, Any, None]) -> None:
        try:
            await note
        except OutsideError as error:
            log.error("recording.pause_not_noted", error=str(error))
