"""The switchboard: carries out what the machines of the calls ask for.

It keeps one machine and one alarm a call, hands in what SIP, media and store report, and turns the
commands into actions. It decides nothing: what follows what stands in ``hotline.call``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Final

import structlog

from hotline.call import messages as say
from hotline.call.machine import Call
from hotline.errors import HotlineError, OutsideError
from hotline.events.ids import CallId, RecordingId
from hotline.intake.ports import ClosedRecording, Journal, OfferedCall, RequestDraft
from hotline.ivr.flow import Flow
from hotline.media.plan import (
    Aim,
    ClosePort,
    Codec,
    DigitPressed,
    MediaEvent,
    MediaFailed,
    Record,
    RecordingClosed,
)
from hotline.sip.events import CallArrived, CallConfirmed, CallEnded, DigitArrived, MediaMoved, SipEvent
from hotline.sip.user_agent import UserAgent
from hotline.wire.alarm import Alarm
from hotline.wire.media_link import MediaPlane
from hotline.wire.reactor import Clock
from hotline.wire.sip_edge import SipEdge

log = structlog.get_logger()

FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
"""How long to wait before the end of a call is written again, doubling from the first."""


class _Line:
    """A call's machine and its alarm."""

    def __init__(self, call: Call, arrived: CallArrived, alarm: Alarm) -> None:
        self.call, self.arrived, self.alarm = call, arrived, alarm
        self.event_payload_type = arrived.terms.event_payload_type if arrived.terms else None
        """Of keys in the voice stream, as agreed last; None: her telephone sends none there."""
        self.is_answered = False
        """200 OK was sent."""
        self.recordings_began: dict[RecordingId, datetime] = {}


