"""What the plane wants of SRTP; the library that does it is brought along by the edge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hotline.media.plan import Srtp


class Protection(Protocol):
    """One leg's SRTP (RFC 3711), both ways: keys, roll-over counters and replay lists."""

    def protect(self, packet: bytes) -> bytes | None:
        """Encrypt and sign an RTP packet; None for a number that was used before."""
        ...

    def open(self, packet: bytes) -> bytes | None:
        """Give the RTP packet inside; None when it is forged, damaged or was heard before."""
        ...

    def protect_report(self, packet: bytes) -> bytes | None:
        """Encrypt and sign an RTCP packet (RFC 3711, 3.4); None when that cannot be done."""
        ...

    def open_report(self, packet: bytes) -> bytes | None:
        """Give the RTCP packet inside; None when it is forged, damaged or was heard before."""
        ...


MakeProtection = Callable[[Srtp], Protection]
"""Makes the protection of a leg.

It raises LocalProtocolError for an unknown suite or a key of another length, showing no key.
"""
