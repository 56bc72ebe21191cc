"""How long does one keep-alive take? Run ``python benchmarks/keep_alive.py``.

Carriers send an OPTIONS every few seconds; a proxy in front sends many. The claim: reading it, the gate and
writing the 200 take at most 100 us of CPU in the pure part, and nothing is remembered of it. Sockets come on
top; see ``load_probes.py`` for the whole product.

Measured in CPU time, best of many rounds, and as a ratio to hashing 1 MB, which is what can be compared
between machines.
"""

from __future__ import annotations

import hashlib
import itertools
import sys
import time

from hotline.events.ids import CallId
from hotline.sip.config import UserAgentConfig
from hotline.sip.flow import Flow
from hotline.sip.message import Response, parse_message
from hotline.sip.user_agent import UserAgent

LIMIT_US = 100
ROUNDS = 15
PROBES = 1000
FLOW = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.7", 5060), 1)


def a_probe(number: int) -> bytes:
    """Write the OPTIONS of a carrier."""
    return (
        f"OPTIONS sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-{number};rport\r\n"
        f"From: <sip:probe@192.0.2.7>;tag={number}\r\nTo: <sip:192.0.2.1>\r\nCall-ID: {number}@192.0.2.7\r\n"
        "CSeq: 1 OPTIONS\r\nContact: <sip:192.0.2.7:5060>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def main() -> int:
    """Measure, compare, and say whether the claim holds."""
    megabyte = bytes(1 << 20)
    start = time.process_time_ns()
    for _ in range(20):
        hashlib.sha256(megabyte)
    yardstick_us = (time.process_time_ns() - start) / 20_000
    tokens, numbers = itertools.count(1), itertools.count(1)
    agent = UserAgent(UserAgentConfig(("96156",)), lambda: CallId("none"), lambda: f"{next(tokens):024x}")
    best = float("inf")
    for _ in range(ROUNDS):
        probes = [a_probe(next(numbers)) for _ in range(PROBES)]
        start = time.process_time_ns()
        for data in probes:
            message = parse_message(data)
            assert not isinstance(message, Response)
            agent.handle_message(message, FLOW, 1000.0)
            [answer] = agent.take_outbox()
            agent.next_timer()
        best = min(best, (time.process_time_ns() - start) / PROBES / 1000)
        assert answer.data.startswith(b"SIP/2.0 200"), answer
    print(f"one keep-alive: {best:.0f} us, limit {LIMIT_US}; {agent.transactions} remembered")
    print(f"that is {best / yardstick_us:.2f} times the hashing of a megabyte ({yardstick_us:.0f} us)")
    return 0 if best <= LIMIT_US and agent.transactions == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
