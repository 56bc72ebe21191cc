"""Messages as an onlooker sees them: what is worth showing of any octets that passed the edge.

Nothing here checks a message and nothing here refuses one: what passed is shown, most of all when it was
wrong. The parser that decides what a message means is ``hotline.sip.message``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from hotline.sip.flow import Address
from hotline.sip.grammar import printable
from hotline.sip.headers import COMPACT
from hotline.sip.status import REASONS

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_FOLD: Final = re.compile(r"\r?\n[ \t]+")
_CALL_ID: Final = re.compile(rb"(?im)^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)")
_USER: Final = re.compile(r"(?:sips?:|tel:|urn:)([^@;>?\s]*)", re.IGNORECASE)
_BRANCH: Final = re.compile(r";\s*branch\s*=\s*([^;,\s]+)", re.IGNORECASE)
_TAG: Final = re.compile(r"[;>]\s*;?\s*tag\s*=", re.IGNORECASE)
_CREDENTIALS: Final = re.compile(rb"(?im)^((?:proxy-)?authorization[ \t]*:[ \t]*)((?:[^\r\n]|\r?\n[ \t])*)")
_DIGEST_SECRET: Final = re.compile(rb'(?i)\b((?:response|cnonce)\s*=\s*)("[^"]*"?|[^\s,]+)')
_KEY_LINE: Final = re.compile(rb"(?im)^(?:a=crypto:|k=)[^\r\n]*")
_KEY: Final = re.compile(rb"(?i)(inline:)[^\s|;]*|^(k=).*")
STATIC_CODECS: Final[Mapping[str, str]] = {
    "0": "PCMU", "3": "GSM", "4": "G723", "8": "PCMA", "9": "G722", "13": "CN", "18": "G729",
}  # fmt: skip
"""Payload types that need no rtpmap (RFC 3551, 6)."""


class SeenMessage(NamedTuple):
    """One message that passed the edge."""

    at: float
    """Seconds since 1970, UTC."""
    is_sent: bool
    """True: from us; False: to us."""
    transport: str
    local: Address
    remote: Address
    data: bytes
    """As it went over the wire, without the secrets of its sender (``without_secrets``)."""
    call: str = ""
    """Our id of the leg that a message from us belongs to; empty where it belongs to none."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What can be told about a message; an empty text means that it does not say."""

    method: str
    """Of a request, or the method that a response answers."""
    status: int
    """0: a request."""
    title: str
    """``INVITE 96156`` or ``180 Ringing``."""
    call_id: str = ""
    cseq: str = ""
    branch: str = ""
    from_user: str = ""
    to_user: str = ""
    voice: str = ""
    """The session description in a few words: ``PCMA PCMU tel/101 → 192.0.2.7:16000 hold``."""
    marks: tuple[str, ...] = ()
    """``auth``, ``100rel 1``, ``rack 1``, ``late``, ``sips`` and the like."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """First value of each header by its long name in small letters."""

    @property
    def is_request(self) -> bool:
        """Tell whether it is a request."""
        return self.status == 0


def call_id_of(data: bytes) -> bytes:
    """Find a message's Call-ID as it stands there; empty when it has none.

    It is done for every message that passes, so the usual spelling is looked for first.
    """
    at = data.find(b"\r\nCall-ID: ")
    if at >= 0:
        return data[at + 11 : data.find(b"\r\n", at + 11)].strip()
    found = _CALL_ID.search(data)
    return found[1].strip() if found else b""


def without_secrets(data: bytes) -> bytes:
    """Take out what would let a reader act as the sender: answers to a challenge, and keys of voice.

    User name, realm, nonce and algorithm stay: they tell why a log-in failed, and without the answer
    nothing can be computed from them.
    """
    lowered = data.lower()
    if b"authorization" in lowered:
        data = _CREDENTIALS.sub(_without_answer, data)
    if b"a=crypto:" in lowered or b"\nk=" in lowered:
        data = _KEY_LINE.sub(lambda line: _KEY.sub(_hidden, line[0]), data)
    return data


def _hidden(found: re.Match[bytes]) -> bytes:
    # A line may carry several keys (RFC 4568, 6.1).
    return (found[1] or found[2]) + b"***"


def _without_answer(found: re.Match[bytes]) -> bytes:
    value: bytes = found[2]
    if value[:6].lower() != b"digest":
        return found[1] + value.partition(b" ")[0] + b" ***"
    return bytes(found[1] + _DIGEST_SECRET.sub(rb'\1"***"', value))


def glimpse(data: bytes) -> Glimpse:
    """See what a message is; whatever it is, it does not raise."""
    parts = _HEAD_END.split(data.lstrip(b"\r\n"), maxsplit=1)
    text = _FOLD.sub(" ", parts[0].decode("utf-8", "surrogateescape"))
    start, *lines = re.split(r"\r?\n", text)
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key = name.strip().lower()
        headers.setdefault(COMPACT.get(key, key), value.strip())
    body = parts[1] if len(parts) > 1 else b""
    cseq_number, _, cseq_method = headers.get("cseq", "").partition(" ")
    method, status, title = _start(start, cseq_method.strip().upper())
    if method == "INVITE" and not status and _TAG.search(headers.get("to", "")):
        title = "re-INVITE"
    branch = _BRANCH.search(headers.get("via", ""))
    sdp = voice_of(body) if b"v=0" in body else ""
    return Glimpse(
        method=method,
        status=status,
        title=title,
        call_id=printable(headers.get("call-id", "")),
        cseq=cseq_number,
        branch=branch[1] if branch else "",
        from_user=user_of(headers.get("from", "")),
        to_user=user_of(headers.get("to", "")),
        voice=sdp,
        marks=_marks(method, status, headers),
        headers=headers,
    )


def user_of(value: str) -> str:
    """Find the user part of an address as it stands in a header; the host when there is none."""
    found = _USER.search(value.rpartition("<")[2])
    return printable(found[1]) if found else ""


def _start(line: str, answered: str) -> tuple[str, int, str]:
    words = line.split(" ", 2)
    if words[0].upper().startswith("SIP/"):
        status = int(words[1]) if len(words) > 1 and words[1].isdecimal() and len(words[1]) == 3 else 999
        reason = printable(words[2]) if len(words) > 2 else ""
        to_what = f" · {answered}" if answered not in ("INVITE", "") else ""
        return answered, status, f"{status} {reason or REASONS.get(status, '')}".strip() + to_what
    if len(words) < 3 or not words[2].upper().startswith("SIP/"):
        return "", 0, f"no SIP: {printable(line[:60])!r}"
    method = printable(words[0])
    named = user_of(words[1]) if method not in ("ACK", "BYE", "CANCEL", "PRACK", "UPDATE") else ""
    return method, 0, f"{method} {named}".strip()


def _marks(method: str, status: int, headers: Mapping[str, str]) -> tuple[str, ...]:
    marks = []
    if "authorization" in headers or "proxy-authorization" in headers:
        marks.append("auth")
    if rseq := headers.get("rseq"):
        marks.append(f"reliable {printable(rseq)}")
    if rack := headers.get("rack"):
        marks.append(f"of {printable(rack)}")
    if "replaces" in headers:
        marks.append("replaces")
    if method == "REFER" and not status:
        marks.append(f"to {user_of(headers.get('refer-to', ''))}")
    if method in ("NOTIFY", "SUBSCRIBE") and not status and (event := headers.get("event")):
        marks.append(printable(event.partition(";")[0]))
    if method == "REGISTER" and (expires := headers.get("expires")):
        marks.append(f"{printable(expires)} s")
    if retry_after := headers.get("retry-after"):
        marks.append(f"again in {printable(retry_after)} s")
    if status >= 300 and (warning := headers.get("warning")):
        marks.append(printable(warning))
    if not status and (reason := headers.get("reason")):
        marks.append(printable(reason))
    return tuple(marks)


def voice_of(body: bytes) -> str:
    """Say in a few words what a session description offers or takes."""
    text = body.decode("utf-8", "replace")
    session, *media = re.split(r"(?m)^m=", text)
    shown = [_one_voice(session, lines) for lines in media]
    return "; ".join(shown) if shown else "no media"


def _one_voice(session: str, lines: str) -> str:
    first, _, rest = lines.partition("\n")
    words = first.split()
    kind, port = (*words, "", "")[:2]
    if port.partition("/")[0] == "0":
        return f"{printable(kind)} refused"
    names = {found[1]: found[2] for found in re.finditer(r"(?m)^a=rtpmap:(\d+)\s+([^/\s]+)", rest)}
    codecs = []
    for payload_type in words[3:]:
        name = printable(names.get(payload_type) or STATIC_CODECS.get(payload_type) or payload_type)
        codecs.append(f"keys/{payload_type}" if name.lower() == "telephone-event" else name)
    host = _last(r"(?m)^c=IN IP[46] ([^\s/]+)", rest) or _last(r"(?m)^c=IN IP[46] ([^\s/]+)", session)
    direction = _last(r"(?m)^a=(sendrecv|sendonly|recvonly|inactive)\b", rest) or _last(
        r"(?m)^a=(sendrecv|sendonly|recvonly|inactive)\b", session
    )
    shown_host = f"[{host}]" if ":" in host else host
    parts = [] if kind == "audio" else [kind]
    parts += [" ".join(codecs), f"@{shown_host}:{port}"]
    if "a=crypto:" in rest or "SAVP" in (words[2] if len(words) > 2 else ""):
        parts.append("SRTP")
    if direction in ("sendonly", "inactive") or host == "0.0.0.0":  # noqa: S104 - the old form of hold
        parts.append(f"HOLD ({direction or 'c=0.0.0.0'})")
    elif direction == "recvonly":
        parts.append("recvonly")
    return printable(" ".join(part for part in parts if part))


def _last(pattern: str, text: str) -> str:
    found = re.findall(pattern, text)
    return str(found[-1]) if found else ""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages somebody wants to see; empty fields let everything through."""

    call_ids: frozenset[str] = frozenset()
    """SIP Call-IDs."""
    from_number: str = ""
    """Part of the user in From."""
    to_number: str = ""
    """Part of the user in To or in the Request-URI."""
    number: str = ""
    """Part of either."""
    ip: str = ""
    """The peer's address."""
    methods: frozenset[str] = frozenset()
    """Methods in capitals; a response counts as its request does."""

    @property
    def is_empty(self) -> bool:
        """Tell whether everything passes."""
        return self == Filter()

    def matches(self, seen: SeenMessage) -> bool:
        """Tell whether a message is wanted."""
        if self.ip and seen.remote[0] != self.ip:
            return False
        if self.is_empty or self == Filter(ip=self.ip):
            return True
        view = glimpse(seen.data)
        if self.call_ids and view.call_id not in self.call_ids:
            return False
        if self.methods and view.method.upper() not in self.methods:
            return False
        if self.from_number and self.from_number not in view.from_user:
            return False
        called = f"{view.to_user} {view.title if view.is_request else ''}"
        if self.to_number and self.to_number not in called:
            return False
        return not self.number or self.number in f"{view.from_user} {called}"
