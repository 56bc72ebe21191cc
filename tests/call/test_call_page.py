from __future__ import annotations

import os
from pathlib import Path

import pytest
from call_rig import REPO

from hotline.call.openings import RETRY_WAITS_S
from hotline.call.reference import BEGIN, END, states_graph, states_reference
from hotline.call.states import TRANSITIONS, S
from hotline.ivr.draw import to_svg

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


@pytest.mark.parametrize("state", S)
def test_each_state_has_its_heading_and_its_moves(state: S) -> None:
    section = page().partition(f"### `{state.value}`")[2].partition("###")[0]
    assert section
    assert section.count("| `") == sum(1 for one, _ in TRANSITIONS if one is state)


def test_the_page_names_the_waits_as_they_are() -> None:
    *most, last = (f"{wait:g}" for wait in RETRY_WAITS_S)
    assert f"{', '.join(most)} and {last} seconds" in " ".join(page().split())
