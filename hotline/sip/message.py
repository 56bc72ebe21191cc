"""SIP messages: bytes in, checked messages out, and back (RFC 3261, sections 7, 8.1.1, 18.3, 20).

Everything that a message must be is checked here, once. After parse_message the typed properties
of a message never raise. Header text is kept as it came, octet for octet (octets that are no UTF-8
live on as lone surrogates), because a response must echo it; text meant for people goes through
``printable``. Control characters are refused, except behind a backslash in a quoted display name
(RFC 4475, 3.1.1.2), from where they never reach a NameAddr.

Leniencies, all of them unambiguous: spaces after the SIP-Version of a request, spaces inside <>,
an unquoted display name with any characters, a bad Date, a message that ends without its empty line.
Streams are cut into messages by hotline.sip.stream.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, NoReturn

from hotline.errors import LocalProtocolError, RemoteProtocolError
from hotline.sip.fields import AS_WRITTEN, LONG_NAME, Field, Headers
from hotline.sip.grammar import is_token, parse_number, printable
from hotline.sip.headers import COMPACT, Via, parse_via
from hotline.sip.start_line import VERSION, StartLine, is_request, is_response, parse_start_line
from hotline.sip.status import REASONS
from hotline.sip.typed_view import READERS, TypedView
from hotline.sip.uri import Uri

__all__ = [
    "MAX_HEADER_BYTES",
    "MAX_MESSAGE_BYTES",
    "REASONS",
    "Headers",
    "MalformedRequest",
    "Request",
    "Response",
    "is_keepalive",
    "note_source",
    "parse_message",
    "response_to",
]

MAX_HEADER_BYTES: Final = 8 * 1024
"""Start line and headers: twice the longest torture message (RFC 4475, 3.1.1.7)."""
MAX_MESSAGE_BYTES: Final = 64 * 1024
"""One whole message: what a UDP datagram can hold (RFC 3261, 18.1.1)."""
MAX_HEADER_FIELDS: Final = 256
"""Fields. A request through 70 proxies (the usual Max-Forwards) has 70 Vias and 70 Record-Routes."""

# Two of these leave no way to know which one is meant (RFC 4475, 3.3.8).
_SINGLE_WORDS: Final = (
    "from to call-id cseq max-forwards content-length content-type content-encoding content-disposition "
    "expires min-expires session-expires min-se date event refer-to replaces rseq rack retry-after "
    "subscription-state refer-sub"
)
_WITH_DISPLAY_NAMES: Final = (
    "from to contact reply-to route record-route p-asserted-identity p-preferred-identity "
    "remote-party-id referred-by refer-to diversion history-info path service-route"
)

_SINGLE: Final = frozenset(_SINGLE_WORDS.split())
_ECHOED: Final = (("from", "From"), ("to", "To"), ("call-id", "Call-ID"), ("cseq", "CSeq"))
_TO: Final = -3
"""Where To stands among those that a response echoes, from the end."""
_ALWAYS: Final = ("via", "from", "to", "call-id", "cseq")
_NAMES_PEOPLE: Final = frozenset(_WITH_DISPLAY_NAMES.split())

_CONTROL: Final = bytes((*range(9), 11, 12, *range(14, 32), 127))
"""All but HTAB, and CR and LF, which are looked at together."""
_BARE_CONTROL: Final = re.compile(r"\\.|[\x00-\x08\x0a-\x1f\x7f]", re.DOTALL)
_FOLD: Final = re.compile(r"\r\n[ \t]+")  # SWS: a line break followed by white space (RFC 3261, 7.3.1)
_VIA_START: Final = re.compile(r"[^;,]+")
_EMPTY: Final = b"\r\n"


@dataclass(slots=True)
class Request(TypedView):
    """A request."""

    method: str
    uri: Uri
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def to_bytes(self) -> bytes:
        """Write the message; Content-Length is counted, whatever the headers say."""
        return _write(f"{self.method} {self.uri} {VERSION}", self.headers, self.body)


@dataclass(slots=True)
class Response(TypedView):
    """A response."""

    status: int
    reason: str = ""
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def to_bytes(self) -> bytes:
        """Write the message; Content-Length is counted, whatever the headers say."""
        return _write(f"{VERSION} {self.status} {self.reason}", self.headers, self.body)


class MalformedRequest(RemoteProtocolError):  # noqa: N818 - it is a message as much as an error
    """A request that must not be carried out, with what is needed to say so.

    :param method: as written; empty when the start line is beyond reading.
    :param headers: the fields that could be split, possibly not all, none of them checked.
    """

    def __init__(self, message: str, *, status_hint: int, method: str, headers: Headers) -> None:
        super().__init__(message, status_hint=status_hint)
        self.method = method
        self.headers = headers

    @property
    def via(self) -> Via | None:
        """The top Via, at least its sent-by; None when even that cannot be read."""
        values = self.headers.get_all("Via")
        try:
            return parse_via(values[:1])[0] if values else None
        except RemoteProtocolError:
            start = _VIA_START.match(values[0])
            try:
                return parse_via([start[0]])[0] if start else None
            except RemoteProtocolError:
                return None

    def response(self, *, to_tag: str | None = None) -> Response | None:
        """Make the response that refuses the request, out of what could be read.

        :returns: None when there must be no response (ACK) or can be none (no Via).
        """
        if self.method == "ACK" or self.via is None:
            return None
        headers = Headers()
        for value in self.headers.get_all("Via"):
            headers.append_parsed("via", "Via", value)
        for name in ("From", "To", "Call-ID", "CSeq"):
            copied = self.headers.get(name)
            if copied is not None:
                headers.append_parsed(name.lower(), name, _tagged(copied, to_tag) if name == "To" else copied)
        return Response(self.status_hint, REASONS.get(self.status_hint, ""), headers)


def parse_message(data: bytes) -> Request | Response:
    """Read one datagram.

    Octets after Content-Length are ignored (RFC 3261, 18.3); without Content-Length the body goes
    to the end. Empty lines before the start line are skipped (RFC 3261, 7.5).

    :raises MalformedRequest: if it is a request in which something is wrong; ``status_hint`` 400, or
        414 (URI too long), 505 (other version), 513 (too large).
    :raises RemoteProtocolError: if it is a response in which something is wrong, or no SIP at all:
        there is nothing to answer.
    """
    data = data.lstrip(_EMPTY)
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        head = head.removesuffix(_EMPTY)
    opened = open_head(head)
    length = opened.length()
    if length is not None:
        if length > len(body):
            opened.refuse(f"Content-Length {length} but {len(body)} octets")
        body = body[:length]
    return opened.finish(body)


def is_keepalive(data: bytes) -> bool:
    """Tell whether a datagram is nothing but CRLFs or zeros: a NAT keep-alive (RFC 5626, 3.5.1)."""
    return not data.strip(b"\r\n\0 ")


def response_to(
    request: Request, status: int, reason: str | None = None, *, to_tag: str | None = None
) -> Response:
    """Make a response to a request (RFC 3261, 8.2.6): Via, From, To, Call-ID, CSeq as they came.

    :param to_tag: put into To unless To has a tag already; required but for 100.
    """
    source = request.headers.by_key()
    fields: list[Field] = [("via", "Via", value) for value in source.get("via", ())]
    for key, name in _ECHOED:
        values = source.get(key)
        if not values:
            raise LocalProtocolError(f"cannot answer a request without {name}")
        fields.append((key, name, values[0]))
    if to_tag and request.to.tag is None:
        key, name, value = fields[_TO]
        fields[_TO] = (key, name, _tagged(value, to_tag))
    if status == 100 and "timestamp" in source:  # RFC 3261, 8.2.6.1
        fields.append(("timestamp", "Timestamp", source["timestamp"][0]))
    return Response(status, REASONS.get(status, "") if reason is None else reason, Headers.of_parsed(fields))


def note_source(request: Request, host: str, port: int) -> None:
    """Write where a request came from into its top Via (RFC 3261, 18.2.1; RFC 3581, 4).

    ``received`` when sent-by is another address or a name, or rport is asked for; ``rport`` when asked for.

    :param host: numeric source address, without brackets.
    """
    headers, vias = request.headers, request.vias
    via = noted = vias[0]
    if via.wants_rport:
        noted = via.noted(host, port)
    elif via.address.lower() != host.lower():
        noted = noted.with_param("received", host)
    if noted is via:
        return
    # One line may hold several values; the other lines stay as they came: their senders compare them.
    line = headers.by_key()["via"][0]
    others = parse_via([line])[1:] if "," in line else ()
    headers.rewrite_first("via", ", ".join(map(str, (noted, *others))) if others else str(noted))
    headers.remember("Via", (noted, *vias[1:]))


class Head:
    """Start line and headers of a message whose body is still to come."""

    def __init__(self, start_line: str, headers: Headers, fault: RemoteProtocolError | None) -> None:
        self.headers = headers
        self._start_line = start_line
        self._fault = fault
        try:
            self._start = parse_start_line(start_line)
        except RemoteProtocolError as error:
            if not is_response(start_line) and not is_request(start_line):
                raise RemoteProtocolError(f"not SIP: {printable(start_line[:40])!r}") from None
            self._start, self._fault = StartLine(), fault or error

    def length(self) -> int | None:
        """Read Content-Length; None when absent.

        :raises RemoteProtocolError: (MalformedRequest for a request) if it is no number, or given twice.
        """
        values = self.headers.by_key().get("content-length")
        if not values:
            return None
        if len(values) > 1:
            self.refuse("more than one Content-Length")
        try:
            return parse_number(values[0], "Content-Length", limit=2**32 - 1)
        except RemoteProtocolError as error:
            self.refuse(str(error))

    def finish(self, body: bytes) -> Request | Response:
        """Check everything and make the message.

        :raises RemoteProtocolError: as parse_message.
        """
        try:
            if self._fault is not None:
                raise self._fault
            method, uri, status, reason = self._start
            if uri is None:
                message: Request | Response = Response(status, reason, self.headers, body)
            else:
                message = Request(method, uri, self.headers, body)
            _check(message, method)
        except RemoteProtocolError as error:
            self.refuse(str(error), error.status_hint)
        return message

    def refuse(self, message: str, status_hint: int = 400) -> NoReturn:
        """Raise the error that fits: one that can be answered for a request."""
        if is_request(self._start_line):
            method = self._start_line.split(" ")[0]
            raise MalformedRequest(
                message,
                status_hint=status_hint,
                method=method if is_token(method) else "",
                headers=self.headers,
            ) from None
        raise RemoteProtocolError(message, status_hint=status_hint) from None


def open_head(data: bytes) -> Head:
    """Split a start line and headers, without the empty line behind them.

    Faults of single lines are kept for Head.finish, so that the rest can serve to answer.

    :raises RemoteProtocolError: if the first line is neither a request nor a response of SIP.
    """
    too_large = len(data) > MAX_HEADER_BYTES
    text = data[:MAX_HEADER_BYTES].decode("utf-8", "surrogateescape")
    has_control = len(data.translate(None, _CONTROL)) != len(data) or not (
        data.count(b"\r\n") == data.count(b"\r") == data.count(b"\n")
    )
    start_line, _, text = text.partition("\r\n")  # which cannot be folded (RFC 3261, 7.1)
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    lines = text.split("\r\n") if text else []
    fault: RemoteProtocolError | None = None
    if too_large or len(lines) > MAX_HEADER_FIELDS:
        fault = RemoteProtocolError(f"{len(data)} octets of headers in {len(lines)} lines", status_hint=513)
        del lines[MAX_HEADER_FIELDS:]
    if has_control and _has_bare_control(start_line, ""):
        fault = fault or RemoteProtocolError("control characters in the start line")
    fields: list[Field] = []
    for line in lines:
        name, colon, value = line.partition(":")
        names = AS_WRITTEN.get(name)
        if names is None or not colon:
            try:
                names = _read_name(line)
            except RemoteProtocolError as error:
                fault = fault or error
                continue
        key, known = names
        value = value.strip(" \t")
        if has_control and _has_bare_control(value, key):
            fault = fault or RemoteProtocolError(f"{known}: control characters")
            continue
        fields.append((key, known, value))
    return Head(start_line, Headers.of_parsed(fields), fault)


def _read_name(line: str) -> tuple[str, str]:
    """Read the name of a header field in any spelling.

    :returns: its long form in lower case, and as it is written.
    :raises RemoteProtocolError: 400 if there is none, or no colon.
    """
    name, colon, _ = line.partition(":")
    name = name.rstrip(" \t")
    key = name.lower()
    key = COMPACT.get(key, key)
    known = LONG_NAME.get(key) if name.isascii() else None  # the Kelvin sign is a "k" in lower case
    if known is None:
        if not colon or not is_token(name):
            raise RemoteProtocolError(f"cannot read the line {printable(line[:60])!r}")
        known = name
    elif not colon:
        raise RemoteProtocolError(f"{known} without a colon")
    return key, known


def _has_bare_control(text: str, key: str) -> bool:
    # "\\." steps over quoted pairs, which are told from bare controls by their length.
    allows_pairs = key in _NAMES_PEOPLE
    for match in _BARE_CONTROL.finditer(text):
        found = match[0]
        if len(found) == 1 or found[1] in "\r\n" or (not allows_pairs and not found[1].isprintable()):
            return True
    return False


def _check(message: Request | Response, method: str) -> None:
    """Check what RFC 3261, 8.1.1 and 20 ask of every message, and parse what its receiver will use.

    :param method: of the start line; empty in a response.
    """
    headers = message.headers
    index = headers.by_key()
    if len(index) != len(headers):
        for key, values in index.items():
            if len(values) > 1 and key in _SINGLE:
                raise RemoteProtocolError(f"more than one {LONG_NAME[key]}")
    for key in _ALWAYS:
        if key not in index:
            raise RemoteProtocolError(f"no {LONG_NAME[key]}")
    headers.read(READERS)
    cseq = message.cseq
    if method and cseq.method != method:
        raise RemoteProtocolError(f"CSeq says {printable(cseq.method)}, the start line {method}")
    if method != "REGISTER" and "contact" in index and message.contact_is_star:
        where = "belongs in REGISTER (RFC 3261, 10.2.2)" if method else "in a response"
        raise RemoteProtocolError(f"Contact: * {where}")


def _tagged(to: str, tag: str | None) -> str:
    return f"{to};tag={tag}" if tag else to


def _write(start_line: str, headers: Headers, body: bytes) -> bytes:
    lines = [start_line]
    lines += [f"{name}: {value}" for key, name, value in headers.fields() if key != "content-length"]
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body
