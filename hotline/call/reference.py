"""The drawings and the lists of moves of a call's machines, made from their tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import TypeVar

from hotline.call import bridge_states, legs, phone_states, states
from hotline.ivr.draw import Graph, table_graph

State = TypeVar("State", bound=Enum)
Input = TypeVar("Input", bound=Enum)
Action = TypeVar("Action", bound=Enum)

BEGIN = "<!-- made from hotline/call/states.py; to make it anew: HOTLINE_GOLDEN=1 pytest tests/call -->"
END = "<!-- end of what is made -->"


def states_graph() -> Graph:
    """Make the graph of the states of a call."""
    return _graph("the states of a call", states.TRANSITIONS, states.S.OPENING_MEDIA)


def bridge_graph() -> Graph:
    """Make the graph of the states of a bridge."""
    return _graph("the states of a bridge", bridge_states.TRANSITIONS, bridge_states.B.CALLING)


def states_reference() -> str:
    """Write the states of every machine with their limits and moves, in Markdown."""
    rows = [BEGIN, ""]
    rows += _table(states.S, states.TRANSITIONS, states.LIMITS_S)
    rows += ["## The table of a bridge", "", *_table(bridge_states.B, bridge_states.TRANSITIONS, {})]
    rows += ["## The table of a telephone's call", ""]
    rows += _table(phone_states.S, phone_states.PHONE_TRANSITIONS, phone_states.PHONE_LIMITS_S)
    rows += ["## The table of a leg", "", *_table(legs.L, legs.LEG_TRANSITIONS, {})]
    return "\n".join([*rows, END])


def _graph(title: str, moves: Mapping[tuple[State, Input], tuple[Action, State]], start: State) -> Graph:
    ways = [(state.value, after.value, event.value) for (state, event), (_, after) in moves.items()]
    return table_graph(title, ways, start.value)


def _table(
    all_states: Iterable[State],
    moves: Mapping[tuple[State, Input], tuple[Action, State]],
    limits_s: Mapping[State, float],
) -> Iterator[str]:
    for state in all_states:
        limit = f", at most {limits_s[state]:g} s" if state in limits_s else ""
        yield from (f"### `{state.value}`{limit}", "")
        rows = [(event, row) for (one, event), row in moves.items() if one is state]
        if rows:
            yield from ("| what happens | what is done | next |", "|---|---|---|")
            for event, (action, after) in rows:
                yield f"| {event.value} | {action.value} | `{after.value}` |"
        else:
            yield "It is over; whatever comes now is dropped."
        yield ""
