"""SRTP through libsrtp (RFC 3711), one session each way and leg. Keys come by SDES (RFC 4568)."""

from __future__ import annotations

from typing import Final

import pylibsrtp

from hotline.errors import LocalProtocolError
from hotline.media.plan import Srtp

SUITES: Final = {
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}
"""RFC 4568, 6.2."""
KEY_BYTES: Final = 30  # 16 of master key, 14 of master salt (RFC 4568, 6.2.1)
REPLAY_WINDOW: Final = 512  # packets: ten seconds of a stream that a stalled network let go at once
LONGEST: Final = 1300  # bytes; longer datagrams are nobody's voice, and libsrtp's buffer ends


class LibSrtp:
    """One leg's SRTP.

    :raises LocalProtocolError: for an unknown suite or a key of another length; shows no key.
    """

    def __init__(self, keys: Srtp) -> None:
        suite = SUITES.get(keys.suite)
        if suite is None:
            raise LocalProtocolError(f"SRTP suite {keys.suite!r} is not one of {', '.join(SUITES)}")
        if len(keys.send_key) != KEY_BYTES or len(keys.receive_key) != KEY_BYTES:
            raise LocalProtocolError(f"an SRTP key of {keys.suite} has {KEY_BYTES} bytes, salt included")
        self._sending = _session(keys.send_key, suite, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
        self._receiving = _session(keys.receive_key, suite, pylibsrtp.Policy.SSRC_ANY_INBOUND)

    def protect(self, packet: bytes) -> bytes | None:
        """Encrypt and sign an RTP packet; None for a number that was used before."""
        try:
            return self._sending.protect(packet)
        except (pylibsrtp.Error, ValueError):
            return None

    def open(self, packet: bytes) -> bytes | None:
        """Give the RTP packet inside; None when it is forged, damaged or was heard before."""
        if len(packet) > LONGEST:
            return None
        try:
            return self._receiving.unprotect(packet)
        except pylibsrtp.Error:
            return None

    def protect_report(self, packet: bytes) -> bytes | None:
        """Encrypt and sign an RTCP packet (RFC 3711, 3.4); None when that cannot be done."""
        try:
            return self._sending.protect_rtcp(packet)
        except (pylibsrtp.Error, ValueError):
            return None

    def open_report(self, packet: bytes) -> bytes | None:
        """Give the RTCP packet inside; None when it is forged, damaged or was heard before."""
        if len(packet) > LONGEST:
            return None
        try:
            return self._receiving.unprotect_rtcp(packet)
        except (pylibsrtp.Error, ValueError):
            return None


def _session(key: bytes, suite: int, kind: int) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(key=key, ssrc_type=kind, srtp_profile=suite)
    policy.window_size = REPLAY_WINDOW
    return pylibsrtp.Session(policy)
