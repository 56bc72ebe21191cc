"""REFER and Replaces: who may transfer or take over what, and how the outcome is told."""

from __future__ import annotations

import pytest
from sip_bench import OFFER, Bench, a_request, an_invite
from two_agents import Pair

from hotline.events.ids import CallId
from hotline.sip.admission import Origin, OriginKind
from hotline.sip.events import CallArrived, CallConfirmed, CallEnded, TransferAsked
from hotline.sip.flow import Flow
from hotline.sip.inspection import Refusal
from hotline.sip.message import Request, Response, parse_message, response_to

TARGET = "Refer-To: <sip:1002@192.0.2.1>\nReferred-By: <sip:1001@192.0.2.7>"


def referred(
    bench: Bench, headers: str = TARGET, number: int = 2, **given: object
) -> tuple[CallId, list[Request | Response]]:
    call_id, tag = bench.talking(**given)
    return call_id, bench.hear(refer(tag, headers, number))


def refer(tag: str, headers: str = TARGET, number: int = 2) -> bytes:
    return a_request("REFER", to_tag=tag, cseq=number, branch=f"z9hG4bKr{number}", headers=headers)


def test_a_transfer_is_taken_told_and_reported_on() -> None:
    bench = Bench()
    call_id, [accepted, notify] = referred(bench)
    assert isinstance(accepted, Response)
    assert accepted.status == 202
    assert isinstance(notify, Request)
    assert notify.method == "NOTIFY"
    assert notify.headers.get("Event") == "refer"
    assert notify.headers.get("Subscription-State") == "active;expires=180"
    assert notify.headers.get("Content-Type") == "message/sipfrag;version=2.0"
    assert notify.body == b"SIP/2.0 100 Trying\r\n"
    [asked] = bench.events()
    assert isinstance(asked, TransferAsked)
    assert (asked.call_id, str(asked.target), asked.replaces, asked.referred_by) == (
        call_id,
        "sip:1002@192.0.2.1",
        None,
        "<sip:1001@192.0.2.7>",
    )
    bench.hear(response_to(notify, 200).to_bytes())
    assert bench.ua.transfer_progress(call_id, 180, bench.now)
    [ringing] = bench.said()
    assert ringing.body == b"SIP/2.0 180 Ringing\r\n"
    assert bench.ua.transfer_progress(call_id, 180, bench.now)
    assert bench.said() == []  # nothing new
    assert bench.ua.transfer_progress(call_id, 200, bench.now)
    [done] = bench.said()
    assert done.headers.get("Subscription-State") == "terminated;reason=noresource"
    assert done.body == b"SIP/2.0 200 OK\r\n"
    assert not bench.ua.transfer_progress(call_id, 200, bench.now)


def test_a_report_goes_on_after_the_transferor_hung_up() -> None:
    bench = Bench()
    call_id, tag = bench.talking()
    bench.hear(refer(tag))
    bench.hear(a_request("BYE", to_tag=tag, cseq=3, branch="z9hG4bKbye"))
    bench.events()
    assert bench.ua.transfer_progress(call_id, 486, bench.now, "Busy")
    [report] = bench.said()
    assert isinstance(report, Request)
    assert (report.method, report.body) == ("NOTIFY", b"SIP/2.0 486 Busy\r\n")
    bench.hear(response_to(report, 481).to_bytes())
    bench.run_out()
    assert (bench.ua.calls, bench.ua.transactions) == (0, 0)


def test_a_transferor_may_want_no_reports() -> None:
    bench = Bench()
    call_id, [accepted] = referred(bench, TARGET + "\nRefer-Sub: false")
    assert isinstance(accepted, Response)
    assert (accepted.status, accepted.headers.get("Refer-Sub")) == (202, "false")
    assert bench.ua.transfer_progress(call_id, 200, bench.now)
    assert bench.said() == []


def test_a_second_transfer_waits_for_the_first_and_is_told_apart() -> None:
    bench = Bench()
    call_id, tag = bench.talking()
    bench.hear(refer(tag))
    assert bench.statuses(refer(tag, number=3)) == [491]
    bench.ua.transfer_progress(call_id, 603, bench.now)
    bench.said()
    [_, notify] = bench.hear(refer(tag, number=4))
    assert isinstance(notify, Request)
    assert notify.headers.get("Event") == "refer;id=4"


