"""Requests too large for a datagram go over TCP, and back to UDP where nobody takes TCP (RFC 3261, 18.1.1).

A request of more than 1300 octets may be cut into fragments on its way, and many a firewall drops those.
Peers that refused TCP are remembered for a while, so that only the first large request pays for the try.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hotline.sip.flow import Address, Flow
from hotline.sip.message import Request

LARGEST_DATAGRAM_BYTES: Final = 1300  # 18.1.1: the path's MTU is not known
NO_TCP_S: Final = 600.0
"""How long a peer that did not take TCP is not asked again."""
MAX_REMEMBERED: Final = 1024


class LargeRequests:
    """Decides which requests leave by TCP instead of UDP."""

    def __init__(self) -> None:
        self._no_tcp: dict[Address, float] = {}

    def way(self, request: Request, length_bytes: int, flow: Flow, now: float) -> Flow:
        """Find the flow that a request must go over, and write that into its Via.

        :param length_bytes: of the whole request.
        :returns: ``flow`` itself unless the request is too large for it.
        """
        if flow.transport != "udp" or length_bytes <= LARGEST_DATAGRAM_BYTES:
            return flow
        if self._no_tcp.get(flow.remote, now) > now:
            return flow
        _write_transport(request, "UDP", "TCP")
        return replace(flow, transport="tcp", connection=0)

    def back(self, request: Request, flow: Flow, now: float) -> None:
        """Write a request for UDP again, and remember that its peer did not take TCP."""
        _write_transport(request, "TCP", "UDP")
        self._no_tcp.pop(flow.remote, None)
        if len(self._no_tcp) >= MAX_REMEMBERED:
            del self._no_tcp[next(iter(self._no_tcp))]
        self._no_tcp[flow.remote] = now + NO_TCP_S


def _write_transport(request: Request, old: str, new: str) -> None:
    via = request.headers.get("Via") or ""
    request.headers.replace_first("Via", via.replace(f"SIP/2.0/{old} ", f"SIP/2.0/{new} ", 1))
