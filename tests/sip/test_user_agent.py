"""Calls as the user agent sees them: set-up, hold, end, and every way they cross."""

from __future__ import annotations

import pytest
from sip_bench import CALLER, OFFER, TCP, UDP, Bench, a_request, an_invite, names

from hotline.errors import LocalProtocolError
from hotline.events.ids import CallId
from hotline.sip.events import CallArrived, CallConfirmed, CallEnded, DigitArrived, MediaMoved
from hotline.sip.flow import Flow
from hotline.sip.message import Request, Response, parse_message, response_to
from hotline.sip.voice_terms import VoiceTerms

HOLD = OFFER + "a=sendonly\n"
ELSEWHERE = OFFER.replace("IP4 192.0.2.7", "IP4 198.51.100.9").replace("40000", "40400")


def test_a_telephone_that_waits_for_a_trying_gets_one_first() -> None:
    ua = Bench().ua
    invite = an_invite().replace(b"CSeq:", b"User-Agent: pyVoIP 1.6.8\r\nCSeq:", 1)
    ua.handle_message(parse_message(invite), UDP, 1000.0)
    assert [outgoing.data[8:11] for outgoing in ua.take_outbox()] == [b"100"]


def test_what_is_answered_in_the_turn_in_which_it_comes_gets_no_trying() -> None:
    ua = Bench().ua
    ua.handle_message(parse_message(an_invite()), UDP, 1000.0)
    assert ua.take_outbox() == []  # somebody is still to be told
    [arrived] = ua.take_events()
    ua.accept(arrived.call_id, "", 16000, 1000.0)
    assert [outgoing.data[8:11] for outgoing in ua.take_outbox()] == [b"200"]
    ua.handle_message(parse_message(an_invite(call_id="b", branch="z9hG4bKb")), UDP, 1000.0)
    ua.take_events()  # and did not decide
    assert [outgoing.data[8:11] for outgoing in ua.take_outbox()] == [b"100"]
    assert ua.take_outbox() == []
    ua.handle_message(parse_message(an_invite(call_id="b", branch="z9hG4bKb")), UDP, 1000.5)
    assert [outgoing.data[8:11] for outgoing in ua.take_outbox()] == [b"100"], "a repetition gets it again"


def test_an_invite_is_answered_with_trying_at_once() -> None:
    bench = Bench()
    [trying] = bench.hear(an_invite())
    assert isinstance(trying, Response)
    assert (trying.status, trying.to_tag) == (100, None)


def test_a_call_is_told_with_all_that_the_house_needs() -> None:
    bench = Bench()
    bench.hear(an_invite())
    assert bench.events() == [
        CallArrived(
            call_id="call-1",  # type: ignore[arg-type]
            sip_call_id="call-1@192.0.2.7",
            caller="+861065241234",
            caller_raw="sip:65241234@192.0.2.7",
            withheld=False,
            called="96156",
            source="udp:192.0.2.7:5060",
            terms=VoiceTerms("192.0.2.7", 40000, "PCMA", 8, 101),
            local_ip="192.0.2.1",
        )
    ]


def test_the_answer_names_our_address_for_voice_and_for_requests() -> None:
    bench = Bench()
    call_id = bench.offer(headers="Record-Route: <sip:192.0.2.9;lr>")
    assert bench.ua.accept(call_id, "192.0.2.30", 16000, bench.now)
    [ok] = bench.said()
    assert isinstance(ok, Response)
    assert ok.status == 200
    assert str(ok.contacts[0].uri) == "sip:96156@192.0.2.1:5060"
    assert [str(route) for route in ok.record_routes] == ["<sip:192.0.2.9;lr>"]
    assert ok.to_tag
    assert b"c=IN IP4 192.0.2.30\r\n" in ok.body
    assert b"m=audio 16000 RTP/AVP 8 101\r\n" in ok.body


def test_a_public_address_stands_in_contact_and_sdp() -> None:
    bench = Bench(public_ip="203.0.113.5")
    call_id = bench.offer()
    bench.ua.accept(call_id, "192.0.2.30", 16000, bench.now)
    [ok] = bench.said()
    assert ok.contacts[0].uri.host == "203.0.113.5"
    assert b"c=IN IP4 203.0.113.5\r\n" in ok.body


