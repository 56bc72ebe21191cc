"""A resident is connected with a telephone: `hotline call show` tells both legs by their names."""

from __future__ import annotations

import re
import shutil
import socket
import threading
from hashlib import md5
from pathlib import Path

import pytest

from examples.product import ROOT, Product
from tests.cli.test_running_product import run
from tests.faults.udp_phone import UdpPhone

pytestmark = pytest.mark.slow

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 45002 RTP/AVP 8\r\n"
COPIED = re.compile(r"(via|from|to|call-id|cseq|record-route):", re.IGNORECASE)


class AgentPhone:
    """A registered telephone that rings, answers, and lets the other side hang up."""

    def __init__(self, server: tuple[str, int], password: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(20)
        self._server, self._port = server, self._socket.getsockname()[1]
        challenge = self._register(1, "")
        asked = dict(re.findall(r'(nonce|realm|opaque)="([^"]*)"', challenge))
        nonce, realm = asked["nonce"], asked["realm"]
        secret = self._md5(f"1001:{realm}:{password}")
        proof = self._md5(f"{secret}:{nonce}:00000001:c:auth:{self._md5('REGISTER:sip:127.0.0.1')}")
        credentials = (
            f'Authorization: Digest username="1001", realm="{realm}", nonce="{nonce}", uri="sip:127.0.0.1", '
            f'qop=auth, nc=00000001, cnonce="c", algorithm=MD5, opaque="{asked.get("opaque", "")}", '
            f'response="{proof}"\r\n'
        )
        assert self._register(2, credentials).startswith("SIP/2.0 200 ")
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    @staticmethod
    def _md5(text: str) -> str:
        return md5(text.encode()).hexdigest()

    def _register(self, cseq: int, credentials: str) -> str:
        self._socket.sendto(
            "REGISTER sip:127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._port};branch=z9hG4bK{cseq}\r\nMax-Forwards: 70\r\n"
            "From: <sip:1001@127.0.0.1>;tag=r\r\nTo: <sip:1001@127.0.0.1>\r\n"
            f"Call-ID: r\r\nCSeq: {cseq} REGISTER\r\nExpires: 300\r\n"
            f"Contact: <sip:1001@127.0.0.1:{self._port}>\r\n{credentials}Content-Length: 0\r\n\r\n".encode(),
            self._server,
        )
        while not (answer := self._socket.recv(9000).decode()).startswith("SIP/2.0 "):
            pass
        # Of several challenges this telephone knows MD5 only.
        lines = [line for line in answer.split("\r\n") if "algorithm=" not in line or "MD5" in line]
        return "\r\n".join(lines)

    def _serve(self) -> None:
        while True:
            try:
                data, source = self._socket.recvfrom(9000)
            except OSError:
                return
            text = data.decode()
            if text.startswith(("INVITE", "BYE")):
                for status, body in ((180, ""), (200, SDP)) if text.startswith("INVITE") else ((200, ""),):
                    self._socket.sendto(self._answer(text, status, body), source)

    def _answer(self, request: str, status: int, body: str) -> bytes:
        lines = [line for line in request.split("\r\n\r\n")[0].split("\r\n") if COPIED.match(line)]
        lines = [
            f"{line};tag=agent" if line.lower().startswith("to:") and "tag=" not in line else line
            for line in lines
        ]
        lines += [f"Contact: <sip:1001@127.0.0.1:{self._port}>", f"Content-Length: {len(body)}"]
        lines += ["Content-Type: application/sdp"] if body else []
        return (f"SIP/2.0 {status} Fine\r\n" + "\r\n".join(lines) + f"\r\n\r\n{body}").encode()


def test_both_legs_stand_in_one_ladder_by_their_names(tmp_path: Path) -> None:
    config = Path(shutil.copytree(ROOT / "config", tmp_path / "config"))
    (config / "trunks.toml").write_text('[trunks.unicom]\nnetworks = ["127.0.0.2/32"]\n')
    product = Product(tmp_path, speech__workers=0, site__config_dir=config)
    product.appoint()
    password = re.findall(r"^password: (\S+)$", product.run("phone", "add", "1001"), re.MULTILINE)[0]
    product.start()
    server = ("127.0.0.1", product.sip_port)
    agent, resident = AgentPhone(server, password), UdpPhone(server, ip="127.0.0.2")
    try:
        assert "1001   udp:127.0.0.1:" in run(product, "phone", "registrations")[1]
        call = resident.dial(talk_s=120)
        assert resident.pump_until(lambda: call.media is not None, 10)
        resident.pump(0.5)
        resident.press(call, "0")

        def rows() -> list[list[str]]:
            return [row.split() for row in run(product, "sip", "legs")[1].splitlines()[1:]]

        assert resident.pump_until(lambda: [row[2] for row in rows()] == ["confirmed"] * 2, 30), rows()
        (first, second) = sorted(rows())
        assert second[0] == f"{first[0]}-leg1"
        resident.hang_up(call)
        resident.pump_until(lambda: call.is_over, 10)
        resident.pump(1.5)
        code, said = run(product, "call", "show", first[0])
        assert code == 0
        heads = [row.split() for row in said.splitlines() if "hotline" in row.split()]
        assert heads == [["unicom", "hotline", "1001"]]
        for step in ("INVITE 96156", "INVITE 1001", "180 Fine", "BYE"):
            assert f" {step} " in said, said
        assert re.search(r"^leg +→ 1001, answered after", said, re.MULTILINE)
        assert run(product, "call", "show", second[0]) == (0, said)  # each of its names tells the whole call
    finally:
        resident.close()
        agent.close()
        product.stop()
