"""What an onlooker sees of a message; any octets, and never a secret."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from hotline.sip.glimpse import Filter, SeenMessage, call_id_of, glimpse, voice_of, without_secrets
from tests.sip.seen import CARRIER, HOLD, PHONE, SDP, US, request, response, seen

CONTROLS = "[\x00-\x1f\x7f-\x9f]"
DIGEST = (
    'Authorization: Digest username="1001", realm="house", nonce="abc", uri="sip:house", '
    'response="0123456789abcdef0123456789abcdef", cnonce="f00",\r\n nc=00000001, qop=auth\r\n'
)
CRYPTO = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:4\r\n"


def test_a_request_is_told_by_its_method_and_whom_it_calls() -> None:
    view = glimpse(request("INVITE", 1, body=SDP))
    assert (view.title, view.method, view.status, view.cseq) == ("INVITE 96156", "INVITE", 0, "1")
    assert (view.from_user, view.to_user, view.call_id) == ("13800138000", "96156", "a@carrier")
    assert view.voice == "PCMA PCMU keys/101 @192.0.2.7:16000"


def test_a_response_names_what_it_answers_unless_that_is_an_invite() -> None:
    assert glimpse(response(180, "Ringing", "INVITE", 1)).title == "180 Ringing"
    assert glimpse(response(200, "", "BYE", 2)).title == "200 OK · BYE"


def test_an_invite_in_a_dialog_is_a_reinvite() -> None:
    assert glimpse(request("INVITE", 2, to_tag=";tag=9")).title == "re-INVITE"


def test_compact_forms_and_folded_lines_are_read() -> None:
    data = b"BYE sip:x SIP/2.0\r\ni:\r\n  77@c\r\nf: <sip:a@b>\r\nt: <tel:+861096156>\r\n\r\n"
    view = glimpse(data)
    assert (view.call_id, view.from_user, view.to_user) == ("77@c", "a", "+861096156")


def test_marks_tell_log_in_reliability_and_reason() -> None:
    assert glimpse(request("REGISTER", 2, extra=DIGEST)).marks == ("auth",)
    assert glimpse(request("PRACK", 2, extra="RAck: 7 1 INVITE\r\n")).marks == ("of 7 1 INVITE",)
    assert glimpse(response(183, "", "INVITE", 1, extra="RSeq: 7\r\n")).marks == ("reliable 7",)
    assert glimpse(response(503, "", "INVITE", 1, extra="Retry-After: 30\r\n")).marks == ("again in 30 s",)
    refer = request("REFER", 2, extra="Refer-To: <sip:1002@house>\r\n")
    assert glimpse(refer).marks == ("to 1002",)


def test_a_hold_is_seen_in_both_its_forms() -> None:
    assert voice_of(HOLD).endswith("HOLD (sendonly)")
    assert voice_of(SDP.replace(b"192.0.2.7", b"0.0.0.0")).endswith("HOLD (c=0.0.0.0)")


def test_several_media_are_told_apart() -> None:
    body = (
        b"v=0\r\nc=IN IP6 2001:db8::7\r\nm=audio 4000 RTP/SAVP 9\r\n" + CRYPTO + b"m=video 0 RTP/AVP 34\r\n"
    )
    assert voice_of(body) == "G722 @[2001:db8::7]:4000 SRTP; video refused"


def test_the_answer_to_a_challenge_is_taken_out() -> None:
    kept = without_secrets(request("REGISTER", 2, extra=DIGEST))
    assert b"0123456789abcdef" not in kept
    assert b"f00" not in kept
    assert b'username="1001"' in kept
    assert b'response="***"' in kept
    assert kept.endswith(b"Content-Length: 0\r\n\r\n")


def test_other_credentials_are_taken_out_whole() -> None:
    kept = without_secrets(request("INVITE", 2, extra="proxy-authorization : Basic bWU6c2VjcmV0\r\n"))
    assert b"proxy-authorization : Basic ***\r\n" in kept


def test_keys_of_protected_voice_are_taken_out() -> None:
    kept = without_secrets(request("INVITE", 1, body=SDP + CRYPTO + b"k=clear:hidden\r\n"))
    assert b"d0Rmdm" not in kept
    assert b"hidden" not in kept
    assert b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***|2^20" in kept


def test_every_key_of_a_line_is_taken_out() -> None:
    line = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:Zmlyc3Q=|2^20|1:4;INLINE:c2Vjb25k|2^20|2:4 KDR=0\r\n"
    kept = without_secrets(request("INVITE", 1, body=SDP + line))
    assert b"Zmlyc3Q" not in kept
    assert b"c2Vjb25k" not in kept
    assert b"inline:***|2^20|1:4;INLINE:***|2^20|2:4 KDR=0\r\n" in kept


def test_a_message_without_secrets_stays_as_it_is() -> None:
    data = request("INVITE", 1, body=SDP)
    assert without_secrets(data) is data


@settings(max_examples=200)
@given(st.binary(max_size=300))
@example(b"SIP/2.0 \r\n")
@example(b"SIP/2.0 \xc2\xb2\xc2\xb2\xc2\xb2 x\r\n\r\nm=")
@example(b"INVITE  SIP/2.0\r\nCSeq\r\n\r\nv=0\r\nm=\r\nm=audio")
def test_no_octets_break_the_onlooker(data: bytes) -> None:
    view = glimpse(data)
    assert not re.search(CONTROLS, view.title)
    assert glimpse(without_secrets(data)).call_id == view.call_id
    assert Filter(number="1").matches(SeenMessage(0, False, "udp", US, CARRIER, data)) in (True, False)


@settings(max_examples=100)
@given(st.sampled_from(["Call-ID: ", "call-id:", "i: ", "CALL-ID :\t"]), st.text("abc@1.", min_size=1))
def test_the_quick_look_finds_the_call_id_in_every_spelling(name: str, value: str) -> None:
    data = f"BYE sip:x SIP/2.0\r\nVia: x\r\n{name}{value}\r\n\r\n".encode()
    assert call_id_of(data).decode() == glimpse(data).call_id == value


def test_filters() -> None:
    ours, theirs = seen(0, request("INVITE", 1)), seen(0, response(200, "OK", "BYE", 2), peer=PHONE)
    assert Filter().matches(ours)
    assert [Filter(ip="192.0.2.30").matches(one) for one in (ours, theirs)] == [False, True]
    assert [Filter(methods=frozenset({"BYE"})).matches(one) for one in (ours, theirs)] == [False, True]
    assert Filter(from_number="138").matches(ours)
    assert not Filter(from_number="96156").matches(ours)
    assert Filter(to_number="96156").matches(theirs)
    assert Filter(number="96156").matches(ours)
    assert not Filter(call_ids=frozenset({"b"})).matches(ours)
    assert Filter(call_ids=frozenset({"a@carrier"}), ip="192.0.2.7").matches(ours)
