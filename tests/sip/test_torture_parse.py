"""Every torture message of RFC 4475 and RFC 5118, and 10,000 damaged ones."""

from __future__ import annotations

import contextlib
import csv
import random
from pathlib import Path

import pytest

from hotline.errors import RemoteProtocolError
from hotline.sip.fields import LONG_NAME
from hotline.sip.headers import (
    parse_credentials,
    parse_date,
    parse_name_addrs,
    parse_privacy,
    parse_rack,
    parse_retry_after,
    parse_session_expires,
    parse_warnings,
)
from hotline.sip.message import MalformedRequest, Request, Response, parse_message
from hotline.sip.numbers import called_number, caller_identity
from hotline.sip.offer import choose_answer
from hotline.sip.sdp import parse_sdp
from hotline.sip.stream import FramingError, StreamParser

HERE = Path(__file__).parent
with (HERE / "torture" / "index.tsv").open(encoding="utf-8", newline="") as file:
    INDEX = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
# Decision 010 names the section of each.
LENIENT = {"trws", "baddate", "badaspec", "baddn", "badbranch", "bcast"}


def octets(name: str) -> bytes:
    return next((HERE / "torture" / row["file"]).read_bytes() for row in INDEX if row["name"] == name)


def parsed(name: str) -> Request:
    message = parse_message(octets(name))
    assert isinstance(message, Request)
    return message


def test_the_index_names_every_file() -> None:
    files = {str(path.relative_to(HERE / "torture")) for path in (HERE / "torture").glob("rfc*/*.dat")}
    assert {row["file"] for row in INDEX} == files
    assert len(files) == 61


@pytest.mark.parametrize("row", INDEX, ids=lambda row: row["name"])
def test_a_torture_message_parses_or_is_refused_as_the_index_says(row: dict[str, str]) -> None:
    data = (HERE / "torture" / row["file"]).read_bytes()
    if row["parse"] == "ok":
        message = parse_message(data)
        assert parse_message(message.to_bytes()) == message
        return
    with pytest.raises(RemoteProtocolError) as raised:
        parse_message(data)
    if row["parse"] == "drop":
        assert not isinstance(raised.value, MalformedRequest)
        return
    assert isinstance(raised.value, MalformedRequest)
    assert raised.value.status_hint == int(row["parse"])
    response = raised.value.response(to_tag="t1")
    assert response is not None
    assert response.to_bytes().startswith(f"SIP/2.0 {row['parse']} ".encode())


@pytest.mark.parametrize("row", INDEX, ids=lambda row: row["name"])
def test_what_the_index_calls_invalid_is_refused_but_for_the_documented_six(row: dict[str, str]) -> None:
    assert (row["parse"] == "ok") == (row["class"] == "valid" or row["name"] in LENIENT)


# On a stream inv2543 lacks its Content-Length, baddn its empty line, and dblreq is two messages.
STREAMED = [
    row for row in INDEX if row["parse"] == "ok" and row["name"] not in {"inv2543", "baddn", "dblreq"}
]


@pytest.mark.parametrize("row", STREAMED, ids=lambda row: row["name"])
@pytest.mark.parametrize("step", [1, 13, 4000])
def test_a_stream_gives_what_a_datagram_gives(row: dict[str, str], step: int) -> None:
    data = (HERE / "torture" / row["file"]).read_bytes()
    expected = parse_message(data)
    parser = StreamParser()
    found: list[object] = []
    # Some transcriptions count their bodies short: what is left over is no SIP and breaks the stream.
    try:
        for start in range(0, len(data), step):
            found += parser.feed(data[start : start + step])
    except FramingError as error:
        found += error.messages
        assert row["rfc"] == "5118"
    assert found[0] == expected


def test_wsinv_keeps_its_odd_values() -> None:
    message = parsed("wsinv")
    assert [via.host for via in message.vias] == ["192.0.2.2", "spindle.example.com", "192.168.255.111"]
    assert message.from_.display_name == 'J Rosenberg \\"'
    assert message.to_tag == "1918181833n"
    assert (message.max_forwards, message.cseq.number) == (68, 9)
    assert message.headers.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert message.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.headers.get("subject") == ""
    assert message.contacts[0].param("q") == "0.33"
    assert message.contacts[0].display_name == 'Quoted string ""'