def test_a_report_that_nobody_ends_times_out() -> None:
    bench = Bench()
    _, [_, notify] = referred(bench)
    assert isinstance(notify, Request)
    bench.hear(response_to(notify, 200).to_bytes())
    bench.wait(181.0)
    last = bench.last
    assert isinstance(last, Request)
    assert last.headers.get("Subscription-State") == "terminated;reason=timeout"


def test_a_listener_that_is_gone_is_told_no_more() -> None:
    bench = Bench()
    call_id, [_, notify] = referred(bench)
    assert isinstance(notify, Request)
    bench.hear(response_to(notify, 481).to_bytes())
    assert not bench.ua.transfer_progress(call_id, 200, bench.now)
    assert bench.ua.calls == 1  # the call itself goes on (RFC 5057, 5.1)


def test_an_attended_transfer_names_the_other_call_of_ours() -> None:
    bench = Bench()
    _, tag = bench.talking()
    bench.hear(an_invite(call_id="call-2@192.0.2.7", branch="z9hG4bKsecond", from_tag="second"))
    [arrived] = bench.events()
    bench.ua.accept(arrived.call_id, "", 16002, bench.now)
    [ok] = bench.said()
    assert isinstance(ok, Response)
    bench.hear(
        a_request("ACK", to_tag=ok.to_tag, call_id="call-2@192.0.2.7", branch="z9hG4bKa2", from_tag="second")
    )
    bench.events()
    replaces = f"call-2%40192.0.2.7%3Bto-tag%3D{ok.to_tag}%3Bfrom-tag%3Dsecond"
    bench.hear(refer(tag, f"Refer-To: <sip:96156@192.0.2.1?Replaces={replaces}>"))
    [asked] = bench.events()
    assert isinstance(asked, TransferAsked)
    assert asked.replaces == arrived.call_id
    assert str(asked.target) == "sip:96156@192.0.2.1"


def test_an_attended_transfer_to_a_call_of_somebody_elses_is_refused() -> None:
    bench = Bench()
    _, tag = bench.talking()
    unknown = "Refer-To: <sip:96156@192.0.2.1?Replaces=x%3Bto-tag%3Da%3Bfrom-tag%3Db>"
    assert bench.statuses(refer(tag, unknown)) == [403]
    assert bench.events() == []


def test_two_places_to_go_to_are_none() -> None:
    bench = Bench()
    _, tag = bench.talking()
    two = "Refer-To: <sip:96156@192.0.2.1>\nRefer-To: <sip:1002@192.0.2.1>"
    assert bench.statuses(refer(tag, two)) == [400]
    assert bench.statuses(refer(tag, "Subject: nowhere", 3)) == [400]
    assert bench.events() == []


# -- INVITE with Replaces -------------------------------------------------------------------------


def taking_over(bench: Bench, to_tag: str, from_tag: str = "caller", more: str = "") -> bytes:
    return an_invite(
        call_id="new@192.0.2.9",
        branch="z9hG4bKnew",
        from_tag="new",
        headers=f"Replaces: call-1@192.0.2.7;to-tag={to_tag};from-tag={from_tag}{more}\nRequire: replaces",
    )


def test_a_call_takes_the_place_of_another() -> None:
    bench = Bench()
    first, tag = bench.talking()
    assert bench.statuses(taking_over(bench, tag)) == [100]
    [arrived] = bench.events()
    assert isinstance(arrived, CallArrived)
    assert arrived.replaces == first
    bench.ua.accept(arrived.call_id, "", 16002, bench.now)
    ok, bye = bench.said()
    assert isinstance(ok, Response)
    assert isinstance(bye, Request)
    assert (ok.status, bye.method, bye.call_id) == (200, "BYE", "call-1@192.0.2.7")
    assert bench.events() == [CallEnded(first, "replaced")]
    bench.hear(a_request("ACK", to_tag=ok.to_tag, call_id="new@192.0.2.9", branch="z9hG4bKn", from_tag="new"))
    assert bench.events() == [CallConfirmed(arrived.call_id)]


def test_a_refused_take_over_leaves_the_other_call_alone() -> None:
    bench = Bench()
    first, tag = bench.talking()
    bench.hear(taking_over(bench, tag))
    [arrived] = bench.events()
    bench.ua.refuse(arrived.call_id, 603, bench.now)
    assert [event.call_id for event in bench.events()] == [arrived.call_id]
    assert bench.ua.hang_up(first, bench.now)


