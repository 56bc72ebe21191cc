"""Keys of SRTP in the session description: ``a=crypto`` (RFC 4568).

Two suites of AES-128, which every telephone with SRTP knows. What would change how packets are
protected (unencrypted, unauthenticated, another key derivation rate, a master key identifier) is
refused by passing over the line that asks for it, as RFC 4568, 7.1.2 says.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.grammar import parse_number, unreadable

SUITES: Final = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
"""Best first (RFC 4568, 6.2)."""
KEY_BYTES: Final = 30
"""Master key of 16 octets and master salt of 14, for both suites (RFC 4568, 6.2)."""
SHORTEST_LIFETIME: Final = 2**18
"""Packets that a key must last for: an hour and a half at 50 a second. We do not change keys ourselves."""
MAX_TAG: Final = 999_999_999
"""Nine digits (RFC 4568, 9.2)."""

_LINE: Final = re.compile(
    r"([0-9]{1,9})[ \t]++([A-Za-z0-9_]++)[ \t]++([^ \t]++)((?:[ \t]++[^ \t]++)*+)[ \t]*+"
)
# key-info = base64 [ "|" lifetime ] [ "|" MKI ":" length ] (RFC 4568, 9.2)
_INLINE: Final = re.compile(
    r"inline:([A-Za-z0-9+/]++={0,2})(?:\|(2\^[0-9]{1,2}|[0-9]{1,20}))?(?:\|([0-9]{1,20}:[0-9]{1,3}))?",
    re.IGNORECASE,
)
_HARMLESS: Final = re.compile(r"-.*|WSH=[0-9]+", re.IGNORECASE | re.DOTALL)
"""Session parameters that may be passed over: optional extensions, and the hint of a window size."""


@dataclass(frozen=True, slots=True)
class Crypto:
    """One ``a=crypto``."""

    tag: int
    """Names the line in the answer."""
    suite: str
    key: bytes
    """Master key and salt of whoever wrote the line."""
    lifetime: int | None = None
    """Packets; None: as long as the suite allows."""
    mki: str | None = None
    """Master key identifier and its length, as ``1:4``."""
    session_params: tuple[str, ...] = ()

    @property
    def is_usable(self) -> bool:
        """Tell whether we can protect packets in this way."""
        return (
            self.suite in SUITES
            and len(self.key) == KEY_BYTES
            and self.mki is None
            and (self.lifetime is None or self.lifetime >= SHORTEST_LIFETIME)
            and all(_HARMLESS.fullmatch(param) for param in self.session_params)
        )

    def __str__(self) -> str:
        info = f"inline:{b64encode(self.key).decode()}"
        if self.lifetime is not None:
            info += f"|{self.lifetime}"
        if self.mki is not None:
            info += f"|{self.mki}"
        return " ".join((str(self.tag), self.suite, info, *self.session_params))


def parse_crypto(text: str) -> Crypto:
    """Read the value of one ``a=crypto``.

    :raises RemoteProtocolError: 400 when it is no crypto line, or has several keys or another key method.
    """
    line = _LINE.fullmatch(text.strip(" \t"))
    inline = _INLINE.fullmatch(line[3]) if line else None
    if line is None or inline is None:
        raise unreadable("a=crypto", _without_key(text))
    try:
        key = b64decode(inline[1] + "=" * (-len(inline[1]) % 4), validate=True)
    except binascii.Error:
        raise unreadable("a=crypto", _without_key(text)) from None
    return Crypto(
        parse_number(line[1], "a=crypto", limit=MAX_TAG),
        line[2],
        key,
        None if inline[2] is None else _lifetime(inline[2]),
        inline[3],
        tuple(line[4].split()),
    )


def usable_cryptos(values: Iterable[str]) -> list[Crypto]:
    """Read the ``a=crypto`` lines of a stream; those that we cannot use or read are passed over."""
    found: list[Crypto] = []
    for text in values:
        try:
            crypto = parse_crypto(text)
        except RemoteProtocolError:
            continue
        if crypto.is_usable:
            found.append(crypto)
    return found


def _lifetime(text: str) -> int:
    if text.startswith("2^"):
        return int(2 ** int(text[2:]))
    return int(text)


def _without_key(text: str) -> str:
    # Errors are logged, keys must not be.
    return re.sub(r"(?i)inline:.*", "inline:...", text, flags=re.DOTALL)
