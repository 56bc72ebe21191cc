"""SIP on the network: UDP and TCP sockets around one user agent.

An arriving message goes five steps: read, note ``now``, hand in, send the outbox, pass events up.
Nothing that comes from the wire, and no fault behind it, stops the edge: ``_guarded`` is the one
place that catches everything, logs it with the call's id, and counts it.
"""

# ruff: noqa: N802, N803, ANN401 - Twisted's names, and its interfaces that carry no types
from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import structlog
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError, MessageLengthError

from hotline.errors import ConfigError, OutsideError, RemoteProtocolError
from hotline.sip.events import CallArrived, SipEvent
from hotline.sip.flow import Address, Flow, Outgoing, Transport, host_text
from hotline.sip.message import MalformedRequest, Request, Response, is_keepalive, parse_message
from hotline.sip.user_agent import UserAgent
from hotline.wire.alarm import Alarm
from hotline.wire.reactor import Clock
from hotline.wire.sip_datagram import MAX_DATAGRAM_BYTES, Datagrams
from hotline.wire.sip_stream import Streams
from hotline.wire.throttle import Throttle

log = structlog.get_logger("hotline.sip")

T = TypeVar("T")

RECEIVE_BUFFER_BYTES: Final = 1 << 20
"""Kernel buffer for datagrams: some 800 INVITEs while the process is busy elsewhere."""
PORT_TRIES: Final = 16
"""Free ports tried until one is free for both UDP and TCP."""
ROUTE_MEMORY_S: Final = 60.0
"""How long the way to a peer is believed; a route may change."""
MAX_ROUTES: Final = 4096


class SipReactor(Clock, Protocol):
    """The part of Twisted's reactor that SIP needs."""

    def listenUDP(self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192) -> Any:
        """Open a UDP port."""
        ...

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """Open a TCP port."""
        ...

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30) -> Any:
        """Open a TCP connection."""
        ...


@dataclass(slots=True)
class SipCounts:
    """What passed, for the metrics."""

    received: int = 0
    sent: int = 0
    keepalives: int = 0
    malformed: int = 0
    """Refused or dropped because they were no proper SIP."""
    oversized: int = 0
    throttled: int = 0
    """Dropped unread: their source sends too much."""
    unsent: int = 0
    """The network would not take them."""
    faults: int = 0
    """Our own faults, survived; each is in the log with its trace."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A message that passed the edge, for those who look on."""

    at: float
    """Monotonic seconds of the reactor."""
    is_sent: bool
    """True: from us; False: to us."""
    flow: Flow
    data: bytes
    """The whole message as it went over the wire."""


