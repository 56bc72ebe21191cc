"""Header fields of SIP as typed values, one parser and one writer each.

RFC 3261, section 20, and the extensions that a hotline meets: RFC 3262 (RSeq, RAck), 3323
(Privacy), 3325 (P-Asserted-Identity), 3581 (rport), 4028 (Session-Expires), and the expired
draft of Remote-Party-ID, which carriers still send.

A parser takes unfolded text, returns a value, or raises RemoteProtocolError (400) naming the header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.grammar import (
    HOSTNAME,
    IPV6_REFERENCE,
    QUOTED,
    TOKEN,
    Params,
    get_param,
    is_token,
    parse_number,
    printable,
    quote,
    scan_comma,
    scan_params,
    set_param,
    unquote,
    write_params,
)
from hotline.sip.uri import MAX_PORT, Uri, is_ipv6, parse_uri

COMPACT: Final = {
    "a": "accept-contact",  # RFC 3841
    "b": "referred-by",  # RFC 3892
    "c": "content-type",
    "d": "request-disposition",  # RFC 3841
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",  # RFC 3841
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",  # RFC 4474
    "o": "event",  # RFC 6665
    "r": "refer-to",  # RFC 3515
    "s": "subject",
    "t": "to",
    "u": "allow-events",  # RFC 6665
    "v": "via",
    "x": "session-expires",  # RFC 4028
    "y": "identity",  # RFC 8224
}
"""Compact forms (RFC 3261, 7.3.3, and the RFCs named)."""

MAX_CSEQ: Final = 2**31 - 1  # RFC 3261, 8.1.1.5
MAX_MAX_FORWARDS: Final = 255  # RFC 3261, 20.22
MAX_EXPIRES: Final = 2**32 - 1  # RFC 3261, 20.19, seconds
MAGIC_COOKIE: Final = "z9hG4bK"  # RFC 3261, 8.1.1.7

_VIA: Final = re.compile(
    rf"[ \t]*+({TOKEN})[ \t]*+/[ \t]*+({TOKEN})[ \t]*+/[ \t]*+({TOKEN})[ \t]++"
    rf"({IPV6_REFERENCE}|{HOSTNAME})(?:[ \t]*+:[ \t]*+([0-9]{{1,5}}+))?+"
)
_QUOTED_NAME: Final = rf"[ \t]*+(?:({QUOTED})[ \t]*+|"
# An unquoted display name should be tokens and spaces. Where a header holds one value, anything
# else before "<" is as clear (RFC 4475, 3.1.2.15: an unquoted comma); in a list a comma separates.
_ONE_NAME_ADDR: Final = re.compile(_QUOTED_NAME + r'([^<>"]*+))<[ \t]*+([^<>]*+)>', re.DOTALL)
_LISTED_NAME_ADDR: Final = re.compile(_QUOTED_NAME + r'([^<>",;]*+))<[ \t]*+([^<>]*+)>', re.DOTALL)
_ADDR_SPEC: Final = re.compile(r'[ \t]*+([^ \t;,<>"]++)')
_MEDIA_TYPE: Final = re.compile(rf"[ \t]*+({TOKEN})[ \t]*+/[ \t]*+({TOKEN})")
_CSEQ: Final = re.compile(rf"([0-9]++)[ \t]++({TOKEN})")
_WARNING: Final = re.compile(rf"[ \t]*+([0-9]{{3}})[ \t]++([^ \t,]++)[ \t]++({QUOTED})", re.DOTALL)
_RETRY_AFTER: Final = re.compile(r"([0-9]++)[ \t]*+(?:\([^()]*+\)[ \t]*+)?+")
_AUTH_SCHEME: Final = re.compile(rf"({TOKEN})[ \t]++")
_AUTH_PARAM: Final = re.compile(rf"[ \t]*+({TOKEN})[ \t]*+=[ \t]*+({QUOTED}|[^ \t,\"]++)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NameAddr:
    """A display name, a URI, and parameters of the header (not of the URI): From, To, Contact, Route."""

    display_name: str
    """Without quotes and escapes, fit to show (see ``printable``); empty when there is none."""
    uri: Uri
    params: Params = ()

    @property
    def tag(self) -> str | None:
        """The tag of From or To; None when absent, as in a first request and in RFC 2543."""
        return self.param("tag")

    def param(self, name: str) -> str | None:
        """Find a header parameter: None when absent, empty when it has no value."""
        return get_param(self.params, name)

    def with_param(self, name: str, value: str | None) -> NameAddr:
        """Make a copy with one header parameter set."""
        return replace(self, params=set_param(self.params, name, value))

    def __str__(self) -> str:
        name = f"{quote(self.display_name)} " if self.display_name else ""
        return f"{name}<{self.uri}>{write_params(self.params)}"


@dataclass(frozen=True, slots=True)
class Via:
    """One hop of a request (RFC 3261, 20.42)."""

    protocol: str
    """Name and version, as ``SIP/2.0``."""
    transport: str
    """As written; compare in upper case."""
    host: str
    """sent-by host; an IPv6 reference keeps its brackets."""
    port: int | None = None
    params: Params = ()

    @property
    def branch(self) -> str | None:
        """Transaction identifier; None in RFC 2543."""
        return self.param("branch")

    @property
    def has_cookie(self) -> bool:
        """Tell whether the branch is unique as RFC 3261 wants it.

        A bare cookie with nothing behind it is no key (RFC 4475, 3.2.1): match it by RFC 2543 rules.
        """
        branch = self.branch or ""
        return len(branch) > len(MAGIC_COOKIE) and branch[: len(MAGIC_COOKIE)].lower() == MAGIC_COOKIE.lower()

    @property
    def received(self) -> str | None:
        """Source address as a server saw it, without brackets (RFC 5118, 4.5 accepts both)."""
        received = self.param("received")
        return received.strip("[]") if received else None

    @property
    def wants_rport(self) -> bool:
        """Tell whether an rport parameter is there, with or without a value (RFC 3581, 3)."""
        return self.param("rport") is not None

    @property
    def rport(self) -> int | None:
        """Source port as a server saw it (RFC 3581, 4); None when absent, empty or no port."""
        rport = self.param("rport")
        if not rport or len(rport) > 5 or not (rport.isascii() and rport.isdigit()):
            return None
        return int(rport) if 0 < int(rport) <= MAX_PORT else None

    @property
    def address(self) -> str:
        """sent-by host without the brackets of an IPv6 reference."""
        return self.host[1:-1] if self.host.startswith("[") else self.host

    def param(self, name: str) -> str | None:
        """Find a parameter: None when absent, empty when it has no value."""
        return get_param(self.params, name)

    def with_param(self, name: str, value: str | None) -> Via:
        """Make a copy with one parameter set."""
        return replace(self, params=set_param(self.params, name, value))

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.protocol}/{self.transport} {self.host}{port}{write_params(self.params)}"


@dataclass(frozen=True, slots=True)
class CSeq:
    """Sequence number and method (RFC 3261, 20.16)."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type or range: Content-Type, Accept."""

    type: str
    """In lower case; may be ``*`` in Accept."""
    subtype: str
    params: Params = ()

    @property
    def essence(self) -> str:
        """``type/subtype`` without parameters."""
        return f"{self.type}/{self.subtype}"

    def param(self, name: str) -> str | None:
        """Find a parameter: None when absent."""
        return get_param(self.params, name)

    def covers(self, essence: str) -> bool:
        """Tell whether this range of an Accept header takes a type such as ``application/sdp``."""
        kind, _, subtype = essence.lower().partition("/")
        return (
            self.type in {"*", kind}
            and self.subtype in {"*", subtype}
            and self.param("q") not in {"0", "0.0"}
        )

    def __str__(self) -> str:
        return f"{self.type}/{self.subtype}{write_params(self.params)}"


