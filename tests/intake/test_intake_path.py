from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.intake.path import excerpt, split_recording_id, transcription_job, understand
from hotline.intake.ports import Transcript
from hotline.routing.suggestion import KIND, PLACE, PRIORITY, Suggestion

SPOKEN = Transcript("垃圾桶满了", [], "high", "zh", "m")


def a_suggestion(field: str, value: str, score: float) -> Suggestion:
    return Suggestion(field, value, value, score, "提到")


@given(st.from_regex(r"[A-Za-z0-9-]{1,30}", fullmatch=True), st.integers(1, 10_000))
def test_recording_id_tells_its_call(call_id: str, n: int) -> None:
    assert split_recording_id(f"{call_id}-{n}") == (call_id, n)


@pytest.mark.parametrize("text", ["", "1", "-1", "a-0", "a-01", "a_b-1", "a/b-1", "a-1\n", "呼-1"])
def test_other_names_are_no_recording_ids(text: str) -> None:
    assert split_recording_id(text) is None


def test_job_names_recording_request_and_language() -> None:
    assert transcription_job("c-1", "261123000017", "en") == {
        "recording_id": "c-1",
        "request_number": "261123000017",
        "language": "en",
    }


def test_suggestions_come_best_first_within_their_field() -> None:
    given_ = [a_suggestion(KIND, "a", 0.1), a_suggestion(PLACE, "p", 0.5), a_suggestion(KIND, "b", 0.9)]
    understood = understand(SPOKEN, given_, {})
    assert [(s.field, s.value) for s in understood.suggestions] == [(KIND, "b"), (KIND, "a"), (PLACE, "p")]
    assert understood.counts == {KIND: 2, PLACE: 1}


@pytest.mark.parametrize(
    ("suggestions", "kinds", "expected"),
    [
        ([], {}, "P3"),
        ([a_suggestion(PRIORITY, "P1", 1)], {}, "P1"),
        ([a_suggestion(KIND, "0201", 1)], {"0201": "P2"}, "P2"),
        ([a_suggestion(KIND, "0201", 1), a_suggestion(KIND, "1", 0.5)], {"0201": "P4", "1": "P1"}, "P4"),
        ([a_suggestion(KIND, "0201", 1), a_suggestion(PRIORITY, "P1", 1)], {"0201": "P4"}, "P1"),
        ([a_suggestion(KIND, "gone", 1)], {}, "P3"),
        ([a_suggestion(PRIORITY, "soon", 1)], {}, "P3"),
    ],
)
def test_priority_is_the_more_urgent_one(
    suggestions: list[Suggestion], kinds: dict[str, str], expected: str
) -> None:
    assert understand(SPOKEN, suggestions, kinds).priority == expected


def test_silence_is_ordinary_whatever_was_suggested() -> None:
    silent = replace(SPOKEN, text="")
    assert understand(silent, [a_suggestion(PRIORITY, "P1", 1)], {}).priority == "P3"


@given(st.text(max_size=200))
def test_excerpt_is_one_short_line(text: str) -> None:
    line = excerpt(text)
    assert len(line) <= 40
    assert "\n" not in line
    assert line == " ".join(text.split()) or line.endswith("…")
