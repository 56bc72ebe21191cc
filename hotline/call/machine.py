"""One call, from the offer to the last row written about it.

A pure machine: events in (``CallInput``), commands out (``CallCommand``), time as ``now``. Its moves
are the table in ``states.py``; within TALKING the flow decides (``hotline.ivr.runner``), and the
requests to be opened are kept by ``openings.py``. It knows no SIP, no files and no store.

The promise it keeps: a recording with a second of speech leads to exactly one request, whatever the
flow does and whenever the caller leaves. Where it is in doubt it opens one request too many rather
than one too few (``words.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from hotline.call.bridge import Bridge
from hotline.call.connection import Connection
from hotline.call.frame import CallFrame
from hotline.call.legs import aim_at, port_for
from hotline.call.messages import (
    Answer,
    CallerConfirmed,
    CallerLeft,
    CallInput,
    GuestEvent,
    HangUp,
    OfferedNotWritten,
    OfferedWritten,
    OpenRequest,
    Progress,
    Reoffer,
    ReportTransfer,
    RequestOpened,
    StatusFound,
    StatusMissing,
    TargetsFound,
    WriteAnswered,
    WriteFailed,
)
from hotline.call.openings import Openings
from hotline.call.questions import Questions
from hotline.call.states import FAREWELL_S, LIMITS_S, RECORD_WAIT_S, TRANSITIONS, A, I, S
from hotline.call.statuses import FORBIDDEN, SESSION_PROGRESS
from hotline.call.words import Words
from hotline.events.ids import CallId
from hotline.ivr.flow import OPEN_REQUEST, Flow
from hotline.ivr.phases import P
from hotline.ivr.runner import (
    ENOUGH_SPEECH_MS,
    Answered,
    Ask,
    Connect,
    Connected,
    Disconnect,
    FlowEnded,
    Runner,
)
from hotline.media.plan import (
    ClosePort,
    DigitPressed,
    MediaFailed,
    PortMoved,
    PortOpened,
    PromptEnded,
    Record,
    RecordingClosed,
    SpeechEnded,
    SpeechStarted,
)
from hotline.sip.agenda import earliest
from hotline.sip.events import CallArrived, MediaMoved, ReofferFailed, TransferAsked

LEAST_LEFT_S: Final = 120.0
"""So long a flow may go on at least after a talk with a person: for a message, and its number."""

_CAUSES: Final[Mapping[str, str]] = {
    # cause of sip.events.CallEnded -> cause in the call record
    "bye": "caller",
    "cancel": "cancelled",
    "no_ack": "no_ack",
    "hung_up": "finished",
    "refused": "refused",
}

_FOR_THE_FLOW: Final = (DigitPressed, PromptEnded, SpeechStarted, SpeechEnded)


class Call(CallFrame[S, I, A]):
    """The machine of one call.

    :param facts: what the user agent told about the offer.
    :param flow: the flow that answers; the call keeps it, also when a newer one is published.
    :param may_latch: whether the media plane may follow the caller behind a NAT (settings.media).
    """

    def __init__(self, facts: CallArrived, flow: Flow, now: float, *, may_latch: bool = False) -> None:
        super().__init__(
            facts, "in", now, moves=TRANSITIONS, limits_s=LIMITS_S, first=S.OPENING_MEDIA, timeout=I.TIMEOUT
        )
        self.flow = flow
        self._runner: Runner | None = None
        self._openings = Openings()
        self._connection = Connection(facts, flow.languages[0], may_latch=may_latch)
        self._words = Words()
        self._questions = Questions(self.call_id)
        self._port = PortOpened(self.call_id, "", 0)
        self._offered_port: PortOpened | None = None
        """Where her voice is expected, while she believes in another place."""
        self._left_s = 0.0
        self._is_winding_up = False
        self._has_failed = False
        self._record_due: float | None = now + RECORD_WAIT_S
        self._is_unwritten = False
        """The store could not write the record; it is tried again until it can."""
        self._commands.append(
            port_for(self.call_id, facts.terms, local_ip=facts.local_ip, may_latch=may_latch)
        )

    # -- the machine's verbs ------------------------------------------------------------------------

    def handle(self, event: CallInput, now: float) -> None:
        """Take one event; what does not fit the state is dropped, as it crossed a command of ours."""
        if event.call_id != self.call_id or isinstance(event, TargetsFound | GuestEvent):
            self._connection.handle(event, now)
        elif isinstance(event, OfferedWritten):
            self._record_due, self._is_unwritten = None, False
        elif isinstance(event, OfferedNotWritten):
            self._record_failed(now)
        elif isinstance(event, CallerConfirmed):
            self._move(I.CONFIRMED_UNWRITTEN if self._is_unwritten else I.CONFIRMED, now)
        else:
            self._take(event, now)
        self._follow_up(now)

    def next_timer(self) -> float | None:
        """Tell when to call handle_timer; None: never."""
        if self.state is S.ENDED:
            return None
        runner = self._runner if self.state is S.TALKING else None
        return earliest(
            self._limit,
            self._record_due,
            self._openings.next_timer(),
            self._connection.next_timer(),
            runner.next_timer() if runner is not None else None,
        )

    def handle_timer(self, now: float) -> None:
        """Fire what is due, in order of time."""
        while (due := self.next_timer()) is not None and due <= now:
            if due == self._limit:
                self._fire_limit(now)
            elif due == self._record_due:
                self._record_failed(now)
            elif due == self._openings.next_timer():
                self._openings.handle_timer(now)
            elif due == self._connection.next_timer():
                self._connection.handle_timer(now)
            elif self._runner is not None:
                self._runner.handle_timer(now)
            self._follow_up(now)

    @property
    def is_over(self) -> bool:
        """True when nothing more will be commanded and no timer waits: the call may be forgotten."""
        return self.state is S.ENDED

    @property
    def path(self) -> tuple[str, ...]:
        """The flow with its version, the steps in the order they were entered, and notes (``!...``)."""
        steps = self._runner.path if self._runner is not None else ()
        notes = [
            *self._connection.notes,
            *self._notes,
            *(f"!not opened: {one}" for one in self._openings.given_up),
        ]
        return (f"{self.flow.name}@{self.flow.version}", *steps, *notes)

    @property
    def leg_ids(self) -> tuple[CallId, ...]:
        """The legs of the call; the caller's own first. Empty when the call is over."""
        if self.state is S.ENDED:
            return ()
        bridge = self._connection.bridge
        return (self.call_id,) if bridge is None else (self.call_id, *self._connection.leg_ids)

    def peer_of(self, leg_id: CallId) -> str:
        """Tell the user or number at the end of a leg; empty for a leg that is not here."""
        return self.bridge.peer_of(leg_id) if self.bridge is not None else ""

    @property
    def peers(self) -> Iterator[str]:
        """Users and numbers at the ends of the call."""
        yield self.facts.origin.name or self.facts.caller
        if self.bridge is not None:
            yield from self.bridge.peers

    def follow_up(self, now: float) -> None:
        """Carry on what was done to the bridge from outside (``join.py``)."""
        self._connection.follow_up()
        self._follow_up(now)

    @property
    def bridge(self) -> Bridge | None:
        """What the caller talks through; None while the flow speaks to her."""
        return self._connection.bridge

    # -- events -------------------------------------------------------------------------------------

    def _take(self, event: CallInput, now: float) -> None:
        match event:
            case WriteFailed():
                self._write_failed(now)
            case PortOpened():
                self._port = event
                is_free = self.flow.free and self.facts.origin.early_media
                self._move(I.PORT_OPENED_FREE if is_free else I.PORT_OPENED, now)
            case MediaFailed():
                self._media_failed(event, now)
            case PortMoved() | ReofferFailed():
                self._port_moved(event, now)
            case CallerLeft():
                self._left(_CAUSES.get(event.cause, "caller"), now)
            case RequestOpened():
                self._request_opened(event, now)
            case StatusFound():
                self._status_known(event.state, now)
            case StatusMissing():
                self._status_known("missing", now)
            case RecordingClosed():
                self._recording_closed(event, now)
            case MediaMoved() | TransferAsked():
                self._from_her_side(event, now)
            case _:
                if isinstance(event, _FOR_THE_FLOW) and self._runner is not None and self.state is S.TALKING:
                    self._runner.handle(event, now)

    def _write_failed(self, now: float) -> None:
        if self._openings.is_asking:
            self._openings.failed(now)
        elif self._questions.is_looking_up:
            self._status_known("failed", now)

    def _record_failed(self, now: float) -> None:
        """Apologise, unless she spoke already: then she is heard out, and her request waits for the store."""
        self._record_due = None
        if self._is_unwritten or self.state not in (S.OPENING_MEDIA, S.ANSWERING, S.TALKING):
            return
        self._is_unwritten = True
        self._notes.append("!record not written")
        if not self._words.has_any:
            self.cause = self.cause or "fault"
            self._move(I.NOT_WRITTEN, now)

    def _media_failed(self, event: MediaFailed, now: float) -> None:
        if self.state in (S.OPENING_MEDIA, S.ANSWERING, S.TALKING):
            if not self._has_failed:  # the apology may fail as well; the first reason is the one to know
                self._notes.append(f"!media failed: {event.reason}")
            self._has_failed = True
            self.cause = self.cause or "fault"
        self._move(I.MEDIA_FAILED, now)

    def _port_moved(self, event: PortMoved | ReofferFailed, now: float) -> None:
        """Follow a plane that was replaced; who does not follow there is still heard at the same place."""
        if isinstance(event, PortMoved):
            port = PortOpened(event.call_id, event.local_ip, event.local_port)
            if self.state is S.TALKING:
                self._notes.append("!media plane replaced")
            self._offered_port = None if port == self._port else port
            self._port = port
            self._move(I.PORT_MOVED, now)
        elif self._offered_port is not None:
            self._offered_port = None
            if self.state is S.TALKING:
                self._notes.append(f"!did not follow to another port: {event.status}")
                self.cause = self.cause or "fault"
            self._move(I.PORT_REFUSED, now)

    def _left(self, cause: str, now: float) -> None:
        if (self.state, I.LEFT) in TRANSITIONS:
            self.cause = self.cause or cause
            self._move(I.LEFT, now)

    def _request_opened(self, event: RequestOpened, now: float) -> None:
        recording_id = self._openings.opened(event.number, now)
        self._answer(self._questions.opened(recording_id, event.number), now)

    def _status_known(self, state: str, now: float) -> None:
        self._answer(self._questions.found(state), now)

    def _from_her_side(self, event: MediaMoved | TransferAsked, now: float) -> None:
        if self.state not in (S.OPENING_MEDIA, S.ANSWERING, S.TALKING):
            return  # it crossed our BYE, or hers
        if isinstance(event, TransferAsked):  # a caller is in her flow, and stays there
            self._commands.append(ReportTransfer(self.call_id, FORBIDDEN))
            return
        self._offered_port = None
        self._commands.append(aim_at(self.call_id, event.terms, self._connection.terms))
        self._connection.moved(event.terms)
        self._connection.handle(event, now)

    def _answer(self, answer: Answered | None, now: float) -> None:
        if answer is not None and self._runner is not None and self.state is S.TALKING:
            self._runner.handle(answer, now)

    def _recording_closed(self, event: RecordingClosed, now: float) -> None:
        if self._words.is_known(event.recording_id):
            return
        self._words.ended(event.recording_id)
        runner = self._runner
        is_talk = runner is not None and runner.phase in (P.CONNECT_TALK, P.CONNECT_CLOSING)
        if runner is not None and self.state is S.TALKING:
            runner.handle(event, now)
        opening = OpenRequest(
            self.call_id,
            event,
            language=runner.language if runner else self.flow.languages[0],
            for_agent=runner.for_agent if runner else False,
        )
        self._words.closed(opening, is_cut_off=self.state in (S.CLOSING, S.SETTLING))
        if is_talk and event.speech_ms >= ENOUGH_SPEECH_MS:
            self._openings.add(opening, now)
        if self.state is S.SETTLING:
            self._move(I.RECORDING_CLOSED, now)

    # -- moving -------------------------------------------------------------------------------------

    def _act(self, action: A, now: float) -> None:
        _ACTIONS[action](self, now)

    def _follow_up(self, now: float) -> None:
        """Carry the flow's and the openings' wishes on, until nobody has any left."""
        while True:
            self._commands.extend(self._openings.take_commands())
            self._commands.extend(self._connection.take_commands())
            if self.state is S.TALKING and self._runner is not None:
                for told in self._connection.take_events():
                    self._stop_the_clock(isinstance(told, Connected), now)
                    self._runner.handle(told, now)
                wishes = self._runner.take_commands()
                for wish in wishes:
                    self._carry_on(wish, now)
                if wishes:
                    continue
            if self.state is S.CLOSING and self._words.recording is None:
                self._move(I.RECORDING_CLOSED, now)
                continue
            if self.state is S.SETTLING and self._openings.is_settled:
                self._move(I.SETTLED, now)
            return

    def _stop_the_clock(self, is_talking: bool, now: float) -> None:
        """Count no talk with a person into the longest call of a flow; the flow has a limit for it."""
        if is_talking and self._limit is not None:
            self._left_s, self._limit = max(self._limit - now, LEAST_LEFT_S), None
        elif not is_talking and self._limit is None:
            self._limit = now + self._left_s

    def _carry_on(self, wish: object, now: float) -> None:
        match wish:
            case FlowEnded():
                self.cause = self.cause or wish.cause
                self._move(I.FLOW_ENDED, now)
            case Ask(question=question) if question == OPEN_REQUEST:
                self._answer(self._questions.open(wish, self._words, self._openings, now), now)
            case Ask():
                self._commands.append(self._questions.look_up(wish))
            case Connect():
                self._connection.connect(wish, now)
            case Disconnect():
                self._connection.end(now)
            case Record():
                self._words.recording = wish.recording_id
                self._commands.append(wish)
            case _:
                self._commands.append(wish)  # type: ignore[arg-type]

    # -- actions, one for each member of A ----------------------------------------------------------

    def _refuse_and_close(self, now: float) -> None:
        self._refuse(now)
        self._close_unused(now)

    def _send_answer(self, _now: float) -> None:
        self._commands.append(Answer(self.call_id, self._port.local_ip, self._port.local_port))
        self._commands.append(WriteAnswered(self.call_id))

    def _announce(self, now: float) -> None:
        """Let a free announcement be heard as early media; when it is over, hanging up refuses the call."""
        port = self._port
        self._commands.append(Progress(self.call_id, SESSION_PROGRESS, port.local_ip, port.local_port))
        self._begin_flow(now)

    def _begin_flow(self, now: float) -> None:
        self._limit = now + self.flow.longest_s
        self._runner = Runner(self.flow, self.call_id, now)

    def _begin_with_apology(self, now: float) -> None:
        self._begin_flow(now)
        self._apologise(now)

    def _close_unused(self, now: float) -> None:
        self._close(now)
        self._write_ended(now)

    def _drop(self, now: float) -> None:
        self.cause = self.cause or "no_ack"
        self._hang_up(now)
        self._write_ended(now)

    def _close(self, now: float) -> None:
        self._connection.end(now)
        self._commands.extend(self._connection.take_commands())
        self._commands.append(ClosePort(self.call_id))

    def _hang_up(self, now: float) -> None:
        self._commands.append(HangUp(self.call_id))
        self._close(now)

    def _reoffer(self, _now: float) -> None:
        self._commands.append(Reoffer(self.call_id, self._port.local_ip, self._port.local_port))

    def _wind_up(self, now: float) -> None:
        if not self._is_winding_up:
            self.cause = "finished"
            self._notes.append("!too long")
        self._say_last_words(self.flow.too_long, now)

    def _apologise(self, now: float) -> None:
        """Tell her that it is our fault, where the media plane can still do that (a full disk)."""
        step = self.flow.steps[self.flow.fault]
        self._say_last_words(step.prompts() if step.verb.name == "say" else (), now)

    def _say_last_words(self, prompts: tuple[str, ...], now: float) -> None:
        assert self._runner is not None
        if self._is_winding_up or not prompts:
            self._move(I.FLOW_ENDED, now)
            return
        self._is_winding_up = True
        self._connection.end(now)
        self._limit = now + FAREWELL_S
        self._runner.wind_up(prompts, now)

    def _settle(self, now: float) -> None:
        """Open a request for all words that have none yet."""
        for opening in self._words.left_over(self._openings):
            self._openings.add(opening, now)

    def _settle_without_file(self, now: float) -> None:
        self._notes.append(f"!no file: {self._words.recording}")
        self._words.recording = None
        self._settle(now)


_ACTIONS: Final[Mapping[A, Callable[[Call, float], None]]] = {
    A.REFUSE_AND_CLOSE: Call._refuse_and_close,
    A.ANSWER: Call._send_answer,
    A.ANNOUNCE: Call._announce,
    A.BEGIN_FLOW: Call._begin_flow,
    A.BEGIN_WITH_APOLOGY: Call._begin_with_apology,
    A.CLOSE_UNUSED: Call._close_unused,
    A.DROP: Call._drop,
    A.CLOSE: Call._close,
    A.HANG_UP: Call._hang_up,
    A.REOFFER: Call._reoffer,
    A.WIND_UP: Call._wind_up,
    A.APOLOGISE: Call._apologise,
    A.SETTLE: Call._settle,
    A.SETTLE_WITHOUT_FILE: Call._settle_without_file,
    A.WRITE_ENDED: Call._write_ended,
}