def test_a_wildcard_is_never_written_into_an_answer() -> None:
    bench = Bench()
    bench.ua.accept(bench.offer(), "0.0.0.0", 16000, bench.now)
    [ok] = bench.said()
    assert b"c=IN IP4 192.0.2.1\r\n" in ok.body


def test_the_ok_is_repeated_until_the_ack() -> None:
    bench = Bench()
    _, tag = bench.answered()
    assert bench.wait(8.0) == [(0.5, 200), (1.5, 200), (3.5, 200), (7.5, 200)]
    bench.hear(a_request("ACK", to_tag=tag, branch="z9hG4bKack1"))
    assert bench.events() == [CallConfirmed("call-1")]  # type: ignore[arg-type]
    assert bench.wait(100.0) == []


def test_an_ack_with_a_to_tag_of_the_phones_own_making_counts() -> None:
    bench = Bench()
    bench.answered()
    bench.hear(a_request("ACK", to_tag="made-up", branch="z9hG4bKack1"))
    assert bench.events() == [CallConfirmed("call-1")]  # type: ignore[arg-type]
    assert bench.wait(100.0) == []


def test_an_ack_of_another_callers_dialog_does_not_count() -> None:
    bench = Bench()
    bench.answered()
    bench.hear(a_request("ACK", to_tag="made-up", from_tag="stranger", branch="z9hG4bKack1"))
    assert bench.events() == []


def test_the_ok_is_repeated_over_tcp_as_well() -> None:
    bench = Bench(flow=TCP)
    bench.answered(via="SIP/2.0/TCP 192.0.2.7:5060")
    assert bench.wait(2.0) == [(0.5, 200), (1.5, 200)]


def test_an_ok_that_is_never_acknowledged_ends_in_bye() -> None:
    bench = Bench()
    bench.answered()
    assert bench.ua.unacknowledged == 1
    sent = bench.wait(32.0)
    assert sent[-1] == (32.0, "BYE")
    assert bench.ua.unacknowledged == 0
    assert bench.events() == [CallEnded("call-1", "no_ack")]  # type: ignore[arg-type]
    bench.run_out()
    assert (bench.ua.calls, bench.ua.transactions) == (0, 0)


def test_a_repeated_invite_makes_no_second_call() -> None:
    bench = Bench()
    bench.hear(an_invite())
    assert bench.statuses(an_invite()) == [100]
    assert len(bench.events()) == 1


def test_a_repeated_invite_after_the_answer_makes_no_second_call() -> None:
    bench = Bench()
    bench.talking()
    bench.wait(20.0)
    assert bench.statuses(an_invite()) == []
    bench.wait(600.0)  # its transaction has forgotten it, the call has not
    assert bench.statuses(an_invite()) == [482]
    assert bench.events() == []
    assert bench.ua.calls == 1


def test_the_same_invite_by_another_way_is_merged() -> None:
    bench = Bench()
    bench.hear(an_invite())
    assert bench.statuses(an_invite(branch="z9hG4bKother")) == [482]


def test_the_caller_hangs_up() -> None:
    bench = Bench()
    _, tag = bench.talking()
    assert bench.statuses(a_request("BYE", to_tag=tag, cseq=2, branch="z9hG4bKbye")) == [200]
    assert bench.events() == [CallEnded("call-1", "bye")]  # type: ignore[arg-type]
    assert bench.ua.calls == 0


def test_a_repeated_bye_is_answered_again() -> None:
    bench = Bench()
    _, tag = bench.talking()
    bye = a_request("BYE", to_tag=tag, cseq=2, branch="z9hG4bKbye")
    assert bench.statuses(bye) + bench.statuses(bye) == [200, 200]
    assert len(bench.events()) == 1


def test_a_second_bye_finds_no_call() -> None:
    bench = Bench()
    _, tag = bench.talking()
    bench.hear(a_request("BYE", to_tag=tag, cseq=2, branch="z9hG4bKbye"))
    assert bench.statuses(a_request("BYE", to_tag=tag, cseq=3, branch="z9hG4bKbye2")) == [481]


