"""Datagrams that nobody takes, on real sockets of this machine."""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

import pytest

from hotline.wire import icmp
from hotline.wire.icmp import ask_for_errors, read_errors
from hotline.wire.sip_ports import DatagramPort

QUOTED = b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n"


class NoReactor:
    """Watches no socket: the test reads when it wants."""

    def addReader(self, _: Any) -> None:
        pass

    def removeReader(self, _: Any) -> None:
        pass


class Taker:
    """Notes what a port hands over."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.back: list[tuple[bytes, tuple[str, int]]] = []

    def makeConnection(self, _: Any) -> None:
        pass

    def doStop(self) -> None:
        pass

    def take(self, data: bytes, _remote: tuple[str, int], _age_s: float) -> None:
        self.taken.append(data)

    def take_back(self, quoted: bytes, remote: tuple[str, int]) -> None:
        self.back.append((quoted, remote))


def a_port(ip: str) -> tuple[DatagramPort, Taker]:
    taker, reactor, nobody = Taker(), NoReactor(), socket.has_ipv6
    assert nobody or ":" not in ip
    protocol: Any = taker
    port = DatagramPort(0, protocol, ip, 8193, reactor)  # type: ignore[no-untyped-call]
    port.startListening()
    return port, taker


def a_closed_port(ip: str) -> tuple[str, int]:
    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((ip, 0))
        return one.getsockname()[:2]  # type: ignore[no-any-return]


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
def test_a_datagram_to_a_port_where_nobody_listens_comes_back(ip: str) -> None:
    port, taker = a_port(ip)
    closed = a_closed_port(ip)
    try:
        port.write(QUOTED, closed)
        port.doRead()
        assert taker.back == [(QUOTED, closed)]
        port.doRead()
        assert (taker.back, taker.taken) == ([(QUOTED, closed)], [])
    finally:
        port.socket.close()


def test_what_comes_back_harms_nobody_else() -> None:
    port, taker = a_port("127.0.0.1")
    closed = a_closed_port("127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.settimeout(1)
        try:
            for number in range(3):  # the error of each is reported to whatever is done next
                port.write(QUOTED, closed)
                port.write(b"to another %d" % number, other.getsockname())
                assert other.recv(100) == b"to another %d" % number
            other.sendto(b"from another", ("127.0.0.1", port.getHost().port))
            port.write(QUOTED, closed)
            port.doRead()
            port.doRead()
            assert taker.taken == [b"from another"]
            assert taker.back == [(QUOTED, closed)] * 4
        finally:
            port.socket.close()


def a_note(origin: int, icmp_type: int, code: int, level: int = socket.IPPROTO_IP, kind: int = 11) -> Any:
    return (level, kind, struct.pack("=IBBBBII", errno.EHOSTUNREACH, origin, icmp_type, code, 0, 0, 0))


@pytest.mark.parametrize(
    ("note", "is_final"),
    [
        (a_note(2, 3, 1), True),
        (a_note(2, 3, 3), True),
        (a_note(2, 3, 4), False),  # too long: goes in pieces
        (a_note(2, 11, 0), False),  # time exceeded: RFC 3261, 18.4 passes it over
        (a_note(2, 4, 0), False),  # source quench
        (a_note(1, 0, 0), False),  # of our own kernel: told where it was sent
        (a_note(3, 1, 4, socket.IPPROTO_IPV6, 25), True),
        (a_note(3, 2, 0, socket.IPPROTO_IPV6, 25), False),
        (a_note(2, 3, 3, socket.IPPROTO_IP, 99), False),
        ((socket.IPPROTO_IP, 11, b"short"), False),
    ],
)
def test_only_what_was_not_delivered_counts(note: Any, is_final: bool) -> None:
    assert icmp._is_final(note) is is_final


def test_a_socket_without_errors_has_none() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        ask_for_errors(one)
        assert read_errors(one) == []
