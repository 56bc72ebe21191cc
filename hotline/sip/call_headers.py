"""Headers that say something about a call as a whole.

Why it ended (Reason, RFC 3326), how it shall ring (Alert-Info and Call-Info, RFC 3261, 20.4 and 20.9,
with what telephones made of them), over whom it came (Diversion, RFC 5806; History-Info, RFC 7044),
and whether its early media counts (P-Early-Media, RFC 5009).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote_to_bytes

from hotline.errors import RemoteProtocolError
from hotline.sip.addresses import NameAddr, parse_name_addrs
from hotline.sip.grammar import (
    TOKEN,
    Params,
    get_param,
    printable,
    quote,
    scan_comma,
    scan_params,
    unreadable,
    write_params,
)
from hotline.sip.headers import parse_tokens
from hotline.sip.inspection import HeaderFields

MOST_REASONS: Final = 16
"""Values of Reason that are read; one for each protocol is allowed (RFC 3326, 2)."""

_WORD: Final = re.compile(rf"[ \t]*+({TOKEN})")
_ALERT: Final = re.compile(r"[ \t]*+<[ \t]*+([^<>\r\n]*+)>")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a request was sent, above all BYE and CANCEL (RFC 3326)."""

    protocol: str
    """``SIP``, ``Q.850``; as written."""
    cause: int | None = None
    text: str = ""
    params: Params = ()
    """Further parameters."""

    def __str__(self) -> str:
        cause = "" if self.cause is None else f";cause={self.cause}"
        text = f";text={quote(self.text)}" if self.text else ""
        return f"{self.protocol}{cause}{text}{write_params(self.params)}"


ANSWERED_ELSEWHERE: Final = Reason("SIP", 200, "Call completed elsewhere")
"""In the CANCEL to telephones that rang beside the one that answered: no missed call (RFC 3326, 3.1)."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One value of Alert-Info or Call-Info: a URI, often none that means anything, and parameters."""

    uri: str
    params: Params = ()

    def param(self, name: str) -> str | None:
        """Find a parameter: None when absent, empty when it has no value."""
        return get_param(self.params, name)

    def __str__(self) -> str:
        return f"<{self.uri}>{write_params(self.params)}"


@dataclass(frozen=True, slots=True)
class Diverted:
    """One place that a call was sent on from."""

    address: NameAddr
    reason: str
    """``unconditional``, ``user-busy``, ``no-answer``..., or a cause number of RFC 4458; may be empty."""


def parse_reasons(values: Iterable[str]) -> tuple[Reason, ...]:
    """Read Reason; a cause that is no number is left out, the text is fit to show."""
    found: list[Reason] = []
    for text in values:
        position: int | None = 0
        while position is not None:
            match = _WORD.match(text, position)
            if match is None or len(found) == MOST_REASONS:
                raise unreadable("Reason", text[position:])
            params, end = scan_params(text, match.end())
            cause = get_param(params, "cause") or ""
            others = tuple(param for param in params if param[0].lower() not in {"cause", "text"})
            is_number = cause.isascii() and cause.isdigit() and len(cause) <= 3
            words = printable(get_param(params, "text") or "")
            found.append(Reason(match[1], int(cause) if is_number else None, words, others))
            position = scan_comma(text, end, "Reason")
    return tuple(found)


def parse_alerts(values: Iterable[str], header: str = "Alert-Info") -> tuple[Alert, ...]:
    """Read Alert-Info or Call-Info."""
    found: list[Alert] = []
    for text in values:
        position: int | None = 0
        while position is not None:
            match = _ALERT.match(text, position)
            if match is None:
                raise unreadable(header, text[position:])
            params, end = scan_params(text, match.end())
            found.append(Alert(match[1].rstrip(" \t"), params))
            position = scan_comma(text, end, header)
    return tuple(found)


def auto_answer_headers(local_host: str, delay_s: int = 0) -> HeaderFields:
    """Ask a telephone to answer by itself: the three forms that telephones of today know.

    :param local_host: our host or address, as in a URI.
    """
    return (
        ("Alert-Info", f"<http://{local_host}>;info=alert-autoanswer;delay={delay_s}"),
        ("Call-Info", f"<sip:{local_host}>;answer-after={delay_s}"),
        ("Answer-Mode", "Auto"),  # RFC 5373
    )


def parse_early_media(values: Iterable[str]) -> frozenset[str]:
    """Read P-Early-Media (RFC 5009): ``supported``, ``sendrecv``, ``gated``..., in lower case."""
    return frozenset(word.lower() for word in parse_tokens(values, "P-Early-Media"))


def diversions(diversion: Iterable[str], history: Iterable[str]) -> tuple[Diverted, ...]:
    """Tell over whom a call came, the last one first; from Diversion, else from History-Info.

    Neither is worth a call: what cannot be read counts as absent.

    :param diversion: values of Diversion, which stands with the newest first.
    :param history: values of History-Info, which stands with the oldest first.
    """
    try:
        found = parse_name_addrs(diversion, "Diversion")
    except RemoteProtocolError:
        found = ()
    if found:
        return tuple(Diverted(address, printable(address.param("reason") or "")) for address in found)
    try:
        entries = parse_name_addrs(history, "History-Info")
    except RemoteProtocolError:
        return ()
    # An entry is where the call was sent; the cause in the next one says why it went on from there.
    causes = [entry.uri.param("cause") or _embedded_cause(entry) for entry in entries]
    found_in = [
        Diverted(_bare(entry), printable(causes[index + 1]))
        for index, entry in enumerate(entries[:-1])
        if causes[index + 1]
    ]
    return tuple(reversed(found_in))


def _embedded_cause(entry: NameAddr) -> str:
    """Find the cause in the Reason that an entry's URI carries (RFC 7044, 5.1)."""
    for name, value in entry.uri.headers:
        if name.lower() == "reason":
            try:
                reasons = parse_reasons([unquote_to_bytes(value).decode("utf-8", "replace")])
            except RemoteProtocolError:
                return ""
            return next((str(reason.cause) for reason in reasons if reason.cause is not None), "")
    return ""


def _bare(entry: NameAddr) -> NameAddr:
    return replace(entry, uri=replace(entry.uri, headers=()))