def test_we_hang_up() -> None:
    bench = Bench()
    call_id, _ = bench.talking()
    assert bench.ua.hang_up(call_id, bench.now)
    [bye] = bench.said()
    assert isinstance(bye, Request)
    assert bye.method == "BYE"
    assert str(bye.uri) == "sip:1001@192.0.2.7:5060"
    assert bye.from_.uri.user == "96156"
    assert bench.events() == [CallEnded(call_id, "hung_up")]
    bench.hear(answer_to(bye, 200))
    assert bench.ua.calls == 0


def test_we_send_no_bye_before_the_ack() -> None:
    bench = Bench()
    call_id, tag = bench.answered()
    bench.ua.hang_up(call_id, bench.now)
    assert bench.said() == []
    assert bench.wait(1.0) == [(0.5, 200)]
    assert bench.statuses(a_request("ACK", to_tag=tag, branch="z9hG4bKack1")) == ["BYE"]
    assert bench.events() == [CallEnded(call_id, "hung_up")]


def test_both_hang_up_at_once() -> None:
    bench = Bench()
    call_id, tag = bench.talking()
    bench.ua.hang_up(call_id, bench.now)
    [bye] = bench.said()
    assert isinstance(bye, Request)
    assert bench.statuses(a_request("BYE", to_tag=tag, cseq=2, branch="z9hG4bKbye")) == [200]
    bench.hear(answer_to(bye, 481))
    assert bench.events() == [CallEnded(call_id, "hung_up")]
    bench.run_out()
    assert (bench.ua.calls, bench.ua.transactions) == (0, 0)


def test_hanging_up_a_call_that_was_not_answered_refuses_it() -> None:
    bench = Bench()
    call_id = bench.offer()
    bench.ua.hang_up(call_id, bench.now)
    assert names(bench.said()) == [480]
    assert bench.events() == [CallEnded(call_id, "refused")]


def test_a_call_is_refused_with_retry_after() -> None:
    bench = Bench()
    call_id = bench.offer()
    bench.ua.refuse(call_id, 503, bench.now, reason="Store down", retry_after=30)
    [refusal] = bench.said()
    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.reason, refusal.headers.get("Retry-After")) == (503, "Store down", "30")
    assert bench.events() == [CallEnded(call_id, "refused")]


def test_a_refusal_is_repeated_until_its_ack() -> None:
    bench = Bench()
    call_id = bench.offer()
    bench.ua.refuse(call_id, 486, bench.now)
    [refusal] = bench.said()
    assert bench.wait(2.0) == [(0.5, 486), (1.5, 486)]
    bench.hear(a_request("ACK", to_tag=refusal.to_tag))
    assert bench.wait(60.0) == []
    assert bench.ua.transactions == 0


def test_a_call_that_nobody_decides_is_refused_in_the_end() -> None:
    bench = Bench()
    bench.offer()
    assert (30.0, 500) in bench.wait(30.0)
    assert bench.events() == [CallEnded("call-1", "refused")]  # type: ignore[arg-type]


def test_an_answered_call_cannot_be_accepted_again() -> None:
    bench = Bench()
    call_id, _ = bench.answered()
    with pytest.raises(LocalProtocolError):
        bench.ua.accept(call_id, "", 16000, bench.now)


def test_an_answered_call_cannot_be_refused() -> None:
    bench = Bench()
    call_id, _ = bench.answered()
    with pytest.raises(LocalProtocolError):
        bench.ua.refuse(call_id, 486, bench.now)


def test_a_call_is_not_refused_with_a_success() -> None:
    bench = Bench()
    with pytest.raises(LocalProtocolError, match="200"):
        bench.ua.refuse(bench.offer(), 200, bench.now)


def test_actions_on_a_call_that_is_over_do_nothing() -> None:
    bench = Bench()
    call_id = bench.offer()
    bench.hear(a_request("CANCEL"))
    bench.said()
    assert not bench.ua.accept(call_id, "", 16000, bench.now)
    assert not bench.ua.refuse(call_id, 486, bench.now)
    assert not bench.ua.hang_up(call_id, bench.now)
    assert bench.said() == []


