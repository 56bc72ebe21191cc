"""The table of a call, row by row."""

from __future__ import annotations

import pytest

from hotline.errors import LocalProtocolError
from hotline.sip.call_machine import TRANSITIONS, CallMachine
from hotline.sip.call_moves import DECISION_S, Given, State

G = Given
# Written down a second time: state, what happens, next state, what is done, why it ended.
ROWS = """
OFFERED ACCEPT ANSWERED SEND_OK -
OFFERED REFUSE ENDED SEND_REFUSAL refused
OFFERED HANG_UP ENDED SEND_REFUSAL refused
OFFERED CANCEL ENDED SEND_TERMINATED cancel
OFFERED DECISION_OVERDUE ENDED SEND_FAILED refused
OFFERED PROGRESS PROGRESSED SEND_PROGRESS -
PROGRESSED PROGRESS PROGRESSED SEND_PROGRESS -
PROGRESSED RENEWAL_DUE PROGRESSED REPEAT_PROGRESS -
PROGRESSED PRACK PROGRESSED - -
PROGRESSED PRACK_OVERDUE ENDED SEND_FAILED refused
PROGRESSED ACCEPT ANSWERED SEND_OK -
PROGRESSED ACCEPT_LATER ACCEPTING - -
PROGRESSED REFUSE ENDED SEND_REFUSAL refused
PROGRESSED HANG_UP ENDED SEND_REFUSAL refused
PROGRESSED CANCEL ENDED SEND_TERMINATED cancel
PROGRESSED BYE ENDED ANSWER_BYE+SEND_TERMINATED cancel
PROGRESSED REINVITE PROGRESSED SEND_TOO_EARLY -
PROGRESSED DECISION_OVERDUE ENDED SEND_FAILED refused
ACCEPTING PRACK ANSWERED SEND_OK -
ACCEPTING PRACK_OVERDUE ENDED SEND_FAILED refused
ACCEPTING HANG_UP ENDED SEND_REFUSAL refused
ACCEPTING CANCEL ENDED SEND_TERMINATED cancel
ACCEPTING BYE ENDED ANSWER_BYE+SEND_TERMINATED cancel
ACCEPTING REINVITE ACCEPTING SEND_TOO_EARLY -
ANSWERED REPEAT_DUE ANSWERED REPEAT_OK -
ANSWERED ACK CONFIRMED TELL_CONFIRMED -
ANSWERED ACK_UNUSABLE ENDING SEND_BYE hung_up
ANSWERED ACK_OVERDUE ENDING SEND_BYE no_ack
ANSWERED HANG_UP LEAVING - -
ANSWERED BYE ENDED ANSWER_BYE bye
ANSWERED CANCEL ANSWERED - -
ANSWERED REINVITE ANSWERED SEND_PENDING -
LEAVING REPEAT_DUE LEAVING REPEAT_OK -
LEAVING ACK ENDING SEND_BYE hung_up
LEAVING ACK_UNUSABLE ENDING SEND_BYE hung_up
LEAVING ACK_OVERDUE ENDING SEND_BYE no_ack
LEAVING HANG_UP LEAVING - -
LEAVING BYE ENDED ANSWER_BYE bye
LEAVING CANCEL LEAVING - -
LEAVING REINVITE LEAVING SEND_PENDING -
CONFIRMED ACK CONFIRMED - -
CONFIRMED ACK_UNUSABLE CONFIRMED - -
CONFIRMED HANG_UP ENDING SEND_BYE hung_up
CONFIRMED BYE ENDED ANSWER_BYE bye
CONFIRMED CANCEL CONFIRMED - -
CONFIRMED REINVITE REANSWERED SEND_OK -
EARLY ESTABLISHED CONFIRMED TELL_ANSWERED -
EARLY ESTABLISHED_UNUSABLE ENDING SEND_BYE failed
EARLY BYE ENDED ANSWER_BYE bye
CONFIRMED REOFFER REOFFERING SEND_REINVITE -
CONFIRMED SESSION_EXPIRED ENDING SEND_BYE hung_up
REANSWERED SESSION_EXPIRED ENDING SEND_BYE hung_up
REANSWERED REPEAT_DUE REANSWERED REPEAT_OK -
REANSWERED ACK CONFIRMED - -
REANSWERED ACK_UNUSABLE ENDING SEND_BYE hung_up
REANSWERED ACK_OVERDUE ENDING SEND_BYE no_ack
REANSWERED HANG_UP ENDING SEND_BYE hung_up
REANSWERED BYE ENDED ANSWER_BYE bye
REANSWERED CANCEL REANSWERED - -
REANSWERED REINVITE REANSWERED SEND_PENDING -
REOFFERING ACK REOFFERING - -
REOFFERING ACK_UNUSABLE REOFFERING - -
REOFFERING REOFFER_TAKEN CONFIRMED TELL_MOVED -
REOFFERING REOFFER_UNUSABLE ENDING SEND_BYE failed
REOFFERING REOFFER_REFUSED CONFIRMED TELL_REFUSED -
REOFFERING GLARE CONFIRMED WAIT_FOR_GLARE -
REOFFERING REOFFER_OVERDUE ENDING SEND_BYE hung_up
REOFFERING SESSION_EXPIRED ENDING SEND_BYE hung_up
REOFFERING HANG_UP ENDING SEND_BYE hung_up
REOFFERING BYE ENDED ANSWER_BYE bye
REOFFERING CANCEL REOFFERING - -
REOFFERING REINVITE REOFFERING SEND_PENDING -
ENDING ACK ENDING - -
ENDING ACK_UNUSABLE ENDING - -
ENDING HANG_UP ENDING - -
ENDING BYE ENDING ANSWER_BYE -
ENDING CANCEL ENDING - -
ENDING BYE_DONE ENDED - -
"""
LINES = [tuple(line.split()) for line in ROWS.split("\n") if line]
PATHS = {
    State.OFFERED: [],
    State.PROGRESSED: [G.PROGRESS],
    State.ACCEPTING: [G.PROGRESS, G.ACCEPT_LATER],
    State.ANSWERED: [G.ACCEPT],
    State.LEAVING: [G.ACCEPT, G.HANG_UP],
    State.CONFIRMED: [G.ACCEPT, G.ACK],
    State.REANSWERED: [G.ACCEPT, G.ACK, G.REINVITE],
    State.REOFFERING: [G.ACCEPT, G.ACK, G.REOFFER],
    State.ENDING: [G.ACCEPT, G.ACK, G.HANG_UP],
    State.ENDED: [G.REFUSE],
}


