"""A user agent of ours that does to each call what the number called tells it: the peer of sipp scenarios.

A script is a list of words between hyphens, carried out one after another:

    180  183s     tell how it goes; with s, together with our session description
    accept        answer                        486  302      refuse
    0.5           wait so many seconds          stands        wait until the call stands
    hold  mute    hold with music, in silence   resume        and take it back
    bye           hang up

    sip:183s-0.3-accept-stands-hold@127.0.0.1 lets a caller hear us, answers her, and holds her.

Prints one JSON object a line: first its port, then each SIP event. Each line of its input makes a call,
as ``{"name": "answers", "transport": "udp", "port": 5070, "script": "stands-bye"}``; it runs until its
input closes, and tells then what it counted.
"""

# ruff: noqa: E402 - the reactor is installed before anything can import another
from __future__ import annotations

import asyncio
import dataclasses
import json
import secrets
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from hotline.wire.reactor import install_reactor

reactor = install_reactor()
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

from hotline.events.ids import CallId
from hotline.sip.config import UserAgentConfig
from hotline.sip.dialling import ClientSecret, DialOrder, DialTarget
from hotline.sip.events import CallAnswered, CallArrived, CallConfirmed, SipEvent
from hotline.sip.headers import NameAddr
from hotline.sip.session_timer import TimerWish
from hotline.sip.uri import Uri, parse_uri
from hotline.sip.user_agent import UserAgent
from hotline.wire.sip_edge import SipEdge, both_at

VOICE_PORT = 16000
"""Where we say that we want voice; nobody sends any."""
ELSEWHERE = parse_uri("sip:elsewhere@127.0.0.1:9")

T = TypeVar("T")


def tell(**facts: object) -> None:
    print(json.dumps(facts, default=str), flush=True)


class Application:
    """The user agent, its sockets, and a task for each call."""

    def __init__(self) -> None:
        self.agent = UserAgent(
            UserAgentConfig(("96156",), answers_any=True),
            lambda: CallId(secrets.token_hex(8)),
            lambda: secrets.token_hex(8),
        )
        self.edge = SipEdge(reactor, self.agent, both_at("127.0.0.1", 0), self.on_event)
        # A hundred programs that start at once make a busy machine: how overload is met is no matter here.
        self.agent.sheds = lambda _method, _now: False
        self._stands: dict[CallId, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def act(self, action: Callable[[UserAgent, float], T]) -> T:
        return self.edge.act(action)

    def on_event(self, event: SipEvent) -> None:
        tell(event=type(event).__name__, **dataclasses.asdict(event))
        if isinstance(event, CallArrived):
            self.play(event.call_id, event.called)
        elif isinstance(event, CallConfirmed | CallAnswered):
            self._stands[event.call_id].set()

    def play(self, call_id: CallId, script: str) -> None:
        self._stands[call_id] = asyncio.Event()
        task = asyncio.ensure_future(self._play(call_id, script))
        self._tasks.add(task)
        task.add_done_callback(self._look_at)

    def _look_at(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            tell(event="ScriptFailed", error=repr(task.exception()))

    async def _play(self, call_id: CallId, script: str) -> None:
        for word in script.split("-"):
            if word == "stands":
                await self._stands[call_id].wait()
            elif "." in word:
                await asyncio.sleep(float(word))
            elif word:
                self.act(lambda agent, now, word=word: self._do(agent, call_id, word, now))  # type: ignore[misc]

    def _do(self, agent: UserAgent, call_id: CallId, word: str, now: float) -> None:
        match word:
            case "accept":
                agent.accept(call_id, "", VOICE_PORT, now)
            case "hold":
                agent.reoffer(call_id, now, receives=False)
            case "mute":
                agent.reoffer(call_id, now, sends=False, receives=False)
            case "resume":
                agent.reoffer(call_id, now)
            case "bye":
                agent.hang_up(call_id, now)
            case _ if word[0] == "1":
                port = VOICE_PORT if word.endswith("s") else 0
                agent.progress(call_id, int(word.removesuffix("s")), now, "", port)
            case _:
                contacts = (ELSEWHERE,) if word[0] == "3" else ()
                agent.refuse(call_id, int(word), now, contacts=contacts)

    def dial(
        self,
        name: str,
        transport: Any,
        port: int,
        script: str,
        ring_s: float = 30.0,
        timer_s: int = 0,
        password: str = "",
        *,
        follows: bool = False,
    ) -> None:
        """Call a sipp that waits on a port, and play a script with it."""
        flow = self.edge.way_to(transport, ("127.0.0.1", port))

        def target(uri: Uri) -> DialTarget:
            return DialTarget(uri, flow)

        there = parse_uri(f"sip:{name}@127.0.0.1:{port};transport={transport}")
        order = DialOrder(
            CallId(name),
            ((target(there),),),
            NameAddr("", parse_uri("sip:hotline@127.0.0.1")),
            NameAddr("", there),
            "",
            VOICE_PORT,
            secret=ClientSecret("hotline", password) if password else None,
            timer=TimerWish(timer_s, refresher="uac") if timer_s else TimerWish(),
            ring_s=ring_s,
            allows_redirect=target if follows else None,
        )
        self.act(lambda agent, now: agent.dial(order, now))
        self.play(order.call_id, script)

    async def read_orders(self) -> None:
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            self.dial(**json.loads(line))
        agent = self.agent
        counts = dataclasses.asdict(self.edge.counts) | dataclasses.asdict(agent.counts)
        tell(calls=agent.calls, **counts)
        await self.edge.stop()
        reactor.stop()


def main() -> None:
    application = Application()
    application.edge.start()
    tell(port=application.edge.port)
    reactor.callWhenRunning(lambda: asyncio.ensure_future(application.read_orders()))
    reactor.run()


if __name__ == "__main__":
    main()