# -- CANCEL ---------------------------------------------------------------------------------------


def test_cancel_ends_a_call_that_is_not_answered() -> None:
    bench = Bench()
    call_id = bench.offer()
    ok, terminated = bench.hear(a_request("CANCEL"))
    assert names([ok, terminated]) == [200, 487]
    assert (ok.cseq.method, terminated.cseq.method) == ("CANCEL", "INVITE")
    assert ok.to_tag == terminated.to_tag
    assert bench.events() == [CallEnded(call_id, "cancel")]
    assert bench.ua.calls == 0


def test_cancel_comes_too_late() -> None:
    bench = Bench()
    call_id, tag = bench.answered()
    assert bench.statuses(a_request("CANCEL")) == [200]
    bench.hear(a_request("ACK", to_tag=tag, branch="z9hG4bKack1"))
    assert bench.events() == [CallConfirmed(call_id)]


def test_cancel_of_nothing_is_told_so() -> None:
    assert Bench().statuses(a_request("CANCEL", branch="z9hG4bKnothing")) == [481]


def test_cancel_of_a_peer_without_the_cookie_finds_its_invite() -> None:
    bench = Bench()
    bench.hear(an_invite(branch="1"))
    assert bench.statuses(a_request("CANCEL", branch="1")) == [200, 487]


# -- re-INVITE, UPDATE, delayed offer ----------------------------------------------------------------


def test_a_hold_is_told_and_mirrored() -> None:
    bench = Bench()
    call_id, tag = bench.talking()
    [ok] = bench.hear(an_invite(to_tag=tag, cseq=2, branch="z9hG4bKre", body=HOLD))
    assert names([ok]) == [200]
    assert b"a=recvonly" in ok.body
    assert bench.events() == [
        MediaMoved(call_id, VoiceTerms("192.0.2.7", 40000, "PCMA", 8, 101, sends=False))
    ]


def test_a_move_is_told_and_the_version_grows() -> None:
    bench = Bench()
    call_id, tag = bench.answered()
    bench.hear(a_request("ACK", to_tag=tag, branch="z9hG4bKack1"))
    bench.events()
    first = bench.hear(an_invite(to_tag=tag, cseq=2, branch="z9hG4bKre", body=ELSEWHERE))[0]
    assert bench.events() == [MediaMoved(call_id, VoiceTerms("198.51.100.9", 40400, "PCMA", 8, 101))]
    bench.hear(a_request("ACK", to_tag=tag, cseq=2, branch="z9hG4bKack2"))
    held = bench.hear(an_invite(to_tag=tag, cseq=3, branch="z9hG4bKre3", body=HOLD))[0]
    origin = first.body.split(b"\r\n")[1].split()
    later = held.body.split(b"\r\n")[1].split()
    assert (origin[1], int(origin[2]) + 1) == (later[1], int(later[2]))


def test_a_reinvite_that_changes_nothing_is_answered_and_not_told() -> None:
    bench = Bench()
    _, tag = bench.talking()
    assert bench.statuses(an_invite(to_tag=tag, cseq=2, branch="z9hG4bKre")) == [200]
    assert bench.events() == []


def test_the_ok_to_a_reinvite_is_repeated_until_its_own_ack() -> None:
    bench = Bench()
    _, tag = bench.talking()
    bench.hear(an_invite(to_tag=tag, cseq=2, branch="z9hG4bKre"))
    bench.hear(a_request("ACK", to_tag=tag, cseq=1, branch="z9hG4bKack1"))
    assert bench.wait(1.0) == [(0.5, 200)]
    bench.hear(a_request("ACK", to_tag=tag, cseq=2, branch="z9hG4bKack2"))
    assert bench.wait(60.0) == []


def test_a_reinvite_never_acknowledged_ends_the_call() -> None:
    bench = Bench()
    call_id, tag = bench.talking()
    bench.hear(an_invite(to_tag=tag, cseq=2, branch="z9hG4bKre"))
    assert bench.wait(32.0)[-1] == (32.0, "BYE")
    assert bench.events() == [CallEnded(call_id, "no_ack")]


