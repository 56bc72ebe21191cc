"""Provisional responses in both directions: ringing, early media, and PRACK with and without SDP."""

from __future__ import annotations

import pytest
from sip_bench import OFFER, Bench, a_request, an_invite, names
from two_agents import Pair, an_order

from hotline.errors import LocalProtocolError
from hotline.events.ids import CallId
from hotline.sip.admission import Origin
from hotline.sip.events import (
    CallAnswered,
    CallArrived,
    CallConfirmed,
    CallEnded,
    CallRinging,
    MediaMoved,
)
from hotline.sip.message import Request, Response

RELIABLE = "Supported: 100rel"


def rung(pair: Pair, **given: object) -> CallId:
    """Let Alice call Bob; give the call's id at Bob's."""
    pair.dial(**given)
    [arrived] = pair.take("bob")
    assert isinstance(arrived, CallArrived)
    pair.names()
    return arrived.call_id


def test_a_call_rings_before_it_is_answered() -> None:
    pair = Pair()
    call_id = rung(pair, origin=Origin(reliable="never"))
    assert pair.bob.progress(call_id, 180, pair.now)
    pair.settle()
    assert pair.names() == ["bob 180"]
    assert pair.take("alice") == [CallRinging(CallId("out-1"), 180)]
    pair.bob.accept(call_id, "192.0.2.2", 20000, pair.now)
    pair.settle()
    assert isinstance(pair.take("alice")[0], CallAnswered)


def test_ringing_goes_out_reliably_when_the_caller_can() -> None:
    pair = Pair()
    call_id = rung(pair)
    pair.bob.progress(call_id, 180, pair.now)
    pair.settle()
    assert pair.names() == ["bob 180", "alice PRACK", "bob 200"]
    assert (pair.alice.counts.pracks_sent, pair.bob.counts.pracks_received) == (1, 1)


def test_a_far_side_that_rings_without_end_does_not_break_the_call_of_who_acknowledges_nothing() -> None:
    pair = Pair()
    call_id = rung(pair)
    pair.drops = lambda who, message: who == "alice" and isinstance(message, Request)
    for number in range(40):
        assert pair.bob.progress(call_id, 180 + 3 * (number % 2), pair.now)
        pair.settle()
    assert pair.names().count("bob 180") == 1
    pair.drops = lambda _who, _message: False
    pair.wait(10.0)
    assert pair.bob.accept(call_id, "192.0.2.2", 20000, pair.now)
    pair.settle()
    assert any(isinstance(event, CallAnswered) for event in pair.take("alice"))


def test_early_media_is_heard_before_the_answer() -> None:
    pair = Pair()
    call_id = rung(pair)
    pair.bob.progress(call_id, 183, pair.now, "192.0.2.2", 20000)
    pair.settle()
    [ringing] = pair.take("alice")
    assert isinstance(ringing, CallRinging)
    assert ringing.terms is not None
    assert (ringing.status, ringing.terms.remote_port) == (183, 20000)
    pair.names()
    pair.bob.accept(call_id, "192.0.2.2", 20000, pair.now)
    pair.settle()
    ok = next(message for who, message in pair.said if who == "bob")
    assert isinstance(ok, Response)
    assert ok.body == b""  # the reliable 183 was the answer (RFC 3262, 5)
    [answered] = pair.take("alice")
    assert isinstance(answered, CallAnswered)
    assert answered.terms == ringing.terms
    assert pair.take("bob") == [CallConfirmed(call_id)]


def test_early_media_in_an_unreliable_response_comes_again_in_the_200() -> None:
    pair = Pair()
    call_id = rung(pair, origin=Origin(reliable="never"))
    pair.bob.progress(call_id, 183, pair.now, "192.0.2.2", 20000)
    pair.settle()
    pair.bob.accept(call_id, "192.0.2.2", 20000, pair.now)
    pair.settle()
    progress, ok = (message for who, message in pair.said if who == "bob")
    assert progress.body == ok.body != b""


def test_the_answer_waits_for_the_prack_of_early_media() -> None:
    pair = Pair()
    call_id = rung(pair)
    pair.drops = lambda _who, message: isinstance(message, Request) and message.method == "PRACK"
    pair.bob.progress(call_id, 183, pair.now, "192.0.2.2", 20000)
    pair.bob.accept(call_id, "192.0.2.2", 20000, pair.now)
    pair.settle()
    assert "bob 200" not in pair.names()
    pair.drops = lambda _who, _message: False
    pair.wait(0.6)
    assert [name for name in pair.names() if name != "bob 183"] == [
        "alice PRACK", "bob 200", "bob 200", "alice ACK",
    ]  # fmt: skip
    pair.run_out_calls(call_id)


