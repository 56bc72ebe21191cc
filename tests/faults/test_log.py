"""The log of a whole story: structured, with the ids to follow it, and nowhere the caller's number."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import numpy as np
import pytest

from examples.product import Product, free_port
from hotline.app import open_store
from hotline.media.g711 import encode
from hotline.media.plan import Codec
from hotline.settings import read_settings
from tests.faults.udp_phone import UdpPhone
from tests.interop.site import rows, wait_until

NUMBER = "13800138000"
PASSWORD = "long-enough-for-a-test"


class Verbose(Product):
    """Logs every event and command of every call."""

    def command(self, *words: str) -> list[str]:
        return super().command(*words, *(("--verbose",) if words[0] == "serve" else ()))


async def route(product: Product, number: str) -> None:
    settings = read_settings("", product.environment, file="test")
    async with open_store(settings) as (_store, desk):
        agent = await desk.who(await desk.log_in("agent", PASSWORD, "test"))
        assert agent is not None
        page = await desk.request(agent, number)
        assert page.line.caller.endswith(NUMBER)  # she has to call back
        decided = {"kind_code": "0102", "region_code": "", "place": "", "text": "门口堆了砖头"}
        await desk.edit(agent, number, page.line.version, **decided)
        page = await desk.request(agent, number)
        unit = next(unit for unit in await desk.units(agent) if unit.email)
        await desk.route(agent, number, page.line.version, unit.code, f"call {NUMBER}")


def throw_odd_messages(port: int) -> None:
    """What is no proper SIP, what is for nobody here, and what belongs to no call."""
    invite = (
        f"INVITE sip:96156@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKodd{{n}}\r\n"
        f"From: <sip:{NUMBER}@127.0.0.1>;tag=1\r\nTo: <sip:96156@127.0.0.1>\r\nCall-ID: {NUMBER}-{{n}}\r\n"
        f"CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:{NUMBER}@127.0.0.1:9>\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    changes = [
        ("96156@", f"{NUMBER}@"),
        ("CSeq: 1", f"CSeq: {NUMBER}"),
        (f"From: <sip:{NUMBER}", f"From: <<sip:{NUMBER}"),
        ("Content-Length: 0", f"Content-Length: {NUMBER}"),
        ("INVITE", "BYE"),
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thrower:
        for n, (old, new) in enumerate(changes):
            thrower.sendto(invite.replace(old, new).replace("{n}", str(n)).encode(), ("127.0.0.1", port))
        thrower.sendto(b"\x00" + NUMBER.encode(), ("127.0.0.1", port))


@pytest.mark.slow
def test_no_line_of_the_log_holds_the_callers_number(tmp_path: Path) -> None:
    product = Verbose(
        tmp_path, speech__workers=0, mail__host="127.0.0.1", mail__port=free_port(), mail__timeout_s=2
    )
    for name, role in (("boss", "admin"), ("agent", "agent")):
        product.run("user", "add", name, "--role", role, text_in=PASSWORD + "\n")
    product.start()
    phone = UdpPhone(("127.0.0.1", product.sip_port))
    try:
        throw_odd_messages(product.sip_port)
        call = phone.dial(talk_s=60, headers=f"P-Asserted-Identity: <tel:+86{NUMBER}>\r\n")
        assert phone.pump_until(lambda: call.media is not None, 10)
        phone.pump(0.5)
        phone.press(call, "1")
        assert phone.pump_until(lambda: any(line.get("command") == "Record" for line in product.log), 20)
        tone = np.sin(np.arange(3 * 8000) * 0.5) * 9000
        phone.speak(call, encode(tone.astype(np.int16), Codec.PCMA).tobytes())
        phone.hang_up(call)
        phone.pump_until(lambda: call.is_over, 10)
        (request,) = wait_until(lambda: rows(product, "select * from service_requests"), "the request", 20)
        (record,) = rows(product, "select * from calls where call_id = ?", request["call_id"])
        assert NUMBER in record["caller"]  # so that its absence below means something
        wait_until(
            lambda: rows(product, "select * from service_requests where transcript_state != 'waiting'"),
            "no text",
        )
        product.stop()
        asyncio.run(route(product, request["number"]))
        product.start()  # the letter's job was added by another process: this looks for it at once
        product.wait_for("mail.delayed", within_s=90)
    finally:
        phone.close()
        product.stop()

    assert not [line for line in product.log if line["event"] == "text"], "a line that is no JSON"
    for line in product.log:
        assert NUMBER not in json.dumps(line, ensure_ascii=False), line
    assert NUMBER not in product.run("events")
    events = [line["event"] for line in product.log]
    for event in ("call.arrived", "call.event", "call.command", "request.opened", "call.ended"):
        assert event in events, event
    for line in product.log:
        if line["event"].startswith("call."):
            assert line["call_id"], line
        if line["event"].startswith("request."):
            assert line["request_number"] == request["number"], line
