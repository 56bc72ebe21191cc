"""Scores become words, the worse direction counts, and the caller comes first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hotline.desk.views import VoiceView
from hotline.desk.voices import grade_of, voice_view, worst_first
from hotline.events.ids import CallId
from hotline.media.plan import Codec, LegQuality

GOOD = LegQuality(
    CallId("c1"), Codec.PCMA, False, 4.2, 100, 1, 0, 0, 0, 1.0, 2.0, 20, 1.0, None, 100, None, None, None
)


@pytest.mark.parametrize(
    ("mos", "grade"),
    [
        (4.4, "very_good"),
        (4.34, "very_good"),
        (4.1, "good"),
        (3.7, "fair"),
        (3.1, "poor"),
        (3.0, "bad"),
        (1.0, "bad"),
    ],
)
def test_scores_have_the_classes_of_the_standard(mos: float, grade: str) -> None:
    assert grade_of(mos) == grade


def test_the_worse_direction_is_told() -> None:
    assert voice_view(GOOD, "caller") == VoiceView("caller", "good", 4.2, 0.01, is_missing=False)
    worse = replace(GOOD, far_mos=2.0, far_loss=0.3)
    assert voice_view(worse, "caller") == VoiceView("caller", "bad", 2.0, 0.3, is_missing=False)


def test_who_was_never_heard_is_told_as_that_when_it_is_known() -> None:
    silent = replace(GOOD, mos=None, expected=0, lost=0)
    assert voice_view(silent, "caller").grade == "unknown"
    assert voice_view(silent, "caller", is_over=True).grade == "unheard"
    assert voice_view(None, "other", is_missing=True) == VoiceView(
        "other", "unheard", None, 0.0, is_missing=True
    )
    assert voice_view(None, "other").grade == "unknown"


def test_the_caller_comes_first_and_of_the_others_the_worst() -> None:
    caller, good, bad = (
        voice_view(replace(GOOD, mos=mos), who)
        for who, mos in (("caller", 4.4), ("other", 4.4), ("other", 1.5))
    )
    assert worst_first([good, caller, bad]) == [caller, bad]
