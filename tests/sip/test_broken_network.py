"""A network that breaks messages: no header, however wrong, stops an endpoint or stays in its memory."""

from __future__ import annotations

import random

import pytest
from two_ends import Fault, Side, World, _play

from hotline.errors import RemoteProtocolError
from hotline.sip.flow import Flow
from hotline.sip.message import MalformedRequest, parse_message

BROKEN: list[bytes] = [
    *(
        b"",
        b"(",
        b",",
        b";;",
        b'"',
        b"<",
        b"<sip:",
        b"<>",
        b"sip:a@b, sip:c@d",
        b"99999999999",
        b"-1",
        b"tel:1",
    ),
    *(b"a" * 300, b"1 2 3", b"x;y=", b"*", b"0", b";tag=", b"SIP/2.0/UDP", b"timer,(", b"1 INVITE", b"0 ACK"),
    *(b"90;refresher=uas", b"90;refresher=x", b"active;expires=x", b'Digest realm="', b'Digest nonce=""'),
]
NAMES = [
    "Require",
    "Supported",
    "Session-Expires",
    "Min-SE",
    "Contact",
    "Allow",
    "RAck",
    "RSeq",
    "Refer-To",
    "Replaces",
    "Refer-Sub",
    "Retry-After",
    "Record-Route",
    "Route",
    "Via",
    "Allow-Events",
    "Accept",
    "Content-Type",
    "Content-Encoding",
    "Privacy",
    "Diversion",
    "History-Info",
    "Reason",
    "WWW-Authenticate",
    "Proxy-Authenticate",
    "Authorization",
    "Event",
    "Subscription-State",
    "Info-Package",
    "Max-Forwards",
]
STATUSES = [b"301", b"401", b"407", b"422", b"491", b"503", b"199", b"183", b"606"]


class BrokenWorld(World):
    """Two ends, and a network that rewrites every fourth message."""

    def __init__(self, seed: int) -> None:
        self.spite = random.Random(seed)
        super().__init__(seed)

    def _transmit(self, side: Side, data: bytes, flow: Flow) -> None:
        if flow.remote == side.other.address:  # a broken Contact leads elsewhere
            super()._transmit(side, data, flow)

    def _deliver(self, side: Side, data: bytes) -> None:
        if self.spite.random() < 0.25:
            data = self._broken(data)
        end = self.ends[side]
        try:
            message = parse_message(data)
        except MalformedRequest as error:
            end.ua.handle_malformed(error, end.flow, self.now)
        except RemoteProtocolError:
            pass
        else:
            end.ua.handle_message(message, end.flow, self.now)

    def _broken(self, data: bytes) -> bytes:
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        for _ in range(self.spite.choice([1, 1, 2])):
            value = self.spite.choice(BROKEN)
            if self.spite.random() < 0.5:
                index = self.spite.randrange(1, len(lines))
                lines[index] = lines[index].split(b":")[0] + b": " + value
            else:
                line = self.spite.choice(NAMES).encode() + b": " + value
                lines.insert(self.spite.randrange(1, len(lines) + 1), line)
        if self.spite.random() < 0.1:
            body = body[: self.spite.randrange(len(body) + 1)]
        if self.spite.random() < 0.05:
            lines[0] = lines[0].replace(b"200", self.spite.choice(STATUSES))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


@pytest.mark.parametrize("block", range(4))
def test_broken_messages_raise_nothing_and_leave_nothing(block: int) -> None:
    for seed in range(20 * block, 20 * block + 20):
        world = BrokenWorld(seed)
        try:
            _play(world)
        except Fault:  # the two ends need not agree, but they must come to an end
            for end in world.ends.values():
                for call_id in list(end.legs):
                    end.ua.hang_up(call_id, world.now)
            world.run_until(world.now + 4000.0)
        left = [(end.ua.calls, end.ua.transactions, end.ua.next_timer()) for end in world.ends.values()]
        assert left == [(0, 0, None)] * 2, seed