def test_a_reinvite_before_the_ack_is_pending() -> None:
    bench = Bench()
    _, tag = bench.answered()
    assert bench.statuses(an_invite(to_tag=tag, cseq=2, branch="z9hG4bKre")) == [491]


def test_a_reinvite_that_we_cannot_carry_leaves_the_call_as_it_was() -> None:
    bench = Bench()
    call_id, tag = bench.talking()
    video = OFFER.replace("m=audio 40000 RTP/AVP 8 101", "m=audio 40000 RTP/AVP 18")
    [refusal] = bench.hear(an_invite(to_tag=tag, cseq=2, branch="z9hG4bKre", body=video))
    assert names([refusal]) == [488]
    assert refusal.headers.get(
        "Warning",
    ).startswith("305 ")  # type: ignore[union-attr]
    assert bench.events() == []
    bench.hear(a_request("ACK", to_tag=tag, cseq=2, branch="z9hG4bKre"))
    assert bench.ua.hang_up(call_id, bench.now)
    assert names(bench.said()) == ["BYE"]


def test_update_moves_the_voice_without_an_ack() -> None:
    bench = Bench()
    call_id, tag = bench.talking()
    update = a_request("UPDATE", to_tag=tag, cseq=2, branch="z9hG4bKup", body=ELSEWHERE)
    [ok] = bench.hear(update)
    assert names([ok]) == [200]
    assert b"m=audio 16000" in ok.body
    assert bench.events() == [MediaMoved(call_id, VoiceTerms("198.51.100.9", 40400, "PCMA", 8, 101))]
    assert bench.wait(60.0) == []


def test_update_without_an_offer_is_a_sign_of_life() -> None:
    bench = Bench()
    _, tag = bench.talking()
    [ok] = bench.hear(a_request("UPDATE", to_tag=tag, cseq=2, branch="z9hG4bKup"))
    assert names([ok]) == [200]
    assert ok.body == b""


def test_an_invite_without_an_offer_gets_ours_and_the_ack_answers() -> None:
    bench = Bench()
    bench.hear(an_invite(body=""))
    [arrived] = bench.events()
    assert isinstance(arrived, CallArrived)
    assert arrived.terms is None
    bench.ua.accept(arrived.call_id, "", 16000, bench.now)
    [ok] = bench.said()
    assert b"m=audio 16000 RTP/AVP 8 0 9 111 101" in ok.body
    answer = OFFER.replace("RTP/AVP 8 101", "RTP/AVP 0 101").replace("8 PCMA", "0 PCMU")
    bench.hear(a_request("ACK", to_tag=ok.to_tag, branch="z9hG4bKack1", body=answer))
    assert bench.events() == [
        MediaMoved(arrived.call_id, VoiceTerms("192.0.2.7", 40000, "PCMU", 0, 101)),
        CallConfirmed(arrived.call_id),
    ]


@pytest.mark.parametrize(
    "answer", ["", "this is no SDP", OFFER.replace("8 101", "18"), OFFER.replace("40000", "0")]
)
def test_an_ack_without_a_usable_answer_ends_the_call(answer: str) -> None:
    bench = Bench()
    call_id, tag = bench.answered(body="")
    assert bench.statuses(a_request("ACK", to_tag=tag, branch="z9hG4bKack1", body=answer)) == ["BYE"]
    assert bench.events() == [CallEnded(call_id, "hung_up")]


def test_an_answer_that_fits_no_address_of_ours_is_refused_after_all() -> None:
    bench = Bench()
    call_id = bench.offer()
    assert not bench.ua.accept(call_id, "2001:db8::1", 16000, bench.now)
    assert names(bench.said()) == [488]
    assert bench.events() == [CallEnded(call_id, "refused")]


# -- other requests in a call ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body_type", "body", "digit", "duration"),
    [
        ("application/dtmf-relay", "Signal=5\nDuration=160\n", "5", 160),
        ("application/dtmf-relay", "Signal= #\nDuration= 100", "#", 100),
        ("application/dtmf-relay", "Signal=11\n", "#", 250),
        ("application/dtmf", "*", "*", 250),
    ],
)
def test_a_key_told_by_info_is_told_on(body_type: str, body: str, digit: str, duration: int) -> None:
    bench = Bench()
    call_id, tag = bench.talking()
    info = a_request("INFO", to_tag=tag, cseq=2, branch="z9hG4bKinfo", body=body, body_type=body_type)
    assert bench.statuses(info) + bench.statuses(info) == [200, 200]
    assert bench.events() == [DigitArrived(call_id, digit, duration)]


