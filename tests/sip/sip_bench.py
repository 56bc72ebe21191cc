"""A user agent on a bench: messages in as bytes, messages out parsed, a clock moved by hand."""

from __future__ import annotations

import itertools

from hotline.errors import LocalProtocolError
from hotline.events.ids import CallId
from hotline.sip.config import UserAgentConfig
from hotline.sip.events import CallArrived, SipEvent
from hotline.sip.flow import Flow, Outgoing
from hotline.sip.message import MalformedRequest, Request, Response, parse_message, response_to
from hotline.sip.user_agent import UserAgent

NUMBERS = ("96156", "01096156", "+861096156")
US = ("192.0.2.1", 5060)
CALLER = ("192.0.2.7", 5060)
UDP = Flow("udp", US, CALLER, 1)
TCP = Flow("tcp", US, ("192.0.2.7", 41234), 2)

OFFER = """v=0
o=- 1 1 IN IP4 192.0.2.7
s=-
c=IN IP4 192.0.2.7
t=0 0
m=audio 40000 RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
"""


def crlf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


def a_request(
    method: str = "OPTIONS",
    *,
    uri: str = "sip:96156@192.0.2.1",
    branch: str | None = "z9hG4bKcaller1",
    call_id: str = "call-1@192.0.2.7",
    cseq: int = 1,
    from_tag: str | None = "caller",
    to_tag: str | None = None,
    via: str = "SIP/2.0/UDP 192.0.2.7:5060",
    via_params: str = "",
    contact: str | None = "<sip:1001@192.0.2.7:5060>",
    body: str = "",
    body_type: str = "application/sdp",
    headers: str = "",
) -> bytes:
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: {via}{via_params}{f';branch={branch}' if branch is not None else ''}",
        "Max-Forwards: 70",
        f"From: <sip:65241234@192.0.2.7>{f';tag={from_tag}' if from_tag else ''}",
        f"To: <sip:96156@192.0.2.1>{f';tag={to_tag}' if to_tag else ''}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
    ]
    if contact is not None:
        lines.append(f"Contact: {contact}")
    lines += [line for line in crlf(headers).split("\r\n") if line]
    octets = crlf(body).encode()
    if octets:
        lines.append(f"Content-Type: {body_type}")
    lines.append(f"Content-Length: {len(octets)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + octets


def an_invite(**given: object) -> bytes:
    return a_request("INVITE", **{"body": OFFER, **given})  # type: ignore[arg-type]


class Bench:
    """A user agent, its clock, and what it said."""

    def __init__(self, flow: Flow = UDP, **config: object) -> None:
        calls, tokens = itertools.count(1), itertools.count(1)
        self.now = 1000.0
        self.flow = flow
        self.ua = UserAgent(
            UserAgentConfig(NUMBERS, **config),  # type: ignore[arg-type]
            lambda: CallId(f"call-{next(calls)}"),
            lambda: f"token{next(tokens):011x}",
        )
        self.outgoing: list[Outgoing] = []
        self.last: Request | Response | None = None
        self._told: list[SipEvent] = []

    def hear(self, data: bytes, flow: Flow | None = None) -> list[Request | Response]:
        """Hand one datagram in; give what is sent at once."""
        try:
            self.ua.handle_message(parse_message(data), flow or self.flow, self.now)
        except MalformedRequest as error:
            self.ua.handle_malformed(error, flow or self.flow, self.now)
        return self.said()

    def said(self) -> list[Request | Response]:
        """Give what was sent since last asked; the turn is over, and what was told waits for ``events``."""
        self._told += self.ua.take_events()
        self.outgoing = self.ua.take_outbox()
        if self.outgoing:
            self.last = parse_message(self.outgoing[-1].data)
        return [parse_message(outgoing.data) for outgoing in self.outgoing]

    def statuses(self, data: bytes, flow: Flow | None = None) -> list[int | str]:
        return names(self.hear(data, flow))

    def events(self) -> list[SipEvent]:
        told, self._told = self._told, []
        return told + self.ua.take_events()

    def wait(self, seconds: float) -> list[tuple[float, int | str]]:
        """Let time pass; give what is sent, with the seconds since the start of the wait."""
        start, sent = self.now, []
        while (due := self.ua.next_timer()) is not None and due <= start + seconds:
            self.now = max(self.now, due)
            self.ua.handle_timer(self.now)
            sent += [(round(self.now - start, 6), name) for name in names(self.said())]
        self.now = start + seconds
        return sent

    def run_out(self) -> None:
        """Let every timer run out; fail when that never ends."""
        for _ in range(10_000):
            due = self.ua.next_timer()
            if due is None:
                return
            self.now = max(self.now, due)
            self.ua.handle_timer(self.now)
            self.ua.take_outbox()
        raise AssertionError("a timer is left behind for ever")

    # -- single moves -----------------------------------------------------------------------------

    def ua_hear(self, data: bytes) -> None:
        """Hand one well-formed datagram in; what is sent waits."""
        self.ua.handle_message(parse_message(data), self.flow, self.now)

    def decide(self, move: str, call_id: CallId) -> None:
        """Accept or refuse a call, where that is allowed."""
        try:
            if move == "accept":
                self.ua.accept(call_id, "", 16000, self.now)
            else:
                self.ua.refuse(call_id, 486, self.now)
        except LocalProtocolError:
            return

    def answer(self, request: Request, status: int) -> None:
        """Answer a request of ours."""
        self.ua_hear(response_to(request, status).to_bytes())

    # -- whole moves ------------------------------------------------------------------------------

    def offer(self, **given: object) -> CallId:
        """Bring a call in; give its id."""
        self.hear(an_invite(**given))
        [arrived] = self.events()
        assert isinstance(arrived, CallArrived)
        return arrived.call_id

    def answered(self, **given: object) -> tuple[CallId, str]:
        """Bring a call in and accept it; give its id and our tag. The ACK is still to come."""
        call_id = self.offer(**given)
        self.ua.accept(call_id, "192.0.2.1", 16000, self.now)
        [ok] = self.said()
        assert isinstance(ok, Response)
        assert ok.status == 200
        return call_id, ok.to_tag or ""

    def talking(self, **given: object) -> tuple[CallId, str]:
        """Bring a call to where it stands; give its id and our tag."""
        call_id, tag = self.answered(**given)
        self.hear(a_request("ACK", to_tag=tag, branch="z9hG4bKack1"))
        self.events()
        return call_id, tag


def names(messages: list[Request | Response]) -> list[int | str]:
    return [message.status if isinstance(message, Response) else message.method for message in messages]
