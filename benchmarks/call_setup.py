"""How much does a call cost the SIP side? Run ``python benchmarks/call_setup.py``.

A call is INVITE -> 200 -> ACK -> BYE -> 200: three messages in, two out, one call record's
worth of events. The claim: at most 2 ms of CPU time a call in the user agent, in memory, and what
a call costs does not grow with the transactions that are still remembered (32 s of them).

Then the same over UDP on loopback through the edge, in a process of its own, as calls a second that
one core carries. CPU time, best of several rounds; the ratio to ``json.loads`` of an INVITE as JSON
is what can be compared between machines.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import socket
import sys
import time
from multiprocessing.connection import Connection

from hotline.events.ids import CallId
from hotline.sip.config import UserAgentConfig
from hotline.sip.events import CallArrived, SipEvent
from hotline.sip.flow import Flow
from hotline.sip.message import parse_message
from hotline.sip.user_agent import UserAgent

LIMIT_US = 2000
GROWTH_LIMIT = 1.5
ROUNDS = 7
CALLS = 300
REMEMBERED_CALLS = 10_000
LOOPBACK_CALLS = 2000
WINDOW = 20
"""Calls at a time over loopback."""
FLOW = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.7", 5060), 1)
SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=ptime:20\r\n"
)


def a_message(method: str, number: int, via: str, to_tag: str = "", body: str = "") -> bytes:
    branch, cseq = (
        (f"i{number}", 1) if method == "INVITE" else (f"{method[0]}{number}", 1 + (method == "BYE"))
    )
    lines = [
        f"{method} sip:96156@192.0.2.1 SIP/2.0",
        f"Via: SIP/2.0/UDP {via};branch=z9hG4bK{branch};rport",
        "Max-Forwards: 70",
        f"From: <sip:+8613910000000@192.0.2.7;user=phone>;tag=c{number}",
        f"To: <sip:96156@192.0.2.1>{f';tag={to_tag}' if to_tag else ''}",
        f"Call-ID: {number}@192.0.2.7",
        f"CSeq: {cseq} {method}",
        f"Contact: <sip:{via}>",
        "P-Asserted-Identity: <sip:+8613910000000@192.0.2.7>",
        "Supported: timer, 100rel",
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def an_agent() -> UserAgent:
    calls, tokens = itertools.count(1), itertools.count(1)
    config = UserAgentConfig(("96156",), max_calls=100_000, max_transactions=1_000_000)
    return UserAgent(config, lambda: CallId(f"c{next(calls)}"), lambda: f"{next(tokens):016x}")


def a_call(agent: UserAgent, number: int, now: float) -> None:
    """Carry one call from INVITE to the end of BYE, parsing and writing included."""
    agent.handle_message(parse_message(a_message("INVITE", number, "192.0.2.7:5060", body=SDP)), FLOW, now)
    [arrived] = agent.take_events()
    agent.accept(arrived.call_id, "192.0.2.1", 16000, now)
    tag = (
        agent.take_outbox()[-1]
        .data.partition(b"\r\nTo: ")[2]
        .partition(b"tag=")[2]
        .partition(b"\r\n")[0]
        .decode()
    )
    for method in ("ACK", "BYE"):
        agent.handle_message(parse_message(a_message(method, number, "192.0.2.7:5060", tag)), FLOW, now)
    assert len(agent.take_events()) == 2
    assert len(agent.take_outbox()) == 1
    agent.next_timer()


def best_call_us(agent: UserAgent, numbers: itertools.count[int], now: float) -> float:
    """Give the CPU time of one call, in the best of ROUNDS rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time_ns()
        for _ in range(CALLS):
            a_call(agent, next(numbers), now)
        best = min(best, (time.process_time_ns() - start) / CALLS / 1000)
    return best


def json_us() -> float:
    """Give the CPU time of reading an INVITE's worth of JSON."""
    message = parse_message(a_message("INVITE", 1, "192.0.2.7:5060", body=SDP))
    document = json.dumps({"headers": message.headers.items(), "body": SDP})
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time_ns()
        for _ in range(CALLS):
            json.loads(document)
        best = min(best, (time.process_time_ns() - start) / CALLS / 1000)
    return best


