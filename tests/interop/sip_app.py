"""A hotline that accepts every call and hangs up when told: the peer of the sipp scenarios.

Prints one JSON object a line: first the port, then each SIP event. Runs until its input closes.
Usage: python tests/interop/sip_app.py [--hang-up-after SECONDS] [--answer-after SECONDS] [--refuse STATUS]
"""

# ruff: noqa: E402 - the reactor is installed before anything can import another
from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import secrets
import sys

import structlog

from hotline.wire.reactor import install_reactor

reactor = install_reactor()
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

from hotline.errors import ConfigError
from hotline.events.ids import CallId
from hotline.sip.config import UserAgentConfig
from hotline.sip.events import CallArrived, CallConfirmed, SipEvent
from hotline.sip.user_agent import UserAgent
from hotline.wire.sip_edge import SipEdge, both_at


def tell(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--hang-up-after", type=float)
    options.add_argument("--answer-after", type=float, default=0.0)
    options.add_argument("--refuse", type=int)
    options.add_argument("--quiet", action="store_true")
    options.add_argument("--listen", default="127.0.0.1")
    options.add_argument("--port", type=int, default=0)
    given = options.parse_args()
    agent = UserAgent(
        UserAgentConfig(("96156",), max_calls=5000),
        lambda: CallId(secrets.token_hex(8)),
        lambda: secrets.token_hex(8),
    )

    def on_event(event: SipEvent) -> None:
        if not given.quiet:
            tell(event=type(event).__name__, **dataclasses.asdict(event))
        if isinstance(event, CallArrived):
            if given.refuse:
                edge.act(lambda ua, now: ua.refuse(event.call_id, given.refuse, now))
            elif given.answer_after:
                reactor.callLater(given.answer_after, accept, event.call_id)
            else:
                accept(event.call_id)
        elif isinstance(event, CallConfirmed) and given.hang_up_after is not None:
            reactor.callLater(given.hang_up_after, hang_up, event.call_id)

    def accept(call_id: CallId) -> None:
        edge.act(lambda ua, now: ua.accept(call_id, "", 16000, now))

    def hang_up(call_id: CallId) -> None:
        edge.act(lambda ua, now: ua.hang_up(call_id, now))

    edge = SipEdge(reactor, agent, both_at(given.listen, given.port), on_event)
    try:
        edge.start()
    except ConfigError as error:
        tell(complaint=str(error))
        return
    tell(port=edge.port)

    async def watch_input() -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, sys.stdin.read)
        tell(calls=agent.calls, transactions=agent.transactions, **dataclasses.asdict(edge.counts))
        await edge.stop()
        reactor.stop()

    reactor.callWhenRunning(lambda: asyncio.ensure_future(watch_input()))
    reactor.run()


if __name__ == "__main__":
    main()