def test_a_provisional_response_that_nobody_acknowledges_ends_the_call() -> None:
    pair = Pair()
    call_id = rung(pair)
    pair.drops = lambda _who, message: isinstance(message, Request) and message.method == "PRACK"
    pair.bob.progress(call_id, 180, pair.now)
    pair.settle()
    pair.wait(33.0)
    assert pair.take("bob") == [CallEnded(call_id, "refused")]
    assert pair.take("alice")[-1] == CallEnded(CallId("out-1"), "failed", 500, "Server Internal Error")
    pair.run_out()
    assert (pair.alice.transactions, pair.bob.transactions) == (0, 0)


def test_ringing_is_said_again_each_minute() -> None:
    bench = Bench()
    call_id = bench.offer()
    bench.ua.progress(call_id, 180, bench.now)
    assert names(bench.said()) == [180]
    assert bench.wait(130.0) == [(60.0, 180), (120.0, 180)]


def test_a_caller_who_requires_it_gets_reliable_responses_whatever_the_policy() -> None:
    bench = Bench()
    call_id = bench.offer(headers="Require: 100rel")
    bench.ua.progress(call_id, 180, bench.now, reliable=False)
    [ringing] = bench.said()
    assert isinstance(ringing, Response)
    assert "100rel" in ringing.require
    assert ringing.headers.get("RSeq")


def test_a_caller_who_does_not_know_it_gets_plain_ones_whatever_we_want() -> None:
    bench = Bench()
    call_id = bench.offer()
    bench.ua.progress(call_id, 180, bench.now, reliable=True)
    [ringing] = bench.said()
    assert ringing.headers.get("RSeq") is None


def a_prack(ringing: Response, number: int = 2, **given: object) -> bytes:
    rack = f"RAck: {ringing.headers.get('RSeq')} 1 INVITE"
    return a_request(
        "PRACK", to_tag=ringing.to_tag, cseq=number, branch=f"z9hG4bKprack{number}", headers=rack, **given
    )  # type: ignore[arg-type]


def test_a_delayed_offer_is_made_in_early_media_and_answered_in_the_prack() -> None:
    bench = Bench()
    call_id = bench.offer(body="", headers=RELIABLE)
    bench.ua.progress(call_id, 183, bench.now, "192.0.2.1", 16000)
    [progress] = bench.said()
    assert isinstance(progress, Response)
    assert b"m=audio 16000" in progress.body
    [ok] = bench.hear(a_prack(progress, body=OFFER))
    assert isinstance(ok, Response)
    assert (ok.status, ok.body) == (200, b"")
    [moved] = bench.events()
    assert isinstance(moved, MediaMoved)
    assert moved.terms.remote_port == 40000
    bench.ua.accept(call_id, "192.0.2.1", 16000, bench.now)
    [ok] = bench.said()
    assert (ok.status, ok.body) == (200, b"")
    bench.hear(a_request("ACK", to_tag=ok.to_tag, branch="z9hG4bKack1"))
    assert bench.events() == [CallConfirmed(call_id)]


def test_a_prack_may_bring_an_offer_of_its_own() -> None:
    bench = Bench()
    call_id = bench.offer(headers=RELIABLE)
    bench.ua.progress(call_id, 183, bench.now, "192.0.2.1", 16000)
    [progress] = bench.said()
    assert isinstance(progress, Response)
    [ok] = bench.hear(a_prack(progress, body=OFFER.replace("40000", "40400")))
    assert b"m=audio 16000" in ok.body
    [moved] = bench.events()
    assert isinstance(moved, MediaMoved)
    assert (moved.call_id, moved.terms.remote_port) == (call_id, 40400)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"body": "hello", "body_type": "text/plain"}, 415),
        ({"body": OFFER.replace("8 101", "3")}, 488),
        ({"body": OFFER.replace("192.0.2.7", "127.0.0.1")}, 488),
    ],
)
def test_a_prack_whose_body_is_no_use_lets_the_answer_go_all_the_same(
    body: dict[str, str], status: int
) -> None:
    bench = Bench()
    call_id = bench.offer(headers=RELIABLE)
    bench.ua.progress(call_id, 183, bench.now, "192.0.2.1", 16000)
    [progress] = bench.said()
    assert isinstance(progress, Response)
    bench.ua.accept(call_id, "192.0.2.1", 16000, bench.now)
    assert bench.said() == []  # it waits for the PRACK
    assert bench.statuses(a_prack(progress, **body)) == [status, 200]
    bench.hear(a_request("ACK", to_tag=progress.to_tag, branch="z9hG4bKack1"))
    assert bench.events() == [CallConfirmed(call_id)]