@dataclass(frozen=True, slots=True)
class RAck:
    """What a PRACK acknowledges (RFC 3262, 7.2)."""

    rseq: int
    cseq: CSeq

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq}"


@dataclass(frozen=True, slots=True)
class SessionExpires:
    """Session interval and who refreshes (RFC 4028, 4)."""

    interval_s: int
    refresher: str | None = None
    """``uac``, ``uas`` or None."""

    def __str__(self) -> str:
        return f"{self.interval_s};refresher={self.refresher}" if self.refresher else str(self.interval_s)


@dataclass(frozen=True, slots=True)
class Warning:
    """Why a request was refused, for people (RFC 3261, 20.43)."""

    code: int
    agent: str
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.agent} {quote(self.text)}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Authorization, WWW-Authenticate and their proxy twins (RFC 3261, 20.7), of any scheme."""

    scheme: str
    """As written; compare in lower case."""
    params: Params = ()
    raw: str = ""
    """All after the scheme: for schemes whose content is no list of parameters."""

    def param(self, name: str) -> str | None:
        """Find a parameter without its quotes: None when absent."""
        return get_param(self.params, name)


def parse_via(values: Iterable[str]) -> tuple[Via, ...]:
    """Read every Via of a message, top first; one line may hold several."""
    found: list[Via] = []
    for text in values:
        position: int | None = 0
        while position is not None:
            match = _VIA.match(text, position)
            if match is None:
                raise _bad("Via", text[position:])
            name, version, transport, host, port_text = match.groups()
            port = None if port_text is None else int(port_text)
            if (port is not None and not 0 < port <= MAX_PORT) or (
                host[0] == "[" and not is_ipv6(host[1:-1])
            ):
                raise _bad("Via", match[0])
            params, end = scan_params(text, match.end())
            found.append(Via(f"{name}/{version}", transport, host, port, params))
            position = scan_comma(text, end, "Via")
    return tuple(found)


def parse_name_addr(text: str, header: str) -> NameAddr:
    """Read the one value of From, To, Reply-To, Refer-To and the like.

    Without ``<>``, parameters belong to the header (RFC 3261, 20), and a URI with ``?`` is refused
    (RFC 4475, 3.1.2.13).
    """
    value, end = _scan_name_addr(text, 0, header, _ONE_NAME_ADDR)
    if text[end:].strip(" \t"):
        raise _bad(header, text[end:])
    return value


def parse_name_addrs(values: Iterable[str], header: str) -> tuple[NameAddr, ...]:
    """Read a list of name-addr: Contact, Route, Record-Route, P-Asserted-Identity, Remote-Party-ID."""
    found: list[NameAddr] = []
    for text in values:
        position: int | None = 0
        while position is not None:
            value, end = _scan_name_addr(text, position, header, _LISTED_NAME_ADDR)
            found.append(value)
            position = scan_comma(text, end, header)
    return tuple(found)


def parse_contact(values: Iterable[str]) -> tuple[NameAddr, ...] | None:
    """Read every Contact of a message.

    :returns: the contacts, or None for ``*`` (remove all bindings: RFC 3261, 10.2.2).
    """
    lines = list(values)
    if any(line.strip(" \t") == "*" for line in lines):
        if len(lines) > 1:
            raise RemoteProtocolError("Contact: * stands beside another contact (RFC 3261, 10.2.2)")
        return None
    return parse_name_addrs(lines, "Contact")


def parse_cseq(text: str) -> CSeq:
    """Read CSeq; the number must be below 2**31 (RFC 3261, 8.1.1.5)."""
    match = _CSEQ.fullmatch(text)
    if match is None:
        raise _bad("CSeq", text)
    return CSeq(parse_number(match[1], "CSeq", limit=MAX_CSEQ), match[2])


def parse_call_id(text: str) -> str:
    """Read Call-ID: one word without spaces or controls; otherwise opaque."""
    if not text or not text.isprintable() or " " in text:
        raise _bad("Call-ID", text)
    return text


def parse_max_forwards(text: str) -> int:
    """Read Max-Forwards, 0 to 255."""
    return parse_number(text, "Max-Forwards", limit=MAX_MAX_FORWARDS)


def parse_expires(text: str, header: str = "Expires") -> int:
    """Read a time in seconds; greater values are taken as 2**32 - 1 (RFC 3261, 20.19)."""
    return parse_number(text, header, limit=MAX_EXPIRES, clamp=True)


def parse_media_type(text: str, header: str = "Content-Type") -> MediaType:
    """Read Content-Type."""
    found = parse_accept([text], header)
    if len(found) != 1:
        raise _bad(header, text)
    return found[0]


def parse_accept(values: Iterable[str], header: str = "Accept") -> tuple[MediaType, ...]:
    """Read Accept; an empty header takes nothing (RFC 3261, 20.1)."""
    found: list[MediaType] = []
    for text in values:
        position: int | None = 0 if text else None
        while position is not None:
            match = _MEDIA_TYPE.match(text, position)
            if match is None:
                raise _bad(header, text[position:])
            params, end = scan_params(text, match.end())
            found.append(MediaType(match[1].lower(), match[2].lower(), params))
            position = scan_comma(text, end, header)
    return tuple(found)


def parse_tokens(values: Iterable[str], header: str) -> tuple[str, ...]:
    """Read a list of tokens: Require, Supported, Proxy-Require, Unsupported, Allow."""
    found: list[str] = []
    for text in values:
        for part in text.split(",") if text else ():
            word = part.strip(" \t")
            if not is_token(word):
                raise _bad(header, text)
            found.append(word)
    return tuple(found)


def parse_rseq(text: str) -> int:
    """Read RSeq, 1 to 2**32 - 1 (RFC 3262, 7.1)."""
    number = parse_number(text, "RSeq", limit=2**32 - 1)
    if number == 0:
        raise _bad("RSeq", text)
    return number


def parse_rack(text: str) -> RAck:
    """Read RAck (RFC 3262, 7.2)."""
    first, _, rest = text.partition(" ")
    return RAck(parse_rseq(first), parse_cseq(rest.strip(" \t")))


def parse_session_expires(text: str, header: str = "Session-Expires") -> SessionExpires:
    """Read Session-Expires or Min-SE (RFC 4028, 4 and 5); an unknown refresher counts as none."""
    number, _, _ = text.partition(";")
    params, end = scan_params(text, len(number.rstrip(" \t")))
    if text[end:].strip(" \t"):
        raise _bad(header, text)
    refresher = (get_param(params, "refresher") or "").lower()
    return SessionExpires(
        parse_expires(number.strip(" \t"), header), refresher if refresher in {"uac", "uas"} else None
    )


def parse_privacy(values: Iterable[str]) -> frozenset[str]:
    """Read Privacy (RFC 3323, 4.2), words in lower case; some peers separate them by commas."""
    words = {word.strip(" \t").lower() for text in values for word in text.replace(",", ";").split(";")}
    words.discard("")
    if not all(is_token(word) for word in words):
        raise _bad("Privacy", ";".join(sorted(words)))
    return frozenset(words)


def parse_date(text: str) -> datetime | None:
    """Read Date.

    :returns: an aware time, or None when it is not what RFC 3261, 20.17 allows (only GMT): no call is
        refused for a clock (RFC 4475, 3.1.2.12).
    """
    if not text.endswith("GMT"):
        return None
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return at if at.utcoffset() == timedelta(0) else None


def parse_retry_after(text: str) -> int:
    """Read the seconds of Retry-After; its comment and parameters are not kept (RFC 3261, 20.33)."""
    match = _RETRY_AFTER.match(text)
    if match is None:
        raise _bad("Retry-After", text)
    _, end = scan_params(text, match.end())
    if text[end:].strip(" \t"):
        raise _bad("Retry-After", text)
    return parse_number(match[1], "Retry-After", limit=MAX_EXPIRES)


def parse_warnings(values: Iterable[str]) -> tuple[Warning, ...]:
    """Read Warning."""
    found: list[Warning] = []
    for text in values:
        position: int | None = 0
        while position is not None:
            match = _WARNING.match(text, position)
            if match is None:
                raise _bad("Warning", text[position:])
            found.append(Warning(int(match[1]), match[2], printable(unquote(match[3]))))
            position = scan_comma(text, match.end(), "Warning")
    return tuple(found)


def parse_credentials(text: str, header: str = "Authorization") -> Credentials:
    """Read one challenge or one set of credentials.

    A scheme that we do not know is no error of grammar (RFC 4475, 3.3.7): its content stays in ``raw``
    and ``params`` holds what reads as parameters.
    """
    match = _AUTH_SCHEME.match(text)
    if match is None:
        raise _bad(header, text)
    found: list[tuple[str, str | None]] = []
    position: int | None = match.end()
    while position is not None:
        param = _AUTH_PARAM.match(text, position)
        if param is None:
            if match[1].lower() == "digest":
                raise _bad(header, text[position:])
            break
        found.append((param[1], param[2]))
        position = scan_comma(text, param.end(), header)
    return Credentials(match[1], tuple(found), text[match.end() :])


def _scan_name_addr(text: str, position: int, header: str, pattern: re.Pattern[str]) -> tuple[NameAddr, int]:
    match = pattern.match(text, position)
    if match:
        quoted, bare, uri_text = match.groups()
        if quoted is not None:
            name = printable(unquote(quoted)) if len(quoted) > 2 else ""
        else:
            name = printable(bare) if bare else ""
        # Spaces inside <> are wrong but clear (RFC 4475, 3.1.2.14).
        uri = parse_uri(uri_text.rstrip(" \t"))
        params, end = scan_params(text, match.end())
        return NameAddr(name, uri, params), end
    match = _ADDR_SPEC.match(text, position)
    if match is None or "?" in match[1]:
        raise _bad(header, text[position:])
    params, end = scan_params(text, match.end())
    return NameAddr("", parse_uri(match[1]), params), end


def _bad(header: str, text: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"{header}: cannot read {printable(text[:60])!r}")
