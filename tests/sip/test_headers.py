"""Typed header fields."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sip_strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import RemoteProtocolError
from hotline.sip.grammar import get_param, printable, quote, set_param, unquote
from hotline.sip.headers import (
    MAX_EXPIRES,
    CSeq,
    MediaType,
    NameAddr,
    RAck,
    SessionExpires,
    Via,
    Warning,
    parse_accept,
    parse_call_id,
    parse_contact,
    parse_credentials,
    parse_cseq,
    parse_date,
    parse_expires,
    parse_max_forwards,
    parse_media_type,
    parse_name_addr,
    parse_name_addrs,
    parse_privacy,
    parse_rack,
    parse_retry_after,
    parse_rseq,
    parse_session_expires,
    parse_tokens,
    parse_via,
    parse_warnings,
)


@given(sip_strategies.name_addrs)
@settings(max_examples=200)
def test_a_written_name_addr_reads_as_it_was(value: NameAddr) -> None:
    assert parse_name_addr(str(value), "From") == value


@given(st.lists(sip_strategies.name_addrs, min_size=1, max_size=4))
@settings(max_examples=100)
def test_a_written_list_reads_as_it_was(values: list[NameAddr]) -> None:
    assert parse_name_addrs([", ".join(map(str, values))], "Contact") == tuple(values)


@given(st.lists(sip_strategies.vias, min_size=1, max_size=4))
@settings(max_examples=100)
def test_written_vias_read_as_they_were(values: list[Via]) -> None:
    assert parse_via([",".join(map(str, values))]) == tuple(values)


@given(st.text())
@settings(max_examples=200)
def test_quoting_can_be_undone(text: str) -> None:
    assert unquote(quote(text)) == text


@given(st.binary(max_size=40))
@settings(max_examples=200)
def test_printable_text_can_be_stored_and_shown_on_one_line(octets: bytes) -> None:
    text = printable(octets.decode("utf-8", "surrogateescape"))
    text.encode()
    assert len(text.splitlines()) <= 1
    assert not any(ord(character) < 32 for character in text)


def test_a_gb18030_name_is_read() -> None:
    text = b'"\xd5\xc5\xc8\xfd" <sip:zhang@example.com>'.decode("utf-8", "surrogateescape")
    assert parse_name_addr(text, "From").display_name == "张三"


def test_marks_that_turn_text_round_are_dropped() -> None:
    assert printable("1234\u202e5678\x1b[2J\x85") == "12345678[2J"


@given(st.text(alphabet='"\\<>;:,= \tsip:a@b*', max_size=60))
@settings(max_examples=300)
def test_no_text_brings_another_error_out_of_the_parsers(text: str) -> None:
    parsers = [
        lambda: parse_name_addr(text, "To"),
        lambda: parse_name_addrs([text], "Contact"),
        lambda: parse_contact([text]),
        lambda: parse_via([text]),
        lambda: parse_accept([text]),
        lambda: parse_credentials(text),
        lambda: parse_warnings([text]),
        lambda: parse_session_expires(text),
        lambda: parse_tokens([text], "Require"),
        lambda: parse_rack(text),
        lambda: parse_privacy([text]),
        lambda: parse_retry_after(text),
        lambda: parse_date(text),
    ]
    for parse in parsers:
        try:
            parse()
        except RemoteProtocolError:
            continue


def test_via_with_rport_and_received() -> None:
    (via,) = parse_via(["SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx;rport=5061;received=192.0.2.7"])
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "10.0.0.1", 5060, "z9hG4bKx")
    assert (via.rport, via.received, via.wants_rport, via.has_cookie) == (5061, "192.0.2.7", True, True)


@pytest.mark.parametrize(
    "rport", [";rport", ";rport=", ";rport=0", ";rport=70000", ";rport=x", ";rport=123456"]
)
def test_a_useless_rport_is_none(rport: str) -> None:
    text = "SIP/2.0/UDP a.example;branch=z9hG4bKx" + rport.removesuffix("=")
    (via,) = parse_via([text])
    assert via.rport is None
    assert via.wants_rport


@pytest.mark.parametrize(("branch", "is_unique"), [("z9hG4bK", False), ("Z9HG4BKx", True), ("1", False)])
def test_a_bare_cookie_is_no_key(branch: str, is_unique: bool) -> None:
    assert parse_via([f"SIP/2.0/UDP a.example;branch={branch}"])[0].has_cookie is is_unique


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0 a.example",
        "SIP/2.0/UDP a.example:0",
        "SIP/2.0/UDP a.example:99999",
        "SIP/2.0/UDP [::zz]",
        "SIP/2.0/UDP a.example;",
        "SIP/2.0/UDP a.example,",
        "SIP/2.0/UDP a.example x",
        "SIP/2.0/UDP 192.0.2.15;;,;,,",
    ],
)
def test_a_broken_via_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="Via"):
        parse_via([text])


@pytest.mark.parametrize(
    ("text", "name", "uri", "tag"),
    [
        ("sip:a@b.example;tag=1", "", "sip:a@b.example", "1"),
        ("<sip:a@b.example;tag=2>", "", "sip:a@b.example;tag=2", None),
        ("caller<sip:a@b.example>;tag=3", "caller", "sip:a@b.example", "3"),
        ('"A, B" <sip:a@b.example>', "A, B", "sip:a@b.example", None),
        ("Bell, Alexander <sip:a@b.example>;tag=43", "Bell, Alexander", "sip:a@b.example", "43"),
        ("< sip:a@b.example >", "", "sip:a@b.example", None),
        ("北京 <sip:a@b.example>", "北京", "sip:a@b.example", None),
        ('"" <tel:+8610>', "", "tel:+8610", None),
        ("<sip:a,b;c?d@e.example>;TAG=4", "", "sip:a,b;c?d@e.example", "4"),
    ],
)
def test_a_name_addr_is_read(text: str, name: str, uri: str, tag: str | None) -> None:
    value = parse_name_addr(text, "To")
    assert (value.display_name, str(value.uri), value.tag) == (name, uri, tag)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"Mr. J. User <sip:j.user@example.com>',
        "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
        "<sip:a@b.example",
        "<sip:a@b.example>;;",
        "<sip:a@b.example> x",
        "sip:a,b@c.example",
        "<>",
        "*",
        '<sip:a@b.example>;tag="x',
    ],
)
def test_a_broken_name_addr_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_name_addr(text, "To")


def test_contacts_may_share_a_line() -> None:
    contacts = parse_contact(['"A" <sip:a@b.example>;q=0.5, sip:c@d.example;expires=60', "<sip:e@f.example>"])
    assert contacts is not None
    assert [contact.uri.user for contact in contacts] == ["a", "c", "e"]
    assert contacts[1].param("expires") == "60"


def test_a_lone_star_means_all_contacts() -> None:
    assert parse_contact([" * "]) is None


def test_a_star_beside_a_contact_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        parse_contact(["*", "<sip:a@b.example>"])


def test_a_tag_can_be_added() -> None:
    assert str(parse_name_addr("<sip:a@b.example>", "To").with_param("tag", "x")) == "<sip:a@b.example>;tag=x"


def test_parameters_are_found_without_regard_to_case() -> None:
    assert get_param((("Tag", '"a\\"b"'),), "tAG") == 'a"b'
    assert set_param((("A", "1"), ("b", None)), "a", "2") == (("a", "2"), ("b", None))


@pytest.mark.parametrize(
    ("text", "value"), [("0009 INVITE", CSeq(9, "INVITE")), ("2147483647 BYE", CSeq(2**31 - 1, "BYE"))]
)
def test_cseq_is_read(text: str, value: CSeq) -> None:
    assert parse_cseq(text) == value


@pytest.mark.parametrize(
    "text", ["", "1", "INVITE", "-1 INVITE", "2147483648 INVITE", "1 INVITE x", "١ INVITE"]
)
def test_a_broken_cseq_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="CSeq"):
        parse_cseq(text)


@pytest.mark.parametrize("text", ["", "a b", "a\0b", "a\udc80b"])
def test_a_broken_call_id_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="Call-ID"):
        parse_call_id(text)


@pytest.mark.parametrize("text", ["256", "-1", "", "x", "1.0", "1e2"])
def test_a_broken_max_forwards_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="Max-Forwards"):
        parse_max_forwards(text)


def test_a_huge_expires_is_the_greatest() -> None:
    assert parse_expires("1" + "0" * 100) == MAX_EXPIRES == 4294967295
    assert parse_expires("4294967295") == parse_expires("4294967296") == MAX_EXPIRES
    assert parse_expires("0" * 100 + "60") == 60


def test_content_type_keeps_its_parameters() -> None:
    value = parse_media_type('Multipart/Mixed ; boundary="a;b"')
    assert value == MediaType("multipart", "mixed", (("boundary", '"a;b"'),))
    assert (value.essence, value.param("boundary")) == ("multipart/mixed", "a;b")


@pytest.mark.parametrize("text", ["", "application", "application/", "a/b, c/d", "a/b c", "a/b;"])
def test_a_broken_content_type_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="Content-Type"):
        parse_media_type(text)


@pytest.mark.parametrize(
    ("accept", "takes_sdp"),
    [
        ("application/sdp", True),
        ("text/html, application/*;q=0.1", True),
        ("*/*", True),
        ("text/nobodyKnowsThis", False),
        ("", False),
        ("application/sdp;q=0", False),
    ],
)
def test_accept_tells_what_the_sender_takes(accept: str, takes_sdp: bool) -> None:
    assert any(value.covers("application/sdp") for value in parse_accept([accept])) is takes_sdp


def test_option_tags_are_listed() -> None:
    assert parse_tokens(["100rel,timer", " replaces"], "Supported") == ("100rel", "timer", "replaces")
    assert parse_tokens([""], "Supported") == ()


def test_a_comma_too_many_in_a_list_of_words_is_passed_over() -> None:
    assert parse_tokens(["100rel,,timer,"], "Supported") == ("100rel", "timer")
    assert [value.essence for value in parse_accept(["application/sdp, "])] == ["application/sdp"]


@pytest.mark.parametrize("text", ["a b", "a;b", "a, b c", "名"])
def test_a_broken_list_of_option_tags_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="Require"):
        parse_tokens([text], "Require")


def test_rack_is_read() -> None:
    assert parse_rack("776656 1 INVITE") == RAck(776656, CSeq(1, "INVITE"))
    assert str(parse_rack("776656 1 INVITE")) == "776656 1 INVITE"


@pytest.mark.parametrize("text", ["0", "4294967296", "x", ""])
def test_a_broken_rseq_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="RSeq"):
        parse_rseq(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1800", SessionExpires(1800)),
        ("1800 ; Refresher=UAC", SessionExpires(1800, "uac")),
        ("90;refresher=nobody;x", SessionExpires(90)),
    ],
)
def test_session_expires_is_read(text: str, value: SessionExpires) -> None:
    assert parse_session_expires(text) == value
    assert parse_session_expires(str(value)) == value


@pytest.mark.parametrize("text", ["", "x", "1800;", "1800 uac"])
def test_a_broken_session_expires_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="Session-Expires"):
        parse_session_expires(text)


def test_privacy_words_are_split() -> None:
    assert parse_privacy(["id;Critical", "header, user"]) == {"id", "critical", "header", "user"}


def test_a_date_in_gmt_is_read() -> None:
    assert parse_date("Sat, 13 Nov 2010 23:29:00 GMT") == datetime(2010, 11, 13, 23, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "GMT", "Fri, 01 Jan 2010 16:00:00 EST", "Fri, 99 Jan 2010 16:00:00 GMT"]
)
def test_another_date_is_none(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize("text", ["18000;duration=3600", "120 (I'm in a meeting)", "120"])
def test_retry_after_gives_its_seconds(text: str) -> None:
    assert parse_retry_after(text) in {18000, 120}


@pytest.mark.parametrize("text", ["", "soon", "949302838503028349304023988", "12 x"])
def test_a_broken_retry_after_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="Retry-After"):
        parse_retry_after(text)


def test_a_warning_is_read_as_written() -> None:
    warning = Warning(305, "192.0.2.1", 'Not "G.729"')
    assert parse_warnings([f"{warning}, {warning}"]) == (warning, warning)


def test_a_warning_with_four_digits_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="Warning"):
        parse_warnings(['1812 overture "In Progress"'])


def test_digest_credentials_are_read() -> None:
    text = 'Digest username="+8621@sh.example", realm="a\\"b", nc=00000001, qop=auth, uri="sip:a@b.example"'
    credentials = parse_credentials(text)
    assert credentials.scheme == "Digest"
    assert [credentials.param(name) for name in ("username", "realm", "nc", "QOP", "uri", "nonce")] == [
        "+8621@sh.example",
        'a"b',
        "00000001",
        "auth",
        "sip:a@b.example",
        None,
    ]


@pytest.mark.parametrize("text", ["", "Digest", "Digest x", 'Digest a="b" c="d"', "Digest a=b,"])
def test_broken_digest_credentials_are_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="Authorization"):
        parse_credentials(text)


def test_a_plain_via_has_neither_rport_nor_received() -> None:
    (via,) = parse_via(["SIP/2.0/UDP 10.0.0.1"])
    assert (via.rport, via.received, via.wants_rport, via.branch) == (None, None, False, None)
    assert not via.has_cookie
