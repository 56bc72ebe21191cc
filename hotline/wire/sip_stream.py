"""SIP over TCP and TLS: connections in, connections out, and their limits.

A request inside a dialog goes over the connection that stands; one of ours to a peer goes over the
connection that we have to that peer, by transport, address and the name its certificate bears (the part
of RFC 5923 that needs no trust in what a peer says about itself).
"""

# ruff: noqa: N802, ANN401 - Twisted's names, and its interfaces that carry no types
from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from zope.interface import implementer

from hotline.sip.flow import Address, Flow, Transport, host_text
from hotline.sip.message import MalformedRequest, Request, Response
from hotline.sip.notes import Notes
from hotline.sip.stream import FramingError, StreamParser
from hotline.wire.alarm import Alarm

if TYPE_CHECKING:
    from hotline.wire.sip_edge import SipEdge, SipReactor

log = structlog.get_logger("hotline.sip")

IDLE_S: Final = 3600.0
"""Without a message or keep-alive for so long, a connection is closed: longer than any call, whose BYE
may have no other way to a telephone behind a NAT. The kernel's keep-alive finds dead peers before."""
STRANGER_S: Final = 30.0
"""A connection of nobody that we know, and without a call, is closed when it is idle for so long."""
MESSAGE_S: Final = 10.0
"""From the first octet of a message to its last, and for a TLS handshake; a peer that drips is cut off."""
CONNECT_S: Final = 4.0
"""To open a connection of ours: two repetitions of the kernel's (after 1 and 3 s). What was only too long
for a datagram, or can go to another proxy, has time left then."""
PAUSE_S: Final = 0.1
"""A known peer that sends too fast is not read from for so long."""
MAX_CONNECTIONS: Final = 2000
MAX_CONNECTIONS_PER_IP: Final = 200
"""A proxy of a carrier opens one or two; a house full of telephones behind one address, a hundred."""
MAX_STRANGERS: Final = 500
"""Connections of addresses that nobody knows, so that they keep no telephone out."""
MAX_UNSENT_BYTES: Final = 256 * 1024
"""Queued for a peer that does not read; then it is cut off."""

_FIRST_WORD: Final = b"REGISTER "
_Message = Request | Response | MalformedRequest
_Key = tuple[str, Address, str]


