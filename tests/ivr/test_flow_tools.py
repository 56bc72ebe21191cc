"""Call scripts, drawings, the terminal walk and the pages made from the tables."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ivr_builders import MAIN, PROMPTS, REPO, TEXTS, a_flow, golden

from hotline import flows as commands
from hotline.errors import ConfigError
from hotline.ivr.draw import Edge, Graph, Node, flow_graph, to_mermaid, to_svg, to_text
from hotline.ivr.flow import VERBS
from hotline.ivr.layout import BOX_WIDTH, lay_out
from hotline.ivr.reference import BEGIN, END, reference
from hotline.ivr.script import flow_of, play_script, steps_without_script
from hotline.ivr.walk import walk

MAIN_FLOW = commands.read_flow(MAIN, PROMPTS, with_audio=False)
SCRIPTS = sorted((REPO / "ivr_flows" / "calls").glob("*.call"))


# -- call scripts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_call_goes_as_its_script_says(script: Path) -> None:
    played = play_script(script.read_text(encoding="utf-8"), MAIN_FLOW, file=script.name)
    assert played.complaint is None, str(played.complaint)


def test_the_call_scripts_go_through_every_step_of_the_main_flow() -> None:
    played = [play_script(script.read_text(encoding="utf-8"), MAIN_FLOW, file="") for script in SCRIPTS]
    assert steps_without_script(MAIN_FLOW, played) == []


GOOD = "calls main\nhears greeting menu_keys en/for_english\npresses 1\nhears leave_request\nleaves\n"


@pytest.mark.parametrize(
    ("instead_of", "stands", "line", "complaint"),
    [
        ("hears leave_request", "hears enter_number", 4, "the caller hears “leave_request” here"),
        ("hears leave_request\n", "", 4, "the caller hears “leave_request” first"),
        ("presses 1", "presses one", 3, "after “presses” stand keys"),
        ("presses 1", "pressed 1", 3, "there is no move “pressed”; did you mean “presses”?"),
        ("presses 1", "waits long", 3, "here stands a time"),
        ("presses 1", "records 5s\nrecords 5s", 3, "the caller hears “leave_request” first"),
        ("leaves", "hung up", 5, "the caller hears “beep” first"),
        ("leaves\n", "", 4, "the script ends in the middle of the call"),
        ("calls main", "calls other", 0, "a script begins with: calls main"),
        ("leaves", "system open_request", 5, "write: system open_request -> opened"),
        ("leaves", "leaves now", 5, "write: leaves"),
    ],
)
def test_a_call_that_went_otherwise_names_the_line(
    instead_of: str, stands: str, line: int, complaint: str
) -> None:
    assert instead_of in GOOD
    played = play_script(GOOD.replace(instead_of, stands), MAIN_FLOW, file="x.call")
    assert played.complaint is not None
    assert complaint in played.complaint.text
    assert played.complaint.line == line


def test_a_script_that_goes_well_has_no_complaint() -> None:
    played = play_script(GOOD, MAIN_FLOW, file="x.call")
    assert played.complaint is None
    assert played.steps == ("greeting", "leave_request")


def test_a_wrong_question_is_named() -> None:
    text = GOOD.replace("leaves", "hears beep\nrecords 3s\nsystem request_status -> signed")
    played = play_script(text, MAIN_FLOW, file="x.call")
    assert played.complaint is not None
    assert "the system is asked “open_request” here" in played.complaint.text


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(["calls main", *GOOD.splitlines(), "hung up", "waits 9s", "records 2s", "#", "->"])
    )
)
def test_no_script_makes_the_player_stumble(rows: list[str]) -> None:
    played = play_script("\n".join(rows), MAIN_FLOW, file="x.call")
    assert played.complaint is None or played.complaint.text


def test_a_script_says_which_flow_it_calls() -> None:
    assert flow_of("# a comment\n\ncalls night\n") == "night"
    assert flow_of("hears x") is None


# -- commands -----------------------------------------------------------------------------------------


def test_publishing_needs_a_script_through_every_step(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    texts = commands.read_texts(PROMPTS)
    for language in ("zh", "en"):
        (prompts / language).mkdir(parents=True)
        for name in (*texts[language], *texts["tones"]):
            (prompts / language / f"{name}.wav").touch()
    (prompts / "texts.toml").write_text(
        (PROMPTS / "texts.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    assert commands.publish(MAIN, prompts).is_good
    (tmp_path / "one.call").write_text(GOOD, encoding="utf-8")
    report = commands.publish(MAIN, prompts, tmp_path)
    assert not report.is_good
    assert "no call script goes through the step “english”" in report.text
    assert "1 of 1 call scripts went as written" in report.text
    (prompts / "zh" / "greeting.wav").unlink()
    assert "no audio zh/greeting.wav" in commands.publish(MAIN, prompts).text


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: there is no such file"):
        commands.check([tmp_path / "none.toml"], PROMPTS)
    with pytest.raises(ConfigError, match="the prompt texts are missing"):
        commands.check([MAIN], tmp_path)
    with pytest.raises(ConfigError, match="choose text, mermaid, svg"):
        commands.draw(MAIN, PROMPTS, "png")


def test_the_report_of_a_good_flow_names_its_version() -> None:
    report = commands.check([MAIN], PROMPTS, with_audio=False)
    assert report.is_good
    assert MAIN_FLOW.version in report.text


# -- drawings -----------------------------------------------------------------------------------------


def test_the_drawing_of_the_main_flow_is_the_golden_one() -> None:
    made = to_svg(flow_graph(MAIN_FLOW))
    assert golden(REPO / "docs" / "drawings" / "main.svg", made) == made


@pytest.mark.parametrize("form", [to_text, to_mermaid, to_svg])
def test_a_drawing_shows_every_step_and_outcome(form: object) -> None:
    graph = flow_graph(MAIN_FLOW)
    drawn = form(graph)  # type: ignore[operator]
    assert [node.name for node in graph.nodes if node.name not in drawn] == []
    labels = {name for edge in graph.edges for name in edge.label.split(", ")}
    assert [label for label in labels if label not in drawn] == []


def test_an_svg_is_well_formed_whatever_the_names() -> None:
    graph = Graph(
        '<&">', (Node("a", "<b>"), Node("c", kind="ends")), (Edge("a", "c", '<"&'), Edge("a", "a", "&")), "a"
    )
    root = ET.fromstring(to_svg(graph))
    assert root.tag.endswith("svg")


NAMES = [f"n{number}" for number in range(9)]


@settings(max_examples=80, deadline=None)
@given(st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=25))
def test_boxes_never_lie_on_each_other(ways: set[tuple[str, str]]) -> None:
    layout = lay_out(NAMES, sorted(ways), "n0")
    assert set(layout.boxes) == set(NAMES)
    assert set(layout.ways) == ways
    rows: dict[float, list[float]] = {}
    for x, y in layout.boxes.values():
        rows.setdefault(y, []).append(x)
    for row in rows.values():
        assert all(right - left >= BOX_WIDTH for left, right in pairwise(sorted(row)))
        assert min(row) >= BOX_WIDTH / 2
        assert max(row) + BOX_WIDTH / 2 <= layout.width


def test_the_drawing_of_a_step_in_a_circle_has_a_way_back() -> None:
    layout = lay_out(["a", "b"], [("a", "b"), ("b", "a")], "a")
    assert layout.is_back("b", "a")
    assert not layout.is_back("a", "b")


# -- the walk -----------------------------------------------------------------------------------------


def test_a_walk_plays_the_call_as_text() -> None:
    typed = iter(["", "", "say 3s", "", "opened 261123000017", "wait 1s", "1", "", "", "", ""])
    written: list[str] = []
    walk(MAIN_FLOW, commands.read_texts(PROMPTS), lambda _question: next(typed), written.append)
    shown = "\n".join(written)
    assert "您好" in shown
    assert "<1000 Hz, 400 ms>" in shown
    assert "二六幺幺 二三零零 零零幺七" in shown
    assert written[-1].endswith("the system hangs up (finished)")


def test_a_walk_ends_with_its_input() -> None:
    def read(_question: str) -> str:
        raise EOFError

    written: list[str] = []
    walk(a_flow(), TEXTS, read, written.append)
    assert written


def test_a_walk_explains_what_it_did_not_understand() -> None:
    typed = iter(["what?", "bye"])
    written: list[str] = []
    walk(a_flow(), TEXTS, lambda _question: next(typed), written.append)
    assert "speak for so long" in written[-1]


# -- the page -----------------------------------------------------------------------------------------


def page() -> str:
    file = REPO / "docs" / "flows.md"
    text = file.read_text(encoding="utf-8")
    before = text.partition(BEGIN)[0].rstrip()
    after = text.partition(END)[2]
    return golden(file, f"{before}\n\n{reference()}{after or chr(10)}")


def test_the_page_holds_the_reference_as_made_from_the_table() -> None:
    assert reference() in page()


@pytest.mark.parametrize("verb", VERBS.values(), ids=lambda verb: verb.name)
def test_each_verb_and_setting_has_its_heading(verb: object) -> None:
    headings = re.findall(r"^#+ (.*)$", page(), re.MULTILINE)
    assert f"`{verb.name}`" in headings  # type: ignore[attr-defined]
    for setting in verb.settings:  # type: ignore[attr-defined]
        assert f"`{setting.name}` of `{verb.name}`" in headings  # type: ignore[attr-defined]


def test_the_script_on_the_page_goes_well() -> None:
    (script,) = re.findall(r"^```\n(calls .*?)^```", page(), re.DOTALL | re.MULTILINE)
    assert play_script(script, MAIN_FLOW, file="flows.md").complaint is None
