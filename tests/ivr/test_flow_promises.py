"""What the check promises, put to the test with flows that nobody wrote."""

from __future__ import annotations

import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from ivr_builders import CALL, HEAD, TEXTS

from hotline.ivr.check import check_flow
from hotline.ivr.flow import Flow
from hotline.ivr.stage import Stage

Steps = dict[str, dict[str, str]]
NAMES = ["hello", "s1", "s2", "s3", "s4", "agent"]
TARGETS = st.sampled_from([*NAMES, "end"])


def way(*names: str) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({name: TARGETS for name in names})


STEPS = st.one_of(
    way("next").map(lambda ways: {"do": "say", "prompt": "bye", **ways}),
    way("next").map(lambda ways: {"do": "set_language", "language": "en", **ways}),
    way("1", "2", "nothing", "unknown").map(lambda ways: {"do": "menu", "prompt": "hello", **ways}),
    way("entered", "incomplete", "nothing").map(
        lambda ways: {"do": "collect", "prompt": "number", "digits": 3, **ways}
    ),
    way("silent").map(lambda ways: {"do": "record", "prompt": "speak", "recorded": "open", **ways}),
)
ENDING: Steps = {
    "open": {"do": "ask", "question": "open_request", "opened": "read", "failed": "end"},
    "read": {
        "do": "say_digits",
        "prompt": "number",
        "value": "request_number",
        "offer": "again",
        "done": "end",
    },
    "end": {"do": "hang_up"},
}


def as_text(steps: Steps) -> str:
    tables = []
    for name, step in steps.items():
        rows = [f"{key} = {value if isinstance(value, int) else repr(value)}" for key, value in step.items()]
        tables.append("\n".join([f"[steps.{name}]", *rows]))
    return HEAD + "\n".join(tables) + "\n"


def repaired(steps: Steps) -> tuple[Flow, int]:
    """Do what the complaints say until there are none."""
    for rounds in range(40):
        checked = check_flow(as_text(steps), file="t.toml", texts=TEXTS)
        if checked.flow is not None:
            return checked.flow, rounds
        circles = [one for one in checked.complaints if "go round and round" in one.text]
        for complaint in circles:
            ring = re.findall(r"[a-z]\w*", re.findall(r"\((.*?)\)", complaint.text)[0])
            listening = [name for name in ring if steps[name]["do"] in ("menu", "collect", "record")]
            if listening:
                steps[listening[0]].update(tries=2, spent="end")  # type: ignore[arg-type]
            else:
                steps[ring[0]]["next"] = "end"
        for complaint in checked.complaints if not circles else ():
            assert "no caller ever comes here" in complaint.text, complaint
            del steps[complaint.step]
    raise AssertionError("the advice of the complaints leads nowhere")


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, min_size=len(NAMES), max_size=len(NAMES)), st.integers())
def test_a_flow_without_complaints_never_holds_a_caller(steps: list[dict[str, str]], seed: int) -> None:
    flow, _ = repaired({**dict(zip(NAMES, (dict(step) for step in steps), strict=True)), **ENDING})
    assert_ends(Stage(flow), None)
    assert_ends(Stage(flow), random.Random(seed))


def assert_ends(stage: Stage, caller: random.Random | None) -> None:
    """Let nobody, or somebody who presses and says anything, call; the call must come to a good end."""
    for _ in range(400):
        if stage.ended is not None:
            break
        if caller is not None and caller.random() < 0.6:
            act(stage, caller)
        elif not stage.run_on():
            raise AssertionError(f"call {CALL} is stuck after {stage.runner.path}")
    assert stage.ended is not None, stage.runner.path
    assert stage.ended.cause == "finished"
    assert not [step for step in stage.runner.path if step.startswith("!")]


def act(stage: Stage, caller: random.Random) -> None:
    if stage.asks and caller.random() < 0.5:
        stage.answer("opened", "261123000017")
    elif caller.random() < 0.3:
        stage.speak(caller.choice([0.2, 3.0]))
    else:
        stage.press(caller.choice("0123456789*#"))
