"""SIP on the network: UDP, TCP and TLS sockets around one user agent.

An arriving message goes five steps: read, note ``now``, hand in, send the outbox, pass events up.
Nothing that comes from the wire, and no fault behind it, stops the edge: ``_guarded`` is the one
place that catches everything, logs it with the call's id, and counts it.

Before a message is read it passes the front door (``hotline.sip.front_door``): a source that is neither
trunk nor registered telephone nor begins to register is not worth a parser's time.
"""

# ruff: noqa: ANN401 - Twisted's interfaces carry no types
from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from errno import EAGAIN, ENOBUFS
from typing import Any, Final, NamedTuple, TypeVar

import structlog
from twisted.internet.error import MessageLengthError

from hotline.errors import RemoteProtocolError
from hotline.events.ids import CallId
from hotline.sip.events import CallArrived, SipEvent
from hotline.sip.flow import Address, Flow, Outgoing, Transport, host_text
from hotline.sip.front_door import FrontDoor
from hotline.sip.message import MalformedRequest, Request, Response, is_keepalive, parse_message
from hotline.sip.overload import Overload, Waits
from hotline.sip.undelivered import undelivered_request
from hotline.sip.user_agent import UserAgent
from hotline.wire.alarm import Alarm
from hotline.wire.lateness import Lateness
from hotline.wire.sip_counts import SipCounts
from hotline.wire.sip_ports import MAX_DATAGRAM_BYTES, Ports
from hotline.wire.sip_sockets import Listener, SipReactor, Sockets, both_at
from hotline.wire.sip_stream import Streams
from hotline.wire.sip_tls import Tls

__all__ = ["Listener", "Passed", "SipCounts", "SipEdge", "SipReactor", "both_at"]

log = structlog.get_logger("hotline.sip")

T = TypeVar("T")

PASSING_ERRORS: Final = frozenset({EAGAIN, ENOBUFS})
"""The kernel has no room at the moment: as if the network had lost it, and repeated like that."""
REMEDY: Final = (
    "if it is a carrier, name its network in config/trunks.toml; if it is a telephone, let it register"
)


class Passed(NamedTuple):
    """A message that passed the edge, for those who look on."""

    at: float
    """Monotonic seconds of the reactor."""
    is_sent: bool
    """True: from us; False: to us."""
    flow: Flow
    data: bytes
    """The whole message as it went over the wire."""
    call_id: CallId | None = None
    """Ours, of the leg that a message from us belongs to."""


def _knows_everybody(_ip: str, _now: float) -> bool:
    return True


