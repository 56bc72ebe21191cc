"""The store's side of the switchboard: what the machines want written or looked up, and its answers.

A call's record is handed to the store as the call comes, and the call goes on meanwhile
(docs/decisions/107). Whatever else is to be written about a call waits here until its record is
committed; a record that the store refused is written again before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
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


@dataclass(slots=True, eq=False)
class _Unwritten:
    """A call record that is not committed yet."""

    call: OfferedCall
    writing: asyncio.Future[None] = field(init=False)
    """The last attempt."""
    answered_at: datetime | None = None
    is_over: bool = False
    """Its end was handed in."""


@dataclass(frozen=True, slots=True)
class _End:
    """How a call ended."""

    call_id: CallId
    at: datetime
    cause: str
    path: tuple[str, ...]


class CallRecords:
    """Writes what is told about calls.

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
        self._tasks: set[asyncio.Future[None]] = set()
        self._unwritten: dict[CallId, _Unwritten] = {}

    @property
    def is_idle(self) -> bool:
        """True when nothing is left to be written."""
        return not self._tasks

    def open_call(self, arrived: CallArrived, direction: str, *, is_awaited: bool) -> None:
        """Write a call record; answered by OfferedWritten or OfferedNotWritten.

        :param is_awaited: the call waits for that.
        """
        call = OfferedCall(
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
        record = self._unwritten[call.call_id] = _Unwritten(call)
        opening = self._journal.open_call(call, is_awaited=is_awaited)
        record.writing = self._begin(opening, partial(self._opened, record))

    def answer_call(self, call_id: CallId) -> None:
        """Note that 200 OK was sent."""
        at, record = self._wall(), self._unwritten.get(call_id)
        if record is not None:
            record.answered_at = at
        self._begin(self._journal.answer_call(call_id, at), partial(self._noted, call_id))

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
        self.spawn(self._note_leg(note))

    def open_request(self, command: say.OpenRequest, began: datetime | None) -> None:
        """Open a service request; answered by RequestOpened or WriteFailed."""
        self.spawn(self._open_request(command, began or self._wall()))

    def look_up(self, command: say.LookUpRequest) -> None:
        """Find out how a request stands; answered by StatusFound, StatusMissing or WriteFailed."""
        self.spawn(self._look_up(command))

    def close_call(self, call_id: CallId, cause: str, path: Sequence[str]) -> None:
        """Write the end of a call until it is written; a crash before that is mended at the next start."""
        end, record = _End(call_id, self._wall(), cause, tuple(path)), self._unwritten.get(call_id)
        if record is not None:
            record.is_over = True
        closing = self._journal.close_call(call_id, end.at, cause, end.path)
        self._begin(closing, partial(self._closed, end, record))

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Have something done in a task; a bug in it is logged and harms nothing else."""
        self._begin(work, _tell_bug)

    def _begin(
        self, work: Awaitable[None], then: Callable[[asyncio.Future[None]], None] | None = None
    ) -> asyncio.Future[None]:
        task = work if isinstance(work, asyncio.Future) else asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard if then is None else partial(self._done, then))
        return task

    def _done(self, then: Callable[[asyncio.Future[None]], None], task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        then(task)

    # -- the record of a call -----------------------------------------------------------------------

    def _opened(self, record: _Unwritten, writing: asyncio.Future[None]) -> None:
        """Tell the call how its record fared; nobody else does."""
        call_id = record.call.call_id
        error = _error_of(writing)
        if error is not None:
            log.error("call.not_written", call_id=call_id, error=str(error))
            self._hand_in(call_id, say.OfferedNotWritten(call_id, str(error)))
            if record.answered_at is None and not self._is_wanted(call_id):
                self._unwritten.pop(call_id, None)  # it was refused: nothing has happened
            return
        self._unwritten.pop(call_id, None)
        if self._is_wanted(call_id):
            self._hand_in(call_id, say.OfferedWritten(call_id))
        elif not record.is_over:  # the store took longer than the call waited for it: no record may stay open
            self.close_call(call_id, "fault", ())

    async def _have_record(self, call_id: CallId) -> None:
        """Wait until the record of a call is committed; write it again when the store refused it.

        :raises HotlineError: when the store refuses it again.
        """
        record = self._unwritten.get(call_id)
        if record is None:
            return
        if record.writing.done():
            record.writing = self._begin(self._journal.open_call(record.call, is_awaited=True))
        await asyncio.wait([record.writing])
        error = record.writing.exception()
        if error is not None:
            raise error
        if self._unwritten.pop(call_id, None) is not None and record.answered_at is not None:
            await self._journal.answer_call(call_id, record.answered_at)

    def _noted(self, call_id: CallId, noting: asyncio.Future[None]) -> None:
        error = _error_of(noting)
        if error is not None and call_id not in self._unwritten:  # else it is noted with the record
            log.error("call.not_written", call_id=call_id, error=str(error))

    # -- the tasks ----------------------------------------------------------------------------------

    async def _note_leg(self, note: LegNote) -> None:
        try:
            await self._have_record(note.call_id)
            await self._journal.note_leg(note)
        except HotlineError as error:
            log.error("leg.not_written", call_id=note.call_id, leg_id=note.leg_id, error=str(error))

    async def _open_request(self, command: say.OpenRequest, began: datetime) -> None:
        call_id = command.call_id
        draft = RequestDraft(
            recording=closed_recording(command.recording, began),
            language=command.language,
            for_agent=command.for_agent,
            at=self._wall(),
        )
        try:
            await self._have_record(call_id)
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

    def _closed(self, end: _End, record: _Unwritten | None, closing: asyncio.Future[None]) -> None:
        error, call_id = _error_of(closing), end.call_id
        if error is None:
            _tell_end(end)
        elif record is not None and _has_failed(record) and record.answered_at is None:
            log.info("call.refused_unwritten", call_id=call_id, cause=end.cause)  # nothing has happened
        elif isinstance(error, OutsideError) or call_id in self._unwritten:
            log.error("call.end_not_written", call_id=call_id, error=str(error), again_in_s=FIRST_WAIT_S)
            self.spawn(self._close_again(end))
        elif isinstance(error, HotlineError):
            log.error("switchboard.bug", exc_info=error)

    async def _close_again(self, end: _End) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            await self._pause(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            try:
                await self._have_record(end.call_id)
                await self._journal.close_call(end.call_id, end.at, end.cause, end.path)
            except OutsideError as error:
                log.error("call.end_not_written", call_id=end.call_id, error=str(error), again_in_s=wait_s)
            else:
                _tell_end(end)
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
        far=closed.far,
    )


def _has_failed(record: _Unwritten) -> bool:
    writing = record.writing
    return writing.done() and not writing.cancelled() and writing.exception() is not None


def _tell_end(end: _End) -> None:
    log.info("call.ended", call_id=end.call_id, cause=end.cause, path=list(end.path))


def _error_of(future: asyncio.Future[None]) -> BaseException | None:
    """Give what went wrong; what is no failure of the store is a bug of ours, which the log shall show."""
    if future.cancelled():
        return None
    error = future.exception()
    if error is not None and not isinstance(error, HotlineError):
        log.error("switchboard.bug", exc_info=error)
    return error


def _tell_bug(future: asyncio.Future[None]) -> None:
    error = None if future.cancelled() else future.exception()
    if error is not None:
        log.error("switchboard.bug", exc_info=error)