def a_call(state: State) -> CallMachine:
    call = CallMachine(State.EARLY if state is State.EARLY else State.OFFERED)
    call.start(0.0)
    for given in PATHS.get(state, []):
        call.handle(given, 0.0)
    assert call.state is state
    call.take_actions()
    call.cause = None
    return call


def test_the_rows_are_all_rows() -> None:
    assert {(State[line[0]], Given[line[1]]) for line in LINES} == set(TRANSITIONS)


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_a_row_is_walked(line: tuple[str, ...]) -> None:
    state, given, to, done, cause = line
    call = a_call(State[state])
    call.handle(Given[given], 1.0)
    assert call.state is State[to]
    assert ("+".join(action.name for action in call.take_actions()) or "-") == done
    assert (call.cause.value if call.cause else "-") == cause


@pytest.mark.parametrize("state", [state for state in State if state is not State.ENDED])
@pytest.mark.parametrize("given", [G.ACCEPT, G.REFUSE])
def test_a_call_is_decided_once(state: State, given: Given) -> None:
    call = a_call(state)
    if state in {State.OFFERED, State.PROGRESSED}:
        call.handle(given, 0.0)
    else:
        with pytest.raises(LocalProtocolError):
            call.handle(given, 0.0)


@pytest.mark.parametrize("given", Given)
def test_nothing_happens_to_a_call_that_is_over(given: Given) -> None:
    call = a_call(State.ENDED)
    call.handle(given, 0.0)
    assert (call.state, call.take_actions(), call.next_timer()) == (State.ENDED, [], None)


@pytest.mark.parametrize(
    ("state", "due"),
    [
        (State.OFFERED, DECISION_S),
        (State.PROGRESSED, 60.0),
        (State.ACCEPTING, None),
        (State.ANSWERED, 0.5),
        (State.LEAVING, 0.5),
        (State.CONFIRMED, None),
        (State.REANSWERED, 0.5),
        (State.REOFFERING, 64.0),
        (State.EARLY, None),
        (State.ENDING, None),
    ],
)
def test_each_state_has_its_timer(state: State, due: float | None) -> None:
    assert a_call(state).next_timer() == due