@pytest.mark.parametrize("body", ["Signal=X\n", "Duration=100\n"])
def test_an_info_that_names_no_key_is_answered_and_not_told(body: str) -> None:
    bench = Bench()
    _, tag = bench.talking()
    info = a_request("INFO", to_tag=tag, cseq=2, branch="b1", body=body, body_type="application/dtmf-relay")
    assert bench.statuses(info) == [200]
    assert bench.events() == []


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"method": "INFO", "body": "x", "body_type": "application/media_control+xml"}, 415),
        ({"method": "INFO", "headers": "Info-Package: conf"}, 469),
        ({"method": "INFO"}, 200),
        ({"method": "OPTIONS"}, 200),
        ({"method": "PRACK", "headers": "RAck: 1 1 INVITE"}, 481),
        ({"method": "REFER"}, 400),
        ({"method": "REFER", "headers": "Refer-To: <sip:1@example.com;method=BYE>"}, 403),
        ({"method": "REFER", "headers": "Refer-To: <http://example.com/>"}, 416),
        ({"method": "REFER", "headers": "Refer-To: nonsense>"}, 400),
        ({"method": "SUBSCRIBE", "headers": "Event: dialog"}, 489),
        ({"method": "NOTIFY", "headers": "Event: dialog\nSubscription-State: active"}, 481),
        ({"method": "MESSAGE"}, 405),
        ({"method": "DANCE"}, 501),
        ({"method": "INFO", "headers": "Require: dancing"}, 420),
        ({"method": "INFO", "cseq": 1}, 482),
        ({"method": "INFO", "cseq": 0}, 500),
        ({"method": "INFO", "from_tag": "stranger"}, 481),
        ({"method": "INFO", "call_id": "another"}, 481),
        ({"method": "UPDATE", "body": "no sdp"}, 400),
        ({"method": "UPDATE", "contact": "<tel:1>"}, 400),
    ],
)
def test_a_request_in_a_call_gets_its_status(given: dict[str, object], status: int) -> None:
    bench = Bench()
    _, tag = bench.talking()
    request = a_request(**{"to_tag": tag, "cseq": 2, "branch": "z9hG4bKx", **given})  # type: ignore[arg-type]
    assert bench.statuses(request) == [status]
    assert bench.ua.calls == 1


# -- where things go ------------------------------------------------------------------------------


def test_a_response_goes_to_the_source_port_when_rport_is_asked_for() -> None:
    bench = Bench(flow=Flow("udp", UDP.local, ("198.51.100.4", 7777), 1))
    [trying] = bench.hear(an_invite(via_params=";rport"))
    assert bench.outgoing[0].flow.remote == ("198.51.100.4", 7777)
    assert (trying.top_via.received, trying.top_via.rport) == ("198.51.100.4", 7777)


def test_a_response_goes_to_the_port_of_sent_by_otherwise() -> None:
    bench = Bench(flow=Flow("udp", UDP.local, ("198.51.100.4", 7777), 1))
    [trying] = bench.hear(an_invite())
    assert bench.outgoing[0].flow.remote == ("198.51.100.4", 5060)
    assert trying.top_via.received == "198.51.100.4"


def test_a_caller_behind_a_nat_gets_our_bye_where_she_is() -> None:
    bench = Bench(flow=Flow("udp", UDP.local, ("198.51.100.4", 7777), 1))
    call_id, _ = bench.talking(via_params=";rport")
    bench.ua.hang_up(call_id, bench.now)
    [bye] = bench.said()
    assert bench.outgoing[0].flow.remote == ("198.51.100.4", 7777)
    assert isinstance(bye, Request)
    assert str(bye.uri) == "sip:1001@192.0.2.7:5060"


