"""The trunks at work, without sockets: an edge that keeps what is sent, names that are a table."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import structlog
from twisted.internet.task import Clock

from hotline.errors import OutsideError
from hotline.events.ids import CallId
from hotline.sip.config import UserAgentConfig
from hotline.sip.dialling import ClientSecret
from hotline.sip.flow import Flow
from hotline.sip.locate import Outcome, Reply, Search
from hotline.sip.message import Request, parse_message, response_to
from hotline.sip.trunk import AccessList, ProxyAddress, Trunk, TrunkAccount
from hotline.sip.trunk_calls import TrunkCalls
from hotline.sip.user_agent import UserAgent
from hotline.wire import trunk_lines
from hotline.wire.trunk_lines import TrunkLines

STATIC = Trunk("unicom", proxies=(ProxyAddress("10.0.0.1"),), caller_numbers=("+861065240000",))
ACCOUNT = TrunkAccount("+861065240001", "d.example", "r.example", "96156", ClientSecret("a", "b"))
REGISTERED = Trunk(
    "telecom", mode="registered", proxies=(ProxyAddress("sbc.example", 5060),), accounts=(ACCOUNT,)
)


class Names:
    """Names that lead to one address, or nowhere."""

    def __init__(self, ips: list[str]) -> None:
        self.ips, self.asked = ips, 0

    async def locate(self, uri: Any, new_token: Any, transports: Any = ()) -> Search:
        self.asked += 1
        found = Search(uri, new_token)
        while questions := found.take_questions():
            for question in questions:
                is_there = question.kind.value == "A" and self.ips
                records = tuple(self.ips) if is_there else ()
                found.handle(Reply(question, Outcome.FOUND if records else Outcome.NOTHING, records, 300.0))
        return found


class House:
    """Trunks, a user agent, and a carrier that answers with one status."""

    def __init__(self, *trunks: Trunk, ips: list[str] | None = None, status: int = 200) -> None:
        numbers = itertools.count()
        self.clock, self.status = Clock(), status
        self.names = Names(["192.0.2.1"] if ips is None else ips)
        self.agent = UserAgent(
            UserAgentConfig(("96156",)), lambda: CallId("c"), lambda: f"token{next(numbers)}-0123456789"
        )
        self.access = AccessList(trunks)
        self.has_socket = True
        self.asked: list[Request] = []
        self.lines = TrunkLines(
            self.clock,
            self,
            self.access,
            TrunkCalls(trunks),
            lambda _: 2,
            lambda: f"token{next(numbers)}-0123456789",
            lambda _: self.names,
        )

    def act(self, action: Callable[[UserAgent, float], Any]) -> Any:
        return action(self.agent, self.clock.seconds())

    def way_to(self, transport: Any, remote: Any, local_ip: str = "", server_name: str = "") -> Flow:
        if not self.has_socket:
            raise OutsideError("no UDP socket of ours reaches it")
        return Flow(transport, (local_ip or "10.0.0.9", 5060), remote, 1, server_name)

    async def turn(self, seconds: float = 0.0) -> None:
        """Let the loop, the clock and the carrier run."""
        for _ in range(6):
            await asyncio.sleep(0)
        self.clock.advance(seconds)
        for _ in range(3):
            for outgoing in self.agent.take_outbox():
                request = parse_message(outgoing.data)
                assert isinstance(request, Request)
                self.asked.append(request)
                if self.status:
                    response = response_to(request, self.status, to_tag="c")
                    self.agent.handle_message(response, outgoing.flow, self.clock.seconds())


def told(logged: list[Any]) -> list[str]:
    return [line["event"] for line in logged]


def test_a_static_trunk_is_watched_and_told() -> None:
    async def run() -> None:
        house = House(STATIC)
        with structlog.testing.capture_logs() as logged:
            house.lines.start()
            await house.turn()
            await house.turn(0.1)
        assert told(logged) == ["trunk.heard", "trunk.up"]
        assert logged[1] == {
            "event": "trunk.up",
            "trunk": "unicom",
            "through": "10.0.0.1",
            "log_level": "info",
        }
        [view] = house.lines.views()
        assert (view.state, view.calls, view.proxies[0].state) == ("up", 2, "up")
        assert (house.lines.up(), house.lines.standing()) == ({"unicom": 1.0}, {"unicom": 2.0})
        assert [request.method for request in house.asked] == ["OPTIONS"]
        await house.lines.stop()
        assert house.clock.getDelayedCalls() == []

    asyncio.run(run())


def test_a_registered_trunk_registers_and_takes_it_back() -> None:
    async def run() -> None:
        house = House(REGISTERED)
        house.lines.start()
        await house.turn()
        await house.turn(0.1)
        assert house.lines.up() == {"telecom": 1.0}
        leaving = asyncio.ensure_future(house.lines.stop())
        await house.turn()
        await leaving
        registers = [request for request in house.asked if request.method == "REGISTER"]
        assert [request.expires for request in registers] == [3600, 0]
        assert registers[0].top_via.host == "10.0.0.9"

    asyncio.run(run())


def test_the_addresses_of_a_named_proxy_may_call() -> None:
    async def run() -> None:
        house = House(REGISTERED, ips=["192.0.2.1", "192.0.2.2"])
        assert house.access.trunk_of("192.0.2.2") is None
        house.lines.start()
        await house.turn()
        assert house.access.trunk_of("192.0.2.2") is REGISTERED

    asyncio.run(run())


@pytest.mark.parametrize(
    ("has_socket", "ips", "reason"),
    [
        (True, [], "no name server knows an address"),
        (False, ["192.0.2.1"], "no UDP socket of ours reaches it"),
    ],
)
def test_a_proxy_that_cannot_be_reached_is_told(has_socket: bool, ips: list[str], reason: str) -> None:
    async def run() -> None:
        house = House(REGISTERED, ips=ips)
        house.has_socket = has_socket
        with structlog.testing.capture_logs() as logged:
            house.lines.start()
            await house.turn()
        assert (logged[0]["event"], logged[0]["reason"]) == ("trunk.unknown_name", reason)
        assert (logged[0]["log_level"], logged[1]["event"]) == ("warning", "trunk.down")
        assert house.names.asked == 1
        await house.turn(31)
        await house.turn()
        assert house.names.asked == 2

    asyncio.run(run())


def test_a_registrar_that_answers_nothing_does_not_keep_the_product_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trunk_lines, "LEAVE_S", 0.01)

    async def run() -> None:
        house = House(REGISTERED)
        house.lines.start()
        await house.turn()
        await house.turn(0.1)
        house.status = 0
        with structlog.testing.capture_logs() as logged:
            await house.lines.stop()
        assert told(logged) == ["trunk.left_registered"]

    asyncio.run(run())


def test_a_fault_of_one_trunk_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        house = House(
            replace(STATIC, name="first"), replace(STATIC, name="second", proxies=(ProxyAddress("10.0.0.2"),))
        )

        def broken(_: float) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(house.lines.clients["first"], "start", broken)
        with structlog.testing.capture_logs() as logged:
            house.lines.start()
            await house.turn()
            await house.turn(0.1)
        assert told(logged) == ["trunk.fault", "trunk.heard", "trunk.up"]
        assert house.lines.up() == {"first": 0.0, "second": 1.0}
        await house.turn(trunk_lines.FAULT_PAUSE_S)
        await house.turn()
        await house.turn(0.1)
        assert house.lines.up() == {"first": 1.0, "second": 1.0}

    asyncio.run(run())
