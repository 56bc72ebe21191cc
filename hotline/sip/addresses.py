"""Where a message comes from and goes to: Via, and every header made of name-addr.

RFC 3261, sections 20.10 (Contact), 20.20 (From), 20.34 (Route), 20.39 (To), 20.42 (Via); 3581 (rport).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.grammar import (
    HOSTNAME,
    IPV6_REFERENCE,
    KEPT_LENGTH,
    QUOTED,
    TOKEN,
    Params,
    get_param,
    printable,
    quote,
    scan_comma,
    scan_params,
    set_param,
    unquote,
    unreadable,
    write_params,
)
from hotline.sip.uri import MAX_PORT, Uri, is_ipv6, parse_uri

MAGIC_COOKIE: Final = "z9hG4bK"  # RFC 3261, 8.1.1.7

_SENT_BY: Final = re.compile(
    rf"[ \t]*+({TOKEN})[ \t]*+/[ \t]*+({TOKEN})[ \t]*+/[ \t]*+({TOKEN})[ \t]++"
    rf"({IPV6_REFERENCE}|{HOSTNAME})(?:[ \t]*+:[ \t]*+([0-9]{{1,5}}+))?+[ \t]*+"
)
_UNTIL_PARAMS: Final = re.compile(r"[^;,]*+")
_QUOTED_NAME: Final = rf"[ \t]*+(?:({QUOTED})[ \t]*+|"
# An unquoted display name should be tokens and spaces. Where a header holds one value, anything
# else before "<" is as clear (RFC 4475, 3.1.2.15: an unquoted comma); in a list a comma separates.
_ONE_NAME_ADDR: Final = re.compile(_QUOTED_NAME + r'([^<>"]*+))<[ \t]*+([^<>]*+)>', re.DOTALL)
_LISTED_NAME_ADDR: Final = re.compile(_QUOTED_NAME + r'([^<>",;]*+))<[ \t]*+([^<>]*+)>', re.DOTALL)
_ADDR_SPEC: Final = re.compile(r'[ \t]*+([^ \t;,<>"]++)')


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
        params = self.params
        if not params:
            return None
        if len(params) == 1 and params[0][0] == "tag":  # nearly always
            value = params[0][1]
            if value and value[0] != '"':
                return value
        return get_param(params, "tag")

    def param(self, name: str) -> str | None:
        """Find a header parameter: None when absent, empty when it has no value."""
        return get_param(self.params, name)

    def with_param(self, name: str, value: str | None) -> NameAddr:
        """Make a copy with one header parameter set."""
        return NameAddr(self.display_name, self.uri, set_param(self.params, name, value))

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
        return get_param(self.params, "branch")

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
        return get_param(self.params, "rport") is not None

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
        params = set_param(self.params, name, value)
        return Via(self.protocol, self.transport, self.host, self.port, params)

    def noted(self, host: str, port: int) -> Via:
        """Make a copy that tells where the request came from, for a sender who asked for it (RFC 3581, 4).

        What it says of ``received`` and ``rport`` itself is written over, at the place of its rport.
        """
        params: list[tuple[str, str | None]] = []
        for name, value in self.params:
            lowered = name.lower()
            if lowered == "rport":
                params.append((name, str(port)))
            elif lowered != "received":
                params.append((name, value))
        params.append(("received", host))
        return Via(self.protocol, self.transport, self.host, self.port, tuple(params))

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.protocol}/{self.transport} {self.host}{port}{write_params(self.params)}"


def parse_via(values: Iterable[str]) -> tuple[Via, ...]:
    """Read every Via of a message, top first; one line may hold several."""
    found: list[Via] = []
    for text in values:
        position: int | None = 0
        while position is not None:
            until_params = _UNTIL_PARAMS.match(text, position)
            assert until_params is not None  # it matches nothing at all as well
            sent_by = until_params[0]
            read = _known_sent_by if len(sent_by) <= KEPT_LENGTH else _read_sent_by
            protocol, transport, host, port = read(sent_by)
            params, end = scan_params(text, until_params.end())
            found.append(Via(protocol, transport, host, port, params))
            position = scan_comma(text, end, "Via") if end < len(text) else None
    return tuple(found)


def _read_sent_by(text: str) -> tuple[str, str, str, int | None]:
    """Read the part of a Via before its parameters: protocol and version, transport, host, port."""
    match = _SENT_BY.fullmatch(text)
    if match is None:
        raise unreadable("Via", text)
    name, version, transport, host, port_text = match.groups()
    port = None if port_text is None else int(port_text)
    if (port is not None and not 0 < port <= MAX_PORT) or (host[0] == "[" and not is_ipv6(host[1:-1])):
        raise unreadable("Via", text)
    return f"{name}/{version}", transport, host, port


_known_sent_by: Final = lru_cache(maxsize=1024)(_read_sent_by)


def parse_name_addr(text: str, header: str) -> NameAddr:
    """Read the one value of From, To, Reply-To, Refer-To and the like.

    Without ``<>``, parameters belong to the header (RFC 3261, 20), and a URI with ``?`` is refused
    (RFC 4475, 3.1.2.13).
    """
    return _known_name_addr(text, header) if len(text) <= KEPT_LENGTH else _read_name_addr(text, header)


def _read_name_addr(text: str, header: str) -> NameAddr:
    value, end = _scan_name_addr(text, 0, header, _ONE_NAME_ADDR)
    if text[end:].strip(" \t"):
        raise unreadable(header, text[end:])
    return value


_known_name_addr: Final = lru_cache(maxsize=2048)(_read_name_addr)


def parse_name_addrs(values: Iterable[str], header: str) -> tuple[NameAddr, ...]:
    """Read a list of name-addr: Contact, Route, Record-Route, P-Asserted-Identity, Remote-Party-ID."""
    found: tuple[NameAddr, ...] = ()
    for text in values:
        read = _known_line if len(text) <= KEPT_LENGTH else _read_line
        found += read(text, header)
    return found


def _read_line(text: str, header: str) -> tuple[NameAddr, ...]:
    found: list[NameAddr] = []
    position: int | None = 0
    while position is not None:
        value, end = _scan_name_addr(text, position, header, _LISTED_NAME_ADDR)
        found.append(value)
        position = scan_comma(text, end, header)
    return tuple(found)


_known_line: Final = lru_cache(maxsize=2048)(_read_line)


def parse_contact(values: Iterable[str]) -> tuple[NameAddr, ...] | None:
    """Read every Contact of a message.

    :returns: the contacts, or None for ``*`` (remove all bindings: RFC 3261, 10.2.2).
    """
    lines = list(values)
    for line in lines:
        if line.strip(" \t") == "*":
            if len(lines) > 1:
                raise RemoteProtocolError("Contact: * stands beside another contact (RFC 3261, 10.2.2)")
            return None
    return parse_name_addrs(lines, "Contact")


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
        raise unreadable(header, text[position:])
    params, end = scan_params(text, match.end())
    return NameAddr("", parse_uri(match[1]), params), end
