"""Session descriptions: bytes in, parts out, and back (RFC 8866).

Reads what exchanges send rather than what the grammar allows: lines in any order behind their
``m=``, LF for CRLF, a missing ``s=`` or ``t=``, unknown lines. Values are kept as written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.grammar import parse_number, printable

MAX_SDP_BYTES: Final = 16 * 1024
"""An IMS offer with every codec has 2 KiB; WebRTC offers reach 8."""
MAX_MEDIA: Final = 32
"""m= lines. Telephones send one to three."""
MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Origin:
    """o= (RFC 8866, 5.2): names the session and its version."""

    username: str
    session_id: str
    session_version: str
    net_type: str
    address_type: str
    address: str

    def __str__(self) -> str:
        return (
            f"{self.username} {self.session_id} {self.session_version} "
            f"{self.net_type} {self.address_type} {self.address}"
        )


@dataclass(frozen=True, slots=True)
class Connection:
    """c= (RFC 8866, 5.7)."""

    net_type: str
    address_type: str
    address: str
    """As written; a multicast address may carry ``/ttl``."""

    def __str__(self) -> str:
        return f"{self.net_type} {self.address_type} {self.address}"


_SESSION_LETTERS: Final = "iuepbrzk"
_MEDIA_LETTERS: Final = "ibk"
"""Lines that are kept unread, in the order of RFC 8866, 5, in which they are written."""

Attributes = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class RtpMap:
    """a=rtpmap (RFC 8866, 6.6)."""

    encoding: str
    """In upper case."""
    rate_hz: int
    channels: int = 1


@dataclass(frozen=True, slots=True)
class Media:
    """One m= line and what belongs to it (RFC 8866, 5.14)."""

    kind: str
    """``audio``, ``video``, ``image``..."""
    port: int
    """0 refuses or ends the stream (RFC 3264, 5.1)."""
    protocol: str
    formats: tuple[str, ...]
    port_count: int | None = None
    connections: tuple[Connection, ...] = ()
    attributes: Attributes = ()
    others: tuple[tuple[str, str], ...] = ()
    """Lines i=, b=, k=, as (letter, value), in this order."""

    def attribute(self, name: str) -> str | None:
        """Find an attribute: None when absent, empty when it has no value."""
        return _attribute(self.attributes, name)

    def rtpmaps(self) -> dict[str, RtpMap | None]:
        """Find what payload types stand for; None for one whose rtpmap cannot be read."""
        found: dict[str, RtpMap | None] = {}
        for name, value in self.attributes:
            if name == "rtpmap" and value is not None:
                payload_type, _, encoding = value.strip().partition(" ")
                found.setdefault(payload_type, _read_rtpmap(encoding.strip()))
        return found


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """One session description."""

    origin: Origin
    name: str = "-"
    connection: Connection | None = None
    times: tuple[str, ...] = ("0 0",)
    """Values of t= lines."""
    attributes: Attributes = ()
    media: tuple[Media, ...] = field(default=())
    others: tuple[tuple[str, str], ...] = ()
    """Session lines i=, u=, e=, p=, b=, r=, z=, k=, as (letter, value), in this order."""

    def attribute(self, name: str) -> str | None:
        """Find a session attribute: None when absent, empty when it has no value."""
        return _attribute(self.attributes, name)

    def connection_of(self, media: Media) -> Connection | None:
        """Find the connection that holds for a stream: its own, else the session's."""
        return media.connections[0] if media.connections else self.connection

    def direction_of(self, media: Media) -> str:
        """Find a stream's direction: its own, else the session's, else sendrecv (RFC 8866, 6.7)."""
        for attributes in (media.attributes, self.attributes):
            for name, value in attributes:
                if value is None and name in DIRECTIONS:
                    return name
        return "sendrecv"

    def to_bytes(self) -> bytes:
        """Write the description in the order of RFC 8866, 5."""
        lines = ["v=0", f"o={self.origin}", f"s={self.name}"]
        lines += _others(self.others, "iuep")
        if self.connection is not None:
            lines.append(f"c={self.connection}")
        lines += _others(self.others, "b")
        lines += [f"t={value}" for value in self.times]
        lines += _others(self.others, "rzk")
        lines += _attribute_lines(self.attributes)
        for media in self.media:
            count = "" if media.port_count is None else f"/{media.port_count}"
            lines.append(f"m={media.kind} {media.port}{count} {media.protocol} {' '.join(media.formats)}")
            lines += _others(media.others, "i")
            lines += [f"c={connection}" for connection in media.connections]
            lines += _others(media.others, "bk")
            lines += _attribute_lines(media.attributes)
        return "".join([f"{line}\r\n" for line in lines]).encode()


DIRECTIONS: Final = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})


def parse_sdp(data: bytes) -> SessionDescription:
    """Read a session description.

    :raises RemoteProtocolError: 400 if it is none: wrong version, no origin, an m= or c= line beyond
        reading; 413 if it is larger than the limits.
    """
    if len(data) > MAX_SDP_BYTES:
        raise RemoteProtocolError(f"SDP of {len(data)} octets", status_hint=413)
    reading = _Reading()
    whole = data.decode("utf-8", "replace").replace("\r\n", "\n")
    is_odd = "\r" in whole or "\0" in whole
    for number, line in enumerate(whole.split("\n"), 1):
        text = line.rstrip("\r") if is_odd else line
        if not text or not text.strip(" \t"):
            continue
        if text[1:2] != "=" or (is_odd and ("\0" in text or "\r" in text)):
            raise RemoteProtocolError(f"SDP line {number}: cannot read {printable(text[:60])!r}")
        try:
            reading.take(text[0], text[2:])
        except RemoteProtocolError as error:
            raise RemoteProtocolError(f"SDP line {number}: {error}", status_hint=error.status_hint) from None
    return reading.finish()


