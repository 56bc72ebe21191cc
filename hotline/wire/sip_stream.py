"""SIP over TCP: connections in, connections out, and their limits."""

# ruff: noqa: N802, ANN401, ARG002 - Twisted's names, and its interfaces that carry no types
from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from zope.interface import implementer

from hotline.sip.flow import Address, Flow
from hotline.sip.stream import FramingError, StreamParser
from hotline.wire.alarm import Alarm

if TYPE_CHECKING:
    from hotline.wire.sip_edge import SipEdge, SipReactor

log = structlog.get_logger("hotline.sip")

IDLE_S: Final = 3600.0
"""Without a message or keep-alive for so long, a connection is closed: longer than any call, whose BYE
may have no other way to a telephone behind a NAT. The kernel's keep-alive finds dead peers before."""
MESSAGE_S: Final = 10.0
"""From the first octet of a message to its last; a peer that drips is cut off."""
CONNECT_S: Final = 10.0
"""To open a connection of ours: what goes over it is given up by its transaction after 32 s anyway."""
MAX_CONNECTIONS: Final = 2000
MAX_CONNECTIONS_PER_IP: Final = 200
"""A proxy of a carrier opens one or two; a house full of telephones behind one address, a hundred."""
MAX_UNSENT_BYTES: Final = 256 * 1024
"""Queued for a peer that does not read; then it is cut off."""


@implementer(IPushProducer)
class Stream(Protocol):
    """One connection."""

    transport: Any

    def __init__(self, streams: Streams, connection: int) -> None:
        self._streams = streams
        self.connection = connection
        self._parser = StreamParser()
        self._alarm = Alarm(streams.reactor, self._expire)
        self._is_choked = False
        self._unsent_bytes = 0
        self._was_idle = True
        self._is_counted = False
        self.remote: Address = ("", 0)
        self.closed: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        """Take the connection up, or refuse it where there are too many."""
        peer = self.transport.getPeer()
        self.remote = (peer.host, peer.port)
        if not self._streams.add(self):
            log.warning("sip.connection_refused", source=f"tcp:{peer.host}:{peer.port}", reason="too many")
            self.transport.abortConnection()
            return
        self._is_counted = True
        self.transport.setTcpNoDelay(True)
        self.transport.setTcpKeepAlive(True)
        self.transport.registerProducer(self, True)
        self._alarm.set(self._streams.reactor.seconds() + IDLE_S)

    def dataReceived(self, data: bytes) -> None:
        """Cut messages out of what came, and hand them in."""
        flow, edge = self._flow(), self._streams.edge
        try:
            messages = self._parser.feed(data)
        except FramingError as error:
            edge.receive_messages(error.messages, flow)
            log.info("sip.stream_broken", source=str(flow), reason=str(error))
            edge.counts.malformed += 1
            self.transport.loseConnection()
            return
        pings = self._parser.take_pings()
        if pings:
            edge.counts.keepalives += pings
            self.write(b"\r\n" * pings)  # RFC 5626, 3.5.1
        edge.receive_messages(messages, flow)
        is_idle = self._parser.is_idle
        if is_idle or messages or self._was_idle:
            self._alarm.set(self._streams.reactor.seconds() + (IDLE_S if is_idle else MESSAGE_S))
        self._was_idle = is_idle

    def write(self, data: bytes) -> None:
        """Send; a peer that does not read is cut off."""
        if self._is_choked:
            self._unsent_bytes += len(data)
            if self._unsent_bytes > MAX_UNSENT_BYTES:
                log.warning("sip.peer_not_reading", to=str(self._flow()))
                self.transport.abortConnection()
                return
        self.transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        """Forget the connection."""
        self._alarm.set(None)
        if self._is_counted:
            self._streams.remove(self)
        self.closed.callback(None)

    def pauseProducing(self) -> None:
        """Note that the peer reads slower than we write."""
        self._is_choked = True

    def resumeProducing(self) -> None:
        """Note that the peer has caught up."""
        self._is_choked, self._unsent_bytes = False, 0

    def stopProducing(self) -> None:
        """Note that the connection is going."""

    def _expire(self) -> None:
        log.info("sip.connection_expired", source=str(self._flow()), mid_message=not self._parser.is_idle)
        self.transport.abortConnection()

    def _flow(self) -> Flow:
        host = self.transport.getHost()
        return Flow("tcp", (host.host, self._streams.edge.port), self.remote, self.connection)


class _Listener(Factory):
    noisy = False

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def buildProtocol(self, addr: Any) -> Stream:
        return Stream(self._streams, self._streams.edge.next_connection())


class _Caller(ClientFactory):
    noisy = False

    def __init__(self, streams: Streams, connection: int) -> None:
        self._streams, self._connection = streams, connection

    def buildProtocol(self, addr: Any) -> Stream:
        return Stream(self._streams, self._connection)

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        self._streams.fail(self._connection, str(reason.value))


class Streams:
    """All connections of one edge."""

    def __init__(self, edge: SipEdge, reactor: SipReactor) -> None:
        self.edge, self.reactor = edge, reactor
        self.factory = _Listener(self)
        self._open: dict[int, Stream] = {}
        self._waiting: dict[int, list[bytes]] = {}
        self._outward: dict[Address, int] = {}
        self._per_ip: Counter[str] = Counter()
        self._is_closing = False

    def __len__(self) -> int:
        return len(self._open)

    def send(self, flow: Flow, data: bytes) -> None:
        """Send on the flow's connection, or on a new one to its remote address when that is gone."""
        connection = flow.connection or self._outward.get(flow.remote, 0)
        stream = self._open.get(connection)
        if stream is not None:
            stream.write(data)
        elif connection in self._waiting:
            self._waiting[connection].append(data)
        elif not self._is_closing:
            connection = connection or self.edge.next_connection()
            self._waiting[connection] = [data]
            self._outward[flow.remote] = connection
            self.reactor.connectTCP(*flow.remote, _Caller(self, connection), timeout=CONNECT_S)

    def add(self, stream: Stream) -> bool:
        """Take up a connection; False when there are too many."""
        ip = stream.remote[0]
        if (
            len(self._open) >= MAX_CONNECTIONS
            or self._per_ip[ip] >= MAX_CONNECTIONS_PER_IP
            or self._is_closing
        ):
            return False
        self._open[stream.connection] = stream
        self._per_ip[ip] += 1
        for data in self._waiting.pop(stream.connection, ()):
            stream.write(data)
        return True

    def remove(self, stream: Stream) -> None:
        """Forget a connection, and tell who waited for something on it."""
        self._open.pop(stream.connection, None)
        ip = stream.remote[0]
        self._per_ip[ip] -= 1
        if self._per_ip[ip] <= 0:
            del self._per_ip[ip]
        self._forget_outward(stream.connection)
        self.edge.lose_connection(stream.connection)

    def fail(self, connection: int, reason: str) -> None:
        """Give up a connection that could not be opened."""
        unsent = self._waiting.pop(connection, [])
        self.edge.counts.unsent += len(unsent)
        log.warning("sip.not_connected", reason=reason, messages=len(unsent))
        self._forget_outward(connection)
        self.edge.lose_connection(connection)

    def close(self) -> list[Deferred[None]]:
        """Close every connection once what is queued has been sent."""
        self._is_closing = True
        streams = list(self._open.values())
        for stream in streams:
            stream.transport.unregisterProducer()
            stream.transport.loseConnection()
        return [stream.closed for stream in streams]

    def _forget_outward(self, connection: int) -> None:
        for remote in [remote for remote, known in self._outward.items() if known == connection]:
            del self._outward[remote]
