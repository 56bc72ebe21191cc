"""The SIP edge on real sockets of loopback: what only the kernel can show."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from test_sipp_signalling import Hotline, a_hotline

TORTURE = sorted((Path(__file__).parents[1] / "sip" / "torture").glob("rfc*/*.dat"))
pytestmark = pytest.mark.slow


def options(host: str, port: int, number: int, transport: str = "UDP") -> bytes:
    written = f"[{host}]" if ":" in host else host
    return (
        f"OPTIONS sip:96156@{written} SIP/2.0\r\nVia: SIP/2.0/{transport} {written}:{port};rport;"
        f"branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\nFrom: <sip:1@{written}>;tag={number}\r\n"
        f"To: <sip:96156@{written}>\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def ask(hotline: Hotline, host: str = "127.0.0.1", number: int = 1) -> bytes:
    """Send OPTIONS by datagram; give the answer."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as phone:
        phone.settimeout(5)
        phone.connect((host, hotline.port))
        phone.send(options(host, phone.getsockname()[1], number))
        return phone.recv(4096)


@pytest.mark.parametrize(
    ("listen", "host"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "::1")]
)
def test_an_address_is_listened_on(listen: str, host: str) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with a_hotline("--listen", listen) as hotline:
        assert ask(hotline, host).startswith(b"SIP/2.0 200 OK")
        with socket.create_connection((host, hotline.port), timeout=5) as phone:
            phone.sendall(options(host, 5060, 2, "TCP"))
            assert phone.recv(4096).startswith(b"SIP/2.0 200 OK")


def test_a_taken_port_is_told_with_the_remedy() -> None:
    with a_hotline() as first, a_hotline("--port", str(first.port)) as second:
        assert "Address already in use" in second.complaint()
        assert "[sip] port" in second.complaint()


def test_the_torture_messages_on_the_wire_do_no_harm() -> None:
    with a_hotline("--quiet") as hotline:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            for path in TORTURE:
                phone.sendto(path.read_bytes(), ("127.0.0.1", hotline.port))
        for path in TORTURE:
            with socket.create_connection(("127.0.0.1", hotline.port), timeout=5) as stream:
                stream.sendall(path.read_bytes())
        assert ask(hotline, number=99).startswith(b"SIP/2.0 200 OK")
        assert hotline.stop()["faults"] == 0