class SipEdge:
    """The sockets of one user agent.

    :param listen_ip: addresses to listen on, numeric; a wildcard listens on all of a family, and answers
        from the address that the kernel's routes choose. Where callers use another one (a second or a
        floating address of an interface), name the addresses one by one.
    :param port: for UDP and TCP; 0 takes a free one.
    :param on_event: told each event of the user agent, in order.
    :param throttle: limits what one address may send in datagrams; None: the usual limits.
    """

    def __init__(
        self,
        reactor: SipReactor,
        user_agent: UserAgent,
        listen_ip: str | Sequence[str],
        port: int,
        on_event: Callable[[SipEvent], None],
        throttle: Throttle | None = None,
    ) -> None:
        self.user_agent = user_agent
        self.counts = SipCounts()
        self.taps: list[Callable[[Passed], None]] = []
        """Told every message that passes; costs nothing while it is empty."""
        self._reactor = reactor
        self._listen_ips = (listen_ip,) if isinstance(listen_ip, str) else tuple(listen_ip)
        self._port = port
        self._on_event = on_event
        self._alarm = Alarm(reactor, self._ring)
        self._datagrams: dict[int, Datagrams] = {}
        self._streams = Streams(self, reactor)
        self._listening: list[Any] = []
        self._last_connection = 0
        self._routes: dict[str, tuple[float, str]] = {}
        self._throttle = throttle or Throttle()
        self._is_flushing = False
        self._is_stopped = False

    @property
    def port(self) -> int:
        """The port listened on; known after ``start``."""
        return self._port

    # -- for the layer above ----------------------------------------------------------------------

    def start(self) -> None:
        """Open the sockets.

        :raises ConfigError: when a port is taken or an address is not ours, with the remedy.
        """
        tries = PORT_TRIES if self._port == 0 else 1
        for attempt in range(tries):
            try:
                self._listen()
            except CannotListenError as error:
                kind = "tcp" if len(self._listening) % 2 else "udp"  # they are opened in pairs
                self._close_ports()
                if attempt + 1 == tries:
                    raise _cannot_listen(error, kind) from error
            else:
                log.info("sip.listening", ip=self._listen_ips, port=self._port)
                return

    async def stop(self) -> None:
        """Close the sockets; returns when they are closed."""
        self._is_stopped = True
        self._alarm.set(None)
        waits = self._close_ports()
        waits += self._streams.close()
        loop = asyncio.get_running_loop()
        for wait in waits:
            await wait.asFuture(loop)

    def act(self, action: Callable[[UserAgent, float], T]) -> T:
        """Let the user agent do something now, and send what comes of it.

        For example ``edge.act(lambda ua, now: ua.accept(call_id, ip, port, now))``.
        """
        try:
            return action(self.user_agent, self._reactor.seconds())
        finally:
            self.flush()

    def way_to(
        self, transport: Transport, remote: Address, local_ip: str = "", server_name: str = ""
    ) -> Flow:
        """Find the way to a peer, for a request that starts something new.

        :param remote: numeric address and port.
        :param local_ip: address of ours to send from; empty: any that reaches the peer.
        :param server_name: name that the peer's certificate must bear; TLS only.
        :raises OutsideError: when no socket of ours can reach such a peer, with the remedy.
        """
        if transport == "udp":
            for datagrams in self._datagrams.values():
                host = datagrams.transport.getHost()
                if _reaches(host.host, remote[0], local_ip):
                    local = self.local_for((local_ip or host.host, host.port), remote[0])
                    return Flow("udp", local, remote, datagrams.connection)
        elif transport == "tcp":
            ip = local_ip or self._listen_ips[0]
            local = self.local_for((ip, self._port), remote[0])
            return Flow("tcp", local, remote, server_name=server_name)
        raise OutsideError(
            f"no {transport.upper()} socket of ours reaches {host_text(remote[0])}"
            f"{f' from {local_ip}' if local_ip else ''}; name a fitting one in [sip] listen"
        )

    # -- for the transports -----------------------------------------------------------------------

    def next_connection(self) -> int:
        """Number a socket or a connection."""
        self._last_connection += 1
        return self._last_connection

    def receive_datagram(self, data: bytes, flow: Flow) -> None:
        """Take one datagram: the entry that nothing may break."""
        if not self._throttle.admits(flow.remote[0], self._reactor.seconds()):
            self.counts.throttled += 1
            return
        self._guarded("datagram", self._datagram, data, flow)

    def receive_messages(self, messages: Sequence[Request | Response | MalformedRequest], flow: Flow) -> None:
        """Take what a stream brought."""
        for message in messages:
            if self.taps and not isinstance(message, MalformedRequest):
                self._tap(False, flow, message.to_bytes())
            self._guarded("message", self._message, message, flow)

    def lose_connection(self, connection: int) -> None:
        """Tell the user agent that a TCP connection is gone."""
        self._guarded("connection", self._lost, connection)

    def local_for(self, bound: Address, remote_ip: str) -> Address:
        """Tell the address of ours that a peer reaches: the bound one, or the interface towards it."""
        if not ipaddress.ip_address(bound[0]).is_unspecified:
            return bound
        now = self._reactor.seconds()
        known = self._routes.get(remote_ip)
        if known is None or known[0] < now:
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            known = (now + ROUTE_MEMORY_S, _interface_towards(remote_ip) or bound[0])
            self._routes[remote_ip] = known
        return (known[1], bound[1])

    def flush(self) -> None:
        """Send the outbox, pass events up, set the alarm; an event's own actions join the same round."""
        if self._is_flushing:
            return
        self._is_flushing = True
        try:
            while True:
                outbox, events = self.user_agent.take_outbox(), self.user_agent.take_events()
                if not outbox and not events:
                    break
                for outgoing in outbox:
                    self._send(outgoing)
                for event in events:
                    is_told = self._guarded("event", self._tell, event)
                    if isinstance(event, CallArrived) and not is_told:
                        self._guarded("refusal", self._turn_away, event)
        finally:
            self._is_flushing = False
            if not self._is_stopped:
                self._alarm.set(self.user_agent.next_timer())

    # -- inside -----------------------------------------------------------------------------------

    def _guarded(self, what: str, call: Callable[..., None], *args: Any) -> bool:
        try:
            call(*args)
        except Exception:  # the datagram entry: one bad message must not stop the house
            self.counts.faults += 1
            ids = {}
            for arg in args:
                if isinstance(arg, (Request, Response)):
                    ids["sip_call_id"] = arg.call_id
                elif (call_id := getattr(arg, "call_id", None)) is not None:
                    ids["call_id"] = call_id
            log.exception("sip.fault", what=what, **ids)
            return False
        return True

    def _datagram(self, data: bytes, flow: Flow) -> None:
        if len(data) > MAX_DATAGRAM_BYTES:
            self.counts.oversized += 1
            return
        if is_keepalive(data):
            self.counts.keepalives += 1
            return
        if self.taps:
            self._tap(False, flow, data)
        try:
            message: Request | Response | MalformedRequest = parse_message(data)
        except MalformedRequest as error:
            message = error
        except RemoteProtocolError as error:
            self.counts.malformed += 1
            log.debug("sip.dropped", source=str(flow), reason=str(error))
            return
        self._guarded("message", self._message, message, flow)

    def _message(self, message: Request | Response | MalformedRequest, flow: Flow) -> None:
        now = self._reactor.seconds()
        self.counts.received += 1
        try:
            if isinstance(message, MalformedRequest):
                self.counts.malformed += 1
                log.debug("sip.malformed", source=str(flow), reason=str(message))
                self.user_agent.handle_malformed(message, flow, now)
            else:
                self.user_agent.handle_message(message, flow, now)
        finally:
            self.flush()

    def _lost(self, connection: int) -> None:
        self.user_agent.lose_connection(connection, self._reactor.seconds())
        self.flush()

    def _ring(self) -> None:
        self._guarded("timer", self._timer)

    def _timer(self) -> None:
        try:
            self.user_agent.handle_timer(self._reactor.seconds())
        finally:
            self.flush()

    def _tell(self, event: SipEvent) -> None:
        log.info("sip.event", kind=type(event).__name__, call_id=event.call_id)
        self._on_event(event)

    def _turn_away(self, arrived: CallArrived) -> None:
        # The house failed to take the call up: 503 lets the carrier try elsewhere, at once.
        if self.user_agent.is_offered(arrived.call_id):
            self.user_agent.refuse(arrived.call_id, 503, self._reactor.seconds())

    def _send(self, outgoing: Outgoing) -> None:
        flow = outgoing.flow
        try:
            if flow.is_reliable:
                self._streams.send(flow, outgoing.data)
            else:
                self._datagrams[flow.connection].transport.write(outgoing.data, flow.remote)
            self.counts.sent += 1
            if self.taps:
                self._tap(True, flow, outgoing.data)
        except (OSError, MessageLengthError, KeyError) as error:
            self.counts.unsent += 1
            log.warning("sip.not_sent", to=str(flow), call_id=outgoing.call_id, error=str(error))

    def _tap(self, is_sent: bool, flow: Flow, data: bytes) -> None:
        passed = Passed(self._reactor.seconds(), is_sent, flow, data)
        for tap in tuple(self.taps):
            self._guarded("tap", tap, passed)

    def _listen(self) -> None:
        port = self._port
        for ip in self._listen_ips:
            datagrams = Datagrams(self, self.next_connection())
            udp = self._reactor.listenUDP(port, datagrams, interface=ip, maxPacketSize=MAX_DATAGRAM_BYTES + 1)
            self._listening.append(udp)
            udp.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            port = udp.getHost().port
            self._datagrams[datagrams.connection] = datagrams
            self._listening.append(self._reactor.listenTCP(port, self._streams.factory, interface=ip))
        self._port = port

    def _close_ports(self) -> list[Any]:
        waits = [maybeDeferred(port.stopListening) for port in self._listening]
        self._listening.clear()
        self._datagrams.clear()
        return waits


