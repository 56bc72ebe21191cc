"""Keys pressed, told by INFO: ``application/dtmf-relay`` and ``application/dtmf``.

No RFC defines either; gateways took the first over from Cisco, the second is one bare digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from hotline.sip.body import Part

RELAY: Final = "application/dtmf-relay"
PLAIN: Final = "application/dtmf"
DTMF_TYPES: Final = (RELAY, PLAIN)
DEFAULT_MS: Final = 250
"""Duration when the body does not say."""
LONGEST_MS: Final = 60_000

_SIGNAL: Final = re.compile(rb"(?im)^[ \t]*Signal[ \t]*=[ \t]*([0-9A-D*#]|1[0-5])[ \t]*\r?$")
_DURATION: Final = re.compile(rb"(?im)^[ \t]*Duration[ \t]*=[ \t]*([0-9]{1,6})[ \t]*\r?$")
_DIGIT: Final = re.compile(rb"[ \t\r\n]*([0-9A-Da-d*#]|1[0-5])[ \t\r\n]*")
_BY_EVENT: Final = dict(zip((b"10", b"11", b"12", b"13", b"14", b"15"), "*#ABCD", strict=True))
"""Event codes of RFC 4733, table 3, which some gateways write in place of the key."""


def write_dtmf(key: str, duration_ms: int) -> bytes:
    """Write the body of an INFO (``RELAY``) that tells a key."""
    return f"Signal={key}\r\nDuration={duration_ms}\r\n".encode("ascii")


def read_dtmf(parts: Iterable[Part]) -> tuple[str, int] | None:
    """Read a key and its duration in milliseconds; None when the body names no key."""
    for part in parts:
        if part.essence == RELAY and (signal := _SIGNAL.search(part.body)):
            duration = _DURATION.search(part.body)
            return _key(signal[1]), min(int(duration[1]), LONGEST_MS) if duration else DEFAULT_MS
        if part.essence == PLAIN and (digit := _DIGIT.fullmatch(part.body)):
            return _key(digit[1]), DEFAULT_MS
    return None


def _key(code: bytes) -> str:
    return _BY_EVENT.get(code) or code.decode("ascii").upper()