def test_an_update_before_the_answer_starts_no_session_timer() -> None:
    bench = Bench()
    call_id = bench.offer()
    bench.ua.progress(call_id, 180, bench.now)
    [ringing] = bench.said()
    assert isinstance(ringing, Response)
    update = a_request(
        "UPDATE",
        to_tag=ringing.to_tag,
        cseq=2,
        branch="z9hG4bKu",
        headers="Supported: timer\nSession-Expires: 90;refresher=uas",
    )
    [ok] = bench.hear(update)
    assert isinstance(ok, Response)
    assert (ok.status, ok.headers.get("Session-Expires")) == (200, None)
    assert [name for _, name in bench.wait(59.0)] == []
    assert bench.ua.is_offered(call_id)


def test_a_prack_that_means_nothing_is_told_so() -> None:
    bench = Bench()
    call_id = bench.offer(headers=RELIABLE)
    bench.ua.progress(call_id, 180, bench.now)
    [ringing] = bench.said()
    assert isinstance(ringing, Response)
    wrong = a_request("PRACK", to_tag=ringing.to_tag, cseq=2, branch="z9hG4bKp", headers="RAck: 7 1 INVITE")
    assert bench.statuses(wrong) == [481]
    assert bench.statuses(a_prack(ringing, 3)) == [200]
    assert bench.statuses(a_prack(ringing, 4)) == [200]  # our 200 was lost
    bare = a_request("PRACK", to_tag=ringing.to_tag, cseq=5, branch="z9hG4bKq")
    assert bench.statuses(bare) == [400]


def test_the_caller_may_end_an_early_dialog_with_bye() -> None:
    bench = Bench()
    call_id = bench.offer()
    bench.ua.progress(call_id, 180, bench.now)
    [ringing] = bench.said()
    assert isinstance(ringing, Response)
    assert bench.statuses(a_request("BYE", to_tag=ringing.to_tag, cseq=2, branch="z9hG4bKb")) == [200, 487]
    assert bench.events() == [CallEnded(call_id, "cancel")]


def test_a_second_invite_before_the_answer_comes_too_early() -> None:
    bench = Bench()
    call_id = bench.offer()
    bench.ua.progress(call_id, 180, bench.now)
    [ringing] = bench.said()
    assert isinstance(ringing, Response)
    [refusal] = bench.hear(an_invite(to_tag=ringing.to_tag, cseq=2, branch="z9hG4bKre"))
    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.headers.get("Retry-After")) == (500, "2")
    assert bench.ua.is_offered(call_id)


def test_an_update_before_the_answer() -> None:
    bench = Bench()
    call_id = bench.offer(headers=RELIABLE)
    bench.ua.progress(call_id, 180, bench.now)
    [ringing] = bench.said()
    assert isinstance(ringing, Response)
    bench.hear(a_prack(ringing))

    def update(number: int) -> bytes:
        return a_request(
            "UPDATE", to_tag=ringing.to_tag, cseq=number, branch=f"z9hG4bKu{number}",
            body=OFFER.replace("40000", "40400"),
        )  # fmt: skip

    assert bench.statuses(update(3)) == [500]  # its offer in the INVITE is not answered (RFC 3311, 5.2)
    bench.ua.progress(call_id, 183, bench.now, "192.0.2.1", 16000)
    [progress] = bench.said()
    assert isinstance(progress, Response)
    bench.hear(a_prack(progress, 4))
    assert bench.statuses(update(5)) == [200]
    assert isinstance(bench.events()[-1], MediaMoved)


def test_progress_is_bounded() -> None:
    bench = Bench()
    call_id = bench.offer()
    for status in (100, 200):
        with pytest.raises(LocalProtocolError):
            bench.ua.progress(call_id, status, bench.now)
    bench.ua.accept(call_id, "192.0.2.1", 16000, bench.now)
    with pytest.raises(LocalProtocolError):
        bench.ua.progress(call_id, 180, bench.now)
    assert not bench.ua.progress(CallId("nobody"), 180, bench.now)
    assert an_order().ring_s == 180.0
