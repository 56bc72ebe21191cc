"""A hotline that accepts every call and hangs up when told: the peer of the sipp scenarios.

Prints one JSON object a line: first the port, then each SIP event. Runs until its input closes.
Usage: python tests/interop/sip_app.py [--hang-up-after SECONDS] [--answer-after SECONDS] [--refuse STATUS]
           [--place tls:127.0.0.1:0 --certificate FILE --key FILE [--ca FILE] [--client required]]
           [--ask tls:127.0.0.1:5061 [--name sip.example]]
"""

# ruff: noqa: E402 - the reactor is installed before anything can import another
from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import secrets
import sys
from pathlib import Path
from typing import Any

import structlog

from hotline.wire.reactor import install_reactor

reactor = install_reactor()
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

from hotline.errors import ConfigError
from hotline.events.ids import CallId
from hotline.settings import split_listener
from hotline.sip.config import UserAgentConfig
from hotline.sip.events import CallArrived, CallConfirmed, SipEvent
from hotline.sip.message import Headers, Request, Response
from hotline.sip.uri import parse_uri
from hotline.sip.user_agent import UserAgent
from hotline.wire.sip_edge import Listener, Passed, SipEdge, both_at
from hotline.wire.sip_tls import Tls, TlsFiles


def tell(**facts: object) -> None:
    print(json.dumps(facts, default=str), flush=True)


def ask(edge: SipEdge, place: str, name: str) -> None:
    transport, ip, port = split_listener(place)
    flow = edge.way_to(transport, (ip, port), server_name=name)
    headers = Headers()
    for field, value in (
        ("From", "<sip:us@127.0.0.1>;tag=1"),
        ("To", f"<sip:{ip}>"),
        ("Call-ID", secrets.token_hex(8)),
        ("CSeq", "1 OPTIONS"),
        ("Max-Forwards", "70"),
    ):
        headers.add(field, value)
    request = Request("OPTIONS", parse_uri(f"sip:{ip}:{port};transport={transport}"), headers)

    def answered(response: Response | None, _now: float) -> None:
        tell(answer=response.status if response else None)

    edge.act(lambda ua, now: ua.ask(request, flow, now, answered))


def everything_open() -> dict[str, Any]:
    """Configure as the tests of the torture messages do."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "sip"))
    from registrar_rig import open_registrar

    return {"answers_any": True, "registrar": open_registrar("example.com")}


def tell_answers(edge: SipEdge) -> None:
    """Tell the status of each response that is sent, but not its repetitions."""
    seen: set[bytes] = set()

    def tap(passed: Passed) -> None:
        if passed.is_sent and passed.data not in seen:
            seen.add(passed.data)
            tell(status=int(passed.data.split(b" ", 2)[1]), barrier=b"Call-ID: barrier" in passed.data)

    edge.taps.append(tap)


def read_options() -> argparse.Namespace:
    options = argparse.ArgumentParser()
    options.add_argument("--hang-up-after", type=float)
    options.add_argument("--answer-after", type=float, default=0.0)
    options.add_argument("--refuse", type=int)
    options.add_argument("--quiet", action="store_true")
    options.add_argument("--listen", default="127.0.0.1")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--place", action="append", default=[], help="listen here as well")
    options.add_argument("--certificate", type=Path)
    options.add_argument("--key", type=Path)
    options.add_argument("--ca", type=Path)
    options.add_argument("--client", default="never", choices=("never", "optional", "required"))
    options.add_argument("--torture", action="store_true", help="take anybody, and tell each answer once")
    options.add_argument("--ask", help="send OPTIONS there, and tell what came of it")
    options.add_argument("--name", default="", help="that the certificate there must bear")
    return options.parse_args()


def main() -> None:  # noqa: C901 - one switch for each option
    given = read_options()
    config = everything_open() if given.torture else {}
    agent = UserAgent(
        UserAgentConfig(("96156",), max_calls=5000, **config),
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

    places = [Listener(*split_listener(place)) for place in given.place]
    tls = Tls(TlsFiles(given.certificate, given.key, given.ca, given.client), reactor.seconds)
    edge = SipEdge(reactor, agent, (*both_at(given.listen, given.port), *places), on_event, tls=tls)
    agent.sheds = lambda _method, _now: False  # how a busy machine refuses is no matter of these tests
    try:
        edge.start()
    except ConfigError as error:
        tell(complaint=str(error))
        return
    if given.torture:
        tell_answers(edge)
    tell(port=edge.port, ports=[listener.port for listener in edge.listeners])

    async def watch_input() -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, sys.stdin.read)
        tell(calls=agent.calls, transactions=agent.transactions, **dataclasses.asdict(edge.counts))
        await edge.stop()
        reactor.stop()

    if given.ask:
        reactor.callWhenRunning(lambda: ask(edge, given.ask, given.name))
    reactor.callWhenRunning(lambda: asyncio.ensure_future(watch_input()))
    reactor.run()


if __name__ == "__main__":
    main()
