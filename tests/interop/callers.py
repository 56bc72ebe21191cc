"""Many callers in one process, who speak SIP and RTP themselves, and follow where a re-INVITE sends them.

Each dials, listens, presses a key, says noise that is hers alone, and hangs up. What she said, and when she
heard anything, is kept, so that a test can compare it with what was recorded.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import struct
import time
from typing import Any

import numpy as np

FRAME = 160
PACKET_MS = 60
PACKET = PACKET_MS * 8
"""Of what they say; three frames, so that hundreds of them can speak on a busy machine."""
SILENCE = b"\xd5" * PACKET
LONGEST_S = 60
KEYS = "0123456789*#"


class Caller(asyncio.DatagramProtocol):
    """One of them; she is the RTP socket of her call."""

    def __init__(self, house: House, number: int) -> None:
        self.house, self.number = house, number
        self.call_id = f"{secrets.token_hex(8)}-{number}"
        self.tag, self.to = secrets.token_hex(4), ""
        self.target, self.cseq, self.version = f"sip:96156@127.0.0.1:{house.port}", 1, 1
        self.answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.is_talking = self.is_over = False
        self.voice_at: tuple[str, int] | None = None
        self.sequence, self.stamp = secrets.randbits(15), secrets.randbits(31)
        self.ssrc = secrets.randbits(32)
        self.said = 0
        """Frames of her noise so far."""
        self.said_until_killed = self.said_at_return = 0
        """The same when her plane was killed, and when another one had taken her."""
        self._noise = b""
        self.heard = 0
        self.voice_times: list[float] = []
        """When she heard what was not silence, or anything at all."""
        self.packet_times: list[float] = []
        self.offers: list[float] = []
        """When she was sent a re-INVITE."""
        self.refuses = False
        self.said_goodbye = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        now = time.monotonic()
        self.heard += 1
        self.packet_times.append(now)
        if set(data[12:]) - {0xD5}:
            self.voice_times.append(now)

    # -- voice --------------------------------------------------------------------------------------

    def noise(self, first: int, last: int) -> bytes:
        """Give what she says from one frame to before another."""
        if not self._noise:
            random = np.random.default_rng(self.number)
            self._noise = random.integers(0, 256, LONGEST_S * 8000, np.uint8).tobytes()
        return self._noise[first * FRAME : last * FRAME]

    def speak(self) -> None:
        """Send the next 60 ms: her noise, or silence."""
        if self.voice_at is None or self.is_over:
            return
        payload = SILENCE
        if self.is_talking:
            payload = self.noise(self.said, self.said + PACKET // FRAME)
            self.said += PACKET // FRAME
        self._send(8, payload, self.stamp)
        self.stamp = self.stamp + PACKET & 0xFFFFFFFF

    def press(self, key: str) -> None:
        """Press a key for 100 ms (RFC 4733), all its packets at once."""
        for n, end in ((1, 0), (3, 0), (5, 0x80), (5, 0x80), (5, 0x80)):
            event = struct.pack("!BBH", KEYS.index(key), 10 | end, FRAME * n)
            self._send(101, event, self.stamp)
        self.stamp = self.stamp + 5 * FRAME & 0xFFFFFFFF

    def _send(self, payload_type: int, payload: bytes, stamp: int) -> None:
        self.sequence = self.sequence + 1 & 0xFFFF
        head = struct.pack("!BBHII", 0x80, payload_type, self.sequence, stamp, self.ssrc)
        if self.voice_at is not None:
            self.transport.sendto(head + payload, self.voice_at)

    # -- signalling ---------------------------------------------------------------------------------

    @property
    def sdp(self) -> str:
        port = self.transport.get_extra_info("sockname")[1]
        lines = (
            "v=0", f"o=- 1 {self.version} IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
            f"m=audio {port} RTP/AVP 8 101", "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000",
        )  # fmt: skip
        return "\r\n".join(lines) + "\r\n"

    def ask(self, method: str, body: str = "", cseq: int = 0) -> None:
        branch = f"z9hG4bK{secrets.token_hex(6)}"
        head = [
            f"{method} {self.target} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.house.own_port};branch={branch}",
            f"From: <sip:1{self.number:05}@127.0.0.1>;tag={self.tag}",
            f"To: <sip:96156@127.0.0.1>{self.to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq or self.cseq} {method}",
            f"Contact: <sip:caller@127.0.0.1:{self.house.own_port}>",
            "Max-Forwards: 70",
        ]
        self._write(head, body)

    def _write(self, head: list[str], body: str = "") -> None:
        if body:
            head.append("Content-Type: application/sdp")
        head.append(f"Content-Length: {len(body)}")
        self.house.transport.sendto(("\r\n".join(head) + "\r\n\r\n" + body).encode(), self.house.address)

    def hang_up(self) -> None:
        if not self.is_over:
            self.is_over, self.cseq = True, self.cseq + 1
            self.ask("BYE")

    def hear_response(self, status: int, text: str) -> None:
        if re.search(r"(?mi)^cseq: *\d+ +invite", text) is None or status < 200:
            return
        self.to = ";tag=" + re.findall(r"(?mi)^to:.*;tag=([^\s;]+)", text)[0]
        if status < 300:
            self.target = re.findall(r"(?mi)^contact:.*?<([^>]+)>", text)[0]
            self._aim(text)
        self.ask("ACK")
        if not self.answered.done():
            self.answered.set_result(status)

    def hear_request(self, method: str, text: str) -> None:
        if method == "ACK":
            return
        status, body = "200 OK", ""
        if method == "INVITE":
            self.offers.append(time.monotonic())
            if self.refuses:
                status = "488 Not Acceptable Here"
            else:
                self._aim(text)
                self.version += 1
                body = self.sdp
        elif method == "BYE":
            self.is_over = self.said_goodbye = True
        head = [f"SIP/2.0 {status}", *re.findall(r"(?mi)^(?:via|from|to|call-id|cseq):.*?(?=\r$)", text)]
        head.append(f"Contact: <sip:caller@127.0.0.1:{self.house.own_port}>")
        self._write(head, body)

    def _aim(self, text: str) -> None:
        ports = re.findall(r"(?m)^m=audio (\d+)", text)
        if ports:
            self.voice_at = ("127.0.0.1", int(ports[0]))


class House(asyncio.DatagramProtocol):
    """The callers' side of one house's SIP, over UDP."""

    def __init__(self, port: int) -> None:
        self.port, self.address = port, ("127.0.0.1", port)
        self.callers: dict[str, Caller] = {}
        self._speaking: asyncio.Task[None] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.own_port = transport.get_extra_info("sockname")[1]
        self._speaking = asyncio.get_running_loop().create_task(self._speak())

    def datagram_received(self, data: bytes, addr: Any) -> None:
        text = data.decode()
        caller = self.callers.get(re.findall(r"(?mi)^call-id: *(\S+)", text)[0])
        first = text.split(" ", 2)
        if caller is None:
            return
        if first[0] == "SIP/2.0":
            caller.hear_response(int(first[1]), text)
        else:
            caller.hear_request(first[0], text)

    async def _speak(self) -> None:
        due = time.monotonic()
        while True:
            for caller in list(self.callers.values()):
                caller.speak()
            due = max(due + PACKET_MS / 1000, time.monotonic() - 0.2)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def call(self, number: int) -> Caller:
        """Dial, and wait for the answer."""
        loop = asyncio.get_running_loop()
        _, caller = await loop.create_datagram_endpoint(
            lambda: Caller(self, number), local_addr=("127.0.0.1", 0)
        )
        self.callers[caller.call_id] = caller
        caller.ask("INVITE", caller.sdp)
        status = await asyncio.wait_for(caller.answered, 20)
        assert status == 200, status
        return caller

    def close(self) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
        for caller in self.callers.values():
            caller.transport.close()
        self.transport.close()


async def a_house(port: int) -> House:
    """Open the callers' SIP socket."""
    loop = asyncio.get_running_loop()
    _, house = await loop.create_datagram_endpoint(lambda: House(port), local_addr=("127.0.0.1", 0))
    return house