def serve(pipe: Connection) -> None:
    """Answer calls in this process until told to stop; then tell the CPU time used since the start."""
    import structlog

    from hotline.wire.reactor import install_reactor

    reactor = install_reactor()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    from hotline.sip.front_door import FrontDoor
    from hotline.sip.rate import SourceRates
    from hotline.wire.sip_edge import SipEdge, both_at

    def on_event(event: SipEvent) -> None:
        if isinstance(event, CallArrived):
            edge.act(lambda ua, now: ua.accept(event.call_id, "", 16000, now))

    door = FrontDoor(lambda _ip, _now: True, tuple, known=SourceRates(1e9, 1e9))
    edge = SipEdge(reactor, an_agent(), both_at("127.0.0.1", 0), on_event, front_door=door)
    edge.start()
    start = time.process_time()
    pipe.send(edge.port)

    def watch() -> None:
        if pipe.poll():
            pipe.send((time.process_time() - start, edge.counts.faults))
            reactor.stop()
        else:
            reactor.callLater(0.05, watch)

    watch()
    reactor.run()


def over_loopback() -> tuple[float, float]:
    """Call over UDP, WINDOW calls at a time.

    :returns: calls a second, and the server's CPU time a call in microseconds.
    """
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    server.start()
    port = ours.recv()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.bind(("127.0.0.1", 0))
        caller.connect(("127.0.0.1", port))
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        caller.settimeout(0.5)  # T1: what the kernel dropped is sent again, as a telephone does
        via = f"127.0.0.1:{caller.getsockname()[1]}"
        numbers, done, start = iter(range(LOOPBACK_CALLS)), set[int](), time.perf_counter()
        waiting: dict[int, bytes] = {}

        def send(number: int, method: str, tag: str = "") -> None:
            waiting[number] = a_message(method, number, via, tag, SDP if method == "INVITE" else "")
            caller.send(waiting[number])

        for number in itertools.islice(numbers, WINDOW):
            send(number, "INVITE")
        while len(done) < LOOPBACK_CALLS:
            try:
                data = caller.recv(4096)
            except TimeoutError:
                for message in waiting.values():
                    caller.send(message)
                continue
            if not data.startswith(b"SIP/2.0 200"):
                continue
            call = int(data.partition(b"\r\nCall-ID: ")[2].partition(b"@")[0])
            tag = data.partition(b"\r\nTo: ")[2].partition(b"tag=")[2].partition(b"\r\n")[0].decode()
            if b" INVITE\r\n" in data:
                caller.send(a_message("ACK", call, via, tag))
                if call not in done:
                    send(call, "BYE", tag)
                continue
            if call in done:
                continue
            done.add(call)
            del waiting[call]
            following = next(numbers, None)
            if following is not None:
                send(following, "INVITE")
        took_s = time.perf_counter() - start
    ours.send(None)
    cpu_s, faults = ours.recv()
    server.join(10)
    assert faults == 0
    return LOOPBACK_CALLS / took_s, cpu_s / LOOPBACK_CALLS * 1e6


def main() -> int:
    """Print the figures; fail when the claim does not hold."""
    agent, numbers, now = an_agent(), itertools.count(1), 1000.0
    fresh_us = best_call_us(agent, numbers, now)
    while agent.transactions < 2 * REMEMBERED_CALLS:
        a_call(agent, next(numbers), now)
    full_us = best_call_us(agent, numbers, now)
    unit_us = json_us()
    print(
        f"in memory            {fresh_us:8.0f} us CPU a call, "
        f"{fresh_us / unit_us:6.0f} x json.loads of one INVITE"
    )
    print(f"with {agent.transactions:6} remembered {full_us:8.0f} us CPU a call, {full_us / fresh_us:6.2f} x")
    start = time.process_time()
    agent.handle_timer(now + 100)
    assert agent.transactions == 0
    print(f"forgetting them all  {(time.process_time() - start) * 1000:8.0f} ms CPU")
    rate, cpu_us = over_loopback()
    print(f"UDP over loopback    {cpu_us:8.0f} us CPU a call, {rate:6.0f} calls/s with {WINDOW} at a time")
    print(f"claims: {LIMIT_US} us, {GROWTH_LIMIT} x")
    return 0 if fresh_us <= LIMIT_US and full_us <= GROWTH_LIMIT * fresh_us else 1


if __name__ == "__main__":
    sys.exit(main())
