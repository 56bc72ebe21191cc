"""``hotline media``: how the processes that carry voice stand."""

from __future__ import annotations

from typing import Any

from hotline.cli.media import shown

PLANE: dict[str, Any] = {
    "plane": 0,
    "pid": 4711,
    "state": "ready",
    "legs": 812,
    "ports_free": 188,
    "ports": 1000,
    "backlog": 0,
    "scheduling": "SCHED_RR 10",
    "refused": [],
    "late_p50_ms": 1.234,
    "late_p99_ms": 3.456,
    "late_most_ms": 9.87,
    "dropped": {"stranger": 12, "late": 3, "flood": 0},
    "unwritten_bytes": 4096,
    "held_up_s": 0.0,
    "deaths": 0,
}


def test_a_plane_at_work_is_four_lines() -> None:
    assert shown([PLANE], {}).splitlines() == [
        "plane 0  ready  process 4711, SCHED_RR 10",
        "  812 legs; 188 of 1000 places at ports free",
        "  packets of the last minute left 1.2 ms late (p50), 3.5 ms (p99), 9.9 ms at most",
        "  packets not heard: 12 from strangers, 3 too late",
    ]


def test_what_is_wrong_is_told() -> None:
    troubled = PLANE | {
        "state": "away",
        "pid": None,
        "scheduling": "",
        "late_p50_ms": None,
        "late_p99_ms": None,
        "late_most_ms": None,
        "dropped": {},
        "refused": ["locked memory (LimitMEMLOCK): Operation not permitted"],
        "unwritten_bytes": 5 << 20,
        "held_up_s": 1.5,
        "deaths": 2,
    }
    assert shown([troubled], {}).splitlines() == [
        "plane 0  away  process -, not begun",
        "  812 legs; 188 of 1000 places at ports free",
        "  nothing was sent in the last minute",
        "  5 MiB of recordings wait for the disk",
        "  held up by the system for 1.5 s in all",
        "  died 2 times since hotline began",
        "  ! not allowed: locked memory (LimitMEMLOCK): Operation not permitted",
    ]


def test_a_plane_that_is_late_is_painted() -> None:
    colours = {"success": "<+>", "failure": "<->", "end": "</>"}
    assert "<+>3.5 ms (p99)</>" in shown([PLANE], colours)
    assert "<->5.1 ms (p99)</>" in shown([PLANE | {"late_p99_ms": 5.1}], colours)


def test_planes_stand_apart() -> None:
    assert shown([PLANE, PLANE | {"plane": 1}], {}).count("\n\n") == 1
