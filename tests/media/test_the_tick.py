"""One tick of the plane stays something that an engineer reads in one sitting."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from hotline.media.finishing import Finishing
from hotline.media.hearing import Hearing
from hotline.media.outgoing import Outgoing
from hotline.media.plane import Plane
from hotline.media.playing import Playing
from hotline.media.recordings import Recordings
from hotline.media.vad import VoiceActivity

STEPS: tuple[Callable[..., Any], ...] = (
    Plane.tick,
    Hearing.tick,
    VoiceActivity.measure,
    VoiceActivity.take_out_hum,
    VoiceActivity.judge,
    Recordings.tick,
    Outgoing.pass_time,
    Outgoing.fill,
    Finishing.finish,
    Playing.go_on,
)
"""What a tick of plain calls runs through, from top to bottom."""


def code_lines(step: Callable[..., Any]) -> int:
    """Count lines that are code: no docstring, no comment, nothing empty."""
    source = textwrap.dedent(inspect.getsource(step))
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    has_docstring = ast.get_docstring(function) is not None
    said = function.body[0].end_lineno or 0 if has_docstring else 0
    lines = source.splitlines()
    rows = [row.strip() for row in lines[: function.lineno] + lines[said if said else function.lineno :]]
    return sum(bool(row) and not row.startswith("#") for row in rows)


def test_the_tick_as_code_is_under_200_lines() -> None:
    assert sum(code_lines(step) for step in STEPS) < 200
