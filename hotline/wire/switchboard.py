"""The switchboard: carries out what the machines of the calls ask for.

It keeps one machine and one alarm a call, hands in what SIP, media and store report about any of its
legs, and turns the commands into actions. It decides nothing: what follows what, and who hears whom,
stands in ``hotline.call``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator
from datetime import datetime

import structlog

from hotline.call import messages as say
from hotline.call.destinations import Directory, NoDirectory, only_idle
from hotline.call.join import AnyCall, join
from hotline.call.machine import Call
from hotline.call.phone_call import PhoneCall
from hotline.events.ids import CallId, RecordingId
from hotline.intake.ports import Journal
from hotline.ivr.flow import HOLD_MUSIC, Flow
from hotline.media.plan import (
    ClosePort,
    ExpectVoice,
    KeyUnsent,
    MediaEvent,
    MediaFailed,
    NoteKey,
    OpenPort,
    Record,
    RecordingClosed,
)
from hotline.sip.admission import OriginKind
from hotline.sip.events import (
    CallAnswered,
    CallArrived,
    CallConfirmed,
    CallEnded,
    DigitArrived,
    ReofferFailed,
    SipEvent,
)
from hotline.sip.user_agent import UserAgent
from hotline.wire.alarm import Alarm
from hotline.wire.call_records import CallRecords
from hotline.wire.media_planes import MediaPlanes
from hotline.wire.reactor import Clock
from hotline.wire.sip_edge import SipEdge

log = structlog.get_logger()


class _Line:
    """A call's machine and its alarm."""

    def __init__(self, call: AnyCall, arrived: CallArrived, alarm: Alarm) -> None:
        self.call, self.arrived, self.alarm = call, arrived, alarm
        self.is_answered = False
        """200 OK was sent."""
        self.recordings_began: dict[RecordingId, datetime] = {}
        self.recording: RecordingId | None = None
        """The one that is being made."""
        self.answers: list[say.CallInput] = []
        """Of commands that were carried out at once; the machine hears them after all commands of a step."""
        self.legs: tuple[CallId, ...] = ()
        """Legs that events are handed in for, as of the last step."""


