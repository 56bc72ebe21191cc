"""Our side of the carriers' trunks, at work: names looked up, requests sent, timers kept, events logged.

Each trunk has one pure client (``hotline.sip.trunk_client``); this is the hand that carries out what it
asks for, over the same transactions as every call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import structlog

from hotline.errors import OutsideError
from hotline.sip.flow import Address, Flow, Transport
from hotline.sip.locate import Destination, Search
from hotline.sip.message import Response
from hotline.sip.trunk import AccessList, ProxyAddress, Trunk, Way
from hotline.sip.trunk_calls import TrunkCalls
from hotline.sip.trunk_client import TrunkClient
from hotline.sip.trunk_events import (
    TrunkAcknowledged,
    TrunkEvent,
    TrunkHeard,
    TrunkRegistered,
    TrunkUp,
    TrunkView,
)
from hotline.sip.uri import Uri
from hotline.sip.user_agent import UserAgent
from hotline.wire.alarm import Alarm
from hotline.wire.dns import NameServers
from hotline.wire.reactor import Clock

log = structlog.get_logger("hotline.sip")

T = TypeVar("T")

LEAVE_S: Final = 3.0
"""How long taking the registrations back may take when the product stops."""
FAULT_PAUSE_S: Final = 5.0
"""After a fault of our own: its cause may stand until then, and must not come back at once for ever."""

WORDS: Final = {
    "TrunkUp": "trunk.up",
    "TrunkDown": "trunk.down",
    "TrunkSilent": "trunk.silent",
    "TrunkHeard": "trunk.heard",
    "TrunkRegistered": "trunk.registered",
    "TrunkRefused": "trunk.refused",
    "TrunkLost": "trunk.registration_lost",
    "TrunkUnknownName": "trunk.unknown_name",
    "TrunkUnacknowledged": "trunk.unacknowledged",
    "TrunkAcknowledged": "trunk.acknowledged",
}


class Edge(Protocol):
    """The part of the SIP edge that trunks need."""

    def act(self, action: Callable[[UserAgent, float], T]) -> T:
        """Let the user agent do something now."""
        ...

    def way_to(
        self, transport: Transport, remote: Address, local_ip: str = "", server_name: str = ""
    ) -> Flow:
        """Find the way to a peer."""
        ...


class Names(Protocol):
    """What looks a proxy up."""

    async def locate(
        self, uri: Uri, new_token: Callable[[], str], transports: Sequence[Transport] = ...
    ) -> Search:
        """Find where a URI leads."""
        ...


class TrunkLines:
    """All trunks at work.

    :param standing: tells how many calls stand on a trunk, both ways.
    :param names: makes the name servers of a trunk; None: by twisted.names.
    :param alarms: tells what else is wrong with a trunk, by its name and now.
    """

    def __init__(
        self,
        clock: Clock,
        edge: Edge,
        access: AccessList,
        calls: TrunkCalls,
        standing: Callable[[str], int],
        new_token: Callable[[], str],
        names: Callable[[Trunk], Names] | None = None,
        alarms: Callable[[str, float], tuple[str, ...]] = lambda _trunk, _now: (),
    ) -> None:
        self._clock, self._edge, self._access, self._calls = clock, edge, access, calls
        self._standing, self._new_token, self._more_alarms = standing, new_token, alarms
        make_names = names or (lambda trunk: NameServers(clock, trunk.dns_servers))
        now = clock.seconds()
        self.clients = {trunk.name: TrunkClient(trunk, new_token, now) for trunk in access.trunks}
        """Our side of each trunk, by its name, in the order of the file."""
        self._names = {trunk.name: make_names(trunk) for trunk in access.trunks if trunk.proxies}
        self._alarms = {
            name: Alarm(clock, partial(self._ring, client)) for name, client in self.clients.items()
        }
        self._tasks: set[asyncio.Task[None]] = set()
        self._all_gone = asyncio.Event()
        self._is_leaving = False

    def start(self) -> None:
        """Look the proxies up, register, and begin to watch."""
        for client in self.clients.values():
            self._step(client, client.start)

    async def stop(self) -> None:
        """Take the registrations back, as long as that takes no more than ``LEAVE_S``."""
        self._is_leaving = True
        for client in self.clients.values():
            self._step(client, client.leave)
        try:
            await asyncio.wait_for(self._all_gone.wait(), LEAVE_S)
        except TimeoutError:
            log.warning("trunk.left_registered", trunks=[c.trunk.name for c in self._staying()])
        for alarm in self._alarms.values():
            alarm.set(None)
        for task in self._tasks:
            task.cancel()

    def views(self) -> list[TrunkView]:
        """Tell how every trunk stands."""
        now = self._clock.seconds()
        return [
            client.view(now, self._standing(name), self._calls.counts[name], self._more_alarms(name, now))
            for name, client in self.clients.items()
        ]

    def up(self) -> Mapping[str, float]:
        """Tell for each trunk that can be asked whether it is up, 1 or 0."""
        now = self._clock.seconds()
        return {name: float(c.is_up(now)) for name, c in self.clients.items() if c.trunk.proxies}

    def standing(self) -> Mapping[str, float]:
        """Tell how many calls stand on each trunk."""
        return {name: float(self._standing(name)) for name in self.clients}

    def tell(self, event: TrunkEvent) -> None:
        """Write to the log what happened to a trunk."""
        is_good = isinstance(event, (TrunkUp, TrunkHeard, TrunkRegistered, TrunkAcknowledged))
        (log.info if is_good else log.warning)(WORDS[type(event).__name__], **asdict(event))

    # -- inside -----------------------------------------------------------------------------------

    def _ring(self, client: TrunkClient) -> None:
        self._step(client, client.handle_timer)

    def _step(self, client: TrunkClient, move: Callable[[float], None]) -> None:
        """Make one move of a client, and carry out what it asks for."""
        try:
            move(self._clock.seconds())
            for ask in client.take_asks():
                self._edge.act(
                    lambda agent, now, ask=ask: agent.ask(  # type: ignore[misc]
                        ask.request, ask.flow, now, partial(self._answered, client, ask.number)
                    )
                )
            for proxy in client.take_look_ups():
                self._begin(self._look_up(client, proxy))
            for event in client.take_events():
                self.tell(event)
        except Exception:  # one trunk in trouble must not stop the others
            log.exception("trunk.fault", trunk=client.trunk.name)
            self._alarms[client.trunk.name].set(self._clock.seconds() + FAULT_PAUSE_S)
        else:
            self._alarms[client.trunk.name].set(client.next_timer())
        if self._is_leaving and not self._staying():
            self._all_gone.set()

    def _answered(self, client: TrunkClient, number: int, response: Response | None, _: float) -> None:
        self._step(client, partial(client.answered, number, response))

    async def _look_up(self, client: TrunkClient, proxy: ProxyAddress) -> None:
        trunk = client.trunk
        search = await self._names[trunk.name].locate(proxy.uri, self._new_token)
        ways, reason = self._ways(trunk, proxy, search)
        if search.destinations:
            self._access.learn(trunk.name, str(proxy), [one.ip for one in search.destinations])
        self._step(client, lambda now: client.located(proxy, ways, search.ttl_s, now, reason))

    def _ways(self, trunk: Trunk, proxy: ProxyAddress, search: Search) -> tuple[list[Way], str]:
        found: list[Way] = []
        reason = "no name server answers" if search.is_silent else "no name server knows an address"
        for destination in search.destinations:
            try:
                found.append(Way(proxy, destination, self._flow(trunk, destination)))
            except OutsideError as error:
                reason = str(error)
        return found, reason

    def _flow(self, trunk: Trunk, to: Destination) -> Flow:
        return self._edge.way_to(to.transport, (to.ip, to.port), trunk.local_ip, to.server_name)

    def _staying(self) -> list[TrunkClient]:
        return [client for client in self.clients.values() if not client.is_gone]

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("trunk.fault", error=repr(task.exception()))
