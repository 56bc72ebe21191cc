"""URIs: sip and sips (RFC 3261, 19.1), tel (RFC 3966), and every other scheme kept as it is.

Parts are kept as written, escapes and all, so that writing a parsed URI gives its text back;
``user_decoded`` decodes once, and ``matches`` compares by RFC 3261, 19.1.4.
More is accepted than the grammar allows where nothing becomes ambiguous: ``_`` in host names,
any printable character in a user part, and local tel numbers without a phone-context.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from hotline.errors import RemoteProtocolError
from hotline.sip.grammar import HOSTNAME, IPV6_REFERENCE, Params, get_param, printable, set_param

MAX_URI_LENGTH: Final = 2048
"""Characters. The longest of the torture messages has some 900; longer ones are answered 414."""
MAX_PORT: Final = 65535

# A scheme is at least two letters for us: "C:" is a drive, and no registered scheme is shorter.
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]++:")
# Never legal inside a URI, and the stuff of header injection: controls, space, <, >, ", \ and lone
# surrogates (octets that were no UTF-8).
_FORBIDDEN: Final = re.compile('[\x00-\x20\x7f-\x9f<>"\\\\\u2028\u2029\ud800-\udfff]')
# SIP-URI = "sip:" [ userinfo ] hostport uri-parameters [ headers ]
_SIP: Final = re.compile(
    rf"(?:([^@:]++)(?::([^@:]*+))?+@)?+({IPV6_REFERENCE}|{HOSTNAME})(?::([0-9]{{1,5}}+))?+"
    r"((?:;[^;?@]++)*+)(?:\?([^?@]++))?+"
)
# tel: global-number = "+" *phonedigit; local-number also knows "*", "#" and A-F (RFC 3966, 3)
_TEL: Final = re.compile(r"((?=[^;]*[0-9*#])\+?+[0-9A-Fa-f*#\-.()]++)((?:;[^;?@]++)*+)")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()")
_USER_MARKS: Final = "!*'()&=+$,;?/"
"""Of user = unreserved / escaped / user-unreserved (RFC 3261, 25.1), besides what ``quote`` leaves anyway."""
_VISUAL_SEPARATORS: Final = str.maketrans("", "", "-.()")
# RFC 3261, 19.1.4: these never match when only one of two URIs has them (transport by its examples).
_MUST_BE_IN_BOTH: Final = ("user", "ttl", "method", "maddr", "transport")


@dataclass(frozen=True, slots=True)
class Uri:
    """One URI, in its parts; see the module for what is kept as written."""

    scheme: str
    """In lower case."""
    user: str = ""
    """User part of sip and sips, number of tel; escapes kept. Empty when there is none."""
    password: str | None = None
    host: str = ""
    """As written; an IPv6 reference keeps its brackets. Empty for tel and opaque schemes."""
    port: int | None = None
    params: Params = ()
    headers: tuple[tuple[str, str], ...] = ()
    raw: str = ""
    """All after the colon, for schemes that we do not read."""

    @property
    def is_sip(self) -> bool:
        """Tell whether this is a SIP or SIPS URI."""
        return self.scheme in {"sip", "sips"}

    @property
    def user_decoded(self) -> str:
        """The user part with its escapes decoded, once (RFC 4475, 3.1.1.3); may hold any character."""
        return unquote_to_bytes(self.user).decode("utf-8", "replace") if "%" in self.user else self.user

    @property
    def address(self) -> str:
        """The host without the brackets of an IPv6 reference: what a socket wants."""
        return self.host[1:-1] if self.host.startswith("[") else self.host

    def param(self, name: str) -> str | None:
        """Find a parameter: None when absent, empty when it has no value."""
        return get_param(self.params, name)

    def with_param(self, name: str, value: str | None) -> Uri:
        """Make a copy with one parameter set."""
        return replace(self, params=set_param(self.params, name, value))

    def matches(self, other: Uri) -> bool:
        """Compare by RFC 3261, 19.1.4 (sip, sips), or RFC 3966, 4 (tel).

        Other schemes match when they are written alike. The relation is not transitive: parameters
        that only one of two URIs has are mostly ignored.
        """
        if self.scheme != other.scheme:
            return False
        if self.scheme == "tel":
            return _tel_key(self) == _tel_key(other)
        if not self.is_sip:
            return self.raw == other.raw
        return (
            _normal(self.user) == _normal(other.user)
            and _normal(self.password) == _normal(other.password)
            and self.host.lower() == other.host.lower()
            and self.port == other.port
            and _params_match(self, other)
            and _headers_key(self) == _headers_key(other)
        )

    def __str__(self) -> str:
        parts = [self.scheme, ":"]
        if self.scheme == "tel":
            parts.append(self.user)
        elif not self.is_sip:
            return f"{self.scheme}:{self.raw}"
        else:
            if self.user:
                parts.append(self.user)
                if self.password is not None:
                    parts += (":", self.password)
                parts.append("@")
            parts.append(self.host)
            if self.port is not None:
                parts += (":", str(self.port))
        for name, value in self.params:
            parts += (";", name) if value is None else (";", name, "=", value)
        if self.headers:
            parts += ("?", "&".join([f"{name}={value}" for name, value in self.headers]))
        return "".join(parts)


def parse_uri(text: str) -> Uri:
    """Read a URI.

    :raises RemoteProtocolError: 414 if it is longer than MAX_URI_LENGTH, else 400 if its grammar is wrong.
    """
    if len(text) > MAX_URI_LENGTH:
        raise RemoteProtocolError(f"URI of {len(text)} characters", status_hint=414)
    scheme = _SCHEME.match(text)
    if scheme is None or _FORBIDDEN.search(text):
        raise _bad(text)
    name = scheme[0][:-1].lower()
    if name in {"sip", "sips"}:
        return _parse_sip(text, name, scheme.end())
    if name == "tel":
        match = _TEL.fullmatch(text, scheme.end())
        if match is None:
            raise _bad(text)
        return Uri("tel", match[1], params=_split_params(match[2], text))
    if scheme.end() == len(text):
        raise _bad(text)
    return Uri(name, raw=text[scheme.end() :])


def escape_user(text: str) -> str:
    """Write any text as the user of a sip URI, so that ``user_decoded`` gives it back (RFC 3261, 25.1)."""
    return quote(text, safe=_USER_MARKS, errors="surrogateescape")


def is_ipv6(text: str) -> bool:
    """Tell whether a text is an IPv6 address, without brackets.

    Zones (``%eth0``) are refused: they mean nothing to another host.
    ``:::`` passes for ``::``: the grammar of RFC 3261 produced it by mistake (RFC 5118, 4.10).
    """
    try:
        address = IPv6Address(text.replace(":::", "::", 1))
    except AddressValueError:
        return False
    return address.scope_id is None


def _parse_sip(text: str, scheme: str, start: int) -> Uri:
    match = _SIP.fullmatch(text, start)
    if match is None:
        raise _bad(text)
    user, password, host, port_text, params, headers = match.groups()
    if host[0] == "[" and not is_ipv6(host[1:-1]):
        raise _bad(text)
    port = None
    if port_text is not None:
        port = int(port_text)
        if not 0 < port <= MAX_PORT:
            raise _bad(text)
    return Uri(
        scheme,
        user or "",
        password,
        host,
        port,
        _split_params(params, text) if params else (),
        _split_headers(headers, text) if headers else (),
    )


def _split_params(text: str, whole: str) -> Params:
    found: list[tuple[str, str | None]] = []
    for part in text.split(";")[1:]:
        name, equals, value = part.partition("=")
        if not name:
            raise _bad(whole)
        found.append((name, value if equals else None))
    return tuple(found)


def _split_headers(text: str, whole: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        if not name or not equals:
            raise _bad(whole)
        found.append((name, value))
    return tuple(found)


def _bad(text: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"cannot read the URI {printable(text[:80])!r}")


def _normal(text: str | None) -> str | None:
    """Write each escape in one way, so that ``%61`` equals ``a`` but ``%40`` does not equal ``@``."""
    if text is None or "%" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0].upper()

    return _ESCAPE.sub(one, text)


def _params_match(one: Uri, other: Uri) -> bool:
    mine, theirs = _params_key(one), _params_key(other)
    if any((name in mine) != (name in theirs) for name in _MUST_BE_IN_BOTH):
        return False
    return all(theirs[name] == value for name, value in mine.items() if name in theirs)


def _params_key(uri: Uri) -> dict[str, str | None]:
    return {
        (_normal(name) or "").lower(): None if value is None else (_normal(value) or "").lower()
        for name, value in uri.params
    }


def _headers_key(uri: Uri) -> list[tuple[str, str]]:
    return sorted(((_normal(name) or "").lower(), _normal(value) or "") for name, value in uri.headers)


def _tel_key(uri: Uri) -> tuple[str, dict[str, str | None]]:
    # Separators carry no meaning (RFC 3966, 5.1.1); a phone-context that is a number has them as well.
    params = _params_key(uri)
    context = params.get("phone-context")
    if context and context.startswith("+"):
        params["phone-context"] = context.translate(_VISUAL_SEPARATORS)
    return uri.user.translate(_VISUAL_SEPARATORS).lower(), params
