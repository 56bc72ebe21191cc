"""No control character leaves the SIP core in any text."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_bench import Bench, an_invite

from hotline.events.ids import CallId
from hotline.sip.admission import Origin
from hotline.sip.boundary import cleared
from hotline.sip.events import CallArrived, CallEnded, DigitArrived, TransferAsked
from hotline.sip.uri import parse_uri
from hotline.sip.voice_terms import VoiceTerms

ARRIVED = CallArrived(
    CallId("c1"),
    "1@x",
    "+861",
    "<sip:a@b>",
    False,
    "96156",
    "udp:192.0.2.7:5060",
    VoiceTerms("192.0.2.7", 4000),
)
HOSTILE = "a\r\nb\x00\x1b[2J\u202e\u2028\x85\ufeffc\udcff"


@pytest.mark.parametrize(
    "event",
    [
        ARRIVED,
        CallEnded(CallId("c1"), "failed", 486, "Busy Here"),
        DigitArrived(CallId("c1"), "#", 100),
        TransferAsked(CallId("c1"), parse_uri("sip:2@x"), None, "<sip:1@x>"),
    ],
)
def test_what_is_clear_stays_the_same_object(event: object) -> None:
    assert cleared(event) is event


def test_chinese_is_clear() -> None:
    event = replace(ARRIVED, caller_raw="北京市 96156")
    assert cleared(event) is event


def test_texts_are_cleared_at_any_depth() -> None:
    event = replace(ARRIVED, caller_raw=HOSTILE, origin=Origin(name=HOSTILE))
    assert cleared(event).caller_raw == "ab[2Jc\ufffd"
    assert cleared(event).origin.name == "ab[2Jc\ufffd"
    assert cleared(event).terms is event.terms


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), max_size=20))
def test_no_control_survives(text: str) -> None:
    event = cleared(CallEnded(CallId("c1"), "failed", 500, text))
    assert not {unicodedata.category(character) for character in event.reason} & {"Cc", "Cs", "Zl", "Zp"}
    event.reason.encode()


def test_events_of_the_user_agent_are_cleared() -> None:
    bench = Bench(answers_any=True)
    bench.hear(an_invite(uri="sip:\u202e65190@192.0.2.1"))
    [arrived] = bench.events()
    assert isinstance(arrived, CallArrived)
    assert arrived.called == "65190"