@pytest.mark.parametrize(
    ("via", "contact", "source", "is_contact_used"),
    [
        ("192.0.2.7:5060", "<sip:192.0.2.8:5080>", ("192.0.2.7", 5060), True),
        ("192.0.2.7:5060", "<sip:192.0.2.8:5080>", ("192.0.2.7", 33333), True),
        ("192.0.2.7:5060;rport", "<sip:192.0.2.8:5080>", ("192.0.2.7", 33333), False),
        ("10.0.0.5:5060", "<sip:10.0.0.5:5060>", ("8.8.8.8", 5060), False),
        ("phone.example", "<sip:10.0.0.5:5060>", ("8.8.8.8", 5060), False),
        ("phone.example", "<sip:8.8.4.4:5080>", ("8.8.8.8", 5060), True),
        ("phone.example", "<sip:phone.example>", ("8.8.8.8", 5060), False),
    ],
)
def test_our_bye_goes_to_the_contact_unless_it_is_behind_a_nat(
    via: str, contact: str, source: tuple[str, int], is_contact_used: bool
) -> None:
    bench = Bench(flow=Flow("udp", UDP.local, source, 1))
    call_id, _ = bench.talking(via=f"SIP/2.0/UDP {via}", contact=contact)
    bench.ua.hang_up(call_id, bench.now)
    bench.said()
    assert (bench.outgoing[0].flow.remote != source) == is_contact_used


def test_our_bye_goes_to_the_first_route() -> None:
    bench = Bench()
    call_id, _ = bench.talking(headers="Record-Route: <sip:192.0.2.99:5090;lr>")
    bench.ua.hang_up(call_id, bench.now)
    bench.said()
    assert bench.outgoing[0].flow.remote == ("192.0.2.99", 5090)


def test_our_bye_goes_to_the_source_when_the_route_is_only_a_name() -> None:
    bench = Bench()
    call_id, _ = bench.talking(headers="Record-Route: <sip:sbc.ims.example;lr>")
    bench.ua.hang_up(call_id, bench.now)
    bench.said()
    assert bench.outgoing[0].flow.remote == CALLER


def test_our_bye_stays_on_the_connection_of_the_call() -> None:
    bench = Bench(flow=TCP)
    call_id, _ = bench.talking(via="SIP/2.0/TCP 192.0.2.7:5060")
    bench.ua.hang_up(call_id, bench.now)
    [bye] = bench.said()
    assert bench.outgoing[0].flow.connection == TCP.connection
    assert bye.top_via.transport == "TCP"


def test_a_connection_that_breaks_ends_our_bye_and_not_the_calls() -> None:
    bench = Bench(flow=TCP)
    call_id, _ = bench.talking(via="SIP/2.0/TCP 192.0.2.7:5060")
    bench.ua.lose_connection(TCP.connection, bench.now)
    assert bench.ua.calls == 1
    bench.ua.hang_up(call_id, bench.now)
    bench.ua.lose_connection(TCP.connection, bench.now)
    assert bench.ua.calls == 0


# -- house rules ----------------------------------------------------------------------------------


def test_draining_refuses_new_calls_and_keeps_the_old() -> None:
    bench = Bench()
    _, tag = bench.talking()
    bench.ua.draining = True
    for request in (
        an_invite(call_id="2", from_tag="2", branch="z9hG4bK2"),
        a_request(branch="z9hG4bK3", call_id="3"),
    ):
        response = bench.hear(request)[-1]
        assert isinstance(response, Response)
        assert response.status == 503
        assert response.headers.get("Retry-After") == "10"
    assert bench.statuses(a_request("OPTIONS", to_tag=tag, cseq=2, branch="z9hG4bK4")) == [200]


def test_a_key_is_told_by_info_while_the_call_stands() -> None:
    bench = Bench()
    call_id, _tag = bench.talking()
    assert bench.ua.send_key(call_id, "5", bench.now)
    [info] = bench.said()
    assert isinstance(info, Request)
    assert (info.method, info.headers.get("Content-Type")) == ("INFO", "application/dtmf-relay")
    assert info.body == b"Signal=5\r\nDuration=250\r\n"
    assert not bench.ua.send_key(CallId("nobody"), "5", bench.now)