class Switchboard:
    """All calls in progress.

    :param flow: finds the flow that answers a called number.
    :param directory: knows the telephones and the lines of the house.
    :param is_ours: tells whether a number that a telephone dialled is one that a flow answers.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        sip: SipEdge,
        media: MediaPlanes,
        journal: Journal,
        flow: Callable[[str], Flow],
        wall: Callable[[], datetime],
        may_latch: bool = False,
        directory: Directory | None = None,
        is_ours: Callable[[str], bool] = lambda _called: True,
    ) -> None:
        self._clock, self._sip, self._media = clock, sip, media
        self._flow, self._wall, self._may_latch = flow, wall, may_latch
        self._directory, self._is_ours = directory or NoDirectory(), is_ours
        self.on_guest: Callable[[say.NoteGuest], None] = lambda _note: None
        """Takes who came to a talk, and who left it."""
        self._lines: dict[CallId, _Line] = {}
        self._by_leg: dict[CallId, _Line] = {}
        self._tells_all: bool = log.is_enabled_for(logging.DEBUG)
        self._records = CallRecords(clock, journal, wall, self._tell, self._lines.__contains__)

    @property
    def calls(self) -> int:
        """How many calls are in progress."""
        return len(self._lines)

    def call_of(self, leg_id: CallId) -> CallId | None:
        """Tell the call that a leg belongs to; None for a leg that is over."""
        line = self._by_leg.get(leg_id)
        return line.call.call_id if line is not None else None

    @property
    def calls_now(self) -> Iterator[tuple[CallArrived, AnyCall]]:
        """Give each call in progress, and how it came."""
        yield from ((line.arrived, line.call) for line in self._lines.values())

    def ask(self, event: say.GuestEvent) -> None:
        """Hand in what somebody wants of a call's guests; nothing where the call is over."""
        if event.call_id in self._lines:
            self._tell(event.call_id, event)

    def answer_phone(self, user: str) -> bool:
        """Have a user's ringing telephone answer by itself, or take its call off hold (``Event: talk``).

        :returns: False when none of his telephones rings, or none can do that.
        """
        legs = [leg_id for leg_id, line in self._by_leg.items() if line.call.peer_of(leg_id) == user]
        return self._sip.act(lambda agent, now: any([agent.notify_talk(leg_id, now) for leg_id in legs]))

    # -- what comes in ------------------------------------------------------------------------------

    def on_sip(self, event: SipEvent) -> None:
        """Take an event of the user agent."""
        match event:
            case CallArrived(replaces=None):
                self._begin(event)
            case CallArrived():
                self._replace(event)
            case CallConfirmed():
                self._expect_voice(event.call_id)
                self._hand_in(event.call_id, say.CallerConfirmed(event.call_id))
            case DigitArrived():
                self._key_by_info(event)
            case _:
                self._leg_event(event)

    def on_media(self, event: MediaEvent) -> None:
        """Take an event of the media plane."""
        if isinstance(event, KeyUnsent):
            self._sip.act(lambda agent, now: agent.send_key(event.call_id, event.digit, now))
            return
        if isinstance(event, MediaFailed):
            log.error("call.media_failed", call_id=event.call_id, reason=event.reason)
        if isinstance(event, RecordingClosed) and event.call_id in self._lines:
            line = self._lines[event.call_id]
            line.recording = None if line.recording == event.recording_id else line.recording
        self._hand_in(event.call_id, event)

    def legs_of(self, call_id: CallId) -> tuple[CallId, ...]:
        """Tell the legs of a call, the caller's first; none when it is over."""
        line = self._lines.get(call_id)
        return line.legs if line is not None else ()

    def recorded_call_of(self, users: Collection[str]) -> CallId | None:
        """Find the call that is being recorded and in which one of these telephones talks.

        A supervisor who came to it does not: what is recorded of a talk is not for her to say.
        """
        for call_id, line in self._lines.items():
            talkers = set(users).intersection(line.call.peers)
            if line.call.bridge is not None:
                talkers -= line.call.bridge.supervisors
            if line.recording is not None and talkers:
                return call_id
        return None

    async def idle(self) -> None:
        """Wait until no call and no write is left."""
        while self._lines or not self._records.is_idle:
            await asyncio.sleep(0.05)

    def hang_up_all(self) -> None:
        """End every call as if its caller had hung up: what she said so far is kept."""
        for call_id, line in list(self._lines.items()):
            if isinstance(line.call, Call):
                self._hang_up(call_id)
            self._advance_with(line, say.CallerLeft(call_id, "hung_up"))

    # -- one call -----------------------------------------------------------------------------------

    def _begin(self, arrived: CallArrived) -> None:
        now = self._clock.seconds()
        flow = self._flow(arrived.called)
        call: AnyCall
        if arrived.origin.kind is OriginKind.PHONE and not self._is_ours(arrived.called):
            direction = "inside" if self._directory.is_user(arrived.called) else "out"
            music = f"{flow.languages[0]}/{HOLD_MUSIC}"
            call = PhoneCall(arrived, now, direction=direction, music=music, may_latch=self._may_latch)
        else:
            call = Call(arrived, flow, now, may_latch=self._may_latch)
        line = _Line(call, arrived, Alarm(self._clock, lambda: self._timer(arrived.call_id)))
        self._lines[arrived.call_id] = line
        log.info(
            "call.arrived",
            call_id=arrived.call_id,
            called=arrived.called,
            source=arrived.source,
            origin=arrived.origin.name,
            direction=call.direction,
        )
        self._advance(line, None)

    def _replace(self, arrived: CallArrived) -> None:
        """Hand a call that wants another leg's place (RFC 3891) to the call of that leg."""
        assert arrived.replaces is not None
        line = self._by_leg.get(arrived.replaces)
        if line is None:  # it ended between two steps
            self._sip.act(lambda agent, now: agent.refuse(arrived.call_id, 481, now))
            return
        self._by_leg[arrived.call_id] = line
        line.legs = (*line.legs, arrived.call_id)
        self._advance_with(line, arrived)

    def _leg_event(self, event: say.SipLegEvent) -> None:
        line = self._by_leg.get(event.call_id)
        is_first = line is not None and line.arrived.call_id == event.call_id
        if line is not None and is_first and isinstance(event, CallEnded) and isinstance(line.call, Call):
            self._hand_in(event.call_id, say.CallerLeft(event.call_id, event.cause))
        else:
            self._hand_in(event.call_id, event)
        if isinstance(event, CallAnswered):
            self._expect_voice(event.call_id)

    def _expect_voice(self, leg_id: CallId) -> None:
        """Have the media plane tell when a side that talks to us from now on is not heard."""
        if leg_id in self._by_leg:
            self._media.send(ExpectVoice(leg_id))

    def _key_by_info(self, arrived: DigitArrived) -> None:
        """Pass a key from SIP INFO to the media plane, which knows whether the voice told it, too."""
        if arrived.call_id in self._by_leg:
            self._media.send(NoteKey(arrived.call_id, arrived.digit))

    def _hand_in(self, leg_id: CallId, event: say.CallInput) -> None:
        """Hand in what happened to a leg."""
        line = self._by_leg.get(leg_id)
        if line is None:
            log.debug("call.event_after_end", call_id=leg_id, event_kind=type(event).__name__)
            return
        self._advance_with(line, event)

    def _tell(self, call_id: CallId, event: say.CallInput) -> None:
        """Hand in the answer to a command of a call."""
        line = self._lines.get(call_id)
        if line is None:
            log.info("call.event_after_end", call_id=call_id, event_kind=type(event).__name__)
            return
        self._advance_with(line, event)

    def _advance_with(self, line: _Line, event: say.CallInput) -> None:
        if self._tells_all:
            log.debug("call.event", call_id=event.call_id, event_kind=type(event).__name__)
        self._advance(line, line.call.handle, event)

    def _timer(self, call_id: CallId) -> None:
        line = self._lines.get(call_id)
        if line is not None:
            self._advance(line, line.call.handle_timer)

    def _advance(self, line: _Line, step: Callable[..., None] | None, *given: say.CallInput) -> None:
        """Let a machine take a step, and carry out what it asks for; a bug of ours ends that call only.

        :param step: given what comes behind it and the time; None: it took its step already.
        """
        try:
            if step is not None:
                step(*given, self._clock.seconds())
            self._carry_out(line)
        except Exception:
            log.exception("switchboard.bug", call_id=line.call.call_id)
            self._abandon(line)

    def _abandon(self, line: _Line) -> None:
        """Let go of a call whose machine failed; recovery finds what was recorded."""
        call_id = line.call.call_id
        if self._lines.pop(call_id, None) is None:
            return  # a step within a step: it was let go of there
        line.alarm.set(None)
        for leg_id in [one for one, owner in self._by_leg.items() if owner is line]:
            del self._by_leg[leg_id]
            self._media.send(ClosePort(leg_id))
            self._sip.act(lambda agent, now, leg_id=leg_id: _leave(agent, leg_id, now))  # type: ignore[misc]
        self._records.close_call(call_id, "fault", line.call.path)

    def _carry_out(self, line: _Line) -> None:
        while True:
            commands = line.call.take_commands()
            self._note_legs(line)
            for command in commands:
                if self._tells_all:
                    log.debug("call.command", call_id=command.call_id, command=type(command).__name__)
                self._do(line, command)
            if not line.answers:
                break
            answers, line.answers = line.answers, []
            for answer in answers:
                if self._tells_all:
                    log.debug("call.event", call_id=answer.call_id, event_kind=type(answer).__name__)
                line.call.handle(answer, self._clock.seconds())
        call_id = line.call.call_id
        if line.call.is_over:
            line.alarm.set(None)
            self._lines.pop(call_id, None)
            self._note_legs(line)
        elif call_id in self._lines:
            line.alarm.set(line.call.next_timer())

    def _note_legs(self, line: _Line) -> None:
        """Keep track of whose legs are whose."""
        legs = line.call.leg_ids
        if legs == line.legs:
            return
        for gone in set(line.legs).difference(legs):
            if self._by_leg.get(gone) is line:
                del self._by_leg[gone]
        for leg_id in legs:
            self._by_leg[leg_id] = line
        line.legs = legs

    # -- what is asked for --------------------------------------------------------------------------

    def _do(self, line: _Line, command: say.CallCommand) -> None:
        match command:
            case say.Answer(leg_id, ip, port):
                is_answered = self._sip.act(lambda agent, now: agent.accept(leg_id, ip, port, now))
                line.is_answered = line.is_answered or is_answered
            case say.WriteOffered():
                self._records.open_call(line.arrived, line.call.direction, is_awaited=command.is_awaited)
            case say.WriteAnswered():
                if line.is_answered:  # else her offer did not fit after all, and she was refused
                    self._records.answer_call(command.call_id)
            case say.OpenRequest():
                began = line.recordings_began.get(command.recording.recording_id)
                self._records.open_request(command, began)
            case say.LookUpRequest():
                self._records.look_up(command)
            case say.WriteEnded():
                self._records.close_call(command.call_id, command.cause, command.path)
            case say.HangUp():
                self._hang_up(command.call_id)
            case OpenPort() | say.Reoffer():
                self._place_voice(line, command)
            case (
                say.Refuse()
                | say.FindTargets()
                | say.Dial()
                | say.Progress()
                | say.ReportTransfer()
                | say.NoteLeg()
                | say.NoteGuest()
                | say.JoinCalls()
            ):
                self._do_for_leg(command)
            case _:
                if isinstance(command, Record):
                    line.recordings_began[command.recording_id] = self._wall()
                    line.recording = command.recording_id
                self._media.send(command)

    def _place_voice(self, line: _Line, command: OpenPort | say.Reoffer) -> None:
        """Give a leg a place for its voice, or tell it of another one."""
        if isinstance(command, say.Reoffer):
            self._reoffer(line, command)
            return
        answer = self._media.open_port(command, beside=line.call.leg_ids)
        if isinstance(answer, MediaFailed):
            log.error("call.media_failed", call_id=answer.call_id, reason=answer.reason)
        line.answers.append(answer)

    def _reoffer(self, line: _Line, command: say.Reoffer) -> None:
        leg_id, ip, port = command.call_id, command.local_ip, command.local_port
        is_offered = self._sip.act(
            lambda agent, now: agent.reoffer(leg_id, now, local_ip=ip, local_port=port)
        )
        if not is_offered:  # early media: nothing is agreed yet that could be changed
            line.answers.append(ReofferFailed(leg_id, 0))

    def _do_for_leg(self, command: say.CallCommand) -> None:
        match command:
            case say.Refuse(leg_id, status):
                self._sip.act(lambda agent, now: agent.refuse(leg_id, status, now))
            case say.FindTargets():
                self._records.spawn(self._find(command))
            case say.Dial():
                self._dial(command)
            case say.Progress(leg_id, status, ip, port):
                self._sip.act(lambda agent, now: agent.progress(leg_id, status, now, ip, port))
            case say.ReportTransfer(leg_id, status):
                self._sip.act(lambda agent, now: agent.transfer_progress(leg_id, status, now))
            case say.NoteLeg():
                self._note_leg(command)
            case say.NoteGuest():
                self.on_guest(command)
            case say.JoinCalls(leg_id, replaces):
                self._join(leg_id, replaces)

    def _note_leg(self, note: say.NoteLeg) -> None:
        sip_call_id = ""
        if note.what in ("arrived", "answered"):
            sip_call_id = self._sip.act(lambda agent, _now: agent.sip_call_id(note.call_id))
        self._records.note_leg(
            note.call_id,
            note.call,
            note.what,
            note.peer,
            sip_call_id=sip_call_id,
            cause=note.cause,
            status=note.status,
        )

    def _hang_up(self, leg_id: CallId) -> None:
        self._sip.act(lambda agent, now: agent.hang_up(leg_id, now))

    def _dial(self, command: say.Dial) -> None:
        order = command.order
        trunk = order.origin.name if order.origin.kind is OriginKind.TRUNK else ""
        # One that is not answered is found by the Call-ID of the telephone that was dialled first.
        sip_call_id, *_ = self._sip.act(lambda agent, now: agent.dial(order, now))
        self._records.note_leg(
            command.call_id, command.call, "dialled", command.peer, sip_call_id=sip_call_id, trunk=trunk
        )

    async def _find(self, command: say.FindTargets) -> None:
        # in a task, so that the commands beside it are carried out before its answer is
        call_id = command.call_id
        found = self._directory.find(
            command.to,
            command.shown,
            self._clock.seconds(),
            acting=command.acting,
            answers_itself=command.answers_itself,
            but=command.but,
        )
        if command.only_idle:
            found = only_idle(found, self._is_talking)
        if not found.destinations:
            log.info("call.nobody", call_id=call_id, to=command.to, status=found.status, reason=found.reason)
        status, reason = found.status, found.reason
        self._tell(call_id, say.TargetsFound(call_id, command.tag, found.destinations, status, reason))

    def _is_talking(self, peer: str) -> bool:
        return any(peer in line.call.peers for line in self._lines.values())

    def _join(self, leg_id: CallId, replaces: CallId) -> None:
        asked, other = self._by_leg.get(leg_id), self._by_leg.get(replaces)
        joined = None
        if asked is not None and other is not None:
            joined = join(asked.call, leg_id, other.call, replaces, self._clock.seconds())
        if joined is None:
            self._sip.act(lambda agent, now: agent.transfer_progress(leg_id, 603, now))
            return
        for call in joined:
            line = asked if asked is not None and call is asked.call else other
            assert line is not None
            self._advance(line, None)


def _leave(agent: UserAgent, call_id: CallId, now: float) -> None:
    if agent.is_offered(call_id):
        agent.refuse(call_id, 503, now)
    else:
        agent.hang_up(call_id, now)
