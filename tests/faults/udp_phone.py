"""A telephone over a real UDP socket that keeps to the timers of RFC 3261, for tests that disturb its calls.

It carries many calls at once in one thread: ``pump`` lets time pass. Whatever the other side's
Contact says, everything goes to ``server``, so that a proxy in between sees it all.
"""

from __future__ import annotations

import itertools
import socket
import struct
import time
from dataclasses import dataclass, field

from hotline.errors import RemoteProtocolError
from hotline.sip.dialog import Dialog
from hotline.sip.flow import Flow
from hotline.sip.message import Request, Response, note_source, parse_message, response_to
from hotline.sip.sdp import parse_sdp
from hotline.sip.transaction_layer import Client, TransactionLayer

FRAME_S = 0.02
EVENT_PAYLOAD_TYPE = 101
_numbers = itertools.count(1)


@dataclass(eq=False)
class Dialled:
    """One call from the caller's side."""

    call_id: str
    talk_s: float
    """How long to stay on the line; then BYE."""
    invite: Client | None = None
    provisional: int = 0
    finals: list[int] = field(default_factory=list)
    """Final statuses of the INVITE, repetitions included."""
    dialog: Dialog | None = None
    media: tuple[str, int] | None = None
    hangs_up_at: float | None = None
    is_over: bool = False
    was_hung_up: bool = False
    """The other side sent BYE."""
    statuses: dict[str, list[int]] = field(default_factory=dict)
    """Final statuses of other requests, by method."""
    acks: bool = True
    answers_bye: bool = True


