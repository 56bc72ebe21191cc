"""Two user agents of ours on one wire without delay: what one says, the other hears."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from hotline.events.ids import CallId
from hotline.sip.config import UserAgentConfig
from hotline.sip.dialling import DialOrder, DialTarget
from hotline.sip.events import SipEvent
from hotline.sip.flow import Address, Flow
from hotline.sip.headers import NameAddr
from hotline.sip.message import Request, Response, parse_message
from hotline.sip.uri import parse_uri
from hotline.sip.user_agent import UserAgent

ALICE: Address = ("192.0.2.1", 5060)
BOB: Address = ("192.0.2.2", 5060)
Message = Request | Response


class Pair:
    """Alice calls Bob; both are user agents of ours.

    :param alice: settings of the one that calls; ``bob`` of the one that is called.
    """

    def __init__(
        self, *, alice: dict[str, object] | None = None, bob: dict[str, object] | None = None
    ) -> None:
        self.now = 1000.0
        self.alice = an_agent("a", **(alice or {}))
        self.bob = an_agent("b", **(bob or {}))
        self.events: dict[str, list[SipEvent]] = {"alice": [], "bob": []}
        self.said: list[tuple[str, Message]] = []
        """Who said what, in order."""
        self.drops: Callable[[str, Message], bool] = lambda _who, _message: False

    def settle(self) -> None:
        """Carry messages until both are silent."""
        while True:
            moved = False
            for name, sender, receiver in (("alice", self.alice, self.bob), ("bob", self.bob, self.alice)):
                self.events[name] += sender.take_events()
                for outgoing in sender.take_outbox():
                    moved = True
                    message = parse_message(outgoing.data)
                    self.said.append((name, message))
                    if not self.drops(name, message):
                        local, remote = (ALICE, BOB) if name == "bob" else (BOB, ALICE)
                        receiver.handle_message(
                            parse_message(outgoing.data), Flow("udp", local, remote, 1), self.now
                        )
            if not moved:
                self.events["alice"] += self.alice.take_events()
                self.events["bob"] += self.bob.take_events()
                return

    def wait(self, seconds: float) -> None:
        """Let time pass for both."""
        end = self.now + seconds
        while True:
            due = [at for at in (self.alice.next_timer(), self.bob.next_timer()) if at is not None]
            if not due or min(due) > end:
                break
            self.now = max(self.now, min(due))
            self.alice.handle_timer(self.now)
            self.bob.handle_timer(self.now)
            self.settle()
        self.now = end

    def run_out(self) -> None:
        """Let every timer run out."""
        for _ in range(10_000):
            due = [at for at in (self.alice.next_timer(), self.bob.next_timer()) if at is not None]
            if not due:
                return
            self.wait(min(due) - self.now + 0.001)
        raise AssertionError("a timer is left behind for ever")

    def run_out_calls(self, *at_bob: CallId) -> None:
        """End Bob's calls, let all timers run out, and see that nothing is left at either side."""
        for call_id in at_bob:
            self.bob.hang_up(call_id, self.now)
        self.settle()
        self.run_out()
        left = [(agent.calls, agent.transactions) for agent in (self.alice, self.bob)]
        assert left == [(0, 0), (0, 0)]

    def names(self) -> list[str]:
        """Write what was said since last asked, as ``alice INVITE`` and ``bob 200``."""
        taken, self.said = self.said, []
        return [
            f"{who} {message.status if isinstance(message, Response) else message.method}"
            for who, message in taken
        ]

    def take(self, who: str) -> list[SipEvent]:
        """Take one side's events."""
        taken, self.events[who] = self.events[who], []
        return taken

    # -- whole moves ------------------------------------------------------------------------------

    def dial(self, **given: object) -> CallId:
        """Let Alice call Bob; give the call's id at Alice's."""
        order = an_order(**given)
        self.alice.dial(order, self.now)
        self.settle()
        return order.call_id

    def talking(self, **given: object) -> tuple[CallId, CallId]:
        """Let Bob answer; give the call's ids at both sides."""
        call_id = self.dial(**given)
        [arrived] = self.take("bob")
        self.bob.accept(arrived.call_id, "192.0.2.2", 20000, self.now)
        self.settle()
        self.take("bob"), self.take("alice"), self.names()
        return call_id, arrived.call_id


def an_agent(name: str, **config: object) -> UserAgent:
    calls, tokens = itertools.count(1), itertools.count(1)
    settings: dict[str, object] = {"numbers": ("96156",), "answers_any": True, **config}
    return UserAgent(
        UserAgentConfig(**settings),  # type: ignore[arg-type]
        lambda: CallId(f"{name}-call-{next(calls)}"),
        lambda: f"{name}token{next(tokens):011x}",
        lambda: bytes(range(30)),
    )


def a_target(remote: Address = BOB, user: str = "96156") -> DialTarget:
    return DialTarget(parse_uri(f"sip:{user}@{remote[0]}:{remote[1]}"), Flow("udp", ALICE, remote, 1))


def an_order(call_id: str = "out-1", **given: object) -> DialOrder:
    settings: dict[str, object] = {
        "branches": ((a_target(),),),
        "from_": NameAddr("", parse_uri("sip:1001@192.0.2.1")),
        "to": NameAddr("", parse_uri("sip:96156@192.0.2.2")),
        "local_ip": "192.0.2.1",
        "local_port": 10000,
        **given,
    }
    return DialOrder(CallId(call_id), **settings)  # type: ignore[arg-type]
