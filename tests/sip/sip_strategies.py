"""What hypothesis makes SIP messages of."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from hotline.sip.headers import CSeq, NameAddr, Via
from hotline.sip.message import Headers, Request, Response
from hotline.sip.sdp import Connection, Media, Origin, SessionDescription
from hotline.sip.uri import Uri

TOKEN_CHARACTERS = string.ascii_letters + string.digits + "-.!%*_+`'~"

tokens = st.text(TOKEN_CHARACTERS, min_size=1, max_size=12)
words = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8)
ports = st.none() | st.integers(1, 65535)
hosts = st.one_of(
    words.map(lambda word: f"{word}.example.com"),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
escapes = st.integers(0, 255).map(lambda octet: f"%{octet:02X}")
user_parts = st.lists(
    st.sampled_from(string.ascii_letters + string.digits + "-_.!~*'()&=+$,;?/") | escapes,
    min_size=1,
    max_size=12,
).map("".join)
uri_params = st.lists(st.tuples(words, st.none() | words), max_size=3).map(tuple)
sip_uris = st.builds(
    Uri,
    scheme=st.sampled_from(["sip", "sips"]),
    user=user_parts,
    password=st.none() | words,
    host=hosts,
    port=ports,
    params=uri_params,
    headers=st.lists(st.tuples(words, words), max_size=2).map(tuple),
) | st.builds(Uri, scheme=st.just("sip"), host=hosts, port=ports, params=uri_params)
tel_uris = st.builds(
    Uri,
    scheme=st.just("tel"),
    user=st.from_regex(r"\+?[0-9][0-9.\-()]{0,12}", fullmatch=True),
    params=uri_params,
)
opaque_uris = st.builds(Uri, scheme=st.sampled_from(["urn", "http", "im"]), raw=words)
uris = sip_uris | tel_uris | opaque_uris
# Characters that survive ``printable``: no controls, no marks of direction, no spaces at the ends.
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=16
).map(str.strip)
quoted = texts.map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
params = st.lists(st.tuples(tokens, st.none() | tokens | quoted), max_size=3).map(tuple)
name_addrs = st.builds(NameAddr, display_name=texts, uri=uris, params=params)
vias = st.builds(
    Via,
    protocol=st.just("SIP/2.0"),
    transport=st.sampled_from(["UDP", "TCP"]),
    host=hosts,
    port=ports,
    params=params,
)
methods = st.sampled_from(["INVITE", "ACK", "BYE", "OPTIONS", "NEWMETHOD"])
request_uris = uris.map(
    lambda uri: Uri(uri.scheme, uri.user, uri.password, uri.host, uri.port, uri.params, (), uri.raw)
)


@st.composite
def headers(draw: st.DrawFn, method: str) -> Headers:
    found = Headers()
    for via in draw(st.lists(vias, min_size=1, max_size=3)):
        found.add("Via", str(via))
    found.add("From", str(draw(name_addrs)))
    found.add("To", str(draw(name_addrs)))
    found.add("Call-ID", draw(tokens))
    found.add("CSeq", str(CSeq(draw(st.integers(0, 2**31 - 1)), method)))
    for contact in draw(st.lists(name_addrs, max_size=2)):
        found.add("Contact", str(contact))
    for name in draw(st.lists(tokens, max_size=3)):
        found.add(f"X-{name}", draw(texts))
    return found


@st.composite
def requests(draw: st.DrawFn) -> Request:
    method = draw(methods)
    return Request(method, draw(request_uris), draw(headers(method)), draw(st.binary(max_size=40)))


@st.composite
def responses(draw: st.DrawFn) -> Response:
    status = draw(st.integers(100, 699))
    return Response(status, draw(texts), draw(headers(draw(methods))), draw(st.binary(max_size=40)))


lines = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=16).filter(
    lambda text: text == text.strip()
)
connections = st.builds(
    Connection, net_type=st.just("IN"), address_type=st.sampled_from(["IP4", "IP6"]), address=words
)
attributes = st.lists(st.tuples(words, st.none() | lines), max_size=4).map(tuple)
media = st.builds(
    Media,
    kind=st.sampled_from(["audio", "video", "image"]),
    port=st.integers(0, 65535),
    protocol=st.sampled_from(["RTP/AVP", "RTP/SAVP", "udptl"]),
    formats=st.lists(st.integers(0, 127).map(str) | words, min_size=1, max_size=6).map(tuple),
    port_count=st.none() | st.integers(1, 4),
    connections=st.lists(connections, max_size=2).map(tuple),
    attributes=attributes,
    others=st.lists(st.tuples(st.just("b"), lines), max_size=2).map(tuple),
)
descriptions = st.builds(
    SessionDescription,
    origin=st.builds(
        Origin,
        username=words,
        session_id=words,
        session_version=words,
        net_type=st.just("IN"),
        address_type=st.just("IP4"),
        address=words,
    ),
    name=lines,
    connection=st.none() | connections,
    times=st.lists(words, min_size=1, max_size=2).map(tuple),
    attributes=attributes,
    media=st.lists(media, max_size=4).map(tuple),
    others=st.lists(st.tuples(st.just("i"), lines), max_size=1).map(tuple),
)