@implementer(IPushProducer, IHandshakeListener)
class Stream(Protocol):
    """One connection."""

    transport: Any

    def __init__(
        self, streams: Streams, connection: int, transport: Transport, *, key: _Key | None = None
    ) -> None:
        self.connection, self.key = connection, key
        """``key``: how a connection of ours is found again; None for one that came."""
        self.kept: set[Flow] = set()
        """Flows without a connection's name that went over this one."""
        self.remote: Address = ("", 0)
        self.closed: Deferred[None] = Deferred()
        self.is_stranger = False
        self._streams, self._kind = streams, transport
        self._parser = StreamParser()
        self._alarm = Alarm(streams.reactor, self._expire)
        self._resume = Alarm(streams.reactor, self._go_on)
        self._is_choked = self._is_counted = self._is_ready = False
        self._unsent_bytes = 0
        self._was_idle = True
        self._quiet_since = 0.0
        self._messages: deque[_Message] = deque()
        self._broken: str | None = None

    # -- Twisted calls these -----------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Take the connection up, or refuse it where there are too many."""
        peer, host = self.transport.getPeer(), self.transport.getHost()
        self.remote = (peer.host, peer.port)
        refusal = self._streams.add(self)
        if refusal:
            self._streams.edge.counts.connections_refused += 1
            self._note("sip.connection_refused", reason=refusal)
            self.transport.abortConnection()
            return
        self._is_counted = True
        name = self.key[2] if self.key else ""
        self.flow = self._streams.edge.stream_flow(
            self._kind, (host.host, host.port), self.remote, self.connection, name
        )
        self.transport.setTcpNoDelay(True)
        self.transport.setTcpKeepAlive(True)
        self.transport.registerProducer(self, True)
        self._alarm.set(self._now() + MESSAGE_S)
        if self._kind != "tls":
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        """Begin: the TLS peer is who it should be; TCP begins at once."""
        self._is_ready = True
        self._quiet_since = self._now()
        self._alarm.set(self._quiet_since + self._idle_s())
        self._streams.ready(self)

    def dataReceived(self, data: bytes) -> None:
        """Cut messages out of what came, and hand them in."""
        if self._broken is not None:
            return
        edge = self._streams.edge
        self._quiet_since = self._now()
        if self._parser.is_idle and self._is_out_of_place(data):
            return
        try:
            self._messages += self._parser.feed(data)
        except FramingError as error:
            self._messages += error.messages
            self._broken = str(error)
        pings = self._parser.take_pings()
        if pings:
            edge.counts.keepalives += pings
            self.write(b"\r\n" * pings)  # RFC 5626, 4.4.1
        had_messages = bool(self._messages)
        self._deliver()
        is_idle = self._parser.is_idle
        if self._broken is None and (is_idle or had_messages or self._was_idle):
            self._alarm.set(self._now() + (self._idle_s() if is_idle else MESSAGE_S))
        self._was_idle = is_idle

    def connectionLost(self, reason: Any = None) -> None:
        """Forget the connection."""
        self._alarm.set(None)
        self._resume.set(None)
        self._messages.clear()
        if self._is_counted:
            self._is_counted = False
            self._streams.remove(self, self._is_ready, str(getattr(reason, "value", reason)))
        if not self.closed.called:
            self.closed.callback(None)

    def pauseProducing(self) -> None:
        """Note that the peer reads slower than we write."""
        self._is_choked = True

    def resumeProducing(self) -> None:
        """Note that the peer has caught up."""
        self._is_choked, self._unsent_bytes = False, 0

    def stopProducing(self) -> None:
        """Note that the connection is going."""

    # -- the edge calls these ----------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send; a peer that does not read is cut off."""
        if self._is_choked:
            self._unsent_bytes += len(data)
            if self._unsent_bytes > MAX_UNSENT_BYTES:
                self._note("sip.peer_not_reading")
                self.transport.abortConnection()
                return
        self.transport.write(data)

    # -- inside ------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._streams.reactor.seconds()

    def _note(self, kind: str, **more: object) -> None:
        """Write a line, unless it was written of this peer a short while ago."""
        ip, port = self.remote
        unsaid = self._streams.notes.note(kind, ip, self._now())
        if unsaid is not None:
            log.info(kind, source=f"{self._kind}:{host_text(ip)}:{port}", before=unsaid, **more)

    def _idle_s(self) -> float:
        return IDLE_S if self._streams.edge.is_needed(self.remote[0], self.connection) else STRANGER_S

    def _is_out_of_place(self, data: bytes) -> bool:
        """Cut a stranger off who does not begin by registering, before anything is parsed."""
        start = data.lstrip(b"\r\n")[: len(_FIRST_WORD)]
        edge = self._streams.edge
        if not start or _FIRST_WORD.startswith(start) or edge.front_door.knows(self.remote[0], self._now()):
            return False
        edge.admits(start, self.remote[0], self._kind)  # counts it, and says so in the log
        self._broken = "a stranger's message"
        self.transport.abortConnection()
        return True

    def _deliver(self) -> None:
        """Hand in what was cut, as fast as its source may send."""
        edge, ip = self._streams.edge, self.remote[0]
        while self._messages:
            message = self._messages[0]
            word = b"SIP/2.0 " if isinstance(message, Response) else message.method.encode() + b" "
            if not edge.admits(word, ip, self._kind):
                if edge.front_door.knows(ip, self._now()):
                    # TCP's own way of telling a peer to slow down: it is not read from.
                    self.transport.pauseProducing()
                    self._resume.set(self._now() + PAUSE_S)
                else:
                    self._broken = "a stranger's message"
                    self._messages.clear()
                    self.transport.abortConnection()
                return
            edge.receive_message(self._messages.popleft(), self.flow)
        if self._broken is not None:
            self._note("sip.stream_broken", reason=self._broken)
            edge.counts.malformed += 1
            self._alarm.set(self._now() + MESSAGE_S)
            self.transport.loseConnection()

    def _go_on(self) -> None:
        self._deliver()
        if not self._messages and self._broken is None:
            self.transport.resumeProducing()

    def _expire(self) -> None:
        if self._is_ready and self._parser.is_idle and self._broken is None:
            due = self._quiet_since + self._idle_s()  # who it is may have become known meanwhile
            if due > self._now():
                self._alarm.set(due)
                return
        self._streams.edge.counts.connections_expired += 1
        self._note("sip.connection_expired", mid_message=not self._parser.is_idle)
        self.transport.abortConnection()


class _Listener(Factory):
    noisy = False

    def __init__(self, streams: Streams, transport: Transport) -> None:
        self._streams, self._transport = streams, transport

    def buildProtocol(self, addr: Any) -> Stream:  # noqa: ARG002 - Twisted's interface
        return Stream(self._streams, self._streams.edge.next_connection(), self._transport)


class _Caller(ClientFactory):
    noisy = False

    def __init__(self, streams: Streams, connection: int, key: _Key, transport: Transport) -> None:
        self._streams, self._connection, self._key, self._transport = streams, connection, key, transport

    def buildProtocol(self, addr: Any) -> Stream:  # noqa: ARG002 - Twisted's interface
        return Stream(self._streams, self._connection, self._transport, key=self._key)

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:  # noqa: ARG002 - the same
        self._streams.fail(self._connection, self._key, str(reason.value))


