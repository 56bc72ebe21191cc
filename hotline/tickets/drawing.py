"""Draws the life of requests and work orders from their own tables, as Markdown with Mermaid diagrams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from hotline.tickets.duties import APART, AXIS, Duty
from hotline.tickets.moves import M, Rule, S
from hotline.tickets.order_moves import FOLLOWED, ORDER_TABLE, OrderState
from hotline.tickets.request_moves import (
    HANDLING_STATES,
    OWNERS,
    PAUSED_STATES,
    REQUEST_TABLE,
    STATE_TIMERS,
    RequestState,
)

INTRODUCTION: Final = """\
# The life of a request

Made from the tables in `hotline/tickets/request_moves.py`, `order_moves.py` and `duties.py`; to make it
anew: `HOTLINE_GOLDEN=1 pytest tests/tickets/test_moves_drawing.py`.

What a table does not hold cannot happen. How long each step may take stands in `config/limits.toml`, which
days and hours count in `config/calendar.toml`. Each step is one row of a chain of hashes, from which the
request can be recomputed.
"""


def life_as_markdown() -> str:
    """Draw both machines, and list owners, timers and the duties that are kept apart."""
    return "\n".join(
        [
            INTRODUCTION,
            "## Duties",
            "",
            "Nobody holds two duties whose sides are kept apart, or acts on both sides of one request.",
            "",
            *_table(
                ("duty", "side", "never together with"),
                ((d.value, AXIS[d].value, ", ".join(sorted(APART.get(AXIS[d], ())))) for d in Duty),
            ),
            "",
            "## Service requests",
            "",
            *_diagram(REQUEST_TABLE, RequestState.DRAFT, {"withdraw"}),
            "",
            "Left out: moves that leave the state as it is (= below), and `withdraw`, which is always open.",
            "",
            *_table(("state", "whose turn", "timers"), (_state_row(state) for state in RequestState)),
            "",
            *_table(("from", "move", "to", "by whom, if"), _rows(REQUEST_TABLE)),
            "",
            "## Work orders",
            "",
            *_diagram(ORDER_TABLE, OrderState.DISPATCHED, set()),
            "",
            *_table(("from", "move", "to", "by whom, if"), _rows(ORDER_TABLE)),
            "",
            "The lead's order moves with its request:",
            "",
            *_table(("request", "order"), ((a.value, b.value) for a, b in FOLLOWED.items())),
            "",
        ]
    )


def _state_row(state: RequestState) -> tuple[str, ...]:
    timers = [kind.value for kind in STATE_TIMERS.get(state, ())]
    if state in HANDLING_STATES:
        timers.append("handle (paused)" if state in PAUSED_STATES else "handle")
    owner = OWNERS.get(state)
    return (state.value, owner.value if owner else "", ", ".join(timers))


def _diagram(table: Mapping[tuple[S, M], Rule[S]], first: StrEnum, hidden: set[str]) -> Iterable[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {first}"
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, move), rule in table.items():
        if rule.target is not state and move not in hidden:
            arrows.setdefault((state.value, rule.target.value), []).append(move.value)
    for (origin, target), moves in arrows.items():
        yield f"    {origin} --> {target}: {', '.join(moves)}"
    yield "```"


def _rows(table: Mapping[tuple[S, M], Rule[S]]) -> Iterable[tuple[str, ...]]:
    for (state, move), rule in table.items():
        ways = []
        for way in rule.ways:
            who = ", ".join(duty.value for duty in Duty if duty in way.duties)
            ways.append(f"{who}: {'; '.join(way.needs)}" if way.needs else who)
        target = "=" if rule.target is state else rule.target.value
        yield (state.value, move.value, target, " — or ".join(ways))


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterable[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
