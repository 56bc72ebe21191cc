"""The queues behind SIP."""

from __future__ import annotations

from hotline.sip.overload import LONG_S, Overload
from hotline.wire.backlogs import MANY_COMMANDS, MANY_NOTES, STORE_USUAL_S, CommandsWaiting, NotesWaiting


def test_a_few_old_notes_are_no_overload_and_many_are() -> None:
    depth, age_s = MANY_NOTES - 1, 10.0
    lane = NotesWaiting(lambda: depth, lambda: age_s)
    assert lane.wait_s(0.0) == 0.0
    depth = MANY_NOTES
    assert lane.wait_s(0.0) == 10.0


def test_commands_are_as_old_as_the_time_since_there_were_few() -> None:
    count = MANY_COMMANDS - 1
    waiting = CommandsWaiting(lambda: count)
    assert waiting.wait_s(1.0) == 0.0
    count = MANY_COMMANDS
    assert [waiting.wait_s(now) for now in (2.0, 2.5, 3.0)] == [0.0, 0.5, 1.0]
    count = 0
    assert waiting.wait_s(4.0) == 0.0
    count = MANY_COMMANDS
    assert waiting.wait_s(5.0) == 0.0


def test_a_store_that_falls_behind_costs_new_calls() -> None:
    overload, refused = Overload(), 0
    overload.watch(NotesWaiting(lambda: 500, lambda: STORE_USUAL_S + 2 * LONG_S), STORE_USUAL_S)
    for step in range(300):
        overload.measure(0.0, step / 100)
        refused += overload.sheds("INVITE", step / 100)
    assert refused > 50
