"""A stage for a flow: the runner, a clock that is turned by hand, and a line that only pretends.

Call scripts and the terminal walk play on it. A prompt lasts ``PROMPT_S``, a recording is on disk at
once, and nothing happens but by ``run_on`` and ``wait``; so a call of ten minutes takes no time, and
takes it every time alike.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from hotline.events.ids import CallId
from hotline.ivr.flow import Flow
from hotline.ivr.runner import (
    Answered,
    Ask,
    Connect,
    Connected,
    ConnectionOver,
    Disconnect,
    FlowEnded,
    Runner,
    RunnerEvent,
)
from hotline.media.plan import (
    Codec,
    DigitPressed,
    Play,
    PromptEnded,
    Record,
    RecordingClosed,
    SpeechEnded,
    SpeechStarted,
    StopPlaying,
    StopRecording,
)

PROMPT_S: Final = 2.0
KEY_S: Final = 0.3
SAMPLES_PER_S: Final = 8000
_STAGE_CALL: Final = CallId("stage")


class Stage:
    """One pretended call in a flow."""

    def __init__(self, flow: Flow) -> None:
        self.now = 0.0
        self.plays: deque[tuple[str, tuple[str, ...]]] = deque()
        """Prompts that began and that nobody took note of yet, each with the language of its moment."""
        self.asks: deque[Ask] = deque()
        """Questions without an answer."""
        self.ringing: Connect | None = None
        """Telephones that ring, or that she talks with."""
        self.ended: FlowEnded | None = None
        self.recording: Record | None = None
        self._recorded_from = 0.0
        self._speech_s = 0.0
        self._playing: tuple[Play, float] | None = None
        self.runner = Runner(flow, _STAGE_CALL, self.now)
        self._collect()

    @property
    def is_playing(self) -> bool:
        """True while a prompt plays."""
        return self._playing is not None

    # -- the caller ---------------------------------------------------------------------------------

    def press(self, key: str) -> None:
        """Press a key, and let a moment pass."""
        self._tell(DigitPressed(_STAGE_CALL, key))
        self.wait(KEY_S)

    def speak(self, seconds: float) -> None:
        """Speak for so long, or until the recording ends."""
        self._tell(SpeechStarted(_STAGE_CALL))
        recording, began = self.recording, self.now
        self.wait(seconds, while_recording=recording)
        if self.recording is recording and recording is not None:
            self._speech_s += self.now - began
        self._tell(SpeechEnded(_STAGE_CALL))

    def answer(self, outcome: str, number: str = "") -> None:
        """Answer the oldest question."""
        self._tell(Answered(self.asks.popleft().question, outcome, number))

    def pick_up(self, talk_s: float) -> None:
        """Let somebody answer the ringing telephones, talk with the caller for so long, and hang up."""
        self._tell(Connected())
        self.speak(talk_s)
        self.end_connection("ended")

    def end_connection(self, outcome: str) -> None:
        """Let the ringing, or the talk, come to this end."""
        if self.ringing is not None:
            self.ringing = None
            self._tell(ConnectionOver(outcome))

    # -- time ---------------------------------------------------------------------------------------

    def run_on(self) -> bool:
        """Turn the clock to whatever comes next, and let it happen; False when nothing ever will."""
        due = self._next()
        if due is None or self.ended is not None:
            return False
        self.now = max(self.now, due)
        self._fire()
        return True

    def wait(self, seconds: float, *, while_recording: Record | None = None) -> None:
        """Let so much time pass; with ``while_recording``, stop when that recording ends."""
        until = self.now + seconds
        while (due := self._next()) is not None and due <= until and self.ended is None:
            self.now = max(self.now, due)
            self._fire(speech_s=self.now - (until - seconds))
            if while_recording is not None and self.recording is not while_recording:
                return
        self.now = until

    def finish_prompt(self) -> None:
        """Let the prompt that plays come to its end."""
        while self._playing is not None and self.run_on():
            pass

    def _next(self) -> float | None:
        dues = [self.runner.next_timer()]
        if self._playing is not None:
            dues.append(self._playing[1])
        if self.recording is not None:
            dues.append(self._recorded_from + self.recording.longest_s)
        return min((due for due in dues if due is not None), default=None)

    def _fire(self, *, speech_s: float = 0.0) -> None:
        if self._playing is not None and self._playing[1] <= self.now:
            play, self._playing = self._playing[0], None
            self._tell(PromptEnded(_STAGE_CALL, play.tag))
        elif self.recording is not None and self._recorded_from + self.recording.longest_s <= self.now:
            self._speech_s += speech_s
            self._close()
        else:
            self.runner.handle_timer(self.now)
            self._collect()

    # -- the line -----------------------------------------------------------------------------------

    def _tell(self, event: RunnerEvent) -> None:
        self.runner.handle(event, self.now)
        self._collect()

    def _collect(self) -> None:
        for command in self.runner.take_commands():
            match command:
                case Play():
                    self._playing = None if command.repeats else (command, self.now + PROMPT_S)
                    self.plays.append((self.runner.language, tuple(command.prompts)))
                case StopPlaying():
                    self._playing = None
                case Record():
                    self.recording, self._recorded_from, self._speech_s = command, self.now, 0.0
                case StopRecording():
                    self._close()
                case Ask():
                    self.asks.append(command)
                case Connect():
                    self.ringing = command
                case Disconnect():
                    self.ringing = None
                case FlowEnded():
                    self.ended = command

    def _close(self) -> None:
        recording, self.recording = self.recording, None
        if recording is None:
            return
        length = int((self.now - self._recorded_from) * SAMPLES_PER_S)
        self._tell(
            RecordingClosed(
                _STAGE_CALL,
                recording.recording_id,
                f"{recording.recording_id}{Codec.PCMA.suffix}" if length else "",
                Codec.PCMA,
                length,
                int(self._speech_s * 1000),
                "",
            )
        )
