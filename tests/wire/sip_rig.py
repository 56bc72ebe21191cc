"""A reactor without sockets for the SIP edge: ports and connections are lists."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import CannotListenError, ConnectionRefusedError
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from hotline.events.ids import CallId
from hotline.sip.config import UserAgentConfig
from hotline.sip.events import CallArrived, SipEvent
from hotline.sip.user_agent import UserAgent
from hotline.wire.sip_edge import SipEdge, both_at

SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"
PEER = ("192.0.2.7", 5060)


class FakePort:
    """A listening port, UDP or TCP; a UDP port is its own transport."""

    def __init__(self, reactor: FakeReactor, kind: str, interface: str, port: int) -> None:
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.fault: Exception | None = None
        self._reactor, self._key = reactor, (kind, port)
        self._host = IPv4Address(kind.upper(), interface, port)  # type: ignore[arg-type]

    def getHost(self) -> IPv4Address:
        return self._host

    def write(self, data: bytes, address: tuple[str, int]) -> None:
        if self.fault is not None:
            raise self.fault
        self.sent.append((data, address))

    def stopListening(self) -> None:
        self._reactor.taken[self._key] -= 1


class FakeConnection:
    """The transport of one TCP connection."""

    def __init__(self, protocol: Any, host: tuple[str, int], peer: tuple[str, int]) -> None:
        self.protocol, self.written, self.is_open, self.was_aborted = protocol, b"", True, False
        self._host, self._peer = host, peer
        self.producer: Any = None
        self.is_read = True

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", *self._host)

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", *self._peer)

    def write(self, data: bytes) -> None:
        if self.is_open:
            self.written += data

    def setTcpNoDelay(self, _: bool) -> None:
        pass

    def setTcpKeepAlive(self, _: bool) -> None:
        pass

    def registerProducer(self, producer: Any, _: bool) -> None:
        self.producer = producer

    def pauseProducing(self) -> None:
        self.is_read = False

    def resumeProducing(self) -> None:
        self.is_read = True

    def unregisterProducer(self) -> None:
        self.producer = None

    def loseConnection(self) -> None:
        self.close()

    def abortConnection(self) -> None:
        self.was_aborted = True
        self.close()

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self.protocol.connectionLost(Failure(connectionDone.value))

    def feed(self, data: bytes) -> bytes:
        """Let the peer send; give what is written back at once."""
        before = len(self.written)
        self.protocol.dataReceived(data)
        return self.written[before:]


class FakeReactor(Clock):
    """Twisted's Clock with ports."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: Counter[tuple[str, int]] = Counter()
        self.udp: list[FakePort] = []
        self.protocols: list[Any] = []
        self.factory: Any = None
        self.dials: list[tuple[str, int, Any]] = []
        self._free = itertools.count(40000)

    # -- as hotline.wire.sip_ports.Ports ------------------------------------------------------------

    def open_udp(self, ip: str, port: int, protocol: Any) -> FakePort:
        listening = self._take("udp", port, ip)
        self.udp.append(listening)
        self.protocols.append(protocol)
        protocol.makeConnection(listening)
        protocol.startProtocol()
        return listening

    def open_tcp(self, ip: str, port: int, factory: Any) -> FakePort:
        self.factory = factory
        return self._take("tcp", port, ip)

    def connect(self, ip: str, port: int, factory: Any, timeout_s: float, local_ip: str) -> None:
        self.dials.append((ip, port, factory))

    def _take(self, kind: str, port: int, interface: str) -> FakePort:
        port = port or next(self._free)
        if self.taken[f"other {kind}", port]:
            raise CannotListenError(interface, port, OSError(98, "Address already in use"))
        self.taken[kind, port] += 1
        return FakePort(self, kind, interface, port)


class Rig:
    """An edge on a reactor without sockets, with an application that takes every call."""

    def __init__(
        self,
        listen_ip: str | tuple[str, ...] = "192.0.2.1",
        port: int = 5060,
        accepts: bool = True,
        edge: dict[str, Any] | None = None,
        **config: Any,
    ) -> None:
        calls, tokens = itertools.count(1), itertools.count(1)
        self.reactor = FakeReactor()
        self.events: list[SipEvent] = []
        self.accepts = accepts
        self.ua = UserAgent(
            UserAgentConfig(("96156",), **config),
            lambda: CallId(f"call-{next(calls)}"),
            lambda: f"token{next(tokens):011x}",
        )
        ips = (listen_ip,) if isinstance(listen_ip, str) else listen_ip
        listeners = [listener for ip in ips for listener in both_at(ip, port)]
        ports: Any = self.reactor
        self.edge = SipEdge(self.reactor, self.ua, listeners, self._take, ports=ports, **(edge or {}))  # type: ignore[arg-type]

    def _take(self, event: SipEvent) -> None:
        self.events.append(event)
        if self.accepts and isinstance(event, CallArrived):
            self.edge.act(lambda ua, now: ua.accept(event.call_id, "", 16000, now))

    def start(self) -> Rig:
        self.edge.start()
        return self

    def datagram(
        self, data: bytes, peer: tuple[str, int] = PEER, which: int = 0, age_s: float = 0.0
    ) -> list[bytes]:
        """Let a datagram arrive; give the first lines of what is sent back at once."""
        port = self.reactor.udp[which]
        before = len(port.sent)
        self.reactor.protocols[which].take(data, peer, age_s)
        return [sent.split(b"\r\n")[0] for sent, _ in port.sent[before:]]

    def connect(self, peer: tuple[str, int] = ("192.0.2.7", 41234)) -> FakeConnection:
        """Let a peer open a connection."""
        return self.attach(self.reactor.factory.buildProtocol(None), peer)

    def attach(self, protocol: Any, peer: tuple[str, int]) -> FakeConnection:
        connection = FakeConnection(protocol, ("192.0.2.1", 5060), peer)
        protocol.makeConnection(connection)
        return connection


def a_message(
    method: str,
    *,
    transport: str = "UDP",
    number: int = 1,
    to_tag: str = "",
    cseq: int = 1,
    body: str = "",
    branch: str = "",
) -> bytes:
    lines = [
        f"{method} sip:96156@192.0.2.1 SIP/2.0",
        f"Via: SIP/2.0/{transport} 192.0.2.7:5060;branch=z9hG4bK{branch or number}",
        "Max-Forwards: 70",
        f"From: <sip:1001@192.0.2.7>;tag=c{number}",
        f"To: <sip:96156@192.0.2.1>{f';tag={to_tag}' if to_tag else ''}",
        f"Call-ID: {number}@192.0.2.7",
        f"CSeq: {cseq} {method}",
        f"Contact: <sip:1001@192.0.2.7:5060{';transport=tcp' if transport == 'TCP' else ''}>",
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def refuse_connection(factory: Any) -> None:
    factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
