"""Reliable provisional responses (RFC 3262), both sides."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import LocalProtocolError
from hotline.sip import reliable
from hotline.sip.headers import CSeq, RAck
from hotline.sip.message import Headers, Response
from hotline.sip.reliable import Arrival, ReliableReceiver, ReliableSender, State, wants_reliable


def rack(rseq: int, cseq: int = 1, method: str = "INVITE") -> RAck:
    return RAck(rseq, CSeq(cseq, method))


def numbered(rseq: int) -> bytes:
    return b"%d" % rseq


def an_18x(rseq: object | None, *, require: str = "100rel", status: int = 183) -> Response:
    headers = Headers([("CSeq", "1 INVITE"), ("Require", require)])
    if rseq is not None:
        headers.add("RSeq", str(rseq))
    return Response(status, "", headers)


def test_each_state_has_a_way_out() -> None:
    for state in State:
        ways = {to for (of, _), (_, to) in reliable.TRANSITIONS.items() if of is state}
        assert state is State.DONE or ways - {state}


def test_a_response_is_repeated_until_it_is_acknowledged() -> None:
    sender = ReliableSender(1, 776655)
    sender.send(numbered, 0.0, has_sdp=True)
    sent = [(0.0, data) for data in sender.take_outbox()]
    while (due := sender.next_timer()) is not None:
        if due == 31.5:
            assert sender.acknowledge(rack(776655), 20.0)
            break
        sender.handle_timer(due)
        sent += [(due, data) for data in sender.take_outbox()]
    assert [at for at, _ in sent] == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5]
    assert {data for _, data in sent} == {b"776655"}
    assert sender.next_timer() is None


def test_nobody_acknowledges() -> None:
    sender = ReliableSender(1, 1)
    sender.send(numbered, 0.0, has_sdp=False)
    while (due := sender.next_timer()) is not None:
        last = due
        sender.handle_timer(due)
    assert (last, sender.is_overdue, sender.state) == (32.0, True, State.DONE)


def test_the_next_response_waits_for_its_turn() -> None:
    sender = ReliableSender(7, 10)
    for _ in range(3):
        sender.send(numbered, 0.0, has_sdp=False)
    assert sender.take_outbox() == [b"10"]
    assert sender.acknowledge(rack(10, 7), 0.1)
    assert sender.take_outbox() == [b"11"]
    assert sender.acknowledge(rack(11, 7), 0.2)
    assert sender.take_outbox() == [b"12"]


@pytest.mark.parametrize("wrong", [rack(11), rack(9), rack(10, 2), rack(10, 1, "UPDATE")])
def test_a_prack_for_something_else_does_not_fit(wrong: RAck) -> None:
    sender = ReliableSender(1, 10)
    assert not sender.acknowledge(rack(10), 0.0)
    sender.send(numbered, 0.0, has_sdp=False)
    assert not sender.acknowledge(wrong, 0.0)
    assert sender.state is State.WAITING
    assert sender.acknowledge(rack(10), 0.0)
    assert sender.acknowledge(rack(10), 0.0), "its sender may have lost our 200"


def test_an_sdp_must_be_acknowledged_before_the_call_is_answered() -> None:
    sender = ReliableSender(1, 1)
    assert sender.may_answer
    sender.send(numbered, 0.0, has_sdp=False)
    assert sender.may_answer
    sender.send(numbered, 0.0, has_sdp=True)
    assert not sender.may_answer
    sender.acknowledge(rack(1), 0.0)
    assert not sender.may_answer
    sender.acknowledge(rack(2), 0.0)
    assert sender.may_answer


def test_a_final_response_ends_the_repeating_but_not_the_listening() -> None:
    sender = ReliableSender(1, 1)
    sender.send(numbered, 0.0, has_sdp=False)
    sender.send(numbered, 0.0, has_sdp=False)
    assert sender.take_outbox() == [b"1"]
    sender.finish(0.1)
    assert (sender.next_timer(), sender.take_outbox()) == (None, [])
    assert sender.acknowledge(rack(1), 0.2)
    assert sender.take_outbox() == []
    sender.finish(0.3)
    assert sender.state is State.DONE


def test_an_answer_goes_before_a_response_that_waited() -> None:
    sender = ReliableSender(1, 1)
    sender.send(numbered, 0.0, has_sdp=True)
    sender.send(numbered, 0.0, has_sdp=False)
    sender.take_outbox()
    sender.acknowledge(rack(1), 0.1)
    assert sender.may_answer
    sender.finish(0.1)
    assert sender.take_outbox() == []


def test_our_own_mistakes_are_told() -> None:
    with pytest.raises(LocalProtocolError):
        ReliableSender(1, 0)
    sender = ReliableSender(1, 1)
    for _ in range(reliable.MOST_WAITING + 1):
        sender.send(numbered, 0.0, has_sdp=False)
    with pytest.raises(LocalProtocolError):
        sender.send(numbered, 0.0, has_sdp=False)
    sender.finish(0.0)
    with pytest.raises(LocalProtocolError):
        sender.send(numbered, 0.0, has_sdp=False)
    with pytest.raises(LocalProtocolError):
        _ = ReliableReceiver().rack


def test_the_other_side_is_acknowledged_in_order() -> None:
    receiver = ReliableReceiver()
    arrivals = [receiver.take(an_18x(rseq)) for rseq in (5, 5, 7, 6, 7, 6)]
    assert arrivals == [
        Arrival.NEXT,
        Arrival.REPEATED,
        Arrival.TOO_EARLY,
        Arrival.NEXT,
        Arrival.NEXT,
        Arrival.REPEATED,
    ]
    assert str(receiver.rack) == "7 1 INVITE"


@pytest.mark.parametrize(
    "response",
    [an_18x(None), an_18x(1, require="timer"), an_18x(1, status=100), an_18x("many"), an_18x(0)],
)
def test_other_responses_want_no_prack(response: Response) -> None:
    assert ReliableReceiver().take(response) is Arrival.UNRELIABLE


@pytest.mark.parametrize(
    ("required", "supported", "policy", "wants"),
    [
        (("100rel",), (), "never", True),
        (("100REL",), (), "supported", True),
        ((), ("100rel",), "supported", True),
        ((), ("100Rel",), "required", True),
        ((), ("100rel",), "never", False),
        ((), ("timer",), "supported", False),
    ],
)
def test_policy_and_peer_decide(
    required: tuple[str, ...], supported: tuple[str, ...], policy: str, wants: bool
) -> None:
    assert wants_reliable(required, supported, policy) is wants


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.floats(0, 0.6))
def test_both_sides_agree_over_a_bad_network(seed: int, count: int, loss: float) -> None:
    """Every response is taken once and in order, or the sender gives up; no timer is left behind."""
    chance = random.Random(seed)
    sender, receiver, now = ReliableSender(1, chance.randint(1, 2**31 - 1)), ReliableReceiver(), 0.0
    taken: list[int] = []
    for _ in range(count):
        sender.send(numbered, now, has_sdp=False)
    for _ in range(1000):
        for data in sender.take_outbox():
            for _ in range(0 if chance.random() < loss else chance.choice([1, 1, 2])):
                response = an_18x(int(data))
                arrival = receiver.take(response)
                if arrival is Arrival.NEXT:
                    taken.append(receiver.last or 0)
                if arrival is not Arrival.TOO_EARLY and chance.random() >= loss:
                    assert sender.acknowledge(rack(int(data)), now)
        due = sender.next_timer()
        if due is None and not sender._outbox:
            break
        now = due if due is not None else now
        sender.handle_timer(now)
    assert taken == sorted(set(taken))
    assert taken == list(range(taken[0], taken[0] + len(taken))) if taken else sender.is_overdue
    assert sender.is_overdue or len(taken) == count
