"""Floods, drips and silence on the SIP sockets of the running product: other callers notice nothing."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.product import ROOT, Product
from tests.faults.udp_phone import UdpPhone

pytestmark = pytest.mark.slow

PASSWORD = "long-enough-for-a-test"
CALLER, LOUD, STRANGER = "127.0.0.1", "127.0.0.66", "127.0.0.99"
TRUNKS = f"""
[trunks.carrier]
networks = ["{CALLER}/32"]

[trunks.loud]
networks         = ["{LOUD}/32"]
calls_per_second = 5
max_calls        = 4
"""
FLOOD = """
import socket, sys, time
ip, port, per_s, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.bind((ip, 0))
begin, sent = time.monotonic(), 0
while (now := time.monotonic() - begin) < seconds:
    while sent < now * per_s:
        out.sendto((
            f"INVITE sip:96156@127.0.0.1 SIP/2.0\\r\\nVia: SIP/2.0/UDP {ip}:9;branch=z9hG4bK{sent}\\r\\n"
            f"Max-Forwards: 70\\r\\nFrom: <sip:1@x>;tag={sent}\\r\\nTo: <sip:96156@x>\\r\\n"
            f"Call-ID: {sent}@{ip}\\r\\nCSeq: 1 INVITE\\r\\nContact: <sip:1@{ip}:9>\\r\\n"
            "Content-Length: 0\\r\\n\\r\\n").encode(), ("127.0.0.1", port))
        sent += 1
    time.sleep(0.002)
print(sent)
"""
FLOOD_PER_S = 5000
FLOOD_S = 8.0


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("flooded")
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    (config / "trunks.toml").write_text(TRUNKS)
    product = Product(folder, site__config_dir=config, speech__workers=0)
    product.appoint(PASSWORD)
    product.start()
    yield product
    product.stop()


def call(product: Product) -> float:
    """Call, and give the seconds until the answer."""
    phone = UdpPhone((CALLER, product.sip_port), CALLER)
    try:
        began = time.monotonic()
        dialled = phone.dial(talk_s=0.1)
        assert phone.pump_until(lambda: bool(dialled.finals), 10)
        took_s = time.monotonic() - began
        assert dialled.finals[0] == 200
        assert phone.pump_until(lambda: dialled.is_over, 10)
        return took_s
    finally:
        phone.close()


def options(port: int, number: int, transport: str) -> bytes:
    return (
        f"OPTIONS sip:{CALLER} SIP/2.0\r\nVia: SIP/2.0/{transport} {CALLER}:{port};rport;"
        f"branch=z9hG4bKo{number}\r\nMax-Forwards: 70\r\nFrom: <sip:1@{CALLER}>;tag={number}\r\n"
        f"To: <sip:{CALLER}>\r\nCall-ID: o{number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("source", [STRANGER, LOUD])
def test_a_flood_of_5000_invites_a_second_leaves_other_callers_answered(
    product: Product, source: str
) -> None:
    call(product)
    flood = subprocess.Popen(
        [sys.executable, "-c", FLOOD, source, str(product.sip_port), str(FLOOD_PER_S), str(FLOOD_S)],
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(1.0)
    answered_s = []
    while flood.poll() is None:
        answered_s.append(call(product))
        time.sleep(0.3)
    sent = int(flood.communicate()[0])
    print(f"{sent} INVITEs from {source}; answers after {[round(s, 3) for s in answered_s]} s")
    assert sent > FLOOD_PER_S * FLOOD_S / 2
    assert len(answered_s) >= 3
    assert sorted(answered_s)[len(answered_s) // 2] < 1.0
    if source == STRANGER:
        told = [line for line in product.log if line.get("event") == "sip.unknown_source"]
        [line] = [line for line in told if line["source"].partition(":")[2] == STRANGER]
        assert "config/trunks.toml" in line["remedy"]


def test_connections_that_drip_or_are_silent_are_closed_and_keep_nobody_out(product: Product) -> None:
    drips = [
        socket.create_connection((CALLER, product.sip_port), source_address=(STRANGER, 0)) for _ in range(150)
    ]
    try:
        for drip in drips[:75]:
            drip.sendall(b"REGISTER sip:x SIP/2.0\r\n")
        began, closed, number = time.monotonic(), set[int](), 0
        while len(closed) < 150 and time.monotonic() - began < 45:
            time.sleep(1.0)
            for at, drip in enumerate(drips):
                with contextlib.suppress(OSError):
                    if at < 75:
                        drip.send(b"X")
                drip.setblocking(False)
                try:
                    if drip.recv(10) == b"":
                        closed.add(at)
                except BlockingIOError:
                    pass
                except OSError:
                    closed.add(at)
            number += 1
            with socket.create_connection((CALLER, product.sip_port), timeout=5) as trunk:
                trunk.settimeout(5)
                trunk.sendall(options(5060, number, "TCP"))
                assert trunk.recv(4096).startswith(b"SIP/2.0 200 OK")
        assert len(closed) == 150
        call(product)
    finally:
        for drip in drips:
            drip.close()


def test_handshakes_that_stop_half_way_are_closed_and_keep_nobody_out(tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "tests" / "interop"))
    from certificates import Authority
    from test_sip_tls import a_context, a_phone, a_tls_hotline, ask, tls_port

    authority = Authority(tmp_path)
    with a_tls_hotline(authority.issue("sip.example", CALLER)) as hotline:
        port, hello = tls_port(hotline), ssl.MemoryBIO()
        client = a_context(authority).wrap_bio(ssl.MemoryBIO(), hello, server_hostname="sip.example")
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        half = hello.read()[:60]
        stalled = [socket.create_connection((CALLER, port)) for _ in range(100)]
        for one in stalled:
            one.sendall(half)
        with a_phone(hotline, a_context(authority)) as phone:
            assert ask(phone).startswith(b"SIP/2.0 200 OK")
        began = time.monotonic()
        for one in stalled:
            one.settimeout(max(0.1, 20 - (time.monotonic() - began)))
            with contextlib.suppress(ConnectionError):
                assert one.recv(4096) == b""
            one.close()
        with a_phone(hotline, a_context(authority)) as phone:
            assert ask(phone, 2).startswith(b"SIP/2.0 200 OK")
