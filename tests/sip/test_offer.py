"""Offer and answer."""

from __future__ import annotations

from pathlib import Path

import pytest
import sip_strategies
from hypothesis import given, settings

from hotline.sip.message import parse_message
from hotline.sip.offer import AnswerPlan, choose_answer, make_offer, read_answer, refusal
from hotline.sip.sdp import SessionDescription, parse_sdp

TRUNK_INVITES = Path(__file__).parent / "trunk_invites"


def an_offer(*media: str, connection: str = "IN IP4 198.51.100.7") -> SessionDescription:
    head = [
        "v=0",
        "o=- 1 1 IN IP4 198.51.100.7",
        "s=-",
        *([f"c={connection}"] if connection else []),
        "t=5 6",
    ]
    return parse_sdp("\r\n".join([*head, *media, ""]).encode())


def answered(offer: SessionDescription, local_ip: str = "192.0.2.1") -> AnswerPlan | None:
    return choose_answer(offer, local_ip=local_ip, local_port=4000, session_id=7, session_version=1)


def plan_for(*media: str, connection: str = "IN IP4 198.51.100.7") -> AnswerPlan:
    plan = answered(an_offer(*media, connection=connection))
    assert plan is not None
    return plan


def answer_lines(plan: AnswerPlan) -> list[str]:
    return plan.body.decode().split("\r\n")


@pytest.mark.parametrize(
    ("name", "remote", "event"),
    [
        ("mobile_ims_volte_origin", ("192.0.2.229", 44040), 100),
        ("pstn_gw_amr_te99_bad_ptime", ("10.0.0.55", 20000), 99),
        ("unicom_peer_tel_uri_100rel", ("10.33.0.1", 30000), 97),
        ("anonymous_alaw_only_inband_dtmf", ("10.211.0.241", 40000), None),
    ],
)
def test_a_trunk_gets_a_law_and_its_own_event_type(
    name: str, remote: tuple[str, int], event: int | None
) -> None:
    message = parse_message((TRUNK_INVITES / f"{name}.sip").read_bytes())
    plan = answered(parse_sdp(message.body))
    assert plan is not None
    assert (plan.remote_ip, plan.remote_port) == remote
    assert (plan.payload_type, plan.event_payload_type, plan.sends) == (8, event, True)
    (media,) = parse_sdp(plan.body).media
    assert media.formats == ("8",) if event is None else ("8", str(event))
    assert media.attribute("ptime") == "20"


def test_the_whole_answer() -> None:
    plan = plan_for(
        "m=audio 40000 RTP/AVP 18 0 8 97 105",
        "a=rtpmap:105 telephone-event/16000",
        "a=rtpmap:97 telephone-event/8000",
        "a=ptime:20000",
        "m=video 40002 RTP/AVP 31",
    )
    assert answer_lines(plan) == [
        "v=0",
        "o=- 7 1 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "t=5 6",
        "m=audio 4000 RTP/AVP 8 97",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:97 telephone-event/8000",
        "a=fmtp:97 0-15",
        "a=ptime:20",
        "a=sendrecv",
        "m=video 0 RTP/AVP 31",
        "",
    ]


@pytest.mark.parametrize(
    ("formats", "maps", "payload_type", "event"),
    [
        ("8", [], 8, None),
        ("0", [], 0, None),
        ("0 8", [], 8, None),
        ("8 0 101", ["101 telephone-event/8000"], 8, 101),
        ("0 100", ["100 TELEPHONE-EVENT/8000/1"], 0, 100),
        ("8 105", ["105 telephone-event/16000"], 8, None),
        ("8", ["101 telephone-event/8000"], 8, None),
        ("8 101 99", ["99 telephone-event/8000", "101 telephone-event/8000"], 8, 101),
        ("8 0", ["8 opus/48000/2"], 0, None),
        ("8 0", ["8 PCMA/16000"], 0, None),
        ("8", ["8 pcma/8000/1"], 8, None),
        ("8 200", ["200 telephone-event/8000"], 8, None),
    ],
)
def test_the_codec_is_chosen(formats: str, maps: list[str], payload_type: int, event: int | None) -> None:
    plan = plan_for(f"m=audio 40000 RTP/AVP {formats}", *(f"a=rtpmap:{text}" for text in maps))
    assert (plan.payload_type, plan.event_payload_type) == (payload_type, event)


