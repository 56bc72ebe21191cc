"""Run one call through a flow: events in, commands out, time as ``now``.

The runner has the form of all our machines (models.md, section 3). It speaks to the media plane in
the plane's own messages and to the layer above in two of its own: ``Ask`` (answered by ``Answered``)
and ``FlowEnded``. It never opens a request by itself: that a spoken word leads to a request even
when the flow forgets it, or the caller hangs up, is the call's promise (``hotline.call``).

A fault in a step does not drop the caller: she is led to the flow's ``fault`` step; only a second
fault, or one that keeps the recording's file from coming, ends the flow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from hotline.errors import LocalProtocolError
from hotline.events.ids import CallId, RecordingId
from hotline.ivr.flow import BEEP, OPEN_REQUEST, PAUSE, Flow, Step
from hotline.ivr.phases import (
    BEGINNINGS,
    CLOSING,
    PLAYING,
    RECORDING,
    TRANSITIONS,
    WAIT_SETTING,
    A,
    I,
    P,
    keys_that_cut,
    meaning_of_key,
)
from hotline.media.plan import (
    DigitPressed,
    MediaCommand,
    MediaEvent,
    Play,
    PromptEnded,
    Record,
    RecordingClosed,
    SpeechEnded,
    SpeechStarted,
    StopPlaying,
    StopRecording,
)

ENOUGH_SPEECH_MS: Final = 1000
"""So much speech is a request; less is a cough, or a click of the line (promise of architecture.md)."""
LONGEST_PROMPT_S: Final = 90.0
"""A prompt whose end was not told by then is taken for ended; a number read twice takes some 20 s."""
FILE_WAIT_S: Final = 10.0
"""How long the plane may take to put a recording on disk; more means that it is gone."""
CONNECT_GRACE_S: Final = 10.0
"""Ringing ends by itself; so much later, with nobody's word about it, the flow goes on."""
RECORDING_GRACE_S: Final = 5.0
"""The plane ends a recording at its longest by itself; so much later we tell it to."""
MEANWHILE_EVERY_S: Final = 8.0
"""How often "one moment, please" is repeated."""
MOST_STEPS_AT_ONCE: Final = 100
"""Steps in a row without anything to wait for; the checker refuses such flows, this stops them."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the system; answered by Answered, or not at all."""

    question: str
    number: str = ""
    """The digits that the caller keyed in; ``request_status``."""
    recording: RecordingClosed | None = None
    """``open_request``."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to the last Ask."""

    question: str
    """The one that was asked; the answer to another is ignored."""
    outcome: str
    """``opened``, ``missing``, ``failed``, or the state of the request."""
    number: str = ""
    """Number of the request, with ``opened``."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Ring telephones for the caller; answered by Connected and ConnectionOver, or by the latter alone."""

    to: tuple[str, ...]
    """Users and groups, as the flow names them."""
    ring_s: float
    answers_itself: bool = False
    """Ask the telephones to answer without a hand on them."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """End the ringing or the talk of the last Connect; nobody waits for an answer."""


@dataclass(frozen=True, slots=True)
class Connected:
    """Somebody answered and hears the caller."""


@dataclass(frozen=True, slots=True)
class ConnectionOver:
    """Nobody answers, or the talk is over."""

    outcome: str
    """``ended``, ``busy``, ``no_answer`` or ``failed``."""


@dataclass(frozen=True, slots=True)
class FlowEnded:
    """The flow is over; the call is to be hung up."""

    cause: str
    """``finished`` or ``fault``."""


RunnerCommand = MediaCommand | Ask | Connect | Disconnect | FlowEnded
RunnerEvent = MediaEvent | Answered | Connected | ConnectionOver

_MEANING: Final[Mapping[type[object], I]] = {
    SpeechStarted: I.SPEECH_STARTED,
    SpeechEnded: I.SPEECH_ENDED,
    RecordingClosed: I.RECORDING_CLOSED,
    Answered: I.ANSWERED,
    Connected: I.CONNECTED,
    ConnectionOver: I.CONNECTION_OVER,
}


class Runner:
    """One call in one flow, from the first prompt to the hang-up."""

    def __init__(self, flow: Flow, call_id: CallId, now: float) -> None:
        self.flow = flow
        self.call_id = call_id
        self.language = flow.languages[0]
        self.for_agent = False
        """True from the moment on when the caller asked for a person."""
        self.path: list[str] = []
        """Names of the steps in the order they were entered."""
        self.phase = P.IDLE
        self.step = flow.steps[flow.start]
        self._commands: list[RunnerCommand] = []
        self._timers: dict[I, float] = {}
        self._visits: dict[str, int] = {}
        self._values: dict[str, str] = {}
        self._recording: RecordingClosed | None = None
        self._closed: RecordingClosed | None = None
        self._answer: Answered | None = None
        self._outcome = ""
        self._key = ""
        self._digits = ""
        self._tag = 0
        self._recordings = 0
        self._repeats = 0
        self._speaking = False
        self._wants_person = False
        self._faults = 0
        self._next: str | None = flow.start
        self._run_steps(now)

    # -- the five verbs -----------------------------------------------------------------------------

    def handle(self, event: RunnerEvent, now: float) -> None:
        """Take one event; what does not concern the present moment is ignored."""
        if isinstance(event, SpeechStarted | SpeechEnded):
            self._speaking = isinstance(event, SpeechStarted)
        if isinstance(event, RecordingClosed) and event.recording_id != self._recording_id:
            return  # of an earlier step
        if isinstance(event, Answered) and event.question != self.step.settings.get("question"):
            return  # too late: the flow went on without it
        meaning = self._meaning(event)
        if meaning is None:
            return
        if isinstance(event, DigitPressed):
            self._key = event.digit
        elif isinstance(event, RecordingClosed):
            self._closed = event
        elif isinstance(event, Answered):
            self._answer = event
        elif isinstance(event, ConnectionOver):
            self._outcome = event.outcome
        self._move(meaning, now)

    def next_timer(self) -> float | None:
        """Tell when to call handle_timer; None: never."""
        return min(self._timers.values(), default=None)

    def handle_timer(self, now: float) -> None:
        """Fire what is due, in order of time."""
        while self._timers:
            which = min(self._timers, key=lambda one: self._timers[one])
            if self._timers[which] > now:
                return
            del self._timers[which]
            self._move(which, now)

    def take_commands(self) -> list[RunnerCommand]:
        """Give what is to be done, and forget it."""
        commands, self._commands = self._commands, []
        return commands

    @property
    def is_over(self) -> bool:
        """True when the flow ended; nothing more will be commanded."""
        return self.phase is P.OVER

    def wind_up(self, prompts: tuple[str, ...], now: float) -> None:
        """End a call before its time: close what is open, say these last words, hang up."""
        if self.phase in (P.OVER, P.FAREWELL):
            return
        if self.phase in RECORDING:
            self._commands.append(StopRecording(self.call_id))
        self._fall_silent()
        self._timers.clear()
        self.phase = P.FAREWELL
        self._play(prompts, now)

    # -- moving -------------------------------------------------------------------------------------

    @property
    def _recording_id(self) -> RecordingId:
        return RecordingId(f"{self.call_id}-{self._recordings}")

    def _meaning(self, event: RunnerEvent) -> I | None:
        if isinstance(event, DigitPressed):
            if self.phase in (P.OVER, P.FAREWELL, P.IDLE):
                return None
            return meaning_of_key(self.step, event.digit, self.flow.person, self.flow.person_keys)
        if isinstance(event, PromptEnded):
            return I.PROMPT_ENDED if event.tag == self._tag and self.phase in PLAYING else None
        return _MEANING.get(type(event))

    def _move(self, meaning: I, now: float) -> None:
        row = TRANSITIONS.get((self.phase, meaning))
        if row is None:
            return
        if meaning is I.PROMPT_ENDED:
            self._timers.pop(I.PROMPT_ENDED, None)
        self._do(row, now)
        self._run_steps(now)

    def _do(self, row: tuple[A, P | None], now: float) -> None:
        action, phase = row
        if phase is not None:
            self._enter_phase(phase, now)
        try:
            _ACTIONS[action](self, now)
        except Exception as error:  # noqa: BLE001 - the flow step, one of four places (models.md, section 7)
            self._fault(f"{type(error).__name__} in {self.step.name}")

    def _enter_phase(self, phase: P, now: float) -> None:
        if phase is P.CONNECT_TALK:
            self._timers.pop(I.PROMPT_ENDED, None)  # whoever connected her has ended the music already
        if phase is not P.ASK_HOLDING and phase is not self.phase:
            if self.phase in PLAYING and I.PROMPT_ENDED in self._timers:
                self._fall_silent()
            self._timers.pop(I.TIMER_WAIT, None)
        self.phase = phase
        if phase in WAIT_SETTING:
            self._timers[I.TIMER_WAIT] = now + self.step.seconds(WAIT_SETTING[phase])
        elif phase in CLOSING:
            self._timers[I.TIMER_WAIT] = now + FILE_WAIT_S

    def _leave(self, outcome: str) -> None:
        target = self.step.outcomes.get(outcome)
        if target is None:
            raise LocalProtocolError(f"step {self.step.name!r} has no way on for {outcome!r}")
        self._go(target)

    def _go(self, target: str) -> None:
        self._fall_silent()
        self._timers.clear()
        self.phase = P.IDLE
        self._next = target

    def _run_steps(self, now: float) -> None:
        for _ in range(MOST_STEPS_AT_ONCE):
            if self._next is None:
                return
            self._enter_step(self.flow.steps[self._next], now)
        self._next = None
        self._end("fault")

    def _enter_step(self, step: Step, now: float) -> None:
        self.step, self._next = step, None
        self.path.append(step.name)
        visits = self._visits[step.name] = self._visits.get(step.name, 0) + 1
        tries = step.count("tries")
        if tries is not None and visits > tries:
            self._go(step.outcomes["spent"])
            return
        self._digits, self._answer, self._repeats, self._wants_person = "", None, 0, False
        self._do(BEGINNINGS[step.verb.name], now)

    def _fault(self, why: str) -> None:
        self._faults += 1
        self.path.append(f"!fault: {why}")
        if self._faults == 1:
            self._go(self.flow.fault)
        else:
            self._end("fault")

    def _end(self, cause: str) -> None:
        self._fall_silent()
        self._timers.clear()
        self.phase = P.OVER
        self._commands.append(FlowEnded(cause))

    # -- sound --------------------------------------------------------------------------------------

    def _play(self, names: tuple[str, ...], now: float, *, repeats: bool = False) -> None:
        self._tag += 1
        prompts = tuple([name if "/" in name else f"{self.language}/{name}" for name in names])
        voice_skips = self.step.settings.get("voice_skips") is True
        self._commands.append(
            Play(
                self.call_id,
                prompts,
                self._tag,
                repeats,
                stops_at_keys=keys_that_cut(self.phase, self.step, self.flow),
                stops_at_speech=voice_skips and self.phase is P.RECORD_PROMPT,
            )
        )
        self._timers[I.PROMPT_ENDED] = now + LONGEST_PROMPT_S

    def _fall_silent(self) -> None:
        if self._timers.pop(I.PROMPT_ENDED, None) is not None:
            self._commands.append(StopPlaying(self.call_id))

    def _reading(self) -> tuple[str, ...]:
        digits = [digit for digit in self._values[self.step.text("value")] if digit in "0123456789"]
        group = self.step.count("group") or len(digits)
        names: list[str] = []
        for position, digit in enumerate(digits):
            if position and position % group == 0:
                names.append(PAUSE)
            names.append(f"digit_{digit}")
        return tuple(names)

    # -- actions, one for each member of A ----------------------------------------------------------

    def _do_play(self, now: float) -> None:
        self._play(self.step.prompts(), now)

    def _do_listen(self, now: float) -> None:
        if self.phase is P.ASK_WAIT:
            self._timers[I.TIMER_MEANWHILE] = now + MEANWHILE_EVERY_S

    def _do_choose(self, _now: float) -> None:
        self._leave(self._key)

    def _do_to_person(self, _now: float) -> None:
        self.for_agent = True
        self._go(self.flow.person)

    def _do_take_digit(self, _now: float) -> None:
        self._digits += self._key
        if len(self._digits) >= (self.step.count("digits") or 0):
            self._do_count_digits(_now)

    def _do_count_digits(self, _now: float) -> None:
        if not self._digits:
            self._leave("nothing")
        elif len(self._digits) == self.step.count("digits"):
            self._values["entered_number"] = self._digits
            self._leave("entered")
        else:
            self._leave("incomplete")

    def _do_beep(self, now: float) -> None:
        self._play((BEEP,), now)

    def _do_record(self, now: float) -> None:
        self._recordings += 1
        self.for_agent = self.for_agent or self.step.settings.get("for_agent") is True
        longest_s = self.step.seconds("longest")
        self._commands.append(Record(self.call_id, self._recording_id, longest_s))
        self._timers[I.TIMER_LONGEST] = now + longest_s + RECORDING_GRACE_S
        if self._speaking:  # she did not wait for the beep: her first word is behind us
            self._enter_phase(P.RECORD_SPEECH, now)

    def _do_close(self, _now: float) -> None:
        self._commands.append(StopRecording(self.call_id))

    def _do_close_for_person(self, now: float) -> None:
        self._wants_person = self.for_agent = True
        self._do_close(now)

    def _do_weigh(self, _now: float) -> None:
        assert self._closed is not None
        self._recording = self._closed
        if self._closed.speech_ms >= ENOUGH_SPEECH_MS:
            self._leave("recorded")
        elif self._wants_person:
            self._go(self.flow.person)
        else:
            self._leave("silent")

    def _do_give_up(self, _now: float) -> None:
        self.path.append("!no file of the recording")
        self._end("fault")

    def _do_ask(self, now: float) -> None:
        question = self.step.text("question")
        if question == OPEN_REQUEST:
            assert self._recording is not None, "the checker lets nobody ask without a recording"
            self._commands.append(Ask(question, recording=self._recording))
        else:
            self._commands.append(Ask(question, number=self._values["entered_number"]))
        self._timers[I.TIMER_LONGEST] = now + self.step.seconds("longest")
        if self.step.prompts("meanwhile"):
            self._timers[I.TIMER_MEANWHILE] = now + self.step.seconds("after")

    def _do_tell(self, now: float) -> None:
        self._play(self.step.prompts("meanwhile"), now)

    def _do_take_answer(self, _now: float) -> None:
        assert self._answer is not None
        if self._answer.number and self._answer.outcome == "opened":
            self._values["request_number"] = self._answer.number
        outcome = self._answer.outcome
        self._leave(outcome if outcome in self.step.outcomes else "other")

    def _do_read(self, now: float) -> None:
        names = self.step.prompts() + self._reading()
        for _ in range(1, self.step.count("times") or 1):
            names += self._between() + self._reading()
        self._play(names + self.step.prompts("offer"), now)

    def _do_read_again(self, now: float) -> None:
        self._repeats += 1
        if self._repeats > (self.step.count("repeats") or 0):
            self._leave("done")
            return
        self._fall_silent()
        self._play(self._between() + self._reading() + self.step.prompts("offer"), now)

    def _between(self) -> tuple[str, ...]:
        return self.step.prompts("again") or (PAUSE,)

    def _do_connect(self, now: float) -> None:
        ring_s = self.step.seconds("ring")
        self.for_agent = True
        self._commands.append(
            Connect(self.step.prompts("to"), ring_s, self.step.settings["answers_itself"] is True)
        )
        self._timers[I.TIMER_LONGEST] = now + ring_s + CONNECT_GRACE_S
        prompt = self.step.prompts()
        if prompt:
            self._play(prompt, now)
        else:
            self._enter_phase(P.CONNECT_RING, now)
            self._do_play_music(now)

    def _do_play_music(self, now: float) -> None:
        self._play(self.step.prompts("music"), now, repeats=True)

    def _do_record_talk(self, now: float) -> None:
        self.for_agent = False  # she has her person; what she says is a request as any other
        self._timers[I.TIMER_LONGEST] = now + self.step.seconds("longest")
        self._record_on(now)

    def _do_record_on(self, now: float) -> None:
        if self._closed is not None and self._closed.length_samples:
            self._record_on(now)

    def _record_on(self, _now: float) -> None:
        longest_s = self.step.seconds("longest") + RECORDING_GRACE_S
        self._recordings += 1
        both = self.step.settings.get("records_both") is not False
        self._commands.append(Record(self.call_id, self._recording_id, longest_s, both=both))

    def _do_give_up_ringing(self, _now: float) -> None:
        self._commands.append(Disconnect())
        self._leave("no_answer")

    def _do_not_connected(self, _now: float) -> None:
        self._leave(self._outcome if self._outcome in self.step.outcomes else "failed")

    def _do_cut_talk(self, now: float) -> None:
        self._outcome = "ended"
        self._commands.append(Disconnect())
        self._do_close(now)

    def _do_set_language(self, _now: float) -> None:
        self.language = self.step.text("language")
        self._leave("next")

    def _do_end(self, _now: float) -> None:
        self._end("finished")


def _leave_by(outcome: str) -> Callable[[Runner, float], None]:
    return lambda runner, _now: runner._leave(outcome)


def _nothing(_runner: Runner, _now: float) -> None:
    return


_ACTIONS: Final[Mapping[A, Callable[[Runner, float], None]]] = {
    A.PLAY: Runner._do_play,
    A.LISTEN: Runner._do_listen,
    A.CHOOSE: Runner._do_choose,
    A.NOTHING: _leave_by("nothing"),
    A.UNKNOWN: _leave_by("unknown"),
    A.TO_PERSON: Runner._do_to_person,
    A.TAKE_DIGIT: Runner._do_take_digit,
    A.COUNT_DIGITS: Runner._do_count_digits,
    A.SKIP_PROMPT: Runner._do_beep,
    A.BEEP: Runner._do_beep,
    A.RECORD: Runner._do_record,
    A.NOTE_SPEECH: _nothing,
    A.NOTE_PAUSE: _nothing,
    A.CLOSE: Runner._do_close,
    A.CLOSE_FOR_PERSON: Runner._do_close_for_person,
    A.WEIGH: Runner._do_weigh,
    A.GIVE_UP: Runner._do_give_up,
    A.ASK: Runner._do_ask,
    A.TAKE_ANSWER: Runner._do_take_answer,
    A.HOLD_ANSWER: _nothing,
    A.TELL: Runner._do_tell,
    A.FAIL: _leave_by("failed"),
    A.READ: Runner._do_read,
    A.READ_AGAIN: Runner._do_read_again,
    A.DONE: _leave_by("done"),
    A.NEXT: _leave_by("next"),
    A.SET_LANGUAGE: Runner._do_set_language,
    A.CONNECT: Runner._do_connect,
    A.PLAY_MUSIC: Runner._do_play_music,
    A.RECORD_TALK: Runner._do_record_talk,
    A.RECORD_ON: Runner._do_record_on,
    A.GIVE_UP_RINGING: Runner._do_give_up_ringing,
    A.NOT_CONNECTED: Runner._do_not_connected,
    A.CUT_TALK: Runner._do_cut_talk,
    A.END_TALK: Runner._do_not_connected,
    A.END: Runner._do_end,
}