def test_a_take_over_of_nothing_early_or_ended_is_refused() -> None:
    bench = Bench()
    first, tag = bench.talking()
    assert bench.statuses(taking_over(bench, "wrong")) == [481]
    bench = Bench()
    first, tag = bench.talking()
    assert bench.statuses(taking_over(bench, tag, more=";early-only")) == [486]
    bench = Bench()
    first, tag = bench.talking()
    bench.ua.hang_up(first, bench.now)
    bench.said()
    assert bench.statuses(taking_over(bench, tag)) == [603]
    bench = Bench()
    call_id = bench.offer()
    bench.ua.progress(call_id, 180, bench.now)
    [ringing] = bench.said()
    assert isinstance(ringing, Response)
    assert bench.statuses(taking_over(bench, ringing.to_tag or "")) == [481]


class Only:
    """Takes everybody for one origin."""

    def __init__(self, origin: Origin | Refusal) -> None:
        self._origin = origin

    def knows(self, _ip: str, _now: float) -> bool:
        return True

    def hears(self, *_: object) -> bool:
        return True

    def admit(self, *_: object) -> Origin | Refusal:
        return self._origin


def test_a_carriers_line_transfers_nothing_and_is_told_so_at_once() -> None:
    bench = Bench(admission=Only(Origin(OriginKind.TRUNK, "unicom")))
    call_id, answers = referred(bench)
    assert [answer.status for answer in answers if isinstance(answer, Response)] == [403]
    assert len(answers) == 1  # nobody subscribed to anything
    assert (bench.events(), bench.ua.counts.transfers_asked) == ([], 0)
    assert bench.ua.hang_up(call_id, bench.now)  # the call itself goes on


def test_a_carriers_line_takes_over_nothing() -> None:
    bench = Bench(admission=Only(Origin(OriginKind.TRUNK, "unicom")))
    _, tag = bench.talking()
    assert bench.statuses(taking_over(bench, tag)) == [403]


def test_a_call_of_ours_that_rings_there_is_picked_up() -> None:
    pair = Pair()
    pair.dial()
    [arrived] = pair.take("bob")
    pair.bob.progress(arrived.call_id, 180, pair.now)
    pair.settle()
    pair.take("alice")
    [leg] = pair.alice.legs
    replaces = f"{leg.dialog.call_id};to-tag={leg.dialog.local_tag};from-tag={leg.dialog.remote_tag}"
    picking = an_invite(uri="sip:1001@192.0.2.1", from_tag="third", headers=f"Replaces: {replaces}")
    pair.alice.handle_message(
        parse_message(picking), Flow("udp", ("192.0.2.1", 5060), ("192.0.2.7", 5060), 1), pair.now
    )
    [event] = pair.alice.take_events()
    assert isinstance(event, CallArrived)
    assert event.replaces == CallId("out-1")
    pair.alice.accept(event.call_id, "", 16002, pair.now)
    assert pair.alice.take_events() == [CallEnded(CallId("out-1"), "replaced")]
    assert any(outgoing.data.startswith(b"CANCEL") for outgoing in pair.alice.take_outbox())


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "SUBSCRIBE"])
def test_a_refusal_of_the_gate_is_remembered_by_nobody(method: str) -> None:
    challenge = Refusal(401, (("WWW-Authenticate", 'Digest realm="h", nonce="1"'),))
    bench = Bench(admission=Only(challenge))
    request = a_request(method, body=OFFER if method == "INVITE" else "")
    [first], [second] = bench.hear(request), bench.hear(request)
    assert isinstance(first, Response)
    assert first == second
    assert first.status == 401
    assert bench.ua.transactions == 0
    assert bench.ua.counts.challenged == 2


def test_who_would_take_two_calls_at_once_takes_none() -> None:
    bench = Bench()
    call_id, tag = bench.talking()
    one = f"Replaces: call-1@192.0.2.7;to-tag={tag};from-tag=caller"
    picking = an_invite(call_id="third", from_tag="third", branch="z9hG4bKthird", headers=f"{one}\n{one}")
    assert bench.statuses(picking)[-1] == 400
    assert (bench.events(), bench.ua.calls) == ([], 1)
    assert bench.ua.hang_up(call_id, bench.now)
