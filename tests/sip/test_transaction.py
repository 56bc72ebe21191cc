"""The four transaction machines, row by row and by the clock."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import LocalProtocolError
from hotline.sip.timers import Timer
from hotline.sip.transaction import TABLES, TIMERS, I, Kind, Outcome, S, Transaction

# The arrows of RFC 3261 figures 5 to 8 as changed by RFC 6026 figures 4 and 5, written down a second
# time from the figures: machine, from, what happens, to, what is seen (again: the kept message).
ARROWS = """
INVITE_CLIENT CALLING A CALLING again
INVITE_CLIENT CALLING B TERMINATED timeout
INVITE_CLIENT CALLING TRANSPORT_ERROR TERMINATED transport
INVITE_CLIENT CALLING RECEIVE_1XX PROCEEDING tell
INVITE_CLIENT CALLING RECEIVE_2XX ACCEPTED tell
INVITE_CLIENT CALLING RECEIVE_ERROR COMPLETED tell+ack
INVITE_CLIENT PROCEEDING RECEIVE_1XX PROCEEDING tell
INVITE_CLIENT PROCEEDING RECEIVE_2XX ACCEPTED tell
INVITE_CLIENT PROCEEDING RECEIVE_ERROR COMPLETED tell+ack
INVITE_CLIENT PROCEEDING TRANSPORT_ERROR TERMINATED transport
INVITE_CLIENT COMPLETED RECEIVE_ERROR COMPLETED ack
INVITE_CLIENT COMPLETED TRANSPORT_ERROR TERMINATED transport
INVITE_CLIENT COMPLETED D TERMINATED -
INVITE_CLIENT ACCEPTED RECEIVE_2XX ACCEPTED tell
INVITE_CLIENT ACCEPTED M TERMINATED -
CLIENT TRYING E TRYING again
CLIENT TRYING F TERMINATED timeout
CLIENT TRYING TRANSPORT_ERROR TERMINATED transport
CLIENT TRYING RECEIVE_1XX PROCEEDING tell
CLIENT TRYING RECEIVE_2XX COMPLETED tell
CLIENT TRYING RECEIVE_ERROR COMPLETED tell
CLIENT PROCEEDING E PROCEEDING again
CLIENT PROCEEDING F TERMINATED timeout
CLIENT PROCEEDING TRANSPORT_ERROR TERMINATED transport
CLIENT PROCEEDING RECEIVE_1XX PROCEEDING tell
CLIENT PROCEEDING RECEIVE_2XX COMPLETED tell
CLIENT PROCEEDING RECEIVE_ERROR COMPLETED tell
CLIENT COMPLETED RECEIVE_2XX COMPLETED -
CLIENT COMPLETED RECEIVE_ERROR COMPLETED -
CLIENT COMPLETED K TERMINATED -
INVITE_SERVER PROCEEDING REQUEST PROCEEDING again
INVITE_SERVER PROCEEDING SEND_1XX PROCEEDING send
INVITE_SERVER PROCEEDING SEND_2XX ACCEPTED send
INVITE_SERVER PROCEEDING SEND_ERROR COMPLETED send
INVITE_SERVER PROCEEDING TRANSPORT_ERROR PROCEEDING transport
INVITE_SERVER COMPLETED REQUEST COMPLETED again
INVITE_SERVER COMPLETED G COMPLETED again
INVITE_SERVER COMPLETED H TERMINATED timeout
INVITE_SERVER COMPLETED ACK CONFIRMED -
INVITE_SERVER COMPLETED TRANSPORT_ERROR COMPLETED transport
INVITE_SERVER CONFIRMED ACK CONFIRMED -
INVITE_SERVER CONFIRMED I TERMINATED -
INVITE_SERVER ACCEPTED REQUEST ACCEPTED -
INVITE_SERVER ACCEPTED SEND_2XX ACCEPTED send
INVITE_SERVER ACCEPTED ACK ACCEPTED tell
INVITE_SERVER ACCEPTED TRANSPORT_ERROR ACCEPTED transport
INVITE_SERVER ACCEPTED L TERMINATED -
SERVER TRYING REQUEST TRYING -
SERVER TRYING SEND_1XX PROCEEDING send
SERVER TRYING SEND_2XX COMPLETED send
SERVER TRYING SEND_ERROR COMPLETED send
SERVER PROCEEDING REQUEST PROCEEDING again
SERVER PROCEEDING SEND_1XX PROCEEDING send
SERVER PROCEEDING SEND_2XX COMPLETED send
SERVER PROCEEDING SEND_ERROR COMPLETED send
SERVER PROCEEDING TRANSPORT_ERROR PROCEEDING transport
SERVER COMPLETED REQUEST COMPLETED again
SERVER COMPLETED SEND_2XX COMPLETED -
SERVER COMPLETED SEND_ERROR COMPLETED -
SERVER COMPLETED TRANSPORT_ERROR COMPLETED transport
SERVER COMPLETED J TERMINATED -
"""
LINES = [tuple(line.split()) for line in ARROWS.split("\n") if line]
# How each state is reached.
PATHS = {
    ("INVITE_CLIENT", "CALLING"): [],
    ("INVITE_CLIENT", "PROCEEDING"): [I.RECEIVE_1XX],
    ("INVITE_CLIENT", "COMPLETED"): [I.RECEIVE_ERROR],
    ("INVITE_CLIENT", "ACCEPTED"): [I.RECEIVE_2XX],
    ("CLIENT", "TRYING"): [],
    ("CLIENT", "PROCEEDING"): [I.RECEIVE_1XX],
    ("CLIENT", "COMPLETED"): [I.RECEIVE_2XX],
    ("INVITE_SERVER", "PROCEEDING"): [I.SEND_1XX],
    ("INVITE_SERVER", "COMPLETED"): [I.SEND_ERROR],
    ("INVITE_SERVER", "CONFIRMED"): [I.SEND_ERROR, I.ACK],
    ("INVITE_SERVER", "ACCEPTED"): [I.SEND_2XX],
    ("SERVER", "TRYING"): [],
    ("SERVER", "PROCEEDING"): [I.SEND_1XX],
    ("SERVER", "COMPLETED"): [I.SEND_2XX],
}
SEEN = {
    b"kept": "again",
    b"new": "send",
    b"ack": "ack",
    Outcome.MESSAGE: "tell",
    Outcome.TIMEOUT: "timeout",
    Outcome.TRANSPORT_ERROR: "transport",
}
INPUTS: dict[str, I | Timer] = {**I.__members__, **Timer.__members__}
CLIENTS = (Kind.INVITE_CLIENT, Kind.CLIENT)


def sends(transaction: Transaction, until: float) -> list[float]:
    """Run the timers; give the times at which something is sent."""
    times = [0.0] * len(transaction.take_outbox())
    while (due := transaction.next_timer()) is not None and due <= until:
        transaction.handle_timer(due)
        times += [due] * len(transaction.take_outbox())
    return times


def a_client(kind: Kind, *, is_reliable: bool = False) -> Transaction:
    transaction = Transaction(kind, is_reliable)
    transaction.start(b"request", 0.0)
    return transaction


def test_every_arrow_of_the_figures_has_its_row_and_no_row_is_without_an_arrow() -> None:
    arrows = {line[:4] for line in LINES}
    rows = {
        (kind.name, state.name, given.name, to.name)
        for kind, table in TABLES.items()
        for (state, given), (_, to) in table.items()
    }
    assert rows == arrows


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_an_arrow_of_the_figures_is_walked(line: tuple[str, ...]) -> None:
    kind, state, given_name, to, seen = line
    transaction = Transaction(Kind[kind], is_reliable=False)
    transaction.ack = b"ack"
    if Kind[kind] in CLIENTS:
        transaction.start(b"kept", 0.0)
    for step in PATHS[kind, state]:
        transaction.handle(step, 0.0, b"kept")
    assert transaction.state is S[state]
    transaction.take_outbox()
    transaction.take_told()
    transaction.handle(INPUTS[given_name], 1.0, b"new")
    assert transaction.state is S[to]
    said = [SEEN[what] for what in [*transaction.take_told(), *transaction.take_outbox()]]
    assert ("+".join(said) or "-") == seen


@pytest.mark.parametrize("kind", Kind)
def test_each_state_leads_to_the_end(kind: Kind) -> None:
    leads = {S.TERMINATED}
    for _ in S:
        leads |= {state for (state, _), (_, to) in TABLES[kind].items() if to in leads}
    assert {state for state, _ in TABLES[kind]} <= leads


@pytest.mark.parametrize("kind", Kind)
def test_each_timer_of_a_state_has_a_row_and_each_row_a_timer(kind: Kind) -> None:
    rows = {(state, given) for state, given in TABLES[kind] if isinstance(given, Timer)}
    runs = {(state, timer) for (of, state), timers in TIMERS.items() if of is kind for timer in timers}
    assert rows == runs


def test_an_invite_is_repeated_ever_slower_for_32_seconds() -> None:
    transaction = a_client(Kind.INVITE_CLIENT)
    assert sends(transaction, 40.0) == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert transaction.take_told() == [Outcome.TIMEOUT]
    assert transaction.is_over


def test_another_request_is_repeated_at_least_every_four_seconds() -> None:
    transaction = a_client(Kind.CLIENT)
    assert sends(transaction, 40.0) == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert transaction.take_told() == [Outcome.TIMEOUT]


def test_a_provisional_response_slows_a_request_down_to_four_seconds() -> None:
    transaction = a_client(Kind.CLIENT)
    transaction.handle(I.RECEIVE_1XX, 0.1)
    assert sends(transaction, 13.0) == [0.0, 0.5, 4.5, 8.5, 12.5]


def test_a_provisional_response_stops_the_repetition_of_an_invite() -> None:
    transaction = a_client(Kind.INVITE_CLIENT)
    transaction.handle(I.RECEIVE_1XX, 0.1)
    assert sends(transaction, 400.0) == [0.0]
    assert transaction.next_timer() is None


@pytest.mark.parametrize("kind", CLIENTS)
def test_nothing_is_repeated_over_a_reliable_transport(kind: Kind) -> None:
    transaction = a_client(kind, is_reliable=True)
    assert sends(transaction, 31.9) == [0.0]
    transaction.handle_timer(32.0)
    assert transaction.take_told() == [Outcome.TIMEOUT]


def test_an_error_is_repeated_until_the_ack() -> None:
    transaction = Transaction(Kind.INVITE_SERVER, is_reliable=False)
    transaction.handle(I.SEND_ERROR, 0.0, b"486")
    assert sends(transaction, 8.0) == [0.0, 0.5, 1.5, 3.5, 7.5]
    transaction.handle(I.ACK, 8.0)
    assert sends(transaction, 12.9) == []
    transaction.handle_timer(13.0)
    assert transaction.is_over


def test_an_error_without_an_ack_is_given_up_after_32_seconds() -> None:
    transaction = Transaction(Kind.INVITE_SERVER, is_reliable=False)
    transaction.handle(I.SEND_ERROR, 0.0, b"486")
    sends(transaction, 32.0)
    assert transaction.take_told() == [Outcome.TIMEOUT]
    assert transaction.is_over


def test_an_error_over_a_reliable_transport_ends_with_its_ack() -> None:
    transaction = Transaction(Kind.INVITE_SERVER, is_reliable=True)
    transaction.handle(I.SEND_ERROR, 0.0, b"486")
    assert sends(transaction, 20.0) == [0.0]
    transaction.handle(I.ACK, 20.0)
    assert transaction.is_over


def test_a_repeated_invite_gets_the_stored_provisional_response() -> None:
    transaction = Transaction(Kind.INVITE_SERVER, is_reliable=False)
    transaction.handle(I.SEND_1XX, 0.0, b"100")
    transaction.handle(I.REQUEST, 0.5)
    assert transaction.take_outbox() == [b"100", b"100"]


def test_a_repeated_invite_is_absorbed_after_2xx() -> None:
    transaction = Transaction(Kind.INVITE_SERVER, is_reliable=False)
    transaction.handle(I.SEND_2XX, 0.0, b"200")
    transaction.take_outbox()
    transaction.handle(I.REQUEST, 31.0)
    assert transaction.take_outbox() == []
    assert transaction.state is S.ACCEPTED
    transaction.handle_timer(32.0)
    assert transaction.is_over


def test_each_repeated_error_is_acknowledged_and_only_the_first_told() -> None:
    transaction = a_client(Kind.INVITE_CLIENT)
    transaction.ack = b"ack"
    transaction.take_outbox()
    transaction.handle(I.RECEIVE_ERROR, 1.0)
    transaction.handle(I.RECEIVE_ERROR, 2.0)
    assert transaction.take_outbox() == [b"ack", b"ack"]
    assert transaction.take_told() == [Outcome.MESSAGE]


def test_each_2xx_of_a_forked_invite_is_told() -> None:
    transaction = a_client(Kind.INVITE_CLIENT)
    transaction.handle(I.RECEIVE_2XX, 1.0)
    transaction.handle(I.RECEIVE_2XX, 2.0)
    assert transaction.take_told() == [Outcome.MESSAGE, Outcome.MESSAGE]


def test_second_final_response_is_discarded_where_the_rfc_says_so() -> None:
    transaction = Transaction(Kind.SERVER, is_reliable=False)
    transaction.handle(I.SEND_2XX, 0.0, b"200")
    transaction.handle(I.SEND_ERROR, 0.1, b"500")
    assert transaction.take_outbox() == [b"200"]


def test_second_final_response_to_an_invite_is_refused() -> None:
    transaction = Transaction(Kind.INVITE_SERVER, is_reliable=False)
    transaction.handle(I.SEND_ERROR, 0.0, b"486")
    with pytest.raises(LocalProtocolError, match="COMPLETED cannot send 2xx"):
        transaction.handle(I.SEND_2XX, 0.1, b"200")


def test_a_timer_that_rings_late_does_not_send_a_burst() -> None:
    transaction = a_client(Kind.CLIENT)
    transaction.take_outbox()
    transaction.handle_timer(10.0)  # the machine was asleep for ten seconds
    assert len(transaction.take_outbox()) <= 2


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(Kind),
    is_reliable=st.booleans(),
    moves=st.lists(st.tuples(st.sampled_from(I), st.floats(0, 40)), max_size=25),
)
def test_no_order_of_inputs_leaves_a_timer_behind(
    kind: Kind, is_reliable: bool, moves: list[tuple[I, float]]
) -> None:
    transaction, now = Transaction(kind, is_reliable), 0.0
    if kind in CLIENTS:
        transaction.start(b"request", now)
    for given_input, pause in moves:
        now += pause
        transaction.handle_timer(now)
        try:
            transaction.handle(given_input, now, b"data")
        except LocalProtocolError:
            assert given_input.name.startswith("SEND_")
    for _ in range(40):
        if (due := transaction.next_timer()) is None:
            break
        transaction.handle_timer(due)
    assert transaction.next_timer() is None
    waits_for_others = {S.PROCEEDING} | ({S.TRYING} if kind is Kind.SERVER else set())
    assert transaction.is_over or transaction.state in waits_for_others
