"""The first line of a message: request line and status line (RFC 3261, 7.1 and 7.2)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from hotline.errors import RemoteProtocolError
from hotline.sip.grammar import KEPT_LENGTH, is_token, printable
from hotline.sip.uri import Uri, parse_uri

VERSION: Final = "SIP/2.0"
_STATUS_LINE: Final = re.compile(r"SIP/2\.0 ([0-9]{3})(?: (.*))?", re.IGNORECASE | re.DOTALL)
_LOOKS_LIKE_VERSION: Final = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE)


class StartLine(NamedTuple):
    """What stands in the first line of a message."""

    method: str = ""
    """Empty in a response."""
    uri: Uri | None = None
    """None in a response."""
    status: int = 0
    """0 in a request."""
    reason: str = ""


def is_response(line: str) -> bool:
    """Tell whether a first line begins like a status line, of whatever version."""
    return line[:4].upper() == "SIP/"


def is_request(line: str) -> bool:
    """Tell whether a first line looks like a request line, however wrong."""
    return not is_response(line) and _LOOKS_LIKE_VERSION.search(line) is not None


def parse_start_line(line: str) -> StartLine:
    """Read a start line.

    :raises RemoteProtocolError: 505 for another version, 414 for too long a URI, else 400.
    """
    return _known(line) if len(line) <= KEPT_LENGTH else _read(line)


def _read(line: str) -> StartLine:
    if is_response(line):
        match = _STATUS_LINE.fullmatch(line)
        if match is None or not 100 <= int(match[1]) <= 699:
            raise RemoteProtocolError(f"cannot read the start line {printable(line[:80])!r}")
        return StartLine(status=int(match[1]), reason=match[2] or "")
    parts = line.rstrip(" ").split(" ")
    if len(parts) != 3 or not is_token(parts[0]) or not _LOOKS_LIKE_VERSION.fullmatch(parts[2]):
        raise RemoteProtocolError(f"cannot read the start line {printable(line[:80])!r}")
    method, uri_text, version = parts
    if version.upper() != VERSION:
        raise RemoteProtocolError(f"version {version}", status_hint=505)
    uri = parse_uri(uri_text)
    if uri.headers:  # RFC 3261, 19.1.1, table 1; acting on them would let anybody write our requests
        raise RemoteProtocolError("the Request-URI carries headers")
    return StartLine(method, uri)


_known: Final = lru_cache(maxsize=1024)(_read)
