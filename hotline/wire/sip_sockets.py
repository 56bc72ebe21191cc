"""Which sockets one edge listens on, which of them reaches a peer, and by which address of ours."""

# ruff: noqa: N802, ANN401 - Twisted's names, and its interfaces that carry no types
from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError

from hotline.errors import ConfigError, OutsideError
from hotline.sip.flow import DEFAULT_PORTS, Address, Flow, Transport, host_text
from hotline.wire.reactor import Clock
from hotline.wire.sip_datagram import Datagrams
from hotline.wire.sip_tls import Tls

if TYPE_CHECKING:
    from hotline.wire.sip_edge import SipEdge
    from hotline.wire.sip_stream import Streams

PORT_TRIES: Final = 16
"""Free ports tried until one is free for both UDP and TCP."""
ROUTE_MEMORY_S: Final = 60.0
"""How long the way to a peer is believed; a route may change."""
MAX_ROUTES: Final = 4096
WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - named to be told apart


class SipReactor(Clock, Protocol):
    """The part of Twisted's reactor that SIP needs; sockets are opened by ``Ports``."""

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30) -> Any:
        """Open a TCP connection."""
        ...


@dataclass(frozen=True, slots=True)
class Listener:
    """A place to listen."""

    transport: Transport
    ip: str
    """Numeric, without brackets; ``0.0.0.0`` or ``::``: all of that family, and of it only."""
    port: int
    """0 takes a free one."""

    def __str__(self) -> str:
        return f"{self.transport}:{host_text(self.ip)}:{self.port}"


def both_at(ip: str, port: int) -> tuple[Listener, Listener]:
    """Make the plain pair: UDP and TCP at one address and port (RFC 3261, 18.1.1 asks for both)."""
    return Listener("udp", ip, port), Listener("tcp", ip, port)


class Sockets:
    """The sockets of one edge.

    :param public_ips: our addresses as callers reach them behind a NAT, at most one of each family.
    """

    def __init__(
        self, edge: SipEdge, listeners: Sequence[Listener], tls: Tls | None, public_ips: Iterable[str]
    ) -> None:
        self.listeners = tuple(listeners)
        self._edge, self._tls = edge, tls
        self._public = {":" in ip: ip for ip in public_ips if ip}
        self._datagrams: dict[int, Datagrams] = {}
        self._open: list[Any] = []
        self._routes: dict[str, tuple[float, str]] = {}

    # -- opening and closing ------------------------------------------------------------------------

    def open(self, streams: Streams) -> None:
        """Open the sockets.

        :raises ConfigError: when a port is taken or an address is not ours, with the remedy.
        """
        wanted = self.listeners
        is_any = any(listener.port == 0 for listener in wanted)
        for attempt in range(PORT_TRIES if is_any else 1):
            opened: list[Listener] = []
            try:
                for listener in wanted:
                    opened.append(self._open_one(listener, opened, streams))
            except CannotListenError as error:
                self.close()
                if attempt + 1 == (PORT_TRIES if is_any else 1):
                    raise _cannot_listen(error, wanted[len(opened)]) from error
            else:
                self.listeners = tuple(opened)
                return

    def _open_one(self, listener: Listener, opened: Sequence[Listener], streams: Streams) -> Listener:
        if listener.port == 0 and listener.transport in {"udp", "tcp"}:
            # The same for UDP and TCP, and for every address: a peer that looks us up finds one port.
            same = (one.port for one in opened if one.transport in {"udp", "tcp"})
            listener = replace(listener, port=next(same, 0))
        if listener.transport == "udp":
            datagrams = Datagrams(self._edge, self._edge.next_connection())
            port = self._edge.ports.open_udp(listener.ip, listener.port, datagrams)
            self._datagrams[datagrams.connection] = datagrams
        else:
            factory = streams.factory(listener.transport)
            if listener.transport == "tls":
                assert self._tls is not None, "settings ask for a certificate where TLS listens"
                factory = self._tls.server_factory(factory, self._edge.reactor)
            port = self._edge.ports.open_tcp(listener.ip, listener.port, factory)
        self._open.append(port)
        return replace(listener, port=port.getHost().port)

    def close(self) -> list[Any]:
        """Close the sockets; gives what to wait for."""
        waits = [maybeDeferred(port.stopListening) for port in self._open]
        self._open.clear()
        self._datagrams.clear()
        return waits

    # -- using --------------------------------------------------------------------------------------

    def send(self, flow: Flow, data: bytes) -> None:
        """Send a datagram.

        :raises OSError: (or KeyError, MessageLengthError) when it cannot be sent.
        """
        self._datagrams[flow.connection].transport.write(data, flow.remote)

    def way_to(self, transport: Transport, remote: Address, local_ip: str, server_name: str) -> Flow:
        """Find the way to a peer; see ``SipEdge.way_to``."""
        if transport == "udp":
            fitting = [
                datagrams
                for datagrams in self._datagrams.values()
                if _reaches(datagrams.bound[0], remote[0], local_ip)
            ]
            if fitting:
                # One that is bound to the very address goes before a wildcard.
                chosen = min(fitting, key=lambda one: one.bound[0] in WILDCARDS)
                flow = chosen.flow(remote)
                return replace(flow, local=(local_ip, flow.local[1])) if local_ip else flow
        elif transport == "tcp" or (transport == "tls" and self._tls is not None):
            bound = local_ip or self._bound_ip(transport, remote[0])
            if _reaches(bound, remote[0], local_ip):
                return self.stream_flow(transport, (bound, 0), remote, 0, server_name)
        raise OutsideError(
            f"no {transport.upper()} socket of ours reaches {host_text(remote[0])}"
            f"{f' from {local_ip}' if local_ip else ''}; name a fitting one in [sip] listen"
        )

    def stream_flow(
        self, transport: Transport, host: Address, remote: Address, connection: int, server_name: str
    ) -> Flow:
        """Make the flow of a connection: our port in it is the one that peers may connect to."""
        is_ipv6 = ":" in remote[0]
        port = next(
            (
                listener.port
                for listener in self.listeners
                if listener.transport == transport and (":" in listener.ip) == is_ipv6
            ),
            host[1] or DEFAULT_PORTS[transport],
        )
        local, public_ip = self.local_for((host[0], port), remote[0])
        return Flow(transport, local, remote, connection, server_name, public_ip)

    def local_for(self, bound: Address, remote_ip: str) -> tuple[Address, str]:
        """Tell our address as a peer reaches it, and the public one that stands for it, if any."""
        ip, port = bound
        public_ip = self._public.get(":" in ip, "") if self._public else ""
        if ip not in WILDCARDS:
            return bound, public_ip
        now = self._edge.reactor.seconds()
        known = self._routes.get(remote_ip)
        if known is None or known[0] < now:
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            known = (now + ROUTE_MEMORY_S, interface_towards(remote_ip) or ip)
            self._routes[remote_ip] = known
        return (known[1], port), public_ip

    def _bound_ip(self, transport: Transport, remote_ip: str) -> str:
        wildcard = "::" if ":" in remote_ip else "0.0.0.0"  # noqa: S104 - means: ask the kernel's routes
        bound = [one.ip for one in self.listeners if one.transport in {transport, "tcp", "udp"}]
        return next((ip for ip in bound if _reaches(ip, remote_ip, "")), wildcard)


