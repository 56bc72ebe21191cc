"""SIP over UDP: one listening socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.protocol import DatagramProtocol

from hotline.sip.flow import Address, Flow
from hotline.wire.sip_ports import MAX_DATAGRAM_BYTES

if TYPE_CHECKING:
    from hotline.wire.sip_edge import SipEdge

__all__ = ["MAX_DATAGRAM_BYTES", "Datagrams"]

MAX_FLOWS: Final = 1024
"""Peers whose flows are kept made: calls and telephones of a house send again and again."""
FLOW_MEMORY_S: Final = 1.0
"""How long they are kept: the route to a peer may change."""


class Datagrams(DatagramProtocol):
    """Hands datagrams to the edge.

    :param connection: name of this socket in a Flow.
    """

    transport: Any

    def __init__(self, edge: SipEdge, connection: int) -> None:
        self._edge = edge
        self.connection = connection
        self.bound: Address = ("", 0)
        self._flows: dict[Address, Flow] = {}
        self._flows_until = float("-inf")

    def startProtocol(self) -> None:  # noqa: N802 - Twisted's name
        """Note the address; asking the socket for it each time would cost more than reading from it."""
        host = self.transport.getHost()
        self.bound = (host.host, host.port)

    def take(self, data: bytes, remote: Address, age_s: float) -> None:
        """Take one datagram."""
        self._edge.receive_datagram(data, self.flow(remote), age_s)

    def take_back(self, quoted: bytes, remote: Address) -> None:
        """Take word that a datagram of ours was not delivered."""
        self._edge.take_back(quoted, remote)

    def flow(self, remote: Address) -> Flow:
        """Make the flow between this socket and a peer."""
        now = self._edge.reactor.seconds()
        known = self._flows.get(remote)
        if known is None or now >= self._flows_until:
            if len(self._flows) >= MAX_FLOWS or now >= self._flows_until:
                self._flows.clear()
                self._flows_until = now + FLOW_MEMORY_S
            local, public_ip = self._edge.local_for(self.bound, remote[0])
            known = self._flows[remote] = Flow("udp", local, remote, self.connection, "", public_ip)
        return known
