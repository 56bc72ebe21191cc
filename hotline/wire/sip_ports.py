"""The sockets that SIP listens on and connects with.

Twisted's ports with three differences. Each family has its own sockets (``IPV6_V6ONLY``), so that
``0.0.0.0`` and ``[::]`` stand side by side. A datagram comes with its age: the kernel stamps it, and
how long it waited for us is what overload control goes by. And a wake-up reads no more than a batch, so
that a flood lets timers, connections and the console have their turn.
"""

# ruff: noqa: N802, ANN401 - Twisted's names, and its interfaces that carry no types
from __future__ import annotations

import contextlib
import socket
import struct
import time
from errno import EAGAIN, EINTR, EMSGSIZE, EWOULDBLOCK
from typing import Any, Final, Protocol

from twisted.internet import tcp, udp
from twisted.internet.error import MessageLengthError
from twisted.internet.protocol import DatagramProtocol

from hotline.wire.icmp import PASSED_ON, ask_for_errors, read_errors

MAX_DATAGRAM_BYTES: Final = 8192
"""Longer ones are dropped. An INVITE with 70 hops' Vias and an IMS offer has some 7 KiB."""
RECEIVE_BUFFER_BYTES: Final = 1 << 20
"""Kernel buffer for datagrams: some 500 INVITEs while the process is busy elsewhere."""
BATCH: Final = 32
"""Datagrams read before others have their turn: some 10 ms of work."""
BACKLOG: Final = 200
OLDEST_S: Final = 60.0
"""A stamp older than this tells of a stepped clock, not of a long wait."""

_TIMESPEC: Final = struct.Struct("@ll")
_TIMESTAMPNS: Final = getattr(socket, "SO_TIMESTAMPNS", 35)
_STAMP_SPACE: Final = socket.CMSG_SPACE(_TIMESPEC.size)
_NOTHING_TO_READ: Final = frozenset({EAGAIN, EWOULDBLOCK, EINTR})


class DatagramTaker(Protocol):
    """What a datagram port hands its datagrams to."""

    def take(self, data: bytes, remote: tuple[str, int], age_s: float) -> None:
        """Take a datagram that waited in the socket for ``age_s``."""
        ...

    def take_back(self, quoted: bytes, remote: tuple[str, int]) -> None:
        """Take word that a datagram of ours was not delivered."""
        ...


def _own_family(made: socket.socket) -> socket.socket:
    """Let an IPv6 socket serve IPv6 only."""
    if made.family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made


class DatagramPort(udp.Port):
    """A UDP port whose datagrams come with their age."""

    def createInternetSocket(self) -> socket.socket:
        """Make the socket."""
        return _own_family(super().createInternetSocket())

    def startListening(self) -> None:
        """Open the socket."""
        super().startListening()  # type: ignore[no-untyped-call]
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self.socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
        ask_for_errors(self.socket)

    def doRead(self) -> None:
        """Read a batch. The socket is still readable if there is more, and the loop comes back."""
        taker: DatagramTaker = self.protocol
        receive = self.socket.recvmsg
        for number in range(BATCH):
            try:
                data, notes, _flags, remote = receive(self.maxPacketSize, _STAMP_SPACE)
            except OSError as error:
                if error.errno in _NOTHING_TO_READ:
                    if number == 0:  # woken up for something else than a datagram
                        self._read_errors(taker)
                    return
                if error.errno not in PASSED_ON:
                    raise
                self._read_errors(taker)
                continue
            taker.take(data, remote[:2], _age_s(notes))

    def _read_errors(self, taker: DatagramTaker) -> None:
        for undelivered in read_errors(self.socket):
            taker.take_back(*undelivered)

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> None:
        """Send a datagram.

        :raises OSError: when the network does not take it; MessageLengthError when it is too long.
        """
        assert addr is not None
        try:
            self.socket.sendto(datagram, addr)
        except OSError as error:
            if error.errno in PASSED_ON:
                # Perhaps of a datagram before, to somebody else; then it goes now.
                with contextlib.suppress(OSError):
                    self.socket.sendto(datagram, addr)
                    return
            if error.errno == EMSGSIZE:
                raise MessageLengthError("message too long") from error
            raise


class StreamPort(tcp.Port):
    """A TCP port."""

    def createInternetSocket(self) -> socket.socket:
        """Make the socket."""
        return _own_family(super().createInternetSocket())  # type: ignore[no-untyped-call]


class Ports:
    """Opens sockets on a reactor."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def open_udp(self, ip: str, port: int, protocol: DatagramProtocol) -> Any:
        """Open a UDP port.

        :raises CannotListenError: when it cannot be had.
        """
        longest = MAX_DATAGRAM_BYTES + 1
        opened = DatagramPort(port, protocol, ip, longest, self._reactor)  # type: ignore[no-untyped-call]
        opened.startListening()
        return opened

    def open_tcp(self, ip: str, port: int, factory: Any) -> Any:
        """Open a TCP port.

        :raises CannotListenError: when it cannot be had.
        """
        opened = StreamPort(port, factory, BACKLOG, ip, self._reactor)
        opened.startListening()
        return opened

    def connect(self, ip: str, port: int, factory: Any, timeout_s: float, local_ip: str) -> None:
        """Open a connection; its factory is told how that went."""
        bind = (local_ip, 0) if local_ip else None
        self._reactor.connectTCP(ip, port, factory, timeout=timeout_s, bindAddress=bind)


def _age_s(notes: list[tuple[int, int, bytes]]) -> float:
    """Tell how long a datagram waited: the kernel stamps by the wall clock, and only differences count."""
    for level, kind, stamp in notes:
        if level == socket.SOL_SOCKET and kind == _TIMESTAMPNS and len(stamp) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(stamp)
            age_s = time.clock_gettime(time.CLOCK_REALTIME) - seconds - nanoseconds / 1e9
            return age_s if 0.0 < age_s < OLDEST_S else 0.0
    return 0.0
