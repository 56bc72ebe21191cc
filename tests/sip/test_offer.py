"""Offer and answer."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sip_strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import LocalProtocolError
from hotline.sip.message import parse_message
from hotline.sip.offer import AnswerPlan, choose_answer, make_offer, read_answer, refusal
from hotline.sip.sdes import Crypto, usable_cryptos
from hotline.sip.sdp import SessionDescription, parse_sdp
from hotline.sip.voice_terms import CODECS, SrtpKeys, VoicePolicy, VoiceTerms

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


def answered(
    offer: SessionDescription, local_ip: str = "192.0.2.1", local_port: int = 4000, **given: Any
) -> AnswerPlan | None:
    return choose_answer(
        offer, local_ip=local_ip, local_port=local_port, session_id=7, session_version=1, **given
    )


def our_offer(**given: Any) -> SessionDescription:
    return parse_sdp(
        make_offer(local_ip="192.0.2.1", local_port=4000, session_id=7, session_version=1, **given)
    )


def some_keys(first: int = 1) -> Callable[[], bytes]:
    count = itertools.count(first)
    return lambda: bytes([next(count)]) * 30


def crypto_line(tag: int, suite: str, octet: int) -> str:
    return f"a=crypto:{Crypto(tag, suite, bytes([octet]) * 30)}"


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
    assert plan.terms == VoiceTerms(*remote, "PCMA", 8, event)
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
        ("9 101", ["101 telephone-event/8000"], 9, 101),
        ("9", ["9 G722/8000"], 9, None),
        ("18 96 9", ["96 PCMA/8000"], 96, None),
        (
            "107 101 105",
            ["107 opus/48000/2", "101 telephone-event/8000", "105 telephone-event/48000"],
            107,
            105,
        ),
        ("107 101", ["107 OPUS/48000", "101 telephone-event/8000"], 107, 101),
    ],
)
def test_the_codec_is_chosen_with_key_presses_at_its_clock(
    formats: str, maps: list[str], payload_type: int, event: int | None
) -> None:
    plan = plan_for(f"m=audio 40000 RTP/AVP {formats}", *(f"a=rtpmap:{text}" for text in maps))
    assert (plan.terms.payload_type, plan.terms.event_payload_type) == (payload_type, event)


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
    assert plan.terms.remote_ip == "2001:db8::7"
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
    assert plan.terms.sends is sends
    assert answer_lines(plan)[-2] == f"a={answer}"


@pytest.mark.parametrize("address", ["IN IP4 0.0.0.0", "IN IP6 ::", "IN IP4 hold.invalid"])
@pytest.mark.parametrize(
    ("offered", "answer"),
    [("sendrecv", "recvonly"), ("sendonly", "recvonly"), ("recvonly", "inactive"), ("inactive", "inactive")],
)
def test_hold_by_address_stops_our_sending(address: str, offered: str, answer: str) -> None:
    plan = plan_for("m=audio 40000 RTP/AVP 8", f"a={offered}", connection=address)
    assert (plan.terms.remote_ip, plan.terms.sends) == ("", False)
    assert answer_lines(plan)[-2] == f"a={answer}"


def test_the_first_fitting_line_is_taken() -> None:
    plan = plan_for(
        "m=audio 1 RTP/SAVP 8",
        "m=audio 3 RTP/AVP 18",
        "m=audio 5 RTP/AVP 0",
        "m=audio 7 RTP/AVP 8",
        "m=image 9 udptl t38",
    )
    assert plan.terms.remote_port == 5
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


A80, A32 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"
REQUIRED = VoicePolicy(security="required")


def test_the_policy_orders_the_codecs() -> None:
    offer = an_offer("m=audio 40000 RTP/AVP 0 8 9 107", "a=rtpmap:107 opus/48000/2")
    chosen = {codecs: answered(offer, voice=VoicePolicy(codecs)) for codecs in itertools.permutations(CODECS)}
    assert all(plan is not None and plan.terms.codec == codecs[0] for codecs, plan in chosen.items())


@pytest.mark.parametrize("place", ["255.255.255.255", "240.0.0.1", "0.1.2.3", "239.1.1.1", "fe80::1%eth0"])
def test_our_voice_goes_to_no_address_that_is_not_one_host(place: str) -> None:
    family, ours = ("IP6", "2001:db8::1") if ":" in place else ("IP4", "192.0.2.1")
    offer = parse_sdp(
        f"v=0\r\no=- 1 1 IN {family} {place}\r\ns=-\r\nc=IN {family} {place}\r\nt=0 0\r\n"
        "m=audio 40000 RTP/AVP 8\r\n".encode()
    )
    assert answered(offer, ours) is None
    assert refusal(offer, local_ip=ours, agent="us").code == 301


def test_a_codec_that_the_policy_lacks_is_not_answered() -> None:
    offer = an_offer("m=audio 40000 RTP/AVP 9")
    alaw = VoicePolicy(("PCMA",))
    assert answered(offer, voice=alaw) is None
    warning = refusal(offer, local_ip="192.0.2.1", agent="us", voice=alaw)
    assert str(warning) == '305 us "Incompatible media format: one of PCMA is needed"'


def test_keys_beside_opus_keep_the_clock_that_a_telephone_wrote() -> None:
    """libre names telephone-event at 8,000 Hz alone, whatever the codec."""
    rows = ("a=rtpmap:96 opus/48000/2", "a=rtpmap:101 telephone-event/8000")
    plan = plan_for("m=audio 40000 RTP/AVP 96 101", *rows)
    assert "a=rtpmap:101 telephone-event/8000" in answer_lines(plan)
    assert (plan.terms.event_payload_type, plan.terms.event_clock_hz) == (101, 8000)
    again = our_offer(voice=VoicePolicy(("opus",)), previous=plan).media[0]
    assert ("rtpmap", "101 telephone-event/8000") in again.attributes


def test_opus_is_answered_with_its_own_number_and_parameters() -> None:
    plan = plan_for("m=audio 40000 RTP/AVP 107", "a=rtpmap:107 opus/48000/2", "a=fmtp:107 maxptime=3;cbr=?")
    lines = answer_lines(plan)
    assert "a=rtpmap:107 opus/48000/2" in lines
    assert "a=fmtp:107 useinbandfec=1" in lines


@pytest.mark.parametrize("offered", ["sendrecv", "sendonly", "recvonly", "inactive"])
@pytest.mark.parametrize(("sends", "receives"), [(True, True), (True, False), (False, True), (False, False)])
def test_nobody_sends_who_was_not_asked_to(offered: str, sends: bool, receives: bool) -> None:
    plan = answered(an_offer("m=audio 40000 RTP/AVP 8", f"a={offered}"), sends=sends, receives=receives)
    assert plan is not None
    assert plan.terms.sends is (sends and offered in {"sendrecv", "recvonly"})
    assert plan.terms.receives is (receives and offered in {"sendrecv", "sendonly"})
    said = plan.local.direction_of(plan.local.media[0])
    assert (said in {"sendrecv", "sendonly"}, said in {"sendrecv", "recvonly"}) == (
        plan.terms.sends,
        plan.terms.receives,
    )


def test_a_secure_line_is_answered_with_its_tag_and_a_key_of_ours() -> None:
    offer = an_offer(
        "m=audio 5 RTP/SAVP 8",
        crypto_line(3, "AEAD_AES_256_GCM", 8),
        crypto_line(7, A32, 9),
        crypto_line(8, A80, 9),
    )
    plan = answered(offer, new_key=some_keys())
    assert plan is not None
    assert plan.terms.srtp == SrtpKeys(A32, b"\1" * 30, b"\x09" * 30)
    [line] = parse_sdp(plan.body).media
    assert line.protocol == "RTP/SAVP"
    assert [str(crypto) for crypto in usable_cryptos([line.attribute("crypto") or ""])] == [
        str(Crypto(7, A32, b"\1" * 30))
    ]


@pytest.mark.parametrize("protocol", ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"])
def test_the_profile_is_answered_as_offered(protocol: str) -> None:
    plan = answered(an_offer(f"m=audio 5 {protocol} 8", crypto_line(1, A80, 9)), new_key=some_keys())
    assert plan is not None
    assert plan.local.media[0].protocol == protocol
    assert (plan.terms.srtp is not None) is ("SAVP" in protocol)
    assert ("a=crypto" in plan.body.decode()) is ("SAVP" in protocol)


@pytest.mark.parametrize(
    ("line", "policy", "code", "word"),
    [
        ("m=audio 5 RTP/SAVP 8", VoicePolicy(security="never"), 302, "RTP/AVP is needed"),
        ("m=audio 5 RTP/AVP 8", REQUIRED, 302, "SRTP is required"),
        ("m=audio 5 UDP/TLS/RTP/SAVPF 8", VoicePolicy(), 302, "RTP/SAVP or RTP/AVP is needed"),
        ("m=audio 5 RTP/SAVP 18", REQUIRED, 305, "PCMA"),
    ],
)
def test_security_that_does_not_fit_is_refused(line: str, policy: VoicePolicy, code: int, word: str) -> None:
    offer = an_offer(line, crypto_line(1, A80, 9))
    assert answered(offer, voice=policy, new_key=some_keys()) is None
    warning = refusal(offer, local_ip="192.0.2.1", agent="us", voice=policy, has_keys=True)
    assert warning.code == code
    assert word in warning.text


def test_a_secure_line_without_a_usable_key_is_refused() -> None:
    for extra in ("", f"{crypto_line(1, A80, 9)} UNENCRYPTED_SRTP", crypto_line(1, "F8_128_HMAC_SHA1_80", 9)):
        offer = an_offer("m=audio 5 RTP/SAVP 8", *filter(None, [extra]))
        assert answered(offer, new_key=some_keys()) is None
        assert "a=crypto" in refusal(offer, local_ip="192.0.2.1", agent="us", has_keys=True).text


def test_a_secure_line_goes_before_a_plain_one_only_by_its_place() -> None:
    both = ("m=audio 5 RTP/SAVP 8", crypto_line(1, A80, 9), "m=audio 7 RTP/AVP 8")
    secure = answered(an_offer(*both), new_key=some_keys())
    plain = answered(an_offer(*both), voice=VoicePolicy(security="never"), new_key=some_keys())
    assert secure is not None
    assert plain is not None
    assert (secure.index, plain.index) == (0, 1)
    assert [line.port for line in plain.local.media] == [0, 4000]


def test_our_key_stays_while_theirs_does() -> None:
    keys = some_keys()
    first = answered(an_offer("m=audio 5 RTP/SAVP 8", crypto_line(1, A80, 9)), new_key=keys, local_port=0)
    assert first is not None
    again = answered(an_offer("m=audio 5 RTP/SAVP 8", crypto_line(1, A80, 9)), new_key=keys, previous=first)
    other = answered(an_offer("m=audio 5 RTP/SAVP 8", crypto_line(1, A80, 8)), new_key=keys, previous=first)
    assert again is not None
    assert other is not None
    assert again.terms.srtp == first.terms.srtp
    assert other.terms.srtp == SrtpKeys(A80, b"\2" * 30, b"\x08" * 30)


def test_a_dialog_stays_with_the_line_that_it_has() -> None:
    lines = ("m=audio 0 RTP/AVP 18", "m=audio 7 RTP/AVP 8")
    first = plan_for(*lines)
    assert first.index == 1
    again = answered(an_offer("m=audio 6 RTP/AVP 8", "m=audio 7 RTP/AVP 8"), previous=first)
    assert again is not None
    assert [line.port for line in again.local.media] == [0, 4000]


def test_our_own_offer_in_full() -> None:
    body = make_offer(local_ip="2001:db8::1", local_port=4000, session_id=7, session_version=2)
    assert body.decode().split("\r\n") == [
        "v=0",
        "o=- 7 2 IN IP6 2001:db8::1",
        "s=-",
        "c=IN IP6 2001:db8::1",
        "t=0 0",
        "m=audio 4000 RTP/AVP 8 0 9 111 101 110",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 useinbandfec=1",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=rtpmap:110 telephone-event/48000",
        "a=fmtp:110 0-15",
        "a=ptime:20",
        "a=sendrecv",
        "",
    ]


@given(
    codecs=st.permutations(CODECS).flatmap(
        lambda names: st.integers(1, len(names)).map(lambda count: tuple(names[:count]))
    ),
    theirs=st.permutations(CODECS).map(tuple),
    security=st.sampled_from(["never", "optional", "required"]),
    other=st.sampled_from(["optional", "required"]),
    ours=st.tuples(st.booleans(), st.booleans()),
    answers=st.tuples(st.booleans(), st.booleans()),
)
@settings(max_examples=150, deadline=None)
def test_two_of_us_agree_on_the_same_terms(
    codecs: tuple[str, ...],
    theirs: tuple[str, ...],
    security: Any,
    other: Any,
    ours: tuple[bool, bool],
    answers: tuple[bool, bool],
) -> None:
    voice = VoicePolicy(codecs, security)
    offer = our_offer(voice=voice, sends=ours[0], receives=ours[1], new_key=some_keys(1))
    plan = answered(
        offer,
        "192.0.2.9",
        5000,
        voice=VoicePolicy(theirs, other),
        sends=answers[0],
        receives=answers[1],
        new_key=some_keys(100),
    )
    if plan is None:
        assert (security, other) in {("never", "required"), ("optional", "required")}
        return
    read = read_answer(parse_sdp(plan.body), offer, local_ip="192.0.2.1", voice=voice)
    assert read is not None
    here, there = read.terms, plan.terms
    assert here.codec == there.codec
    assert (here.payload_type, here.event_payload_type) == (there.payload_type, there.event_payload_type)
    assert (here.sends, here.receives) == (there.receives, there.sends)
    assert (here.remote_ip, here.remote_port) == ("192.0.2.9", 5000)
    assert (here.srtp is None) is (there.srtp is None) is (security != "required")
    if here.srtp is not None and there.srtp is not None:
        assert here.srtp == SrtpKeys(there.srtp.suite, there.srtp.receive_key, there.srtp.send_key)
    # A second offer inside the dialog, from either side: lines, numbers and keys stay.
    for side, mate, ip in ((read, plan, "192.0.2.1"), (plan, read, "192.0.2.9")):
        again = parse_sdp(
            make_offer(
                local_ip=ip,
                local_port=4000,
                session_id=7,
                session_version=2,
                voice=voice,
                sends=True,
                receives=False,
                new_key=some_keys(50),
                previous=side,
            )
        )
        reply = choose_answer(
            again,
            local_ip=ip,
            local_port=1,
            session_id=1,
            session_version=1,
            voice=VoicePolicy((mate.terms.codec,), other),
            new_key=some_keys(60),
            previous=mate,
        )
        assert reply is not None
        assert (reply.terms.codec, reply.terms.srtp) == (mate.terms.codec, mate.terms.srtp)
        assert (reply.terms.sends, reply.terms.receives) == (False, True)


def test_a_second_offer_keeps_the_lines_of_the_first() -> None:
    first = plan_for("m=video 9 RTP/AVP 31", "m=audio 40000 RTP/AVP 107 99", "a=rtpmap:107 opus/48000/2")
    again = our_offer(previous=first, voice=VoicePolicy(("PCMA", "opus")))
    assert [(line.kind, line.port) for line in again.media] == [("video", 0), ("audio", 4000)]
    assert again.media[1].formats == ("8", "107", "101", "110")


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        (["m=audio 6000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000"], (0, 101, True)),
        (["m=audio 6000 RTP/AVP 0 8"], (0, None, True)),
        (["m=audio 6000 RTP/AVP 18 13 0 8"], (0, None, True)),
        (["m=audio 6000 RTP/AVP 8", "a=sendonly"], (8, None, False)),
        (["m=audio 6000 RTP/AVP 109", "a=rtpmap:109 opus/48000/2"], (109, None, True)),
        (["m=audio 0 RTP/AVP 8"], None),
        (["m=audio 6000 RTP/AVP 18"], None),
        (["m=audio 6000 RTP/SAVP 8"], None),
        (["m=video 6000 RTP/AVP 8"], None),
        (["m=audio 6000 RTP/AVP 8", "c=IN IP6 2001:db8::1"], None),
        ([], None),
    ],
)
def test_the_other_sides_first_choice_counts(media: list[str], expected: tuple[object, ...] | None) -> None:
    plan = read_answer(an_offer(*media), our_offer(), local_ip="192.0.2.1")
    assert (plan and (plan.terms.payload_type, plan.terms.event_payload_type, plan.terms.sends)) == expected


@pytest.mark.parametrize("line", ["", crypto_line(9, A80, 9), crypto_line(1, A32, 9)])
def test_an_answer_without_the_key_that_was_asked_for_is_none(line: str) -> None:
    offer = our_offer(voice=REQUIRED, new_key=some_keys())
    answer = an_offer("m=audio 6000 RTP/SAVP 8", *filter(None, [line]))
    assert read_answer(answer, offer, local_ip="192.0.2.1", voice=REQUIRED) is None


def test_srtp_cannot_be_offered_without_keys() -> None:
    with pytest.raises(LocalProtocolError):
        our_offer(voice=REQUIRED)