def test_a_call_that_was_not_answered_is_told_no_key() -> None:
    bench = Bench()
    assert not bench.ua.send_key(bench.offer(), "5", bench.now)


def test_one_call_too_many_is_told_to_come_back() -> None:
    bench = Bench(max_calls=1)
    bench.offer()
    response = bench.hear(an_invite(call_id="2", from_tag="2", branch="z9hG4bK2"))[-1]
    assert isinstance(response, Response)
    assert (response.status, response.headers.get("Retry-After")) == (503, "10")


def test_a_flood_is_answered_without_memory_and_calls_go_on() -> None:
    bench = Bench(max_transactions=6)
    _, tag = bench.talking()
    for n in range(10):
        bench.hear(a_request("MESSAGE", branch=f"z9hG4bKf{n}", call_id=f"f{n}"))
    first = bench.hear(a_request(branch="z9hG4bKg", call_id="g"))
    again = bench.hear(a_request(branch="z9hG4bKg", call_id="g"))
    assert names(first) == names(again) == [503]
    assert first[0].to_tag == again[0].to_tag
    assert bench.ua.transactions == 3
    assert bench.statuses(a_request("MESSAGE", branch="z9hG4bKf0", call_id="f0")) == [405]  # a repetition
    assert bench.statuses(a_request("BYE", to_tag=tag, cseq=2, branch="z9hG4bKbye")) == [200]


@pytest.mark.parametrize(
    "given",
    [
        {"method": "MESSAGE"},
        {"to_tag": "made-up"},
        {"method": "BYE", "to_tag": "made-up"},
        {"method": "CANCEL"},
        {"method": "INFO", "to_tag": "made-up"},
    ],
    ids=str,
)
def test_a_flood_of_anything_keeps_no_caller_out(given: dict[str, str]) -> None:
    bench = Bench(max_transactions=10)
    for n in range(30):
        bench.hear(a_request(**given, branch=f"z9hG4bKf{n}", call_id=f"f{n}"))  # type: ignore[arg-type]
    assert bench.ua.transactions == 5
    bench.offer(call_id="real")
    assert bench.statuses(a_request("CANCEL", call_id="real")) == [200, 487]
    assert isinstance(bench.events()[0], CallEnded)


def test_a_flood_of_invites_is_bounded_too() -> None:
    bench = Bench(max_transactions=10)
    for n in range(30):
        bench.hear(an_invite(uri="sip:555@192.0.2.1", branch=f"z9hG4bKf{n}", call_id=f"f{n}"))
    assert bench.ua.transactions == 10


def test_a_peer_with_one_branch_for_everything_is_served() -> None:
    bench = Bench()
    assert bench.statuses(a_request(branch="z9hG4bKsame", call_id="a")) == [200]
    assert bench.statuses(a_request(branch="z9hG4bKsame", call_id="b")) == [200]


def test_stray_responses_and_acks_are_dropped() -> None:
    bench = Bench()
    call_id, _ = bench.talking()
    bench.ua.hang_up(call_id, bench.now)
    [bye] = bench.said()
    assert isinstance(bye, Request)
    stray = answer_to(bye, 200).replace(b"z9hG4bK", b"z9hG4bKnot")
    assert bench.hear(stray) == []
    assert bench.hear(a_request("ACK", to_tag="nobody")) == []
    assert bench.ua.calls == 1


def test_a_response_with_a_second_via_was_meant_for_somebody_else() -> None:
    bench = Bench()
    call_id, _ = bench.talking()
    bench.ua.hang_up(call_id, bench.now)
    [bye] = bench.said()
    assert isinstance(bye, Request)
    doubled = response_to(bye, 200)
    doubled.headers.add("Via", "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKother")
    bench.hear(doubled.to_bytes())
    assert bench.ua.calls == 1


def test_what_is_sent_names_its_call_for_the_log() -> None:
    bench = Bench()
    call_id, _ = bench.answered()
    assert [outgoing.call_id for outgoing in bench.outgoing] == [call_id]


def answer_to(request: Request, status: int) -> bytes:
    return response_to(request, status).to_bytes()
