"""Ten thousand damaged SIP datagrams against the running product: it answers, and it carries calls."""

from __future__ import annotations

import random
import re
import socket
import time
from pathlib import Path

import pytest

from examples.product import ROOT, Product, free_port_range
from tests.faults.udp_phone import Dialled, UdpPhone
from tests.interop.site import rows, wait_until

pytestmark = pytest.mark.interop

DATAGRAMS = 10_000
EVERY = 200
"""Datagrams between two looks at whether OPTIONS is still answered; few enough for the kernel to hold."""
SOURCES = tuple(f"127.0.0.{n}" for n in range(2, 18))
"""Sixteen senders, so that the limit of one address does not spare the parser its work."""
PORTS = 4000
"""RTP ports: what is left of an INVITE may still be one, and holds a port until nobody acknowledges."""
LONGEST_BYTES = 9000  # above what is taken, below what loopback carries
TORTURE = sorted((ROOT / "tests" / "sip" / "torture").glob("rfc*/*.dat"))
TRUNKS = sorted((ROOT / "tests" / "sip" / "trunk_invites").glob("*.sip"))
PIECES = (
    b"\r\n", b"\r", b"\n", b"\0", b" ", b"\t", b";", b",", b":", b"<", b">", b'"', b"\\", b"%00", b"%", b"@",
    b"sip:", b"tel:", b"sips:", b"[::1]", b"[", b"4294967296", b"-1", b"99999999999999999999", b"\xff\xfe",
    "北".encode(), b"\r\nContent-Length: 5", b"\r\nVia: x", b";branch=z9hG4bK", b";tag=", b"\r\n\r\n",
    b"=" * 300, b"\r\nRequire: x", b"\r\nRoute: <sip:a;lr>", b"\r\nTo: <sip:96156@x>;tag=1",
    b"\r\nContact: *",
)  # fmt: skip


def is_ours(log_line: dict[str, object]) -> bool:
    """Tell whether a line of the log is about a fault of the product's own."""
    return (
        log_line.get("event") in {"sip.fault", "switchboard.bug", "text", "media.died"}
        or "exception" in log_line
        or log_line.get("level") in {"error", "critical"}
    )


class Damage:
    """Makes hostile datagrams out of good and bad ones, by a seeded chance."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._messages = [path.read_bytes() for path in (*TORTURE, *TRUNKS)]
        self._count = 0

    def make(self) -> bytes:
        chance = self._chance
        data = bytearray(chance.choice(self._messages))
        if chance.random() < 0.5:  # for a number of ours, so that it goes on beyond the first door
            data = bytearray(re.sub(rb"^(\w+) \S+ SIP", rb"\1 sip:96156@127.0.0.1 SIP", bytes(data), count=1))
        if chance.random() < 0.5:  # a transaction of its own
            self._count += 1
            data = bytearray(re.sub(rb"(?i)(z9hG4bK)", rb"\g<1>%d." % self._count, bytes(data), count=1))
            data = bytearray(re.sub(rb"(?im)^(call-id|i)\s*:\s*", rb"\g<1>: %d." % self._count, bytes(data)))
        for _ in range(chance.choice((0, 1, 1, 2, 4, 8))):
            self._hurt(data)
        return bytes(data[:LONGEST_BYTES])

    def _hurt(self, data: bytearray) -> None:
        chance = self._chance
        at = chance.randrange(len(data) + 1)
        to = min(len(data), at + chance.choice((1, 1, 2, 8, 40, 400)))
        match chance.randrange(6):
            case 0:
                del data[at:to]
            case 1:
                data[at:at] = chance.choice(PIECES)
            case 2:
                data[at:to] = chance.choice(PIECES)
            case 3:
                data[at:at] = data[at:to] * chance.choice((1, 1, 2, 30))
            case 4:
                other = chance.choice(self._messages)
                data[at:] = other[chance.randrange(len(other)) :]
            case 5 if at < len(data):
                data[at] = chance.randrange(256)


def dial_until_taken(phone: UdpPhone) -> Dialled:
    """Dial as a carrier does: a product on a busy machine may refuse with 503 for some seconds."""
    for _ in range(20):
        call = phone.dial(talk_s=3600)
        assert phone.pump_until(lambda call=call: bool(call.finals), 20)
        if call.finals != [503]:
            break
        phone.pump(1.0)
    assert phone.pump_until(lambda: call.dialog is not None, 20), call.finals
    return call


def test_ten_thousand_damaged_datagrams_leave_no_trace(tmp_path: Path) -> None:
    low, high = free_port_range(PORTS)
    product = Product(
        tmp_path / "site",
        speech__workers=0,
        media__port_low=low,
        media__port_high=high,
        sip__max_calls=PORTS // 4,
    )
    product.appoint()
    product.start()
    phone, damage, sources = UdpPhone(("127.0.0.1", product.sip_port)), Damage(4475), []
    try:
        for ip in SOURCES:
            sources.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sources[-1].bind((ip, 0))
        talking = phone.dial(talk_s=3600)
        assert phone.pump_until(lambda: talking.dialog is not None, 20)
        for number in range(DATAGRAMS):
            sources[number % len(sources)].sendto(damage.make(), phone.server)
            if number % EVERY == EVERY - 1:
                answers = talking.statuses.setdefault("OPTIONS", [])
                wanted = len(answers) + 1
                phone.request(talking, "OPTIONS")
                assert phone.pump_until(lambda answers=answers, wanted=wanted: len(answers) == wanted, 20), (
                    number
                )
        assert set(talking.statuses["OPTIONS"]) == {200}
        later = dial_until_taken(phone)
        for call in (talking, later):
            phone.hang_up(call)
            assert phone.pump_until(lambda call=call: call.is_over, 20)
            record = wait_until(
                lambda call=call: rows(
                    product,
                    "select * from calls where sip_call_id = ? and ended_at is not null",
                    call.call_id,
                ),
                "the record",
            )
            assert [row["cause"] for row in record] == ["caller"]
        time.sleep(0.5)  # the last lines of the log are on their way
        assert [line for line in product.log if is_ours(line)] == []
        assert any(
            line.get("event") == "call.arrived" and "127.0.0.1:" not in str(line["source"])
            for line in product.log
        ), "no damaged INVITE became a call: this did not reach beyond the parser"
    finally:
        for source in sources:
            source.close()
        phone.close()
        product.kill()  # a stop would wait for the calls that nobody acknowledges
