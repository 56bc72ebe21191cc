"""Transfers: Refer-To, Replaces, sipfrag, Event and Subscription-State."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest
import sip_strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import RemoteProtocolError
from hotline.sip.refer import (
    ReferTo,
    parse_refer_sub,
    parse_refer_to,
    parse_referred_by,
    read_sipfrag,
    write_sipfrag,
)
from hotline.sip.replaces import Replaces, parse_replaces
from hotline.sip.subscription import Event, SubscriptionState, parse_event, parse_subscription_state

call_ids = st.text("abcXYZ019.-+%*~<>:/?[]{}()\"'@!", min_size=1, max_size=20)
own_params = st.lists(
    st.tuples(sip_strategies.words.map(lambda word: f"x-{word}"), st.none() | sip_strategies.tokens),
    max_size=2,
).map(tuple)
all_replaces = st.builds(
    Replaces, call_ids, sip_strategies.tokens, sip_strategies.tokens, st.booleans(), own_params
)
targets = sip_strategies.sip_uris.map(
    lambda uri: replace(uri, headers=(), params=tuple(p for p in uri.params if p[0].lower() != "method"))
)
refer_tos = st.builds(
    ReferTo, targets, st.sampled_from(["INVITE", "BYE"]), st.none() | all_replaces, sip_strategies.texts
)


@settings(max_examples=100, deadline=None)
@given(all_replaces)
def test_replaces_is_read_as_it_was_written(replaces: Replaces) -> None:
    assert parse_replaces(str(replaces)) == replaces


@settings(max_examples=100, deadline=None)
@given(refer_tos)
def test_refer_to_is_read_as_it_was_written(refer_to: ReferTo) -> None:
    assert parse_refer_to(str(refer_to)) == refer_to


def test_the_example_of_rfc_3891() -> None:
    refer_to = parse_refer_to(
        "<sip:dave@denver.example.org?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>"
    )
    assert str(refer_to.uri) == "sip:dave@denver.example.org"
    assert refer_to.replaces == Replaces("12345@192.168.118.3", "12345", "5FFE-3994")


@pytest.mark.parametrize(
    "text",
    [
        "1001",
        "<sip:a@b?Replaces=x>",
        "<sip:a@b?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2&Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>",
        "<sip:a@b?Replaces=x%0D%0AEvil%3A%201%3Bto-tag%3D1%3Bfrom-tag%3D2>",
        "sip:a@b?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2",
        "",
    ],
)
def test_a_bad_refer_to_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_refer_to(text)


def test_other_headers_of_refer_to_are_left_out() -> None:
    assert (
        str(parse_refer_to("<sip:a@b;method=BYE?Route=%3Csip:evil%3E&Subject=x>")) == "<sip:a@b;method=BYE>"
    )


def test_a_telephone_number_may_be_referred_to() -> None:
    refer_to = parse_refer_to("<tel:+861065241234;method=BYE>")
    assert (str(refer_to.uri), refer_to.method) == ("tel:+861065241234;method=BYE", "INVITE")


@pytest.mark.parametrize(
    "text",
    [
        "x;to-tag=1",
        "x;from-tag=1",
        ";to-tag=1;from-tag=2",
        "x;to-tag=1;to-tag=2;from-tag=3",
        "x;to-tag=;from-tag=2",
        "x;to-tag=1;from-tag=2 y",
        "x y;to-tag=1;from-tag=2",
        "",
    ],
)
def test_a_bad_replaces_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_replaces(text)


@pytest.mark.parametrize(("text", "wants"), [("true", True), ("FALSE ", False), ("false;x=1", False)])
def test_refer_sub_is_read(text: str, wants: bool) -> None:
    assert parse_refer_sub(text) is wants


def test_referred_by_names_the_transferor() -> None:
    assert parse_referred_by('"Li" <sip:1001@house>;cid="x@y"').uri.user == "1001"


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b"SIP/2.0 180 Ringing\r\n", (180, "Ringing")),
        (b"sip/2.0 200 OK\r\nContact: <sip:a@b>\r\n\r\n", (200, "OK")),
        (b"SIP/2.0 603", (603, "")),
        (b"\r\nSIP/2.0 486 \xd0\xd5\x01\r\n", (486, "姓")),
        (b"SIP/3.0 200 OK\r\n", None),
        (b"SIP/2.0 99 OK\r\n", None),
        (b"SIP/2.0 700 OK\r\n", None),
        (b"", None),
    ],
)
def test_a_fragment_says_how_a_call_goes(body: bytes, read: tuple[int, str] | None) -> None:
    assert read_sipfrag(body) == read


@settings(max_examples=100, deadline=None)
@given(st.integers(100, 699), sip_strategies.texts)
def test_a_fragment_is_read_as_it_was_written(status: int, reason: str) -> None:
    assert read_sipfrag(write_sipfrag(status, reason)) == (
        status,
        reason or read_sipfrag(write_sipfrag(status))[1],  # type: ignore[index]
    )


def test_a_fragment_cannot_be_given_a_second_line() -> None:
    assert write_sipfrag(486, "Busy\r\nContact: x") == b"SIP/2.0 486 BusyContact: x\r\n"


def test_a_fragment_without_words_gets_the_usual_ones() -> None:
    assert write_sipfrag(503) == b"SIP/2.0 503 Service Unavailable\r\n"


@settings(max_examples=100, deadline=None)
@given(sip_strategies.tokens.map(str.lower), sip_strategies.params)
def test_event_and_state_are_read_as_they_were_written(
    word: str, params: tuple[tuple[str, str | None], ...]
) -> None:
    assert parse_event(str(Event(word, params))) == Event(word, params)
    state = SubscriptionState(word, params)
    assert parse_subscription_state(str(state)) == state


def test_an_event_names_its_package() -> None:
    event = parse_event("Refer;id=93809824")
    assert (event.package, event.id) == ("refer", "93809824")


def test_a_subscription_goes_on_for_a_time() -> None:
    state = SubscriptionState.active(60)
    assert (str(state), state.is_over, state.expires_s) == ("active;expires=60", False, 60)
    assert parse_subscription_state("active;expires=soon").expires_s is None
    assert parse_subscription_state("active").expires_s is None


def test_a_subscription_ends_with_a_reason() -> None:
    state = SubscriptionState.terminated("noresource").with_param("retry-after", "5")
    assert (str(state), state.is_over) == ("terminated;reason=noresource;retry-after=5", True)
    assert (state.reason, SubscriptionState("terminated").reason) == ("noresource", "")


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(
        [
            parse_refer_to,
            parse_replaces,
            parse_referred_by,
            parse_refer_sub,
            parse_event,
            parse_subscription_state,
        ]
    ),
    st.text(max_size=60) | st.text('<>sip:@a?=;&%3B"\\ to-tagfrom', max_size=60),
)
def test_any_text_is_read_or_refused(parse: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(RemoteProtocolError):
        parse(text)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100))
def test_any_octets_are_a_fragment_or_none(body: bytes) -> None:
    found = read_sipfrag(body)
    assert found is None or 100 <= found[0] <= 699
