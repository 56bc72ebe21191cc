"""docs/sip-machines.md is what the tables say."""

from __future__ import annotations

import os
from pathlib import Path

from hotline.sip import call_machine, call_moves, outgoing_call, reliable, transaction
from hotline.sip.drawing import machines_as_markdown

DOCUMENT = Path(__file__).parents[2] / "docs" / "sip-machines.md"


def test_the_document_is_made_from_the_tables() -> None:
    made = machines_as_markdown()
    if os.environ.get("HOTLINE_GOLDEN"):
        DOCUMENT.write_text(made, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == made


def test_each_row_is_in_the_document() -> None:
    rows = sum(len(table) for table in transaction.TABLES.values())
    rows += len(call_machine.TRANSITIONS) + len(outgoing_call.OUTGOING) + len(reliable.TRANSITIONS)
    listed = [line for line in machines_as_markdown().splitlines() if line.count("|") == 5]
    assert len(listed) == rows + 7 + 7 + 14  # heads and rules of seven machines; the table of timers


def test_each_state_of_a_call_leads_to_its_end() -> None:
    leads = {call_moves.State.ENDED}
    for _ in call_moves.State:
        leads |= {state for (state, _), (_, to, _) in call_machine.TRANSITIONS.items() if to in leads}
    assert leads == set(call_moves.State)


def test_each_timer_of_a_call_has_a_row_in_its_states() -> None:
    for state, timers in call_machine.TIMERS.items():
        for timer in timers:
            assert (state, call_moves.FIRES[timer]) in call_machine.TRANSITIONS


def test_only_the_end_says_why() -> None:
    ending = {call_moves.State.ENDING, call_moves.State.ENDED}
    for (state, given), (_, to, cause) in call_machine.TRANSITIONS.items():
        assert (cause is not None) == (to in ending and state not in ending), (state, given)
