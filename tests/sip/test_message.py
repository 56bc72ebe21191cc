"""Messages: reading, writing, answering, and cutting them out of a stream."""

from __future__ import annotations

import pytest
import sip_strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import LocalProtocolError, RemoteProtocolError
from hotline.sip.message import (
    MAX_HEADER_BYTES,
    REASONS,
    Headers,
    MalformedRequest,
    Request,
    Response,
    is_keepalive,
    note_source,
    parse_message,
    response_to,
)
from hotline.sip.stream import FramingError, StreamParser
from hotline.sip.uri import parse_uri


def an_invite(*lines: str, body: str = "", without: str = "", start: str = "") -> bytes:
    """Build an INVITE; lines replace the header of their name, or are added."""
    fields = {
        "Via": "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
        "Max-Forwards": "70",
        "From": '"Zhang" <sip:zhang@example.com>;tag=1',
        "To": "<sip:96156@example.com>",
        "Call-ID": "1@example.com",
        "CSeq": "1 INVITE",
        "Contact": "<sip:zhang@192.0.2.1>",
    }
    fields.pop(without, None)
    for line in lines:
        name, _, value = line.partition(": ")
        fields[name] = value
    head = [
        start or "INVITE sip:96156@example.com SIP/2.0",
        *(f"{name}: {value}" for name, value in fields.items()),
    ]
    if without != "Content-Length":
        head.append(f"Content-Length: {len(body.encode())}")
    return "\r\n".join([*head, "", body]).encode()


def an_invite_read(*lines: str, body: str = "") -> Request:
    message = parse_message(an_invite(*lines, body=body))
    assert isinstance(message, Request)
    return message


def refused(data: bytes) -> MalformedRequest:
    with pytest.raises(MalformedRequest) as raised:
        parse_message(data)
    return raised.value


@given(sip_strategies.requests() | sip_strategies.responses())
@settings(max_examples=150)
def test_a_written_message_reads_as_it_was(message: Request | Response) -> None:
    assert parse_message(message.to_bytes()) == message


