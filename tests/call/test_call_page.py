from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import pytest

from hotline.call import bridge_moves, legs, phone_call
from hotline.call.bridge_states import TRANSITIONS as BRIDGE_MOVES
from hotline.call.bridge_states import B
from hotline.call.legs import LEG_TRANSITIONS, L
from hotline.call.openings import RETRY_WAITS_S
from hotline.call.phone_states import PHONE_LIMITS_S, PHONE_TRANSITIONS
from hotline.call.phone_states import S as PhoneState
from hotline.call.reference import BEGIN, END, bridge_graph, states_graph, states_reference
from hotline.call.states import TRANSITIONS, S
from hotline.ivr.draw import to_svg
from tests.call.call_rig import REPO

PAGE = REPO / "docs" / "call.md"


def golden(file: Path, made: str) -> str:
    """Give what a golden file holds; with HOTLINE_GOLDEN set, make it anew first."""
    if os.environ.get("HOTLINE_GOLDEN"):
        file.write_text(made, encoding="utf-8")
    return file.read_text(encoding="utf-8")


def page() -> str:
    text = PAGE.read_text(encoding="utf-8")
    return golden(
        PAGE,
        f"{text.partition(BEGIN)[0].rstrip()}\n\n{states_reference()}{text.partition(END)[2] or chr(10)}",
    )


def test_the_page_holds_the_table_as_it_is() -> None:
    assert states_reference() in page()


def test_the_drawing_of_the_states_is_the_golden_one() -> None:
    made = to_svg(states_graph())
    assert golden(REPO / "docs" / "drawings" / "call.svg", made) == made


def test_the_drawing_of_the_bridge_is_the_golden_one() -> None:
    made = to_svg(bridge_graph())
    assert golden(REPO / "docs" / "drawings" / "bridge.svg", made) == made


@pytest.mark.parametrize("state", S)
def test_each_state_has_its_heading_and_its_moves(state: S) -> None:
    section = page().partition(f"### `{state.value}`")[2].partition("###")[0]
    assert section
    assert section.count("| `") == sum(1 for one, _ in TRANSITIONS if one is state)


def test_the_page_names_the_waits_as_they_are() -> None:
    *most, last = (f"{wait:g}" for wait in RETRY_WAITS_S)
    assert f"{', '.join(most)} and {last} seconds" in " ".join(page().split())


@pytest.mark.parametrize(
    ("states", "moves", "limits"),
    [
        (B, BRIDGE_MOVES, {}),
        (PhoneState, PHONE_TRANSITIONS, PHONE_LIMITS_S),
        (L, LEG_TRANSITIONS, {}),
    ],
    ids=["bridge", "telephone", "leg"],
)
def test_every_state_has_a_way_out_and_a_way_in(
    states: type[Enum],
    moves: Mapping[tuple[Enum, Enum], tuple[Enum, Enum]],
    limits: Mapping[Enum, float],
) -> None:
    start, *_, last = states
    starts = {start, L.ARRIVING}
    for state in states:
        assert state is last or any(one is state for one, _ in moves), state
        assert state in starts or any(after is state for _, after in moves.values()), state
    assert not any(one is last for one, _ in moves)
    assert set(limits) <= set(states)


def test_every_action_of_a_table_is_one_that_its_machine_knows() -> None:
    for actions, moves in (
        (bridge_moves.ACTIONS, BRIDGE_MOVES),
        (phone_call._ACTIONS, PHONE_TRANSITIONS),
        (legs._ACTIONS, LEG_TRANSITIONS),
    ):
        assert set(actions) == {action for action, _ in moves.values()}  # type: ignore[comparison-overlap]