class UdpPhone:
    """A phone with one socket for SIP and one for voice."""

    def __init__(self, server: tuple[str, int], ip: str = "127.0.0.1") -> None:
        self.server = server
        self.sip, self.rtp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.sip.bind((ip, 0))
        self.rtp.bind((ip, 0))
        self.rtp.setblocking(False)
        self.address: tuple[str, int] = self.sip.getsockname()
        self.layer = TransactionLayer()
        self.calls: dict[str, Dialled] = {}
        self._flow = Flow("udp", self.address, server, 1)
        self._sequence, self._timestamp = itertools.count(1), 0

    def close(self) -> None:
        self.sip.close()
        self.rtp.close()

    # -- what a caller does -------------------------------------------------------------------------

    def dial(
        self, *, talk_s: float = 0.5, number: str = "96156", call_id: str = "", headers: str = ""
    ) -> Dialled:
        ip, port = self.address
        one = Dialled(call_id or f"{next(_numbers)}-{port}@{ip}", talk_s)
        body = self._sdp()
        data = (
            f"INVITE sip:{number}@{self.server[0]}:{self.server[1]} SIP/2.0\r\nVia: {self._via()}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:13800138000@{ip}:{port}>;tag={next(_numbers)}\r\n"
            f"To: <sip:{number}@{self.server[0]}>\r\nCall-ID: {one.call_id}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:13800138000@{ip}:{port}>\r\n{headers}Content-Type: application/sdp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        invite = parse_message(data.encode())
        assert isinstance(invite, Request)
        one.invite = self.layer.request(invite, self._flow, time.monotonic())
        self.calls[one.call_id] = one
        self._flush()
        return one

    def request(
        self, one: Dialled, method: str, body: str = "", body_type: str = "application/sdp"
    ) -> Client:
        """Send a request inside the call."""
        assert one.dialog is not None
        request = one.dialog.make_request(method, self._via())
        request.headers.add("Contact", f"<sip:13800138000@{self.address[0]}:{self.address[1]}>")
        if body:
            request.headers.add("Content-Type", body_type)
        whole = Request(method, request.uri, request.headers, body.encode())
        client = self.layer.request(whole, self._flow, time.monotonic())
        self._flush()
        return client

    def hang_up(self, one: Dialled) -> None:
        """BYE in a call, CANCEL before it."""
        one.hangs_up_at = None
        if one.dialog is not None:
            self.request(one, "BYE")
        elif one.invite is not None:
            invite = one.invite.request
            rows = [f"CANCEL {invite.uri} SIP/2.0"]
            rows += [f"{name}: {invite.headers.get(name)}" for name in ("Via", "From", "To", "Call-ID")]
            rows += ["Max-Forwards: 70", f"CSeq: {invite.cseq.number} CANCEL", "Content-Length: 0", "", ""]
            cancel = parse_message("\r\n".join(rows).encode())
            assert isinstance(cancel, Request)
            self.layer.request(cancel, self._flow, time.monotonic())
            self._flush()

    def hold_offer(self) -> str:
        return self._sdp("sendonly")

    def press(self, one: Dialled, key: str) -> None:
        """Send a key as RFC 4733 has it: 100 ms, its end three times."""
        assert one.media is not None
        event = "0123456789*#".index(key)
        self._timestamp += 1600
        for packet in range(1, 8):
            ends = 0x80 if packet > 5 else 0
            payload = struct.pack("!BBH", event, ends | 10, min(packet, 5) * 160)
            self._send_rtp(one, EVENT_PAYLOAD_TYPE | (0x80 if packet == 1 else 0), payload, self._timestamp)
        self._timestamp += 1600

    def speak(self, one: Dialled, alaw: bytes) -> None:
        """Send A-law in real time."""
        began = time.monotonic()
        for number, at in enumerate(range(0, len(alaw) - 159, 160)):
            self._timestamp += 160
            self._send_rtp(one, 8, alaw[at : at + 160], self._timestamp)
            self.pump(max(0.0, began + (number + 1) * FRAME_S - time.monotonic()))

    def leave_words(self, alaw: bytes) -> Dialled:
        """Call, press 1, skip the prompt, speak after the beep."""
        one = self.dial(talk_s=3600)
        assert self.pump_until(lambda: one.dialog is not None, 10)
        for key in "1#":
            self.pump(0.5)
            self.press(one, key)
        self.pump(1.0)
        self.speak(one, alaw)
        return one

    # -- time ---------------------------------------------------------------------------------------

    def pump(self, seconds: float) -> None:
        """Take what comes and do what is due for so long."""
        until = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            self.layer.handle_timer(now)
            self.layer.take_failed()
            for one in list(self.calls.values()):
                if one.hangs_up_at is not None and one.hangs_up_at <= now:
                    self.hang_up(one)
            self._flush()
            due = [one.hangs_up_at for one in self.calls.values()] + [self.layer.next_timer(), until]
            wait_s = max(0.0, min(at for at in due if at is not None) - now)
            self.sip.settimeout(max(wait_s, 0.0005))
            try:
                data, _ = self.sip.recvfrom(65536)
            except (TimeoutError, BlockingIOError):
                if time.monotonic() >= until:
                    return
                continue
            self._hear(data)

    def pump_until(self, is_so: object, within_s: float) -> bool:
        """Let time pass until something is so."""
        until = time.monotonic() + within_s
        while not is_so():  # type: ignore[operator]
            if time.monotonic() > until:
                return False
            self.pump(0.02)
        return True

    def heard(self) -> list[bytes]:
        """Take the RTP packets that came."""
        packets = []
        while True:
            try:
                packets.append(self.rtp.recv(4096))
            except BlockingIOError:
                return packets

    def _hear(self, data: bytes) -> None:
        now = time.monotonic()
        try:
            message = parse_message(data)
        except RemoteProtocolError as error:
            raise AssertionError(f"the product sent what is no SIP: {data!r}") from error
        if isinstance(message, Request):
            self._asked(message, now)
            return
        client = self.layer.receive_response(message, now)
        one = self.calls.get(message.call_id)
        if client is not None and one is not None:
            self._answered(one, client, message, now)
        self._flush()

    def _answered(self, one: Dialled, client: Client, response: Response, now: float) -> None:
        method = response.cseq.method
        if response.status < 200:
            one.provisional = response.status
            return
        if method == "INVITE" and client is one.invite:
            one.finals.append(response.status)
            if response.status >= 300:
                one.is_over = True
                return
            if one.dialog is None:
                one.dialog = Dialog.of_uac(client.request, response)
                audio = parse_sdp(response.body).media[0]
                one.media = (self.server[0], audio.port)
                one.hangs_up_at = now + one.talk_s
        else:
            one.statuses.setdefault(method, []).append(response.status)
            one.is_over = one.is_over or method == "BYE"
        if method == "INVITE" and response.status < 300 and one.acks:
            assert one.dialog is not None
            ack = one.dialog.make_request("ACK", self._via(), cseq=response.cseq.number)
            self.layer.send(self._flow, ack.to_bytes())

    def _asked(self, request: Request, now: float) -> None:
        note_source(request, *self.server)
        one = self.calls.get(request.call_id)
        server = self.layer.receive_request(request, self._flow, self._flow, "phone", now)
        if server is not None and one is not None and request.method == "BYE" and one.answers_bye:
            one.was_hung_up = one.is_over = True
            one.hangs_up_at = None
            self.layer.respond(server, response_to(request, 200), now)
        elif server is not None and one is None:
            self.layer.respond(server, response_to(request, 481), now)
        self._flush()

    def _send_rtp(self, one: Dialled, payload_type: int, payload: bytes, timestamp: int) -> None:
        assert one.media is not None
        head = struct.pack("!BBHII", 0x80, payload_type, next(self._sequence) & 0xFFFF, timestamp, 77)
        self.rtp.sendto(head + payload, one.media)

    def _flush(self) -> None:
        for outgoing in self.layer.take_outbox():
            self.sip.sendto(outgoing.data, self.server)

    def _sdp(self, direction: str = "sendrecv") -> str:
        ip, port = self.rtp.getsockname()
        return (
            f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n"
            f"a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
        )

    def _via(self) -> str:
        ip, port = self.address
        return f"SIP/2.0/UDP {ip}:{port};rport;branch=z9hG4bK{port}x{next(_numbers)}"
