"""Draws the SIP machines from their own tables, as Markdown with Mermaid diagrams."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

from hotline.sip import call_machine, call_moves, outgoing_call, reliable, timers, transaction

INTRODUCTION: Final = """\
# The SIP machines

Each machine is a table of (state, what happens) -> (what is done, next state). The drawings and
lists below are made from the tables in `hotline/sip/transaction.py`, `timers.py`,
`incoming_call.py`, `standing_call.py`, `outgoing_call.py` and `reliable.py`; to make them anew:
`HOTLINE_GOLDEN=1 pytest tests/sip/test_drawing.py`.

A message goes: bytes -> `message` (checked once) -> `transaction_layer` (repetitions end here) ->
`outside_requests` (outside a call) or `dialog_requests` (inside one) -> `call_machine` -> events
for the house; a call that we make begins in `dialler`. What a table does not hold is dropped when
it comes from the wire, and is a `LocalProtocolError` when our own code asks for it.
"""


def machines_as_markdown() -> str:
    """Draw the four transactions and the call, with their timers."""
    parts = [INTRODUCTION, "## Transactions\n"]
    for kind in transaction.Kind:
        rows = [
            (state.value, _name(given), _names(actions), to.value)
            for (state, given), (actions, to) in transaction.TABLES[kind].items()
        ]
        runs = [
            (state.value, ", ".join(timer.name for timer in named))
            for (of, state), named in transaction.TIMERS.items()
            if of is kind
        ]
        parts.append(_machine(kind.value, transaction.INITIAL[kind].value, rows, runs))
    parts.append(_timers())
    rows = [
        (state.value, given.value, _names(actions) + (f"; ended: {cause.value}" if cause else ""), to.value)
        for (state, given), (actions, to, cause) in call_machine.TRANSITIONS.items()
    ]
    runs = [
        (state.value, ", ".join(timer.value for timer in named))
        for state, named in call_machine.TIMERS.items()
    ]
    parts.append("## Calls\n")
    parts.append(
        "A call that comes to us begins offered; one of ours begins early, made by an INVITE of ours.\n"
    )
    parts.append(_machine("Call (RFC 3261, 13.3, 14, 15)", call_moves.State.OFFERED.value, rows, runs))
    rows = [
        (state.value, heard.value, _names(moves), to.value)
        for (state, heard), (moves, to) in outgoing_call.OUTGOING.items()
    ]
    runs = [(outgoing_call.Stage.CANCELLING.value, f"{outgoing_call.CANCEL_S:g} s")]
    parts.append(
        _machine("An INVITE of ours (RFC 3261, 13.2, 9.1)", outgoing_call.Stage.CALLING.value, rows, runs)
    )
    rows = [
        (state.value, given.value, _names(actions), to.value)
        for (state, given), (actions, to) in reliable.TRANSITIONS.items()
    ]
    runs = [
        (state.value, ", ".join(timer.value for timer in named)) for state, named in reliable.TIMERS.items()
    ]
    parts.append(
        _machine(
            "Reliable provisional responses of ours (RFC 3262, 3)", reliable.State.IDLE.value, rows, runs
        )
    )
    return "\n".join(parts)


def _machine(
    title: str, initial: str, rows: Iterable[tuple[str, str, str, str]], runs: Iterable[tuple[str, str]]
) -> str:
    rows = list(rows)
    lines = [f"### {title}\n", "```mermaid", "stateDiagram-v2", f"    [*] --> {_id(initial)}"]
    lines += [
        f"    {_id(state)} : {state}" for state in dict.fromkeys(row[0] for row in rows) if " " in state
    ]
    lines += [f"    {_id(state)} --> {_id(to)} : {given}" for state, given, _, to in rows if state != to]
    lines += ["```\n", "| state | given | done | next |", "|---|---|---|---|"]
    lines += [f"| {state} | {given} | {done or 'nothing'} | {to} |" for state, given, done, to in rows]
    lines += ["", "Timers: " + "; ".join(f"{names} in {state}" for state, names in runs) + ".\n"]
    return "\n".join(lines)


def _timers() -> str:
    lines = ["### Timers\n", "| timer | first run | longest run | over TCP |", "|---|---|---|---|"]
    for timer, first in timers.FIRST.items():
        longest = timers.LONGEST.get(timer)
        over_tcp = (
            "never"
            if timer in timers.NEVER_WHEN_RELIABLE
            else "0 s"
            if timer in timers.ZERO_WHEN_RELIABLE
            else f"{first:g} s"
        )
        lines.append(
            f"| {timer.name} | {first:g} s | {f'{longest:g} s' if longest else 'once'} | {over_tcp} |"
        )
    return "\n".join([*lines, ""])


def _name(given: Enum) -> str:
    return f"timer {given.name}" if isinstance(given, timers.Timer) else str(given.value)


def _names(actions: Iterable[Enum]) -> str:
    return ", ".join(str(action.value) for action in actions)


def _id(state: str) -> str:
    return state.replace(" ", "_").replace("-", "_")