def test_intmeth_keeps_every_legal_character() -> None:
    message = parsed("intmeth")
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.to.display_name == "BEL: NUL: DEL:"
    assert message.to.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.from_.param("fromParam''~+*_!.-%") == "работающий"
    assert message.from_.display_name == "token1~` token2'+_ token3*%!.-"


def test_esc01_is_decoded_once() -> None:
    message = parsed("esc01")
    assert message.uri.user_decoded == "sips:user@example.com"
    assert message.contacts[0].uri.params == (("%6C%72", None), ("n%61me", "v%61lue%25%34%31"))


def test_escnull_has_two_different_contacts() -> None:
    first, second = parsed("escnull").contacts
    assert (first.uri.user_decoded, second.uri.user_decoded) == ("\0", "\0\0")
    assert not first.uri.matches(second.uri)


def test_esc02_decodes_neither_method_nor_header_name() -> None:
    message = parsed("esc02")
    assert message.method == "RE%47IST%45R"
    assert [contact.uri.user for contact in message.contacts] == ["alias1", "alias3"]
    assert message.from_.display_name == "%Z%45"


def test_dblreq_ignores_the_second_message() -> None:
    assert parsed("dblreq").method == "REGISTER"
    assert parsed("dblreq").body == b""


def test_dblreq_is_two_messages_on_a_stream() -> None:
    data = octets("dblreq").replace(b"Content-Length: 150", b"Content-Length: 3")
    found = StreamParser().feed(data[: data.index(b"v=0") + 3])
    assert [message.method for message in found if isinstance(message, Request)] == ["REGISTER", "INVITE"]


def test_semiuri_keeps_the_semicolon_in_the_user() -> None:
    assert parsed("semiuri").uri.user_decoded == "user;par=u@example.net"


def test_unreason_keeps_its_reason() -> None:
    message = parse_message(octets("unreason"))
    assert isinstance(message, Response)
    assert message.reason.startswith("= 2**3 * 5**2 но сто")


def test_noreason_has_an_empty_reason() -> None:
    message = parse_message(octets("noreason"))
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (100, "")


def test_parameters_without_brackets_belong_to_the_header() -> None:
    assert parsed("cparam01").contacts[0].params == (("unknownparam", None),)
    assert parsed("cparam02").contacts[0].uri.params == (("unknownparam", None),)


def test_other_schemes_are_kept() -> None:
    assert parsed("unkscm").uri.scheme == "nobodyknowsthisscheme"
    assert str(parsed("novelsc").uri) == "soap.beep://192.0.2.103:3002"
    assert [str(parsed("unksm2").to.uri), str(parsed("unksm2").from_.uri)] == [
        "isbn:2983792873",
        "http://www.example.com",
    ]


def test_received_is_read_with_and_without_brackets() -> None:
    assert parsed("via-received-param-with-delim").top_via.received == "2001:db8::9:255"
    assert parsed("via-received-param-no-delim").top_via.received == "2001:db8::9:255"


def test_a_port_needs_the_bracket_closed() -> None:
    assert (parsed("port-ambiguous").uri.address, parsed("port-ambiguous").uri.port) == (
        "2001:db8::10:5070",
        None,
    )
    assert parsed("port-unambiguous").uri.port == 5070


def test_baddate_is_read_as_no_date() -> None:
    date = parsed("baddate").headers.get("Date")
    assert date is not None
    assert parse_date(date) is None


def test_regaut01_has_credentials_of_an_unknown_scheme() -> None:
    credentials = parse_credentials(parsed("regaut01").headers.get("Authorization") or "")
    assert (credentials.scheme, credentials.raw) == ("NoOneKnowsThisScheme", "opaque-data=here")


