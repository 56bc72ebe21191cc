"""Walk through a flow in the terminal: hear the prompts as text, press keys, speak, answer for the system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from hotline.ivr.flow import KEYS, PAUSE, Flow
from hotline.ivr.sounds import TONES
from hotline.ivr.stage import Stage
from hotline.ivr.values import read_time

HELP: Final = (
    "keys such as 1 or 2611#  press them now\n"
    "Enter                    let the prompt end, or wait for what comes next\n"
    "wait 3s                  let the prompt end, then wait\n"
    "say 5s                   speak for so long, once the beep is over\n"
    "bye                      hang up\n"
)
_ANSWERS: Final = {
    "open_request": "opened 261123000017, or: failed",
    "connect": "answered 30s, or: busy, no_answer, failed",
    "request_status": "accepted, dispatched, signed ..., or: missing, failed",
}


def walk(
    flow: Flow,
    texts: Mapping[str, Mapping[str, str]],
    read: Callable[[str], str],
    write: Callable[[str], None],
) -> None:
    """Play a flow with a person at the keyboard.

    :param texts: the prompt texts, language -> name -> text.
    :param read: shows a question and gives the line that was typed; raises EOFError at the end of input.
    :param write: shows a line.
    """
    stage = Stage(flow)
    write(HELP)
    shown = 0
    while True:
        shown = _show(stage, texts, write, shown)
        if stage.ended is not None:
            write(f"[{stage.now:6.1f} s]  the system hangs up ({stage.ended.cause})")
            return
        try:
            line = read(_question(stage)).strip()
        except EOFError:
            return
        if line == "bye":
            return
        trouble = _carry_out(stage, line)
        if trouble:
            write(trouble)


def _question(stage: Stage) -> str:
    if stage.asks and not stage.is_playing:
        ask = stage.asks[0]
        return f"the system is asked: {ask.question} {ask.number}\n  ({_ANSWERS[ask.question]})\nanswer> "
    if stage.ringing is not None and not stage.is_playing:
        return f"telephones ring: {' '.join(stage.ringing.to)}\n  ({_ANSWERS['connect']})\nanswer> "
    return "speak or press> " if stage.recording is not None else "> "


def _carry_out(stage: Stage, line: str) -> str:
    """Do what was typed; give a line of advice when it means nothing."""
    words = line.split()
    match words:
        case []:
            stage.run_on()
        case ["wait", span] if (seconds := read_time(span)) is not None:
            stage.finish_prompt()
            stage.wait(seconds)
        case ["say", span] if (seconds := read_time(span)) is not None:
            if stage.recording is None:
                stage.finish_prompt()
            while stage.recording is None and stage.is_playing:
                stage.run_on()
            stage.speak(seconds)
        case [keys] if all(key in KEYS for key in keys):
            for key in keys:
                stage.press(key)
        case ["answered", span] if stage.ringing is not None and (seconds := read_time(span)) is not None:
            stage.pick_up(seconds)
        case [outcome] if stage.ringing is not None:
            stage.end_connection(outcome)
        case [outcome, *number] if stage.asks and len(number) <= 1:
            stage.answer(outcome, *number)
        case _:
            return HELP
    return ""


def _show(
    stage: Stage, texts: Mapping[str, Mapping[str, str]], write: Callable[[str], None], shown: int
) -> int:
    """Show the steps that were entered since, and what is heard."""
    path = stage.runner.path
    for name in path[shown:]:
        write(f"[{stage.now:6.1f} s]  {name}")
    while stage.plays:
        _, prompts = stage.plays.popleft()
        words = []
        for prompt in prompts:
            language, _, name = prompt.partition("/")
            if name == PAUSE:
                words.append(" ")
            else:
                words.append(texts.get(language, {}).get(name) or f"<{texts.get(TONES, {}).get(name, name)}>")
        write("            ♪ " + " ".join("".join(words).split("  ")))
    return len(path)
