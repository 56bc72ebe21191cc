"""Which request ICMP gives back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from two_agents import BOB, Pair

from hotline.sip.events import CallEnded
from hotline.sip.message import Request
from hotline.sip.undelivered import MOST_QUOTED, undelivered_request

INVITE = (
    b"INVITE sip:96156@192.0.2.2 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKtoken1\r\n"
    b"Max-Forwards: 70\r\n"
)


def test_a_request_is_known_by_its_branch_and_method() -> None:
    assert undelivered_request(INVITE) == ("z9hG4bKtoken1", "INVITE")
    assert undelivered_request(INVITE.replace(b"Via:", b"v :")) == ("z9hG4bKtoken1", "INVITE")


@pytest.mark.parametrize(
    "quoted",
    [
        b"",
        b"INVITE sip",
        INVITE[: INVITE.index(b"token1") + 5],  # another branch may begin like ours
        INVITE.replace(b"INVITE sip:96156@192.0.2.2 SIP/2.0", b"SIP/2.0 200 OK"),
        INVITE.replace(b"z9hG4bK", b""),
        b"X" * MOST_QUOTED + INVITE,
    ],
)
def test_what_does_not_prove_itself_is_nothing(quoted: bytes) -> None:
    assert undelivered_request(quoted) is None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 120))
def test_any_octets_are_read(data: bytes, at: int) -> None:
    for quoted in (data, INVITE[:at] + data):
        found = undelivered_request(quoted)
        assert found is None or found[0].startswith("z9hG4bK")


def sent_invite(pair: Pair) -> Request:
    [request] = [one for who, one in pair.said if who == "alice" and isinstance(one, Request)]
    return request


def test_a_call_whose_invite_is_given_back_fails_at_once() -> None:
    pair = Pair()
    pair.drops = lambda _who, _message: True
    call_id = pair.dial()
    branch = sent_invite(pair).top_via.branch
    assert branch is not None
    assert not pair.alice.lose_request(branch, "INVITE", ("192.0.2.66", 5060), pair.now)
    assert not pair.alice.lose_request(branch, "OPTIONS", BOB, pair.now)
    assert not pair.alice.lose_request(f"{branch}x", "INVITE", BOB, pair.now)
    assert pair.take("alice") == []
    assert pair.alice.lose_request(branch, "INVITE", BOB, pair.now)
    pair.settle()
    [ended] = pair.take("alice")
    assert isinstance(ended, CallEnded)
    assert (ended.call_id, ended.cause) == (call_id, "failed")
    pair.run_out()
    assert pair.alice.transactions == 0


def test_a_call_that_was_heard_is_not_given_back() -> None:
    pair = Pair()
    pair.dial()
    branch = sent_invite(pair).top_via.branch
    assert branch is not None
    assert not pair.alice.lose_request(branch, "INVITE", BOB, pair.now)
    assert pair.take("alice") == []