def _cannot_listen(error: CannotListenError, listener: Listener) -> ConfigError:
    reason = getattr(error.socketError, "strerror", None) or str(error.socketError)
    kind = "udp" if listener.transport == "udp" else "tcp"
    match getattr(error.socketError, "errno", None):
        case errno.EACCES | errno.EPERM:
            remedy = (
                "A port below 1024 takes a permission: AmbientCapabilities=CAP_NET_BIND_SERVICE in systemd's "
                "unit; or choose another one in [sip] port or listen"
            )
        case errno.EADDRNOTAVAIL:
            remedy = (
                "This machine has no such address (`ip address` shows those that it has); change [sip] "
                "listen_ip or listen, or wait for the network before the start"
            )
        case _:
            remedy = (
                f"Stop the program that has the port (`ss -l{kind[0]}np 'sport = :{error.port}'` shows it), "
                "or change [sip] port, listen_ip or listen"
            )
    return ConfigError(
        f"cannot listen for SIP at {error.interface or 'any address'}, {kind} port {error.port}: {reason}. "
        + remedy
    )


def _reaches(bound_ip: str, remote_ip: str, local_ip: str) -> bool:
    """Tell whether a socket can send to a peer, and from the address asked for."""
    if (":" in bound_ip) != (":" in remote_ip):
        return False
    if bound_ip in WILDCARDS:
        return True
    bound = ipaddress.ip_address(bound_ip)
    if local_ip:
        return bound == ipaddress.ip_address(local_ip)
    return not bound.is_loopback or ipaddress.ip_address(remote_ip).is_loopback


def interface_towards(remote_ip: str) -> str | None:
    """Ask the kernel which of our addresses it would send from; no packet leaves."""
    family = socket.AF_INET6 if ":" in remote_ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((remote_ip, 9))  # any port: connecting a datagram socket only looks up the route
            return str(probe.getsockname()[0])
    except OSError:
        return None
