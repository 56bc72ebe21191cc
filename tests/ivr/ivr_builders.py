"""Small builders for tests of flows."""

from __future__ import annotations

import os
from pathlib import Path

from hotline.events.ids import CallId, RecordingId
from hotline.ivr.check import Checked, check_flow
from hotline.ivr.flow import Flow
from hotline.ivr.runner import Runner
from hotline.media.plan import Codec, DigitPressed, Play, PromptEnded, RecordingClosed

REPO = Path(__file__).parents[2]
MAIN = REPO / "ivr_flows" / "main.toml"
PROMPTS = REPO / "ivr_flows" / "prompts"
CALL = CallId("20261123-1f3a")
NAMES = ("hello", "again", "bye", "speak", "wait", "number", *(f"digit_{digit}" for digit in "0123456789"))
TEXTS = {
    "zh": dict.fromkeys(NAMES, "字"),
    "en": dict.fromkeys(NAMES, "word"),
    "tones": {"beep": "1000 Hz", "pause": "silence"},
}

HEAD = """
start = "hello"
languages = ["zh", "en"]
person = "agent"
person_keys = "0*"
fault = "agent"
too_long = "bye"
"""
AGENT = """
[steps.agent]
do = "record"
prompt = "speak"
for_agent = true
tries = 2
recorded = "open"
silent = "agent"
spent = "end"
[steps.open]
do = "ask"
question = "open_request"
meanwhile = "wait"
opened = "end"
failed = "end"
[steps.end]
do = "hang_up"
"""
MENU = """
[steps.hello]
do = "menu"
prompt = "hello"
wait = "4s"
tries = 3
1 = "agent"
nothing = "hello"
unknown = "hello"
spent = "end"
"""


def checked(steps: str = MENU, head: str = HEAD, tail: str = AGENT, **options: object) -> Checked:
    return check_flow(head + steps + tail, file="test.toml", texts=TEXTS, **options)  # type: ignore[arg-type]


def a_flow(steps: str = MENU, head: str = HEAD, tail: str = AGENT) -> Flow:
    result = checked(steps, head, tail)
    assert result.flow is not None, "\n".join(map(str, result.complaints))
    return result.flow


def complaints(steps: str = MENU, head: str = HEAD, tail: str = AGENT, **options: object) -> str:
    return "\n".join(str(one) for one in checked(steps, head, tail, **options).complaints)


def a_runner(steps: str = MENU) -> Runner:
    return Runner(a_flow(steps), CALL, 0.0)


def press(runner: Runner, keys: str, now: float) -> None:
    for key in keys:
        runner.handle(DigitPressed(CALL, key), now)


def prompts_of(commands: list[object]) -> list[tuple[str, ...]]:
    return [tuple(command.prompts) for command in commands if isinstance(command, Play)]


def end_prompt(runner: Runner, now: float) -> list[object]:
    """Take the commands, and end the prompt that began last among them."""
    commands = list(runner.take_commands())
    plays = [command for command in commands if isinstance(command, Play)]
    if plays:
        runner.handle(PromptEnded(CALL, plays[-1].tag), now)
    return commands


def a_recording(number: int = 1, *, speech_ms: int = 5000, length_s: float = 10.0) -> RecordingClosed:
    recording_id = RecordingId(f"{CALL}-{number}")
    path = f"2026-11-23/{recording_id}.alaw" if length_s else ""
    return RecordingClosed(CALL, recording_id, path, Codec.PCMA, int(length_s * 8000), speech_ms, "00")


def golden(file: Path, made: str) -> str:
    """Give what a golden file holds; with HOTLINE_GOLDEN set, make it anew first."""
    if os.environ.get("HOTLINE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(made, encoding="utf-8")
    return file.read_text(encoding="utf-8")
