"""A call of ours and a peer that says anything in any order: nothing breaks, and nothing is left behind."""

from __future__ import annotations

import itertools
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from sip_bench import OFFER, crlf
from two_agents import ALICE, a_target, an_agent, an_order

from hotline.events.ids import CallId
from hotline.sip.admission import OriginKind
from hotline.sip.dialling import ClientSecret
from hotline.sip.events import CallAnswered, CallEnded, SipEvent
from hotline.sip.flow import Flow
from hotline.sip.message import Request, Response, parse_message, response_to

OURS = CallId("out-1")
PEER = Flow("udp", ALICE, ("192.0.2.11", 5060), 1)
MOVES = st.sampled_from(
    [
        "respond", "respond", "respond", "respond", "hang up", "reoffer", "hold", "talk", "report", "bye",
        "re-invite", "update", "refer", "ack", "lose flow", "drain",
    ]
)  # fmt: skip
STATUSES = st.sampled_from(
    [100, 180, 183, 200, 200, 200, 302, 401, 408, 422, 481, 486, 487, 491, 500, 503, 603]
)
PAUSES = st.sampled_from([0.0, 0.0, 0.1, 0.6, 2.5, 5.0, 33.0, 70.0])


class Peer:
    """Answers our requests and sends its own, rightly or not."""

    def __init__(self) -> None:
        self.ua = an_agent("a")
        self.now = 0.0
        self.requests: list[Request] = []
        self.sent: list[Request | Response] = []
        self.events: list[SipEvent] = []
        self._numbers = itertools.count(1)

    def collect(self) -> None:
        said = [parse_message(outgoing.data) for outgoing in self.ua.take_outbox()]
        self.sent += said
        self.requests += [message for message in said if isinstance(message, Request)]
        self.events += self.ua.take_events()

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.ua.next_timer()) is not None and due <= end:
            assert due < 50_000, "a timer is left behind"
            self.now = max(self.now, due)
            self.ua.handle_timer(self.now)
            self.collect()
        self.now = end

    def respond(self, request: Request, status: int, tag: str, has_sdp: bool, reliable: int) -> None:
        response = response_to(request, status, to_tag=tag)
        response.headers.add("Contact", "<sip:96156@192.0.2.11>")
        response.headers.add("Allow-Events", "talk")
        if 100 < status < 200 and reliable:
            response.headers.add("Require", "100rel")
            response.headers.add("RSeq", str(reliable))
        for name, value in (
            ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"'),
            ("Min-SE", "600"),
            ("Session-Expires", "90;refresher=uac"),
        ):
            response.headers.add(name, value)
        if has_sdp:
            response.headers.add("Content-Type", "application/sdp")
            response.body = crlf(OFFER).encode()
        self.hear(response)

    def ask(self, method: str, tag: str) -> None:
        invite = next(request for request in self.requests if request.method == "INVITE")
        number = next(self._numbers)
        body = crlf(OFFER) if method in {"INVITE", "UPDATE", "ACK"} else ""
        refer = "Refer-To: <sip:1002@192.0.2.1>\r\n" if method == "REFER" else ""
        text = (
            f"{method} sip:1001@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKp{number}\r\n"
            f"From: <sip:96156@192.0.2.2>;tag={tag}\r\nTo: {invite.headers.get('From')}\r\n{refer}"
            f"Contact: <sip:96156@192.0.2.11>\r\nContent-Type: application/sdp\r\nMax-Forwards: 70\r\n"
            f"Call-ID: {invite.call_id}\r\nCSeq: {number} {method}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self.hear(parse_message(text.encode()))

    def hear(self, message: Request | Response) -> None:
        self.ua.handle_message(parse_message(message.to_bytes()), PEER, self.now)
        self.collect()


@settings(max_examples=200, deadline=None)
@given(
    moves=st.lists(
        st.tuples(
            MOVES,
            STATUSES,
            st.sampled_from("xyz"),
            st.booleans(),
            st.integers(0, 3),
            PAUSES,
            st.integers(0, 99),
        ),
        max_size=25,
    ),
    branches=st.integers(1, 2),
)
def test_a_call_of_ours_survives_any_peer(
    moves: list[tuple[str, int, str, bool, int, float, int]], branches: int
) -> None:
    peer = Peer()
    ua = peer.ua
    order = an_order(
        branches=tuple((a_target(PEER.remote), a_target(PEER.remote)) for _ in range(branches)),
        secret=ClientSecret("u", "p"),
        ring_s=60.0,
    )
    ua.dial(order, 0.0)
    peer.collect()
    for move, status, tag, has_sdp, reliable, pause, which in moves:
        match move:
            case "respond":
                request = peer.requests[which % len(peer.requests)]
                if request.method != "ACK":
                    peer.respond(request, status, request.to_tag or tag, has_sdp, reliable)
            case "hang up":
                ua.hang_up(OURS, peer.now, "SIP;cause=200")
            case "reoffer" | "hold":
                ua.reoffer(OURS, peer.now, receives=move == "reoffer")
            case "talk":
                ua.notify_talk(OURS, peer.now)
            case "report":
                ua.transfer_progress(OURS, status, peer.now)
            case "lose flow":
                ua.lose_flow(PEER, peer.now)
            case "drain":
                ua.draining = not ua.draining
            case _:
                peer.ask(move.replace("-", "").replace("reinvite", "INVITE").upper(), tag)
        peer.collect()
        peer.wait(pause)
    ua.hang_up(OURS, peer.now)
    peer.collect()
    peer.wait(40_000.0)
    kinds = Counter(type(event) for event in peer.events)
    assert kinds[CallEnded] == 1
    assert kinds[CallAnswered] <= 1
    assert isinstance(peer.events[-1], CallEnded)
    assert (ua.calls, ua.transactions, ua.legs, ua.next_timer()) == (0, 0, (), None)
    assert ua.calls_of("", OriginKind.OPEN) == 0
