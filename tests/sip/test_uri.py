"""URIs."""

from __future__ import annotations

import pytest
import sip_strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import RemoteProtocolError
from hotline.sip.uri import MAX_URI_LENGTH, Uri, escape_user, is_ipv6, parse_uri


@given(sip_strategies.uris)
@settings(max_examples=200)
def test_a_written_uri_reads_as_it_was(uri: Uri) -> None:
    assert parse_uri(str(uri)) == uri


@given(sip_strategies.uris)
@settings(max_examples=100)
def test_a_uri_matches_itself(uri: Uri) -> None:
    assert uri.matches(parse_uri(str(uri)))


@given(sip_strategies.uris, sip_strategies.uris)
@settings(max_examples=100)
def test_matching_is_symmetric(one: Uri, other: Uri) -> None:
    assert one.matches(other) == other.matches(one)


@given(st.text(max_size=40).map(lambda text: f"sip:{text}") | st.text(max_size=40))
@settings(max_examples=300)
def test_any_text_is_a_uri_or_a_protocol_error(text: str) -> None:
    try:
        uri = parse_uri(text)
    except RemoteProtocolError:
        return
    assert parse_uri(str(uri)) == uri


def test_the_parts_of_a_full_uri() -> None:
    uri = parse_uri(
        "SIP:alice:secret@Atlanta.example:5062;transport=TCP;lr?subject=project%20x&priority=urgent"
    )
    assert (uri.scheme, uri.user, uri.password) == ("sip", "alice", "secret")
    assert (uri.host, uri.port) == ("Atlanta.example", 5062)
    assert (uri.param("Transport"), uri.param("lr"), uri.param("ttl")) == ("TCP", "", None)
    assert uri.headers == (("subject", "project%20x"), ("priority", "urgent"))


@given(st.text(min_size=1, max_size=20))
@settings(max_examples=200)
def test_any_text_can_be_a_user(text: str) -> None:
    assert parse_uri(f"sip:{escape_user(text)}@192.0.2.1").user_decoded == text


def test_tel_has_a_number_and_a_context() -> None:
    uri = parse_uri("tel:96156;phone-context=+8610")
    assert (uri.scheme, uri.user, uri.param("phone-context"), uri.host) == ("tel", "96156", "+8610", "")


def test_an_ipv6_host_gives_its_address_without_brackets() -> None:
    assert parse_uri("sip:96156@[2001:db8::10]:5070").address == "2001:db8::10"


def test_a_parameter_can_be_set_and_replaced() -> None:
    uri = parse_uri("sip:a@b.example;x=1;y").with_param("X", "2").with_param("lr", None)
    assert str(uri) == "sip:a@b.example;X=2;y;lr"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:@example.com",
        "sip:a@",
        "sip:a@b@c.example",
        "sip:a@b.example:",
        "sip:a@b.example:0",
        "sip:a@b.example:65536",
        "sip:a@b.example:123456",
        "sip:a@b.example;",
        "sip:a@b.example;;lr",
        "sip:a@b.example;=x",
        "sip:a@b.example?x",
        "sip:a@b.example?",
        "sip:a b@c.example",
        "sip:a\r\nVia: x@c.example",
        "sip:a\0@c.example",
        "sip:2001:db8::10",
        "sip:[2001:db8::10",
        "sip:[2001:zz::10]",
        "sip:[1:2:3:4:5:6:7:8:9]",
        "<sip:a@b.example>",
        "alice@example.com",
        "tel:",
        "tel:+",
        "tel:---",
        "tel:abc",
        "tel:ring me",
        "urn:",
        ":x",
    ],
)
def test_a_broken_uri_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="cannot read the URI"):
        parse_uri(text)


def test_a_huge_uri_is_told_apart() -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        parse_uri("sip:" + "a" * MAX_URI_LENGTH + "@example.com")
    assert raised.value.status_hint == 414


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # The examples of RFC 3261, 19.1.4.
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("tel:+86-10-96156", "tel:+861096156"),
        ("tel:96156;phone-context=+8610", "tel:96-156;phone-context=+86-10"),
        ("sip:a%2fb@c.example", "sip:a%2Fb@c.example"),
    ],
)
def test_equivalent_uris_match(one: str, other: str) -> None:
    assert parse_uri(one).matches(parse_uri(other))
    assert parse_uri(other).matches(parse_uri(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:biloxi.com", "sip:biloxi.com;maddr=192.0.2.1"),
        ("sip:a%40b@c.example", "sip:a%41b@c.example"),
        ("tel:96156;phone-context=+8610", "tel:96156;phone-context=+8621"),
        ("urn:a", "urn:b"),
        ("sip:a@b.example", "sip:a:@b.example"),
    ],
)
def test_other_uris_do_not_match(one: str, other: str) -> None:
    assert not parse_uri(one).matches(parse_uri(other))
    assert not parse_uri(other).matches(parse_uri(one))


@pytest.mark.parametrize("text", ["::1", "2001:db8::192.0.2.1", "2001:db8:::192.0.2.1", "::ffff:192.0.2.2"])
def test_an_ipv6_address_is_known(text: str) -> None:
    assert is_ipv6(text)


@pytest.mark.parametrize("text", ["", "1", "192.0.2.1", "::1::", "fe80::1%eth0", "::::", "1:::2:::3"])
def test_what_is_no_ipv6_address_is_known(text: str) -> None:
    assert not is_ipv6(text)
