"""What does keeping a call's signalling cost? Run ``python benchmarks/kept_signalling.py``.

A short call is six messages (INVITE, 100, 200, ACK, BYE, 200). The claim: handing them over, taking
secrets out and writing them to disk with their index costs at most 65 µs of CPU time a call, 5 % of the
1.3 ms that a whole call may cost. CPU time of tap and writing thread together, best of several rounds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from hotline.events.ids import CallId
from hotline.sip.flow import Flow
from hotline.wire.signalling import Signalling
from hotline.wire.signalling_files import KeptFiles, find_blocking
from hotline.wire.sip_edge import Passed

LIMIT_US = 65
FIND_LIMIT_S = 0.5
ROUNDS = 7
CALLS = 1000
FLOW = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.7", 5060), 1)
SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=ptime:20\r\n"
)


def a_call(number: int) -> list[tuple[bool, bytes]]:
    """Write the six messages of a call: sent or not, octets."""

    def message(start: str, cseq: str, body: str = "") -> bytes:
        return (
            f"{start}\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK{number}{cseq[0]};rport\r\n"
            "Max-Forwards: 70\r\nFrom: <sip:+8613910000000@192.0.2.7;user=phone>;tag=c1\r\n"
            f"To: <sip:96156@192.0.2.1>;tag=s1\r\nCall-ID: {number}@192.0.2.7\r\nCSeq: {cseq}\r\n"
            "Contact: <sip:192.0.2.7:5060>\r\nP-Asserted-Identity: <sip:+8613910000000@192.0.2.7>\r\n"
            f"Supported: timer, 100rel\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    return [
        (False, message("INVITE sip:96156@192.0.2.1 SIP/2.0", "1 INVITE", SDP)),
        (True, message("SIP/2.0 100 Trying", "1 INVITE")),
        (True, message("SIP/2.0 200 OK", "1 INVITE", SDP)),
        (False, message("ACK sip:96156@192.0.2.1 SIP/2.0", "1 ACK")),
        (False, message("BYE sip:96156@192.0.2.1 SIP/2.0", "2 BYE")),
        (True, message("SIP/2.0 200 OK", "2 BYE")),
    ]


def one_round(folder: Path) -> float:
    """Keep the messages of all calls; returns seconds of CPU time."""
    kept = KeptFiles(folder, 7, 512 << 20)
    signalling = Signalling(kept, None, seconds=time.monotonic, wall=lambda: datetime.now(UTC))  # noqa: TID251
    calls = [(CallId(f"20261123-0312-{number:012x}"), a_call(number)) for number in range(CALLS)]
    signalling.start()
    began = time.process_time()
    for call_id, messages in calls:
        for is_sent, data in messages:
            signalling.tap(Passed(time.monotonic(), is_sent, FLOW, data, call_id if is_sent else None))
    signalling.stop_blocking()
    spent = time.process_time() - began
    assert signalling.counts.kept == 6 * CALLS, signalling.counts
    return spent


def main() -> int:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        best_us = min(one_round(folder) for _ in range(ROUNDS)) / CALLS * 1e6
        began = time.perf_counter()
        found = find_blocking(folder, {f"20261123-0312-{7:012x}"})
        find_s = time.perf_counter() - began
        assert len(found) == 6 * ROUNDS
        size = sum(path.stat().st_size for path in folder.iterdir()) / (ROUNDS * CALLS)
    print(f"{best_us:.1f} µs of CPU a call (limit {LIMIT_US}); {size:.0f} octets a call on disk")
    print(f"a call found among {ROUNDS * CALLS} in {find_s * 1000:.1f} ms (limit {FIND_LIMIT_S * 1000:.0f})")
    return 0 if best_us <= LIMIT_US and find_s <= FIND_LIMIT_S else 1


if __name__ == "__main__":
    sys.exit(main())
