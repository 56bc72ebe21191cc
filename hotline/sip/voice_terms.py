"""What two sides agreed on about one voice stream, as the layers above and the media plane want it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Final, Literal

Security = Literal["never", "optional", "required"]
"""Whether a leg's voice goes over SRTP (RFC 3711, keys by RFC 4568)."""

CODECS: Final = ("PCMA", "PCMU", "G722", "opus")
"""Every codec that the house knows, by its name in rtpmap (RFC 3551, 6; RFC 7587, 7)."""


@dataclass(frozen=True, slots=True)
class VoicePolicy:
    """What one leg may carry, best first."""

    codecs: tuple[str, ...] = CODECS
    security: Security = "optional"

    def among(self, codecs: Collection[str]) -> VoicePolicy:
        """Leave out the codecs that this machine does not have."""
        if all(name in codecs for name in self.codecs):
            return self
        return replace(self, codecs=tuple(name for name in self.codecs if name in codecs))


ANY_VOICE: Final = VoicePolicy()


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """The keys of one SRTP stream in both directions (RFC 4568, 6)."""

    suite: str
    """``AES_CM_128_HMAC_SHA1_80`` or ``..._32``."""
    send_key: bytes = field(repr=False)
    """Master key and salt, 30 octets, that we send with."""
    receive_key: bytes = field(repr=False)
    """Master key and salt, 30 octets, that the other side sends with."""


@dataclass(frozen=True, slots=True)
class VoiceTerms:
    """Codec, addresses, directions and keys of one stream."""

    remote_ip: str
    """Numeric address where the other side wants our voice; empty while it holds us by address."""
    remote_port: int
    codec: str = "PCMA"
    """One of ``CODECS``."""
    payload_type: int = 8
    """As the other side wrote it: dynamic for Opus."""
    event_payload_type: int | None = None
    """Payload type of telephone-event at the codec's clock rate; None when not agreed."""
    sends: bool = True
    """We may send: False while the other side holds us (its ``sendonly`` or ``inactive``)."""
    receives: bool = True
    """The other side sends: False for its ``recvonly`` and ``inactive``."""
    srtp: SrtpKeys | None = None
    """None: plain RTP."""
    event_clock_hz: int = 0
    """Clock rate that telephone-event was agreed at where it is not the codec's; 0: the codec's own."""
    rtcp_ip: str = ""
    """Where the other side wants RTCP (RFC 3605); empty: where its voice is."""
    rtcp_port: int = 0
    """0: the port above its voice's."""
    rtcp_mux: bool = False
    """RTCP goes over the voice's ports, both ways (RFC 5761): the other side asked for it."""
