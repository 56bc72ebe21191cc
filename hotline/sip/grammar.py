"""The few rules of RFC 3261, section 25.1, that every header shares: tokens, quoted strings, parameters.

All patterns work on unfolded text (LWS is SP or HTAB by then) and use possessive repetition, so
that no input makes them back-track: the time is linear in the length of the text.
"""

from __future__ import annotations

import re
from typing import Final

from hotline.errors import RemoteProtocolError

Params = tuple[tuple[str, str | None], ...]
"""Parameters in their order: (name as written, value as written or None). Quotes are kept."""

# The word "token" of the RFC: letters, digits, and eleven marks.
TOKEN: Final = r"[A-Za-z0-9\-.!%*_+`'~]++"  # noqa: S105 - a pattern, no password
# quoted-string = SWS DQUOTE *(qdtext / quoted-pair) DQUOTE
QUOTED: Final = r'"(?:[^"\\]++|\\.)*+"'
# IPv6reference = "[" IPv6address "]"; whether the address itself is right is checked by is_ipv6
IPV6_REFERENCE: Final = r"\[[0-9A-Fa-f:.]++\]"
# hostname: letters, digits, "-", "."; "_" is not in the RFC but in many private networks
HOSTNAME: Final = r"[A-Za-z0-9\-._]++"

KEPT_LENGTH: Final = 256
"""Characters of the longest text whose reading is kept for the next message that brings the same. Nearly
all that a peer writes it writes again and again; what is longer is rare, and would take room."""

_TOKEN: Final = re.compile(TOKEN)
# generic-param = token [ EQUAL gen-value ]. The value takes more than token / host: peers write
# "=", "/" and "[2001:db8::1]" there, and nothing of it is ambiguous before ";", "," or a space.
_PARAM: Final = re.compile(
    rf"[ \t]*+;[ \t]*+({TOKEN})(?:[ \t]*+=[ \t]*+({QUOTED}|[^ \t;,\"<>]++))?+",
    re.DOTALL,
)
_COMMA: Final = re.compile(r"[ \t]*+(?:,[ \t]*+|$)")
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
# C0, DEL and C1, line and paragraph separators, and the marks that reverse the direction of text:
# a caller's name must not be able to break a log line or turn a number round on a screen.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_LONGEST_NUMBER: Final = 10
"""Digits of 2**32 - 1; leading zeros do not count (RFC 4475, 3.1.1.1 writes ``0068``)."""


def is_token(text: str) -> bool:
    """Tell whether the text is a token of RFC 3261."""
    return _TOKEN.fullmatch(text) is not None


def unquote(text: str) -> str:
    """Take the quotes and the backslashes off a quoted string; other text comes back as it is."""
    if len(text) >= 2 and text[0] == '"' and text[-1] == '"':
        text = text[1:-1]
        return _QUOTED_PAIR.sub(r"\1", text) if "\\" in text else text
    return text


def quote(text: str) -> str:
    """Write a text as a quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def printable(text: str) -> str:
    """Make text from the wire safe to show, to log and to store.

    Octets that were no UTF-8 (kept as lone surrogates) are read as GB 18030, in which many
    exchanges in China write names; what is not that either becomes U+FFFD. Control characters and
    marks that change the direction of text are dropped.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        try:
            octets = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # a surrogate that stands for no octet of the wire
            octets = text.encode("utf-8", "replace")
        try:
            text = octets.decode("gb18030")
        except UnicodeDecodeError:
            text = octets.decode("utf-8", "replace")
    return _UNPRINTABLE.sub("", text).strip()


def scan_params(text: str, position: int) -> tuple[Params, int]:
    """Read ``;name=value`` parameters from a position on.

    :returns: the parameters and the position after the last one.
    """
    if position == len(text):
        return (), position
    found: list[tuple[str, str | None]] = []
    match = _PARAM.match(text, position)
    while match:
        found.append((match[1], match[2]))
        position = match.end()
        match = _PARAM.match(text, position)
    return tuple(found), position


def scan_comma(text: str, position: int, header: str) -> int | None:
    """Step over the comma between two values of a header.

    :returns: the position of the next value, or None at the end of the text.
    :raises RemoteProtocolError: if something else stands there, or nothing follows the comma.
    """
    match = _COMMA.match(text, position)
    if match is None:
        raise RemoteProtocolError(f"{header}: cannot read {printable(text[position : position + 40])!r}")
    if match.end() < len(text):
        return match.end()
    if "," in match[0]:
        raise RemoteProtocolError(f"{header}: nothing follows the last comma")
    return None


def get_param(params: Params, name: str) -> str | None:
    """Find a parameter's value without its quotes; names are compared without regard to case.

    :returns: None when it is absent, an empty string when it has no value.
    """
    if not params:
        return None
    name = name.lower()
    for key, value in params:
        if key == name or key.lower() == name:
            if value is None:
                return ""
            return unquote(value) if value[:1] == '"' else value
    return None


def set_param(params: Params, name: str, value: str | None) -> Params:
    """Put a parameter in the place of the one with the same name, or at the end."""
    lowered = name.lower()
    kept = [(key, old) for key, old in params if key.lower() != lowered]
    at = next((i for i, (key, _) in enumerate(params) if key.lower() == lowered), len(kept))
    kept.insert(at, (name, value))
    return tuple(kept)


def write_params(params: Params) -> str:
    """Write parameters as ``;name=value;name``."""
    return "".join([f";{key}" if value is None else f";{key}={value}" for key, value in params])


def parse_number(text: str, header: str, *, limit: int, clamp: bool = False) -> int:
    """Read 1*DIGIT.

    :param limit: greatest value that is allowed.
    :param clamp: take a greater one as the limit instead of refusing it.
    :raises RemoteProtocolError: if the text is no number, or too great.
    """
    if len(text) < _LONGEST_NUMBER and text.isdecimal() and text.isascii() and int(text) <= limit:
        return int(text)
    if not (text.isascii() and text.isdigit()):
        raise RemoteProtocolError(f"{header}: {printable(text[:40])!r} is not a number")
    digits = text.lstrip("0") or "0"
    if len(digits) <= _LONGEST_NUMBER:
        number = int(digits)
        if number <= limit:
            return number
    if clamp:
        return limit
    raise RemoteProtocolError(f"{header}: {digits[:40]} is greater than {limit}")


def unreadable(header: str, text: str) -> RemoteProtocolError:
    """Make the error for a header that cannot be read."""
    return RemoteProtocolError(f"{header}: cannot read {printable(text[:60])!r}")