class SipEdge:
    """The sockets of one user agent.

    :param listeners: where to listen. A wildcard listens on all of a family, and answers from the address
        that the kernel's routes choose; where callers use another one (a second or a floating address of
        an interface), name the addresses one by one. Port 0 takes a free one, the same for UDP and TCP.
    :param on_event: told each event of the user agent, in order.
    :param tls: needed to listen with TLS, and to connect with it.
    :param public_ips: our addresses as callers reach them behind a NAT, at most one of each family.
    :param front_door: decides who is heard; None: everybody, within the usual limits.
    """

    def __init__(
        self,
        reactor: SipReactor,
        user_agent: UserAgent,
        listeners: Sequence[Listener],
        on_event: Callable[[SipEvent], None],
        *,
        tls: Tls | None = None,
        public_ips: Iterable[str] = (),
        front_door: FrontDoor | None = None,
        ports: Ports | None = None,
    ) -> None:
        self.user_agent = user_agent
        self.counts = SipCounts()
        self.taps: list[Callable[[Passed], None]] = []
        """Told every message that passes; costs nothing while it is empty."""
        self.front_door = front_door or FrontDoor(_knows_everybody, tuple)
        self.overload = Overload()
        self.ports = ports or Ports(reactor)
        self.reactor = reactor
        self._on_event = on_event
        self._alarm = Alarm(reactor, self._ring)
        self._streams = Streams(self, reactor)
        self._sockets = Sockets(self, listeners, tls, public_ips)
        self._tls = tls
        self._last_connection = 0
        self._lateness = Lateness(reactor, self.overload, lambda: user_agent.counts.shed)
        self._is_flushing = False
        self._is_stopped = False
        self._tells_all: bool = log.is_enabled_for(logging.DEBUG)
        """Asked once: a line that nobody wants costs a call four steps, and there are several a message."""
        user_agent.sheds = self.overload.sheds

    @property
    def port(self) -> int:
        """The port of the first listener; known after ``start``."""
        return self.listeners[0].port

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Where it listens; ports are known after ``start``."""
        return self._sockets.listeners

    @property
    def connections(self) -> int:
        """How many connections stand."""
        return len(self._streams)

    # -- for the layer above ----------------------------------------------------------------------

    def start(self) -> None:
        """Open the sockets.

        :raises ConfigError: when a port is taken or an address is not ours, with the remedy.
        """
        self._sockets.open(self._streams)
        log.info("sip.listening", at=[str(listener) for listener in self.listeners])

    async def stop(self) -> None:
        """Close the sockets; returns when they are closed."""
        self._is_stopped = True
        self._alarm.set(None)
        self._lateness.stop()
        waits = self._sockets.close()
        waits += self._streams.close()
        loop = asyncio.get_running_loop()
        for wait in waits:
            await wait.asFuture(loop)

    def act(self, action: Callable[[UserAgent, float], T]) -> T:
        """Let the user agent do something now, and send what comes of it.

        For example ``edge.act(lambda ua, now: ua.accept(call_id, ip, port, now))``.
        """
        try:
            return action(self.user_agent, self.reactor.seconds())
        finally:
            self.flush()

    def way_to(
        self, transport: Transport, remote: Address, local_ip: str = "", server_name: str = ""
    ) -> Flow:
        """Find the way to a peer, for a request that starts something new.

        :param remote: numeric address and port.
        :param local_ip: address of ours to send from; empty: any that reaches the peer.
        :param server_name: name that the peer's certificate must bear (TLS); empty: its address.
        :raises OutsideError: when no socket of ours can reach such a peer, with the remedy.
        """
        return self._sockets.way_to(transport, remote, local_ip, server_name)

    def reload_certificates(self) -> bool:
        """Read the files of TLS again; False when they cannot be used, and the old ones stay in force."""
        return self._tls is None or self._tls.refresh()

    # -- for the transports -----------------------------------------------------------------------

    def next_connection(self) -> int:
        """Number a socket or a connection."""
        self._last_connection += 1
        return self._last_connection

    def watch_loop(self, *, is_on: bool) -> None:
        """Measure how late the loop is, while connections stand: what comes over them waits as long."""
        self._lateness.watch_loop(is_on=is_on)

    def receive_datagram(self, data: bytes, flow: Flow, age_s: float = 0.0) -> None:
        """Take one datagram: the entry that nothing may break.

        :param age_s: how long it waited for us in the socket.
        """
        self._lateness.measure(age_s, Waits.DATAGRAM, flow.remote[0])
        if self.admits(data, flow.remote[0], "udp"):
            self._guarded("datagram", self._datagram, data, flow)

    def take_back(self, quoted: bytes, remote: Address) -> None:
        """Take word that a datagram of ours was not delivered: nobody listens there, or no way leads there.

        :param quoted: its beginning; without the branch of a request of ours nothing is believed.
        """
        request = undelivered_request(quoted)
        if request is not None:
            self._guarded("undelivered", self._undelivered, *request, remote)

    def receive_message(self, message: Request | Response | MalformedRequest, flow: Flow) -> None:
        """Take what a stream brought."""
        if self.taps and not isinstance(message, MalformedRequest):
            self._tap(False, flow, message.to_bytes())
        self._guarded("message", self._message, message, flow)

    def admits(self, start: bytes, ip: str, transport: str) -> bool:
        """Ask the front door about a message; False: it was counted, and must be dropped."""
        now = self.reactor.seconds()
        if self.front_door.admits(start, ip, now):
            return True
        if not is_keepalive(start[:16]) and self.front_door.is_worth_a_line(ip, now):
            log.warning("sip.unknown_source", source=f"{transport}:{ip}", remedy=REMEDY)
        return False

    def is_needed(self, ip: str, connection: int) -> bool:  # noqa: ARG002 - a call may move to a new one
        """Tell whether a connection belongs to a trunk, a registered telephone or a call."""
        return self.front_door.knows(ip, self.reactor.seconds())

    def lose_connection(self, connection: int, flows: Collection[Flow] = ()) -> None:
        """Tell the user agent that a connection is gone.

        :param flows: those without a connection's name that went over it.
        """
        self._guarded("connection", self._lost, connection, flows)

    def stream_flow(
        self, transport: Transport, host: Address, remote: Address, connection: int, server_name: str
    ) -> Flow:
        """Make the flow of a connection."""
        return self._sockets.stream_flow(transport, host, remote, connection, server_name)

    def local_for(self, bound: Address, remote_ip: str) -> tuple[Address, str]:
        """Tell our address as a peer reaches it, and the public one that stands for it, if any."""
        return self._sockets.local_for(bound, remote_ip)

    def secured(self, factory: Any, flow: Flow) -> Any:
        """Wrap the factory of a connection of ours in what its transport needs."""
        if not flow.is_secure:
            return factory
        if self._tls is None:
            raise OSError("this house has no TLS; set [sip] tls_certificate and tls_key, or tls_ca")
        return self._tls.client_factory(factory, flow.server_name or flow.remote[0], self.reactor)

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
        now = self.reactor.seconds()
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

    def _lost(self, connection: int, flows: Collection[Flow]) -> None:
        now = self.reactor.seconds()
        self.user_agent.lose_connection(connection, now)
        for flow in flows:
            self.user_agent.lose_flow(flow, now)
        self.flush()

    def _undelivered(self, branch: str, method: str, remote: Address) -> None:
        if self.user_agent.lose_request(branch, method, remote, self.reactor.seconds()):
            self.counts.undelivered += 1
            log.debug("sip.undelivered", to=f"udp:{host_text(remote[0])}:{remote[1]}", method=method)
            self.flush()

    def _ring(self) -> None:
        self._guarded("timer", self._timer)

    def _timer(self) -> None:
        try:
            self.user_agent.handle_timer(self.reactor.seconds())
        finally:
            self.flush()

    def _tell(self, event: SipEvent) -> None:
        if self._tells_all:
            log.debug("sip.event", kind=type(event).__name__, call_id=event.call_id)
        self._on_event(event)

    def _turn_away(self, arrived: CallArrived) -> None:
        # The house failed to take the call up: 503 lets the carrier try elsewhere, at once.
        if self.user_agent.is_offered(arrived.call_id):
            self.user_agent.refuse(arrived.call_id, 503, self.reactor.seconds())

    def _send(self, outgoing: Outgoing) -> None:
        flow, data = outgoing.flow, outgoing.data
        if not data.startswith(b"SIP/2.0 "):
            self.front_door.wrote_to(flow.remote[0], self.reactor.seconds())
        try:
            if flow.is_reliable:
                self._streams.send(flow, data)
            else:
                self._sockets.send(flow, data)
        except (OSError, MessageLengthError, KeyError) as error:
            self.counts.unsent += 1
            before = self._streams.notes.note("sip.not_sent", flow.remote[0], self.reactor.seconds())
            if before is not None:
                log.warning(
                    "sip.not_sent",
                    to=str(flow),
                    call_id=outgoing.call_id,
                    error=str(error),
                    before=before,
                )
            if getattr(error, "errno", None) not in PASSING_ERRORS:
                self.user_agent.lose_flow(flow, self.reactor.seconds())
            return
        self.counts.sent += 1
        if self.taps:
            self._tap(True, flow, data, outgoing.call_id)

    def _tap(self, is_sent: bool, flow: Flow, data: bytes, call_id: CallId | None = None) -> None:
        passed = Passed(self.reactor.seconds(), is_sent, flow, data, call_id)
        for tap in tuple(self.taps):
            self._guarded("tap", tap, passed)