class Streams:
    """All connections of one edge."""

    def __init__(self, edge: SipEdge, reactor: SipReactor) -> None:
        self.edge, self.reactor = edge, reactor
        self.notes = Notes()
        """Keeps the lines of the log about connections few."""
        self._open: dict[int, Stream] = {}
        self._waiting: dict[int, list[tuple[Flow, bytes]]] = {}
        self._outward: dict[_Key, int] = {}
        self._per_ip: Counter[str] = Counter()
        self._strangers = 0
        self._is_closing = False

    def __len__(self) -> int:
        return len(self._open)

    def factory(self, transport: Transport) -> Any:
        """Make the factory of connections that come to a listener."""
        return _Listener(self, transport)

    def send(self, flow: Flow, data: bytes) -> None:
        """Send on the flow's connection, or on one to its remote address when that is gone.

        :raises OSError: when there can be no such connection.
        """
        stream = self._open.get(flow.connection)
        if stream is not None:
            stream.write(data)
            return
        key = (flow.transport, flow.remote, flow.server_name)
        connection = self._outward.get(key, 0)
        stream = self._open.get(connection)
        if stream is not None and connection not in self._waiting:
            stream.kept.add(flow)
            stream.write(data)
        elif connection in self._waiting:
            self._waiting[connection].append((flow, data))
        elif self._is_closing:
            raise OSError("we are stopping")
        else:
            connection = self.edge.next_connection()
            caller: Any = _Caller(self, connection, key, flow.transport)
            caller = self.edge.secured(caller, flow)
            self._waiting[connection] = [(flow, data)]
            self._outward[key] = connection
            self.edge.ports.connect(*flow.remote, caller, CONNECT_S, flow.local[0])

    def add(self, stream: Stream) -> str:
        """Take up a connection.

        :returns: why not, in words; empty when it was taken up.
        """
        ip = stream.remote[0]
        if self._is_closing:
            return "stopping"
        if len(self._open) >= MAX_CONNECTIONS:
            return "too many"
        if self._per_ip[ip] >= MAX_CONNECTIONS_PER_IP:
            return "too many of this address"
        now = self.reactor.seconds()
        if stream.key is None and not self.edge.front_door.knows(ip, now):
            if self._strangers >= MAX_STRANGERS:
                return "too many of unknown addresses"
            if not self.edge.front_door.admits_connection(ip, now):
                return "too fast"
            stream.is_stranger = True
            self._strangers += 1
        self._open[stream.connection] = stream
        self._per_ip[ip] += 1
        self.edge.watch_loop(is_on=True)
        return ""

    def ready(self, stream: Stream) -> None:
        """Send what waited for a connection of ours."""
        for flow, data in self._waiting.pop(stream.connection, ()):
            stream.kept.add(flow)
            stream.write(data)

    def remove(self, stream: Stream, was_ready: bool, reason: str) -> None:
        """Forget a connection, and tell who waited for something on it."""
        self._open.pop(stream.connection, None)
        self.edge.watch_loop(is_on=bool(self._open))
        ip = stream.remote[0]
        self._per_ip[ip] -= 1
        if self._per_ip[ip] <= 0:
            del self._per_ip[ip]
        self._strangers -= stream.is_stranger
        if stream.key is not None and not was_ready:
            self.fail(stream.connection, stream.key, reason)
            return
        if stream.key is not None and self._outward.get(stream.key) == stream.connection:
            del self._outward[stream.key]
        self.edge.lose_connection(stream.connection, stream.kept)

    def fail(self, connection: int, key: _Key, reason: str) -> None:
        """Give up a connection that could not be opened."""
        unsent = self._waiting.pop(connection, [])
        if self._outward.get(key) == connection:
            del self._outward[key]
        self.edge.counts.unsent += len(unsent)
        self.edge.counts.connections_failed += 1
        transport, remote, name = key
        before = self.notes.note("sip.not_connected", remote[0], self.reactor.seconds())
        if before is not None:
            to = f"{transport}:{host_text(remote[0])}:{remote[1]}"
            log.warning(
                "sip.not_connected", to=to, name=name, reason=reason, messages=len(unsent), before=before
            )
        self.edge.lose_connection(connection, {flow for flow, _ in unsent})

    def close(self) -> list[Deferred[None]]:
        """Close every connection once what is queued has been sent."""
        self._is_closing = True
        streams = list(self._open.values())
        for stream in streams:
            stream.transport.unregisterProducer()
            stream.transport.loseConnection()
        return [stream.closed for stream in streams]