@given(st.lists(sip_strategies.requests() | sip_strategies.responses(), min_size=1, max_size=3), st.data())
@settings(max_examples=60)
def test_a_stream_cut_anywhere_gives_the_same_messages(
    messages: list[Request | Response], data: st.DataObject
) -> None:
    stream = b"".join(message.to_bytes() for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    parser = StreamParser()
    found = [
        message
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for message in parser.feed(stream[start:end])
    ]
    assert found == messages
    assert parser.is_idle


@given(st.binary(max_size=200) | st.binary(max_size=80).map(lambda octets: an_invite() + octets))
@settings(max_examples=300)
def test_no_octets_bring_out_another_error(octets: bytes) -> None:
    for read in (parse_message, StreamParser().feed):
        try:
            read(octets)
        except RemoteProtocolError:
            continue


def test_the_typed_view_of_an_invite() -> None:
    message = an_invite_read(
        "Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>",
        "Record-Route: <sip:p3.example.com;lr>",
        "k: timer,100rel",
        "Require: 100rel",
        "c: application/sdp",
        "Expires: 60",
        body="v=0\r\n",
    )
    assert (message.method, message.uri.user, message.body) == ("INVITE", "96156", b"v=0\r\n")
    assert message.top_via.branch == "z9hG4bK1"
    assert (message.from_.display_name, message.from_tag, message.to_tag) == ("Zhang", "1", None)
    assert (message.call_id, message.cseq.number, message.max_forwards) == ("1@example.com", 1, 70)
    assert [route.uri.host for route in message.routes] == ["p1.example.com", "p2.example.com"]
    assert [route.uri.host for route in message.record_routes] == ["p3.example.com"]
    assert (message.supported, message.require, message.expires) == (("timer", "100rel"), ("100rel",), 60)
    assert message.content_type is not None
    assert message.content_type.essence == "application/sdp"
    assert message.contacts[0].uri.user == "zhang"
    assert message.accept is None


def test_a_message_without_content_length_goes_to_the_end() -> None:
    assert parse_message(an_invite(body="abc", without="Content-Length")).body == b"abc"


def test_octets_behind_content_length_are_ignored() -> None:
    assert parse_message(an_invite(body="abc") + b"def").body == b"abc"


def test_empty_lines_before_the_start_line_are_skipped() -> None:
    assert parse_message(b"\r\n\r\n" + an_invite()) == parse_message(an_invite())


def test_a_body_is_bytes() -> None:
    data = an_invite(body="12345678").replace(b"12345678", b"\0\xff\r\n\r\n\x80\n")
    assert parse_message(data).body == b"\0\xff\r\n\r\n\x80\n"


def test_octets_that_are_no_utf8_are_echoed_as_they_came() -> None:
    data = an_invite("From: X <sip:a@b.example>;tag=1").replace(b"X <", b'"\xd5\xc5\xc8\xfd" <')
    message = parse_message(data)
    assert isinstance(message, Request)
    assert message.from_.display_name == "张三"
    assert (
        b'From: "\xd5\xc5\xc8\xfd" <sip:a@b.example>;tag=1\r\n'
        in response_to(message, 200, to_tag="x").to_bytes()
    )


@pytest.mark.parametrize(
    ("lines", "without"),
    [
        ([], "Via"),
        ([], "From"),
        ([], "To"),
        ([], "Call-ID"),
        ([], "CSeq"),
        (["f: <sip:a@b.example>"], ""),
        (["t: <sip:a@b.example>"], ""),
        (["i: 2"], ""),
        (["max-forwards: 1"], ""),
        (["CSEQ: 1 INVITE"], ""),
        (["Max-Forwards: 256"], ""),
        (["Max-Forwards: -1"], ""),
        (["CSeq: 2147483648 INVITE"], ""),
        (["CSeq: 1 BYE"], ""),
        (["CSeq: 1 invite"], ""),
        (["Contact: *"], ""),
        (["Contact: <sip:a@b.example>;;"], ""),
        (["Via: SIP/2.0/UDP"], ""),
        (["Call-ID: a b"], ""),
        (["Expires: soon"], ""),
        (["Content-Type: sdp"], ""),
        (["Require: a b"], ""),
        (["Route: sip:a@b.example;"], ""),
        (["Content-Length: 1", "l: 1"], ""),
        (["Content-Length: x"], ""),
        (["bad name: x"], ""),
        (["no colon at all"], ""),
        (["\u212a: timer"], ""),
        (["X-Control: a\x07b"], ""),
        (["X-Control: a\\\x07b"], ""),
        (["X-Null: a\0b"], ""),
        (["X-Bare: a\rb"], ""),
        (["X-Bare: a\nb"], ""),
        (["From: a\x07 <sip:a@b.example>"], ""),
    ],
)
def test_a_faulty_request_is_refused_with_400(lines: list[str], without: str) -> None:
    assert refused(an_invite(*lines, without=without)).status_hint == 400


@pytest.mark.parametrize(
    ("start", "status"),
    [
        ("INVITE sip:a@b.example SIP/3.0", 505),
        ("INVITE sip:a@b.example SIP/1.0", 505),
        ("INVITE sip:a@b.example sip/2.0", None),
        ("INVITE sip:a@b.example SIP/2.0 ", None),
        ("INVITE  sip:a@b.example SIP/2.0", 400),
        ("INVITE sip:a@b.example  SIP/2.0", 400),
        (" INVITE sip:a@b.example SIP/2.0", 400),
        ("INVITE sip:a@b.example SIP/2.0 x", 400),
        ("INVITE <sip:a@b.example> SIP/2.0", 400),
        ("INVITE sip:a@b.example?Route=x SIP/2.0", 400),
        ("INV(ITE sip:a@b.example SIP/2.0", 400),
        ("INVITE sip:a\x01@b.example SIP/2.0", 400),
        ("INVITE sip:" + "a" * 3000 + "@b.example SIP/2.0", 414),
    ],
)
def test_the_start_line_is_checked(start: str, status: int | None) -> None:
    if status is None:
        assert parse_message(an_invite(start=start)).cseq.method == "INVITE"
    else:
        assert refused(an_invite(start=start)).status_hint == status


@pytest.mark.parametrize(
    "start",
    [
        "SIP/2.0 99 Low",
        "SIP/2.0 700 High",
        "SIP/2.0 2000 OK",
        "SIP/2.0 OK",
        "SIP/3.0 200 OK",
        "SIP/2.0  200 OK",
    ],
)
def test_a_faulty_response_cannot_be_answered(start: str) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        parse_message(an_invite(start=start))
    assert not isinstance(raised.value, MalformedRequest)


def test_a_fold_behind_the_start_line_is_no_header() -> None:
    assert refused(an_invite().replace(b"SIP/2.0\r\nVia", b"SIP/2.0\r\n Via", 1)).status_hint == 400


@pytest.mark.parametrize(
    "data", [b"", b"\r\n", b"\0\0\0\0", b"GET / HTTP/1.1\r\n\r\n", b"\x80" * 100, b"hello\r\n\r\n"]
)
def test_what_is_no_sip_cannot_be_answered(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="not SIP") as raised:
        parse_message(data)
    assert not isinstance(raised.value, MalformedRequest)


def test_too_large_a_content_length_is_refused() -> None:
    assert refused(an_invite("Content-Length: 10", body="abc", without="Content-Length")).status_hint == 400


def test_too_large_headers_are_refused_with_513() -> None:
    error = refused(an_invite("X-Long: " + "x" * MAX_HEADER_BYTES))
    assert error.status_hint == 513
    response = error.response()
    assert response is not None
    assert response.call_id == "1@example.com"


def test_too_many_header_fields_are_refused_with_513() -> None:
    data = an_invite().replace(b"Max-Forwards: 70\r\n", b"Max-Forwards: 70\r\n" + b"X: y\r\n" * 300)
    assert refused(data).status_hint == 513


def test_a_refusal_copies_what_could_be_read() -> None:
    response = refused(
        an_invite("Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK9;;", "Max-Forwards: 999")
    ).response(to_tag="t")
    assert response is not None
    assert response.to_bytes() == (
        b"SIP/2.0 400 Bad Request\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK9;;\r\n"
        b'From: "Zhang" <sip:zhang@example.com>;tag=1\r\n'
        b"To: <sip:96156@example.com>;tag=t\r\n"
        b"Call-ID: 1@example.com\r\n"
        b"CSeq: 1 INVITE\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def test_a_refusal_knows_where_to_go_from_a_broken_via() -> None:
    via = refused(an_invite("Via: SIP/2.0/UDP 192.0.2.9:5070;;x")).via
    assert via is not None
    assert (via.host, via.port) == ("192.0.2.9", 5070)


def test_nothing_is_refused_without_a_via() -> None:
    error = refused(an_invite("Via: nonsense"))
    assert error.via is None
    assert error.response() is None


def test_an_ack_is_never_refused() -> None:
    error = refused(an_invite("CSeq: 1 INVITE", start="ACK sip:96156@example.com SIP/2.0"))
    assert error.method == "ACK"
    assert error.response() is None


def test_a_response_copies_what_belongs_to_the_transaction() -> None:
    request = an_invite_read(
        "Via: SIP/2.0/UDP a.example;branch=z9hG4bK1 , SIP/2.0/UDP b.example", "Timestamp: 54"
    )
    response = response_to(request, 486, to_tag="x1")
    assert parse_message(response.to_bytes()) == response
    assert (response.status, response.reason) == (486, "Busy Here")
    assert response.vias == request.vias
    assert response.headers.get("Via") == request.headers.get("Via")
    assert (response.to_tag, response.from_tag, response.call_id, response.cseq) == (
        "x1",
        "1",
        request.call_id,
        request.cseq,
    )
    assert "Timestamp" not in response.headers


def test_trying_carries_the_timestamp() -> None:
    response = response_to(an_invite_read("Timestamp: 54"), 100)
    assert response.headers.get("Timestamp") == "54"
    assert response.to_tag is None


def test_a_tag_that_is_there_stays() -> None:
    response = response_to(an_invite_read("To: <sip:a@b.example>;tag=old"), 200, to_tag="new")
    assert response.to_tag == "old"


def test_a_tag_inside_the_uri_is_no_tag() -> None:
    response = response_to(an_invite_read("To: <sip:a@b.example;tag=uri>"), 200, to_tag="new")
    assert response.to_tag == "new"


def test_a_reason_of_ones_own_is_written() -> None:
    assert (
        response_to(an_invite_read(), 503, "Draining", to_tag="x")
        .to_bytes()
        .startswith(b"SIP/2.0 503 Draining\r\n")
    )


def test_content_length_is_counted_whatever_the_headers_say() -> None:
    message = Response(200, "OK", Headers([("Content-Length", "999")]), "正文".encode())
    assert message.to_bytes().endswith(b"Content-Length: 6\r\n\r\n\xe6\xad\xa3\xe6\x96\x87")
    assert message.to_bytes().count(b"Content-Length") == 1


@pytest.mark.parametrize(
    ("via", "expected"),
    [
        ("SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1"),
        ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=192.0.2.7"),
        ("SIP/2.0/UDP a.example;branch=z9hG4bK1", "SIP/2.0/UDP a.example;branch=z9hG4bK1;received=192.0.2.7"),
        (
            "SIP/2.0/UDP 192.0.2.7;rport;branch=z9hG4bK1",
            "SIP/2.0/UDP 192.0.2.7;rport=5099;branch=z9hG4bK1;received=192.0.2.7",
        ),
        (
            "SIP/2.0/UDP 10.0.0.1;received=1.2.3.4;branch=z9hG4bK1, SIP/2.0/UDP b.example",
            "SIP/2.0/UDP 10.0.0.1;received=192.0.2.7;branch=z9hG4bK1, SIP/2.0/UDP b.example",
        ),
    ],
)
def test_the_source_is_noted_in_the_top_via(via: str, expected: str) -> None:
    request = an_invite_read(f"Via: {via}")
    note_source(request, "192.0.2.7", 5099)
    assert request.headers.get_all("Via") == [expected]
    assert request.top_via.received == (None if "received" not in expected else "192.0.2.7")


def test_other_via_lines_stay_as_they_came() -> None:
    request = an_invite_read("Via: SIP/2.0/UDP a.example;branch=z9hG4bK1", "v: SIP / 2.0/UDP b.example ;x")
    note_source(request, "192.0.2.7", 5099)
    assert request.headers.get_all("Via") == [
        "SIP/2.0/UDP a.example;branch=z9hG4bK1;received=192.0.2.7",
        "SIP / 2.0/UDP b.example ;x",
    ]


def test_the_first_field_can_be_written_over() -> None:
    headers = Headers([("X-A", "1"), ("X-B", "2"), ("X-A", "3")])
    headers.replace_first("x-a", "4")
    headers.replace_first("X-C", "5")
    assert headers.items() == [("x-a", "4"), ("X-B", "2"), ("X-A", "3"), ("X-C", "5")]


def test_headers_can_be_walked_through() -> None:
    headers = Headers([("v", "1"), ("X-B", "2")])
    assert list(headers) == [("Via", "1"), ("X-B", "2")]
    assert repr(headers) == "Headers([('Via', '1'), ('X-B', '2')])"
    assert headers != [("Via", "1"), ("X-B", "2")]


def test_header_names_have_no_case_and_compact_forms() -> None:
    headers = Headers([("v", "1"), ("VIA", "2"), ("X-Own", "3")])
    assert headers.get_all("Via") == ["1", "2"]
    assert headers.get("x-own") == "3"
    assert headers.items() == [("Via", "1"), ("Via", "2"), ("X-Own", "3")]
    assert "V" in headers
    assert "To" not in headers


def test_headers_keep_their_order() -> None:
    headers = Headers([("X-A", "1"), ("X-B", "2"), ("x-a", "3")])
    headers.set("X-A", "4")
    headers.insert_first("X-C", "5")
    headers.add("X-D", "6")
    headers.remove("x-b")
    assert headers.items() == [("X-C", "5"), ("X-A", "4"), ("X-D", "6")]
    assert len(headers) == 3


def test_a_copy_changes_apart() -> None:
    one = Headers([("A", "1")])
    other = one.copy()
    other.set("A", "2")
    assert (one.get("A"), other.get("A")) == ("1", "2")


def test_a_typed_value_follows_a_change() -> None:
    request = an_invite_read()
    assert request.top_via.branch == "z9hG4bK1"
    request.headers.insert_first("Via", "SIP/2.0/UDP p.example;branch=z9hG4bK2")
    assert request.top_via.branch == "z9hG4bK2"


@pytest.mark.parametrize("value", ["a\r\nVia: b", "a\nb", "a\rb", "a\0b"])
def test_a_header_that_would_break_the_line_is_our_bug(value: str) -> None:
    with pytest.raises(LocalProtocolError):
        Headers().add("Subject", value)


@pytest.mark.parametrize("name", ["", "a b", "a:", "名"])
def test_a_header_name_that_is_no_token_is_our_bug(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        Headers().set(name, "x")


def test_every_status_has_a_reason_of_its_class() -> None:
    assert all(100 <= status <= 699 and reason for status, reason in REASONS.items())


@pytest.mark.parametrize(
    ("data", "is_one"), [(b"\r\n\r\n", True), (b"\0", True), (b"", True), (b"\r\nx", False)]
)
def test_keepalives_are_known(data: bytes, is_one: bool) -> None:
    assert is_keepalive(data) is is_one


def test_pings_between_messages_are_counted() -> None:
    parser = StreamParser()
    assert len(parser.feed(b"\r\n\r\n" + an_invite() + b"\r\n\r\n" + an_invite() + b"\r\n\r\n")) == 2
    assert parser.take_pings() == 3
    assert parser.take_pings() == 0
    assert parser.is_idle


def test_a_ping_that_comes_in_pieces_is_counted() -> None:
    parser = StreamParser()
    for octet in b"\r\n\r\n":
        assert parser.feed(bytes([octet])) == []
    assert parser.take_pings() == 1
    assert parser.is_idle


def test_a_faulty_request_does_not_stop_a_stream() -> None:
    found = StreamParser().feed(an_invite("Max-Forwards: 999") + an_invite())
    assert isinstance(found[0], MalformedRequest)
    assert isinstance(found[1], Request)


def test_a_faulty_response_is_dropped_from_a_stream() -> None:
    found = StreamParser().feed(an_invite("CSeq: x", start="SIP/2.0 200 OK") + an_invite())
    assert [type(message) for message in found] == [Request]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (an_invite(without="Content-Length"), 400),
        (an_invite("Content-Length: -1", without="Content-Length"), 400),
        (an_invite("Content-Length: 5", "l: 5", without="Content-Length"), 400),
        (an_invite("Content-Length: 70000", without="Content-Length"), 513),
        (an_invite("X-Long: " + "x" * MAX_HEADER_BYTES), 513),
        (an_invite("X-Long: " + "x" * MAX_HEADER_BYTES)[:-200], 513),
    ],
)
def test_a_stream_that_cannot_be_cut_is_answered_once(data: bytes, status: int) -> None:
    parser = StreamParser()
    with pytest.raises(FramingError) as raised:
        parser.feed(an_invite() + data)
    good, bad = raised.value.messages
    assert isinstance(good, Request)
    assert isinstance(bad, MalformedRequest)
    assert bad.status_hint == status
    with pytest.raises(FramingError) as again:
        parser.feed(an_invite())
    assert again.value.messages == []


def test_a_stream_of_something_else_is_broken() -> None:
    with pytest.raises(FramingError) as raised:
        StreamParser().feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert raised.value.messages == []


def test_an_endless_line_is_not_kept() -> None:
    parser = StreamParser()
    with pytest.raises(FramingError):
        any(parser.feed(b"x" * 1000) for _ in range(100))


def test_a_stream_waits_for_a_whole_body() -> None:
    parser = StreamParser()
    data = an_invite(body="abcdef")
    assert parser.feed(data[:-1]) == []
    assert not parser.is_idle
    assert parser.feed(data[-1:]) == [parse_message(data)]


def test_a_response_can_be_built_by_hand() -> None:
    headers = Headers(
        [("Via", "SIP/2.0/UDP a.example"), ("From", "<sip:a@b.example>"), ("To", "<sip:c@d.example>")]
    )
    request = Request("OPTIONS", parse_uri("sip:a@b.example"), headers)
    with pytest.raises(LocalProtocolError, match="Call-ID"):
        response_to(request, 200, to_tag="x")


def test_two_messages_of_one_text_change_apart() -> None:
    one, other = an_invite_read(), an_invite_read()
    note_source(one, "198.51.100.1", 5062)
    one.headers.set("From", "<sip:li@example.com>;tag=2")
    assert other == an_invite_read()
    assert (one.top_via.received, other.top_via.received) == ("198.51.100.1", None)
    assert (one.from_tag, other.from_tag) == ("2", "1")


@pytest.mark.parametrize("length", [1, 255, 256, 257, 2000])
def test_a_text_reads_the_same_whether_its_reading_is_kept_or_not(length: int) -> None:
    user = "u" * length
    for _ in range(2):
        message = an_invite_read(f"From: <sip:{user}@example.com>;tag=1", f"Contact: <sip:{user}@192.0.2.1>")
        assert message.from_.uri.user == message.contacts[0].uri.user == user
        faulty = f"From: <sip:{user}@exa mple>;tag=1"
        assert refused(an_invite(faulty)).status_hint == 400


@pytest.mark.parametrize("name", ["Contact", "contact", "CONTACT", "cOnTaCt", "m", "M", "Contact ", "m\t"])
def test_a_header_name_reads_in_every_spelling(name: str) -> None:
    read = parse_message(an_invite(f"{name}: <sip:li@192.0.2.9>", without="Contact"))
    assert [contact.uri.user for contact in read.contacts] == ["li"]
    assert ("Contact", "<sip:li@192.0.2.9>") in read.headers.items()
