"""What is fuzzed: one reader for each parser, fed with any octets.

A reader may let out nothing: the parsers' own error is caught here, everything else is a finding. What
was read is written and read again, and must come out the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from plane_readers import WORDS, media_seeds, read_media, read_trunk_file, trunk_seeds

from hotline.errors import RemoteProtocolError
from hotline.events.ids import CallId
from hotline.sip.body import parts_of
from hotline.sip.call_headers import diversions, parse_alerts, parse_early_media, parse_reasons
from hotline.sip.config import UserAgentConfig
from hotline.sip.dialling import ClientSecret
from hotline.sip.digest_client import DigestClient
from hotline.sip.dtmf_info import read_dtmf
from hotline.sip.fields import LONG_NAME
from hotline.sip.flow import Flow
from hotline.sip.grammar import printable
from hotline.sip.headers import (
    COMPACT,
    parse_credentials,
    parse_date,
    parse_name_addrs,
    parse_privacy,
    parse_rack,
    parse_retry_after,
    parse_rseq,
    parse_session_expires,
    parse_tokens,
    parse_warnings,
)
from hotline.sip.inspection import KNOWN_METHODS
from hotline.sip.message import (
    Headers,
    MalformedRequest,
    Request,
    Response,
    note_source,
    parse_message,
    response_to,
)
from hotline.sip.numbers import called_number, caller_identity
from hotline.sip.offer import choose_answer, make_offer, read_answer, refusal
from hotline.sip.refer import parse_refer_sub, parse_refer_to, parse_referred_by, read_sipfrag
from hotline.sip.replaces import parse_replaces
from hotline.sip.sdes import parse_crypto
from hotline.sip.sdp import parse_sdp
from hotline.sip.session_timer import SessionTimer, TimerWish, negotiate
from hotline.sip.stream import FramingError, StreamParser
from hotline.sip.subscription import parse_event, parse_subscription_state
from hotline.sip.uri import parse_uri
from hotline.sip.user_agent import UserAgent

SIP: Final = Path(__file__).parents[1] / "sip"

WRITTEN_AGAIN: Final[tuple[tuple[str, Callable[[str], Any]], ...]] = (
    ("RAck", parse_rack),
    ("Session-Expires", parse_session_expires),
    ("Refer-To", parse_refer_to),
    ("Referred-By", parse_referred_by),
    ("Replaces", parse_replaces),
    ("Event", parse_event),
    ("Subscription-State", parse_subscription_state),
)
"""Headers of one value, whose text can be made again from what was read."""
READ_ONLY: Final[tuple[tuple[str, Callable[[str], Any]], ...]] = (
    ("Retry-After", parse_retry_after),
    ("RSeq", parse_rseq),
    ("Date", parse_date),
    ("Refer-Sub", parse_refer_sub),
    ("Authorization", parse_credentials),
    ("WWW-Authenticate", parse_credentials),
)
LISTS: Final[tuple[tuple[str, Callable[[list[str]], Any]], ...]] = (
    ("Warning", parse_warnings),
    ("Reason", parse_reasons),
    ("Alert-Info", parse_alerts),
    ("P-Early-Media", parse_early_media),
    ("Privacy", parse_privacy),
    ("Allow", lambda values: parse_tokens(values, "Allow")),
    ("P-Asserted-Identity", lambda values: parse_name_addrs(values, "P-Asserted-Identity")),
    ("Path", lambda values: parse_name_addrs(values, "Path")),
    ("Diversion", lambda values: diversions(values, values)),
)


def read_sip(data: bytes) -> None:
    """Read a message, whole and as a stream, and every header that the product looks at."""
    with contextlib.suppress(FramingError):
        parser = StreamParser()
        parser.feed(data[: len(data) // 2])
        parser.feed(data[len(data) // 2 :])
    try:
        message = parse_message(data)
    except MalformedRequest as error:
        response = error.response(to_tag="t")
        if response is not None:
            response.to_bytes()
        return
    except RemoteProtocolError:
        return
    assert parse_message(message.to_bytes()) == message
    _read_headers(message.headers)
    if isinstance(message, Request):
        _read_request(message)
    else:
        TimerWish().raised(message)
        SessionTimer().refreshed(message, 0.0)


def read_sdp(data: bytes) -> None:
    """Read a session description, answer it, and take it for an answer."""
    try:
        read = parse_sdp(data)
    except RemoteProtocolError:
        return
    assert parse_sdp(read.to_bytes()) == read
    for media in read.media:
        for name, value in media.attributes:
            if name == "crypto" and value is not None:
                with contextlib.suppress(RemoteProtocolError):
                    crypto = parse_crypto(value)
                    assert parse_crypto(str(crypto)) == crypto
    where: dict[str, Any] = {"local_port": 4000, "session_id": 1, "session_version": 1}
    for local_ip in ("192.0.2.1", "2001:db8::1"):
        plan = choose_answer(read, local_ip=local_ip, new_key=lambda: bytes(30), **where)
        refusal(read, local_ip=local_ip, agent="us", has_keys=True)
        if plan is not None:
            assert parse_sdp(plan.body) == plan.local
            make_offer(local_ip=local_ip, previous=plan, new_key=lambda: bytes(30), **where)
        ours = parse_sdp(make_offer(local_ip=local_ip, **where))
        read_answer(read, ours, local_ip=local_ip)


def read_uri(data: bytes) -> None:
    """Read a URI, compare it with itself, and look for our number in it."""
    text = data.decode("utf-8", "surrogateescape")
    for parse in (parse_uri, parse_refer_to):
        with contextlib.suppress(RemoteProtocolError):
            read = parse(text)
            assert parse(str(read)) == read
    with contextlib.suppress(RemoteProtocolError):
        uri = parse_uri(text)
        assert uri.matches(uri)
        str(uri).encode()
        called_number(uri, ["96156", "user"], "10")


def read_digest(data: bytes) -> None:
    """Read credentials and challenges, and answer them."""
    text = data.decode("utf-8", "surrogateescape")
    with contextlib.suppress(RemoteProtocolError):
        parse_credentials(text)
    request = Request("REGISTER", parse_uri("sip:house"), Headers())
    for status, name in ((401, "WWW-Authenticate"), (407, "Proxy-Authenticate")):
        challenged = Response(status, "", Headers())
        for line in text.split("\n")[:3]:
            challenged.headers.append_parsed(name.lower(), name, line.replace("\r", ""))
        client = DigestClient(ClientSecret("1001", "secret"), lambda: "token")
        if client.take(challenged, request):
            for header, value in client.headers("REGISTER", "sip:house"):
                parse_credentials(value)
                request.headers.append_parsed(header.lower(), header, value)
            client.take(challenged, request)


def read_agent(data: bytes) -> None:
    """Hand datagrams, separated by a line of its own, to a user agent that answers what it can."""
    count = iter(range(1, 1_000_000))
    agent = UserAgent(
        UserAgentConfig(("96156",)), lambda: CallId(f"c{next(count)}"), lambda: f"token{next(count):011}"
    )
    flow, now = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.7", 5060), 1), 0.0
    for datagram in data.split(b"\n--\n")[:8]:
        now += 0.7
        try:
            agent.handle_message(parse_message(datagram), flow, now)
        except MalformedRequest as error:
            agent.handle_malformed(error, flow, now)
            agent.take_outbox()  # it gives back what it could not read
        except RemoteProtocolError:
            continue
        for event in agent.take_events():
            if type(event).__name__ == "CallArrived":
                agent.accept(event.call_id, "", 4000, now)
        for outgoing in agent.take_outbox():
            parse_message(outgoing.data)
        agent.handle_timer(now)


READERS: Final = {
    "sip": read_sip,
    "sdp": read_sdp,
    "uri": read_uri,
    "digest": read_digest,
    "agent": read_agent,
    "media": read_media,
    "trunks": read_trunk_file,
}


SEEDS: Final = {"media": media_seeds, "trunks": trunk_seeds}


def seeds_of(name: str) -> list[bytes]:
    """Give what a reader starts from: torture messages, INVITEs of carriers, and parts of them."""
    files = sorted([*SIP.glob("torture/rfc*/*.dat"), *SIP.glob("trunk_invites/*.sip")])
    messages = [file.read_bytes() for file in files]
    if name in SEEDS:
        return SEEDS[name]()
    if name == "sip":
        return [*messages, _with_every_header()]
    if name == "agent":
        return messages + [b"\n--\n".join((message, message)) for message in messages[-4:]]
    if name == "sdp":
        bodies = [message.partition(b"\r\n\r\n")[2] for message in messages]
        return [body for body in bodies if body.startswith(b"v=")] + [_SECURE_SDP]
    if name == "uri":
        return [word for message in messages for word in message.split()[1:2]] + list(_URIS)
    return list(_CHALLENGES)


def words_of(name: str) -> list[bytes]:
    """Give the words that a reader knows, for the fuzzer to put in."""
    marks = [
        b"\r\n",
        b"\r\n ",
        b";",
        b",",
        b"<",
        b">",
        b'"',
        b"\\",
        b"%00",
        b"%0d",
        b"=",
        b"*",
        b"[::1]",
        b"::",
    ]
    marks += [b"4294967296", b"2147483648", b"99999999999999999999", b"-1", b"\xd0\xd5", b"\xff"]
    headers = [f"\r\n{key}: ".encode() for key in (*LONG_NAME.values(), *COMPACT)]
    by_name = {
        "sip": [
            *headers,
            *(method.encode() for method in sorted(KNOWN_METHODS)),
            b"SIP/2.0",
            b"z9hG4bK",
            b"100rel",
        ],
        "sdp": [
            b"\nm=audio ",
            b"\na=crypto:",
            b"\na=rtpmap:",
            b"\nc=IN IP4 ",
            b"RTP/SAVPF",
            b"a=inactive",
            b"|2^20",
        ],
        "uri": [b"sip:", b"sips:", b"tel:", b";phone-context=", b"?Replaces=", b"%3Bto-tag%3D", b";method="],
        "digest": [b"Digest ", b", nc=", b'qop="auth"', b"algorithm=SHA-256-sess", b"stale=true", b'nonce="'],
    }
    by_name |= WORDS
    by_name["agent"] = [*by_name["sip"], b"\n--\n", b";tag=token0000000002"]
    return marks + by_name[name]


def _read_headers(headers: Headers) -> None:
    for name, parse in WRITTEN_AGAIN:
        for text in headers.get_all(name):
            with contextlib.suppress(RemoteProtocolError):
                read = parse(text)
                assert parse(str(read)) == read
    for name, parse in READ_ONLY:
        for text in headers.get_all(name):
            with contextlib.suppress(RemoteProtocolError):
                parse(text)
    for name, parse_all in LISTS:
        with contextlib.suppress(RemoteProtocolError):
            parse_all(headers.get_all(name))


def _read_request(request: Request) -> None:
    called_number(request.uri, ["96156", "user"], "10")
    caller = caller_identity(request, "10", trusted=True)
    assert printable(caller.raw) == caller.raw
    (caller.number + caller.raw).encode()
    timer = SessionTimer()
    with contextlib.suppress(RemoteProtocolError):
        timer.hear(request)
        negotiate(request, timer)
    parts = parts_of(request)
    read_dtmf(parts)
    for part in parts:
        read_sdp(part.body)
        read_sipfrag(part.body)
    response = response_to(request, 200, to_tag="t")
    assert isinstance(parse_message(response.to_bytes()), Response)
    note_source(request, "192.0.2.7", 5060)
    assert parse_message(request.to_bytes()).vias == request.vias


def _with_every_header() -> bytes:
    values = {
        "Via": "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1;rport",
        "From": '"Li" <sip:1001@192.0.2.7>;tag=1',
        "To": "<sip:96156@192.0.2.1>;tag=2",
        "Call-ID": "1@192.0.2.7",
        "CSeq": "7 REFER",
        "Contact": "<sip:1001@192.0.2.7>;q=0.5",
        "Refer-To": "<sip:2@x?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2%3Bearly-only>",
        "Referred-By": '<sip:1001@x>;cid="a@b"',
        "Refer-Sub": "false",
        "Replaces": "a@b;to-tag=1;from-tag=2",
        "Event": "refer;id=7",
        "Subscription-State": "terminated;reason=noresource",
        "Session-Expires": "1800;refresher=uac",
        "Min-SE": "90",
        "RSeq": "776655",
        "RAck": "776655 1 INVITE",
        "Reason": 'Q.850;cause=16;text="x", SIP;cause=200',
        "Warning": '399 us "text"',
        "Alert-Info": "<http://x>;info=alert-autoanswer;delay=0",
        "Diversion": "<sip:3@x>;reason=user-busy",
        "P-Asserted-Identity": '"x" <sip:+861@x>, <tel:+861>',
        "Privacy": "id;header",
        "P-Early-Media": "supported",
        "Retry-After": "5 (later);duration=3",
        "Date": "Sat, 13 Nov 2010 23:29:00 GMT",
        "Authorization": 'Digest username="1", realm="x", nonce="n", uri="sip:x", response="0"',
        "Allow": "INVITE, ACK",
        "Path": "<sip:p@x;lr>",
    }
    lines = ["REFER sip:96156@192.0.2.1 SIP/2.0", *(f"{name}: {value}" for name, value in values.items())]
    return "\r\n".join([*lines, "", ""]).encode()


_SECURE_SDP: Final = b"""v=0
o=- 1 1 IN IP6 2001:db8::7
s=-
c=IN IP6 2001:db8::7
t=0 0
m=audio 4000 RTP/SAVP 9 107 105 101
a=rtpmap:107 opus/48000/2
a=rtpmap:105 telephone-event/48000
a=rtpmap:101 telephone-event/8000
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:32
a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^48 WSH=64
a=sendonly
m=video 4002 RTP/AVP 31
"""
_URIS: Final = (
    b"sip:user:pw@[2001:db8::1]:5061;transport=tls;lr?Subject=a&Replaces=b%3Bto-tag%3D1%3Bfrom-tag%3D2",
    b"tel:+86-10-6524.1234;phone-context=+8610",
    b"<sip:96156;phone-context=+8610@x;user=phone;method=BYE>",
    b"sips:%61@x.example",
    b"urn:service:sos",
)
_CHALLENGES: Final = (
    b'Digest realm="x", nonce="n", algorithm=SHA-256, qop="auth,auth-int", opaque="o", stale=TRUE',
    b'Digest realm="x\\"y", nonce="n", algorithm=MD5-sess, qop=auth\nDigest realm="x", nonce="n"',
    b'Digest username="1001", realm="x", nonce="n", uri="sip:x", response="0123", nc=00000001, cnonce="c"',
    b"Basic abc=",
)
