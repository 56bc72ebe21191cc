"""docs/sip-machines.md is what the tables say."""

from __future__ import annotations

import os
from pathlib import Path

from hotline.sip import incoming_call, transaction
from hotline.sip.drawing import machines_as_markdown

DOCUMENT = Path(__file__).parents[2] / "docs" / "sip-machines.md"


def test_the_document_is_made_from_the_tables() -> None:
    made = machines_as_markdown()
    if os.environ.get("HOTLINE_GOLDEN"):
        DOCUMENT.write_text(made, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == made


def test_each_row_is_in_the_document() -> None:
    rows = sum(len(table) for table in transaction.TABLES.values()) + len(incoming_call.TRANSITIONS)
    listed = [line for line in machines_as_markdown().splitlines() if line.count("|") == 5]
    assert len(listed) == rows + 5 + 5 + 14  # heads and rules of five machines; the table of timers


def test_each_state_of_a_call_leads_to_its_end() -> None:
    leads = {incoming_call.State.ENDED}
    for _ in incoming_call.State:
        leads |= {state for (state, _), (_, to, _) in incoming_call.TRANSITIONS.items() if to in leads}
    assert leads == set(incoming_call.State)


def test_each_timer_of_a_call_has_a_row_in_its_states() -> None:
    for state, timers in incoming_call.TIMERS.items():
        for timer in timers:
            assert (state, incoming_call.FIRES[timer]) in incoming_call.TRANSITIONS


def test_only_the_end_says_why() -> None:
    ending = {incoming_call.State.ENDING, incoming_call.State.ENDED}
    for (state, given), (_, to, cause) in incoming_call.TRANSITIONS.items():
        assert (cause is not None) == (to in ending and state not in ending), (state, given)
