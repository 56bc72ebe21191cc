"""Trunks whose voice is encrypted with keys that anybody on the way can read, told with the remedy.

SDES writes the keys of SRTP into the session description (RFC 4568, 7.1 asks for a transport that keeps it
secret): over UDP and TCP whoever sees the call set-up hears the call.
"""

from __future__ import annotations

from hotline.sip.trunk import Trunk


def open_keys_of(trunk: Trunk) -> str | None:
    """Say where the keys of a trunk's voice travel in the clear; None where they do not."""
    security = trunk.voice.security
    if security == "never":
        return None
    key = f'[trunks.{trunk.name}] srtp = "{security}"'
    if not trunk.proxies:
        return (
            f"{key} protects the voice of calls that come over TLS alone: keys that come by UDP or TCP can "
            'be read on the way; agree on TLS with the carrier, or set srtp = "never"'
        )
    plain = [str(proxy) for proxy in trunk.proxies if proxy.transport in {"udp", "tcp"}]
    if plain:
        return (
            f"{key} sends the keys of the voice in the clear through {', '.join(plain)}: "
            'reach each proxy by ;tls, or set srtp = "never"'
        )
    unsure = [str(proxy) for proxy in trunk.proxies if proxy.transport is None]
    if unsure:
        return (
            f"{key} sends the keys of the voice in the clear unless a name server leads {', '.join(unsure)} "
            "to TLS: say so by ;tls"
        )
    return None
