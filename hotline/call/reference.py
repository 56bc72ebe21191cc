"""The drawing and the list of a call's moves, made from the table of ``states.py``."""

from __future__ import annotations

from hotline.call.states import LIMITS_S, TRANSITIONS, S
from hotline.ivr.draw import Graph, table_graph

BEGIN = "<!-- made from hotline/call/states.py; to make it anew: HOTLINE_GOLDEN=1 pytest tests/call -->"
END = "<!-- end of what is made -->"


def states_graph() -> Graph:
    """Make the graph of the states of a call."""
    ways = [(state.value, after.value, event.value) for (state, event), (_, after) in TRANSITIONS.items()]
    return table_graph("the states of a call", ways, S.WRITING.value)


def states_reference() -> str:
    """Write the states with their limits and every move, in Markdown."""
    rows = [BEGIN, ""]
    for state in S:
        limit = f", at most {LIMITS_S[state]:g} s" if state in LIMITS_S else ""
        rows += [f"### `{state.value}`{limit}", ""]
        moves = [(event, row) for (one, event), row in TRANSITIONS.items() if one is state]
        if moves:
            rows += ["| what happens | what is done | next |", "|---|---|---|"]
            rows += [
                f"| {event.value} | {action.value} | `{after.value}` |" for event, (action, after) in moves
            ]
        else:
            rows.append("The call is over; whatever comes now is dropped.")
        rows.append("")
    return "\n".join([*rows, END])