class _Reading:
    """A description that is being read, line by line."""

    def __init__(self) -> None:
        self._seen_version = False
        self._origin: Origin | None = None
        self._name = "-"
        self._connection: Connection | None = None
        self._times: list[str] = []
        self._attributes: list[tuple[str, str | None]] = []
        self._others: list[tuple[str, str]] = []
        self._media: list[_MediaReading] = []

    def take(self, letter: str, value: str) -> None:
        if not self._seen_version:
            if letter != "v" or value.strip() != "0":
                raise RemoteProtocolError("a session description starts with v=0")
            self._seen_version = True
        elif letter == "m":
            if len(self._media) == MAX_MEDIA:
                raise RemoteProtocolError(f"more than {MAX_MEDIA} m= lines", status_hint=413)
            self._media.append(_MediaReading(value))
        elif self._media:
            self._media[-1].take(letter, value)
        else:
            self._take_for_session(letter, value)

    def _take_for_session(self, letter: str, value: str) -> None:
        if letter == "o" and self._origin is None:
            parts = value.split()
            if len(parts) != 6:
                raise RemoteProtocolError(f"cannot read o={printable(value[:60])}")
            self._origin = Origin(*parts)
        elif letter == "s":
            self._name = value
        elif letter == "c":
            self._connection = _read_connection(value)
        elif letter == "t":
            self._times.append(value)
        elif letter == "a":
            self._attributes.append(_read_attribute(value))
        elif letter in _SESSION_LETTERS:
            self._others.append((letter, value))

    def finish(self) -> SessionDescription:
        if self._origin is None:
            raise RemoteProtocolError("SDP without o=")
        return SessionDescription(
            self._origin,
            self._name,
            self._connection,
            tuple(self._times) or ("0 0",),
            tuple(self._attributes),
            tuple([media.finish() for media in self._media]),
            _in_order(self._others, _SESSION_LETTERS),
        )


class _MediaReading:
    """An m= line and the lines behind it."""

    def __init__(self, value: str) -> None:
        parts = value.split()
        if len(parts) < 4:
            raise RemoteProtocolError(f"cannot read m={printable(value[:60])}")
        self._kind, port, self._protocol, *formats = parts
        port, slash, count = port.partition("/")
        self._port = parse_number(port, "m=", limit=MAX_PORT)
        self._port_count = parse_number(count, "m=", limit=MAX_PORT) if slash else None
        self._formats = tuple(formats)
        self._connections: list[Connection] = []
        self._attributes: list[tuple[str, str | None]] = []
        self._others: list[tuple[str, str]] = []

    def take(self, letter: str, value: str) -> None:
        if letter == "c":
            self._connections.append(_read_connection(value))
        elif letter == "a":
            self._attributes.append(_read_attribute(value))
        elif letter in _MEDIA_LETTERS:
            self._others.append((letter, value))

    def finish(self) -> Media:
        return Media(
            self._kind,
            self._port,
            self._protocol,
            self._formats,
            self._port_count,
            tuple(self._connections),
            tuple(self._attributes),
            _in_order(self._others, _MEDIA_LETTERS),
        )


@lru_cache(maxsize=256)  # the carriers' media gateways are few
def _read_connection(value: str) -> Connection:
    parts = value.split()
    if len(parts) != 3:
        raise RemoteProtocolError(f"cannot read c={printable(value[:60])}")
    return Connection(*parts)


def _read_attribute(value: str) -> tuple[str, str | None]:
    name, colon, rest = value.partition(":")
    # Some gateways write "a=sendrecv " and "a= ptime:20".
    return (name.strip(), rest) if colon else (name.strip(), None)


@lru_cache(maxsize=256)  # the same dozen in nearly every call
def _read_rtpmap(text: str) -> RtpMap | None:
    encoding, _, rest = text.partition("/")
    rate, _, channels = rest.partition("/")
    try:
        return RtpMap(
            encoding.upper(),
            parse_number(rate.strip(), "rtpmap", limit=2**31),
            parse_number(channels.strip() or "1", "rtpmap", limit=255),
        )
    except RemoteProtocolError:
        return None


def _attribute(attributes: Attributes, name: str) -> str | None:
    for key, value in attributes:
        if key == name:
            return "" if value is None else value
    return None


def _attribute_lines(attributes: Attributes) -> list[str]:
    return [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]


def _others(others: tuple[tuple[str, str], ...], letters: str) -> list[str]:
    if not others:
        return []
    return [f"{letter}={value}" for wanted in letters for letter, value in others if letter == wanted]


def _in_order(others: list[tuple[str, str]], letters: str) -> tuple[tuple[str, str], ...]:
    if not others:
        return ()
    return tuple(sorted(others, key=lambda other: letters.index(other[0])))
