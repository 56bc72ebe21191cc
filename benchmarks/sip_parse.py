"""How long does one INVITE take? Run ``python benchmarks/sip_parse.py``.

The claims: a trunk's INVITE at most 150 us, and the worst that 8 KiB of malice can do at most 50 ms.

Measured in CPU time, best of many rounds, and as a ratio to ``json.loads`` of a document of the same
size and content, which is what can be compared between machines.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hotline.errors import RemoteProtocolError
from hotline.sip.headers import parse_name_addrs, parse_session_expires
from hotline.sip.message import Request, parse_message, response_to
from hotline.sip.numbers import called_number, caller_identity
from hotline.sip.offer import choose_answer
from hotline.sip.sdp import parse_sdp

LIMIT_US = 150
HOSTILE_LIMIT_MS = 50
HOSTILE_BYTES = 7500
# What makes patterns back-track, put in every header behind every beginning that lets it in.
HOSTILE_UNITS = (
    *(
        " ",
        '"',
        ",",
        ";a",
        "<",
        "\\",
        '"\\',
        '"a" ',
        "a ",
        ';a="',
        "%41",
        "a,",
        ";a=b",
        "[:",
        "/",
        "=",
        "@",
        " ,",
    ),
    *("<sip:a@b.example>,", "SIP/2.0/UDP a.example,", "\r\n "),
)
HOSTILE_STARTS = ("", '"', "<sip:a@b.example>", "<sip:", "sip:", "SIP/2.0/UDP a", "a/b")
HOSTILE_HEADERS = ("Via", "From", "To", "Contact", "Call-ID", "CSeq", "Route", "Accept", "Supported", "X-Own")
ROUNDS = 30
CALLS = 200
TRUNK_INVITES = Path(__file__).parent.parent / "tests" / "sip" / "trunk_invites"


def best_us(work: Callable[[], object]) -> float:
    """Give the CPU time of one call, in the best of ROUNDS rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time_ns()
        for _ in range(CALLS):
            work()
        best = min(best, (time.process_time_ns() - start) / CALLS / 1000)
    return best


def read_all_headers(data: bytes) -> Request:
    """Parse an INVITE and every header that the product reads of it."""
    message = parse_message(data)
    assert isinstance(message, Request)
    headers = message.headers
    _ = message.vias, message.from_tag, message.to_tag, message.call_id, message.cseq, message.contacts
    _ = message.routes, message.record_routes, message.max_forwards, message.content_type
    _ = message.require, message.supported
    parse_name_addrs(headers.get_all("P-Asserted-Identity"), "P-Asserted-Identity")
    expires = headers.get("Session-Expires")
    if expires is not None:
        parse_session_expires(expires)
    return message


def take_call(data: bytes) -> bytes:
    """Do all that one INVITE asks of the pure part: parse, find the number and the caller, answer."""
    message = read_all_headers(data)
    called_number(message.uri, ["96156"], "10")
    caller_identity(message, "10", trusted=True)
    plan = choose_answer(
        parse_sdp(message.body), local_ip="192.0.2.1", local_port=4000, session_id=1, session_version=1
    )
    assert plan is not None
    response = response_to(message, 200, to_tag="1")
    response.body = plan.body
    return response.to_bytes()


def as_json(data: bytes) -> str:
    """Write the same message as a JSON document."""
    message = read_all_headers(data)
    return json.dumps(
        {"uri": str(message.uri), "headers": message.headers.items(), "body": message.body.decode()}
    )


def worst_hostile_ms() -> tuple[float, str]:
    """Give the CPU time of the hostile message that takes longest, and what it is made of."""
    fields = {
        "Via": "SIP/2.0/UDP a.example;branch=z9hG4bK1",
        "From": "<sip:a@b.example>;tag=1",
        "To": "<sip:a@b.example>",
        "Call-ID": "1",
        "CSeq": "1 INVITE",
    }
    worst, name = 0.0, ""
    for header, start, unit in itertools.product(HOSTILE_HEADERS, HOSTILE_STARTS, HOSTILE_UNITS):
        hostile = fields | {header: start + unit * (HOSTILE_BYTES // len(unit))}
        lines = ["INVITE sip:a@b.example SIP/2.0", *(f"{key}: {value}" for key, value in hostile.items())]
        data = "\r\n".join([*lines, "", ""]).encode()
        begin = time.process_time_ns()
        with contextlib.suppress(RemoteProtocolError):
            parse_message(data)
        took_ms = (time.process_time_ns() - begin) / 1e6
        if took_ms > worst:
            worst, name = took_ms, f"{header}: {start}{unit}..."
    return worst, name


def main() -> int:
    """Print the table; fail when the claim does not hold."""
    worst = 0.0
    print(f"{'INVITE':36} {'octets':>6} {'parse us':>9} {'x json':>7} {'+answer us':>11} {'write us':>9}")
    for path in sorted(TRUNK_INVITES.glob("*.sip")):
        data = path.read_bytes()
        document = as_json(data)
        message = parse_message(data)
        parse_us = best_us(lambda data=data: read_all_headers(data))  # type: ignore[misc]
        json_us = best_us(lambda document=document: json.loads(document))  # type: ignore[misc]
        call_us = best_us(lambda data=data: take_call(data))  # type: ignore[misc]
        write_us = best_us(message.to_bytes)
        worst = max(worst, parse_us)
        ratio = parse_us / json_us
        print(f"{path.stem:36} {len(data):6} {parse_us:9.1f} {ratio:7.1f} {call_us:11.1f} {write_us:9.1f}")
    print(f"slowest parse {worst:.1f} us, claim {LIMIT_US} us")
    hostile_ms, hostile = worst_hostile_ms()
    print(f"worst hostile message {hostile_ms:.1f} ms ({hostile!r}), claim {HOSTILE_LIMIT_MS} ms")
    return 0 if worst <= LIMIT_US and hostile_ms <= HOSTILE_LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
