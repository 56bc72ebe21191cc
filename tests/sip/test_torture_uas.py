"""The 61 torture messages of RFC 4475 and 5118, answered: by datagram and by stream.

Decision 020 names the section wherever an answer is not the one in index.tsv.
"""

from __future__ import annotations

import csv
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from registrar_rig import open_registrar
from sip_bench import TCP, UDP, Bench, a_request, names

from hotline.errors import RemoteProtocolError
from hotline.sip.events import CallArrived
from hotline.sip.flow import Flow
from hotline.sip.message import MalformedRequest, Request, Response, parse_message
from hotline.sip.stream import FramingError, StreamParser

TORTURE = Path(__file__).parent / "torture"
with (TORTURE / "index.tsv").open(encoding="utf-8", newline="") as file:
    INDEX = {row["name"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}

# What a user agent with every number and an open registrar answers; 200 to an INVITE means that the
# call was told, and accepted by the test. Empty: nothing may be said.
ANSWERS = {
    "wsinv": [481],  # its To has a tag: a call that we do not know
    "intmeth": [501],
    "esc01": [200],
    "escnull": [200],
    "esc02": [501],
    "lwsdisp": [200],
    "longreq": [200],
    "dblreq": [200],
    "semiuri": [200],
    "transports": [200],
    "mpart01": [405],
    "unreason": [],
    "noreason": [],
    "badinv01": [400],
    "clerr": [400],
    "ncl": [400],
    "scalar02": [400],
    "scalarlg": [],
    "quotbal": [400],
    "ltgtruri": [400],
    "lwsruri": [400],
    "lwsstart": [400],
    "trws": [200],
    "escruri": [400],
    "baddate": [200],
    "regbadct": [400],
    "badaspec": [200],
    "baddn": [200],
    "badvers": [505],
    "mismatch01": [400],
    "mismatch02": [400],
    "bigcode": [],
    "badbranch": [200],
    "insuf": [400],
    "unkscm": [416],
    "novelsc": [416],
    "unksm2": [404],
    "bext01": [420],
    "invut": [415],
    "regaut01": [401],
    "multi01": [400],
    "mcl01": [400],
    "bcast": [],
    "zeromf": [200],
    "cparam01": [200],
    "cparam02": [200],
    "regescrt": [200],
    "sdp01": [406],
    "inv2543": [200],
    "ipv6-good": [200],
    "ipv6-bad": [400],
    "port-ambiguous": [200],
    "port-unambiguous": [200],
    "via-received-param-with-delim": [481],
    "via-received-param-no-delim": [200],
    "ipv6-in-sdp": [488],  # G.726 and video
    "mult-ip-in-header": [481],
    "mult-ip-in-sdp": [200],
    "ipv4-mapped-ipv6": [488],
    "ipv6-bug-abnf-3-colons": [200],
    "ipv6-correct-abnf-2-colons": [200],
}
# On a stream: a message without a readable end breaks it, one that is not whole is waited for.
ON_A_STREAM = {"clerr": [], "baddn": [], "inv2543": [400]}
BREAKS_THE_STREAM = {"ncl", "mcl01", "inv2543"}
CALL_ID = re.compile(rb"(?im)^(?:call-id|i)[ \t]*:[ \t]*|z9hG4bK")
# Counted short by their transcribers: the octets left over are no SIP (decision 010).
LEFT_OVER = {"ipv6-in-sdp", "mult-ip-in-sdp", "ipv4-mapped-ipv6", "dblreq"}


def octets(name: str) -> bytes:
    return (TORTURE / INDEX[name]["file"]).read_bytes()


def a_bench(flow: Flow = UDP) -> Bench:
    """Stand elsewhere than at 192.0.2.1, where the messages want their voice."""
    return Bench(
        flow=replace(flow, local=("192.0.2.254", 5060)),
        answers_any=True,
        registrar=open_registrar("example.com"),
    )


def statuses(bench: Bench) -> list[int]:
    """Read the status lines; a response may hold the fault that it answers."""
    return [int(outgoing.data.split(b" ", 2)[1]) for outgoing in bench.ua.take_outbox()]


def answered(bench: Bench, messages: list[Request | Response | MalformedRequest]) -> list[int]:
    said: list[int] = []
    for message in messages:
        if isinstance(message, MalformedRequest):
            bench.ua.handle_malformed(message, bench.flow, bench.now)
        else:
            bench.ua.handle_message(message, bench.flow, bench.now)
        said += statuses(bench)
        for event in bench.events():
            assert isinstance(event, CallArrived)
            bench.ua.accept(event.call_id, "", 16000, bench.now)
            said += statuses(bench)
    return said


def test_each_message_of_the_index_has_its_answer() -> None:
    assert set(ANSWERS) == set(INDEX)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_torture_datagram_is_answered(name: str) -> None:
    bench = a_bench()
    messages: list[Request | Response | MalformedRequest] = []
    try:
        messages.append(parse_message(octets(name)))
    except MalformedRequest as error:
        messages.append(error)
    except RemoteProtocolError:
        assert ANSWERS[name] == []  # no request: nothing to answer
    assert answered(bench, messages) == ANSWERS[name]
    bench.run_out()
    assert (bench.ua.calls, bench.ua.transactions) == (0, 0)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_torture_stream_is_answered(name: str) -> None:
    bench = a_bench(TCP)
    parser, is_broken = StreamParser(), False
    try:
        messages = parser.feed(octets(name))
    except FramingError as error:
        messages, is_broken = error.messages, True
    said = answered(bench, messages)
    expected = ON_A_STREAM.get(name, ANSWERS[name])
    if name in LEFT_OVER:
        assert said[: len(expected)] == expected
    else:
        assert said == expected
        assert is_broken == (name in BREAKS_THE_STREAM)
    if name in {"clerr", "baddn"}:
        assert not parser.is_idle  # waits for the rest; the edge's timer ends that
    bench.run_out()


def test_an_extension_that_we_lack_is_named() -> None:
    [refusal] = a_bench().hear(octets("bext01"))
    assert refusal.headers.get("Unsupported") == "nothingSupportsThis, nothingSupportsThisEither"


def test_an_unknown_method_is_told_what_is_known() -> None:
    [refusal] = a_bench().hear(octets("intmeth"))
    assert "INVITE" in (refusal.headers.get("Allow") or "")


def test_an_unknown_body_is_told_what_is_known() -> None:
    refusal = a_bench().hear(octets("invut"))[-1]
    assert refusal.headers.get("Accept") == "application/sdp"


def test_an_unknown_authorization_scheme_gets_a_challenge_that_we_know() -> None:
    [refusal] = a_bench().hear(octets("regaut01"))
    challenges = refusal.headers.get_all("WWW-Authenticate")
    assert [challenge.split()[0] for challenge in challenges] == ["Digest", "Digest"]
    assert "algorithm=SHA-256" in challenges[0]


def test_contact_parameters_come_back_where_they_belong() -> None:
    [outside] = a_bench().hear(octets("cparam01"))
    [inside] = a_bench().hear(octets("cparam02"))
    assert outside.contacts[0].param("unknownparam") == ""
    assert outside.contacts[0].uri.param("unknownparam") is None
    assert inside.contacts[0].uri.param("unknownparam") == ""


def test_two_contacts_that_differ_in_nul_characters_are_two_bindings() -> None:
    [ok] = a_bench().hear(octets("escnull"))
    assert [contact.uri.user for contact in ok.contacts] == ["%00", "%00%00"]


def test_a_bare_cookie_is_no_key() -> None:
    bench = a_bench()
    bad = octets("badbranch").replace(b"OPTIONS", b"MESSAGE")  # an OPTIONS leaves no transaction
    other = bad.replace(b"badbranch.", b"otherbranch.")
    assert bench.statuses(bad) == [405]
    assert bench.statuses(other) == [405]
    assert bench.ua.transactions == 2
    bench.hear(other)
    assert bench.ua.transactions == 2


def test_an_ack_of_rfc_2543_ends_the_refusal_of_its_invite() -> None:
    bench = Bench()
    bench.hear(octets("inv2543"))
    [refusal] = [parse_message(outgoing.data) for outgoing in bench.outgoing[-1:]]
    assert names([refusal]) == [404]
    ack = octets("inv2543").replace(b"56 INVITE", b"56 ACK").replace(b"INVITE sip:", b"ACK sip:")
    stranger = ack.replace(b"ss1.example.net;user=phone", b"ss1.example.net;user=phone;tag=stranger")
    own = ack.replace(
        b"ss1.example.net;user=phone", f"ss1.example.net;user=phone;tag={refusal.to_tag}".encode()
    )
    bench.hear(stranger)
    assert bench.wait(0.6) == [(0.5, 404)]
    bench.hear(own)
    assert bench.wait(60.0) == []


def test_ten_thousand_damaged_datagrams_do_no_harm() -> None:
    """Flip, cut, repeat and splice octets of the corpus; then an OPTIONS is still answered."""
    chance = random.Random(20261123)
    corpus = [octets(name) for name in INDEX] + [
        path.read_bytes() for path in TORTURE.parent.glob("trunk_invites/*.sip")
    ]
    bench = Bench(answers_any=True, registrar=open_registrar("example.com"), max_calls=500)
    calls = 0
    for _ in range(10_000):
        data = damaged(chance, corpus)
        if chance.random() < 0.8:  # a call of its own, not one more copy
            data = CALL_ID.sub(b"\\g<0>%d" % chance.randrange(10**9), data)
        bench.now += 0.01
        try:
            bench.ua.handle_message(parse_message(data), bench.flow, bench.now)
        except MalformedRequest as error:
            bench.ua.handle_malformed(error, bench.flow, bench.now)
        except RemoteProtocolError:
            continue
        for event in bench.events():
            if isinstance(event, CallArrived):
                calls += 1
                bench.ua.accept(event.call_id, "", 16000, bench.now)
        while (due := bench.ua.next_timer()) is not None and due <= bench.now:
            bench.ua.handle_timer(bench.now)
        bench.ua.take_outbox()
    assert calls > 100  # the damage left some calls whole
    assert bench.statuses(a_request()) == [200]
    bench.run_out()
    assert (bench.ua.calls, bench.ua.transactions) == (0, 0)


def damaged(chance: random.Random, corpus: list[bytes]) -> bytes:
    data = bytearray(chance.choice(corpus))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(data) or 1)
        match chance.randrange(5):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : at + chance.randrange(40)]
            case 2:
                data[at:at] = data[at : at + chance.randrange(80)]
            case 3:
                other = chance.choice(corpus)
                data[at:] = other[chance.randrange(len(other)) :]
            case _:
                data[at:at] = chance.choice(
                    [b"\r\n", b";", b",", b"\x00", b'"', b"\xff\xfe", b"<", b"%00", b"9" * 30]
                )
    return bytes(data)