def test_multi01_is_answered_with_the_first_of_each() -> None:
    with pytest.raises(MalformedRequest) as raised:
        parse_message(octets("multi01"))
    response = raised.value.response()
    assert response is not None
    assert response.cseq.number == 5


OTHER_PARSERS = (
    ("Retry-After", parse_retry_after),
    ("Session-Expires", parse_session_expires),
    ("Date", parse_date),
    ("Authorization", parse_credentials),
    ("RAck", parse_rack),
)


def read_everything(data: bytes) -> None:
    """Read a message and all in it, as the product would; only RemoteProtocolError may come out."""
    try:
        message = parse_message(data)
    except MalformedRequest as error:
        response = error.response(to_tag="t")
        if response is not None:
            response.to_bytes()
        return
    except RemoteProtocolError:
        return
    # After parse_message these never raise.
    _ = message.vias, message.from_tag, message.to_tag, message.call_id, message.cseq, message.contacts
    _ = message.routes, message.record_routes, message.max_forwards, message.content_type
    _ = message.require, message.supported, message.expires, message.accept, message.contact_is_star
    assert parse_message(message.to_bytes()) == message
    if isinstance(message, Request):
        called_number(message.uri, ["96156", "user"], "10")
        caller = caller_identity(message, "10", trusted=True)
        (caller.number + caller.raw).encode()
    for name, parse in OTHER_PARSERS:
        value = message.headers.get(name)
        if value is not None:
            with contextlib.suppress(RemoteProtocolError):
                parse(value)
    for parse_all in (parse_warnings, parse_privacy):
        with contextlib.suppress(RemoteProtocolError):
            parse_all(message.headers.get_all("Warning"))
    with contextlib.suppress(RemoteProtocolError):
        parse_name_addrs(message.headers.get_all("P-Asserted-Identity"), "P-Asserted-Identity")
    try:
        offer = parse_sdp(message.body)
    except RemoteProtocolError:
        return
    assert parse_sdp(offer.to_bytes()) == offer
    choose_answer(offer, local_ip="192.0.2.1", local_port=4000, session_id=1, session_version=1)


def damage(data: bytes, chance: random.Random) -> bytes:
    """Change a message in one to four places."""
    mutated = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(mutated) + 1)
        end = min(len(mutated), at + chance.choice([0, 1, 1, 2, 20]))
        kind = chance.randrange(6)
        if kind == 0:
            mutated[at:end] = b""
        elif kind == 1:
            mutated[at:end] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 4)))
        elif kind == 2:
            mutated[at:end] = chance.choice(
                [b"\r\n", b";", b",", b'"', b"<", b">", b"\\", b":", b"\0", b"@", b" "]
            )
        elif kind == 3:
            mutated[at:at] = mutated[at:end] * chance.randint(1, 50)
        elif kind == 4:
            mutated[at:end] = chance.choice(
                [b"[", b"]", b"%", b"%0", b"=", b"*", b"\r", b"\n", b"999999999999", b"-1"]
            )
        else:
            name = chance.choice(list(LONG_NAME)).encode()
            mutated[at:at] = b"\r\n" + name + b": " + bytes(mutated[at:end])
    return bytes(mutated)


def test_no_damage_brings_out_another_error() -> None:
    chance = random.Random(4475)
    messages = [(HERE / "torture" / row["file"]).read_bytes() for row in INDEX]
    messages += [path.read_bytes() for path in sorted((HERE / "trunk_invites").glob("*.sip"))]
    for _ in range(10_000):
        read_everything(damage(chance.choice(messages), chance))


def test_no_damage_brings_another_error_out_of_a_stream() -> None:
    chance = random.Random(5118)
    messages = [(HERE / "torture" / row["file"]).read_bytes() for row in INDEX]
    for _ in range(1_000):
        data = damage(chance.choice(messages), chance) + damage(chance.choice(messages), chance)
        parser = StreamParser()
        cut = chance.randrange(len(data) + 1)
        try:
            parser.feed(data[:cut])
            parser.feed(data[cut:])
        except FramingError:
            with pytest.raises(FramingError):
                parser.feed(b"")
