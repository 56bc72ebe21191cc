"""A call on a test bench: what it commands is kept, what it needs is answered on request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hotline.call.machine import Call
from hotline.call.messages import (
    CallCommand,
    CallerConfirmed,
    CallerLeft,
    CallInput,
    FindTargets,
    OfferedWritten,
    OpenRequest,
    RequestOpened,
    TargetsFound,
)
from hotline.events.ids import CallId, RecordingId, RequestNumber
from hotline.flows import read_flow
from hotline.ivr.flow import Flow
from hotline.media.plan import Codec, DigitPressed, Play, PortOpened, PromptEnded, RecordingClosed
from hotline.sip.events import CallArrived
from hotline.sip.voice_terms import VoiceTerms

REPO = Path(__file__).parents[2]
FLOW = read_flow(REPO / "ivr_flows" / "main.toml", REPO / "ivr_flows" / "prompts", with_audio=False)
CALL = CallId("20261123-1f3a")
NUMBER = RequestNumber("261123000017")


def an_arrival(**changes: object) -> CallArrived:
    facts: dict[str, object] = {
        "call_id": CALL,
        "sip_call_id": "a84b4c76e66710@192.0.2.7",
        "caller": "+861065241234",
        "caller_raw": "<sip:01065241234@192.0.2.7>",
        "withheld": False,
        "called": "96156",
        "source": "udp:192.0.2.7:5060",
        "terms": VoiceTerms("192.0.2.7", 40000, "PCMA", 8, 101),
    }
    return CallArrived(**{**facts, **changes})  # type: ignore[arg-type]


def a_recording(number: int = 1, *, speech_ms: int = 5000, length_s: float = 10.0) -> RecordingClosed:
    recording_id = RecordingId(f"{CALL}-{number}")
    path = f"2026-11-23/{recording_id}.alaw" if length_s else ""
    return RecordingClosed(CALL, recording_id, path, Codec.PCMA, int(length_s * 8000), speech_ms, "00")


class Bench:
    """A call, the time, and everything that it commanded."""

    def __init__(self, flow: Flow = FLOW, **facts: object) -> None:
        self.now = 100.0
        self.call = Call(an_arrival(**facts), flow, self.now, may_latch=True)
        self.commands: list[CallCommand] = []
        self.tag = 0
        self._collect()

    def tell(self, *events: CallInput) -> list[CallCommand]:
        """Hand events in; give what was commanded."""
        before = len(self.commands)
        for event in events:
            self.call.handle(event, self.now)
            self._collect()
        return self.commands[before:]

    def wait(self, seconds: float) -> list[CallCommand]:
        """Let time pass, timer by timer, as the edge does."""
        before, until = len(self.commands), self.now + seconds
        while (due := self.call.next_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            self.call.handle_timer(self.now)
            self._collect()
        self.now = until
        return self.commands[before:]

    def press(self, keys: str) -> list[CallCommand]:
        return self.tell(*(DigitPressed(CALL, key) for key in keys))

    def end_prompt(self) -> list[CallCommand]:
        return self.tell(PromptEnded(CALL, self.tag))

    def leave(self, cause: str = "bye") -> list[CallCommand]:
        return self.tell(CallerLeft(CALL, cause))

    def all_of(self, kind: type) -> Sequence[CallCommand]:
        return [command for command in self.commands if isinstance(command, kind)]

    @property
    def openings(self) -> list[OpenRequest]:
        return [command for command in self.commands if isinstance(command, OpenRequest)]

    def _collect(self) -> None:
        new = self.call.take_commands()
        for command in new:
            self.tag = command.tag if isinstance(command, Play) else self.tag
        self.commands += new
        for command in new:
            if isinstance(command, FindTargets):  # no telephone is registered here
                self.call.handle(TargetsFound(self.call.call_id, command.tag, ()), self.now)
                self._collect()


def written(flow: Flow = FLOW) -> Bench:
    bench = Bench(flow)
    bench.tell(OfferedWritten(CALL))
    return bench


def answered(flow: Flow = FLOW) -> Bench:
    bench = written(flow)
    bench.tell(PortOpened(CALL, "198.51.100.1", 16000))
    return bench


def talking(flow: Flow = FLOW) -> Bench:
    bench = answered(flow)
    bench.tell(CallerConfirmed(CALL))
    return bench


def recording(keys: str = "1", flow: Flow = FLOW) -> Bench:
    """Give a call that records since this moment."""
    bench = talking(flow)
    bench.press(keys)
    bench.end_prompt()
    bench.end_prompt()
    return bench


def opening() -> Bench:
    """Give a call whose first recording is closed, and whose request is being opened."""
    bench = recording()
    bench.press("#")
    bench.tell(a_recording())
    return bench


def opened() -> Bench:
    bench = opening()
    bench.tell(RequestOpened(CALL, NUMBER))
    return bench
