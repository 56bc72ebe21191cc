"""Calls that we make, heard by another user agent of ours: set-up, every end, and how they cross."""

from __future__ import annotations

import pytest
from two_agents import ALICE, BOB, Pair, an_order

from hotline.errors import LocalProtocolError
from hotline.events.ids import CallId
from hotline.sip.dialling import DialTarget
from hotline.sip.events import CallAnswered, CallArrived, CallConfirmed, CallEnded
from hotline.sip.flow import Flow
from hotline.sip.message import Request, Response, parse_message
from hotline.sip.uri import parse_uri


def test_a_call_is_answered_and_both_sides_know_each_others_voice() -> None:
    pair = Pair()
    call_id = pair.dial()
    [arrived] = pair.take("bob")
    assert isinstance(arrived, CallArrived)
    assert arrived.terms is not None
    assert (arrived.terms.remote_ip, arrived.terms.remote_port, arrived.terms.codec) == (
        "192.0.2.1",
        10000,
        "PCMA",
    )
    pair.bob.accept(arrived.call_id, "192.0.2.2", 20000, pair.now)
    pair.settle()
    [answered] = pair.take("alice")
    assert isinstance(answered, CallAnswered)
    assert (answered.call_id, answered.terms.remote_ip, answered.terms.remote_port) == (
        call_id,
        "192.0.2.2",
        20000,
    )
    assert pair.take("bob") == [CallConfirmed(arrived.call_id)]
    assert pair.names() == ["alice INVITE", "bob 100", "bob 200", "alice ACK"]


def test_the_caller_hangs_up() -> None:
    pair = Pair()
    ours, theirs = pair.talking()
    assert pair.alice.hang_up(ours, pair.now)
    pair.settle()
    assert pair.names() == ["alice BYE", "bob 200"]
    assert pair.take("alice") == [CallEnded(ours, "hung_up")]
    assert pair.take("bob") == [CallEnded(theirs, "bye")]
    pair.run_out()
    assert (pair.alice.calls, pair.alice.transactions, pair.bob.calls, pair.bob.transactions) == (0, 0, 0, 0)


def test_the_called_side_hangs_up() -> None:
    pair = Pair()
    ours, theirs = pair.talking()
    pair.bob.hang_up(theirs, pair.now)
    pair.settle()
    assert pair.names() == ["bob BYE", "alice 200"]
    assert pair.take("alice") == [CallEnded(ours, "bye")]


def test_giving_up_before_the_answer_cancels() -> None:
    pair = Pair()
    ours = pair.dial()
    pair.names()
    pair.alice.hang_up(ours, pair.now, "SIP;cause=487")
    pair.settle()
    assert pair.names() == ["alice CANCEL", "bob 200", "bob 487", "alice ACK"]
    assert pair.take("alice") == [CallEnded(ours, "hung_up")]
    [_, ended] = pair.take("bob")
    assert isinstance(ended, CallEnded)
    assert ended.cause == "cancel"
    pair.run_out()
    assert (pair.alice.calls, pair.alice.transactions, pair.bob.calls, pair.bob.transactions) == (0, 0, 0, 0)


def test_no_cancel_goes_out_before_a_provisional_response_came() -> None:
    pair = Pair()
    pair.drops = lambda who, _message: who == "bob"
    ours = pair.dial()
    pair.alice.hang_up(ours, pair.now)
    pair.settle()
    assert "alice CANCEL" not in pair.names()
    pair.drops = lambda _who, _message: False
    pair.wait(0.6)  # the INVITE goes out again, and this time 100 comes through
    assert "alice CANCEL" in pair.names()
    pair.run_out()
    assert (pair.alice.transactions, pair.bob.transactions, pair.bob.calls) == (0, 0, 0)


def test_a_200_that_crosses_our_cancel_is_acknowledged_and_ended() -> None:
    pair = Pair()
    ours = pair.dial()
    [arrived] = pair.take("bob")
    pair.bob.accept(arrived.call_id, "192.0.2.2", 20000, pair.now)
    pair.alice.hang_up(ours, pair.now)
    pair.settle()
    names = pair.names()
    assert names.index("alice CANCEL") < names.index("alice ACK") < names.index("alice BYE")
    assert pair.take("alice") == [CallEnded(ours, "hung_up")]
    assert pair.take("bob")[-1] == CallEnded(arrived.call_id, "bye")
    pair.run_out()
    assert (pair.alice.transactions, pair.bob.transactions, pair.bob.calls) == (0, 0, 0)


def test_a_lost_ack_is_sent_again_for_each_200() -> None:
    pair = Pair()
    pair.drops = lambda _who, message: isinstance(message, Request) and message.method == "ACK"
    pair.dial()
    [arrived] = pair.take("bob")
    pair.bob.accept(arrived.call_id, "192.0.2.2", 20000, pair.now)
    pair.settle()
    pair.wait(0.6)
    assert pair.names()[-4:] == ["bob 200", "alice ACK", "bob 200", "alice ACK"]
    acks = [message for _, message in pair.said]
    pair.drops = lambda _who, _message: False
    pair.wait(1.1)
    assert pair.take("bob") == [CallConfirmed(arrived.call_id)]
    assert acks == []