@pytest.mark.parametrize(
    ("media", "code"),
    [
        (["m=audio 40000 RTP/AVP 18 4"], 305),
        (["m=audio 40000 RTP/AVP 96", "a=rtpmap:96 AMR/8000"], 305),
        (["m=audio 40000 RTP/AVP 8", "a=rtpmap:8 AMR/8000"], 305),
        (["m=video 40000 RTP/AVP 31"], 304),
        (["m=image 40000 udptl t38"], 304),
        (["m=audio 0 RTP/AVP 8"], 304),
        ([], 304),
        (["m=audio 40000 RTP/SAVP 8"], 302),
        (["m=audio 40000 RTP/AVP 8", "c=IN IP6 2001:db8::1"], 301),
        (["m=audio 40000 RTP/AVP 8", "c=IN IP4 gateway.example"], 301),
        (["m=audio 40000 RTP/AVP 8", "c=IN IP4 224.2.1.1/127"], 301),
    ],
)
def test_an_offer_without_a_fit_is_refused_with_its_reason(media: list[str], code: int) -> None:
    offer = an_offer(*media)
    assert answered(offer) is None
    warning = refusal(offer, local_ip="192.0.2.1", agent="192.0.2.1")
    assert (warning.code, warning.agent) == (code, "192.0.2.1")


def test_an_offer_without_any_connection_is_refused() -> None:
    assert answered(an_offer("m=audio 40000 RTP/AVP 8", connection="")) is None


def test_ipv6_is_answered_with_ipv6() -> None:
    offer = an_offer("m=audio 40000 RTP/AVP 8", connection="IN IP6 2001:db8::7")
    plan = answered(offer, "2001:db8::1")
    assert plan is not None
    assert plan.remote_ip == "2001:db8::7"
    assert "c=IN IP6 2001:db8::1" in answer_lines(plan)


@pytest.mark.parametrize(
    ("offered", "answer", "sends"),
    [
        ("sendrecv", "sendrecv", True),
        ("sendonly", "recvonly", False),
        ("recvonly", "sendonly", True),
        ("inactive", "inactive", False),
    ],
)
def test_the_direction_is_mirrored(offered: str, answer: str, sends: bool) -> None:
    plan = plan_for("m=audio 40000 RTP/AVP 8", f"a={offered}")
    assert plan.sends is sends
    assert answer_lines(plan)[-2] == f"a={answer}"


@pytest.mark.parametrize("address", ["IN IP4 0.0.0.0", "IN IP6 ::", "IN IP4 hold.invalid"])
@pytest.mark.parametrize(
    ("offered", "answer"),
    [("sendrecv", "recvonly"), ("sendonly", "recvonly"), ("recvonly", "inactive"), ("inactive", "inactive")],
)
def test_hold_by_address_stops_our_sending(address: str, offered: str, answer: str) -> None:
    plan = plan_for("m=audio 40000 RTP/AVP 8", f"a={offered}", connection=address)
    assert (plan.remote_ip, plan.sends) == ("", False)
    assert answer_lines(plan)[-2] == f"a={answer}"


def test_the_first_fitting_line_is_taken() -> None:
    plan = plan_for(
        "m=audio 1 RTP/SAVP 8",
        "m=audio 3 RTP/AVP 18",
        "m=audio 5 RTP/AVP 0",
        "m=audio 7 RTP/AVP 8",
        "m=image 9 udptl t38",
    )
    assert plan.remote_port == 5
    assert [line for line in answer_lines(plan) if line.startswith("m=")] == [
        "m=audio 0 RTP/SAVP 8",
        "m=audio 0 RTP/AVP 18",
        "m=audio 4000 RTP/AVP 0",
        "m=audio 0 RTP/AVP 8",
        "m=image 0 udptl t38",
    ]


@given(sip_strategies.descriptions)
@settings(max_examples=100)
def test_an_answer_has_a_line_for_each_line_of_the_offer(offer: SessionDescription) -> None:
    plan = answered(offer)
    if plan is not None:
        answer = parse_sdp(plan.body)
        assert [line.kind for line in answer.media] == [line.kind for line in offer.media]
        assert sum(line.port != 0 for line in answer.media) == 1
        assert answer.times == offer.times


def test_our_own_offer_can_be_answered_by_ourselves() -> None:
    offer = parse_sdp(make_offer(local_ip="192.0.2.1", local_port=4000, session_id=7, session_version=1))
    plan = answered(offer, "192.0.2.9")
    assert plan is not None
    assert (plan.payload_type, plan.event_payload_type, plan.remote_port) == (8, 101, 4000)
    read = read_answer(parse_sdp(plan.body), local_ip="192.0.2.1")
    assert read == AnswerPlan("192.0.2.9", 4000, 8, 101, sends=True, body=b"")


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        (["m=audio 6000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000"], (0, 101, True)),
        (["m=audio 6000 RTP/AVP 0 8"], (0, None, True)),
        (["m=audio 6000 RTP/AVP 18 13 0 8"], (0, None, True)),
        (["m=audio 6000 RTP/AVP 8", "a=sendonly"], (8, None, False)),
        (["m=audio 0 RTP/AVP 8"], None),
        (["m=audio 6000 RTP/AVP 18"], None),
        ([], None),
    ],
)
def test_the_other_sides_first_choice_counts(media: list[str], expected: tuple[object, ...] | None) -> None:
    plan = read_answer(an_offer(*media), local_ip="192.0.2.1")
    assert (plan and (plan.payload_type, plan.event_payload_type, plan.sends)) == expected
