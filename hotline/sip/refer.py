"""Transfers (RFC 3515): Refer-To, Referred-By (RFC 3892), Refer-Sub (RFC 4488), and how the call goes.

Whoever sent the REFER learns by NOTIFY how the new call goes: the body is the status line of its last
response (``message/sipfrag``, RFC 3420).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote_to_bytes

from hotline.errors import RemoteProtocolError
from hotline.sip.addresses import NameAddr, parse_name_addr
from hotline.sip.grammar import printable, unreadable
from hotline.sip.replaces import Replaces, parse_replaces
from hotline.sip.status import REASONS
from hotline.sip.uri import Uri

SIPFRAG: Final = "message/sipfrag;version=2.0"
"""Content-Type of a NOTIFY's body (RFC 3515, 2.4.5)."""
SUBSCRIPTION_S: Final = 180
"""How long a REFER is reported on, unless it ends before: as long as a telephone may ring."""
LARGEST_FRAGMENT: Final = 4096
"""Octets of a sipfrag that are looked at; the status line stands first."""

_STATUS_LINE: Final = re.compile(
    rb"[ \t\r\n]*+SIP/2\.0[ \t]++([1-6][0-9]{2})(?:[ \t]++([^\r\n]*+))?(?:\r?\n|$)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ReferTo:
    """Where a REFER sends its receiver."""

    uri: Uri
    """Without method and headers: what to call."""
    method: str = "INVITE"
    replaces: Replaces | None = None
    """The dialog that the call shall take the place of: an attended transfer."""
    display_name: str = ""

    def __str__(self) -> str:
        uri = self.uri if self.method == "INVITE" else self.uri.with_param("method", self.method)
        if self.replaces is not None:
            uri = replace(uri, headers=(("Replaces", self.replaces.as_uri_header),))
        return str(NameAddr(self.display_name, uri))


def parse_refer_to(text: str) -> ReferTo:
    """Read Refer-To.

    Headers in its URI other than Replaces are left out: nobody else writes our requests.

    :raises RemoteProtocolError: 400 for what cannot be read, and for two Replaces.
    """
    address = parse_name_addr(text, "Refer-To")
    uri = address.uri
    found = [value for name, value in uri.headers if name.lower() == "replaces"]
    if len(found) > 1:
        raise unreadable("Refer-To", text)
    replaces = parse_replaces(_decoded(found[0])) if found else None
    if not uri.is_sip:  # a tel URI has no method; a parameter of that name is its own
        return ReferTo(uri, display_name=address.display_name)
    method = (uri.param("method") or "INVITE").upper()
    params = tuple((name, value) for name, value in uri.params if name.lower() != "method")
    return ReferTo(replace(uri, params=params, headers=()), method, replaces, address.display_name)


def parse_referred_by(text: str) -> NameAddr:
    """Read Referred-By (RFC 3892): who asked for the transfer. Its signature (``cid``) is not checked."""
    return parse_name_addr(text, "Referred-By")


def parse_refer_sub(text: str) -> bool:
    """Read Refer-Sub (RFC 4488): False when the sender wants no reports."""
    word = text.partition(";")[0].strip(" \t").lower()
    if word not in {"true", "false"}:
        raise unreadable("Refer-Sub", text)
    return word == "true"


def write_sipfrag(status: int, reason: str = "") -> bytes:
    """Write how the new call goes, as the body of a NOTIFY."""
    words = printable(reason) or REASONS.get(status, "")
    return f"SIP/2.0 {status} {words}\r\n".encode()


def read_sipfrag(body: bytes) -> tuple[int, str] | None:
    """Read how the new call of a peer goes: status and reason; None when the body does not say."""
    match = _STATUS_LINE.match(body[:LARGEST_FRAGMENT])
    if match is None:
        return None
    return int(match[1]), printable((match[2] or b"").decode("utf-8", "surrogateescape"))


def _decoded(text: str) -> str:
    decoded = unquote_to_bytes(text).decode("utf-8", "surrogateescape")
    if decoded != printable(decoded):
        raise RemoteProtocolError("Refer-To: control characters in Replaces")
    return decoded
