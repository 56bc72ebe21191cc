"""Header fields of SIP as typed values, one parser and one writer each.

RFC 3261, section 20, and the extensions that a hotline meets: RFC 3262 (RSeq, RAck), 3323
(Privacy), 4028 (Session-Expires). Those made of addresses live in hotline.sip.addresses: Via, From,
To, Contact, Route, P-Asserted-Identity (RFC 3325), and Remote-Party-ID of an expired draft.

A parser takes unfolded text, returns a value, or raises RemoteProtocolError (400) naming the header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from hotline.sip.addresses import (
    MAGIC_COOKIE,
    NameAddr,
    Via,
    parse_contact,
    parse_name_addr,
    parse_name_addrs,
    parse_via,
)
from hotline.sip.grammar import (
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
    unquote,
    unreadable,
    write_params,
)

__all__ = [
    "COMPACT",
    "MAGIC_COOKIE",
    "MAX_CSEQ",
    "MAX_EXPIRES",
    "MAX_MAX_FORWARDS",
    "CSeq",
    "Credentials",
    "MediaType",
    "NameAddr",
    "RAck",
    "SessionExpires",
    "Via",
    "Warning",
    "parse_accept",
    "parse_call_id",
    "parse_contact",
    "parse_credentials",
    "parse_cseq",
    "parse_date",
    "parse_expires",
    "parse_max_forwards",
    "parse_media_type",
    "parse_name_addr",
    "parse_name_addrs",
    "parse_privacy",
    "parse_rack",
    "parse_retry_after",
    "parse_rseq",
    "parse_session_expires",
    "parse_tokens",
    "parse_via",
    "parse_warnings",
]

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

_MEDIA_TYPE: Final = re.compile(rf"[ \t]*+({TOKEN})[ \t]*+/[ \t]*+({TOKEN})")
_CSEQ: Final = re.compile(rf"([0-9]++)[ \t]++({TOKEN})")
_WARNING: Final = re.compile(rf"[ \t]*+([0-9]{{3}})[ \t]++([^ \t,]++)[ \t]++({QUOTED})", re.DOTALL)
_RETRY_AFTER: Final = re.compile(r"([0-9]++)[ \t]*+(?:\([^()]*+\)[ \t]*+)?+")
_AUTH_SCHEME: Final = re.compile(rf"({TOKEN})[ \t]++")
_AUTH_PARAM: Final = re.compile(
    rf"[ \t]*+({TOKEN})[ \t]*+=[ \t]*+({QUOTED}|[^ \t,\"]++)[ \t]*+(?:(,)[ \t]*+|$)", re.DOTALL
)


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


def parse_cseq(text: str) -> CSeq:
    """Read CSeq; the number must be below 2**31 (RFC 3261, 8.1.1.5)."""
    match = _CSEQ.fullmatch(text)
    if match is None:
        raise unreadable("CSeq", text)
    return CSeq(parse_number(match[1], "CSeq", limit=MAX_CSEQ), match[2])


def parse_call_id(text: str) -> str:
    """Read Call-ID: one word without spaces or controls; otherwise opaque."""
    if not text or not text.isprintable() or " " in text:
        raise unreadable("Call-ID", text)
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
        raise unreadable(header, text)
    return found[0]


def parse_accept(values: Iterable[str], header: str = "Accept") -> tuple[MediaType, ...]:
    """Read Accept; an empty header takes nothing (RFC 3261, 20.1)."""
    found: list[MediaType] = []
    for text in values:
        text = text.rstrip(", \t")
        position: int | None = 0 if text else None
        while position is not None:
            match = _MEDIA_TYPE.match(text, position)
            if match is None:
                raise unreadable(header, text[position:])
            params, end = scan_params(text, match.end())
            found.append(MediaType(match[1].lower(), match[2].lower(), params))
            position = scan_comma(text, end, header)
    return tuple(found)


def parse_tokens(values: Iterable[str], header: str) -> tuple[str, ...]:
    """Read a list of tokens: Require, Supported, Proxy-Require, Unsupported, Allow.

    Empty places are passed over: a comma too many leaves no doubt.
    """
    found: list[str] = []
    for text in values:
        for part in text.split(","):
            word = part.strip(" \t")
            if word:
                if not is_token(word):
                    raise unreadable(header, text)
                found.append(word)
    return tuple(found)


def parse_rseq(text: str) -> int:
    """Read RSeq, 1 to 2**32 - 1 (RFC 3262, 7.1)."""
    number = parse_number(text, "RSeq", limit=2**32 - 1)
    if number == 0:
        raise unreadable("RSeq", text)
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
        raise unreadable(header, text)
    refresher = (get_param(params, "refresher") or "").lower()
    return SessionExpires(
        parse_expires(number.strip(" \t"), header), refresher if refresher in {"uac", "uas"} else None
    )


def parse_privacy(values: Iterable[str]) -> frozenset[str]:
    """Read Privacy (RFC 3323, 4.2), words in lower case; some peers separate them by commas."""
    words = {word.strip(" \t").lower() for text in values for word in text.replace(",", ";").split(";")}
    words.discard("")
    if not all(is_token(word) for word in words):
        raise unreadable("Privacy", ";".join(sorted(words)))
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
        raise unreadable("Retry-After", text)
    _, end = scan_params(text, match.end())
    if text[end:].strip(" \t"):
        raise unreadable("Retry-After", text)
    return parse_number(match[1], "Retry-After", limit=MAX_EXPIRES)


def parse_warnings(values: Iterable[str]) -> tuple[Warning, ...]:
    """Read Warning."""
    found: list[Warning] = []
    for text in values:
        position: int | None = 0
        while position is not None:
            match = _WARNING.match(text, position)
            if match is None:
                raise unreadable("Warning", text[position:])
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
        raise unreadable(header, text)
    found: list[tuple[str, str | None]] = []
    position, has_more = match.end(), True
    while has_more:
        param = _AUTH_PARAM.match(text, position)
        if param is None:
            if match[1].lower() == "digest":
                raise unreadable(header, text[position:])
            break
        name, value, comma = param.groups()
        found.append((name, value))
        position, has_more = param.end(), comma is not None
    return Credentials(match[1], tuple(found), text[match.end() :])