def _cannot_listen(error: CannotListenError, kind: str) -> ConfigError:
    reason = getattr(error.socketError, "strerror", None) or str(error.socketError)
    return ConfigError(
        f"cannot listen for SIP at {error.interface or 'any address'}, {kind} port {error.port}: {reason}. "
        f"Stop the program that has the port (`ss -l{kind[0]}np 'sport = :{error.port}'` shows it), "
        "or change [sip] port or [sip] listen_ip"
    )


def _reaches(bound_ip: str, remote_ip: str, local_ip: str) -> bool:
    """Tell whether a socket can send to a peer from the address asked for."""
    bound = ipaddress.ip_address(bound_ip)
    if bound.version != ipaddress.ip_address(remote_ip).version:
        return False
    if bound.is_unspecified:
        return True
    if local_ip:
        return bound == ipaddress.ip_address(local_ip)
    return bound.is_loopback == ipaddress.ip_address(remote_ip).is_loopback or not bound.is_loopback


def _interface_towards(remote_ip: str) -> str | None:
    """Ask the kernel which of our addresses it would send from; no packet leaves."""
    family = socket.AF_INET6 if ":" in remote_ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((remote_ip, 9))  # any port: connecting a datagram socket only looks up the route
            return str(probe.getsockname()[0])
    except OSError:
        return None
