"""Where a message came from and where one goes: flows, and the address of a response (RFC 3261, 18.2)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal, cast

from hotline.events.ids import CallId
from hotline.sip.headers import Via
from hotline.sip.uri import Uri

Transport = Literal["udp", "tcp", "tls", "ws", "wss"]
"""A transport as a Via (in capitals) and a URI's ``transport`` name it (RFC 3261, 26.2; RFC 7118, 5)."""
DEFAULT_PORT: Final = 5060
"""Of UDP and TCP (RFC 3261, 19.1.2)."""
DEFAULT_PORTS: Final[Mapping[str, int]] = {
    "udp": DEFAULT_PORT,
    "tcp": DEFAULT_PORT,
    "tls": 5061,  # RFC 3261, 19.1.2
    "ws": 80,  # RFC 7118, 8.1
    "wss": 443,
}
SECURE: Final = frozenset({"tls", "wss"})
"""Transports that nobody on the way can read."""

Address = tuple[str, int]
"""Numeric IP without brackets, and port."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One way between us and a peer."""

    transport: Transport
    local: Address
    """Our address as the peer reaches it, never a wildcard."""
    remote: Address
    """The peer's address; for a message to go over TCP, where to connect should the connection be gone."""
    connection: int = 0
    """Names the socket or connection at the edge; 0: the connection of ours that stands to ``remote``,
    else one that is still to be made."""
    server_name: str = ""
    """Name that the peer's certificate must bear on a TLS connection of ours; empty: its address."""
    public_ip: str = ""
    """What Via, Contact and SDP give in place of ``local``'s address, when we stand behind a NAT."""

    @property
    def is_reliable(self) -> bool:
        """Tell whether the transport repeats lost messages by itself."""
        return self.transport != "udp"

    @property
    def is_secure(self) -> bool:
        """Tell whether nobody on the way can read along."""
        return self.transport in SECURE

    @property
    def own_ip(self) -> str:
        """Our address as the peer must write it."""
        return self.public_ip or self.local[0]

    def towards(self, remote: Address) -> Flow:
        """Make the flow from the same socket to another address."""
        return self if remote == self.remote else replace(self, remote=remote)

    def __str__(self) -> str:
        return f"{self.transport}:{host_text(self.remote[0])}:{self.remote[1]}"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to be sent."""

    flow: Flow
    data: bytes
    call_id: CallId | None = None
    """The call that it belongs to, for the log."""


def host_text(ip: str) -> str:
    """Write an address as a host: IPv6 in brackets."""
    return f"[{ip}]" if ":" in ip else ip


@lru_cache(maxsize=4096)
def numeric(host: str) -> str | None:
    """Write an address in its usual form, without brackets; None for a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def is_behind_nat(via: Via, contact: Uri, remote: Address) -> bool:
    """Tell whether a request came from elsewhere than its sender believes, so that its Contact is no use.

    Its sent-by is another address than we see; or it asked for rport, which promises that it listens
    where it sends (RFC 3581, 3), and another port came; or its Contact is private and we see a public
    address. Another port without rport is no sign: old gateways send from one and listen at another.
    """
    sent_by = numeric(via.address)
    if sent_by is not None and sent_by != numeric(remote[0]):
        return True
    if via.wants_rport and (via.port or DEFAULT_PORTS.get(via.transport.lower(), DEFAULT_PORT)) != remote[1]:
        return True
    target = numeric(contact.address)
    if target is None:
        return False
    return _is_private(target) and not _is_private(remote[0])


@lru_cache(maxsize=4096)
def _is_private(ip: str) -> bool:
    return ipaddress.ip_address(ip).is_private


def response_flow(via: Via, flow: Flow) -> Flow:
    """Find where the response to a request goes (RFC 3261, 18.2.2; RFC 3581, 4).

    Over UDP it goes to the address the request came from, and there to the port that sent it if
    ``rport`` was asked for, else to the port of the sent-by. Over TCP it goes back on the connection;
    the port of the sent-by counts should that be gone. ``maddr`` is not followed: it would let a
    stranger point our answers at a third party.
    """
    returns_to_source = via.wants_rport and not flow.is_reliable
    port = flow.remote[1] if returns_to_source else via.port or DEFAULT_PORTS[flow.transport]
    return flow.towards((flow.remote[0], port))


def request_flow(target: Uri, flow: Flow, *, use_source: bool) -> Flow:
    """Find where a request inside a dialog goes.

    A numeric target is taken as it says; over TCP the connection that stands is used, whatever the
    target. A name, which only the carrier's own name server may know, and a peer behind a NAT
    (``use_source``) are reached where their last request came from.
    """
    ip = numeric(target.address) if target.is_sip else None
    if ip is None or use_source:
        return flow
    transport = (target.param("transport") or "").lower()
    if flow.transport == "udp" and transport in {"tcp", "tls"}:
        remote = (ip, target.port or DEFAULT_PORTS[transport])
        return replace(flow, transport=cast(Transport, transport), remote=remote, connection=0)
    return flow.towards((ip, target.port or DEFAULT_PORTS[flow.transport]))