def test_a_refused_call_tells_the_error() -> None:
    pair = Pair()
    ours = pair.dial()
    [arrived] = pair.take("bob")
    pair.bob.refuse(arrived.call_id, 486, pair.now)
    pair.settle()
    assert pair.take("alice") == [CallEnded(ours, "failed", 486, "Busy Here")]


def test_retry_after_is_told() -> None:
    pair = Pair()
    ours = pair.dial()
    [arrived] = pair.take("bob")
    pair.bob.refuse(arrived.call_id, 480, pair.now, retry_after=30)
    pair.settle()
    assert pair.take("alice") == [CallEnded(ours, "failed", 480, "Temporarily Unavailable; retry after 30 s")]


def test_a_dead_network_fails_the_call_with_408() -> None:
    pair = Pair()
    pair.drops = lambda _who, _message: True
    ours = pair.dial()
    pair.run_out()
    assert pair.take("alice") == [CallEnded(ours, "failed", 408, "No response")]
    assert (pair.alice.calls, pair.alice.transactions) == (0, 0)


def test_a_call_that_rings_too_long_is_cancelled() -> None:
    pair = Pair()
    ours = pair.dial(ring_s=20.0)
    pair.wait(21.0)
    assert pair.take("alice") == [CallEnded(ours, "failed", 408, "No answer")]
    assert "alice CANCEL" in pair.names()


def test_a_call_cannot_be_made_twice_or_to_nobody() -> None:
    pair = Pair()
    ours = pair.dial()
    with pytest.raises(LocalProtocolError):
        pair.dial()
    with pytest.raises(LocalProtocolError):
        pair.alice.dial(an_order("out-2", branches=()), pair.now)
    assert not pair.alice.hang_up(CallId("nobody"), pair.now)
    assert pair.alice.hang_up(ours, pair.now)


def test_the_invite_names_our_place_and_what_we_know() -> None:
    pair = Pair()
    pair.dial(headers=(("Alert-Info", "<urn:alert>"),))
    invite = next(message for who, message in pair.said if who == "alice")
    assert isinstance(invite, Request)
    assert str(invite.contacts[0].uri) == "sip:1001@192.0.2.1:5060"
    assert invite.headers.get("Alert-Info") == "<urn:alert>"
    assert invite.top_via.wants_rport
    assert "UPDATE" in (invite.headers.get("Allow") or "")
    assert not any(isinstance(message, Response) and message.status >= 200 for _, message in pair.said)


@pytest.mark.parametrize(
    ("flow", "contact", "via", "voice"),
    [
        (
            Flow("tls", ("192.0.2.1", 5061), ("192.0.2.2", 5061), server_name="sbc.example"),
            "<sip:1001@192.0.2.1:5061;transport=tls>",
            "SIP/2.0/TLS 192.0.2.1:5061;branch=",
            b"c=IN IP4 192.0.2.1",
        ),
        (
            Flow("udp", ("2001:db8::1", 5060), ("2001:db8::2", 5060), 3),
            "<sip:1001@[2001:db8::1]:5060>",
            "SIP/2.0/UDP [2001:db8::1]:5060;branch=",
            b"c=IN IP6 2001:db8::1",
        ),
        (
            Flow("tcp", ("10.0.0.1", 5060), ("192.0.2.2", 5060), public_ip="203.0.113.5"),
            "<sip:1001@203.0.113.5:5060;transport=tcp>",
            "SIP/2.0/TCP 203.0.113.5:5060;branch=",
            b"c=IN IP4 203.0.113.5",
        ),
    ],
)
def test_our_place_is_named_as_the_flow_reaches_it(flow: Flow, contact: str, via: str, voice: bytes) -> None:
    pair = Pair()
    target = DialTarget(parse_uri("sip:96156@example.com"), flow)
    pair.alice.dial(an_order(branches=((target,),), local_ip=""), pair.now)
    [outgoing] = pair.alice.take_outbox()
    assert outgoing.flow == flow
    invite = parse_message(outgoing.data)
    assert isinstance(invite, Request)
    assert invite.headers.get("Contact") == contact
    assert str(invite.top_via).startswith(via)
    assert invite.top_via.wants_rport == (flow.transport == "udp")
    assert voice in invite.body


def test_a_call_is_sent_on_by_the_called_side() -> None:
    pair = Pair()
    pair.dial(allows_redirect=lambda uri: DialTarget(uri, Flow("udp", ALICE, BOB, 1)))
    [arrived] = pair.take("bob")
    elsewhere = (parse_uri("sip:1002@192.0.2.2"), parse_uri("sip:1003@192.0.2.2"))
    pair.bob.refuse(arrived.call_id, 302, pair.now, contacts=elsewhere)
    pair.settle()
    second = pair.take("bob")[-1]
    assert isinstance(second, CallArrived)
    assert second.called == "1002"
    assert pair.take("alice") == []