class Switchboard:
    """All calls in progress."""

    def __init__(
        self,
        *,
        clock: Clock,
        sip: SipEdge,
        media: MediaPlane,
        journal: Journal,
        flow: Callable[[str], Flow],
        wall: Callable[[], datetime],
        may_latch: bool = False,
    ) -> None:
        self._clock, self._sip, self._media, self._journal = clock, sip, media, journal
        self._flow, self._wall, self._may_latch = flow, wall, may_latch
        self._lines: dict[CallId, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def calls(self) -> int:
        """How many calls are in progress."""
        return len(self._lines)

    # -- what comes in ------------------------------------------------------------------------------

    def on_sip(self, event: SipEvent) -> None:
        """Take an event of the user agent."""
        match event:
            case CallArrived():
                self._begin(event)
            case CallConfirmed():
                self._hand_in(event.call_id, say.CallerConfirmed(event.call_id))
            case CallEnded():
                self._hand_in(event.call_id, say.CallerLeft(event.call_id, event.cause))
            case MediaMoved():
                self._aim(event)
            case DigitArrived():
                self._key_by_info(event)

    def on_media(self, event: MediaEvent) -> None:
        """Take an event of the media plane."""
        if isinstance(event, MediaFailed):
            log.error("call.media_failed", call_id=event.call_id, reason=event.reason)
        self._hand_in(event.call_id, event)

    async def idle(self) -> None:
        """Wait until no call and no write is left."""
        while self._lines or self._tasks:
            await asyncio.sleep(0.05)

    def hang_up_all(self) -> None:
        """End every call as if its caller had hung up: what she said so far is kept."""
        for call_id in list(self._lines):
            self._hang_up(call_id)
            self._hand_in(call_id, say.CallerLeft(call_id, "hung_up"))

    # -- one call -----------------------------------------------------------------------------------

    def _begin(self, arrived: CallArrived) -> None:
        now = self._clock.seconds()
        call = Call(arrived, self._flow(arrived.called), now, may_latch=self._may_latch)
        line = _Line(call, arrived, Alarm(self._clock, lambda: self._timer(arrived.call_id)))
        self._lines[arrived.call_id] = line
        log.info("call.arrived", call_id=arrived.call_id, called=arrived.called, source=arrived.source)
        self._advance(line, lambda _now: None)

    def _aim(self, moved: MediaMoved) -> None:
        line = self._lines.get(moved.call_id)
        if line is None:
            return
        line.event_payload_type = moved.terms.event_payload_type
        if moved.terms.remote_port:
            self._media.send(aim_of(moved))

    def _key_by_info(self, arrived: DigitArrived) -> None:
        """Take a key from SIP INFO, unless keys come in the voice stream: a gateway may send both."""
        line = self._lines.get(arrived.call_id)
        if line is not None and line.event_payload_type is None:
            self._hand_in(arrived.call_id, DigitPressed(arrived.call_id, arrived.digit))

    def _hand_in(self, call_id: CallId, event: say.CallInput) -> None:
        line = self._lines.get(call_id)
        if line is None:
            log.info("call.event_after_end", call_id=call_id, event_kind=type(event).__name__)
            return
        log.debug("call.event", call_id=call_id, event_kind=type(event).__name__)
        self._advance(line, lambda now: line.call.handle(event, now))

    def _timer(self, call_id: CallId) -> None:
        line = self._lines.get(call_id)
        if line is not None:
            self._advance(line, line.call.handle_timer)

    def _advance(self, line: _Line, step: Callable[[float], None]) -> None:
        """Let a machine take a step, and carry out what it asks for; a bug of ours ends that call only."""
        try:
            step(self._clock.seconds())
            self._carry_out(line)
        except Exception:
            log.exception("switchboard.bug", call_id=line.arrived.call_id)
            self._abandon(line)

    def _abandon(self, line: _Line) -> None:
        """Let go of a call whose machine failed; recovery finds what was recorded."""
        call_id = line.arrived.call_id
        if self._lines.pop(call_id, None) is None:
            return  # a step within a step: it was let go of there
        line.alarm.set(None)
        self._media.send(ClosePort(call_id))
        self._spawn(self._write_ended(say.WriteEnded(call_id, "fault", line.call.path)))
        self._sip.act(lambda agent, now: _leave(agent, call_id, now))

    def _carry_out(self, line: _Line) -> None:
        call_id = line.arrived.call_id
        for command in line.call.take_commands():
            log.debug("call.command", call_id=call_id, command=type(command).__name__)
            self._do(line, command)
        if line.call.is_over:
            line.alarm.set(None)
            self._lines.pop(call_id, None)
        elif call_id in self._lines:
            line.alarm.set(line.call.next_timer())

    def _do(self, line: _Line, command: say.CallCommand) -> None:
        call_id = line.arrived.call_id
        match command:
            case say.WriteOffered():
                self._spawn(self._write_offered(line))
            case say.Answer():
                ip, port = command.local_ip, command.local_port
                line.is_answered = self._sip.act(lambda agent, now: agent.accept(call_id, ip, port, now))
            case say.Refuse():
                status = command.status
                self._sip.act(lambda agent, now: agent.refuse(call_id, status, now))
            case say.WriteAnswered():
                if line.is_answered:  # else her offer did not fit after all, and she was refused
                    self._spawn(self._write_answered(call_id))
            case say.HangUp():
                self._hang_up(call_id)
            case say.OpenRequest():
                self._spawn(self._open_request(line, command))
            case say.LookUpRequest():
                self._spawn(self._look_up(command))
            case say.WriteEnded():
                self._spawn(self._write_ended(command))
            case _:
                if isinstance(command, Record):
                    line.recordings_began[command.recording_id] = self._wall()
                self._media.send(command)

    def _hang_up(self, call_id: CallId) -> None:
        self._sip.act(lambda agent, now: agent.hang_up(call_id, now))

    # -- the store's side ---------------------------------------------------------------------------

    def _offered(self, arrived: CallArrived) -> OfferedCall:
        return OfferedCall(
            call_id=arrived.call_id,
            sip_call_id=arrived.sip_call_id,
            caller=arrived.caller,
            caller_raw=arrived.caller_raw,
            called=arrived.called,
            source=arrived.source,
            at=self._wall(),
            withheld=arrived.withheld,
        )

    async def _write_offered(self, line: _Line) -> None:
        call_id = line.arrived.call_id
        try:
            await self._journal.open_call(self._offered(line.arrived))
        except HotlineError as error:
            log.error("call.not_written", call_id=call_id, error=str(error))
            self._hand_in(call_id, say.WriteFailed(call_id, str(error)))
            return
        if call_id in self._lines:
            self._hand_in(call_id, say.OfferedWritten(call_id))
        else:  # the store took longer than the call waited for it: no record may stay open
            await self._write_ended(say.WriteEnded(call_id, "fault", ()))

    async def _write_answered(self, call_id: CallId) -> None:
        try:
            await self._journal.answer_call(call_id, self._wall())
        except HotlineError as error:
            log.error("call.not_written", call_id=call_id, error=str(error))

    async def _open_request(self, line: _Line, command: say.OpenRequest) -> None:
        began = line.recordings_began.get(command.recording.recording_id, self._wall())
        draft = RequestDraft(
            recording=closed_recording(command.recording, began),
            language=command.language,
            for_agent=command.for_agent,
            at=self._wall(),
        )
        try:
            number = await self._journal.open_request(draft)
        except HotlineError as error:
            log.error("request.not_opened", call_id=command.call_id, error=str(error))
            self._hand_in(command.call_id, say.WriteFailed(command.call_id, str(error)))
            return
        log.info("request.opened", call_id=command.call_id, request_number=number)
        self._hand_in(command.call_id, say.RequestOpened(command.call_id, number))

    async def _look_up(self, command: say.LookUpRequest) -> None:
        try:
            status = await self._journal.request_status(command.number)
        except HotlineError as error:
            log.error("request.not_looked_up", call_id=command.call_id, error=str(error))
            self._hand_in(command.call_id, say.WriteFailed(command.call_id, str(error)))
            return
        found = (
            say.StatusMissing(command.call_id)
            if status is None
            else say.StatusFound(command.call_id, status.number, status.state, status.unit_name)
        )
        self._hand_in(command.call_id, found)

    async def _write_ended(self, command: say.WriteEnded) -> None:
        """Write the end of a call until it is written; a crash before that is mended at the next start."""
        at, wait_s = self._wall(), FIRST_WAIT_S
        while True:
            try:
                await self._journal.close_call(command.call_id, at, command.cause, command.path)
            except OutsideError as error:
                log.error(
                    "call.end_not_written", call_id=command.call_id, error=str(error), again_in_s=wait_s
                )
                await self._pause(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                log.info("call.ended", call_id=command.call_id, cause=command.cause, path=list(command.path))
                return

    async def _pause(self, seconds: float) -> None:
        is_over = asyncio.Event()
        self._clock.callLater(seconds, is_over.set)
        await is_over.wait()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("switchboard.bug", exc_info=error)


def _leave(agent: UserAgent, call_id: CallId, now: float) -> None:
    if agent.is_offered(call_id):
        agent.refuse(call_id, 503, now)
    else:
        agent.hang_up(call_id, now)


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


def aim_of(moved: MediaMoved) -> Aim:
    """Turn a change of address in the dialog into the media plane's command."""
    terms = moved.terms
    return Aim(
        moved.call_id,
        terms.remote_ip,
        terms.remote_port,
        Codec[terms.codec.upper()],
        terms.event_payload_type,
    )
