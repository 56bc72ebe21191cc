"""Call scripts: a call written down line by line, played against a flow.

::

    calls main
    hears greeting menu_keys en/for_english
    presses 1
    hears leave_request
    hears beep
    records 12s
    system open_request -> opened 261123000017
    hears request_opened 261123000017 number_again 261123000017 repeat_offer
    hung up

One move a line. ``hears`` names every prompt in its order; a line of digits stands for the digits
as they are read. A key comes while the prompt plays when ``presses`` follows ``hears`` directly
(barge-in); with ``waits`` between them it comes so long after the prompt's end. ``records`` speaks
for so long and falls silent. ``system`` names the question, for ``request_status`` the number too,
and the answer; ``nothing`` is an answer that never comes. ``system connect agents -> answered 30s``
is a talk of so long, ``-> busy``, ``no_answer`` or ``failed`` one that does not come about. ``hung
up`` is the flow's end, ``leaves`` the caller's. Lines that begin with ``# `` are comments. Every
prompt must be heard by a line: what a script leaves out, it forbids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hotline.ivr.flow import KEYS, PAUSE, Flow
from hotline.ivr.source import Complaint
from hotline.ivr.stage import Stage
from hotline.ivr.values import meant, read_time

NOTHING: Final = "nothing"
CONNECT: Final = "connect"
ANSWERED: Final = "answered"
NOT_CONNECTED: Final = ("busy", "no_answer", "failed")


@dataclass(frozen=True, slots=True)
class Played:
    """What came out of a call script."""

    file: str
    complaint: Complaint | None
    """The first line that came otherwise; None when the call went as written."""
    steps: tuple[str, ...]
    """Steps that the call went through."""


class _Otherwise(Exception):  # noqa: N818 - the call went otherwise than written: news, not an error
    pass


def flow_of(text: str) -> str | None:
    """Tell which flow a script calls; None when it does not say."""
    for _, words in _moves(text):
        return words[1] if words[0] == "calls" and len(words) == 2 else None
    return None


def play_script(text: str, flow: Flow, *, file: str) -> Played:
    """Play a script against a flow.

    Never raises: a script that cannot be read is a complaint of its line.
    """
    stage = Stage(flow)
    number = 0
    try:
        if flow_of(text) != flow.name:
            raise _Otherwise(f"a script begins with: calls {flow.name}")
        for number, words in list(_moves(text))[1:]:  # noqa: B007 - told in the complaint
            verb, rest = words[0], words[1:]
            move = _MOVES.get(verb)
            if move is None:
                raise _Otherwise(f"there is no move “{verb}”{meant(verb, _MOVES)}")
            if stage.ended is not None and verb != "hung":
                raise _Otherwise("the flow has hung up before this line")
            move(stage, rest)
        if stage.ended is None and not _leaves(text):
            raise _Otherwise("the script ends in the middle of the call: add “hung up” or “leaves”")
        complaint = None
    except _Otherwise as otherwise:
        complaint = Complaint(number, str(otherwise), stage.runner.step.name, file)
    return Played(file, complaint, tuple(stage.runner.path))


def steps_without_script(flow: Flow, played: Iterable[Played]) -> list[str]:
    """List the steps that no call script goes through; a flow is published when there are none."""
    seen = {step for one in played for step in one.steps}
    return [name for name in flow.steps if name not in seen]


def _moves(text: str) -> Iterable[tuple[int, list[str]]]:
    for number, row in enumerate(text.splitlines(), 1):
        words = row.split()
        if words and not (words[0].startswith("#")):
            yield number, words


def _leaves(text: str) -> bool:
    last = [words for _, words in _moves(text)][-1:]
    return last == [["leaves"]]


# -- the moves ----------------------------------------------------------------------------------------


def _hears(stage: Stage, words: list[str]) -> None:
    _run_until(stage, lambda: bool(stage.plays), f"“{' '.join(words)}”")
    language, prompts = stage.plays.popleft()
    heard = [name for name in prompts if not name.endswith(f"/{PAUSE}")]
    wanted = [name if "/" in name else f"{language}/{name}" for word in words for name in _spelled(word)]
    if heard != wanted:
        raise _Otherwise(f"the caller hears “{' '.join(_short(heard, language))}” here")


def _presses(stage: Stage, words: list[str]) -> None:
    keys = "".join(words)
    if not keys or any(key not in KEYS for key in keys):
        raise _Otherwise("after “presses” stand keys of the telephone: 0 to 9, * and #")
    _nothing_unheard(stage)
    for key in keys:
        stage.press(key)


def _waits(stage: Stage, words: list[str]) -> None:
    seconds = _time(words)
    _nothing_unheard(stage)
    stage.finish_prompt()
    stage.wait(seconds)


def _records(stage: Stage, words: list[str]) -> None:
    seconds = _time(words)
    _run_until(stage, lambda: stage.recording is not None, "a recording")
    stage.speak(seconds)


def _system(stage: Stage, words: list[str]) -> None:
    question, answer = _split(words)
    if question[0] == CONNECT:
        _connect(stage, question, answer)
        return
    _run_until(stage, lambda: bool(stage.asks), f"the question {question[0]}")
    ask = stage.asks[0]
    asked = [ask.question, ask.number] if ask.number else [ask.question]
    if question != asked:
        raise _Otherwise(f"the system is asked “{' '.join(asked)}” here")
    if answer == [NOTHING]:
        stage.asks.popleft()
    else:
        stage.answer(*answer)


def _connect(stage: Stage, question: list[str], answer: list[str]) -> None:
    _run_until(stage, lambda: stage.ringing is not None, "telephones that ring")
    assert stage.ringing is not None
    asked = [CONNECT, *stage.ringing.to]
    if question != asked:
        raise _Otherwise(f"the system is asked “{' '.join(asked)}” here")
    _nothing_unheard(stage)
    if answer[0] == ANSWERED:
        stage.pick_up(_time(answer[1:]))
    elif answer[0] in NOT_CONNECTED and len(answer) == 1:
        stage.end_connection(answer[0])
    elif answer != [NOTHING]:
        raise _Otherwise(f"after -> stands: answered 30s, {', '.join(NOT_CONNECTED)} or {NOTHING}")


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    if "->" in words:
        at = words.index("->")
        question, answer = words[:at], words[at + 1 :]
        if question and len(answer) in (1, 2):
            return question, answer
    raise _Otherwise("write: system open_request -> opened 261123000017")


def _hung(stage: Stage, words: list[str]) -> None:
    if words != ["up"]:
        raise _Otherwise("write: hung up")
    _run_until(stage, lambda: stage.ended is not None, "the end of the call")
    _nothing_unheard(stage)
    if stage.ended is not None and stage.ended.cause != "finished":
        raise _Otherwise("the flow ends by a fault here")


def _leaves_now(stage: Stage, words: list[str]) -> None:
    if words:
        raise _Otherwise("write: leaves")
    _nothing_unheard(stage)


_MOVES: Final[Mapping[str, Callable[[Stage, list[str]], None]]] = {
    "hears": _hears,
    "presses": _presses,
    "waits": _waits,
    "records": _records,
    "system": _system,
    "hung": _hung,
    "leaves": _leaves_now,
}


def _run_until(stage: Stage, is_there: Callable[[], bool], wanted: str) -> None:
    while not is_there():
        _nothing_unheard(stage)
        if not stage.run_on():
            raise _Otherwise(f"the script waits for {wanted}, but nothing more happens")


def _nothing_unheard(stage: Stage) -> None:
    if stage.plays:
        language, prompts = stage.plays[0]
        raise _Otherwise(f"the caller hears “{' '.join(_short(prompts, language))}” first")


def _short(prompts: Iterable[str], language: str) -> list[str]:
    return [name.removeprefix(f"{language}/") for name in prompts if not name.endswith(f"/{PAUSE}")]


def _spelled(word: str) -> list[str]:
    return [f"digit_{digit}" for digit in word] if word.isdigit() else [word]


def _time(words: list[str]) -> float:
    seconds = read_time(words[0]) if len(words) == 1 else None
    if seconds is None:
        raise _Otherwise("here stands a time such as 4s or 500ms")
    return seconds
