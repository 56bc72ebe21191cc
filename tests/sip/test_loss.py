"""Two endpoints over a network that loses, repeats, delays and reorders; and any order of anything."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_bench import CALLER, OFFER, TCP, UDP, US, Bench, a_request, an_invite
from sip_phone import Phone

from hotline.events.ids import CallId
from hotline.sip.events import CallArrived, CallConfirmed, CallEnded, SipEvent
from hotline.sip.flow import Flow
from hotline.sip.message import Request, parse_message

LOSS, REPEAT = 0.2, 0.1
LONGEST_DELAY_S = 0.3  # longer than the way back: answers overtake each other
HOUR_S = 3600.0
TIMED = "Supported: timer\nAllow: UPDATE\nSession-Expires: 90"
WAYS = ("caller leaves", "we leave", "caller gives up", "we refuse")


class World:
    """A bad network, a hotline and a caller, in simulated time."""

    def __init__(self, seed: int, loss: float = LOSS, repeat: float = REPEAT) -> None:
        self.chance, self.loss, self.repeat = random.Random(seed), loss, repeat
        self.bench = Bench()
        self.phone = Phone(Flow("udp", CALLER, US, 9), f"c{seed}")
        self.now = 0.0
        self.events: list[SipEvent] = []
        self.on_event: Callable[[SipEvent], None] = lambda _: None
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()

    def later(self, delay: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.now + delay, next(self._count), call))

    def run(self) -> None:
        while True:
            self._carry()
            times = [
                self.bench.ua.next_timer(),
                self.phone.next_timer(),
                self._queue[0][0] if self._queue else None,
            ]
            due = min((time for time in times if time is not None), default=None)
            if due is None:
                return
            assert due < HOUR_S, "a timer is left behind"
            self.now = max(self.now, due)
            if self._queue and self._queue[0][0] <= self.now:
                heapq.heappop(self._queue)[2]()
            self.bench.ua.handle_timer(self.now)
            self.phone.handle_timer(self.now)

    def _carry(self) -> None:
        for event in self.bench.ua.take_events():
            self.events.append(event)
            self.on_event(event)
        for outgoing in self.bench.ua.take_outbox():
            self._transmit(outgoing.data, lambda data: self.phone.hear(data, self.now))
        for outgoing in self.phone.take_outbox():
            self._transmit(outgoing.data, self._to_us)

    def _to_us(self, data: bytes) -> None:
        self.bench.now = self.now
        events = self.bench.ua.take_events()
        assert events == []
        outbox = self.bench.ua.take_outbox()
        assert outbox == []
        self.bench.ua.handle_message(parse_message(data), self.bench.flow, self.now)

    def _transmit(self, data: bytes, deliver: Callable[[bytes], None]) -> None:
        copies = 0 if self.chance.random() < self.loss else 1 + (self.chance.random() < self.repeat)
        for _ in range(copies):
            self.later(self.chance.uniform(0.005, LONGEST_DELAY_S), lambda: deliver(data))


def a_call(seed: int, way: str, **network: float) -> World:
    world = World(seed, **network)
    ua, phone, chance = world.bench.ua, world.phone, world.chance

    def on_event(event: SipEvent) -> None:
        match event:
            case CallArrived(call_id=call_id) if way == "we refuse":
                world.later(chance.uniform(0, 1), lambda: ua.refuse(call_id, 503, world.now))
            case CallArrived(call_id=call_id):
                world.later(chance.uniform(0, 3), lambda: ua.accept(call_id, "", 16000, world.now))
            case CallConfirmed(call_id=call_id) if way == "we leave":
                world.later(chance.uniform(0, 5), lambda: ua.hang_up(call_id, world.now))
            case CallConfirmed() if way == "caller leaves":
                world.later(chance.uniform(0, 5), lambda: phone.hang_up(world.now))

    world.on_event = on_event
    phone.dial(world.now)
    if way == "caller gives up":
        world.later(chance.uniform(0, 3), lambda: phone.hang_up(world.now))
    world.run()
    return world


@pytest.mark.parametrize("block", range(10))
def test_every_call_over_a_bad_network_comes_once_and_ends_on_both_sides(block: int) -> None:
    for seed in range(block * 30, block * 30 + 30):
        world = a_call(seed, WAYS[seed % len(WAYS)])
        kinds = Counter(type(event) for event in world.events)
        assert kinds[CallArrived] == 1, seed
        assert kinds[CallEnded] == 1, seed
        assert isinstance(world.events[-1], CallEnded)
        assert world.phone.is_over, seed
        assert world.phone.final, seed
        assert (world.bench.ua.calls, world.bench.ua.transactions, len(world.phone.layer)) == (0, 0, 0), seed


def test_the_way_a_call_ends_is_told_rightly() -> None:
    causes = {way: {a_call(seed, way).events[-1].cause for seed in range(12)} for way in WAYS}  # type: ignore[union-attr]
    assert causes["caller leaves"] == {"bye"}
    assert causes["we leave"] == {"hung_up"}
    assert causes["we refuse"] == {"refused"}
    assert causes["caller gives up"] == {"cancel", "bye"}


def test_a_dead_network_leaves_nothing_behind() -> None:
    world = a_call(1, "caller leaves", loss=1.0)
    assert world.events == []
    assert world.phone.failures == 1
    assert len(world.phone.layer) == 0


def test_a_good_network_repeats_nothing() -> None:
    world = World(7, loss=0.0, repeat=0.0)
    sent: list[bytes] = []
    carry = world._transmit
    world._transmit = lambda data, deliver: (sent.append(data), carry(data, deliver))[1]  # type: ignore[method-assign]
    world.on_event = lambda event: (
        world.bench.ua.accept(event.call_id, "", 16000, world.now) and None
        if isinstance(event, CallArrived)
        else world.later(1, lambda: world.phone.hang_up(world.now))
        if isinstance(event, CallConfirmed)
        else None
    )
    world.chance.uniform = lambda a, b: a  # type: ignore[method-assign]
    world.phone.dial(0.0)
    world.run()
    firsts = [data.split(b" ")[0] if not data.startswith(b"SIP") else data.split(b" ")[1] for data in sent]
    assert firsts == [b"INVITE", b"200", b"ACK", b"BYE", b"200"]


MOVES = st.sampled_from(
    [
        "invite", "ack", "bye", "cancel", "reinvite", "update", "info", "options", "other branch",
        "accept", "refuse", "hang up", "answer ours", "refuse ours", "late invite",
        "lose connection", "drain",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    moves=st.lists(st.tuples(MOVES, st.sampled_from([0.0, 0.1, 0.6, 5.0, 31.0, 44.9])), max_size=30),
    is_delayed=st.booleans(),
    headers=st.sampled_from(["", f"{TIMED};refresher=uac", f"{TIMED};refresher=uas"]),
    flow=st.sampled_from([UDP, TCP]),
)
def test_no_order_of_inputs_leaves_a_timer_behind(  # noqa: C901 - a case for each move
    moves: list[tuple[str, float]], is_delayed: bool, headers: str, flow: Flow
) -> None:
    bench = Bench(flow)
    body = "" if is_delayed else OFFER
    events: list[SipEvent] = []
    tag, numbers = "none", itertools.count(2)
    requests: list[Request] = []
    for move, pause in moves:
        bench.wait(pause)
        number = next(numbers)
        inside = {"to_tag": tag, "cseq": number, "branch": f"z9hG4bKm{number}"}
        call_id = CallId("call-1")
        match move:
            case "invite":
                bench.ua_hear(an_invite(body=body, headers=headers))
            case "late invite":
                bench.ua_hear(an_invite(body=body, branch="z9hG4bKlate"))
            case "ack":
                bench.ua_hear(a_request("ACK", to_tag=tag, branch=f"z9hG4bKm{number}", body=OFFER))
                bench.ua_hear(a_request("ACK", to_tag=tag))
            case "cancel":
                bench.ua_hear(a_request("CANCEL"))
            case "other branch":
                bench.ua_hear(a_request("BYE", **{**inside, "cseq": 2}))  # type: ignore[arg-type]
            case "bye" | "info" | "options":
                bench.ua_hear(a_request(move.upper(), **inside))  # type: ignore[arg-type]
            case "reinvite":
                bench.ua_hear(an_invite(**inside))
            case "update":
                bench.ua_hear(a_request("UPDATE", body=OFFER, **inside))  # type: ignore[arg-type]
            case "accept" | "refuse":
                bench.decide(move, call_id)
            case "hang up":
                bench.ua.hang_up(call_id, bench.now)
            case "answer ours" | "refuse ours":
                for request in requests:
                    bench.answer(request, 200 if move == "answer ours" else 481)
            case "lose connection":
                bench.ua.lose_connection(flow.connection, bench.now)
            case _:
                bench.ua.draining = not bench.ua.draining
        for message in bench.said():
            if isinstance(message, Request):
                requests.append(message)
            elif message.to_tag and message.cseq.method == "INVITE":
                tag = message.to_tag
        events += bench.events()
    bench.run_out()
    events += bench.events()
    arrived = {event.call_id for event in events if isinstance(event, CallArrived)}
    ended = Counter(event.call_id for event in events if isinstance(event, CallEnded))
    standing = bench.ua.calls
    assert all(count == 1 for count in ended.values())
    assert len(arrived) - len(ended) == standing  # a call that nobody ended stands, without a timer
    assert bench.ua.transactions == 0
    assert not bench.ua._layer._on
