"""Requests outside any call: what is refused, why, and with which headers (RFC 3261, 8.2 and 11)."""

from __future__ import annotations

import pytest
from sip_bench import OFFER, Bench, a_request, an_invite

from hotline.sip.message import Response


def answer(bench: Bench, data: bytes) -> Response:
    response = bench.hear(data)[-1]
    assert isinstance(response, Response)
    return response


@pytest.mark.parametrize("uri", ["sip:96156@192.0.2.1", "sip:192.0.2.1", "sip:192.0.2.1:5060", "tel:96156"])
def test_options_is_answered_with_what_we_can_do(uri: str) -> None:
    ok = answer(Bench(), a_request(uri=uri))
    assert ok.status == 200
    assert ok.headers.get("Allow") == "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK, REFER"
    assert ok.headers.get("Accept") == "application/sdp"
    assert ok.headers.get("Supported") == "100rel, timer, replaces, norefersub"
    assert ok.to_tag


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"method": "OPTIONS", "uri": "sip:12345@192.0.2.1"}, 404),
        ({"method": "INVITE", "uri": "sip:12345@192.0.2.1"}, 404),
        ({"method": "INVITE", "uri": "sip:192.0.2.1"}, 404),
        ({"method": "INVITE", "uri": "mailto:96156@example.com"}, 416),
        ({"method": "OPTIONS", "uri": "http://example.com/"}, 416),
        ({"method": "DANCE"}, 501),
        ({"method": "REGISTER"}, 405),
        ({"method": "SUBSCRIBE", "headers": "Event: dialog"}, 489),
        ({"method": "NOTIFY", "headers": "Event: dialog\nSubscription-State: active"}, 481),
        ({"method": "REFER", "headers": "Refer-To: <sip:1001@192.0.2.7>"}, 403),
        ({"method": "PUBLISH", "headers": "Event: presence"}, 405),
        ({"method": "MESSAGE", "body": "hello", "body_type": "text/plain"}, 405),
        ({"method": "BYE"}, 481),
        ({"method": "INFO"}, 481),
        ({"method": "UPDATE"}, 481),
        ({"method": "PRACK"}, 481),
        ({"method": "BYE", "to_tag": "gone"}, 481),
        ({"method": "INVITE", "to_tag": "gone", "body": OFFER}, 481),
        ({"method": "INVITE", "headers": "Require: precondition", "body": OFFER}, 420),
        ({"method": "INVITE", "headers": "Require: 100rel", "body": OFFER}, 100),
        ({"method": "INVITE", "headers": "Accept: text/html", "body": OFFER}, 406),
        ({"method": "INVITE", "headers": "Accept: application/*", "body": OFFER}, 100),
        ({"method": "INVITE", "headers": "Content-Encoding: gzip", "body": OFFER}, 415),
        ({"method": "INVITE", "body": "x", "body_type": "text/plain"}, 415),
        ({"method": "INVITE", "body": "x", "headers": "Content-Disposition: x;handling=optional",
          "body_type": "text/plain"}, 100),
        ({"method": "INVITE", "body": "no sdp"}, 400),
        ({"method": "INVITE", "body": OFFER, "contact": "<tel:1>"}, 400),
        ({"method": "INVITE", "body": OFFER.replace("RTP/AVP 8 101", "RTP/AVP 18")}, 488),
        ({"method": "INVITE", "body": OFFER.replace("m=audio", "m=video")}, 488),
        ({"method": "INVITE", "body": OFFER.replace("RTP/AVP", "RTP/SAVP")}, 488),
        ({"method": "INVITE", "body": OFFER.replace("IP4 192.0.2.7", "IP6 2001:db8::7")}, 488),
    ],
)  # fmt: skip
def test_a_request_gets_its_status(given: dict[str, object], status: int) -> None:
    bench = Bench()
    assert answer(bench, a_request(**given)).status == status  # type: ignore[arg-type]
    assert len(bench.events()) == (status == 100)
    bench.run_out()
    assert (bench.ua.calls, bench.ua.transactions) == (0, 0)


@pytest.mark.parametrize(
    ("given", "header", "value"),
    [
        ({"method": "REGISTER"}, "Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK, REFER"),
        ({"method": "OPTIONS", "headers": "Require: a, 100rel\nRequire: b"}, "Unsupported", "a, b"),
        ({"method": "INVITE", "body": "x", "body_type": "text/plain"}, "Accept", "application/sdp"),
        (
            {"method": "INVITE", "body": OFFER, "headers": "Content-Encoding: gzip"},
            "Accept-Encoding",
            "identity",
        ),
    ],
)
def test_a_refusal_says_what_would_do(given: dict[str, object], header: str, value: str) -> None:
    assert answer(Bench(), a_request(**given)).headers.get(header) == value  # type: ignore[arg-type]


def test_an_offer_that_does_not_fit_is_refused_with_a_warning_for_people() -> None:
    refusal = answer(Bench(), an_invite(body=OFFER.replace("RTP/AVP 8 101", "RTP/AVP 18")))
    assert refusal.headers.get("Warning") == (
        '305 192.0.2.1:5060 "Incompatible media format: one of PCMA, PCMU, G722, opus is needed"'
    )


def test_sdp_in_a_multipart_body_is_found() -> None:
    parts = (
        "--b1\nContent-Type: application/isup;version=itu-t92+\n"
        "Content-Disposition: signal;handling=optional\n\n\x01\x02\n"
        f"--b1\nContent-Type: application/sdp\n\n{OFFER}\n--b1--\n"
    )
    bench = Bench()
    bench.hear(an_invite(body=parts, body_type="multipart/mixed;boundary=b1"))
    [arrived] = bench.events()
    assert arrived.terms.remote_port == 40000  # type: ignore[union-attr]


def test_a_malformed_request_gets_the_same_tag_each_time_and_no_memory() -> None:
    bench = Bench()
    broken = a_request().replace(b"CSeq: 1 OPTIONS", b"CSeq: 1 INVITE")
    first, second = answer(bench, broken), answer(bench, broken)
    assert first.status == 400
    assert first.to_tag == second.to_tag
    assert bench.ua.transactions == 0


def test_a_malformed_ack_is_not_answered() -> None:
    assert Bench().hear(a_request("ACK").replace(b"CSeq: 1 ACK", b"CSeq: 1 BYE")) == []


def test_trying_repeats_the_timestamp() -> None:
    assert answer(Bench(), an_invite(headers="Timestamp: 54")).headers.get("Timestamp") == "54"


def test_a_probe_is_answered_without_memory_as_often_as_it_comes() -> None:
    bench = Bench()
    first, again, elsewhere = (answer(bench, a_request(branch=f"z9hG4bK{way}")) for way in "aab")
    assert (first.status, elsewhere.status) == (200, 200)
    assert first == again
    assert first.to_tag
    assert bench.ua.transactions == 0


def test_an_invite_that_was_refused_is_merged_when_it_comes_by_another_way() -> None:
    bench = Bench()
    bench.ua.refuse(bench.offer(), 486, bench.now)
    assert answer(bench, an_invite(branch="z9hG4bKother")).status == 482
    assert bench.events()[-1].call_id == "call-1"


def test_a_repeated_request_gets_the_same_answer() -> None:
    bench = Bench()
    first, second = answer(bench, a_request()), answer(bench, a_request())
    assert first == second
    bench.wait(32.0)
    assert bench.ua.transactions == 0
