"""Told to stop: the first signal lets callers finish, the second one does not wait, nothing is lost."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from examples.product import Product
from tests.faults.udp_phone import UdpPhone
from tests.interop.site import rows

PASSWORD = "long-enough-for-a-test"


def ask(product: Product, method: str) -> bytes:
    """Send a request outside any call, and give its answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.settimeout(5)
        other.sendto(
            (
                f"{method} sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;"
                f"rport;branch=z9hG4bK{method}\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:1@127.0.0.1>;tag=1\r\nTo: <sip:1@127.0.0.1>\r\n"
                f"Call-ID: {method}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
            ).encode(),
            ("127.0.0.1", product.sip_port),
        )
        return other.recv(4096)


@pytest.mark.slow
def test_the_second_signal_ends_a_call_and_keeps_its_record(tmp_path: Path) -> None:
    product = Product(tmp_path, speech__workers=0)
    product.appoint(PASSWORD)
    product.start()
    process = product.process
    assert process is not None
    phone = UdpPhone(("127.0.0.1", product.sip_port))
    try:
        call = phone.dial(talk_s=60)
        assert phone.pump_until(lambda: call.media is not None, 10)
        process.send_signal(signal.SIGTERM)
        product.wait_for("serve.draining", calls=1)
        phone.pump(1.0)
        assert process.poll() is None  # she is still being listened to
        late = phone.dial(talk_s=1)
        assert phone.pump_until(lambda: bool(late.finals), 5)
        assert late.finals == [503]
        for method in ("OPTIONS", "REGISTER"):
            answer = ask(product, method)
            assert answer.startswith(b"SIP/2.0 503 ")
            assert b"\r\nRetry-After: " in answer

        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert phone.pump_until(lambda: process.poll() is not None, 15)
        assert time.monotonic() - began < 10
        assert process.returncode == 0
        assert call.was_hung_up
        (record,) = rows(product, "select * from calls where sip_call_id = ?", call.call_id)
        assert record["ended_at"] is not None
        assert record["cause"] != "fault"
        assert not [line for line in product.log if line.get("level") in {"error", "critical"}]
        assert [line["event"] for line in product.log].count("serve.stopped") == 1
    finally:
        phone.close()
        product.stop()
