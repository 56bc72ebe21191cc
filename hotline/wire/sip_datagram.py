"""SIP over UDP: one listening socket."""

# ruff: noqa: N802, ANN401 - Twisted's names, and its interfaces that carry no types
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.protocol import DatagramProtocol

from hotline.sip.flow import Flow

if TYPE_CHECKING:
    from hotline.wire.sip_edge import SipEdge

MAX_DATAGRAM_BYTES: Final = 8192
"""Longer ones are dropped. An INVITE with 70 hops' Vias and an IMS offer has some 7 KiB."""


class Datagrams(DatagramProtocol):
    """Hands datagrams to the edge.

    :param connection: name of this socket in a Flow.
    """

    transport: Any

    def __init__(self, edge: SipEdge, connection: int) -> None:
        self._edge = edge
        self.connection = connection

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Take one datagram."""
        host = self.transport.getHost()
        remote = (addr[0], addr[1])
        local = self._edge.local_for((host.host, host.port), remote[0])
        self._edge.receive_datagram(datagram, Flow("udp", local, remote, self.connection))

    def connectionRefused(self) -> None:
        """Ignore an ICMP error: whose it is, a connectionless socket cannot tell."""
