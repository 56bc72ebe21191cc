"""The store's side of the switchboard: what the machines want written or looked up, and its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Final

import structlog

from hotline.call import messages as say
from hotline.errors import HotlineError, OutsideError
from hotline.events.ids import CallId
from hotline.intake.ports import ClosedRecording, Journal, LegNote, OfferedCall, RequestDraft
from hotline.media.plan import RecordingClosed
from hotline.sip.events import CallArrived
from hotline.wire.reactor import Clock

log = structlog.get_logger()

FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
"""How long to wait before the end of a call is written again, doubling from the first."""
LONGEST_CALL_ID: Final = 512
"""Characters kept of a SIP Call-ID. It may fill a whole message, and no database indexes that: a call with
such a one would go unanswered. Real ones have less than 150."""


class CallRecords:
    """Writes what is told about calls, each in a task of its own.

    :param hand_in: takes the store's answers.
    :param is_wanted: tells whether a call is still in progress.
    """

    def __init__(
        self,
        clock: Clock,
        journal: Journal,
        wall: Callable[[], datetime],
        hand_in: Callable[[CallId, say.CallInput], None],
        is_wanted: Callable[[CallId], bool],
    ) -> None:
        self._clock, self._journal, self._wall = clock, journal, wall
        self._hand_in, self._is_wanted = hand_in, is_wanted
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        """True when nothing is left to be written."""
        return not self._tasks

    def open_call(self, arrived: CallArrived, direction: str) -> None:
        """Write a call record; answered by OfferedWritten or WriteFailed."""
        self.spawn(
            self._open_call(
                OfferedCall(
                    call_id=arrived.call_id,
                    sip_call_id=arrived.sip_call_id[:LONGEST_CALL_ID],
                    caller=arrived.caller,
                    caller_raw=arrived.caller_raw,
                    called=arrived.called,
                    source=arrived.source,
                    at=self._wall(),
                    withheld=arrived.withheld,
                    direction=direction,
                    origin=arrived.origin.name,
                )
            )
        )

    def answer_call(self, call_id: CallId) -> None:
        """Note that 200 OK was sent."""
        self.spawn(self._noted(call_id, self._journal.answer_call(call_id, self._wall())))

    def note_leg(
        self,
        leg_id: CallId,
        call_id: CallId,
        what: str,
        peer: str,
        *,
        sip_call_id: str = "",
        trunk: str = "",
        cause: str = "",
        status: int = 0,
    ) -> None:
        """Note what became of a leg."""
        sip_call_id = sip_call_id[:LONGEST_CALL_ID]
        note = LegNote(leg_id, call_id, what, self._wall(), peer, sip_call_id, trunk, cause, status)
        log.info("leg.noted", call_id=call_id, leg_id=leg_id, what=what, cause=cause, status=status)
        self.spawn(self._noted(call_id, self._journal.note_leg(note)))

    def open_request(self, command: say.OpenRequest, began: datetime | None) -> None:
        """Open a service request; answered by RequestOpened or WriteFailed."""
        self.spawn(self._open_request(command, began or self._wall()))

    def look_up(self, command: say.LookUpRequest) -> None:
        """Find out how a request stands; answered by StatusFound, StatusMissing or WriteFailed."""
        self.spawn(self._look_up(command))

    def close_call(self, call_id: CallId, cause: str, path: Sequence[str]) -> None:
        """Write the end of a call until it is written; a crash before that is mended at the next start."""
        self.spawn(self._close_call(call_id, cause, path))

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Have something done in a task; a bug in it is logged and harms nothing else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("switchboard.bug", exc_info=error)

    # -- the tasks ----------------------------------------------------------------------------------

    async def _open_call(self, call: OfferedCall) -> None:
        call_id = call.call_id
        try:
            await self._journal.open_call(call)
        except HotlineError as error:
            log.error("call.not_written", call_id=call_id, error=str(error))
            self._hand_in(call_id, say.WriteFailed(call_id, str(error)))
            return
        if self._is_wanted(call_id):
            self._hand_in(call_id, say.OfferedWritten(call_id))
        else:  # the store took longer than the call waited for it: no record may stay open
            await self._close_call(call_id, "fault", ())

    async def _noted(self, call_id: CallId, writing: Coroutine[object, object, None]) -> None:
        try:
            await writing
        except HotlineError as error:
            log.error("call.not_written", call_id=call_id, error=str(error))

    async def _open_request(self, command: say.OpenRequest, began: datetime) -> None:
        call_id = command.call_id
        draft = RequestDraft(
            recording=closed_recording(command.recording, began),
            language=command.language,
            for_agent=command.for_agent,
            at=self._wall(),
        )
        try:
            number = await self._journal.open_request(draft)
        except HotlineError as error:
            log.error("request.not_opened", call_id=call_id, error=str(error))
            self._hand_in(call_id, say.WriteFailed(call_id, str(error)))
            return
        log.info("request.opened", call_id=call_id, request_number=number)
        self._hand_in(call_id, say.RequestOpened(call_id, number))

    async def _look_up(self, command: say.LookUpRequest) -> None:
        call_id = command.call_id
        try:
            status = await self._journal.request_status(command.number)
        except HotlineError as error:
            log.error("request.not_looked_up", call_id=call_id, error=str(error))
            self._hand_in(call_id, say.WriteFailed(call_id, str(error)))
            return
        if status is None:
            self._hand_in(call_id, say.StatusMissing(call_id))
        else:
            self._hand_in(call_id, say.StatusFound(call_id, status.number, status.state, status.unit_name))

    async def _close_call(self, call_id: CallId, cause: str, path: Sequence[str]) -> None:
        at, wait_s = self._wall(), FIRST_WAIT_S
        while True:
            try:
                await self._journal.close_call(call_id, at, cause, path)
            except OutsideError as error:
                log.error("call.end_not_written", call_id=call_id, error=str(error), again_in_s=wait_s)
                await self._pause(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                log.info("call.ended", call_id=call_id, cause=cause, path=list(path))
                return

    async def _pause(self, seconds: float) -> None:
        is_over = asyncio.Event()
        self._clock.callLater(seconds, is_over.set)
        await is_over.wait()


def closed_recording(closed: RecordingClosed, began: datetime) -> ClosedRecording:
    """Turn the media plane's report into what intake keeps."""
    return ClosedRecording(
        recording_id=closed.recording_id,
        call_id=closed.call_id,
        path=closed.path,
        codec=closed.codec,
        length_samples=closed.length_samples,
        speech_ms=closed.speech_ms,
        sha256=closed.sha256,
        started_at=began,
    )
