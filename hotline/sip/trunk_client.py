"""Our side of one trunk: its proxies watched, its accounts registered, and where its calls go.

The edge looks the proxies' names up and hands in the ways to them (``located``), sends what ``take_asks``
gives, and comes back with what became of it (``answered``). Proxies are used in the order of the file;
one that is silent or busy comes last, so that a call tries it only when nothing better is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from hotline.sip import proxy_watch, registration
from hotline.sip.flow import Flow
from hotline.sip.headers import NameAddr
from hotline.sip.locate import Destination
from hotline.sip.message import Headers, Request, Response
from hotline.sip.proxy_watch import ProxyWatch
from hotline.sip.registration import Registration, contact_uri
from hotline.sip.trunk import ProxyAddress, Trunk, TrunkAccount, Way
from hotline.sip.trunk_calls import TrunkCounts
from hotline.sip.trunk_events import (
    TrunkDown,
    TrunkEvent,
    TrunkHeard,
    TrunkLost,
    TrunkRefused,
    TrunkRegistered,
    TrunkSilent,
    TrunkUnknownName,
    TrunkUp,
    TrunkView,
)
from hotline.sip.trunk_view import account_view, alarms_of, name_of, proxy_view
from hotline.sip.uri import Uri

MAX_WAYS: Final = 8
"""Addresses of one proxy that are watched."""
SOONEST_LOOK_UP_S: Final = 30.0
"""A name is not looked up more often, whatever its time to live."""
LATEST_LOOK_UP_S: Final = 300.0
"""Nor less often; a numeric address neither: our own address towards it may have changed."""
NO_COUNTS: Final = TrunkCounts()


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to send outside any call."""

    number: int
    request: Request
    """Whole but for its Via."""
    flow: Flow


class TrunkClient:
    """Our side of one trunk.

    :param new_token: makes tags and Call-IDs.
    """

    def __init__(self, trunk: Trunk, new_token: Callable[[], str], now: float) -> None:
        self.trunk = trunk
        self._new_token = new_token
        self._ways: dict[ProxyAddress, list[Way]] = {proxy: [] for proxy in trunk.proxies}
        self._watches: dict[Destination, ProxyWatch] = {}
        self._look_ups: list[ProxyAddress] = []
        self._look_up_at: dict[ProxyAddress, float] = dict.fromkeys(trunk.proxies, now)
        self._unknown: dict[ProxyAddress, str] = {}
        self._asks: list[Ask] = []
        self._events: list[TrunkEvent] = []
        self._count = 0
        self._waits: dict[int, Callable[[Response | None, float], None]] = {}
        self._is_leaving = False
        self._told_up: bool | None = None
        self._since = now
        is_registered = trunk.mode == "registered"
        indices = range(len(trunk.accounts)) if is_registered else ()
        self.registrations = [self._register(index, now) for index in indices]

    # -- the machine form -------------------------------------------------------------------------

    def located(
        self, proxy: ProxyAddress, ways: Sequence[Way], ttl_s: float, now: float, reason: str = ""
    ) -> None:
        """Take the ways to a proxy, best first.

        :param ttl_s: how long they may be believed; infinity for a numeric address.
        :param reason: why there are none; the ones known before stay in use then.
        """
        if self._is_leaving:
            return
        self._look_up_at[proxy] = now + min(max(SOONEST_LOOK_UP_S, ttl_s), LATEST_LOOK_UP_S)
        if not ways:
            if self._unknown.get(proxy) != reason:
                self._events.append(TrunkUnknownName(self.trunk.name, str(proxy), reason))
            self._unknown[proxy] = reason
            self._look_up_at[proxy] = now + SOONEST_LOOK_UP_S
            self._settle(now)
            return
        self._unknown.pop(proxy, None)
        before = {way.destination: way for way in self._all_ways()}
        self._ways[proxy] = list(ways[:MAX_WAYS])
        after = {way.destination: way for way in self._all_ways()}
        for destination in set(before) - set(after):
            del self._watches[destination]
        for destination in after:
            if destination not in self._watches:
                self._watches[destination] = self._watch(destination, now)
        for destination, way in before.items():
            if destination not in after or after[destination].flow.own_ip != way.flow.own_ip:
                for account in self.registrations:
                    account.lose_way(destination, now)  # gone, or our Contact there is no more ours
        for account in self.registrations:
            account.start(now)
            if set(after) - set(before):
                account.gain_way(now)
        self._settle(now)

    def answered(self, number: int, response: Response | None, now: float) -> None:
        """Take what became of a request; one that nobody waits for any more is passed over."""
        waits = self._waits.pop(number, None)
        if waits is not None:
            waits(response, now)
            self._settle(now)

    def start(self, now: float) -> None:
        """Look the proxies up; registering begins with the first that is found."""
        self.handle_timer(now)

    def leave(self, now: float) -> None:
        """Take the registrations back: the house closes."""
        self._is_leaving = True
        self._look_up_at.clear()
        for account in self.registrations:
            account.leave(now)

    @property
    def is_gone(self) -> bool:
        """Tell whether, after ``leave``, nothing is under way any more."""
        return all(account.state is registration.State.GONE for account in self.registrations)

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        dues = list(self._look_up_at.values())
        if not self._is_leaving:
            dues += [due for watch in self._watches.values() if (due := watch.next_timer()) is not None]
        dues += [due for account in self.registrations if (due := account.next_timer()) is not None]
        return min(dues, default=None)

    def handle_timer(self, now: float) -> None:
        """Fire what is due."""
        for proxy, due in self._look_up_at.items():
            if due <= now:
                self._look_up_at[proxy] = now + SOONEST_LOOK_UP_S  # until ``located`` says more
                self._look_ups.append(proxy)
        if not self._is_leaving:
            for watch in list(self._watches.values()):
                watch.handle_timer(now)
        for account in self.registrations:
            account.handle_timer(now)
        self._settle(now)

    def take_asks(self) -> list[Ask]:
        """Hand out the requests to send, once."""
        taken, self._asks = self._asks, []
        return taken

    def take_look_ups(self) -> list[ProxyAddress]:
        """Hand out the proxies to look up, once."""
        taken, self._look_ups = self._look_ups, []
        return taken

    def take_events(self) -> list[TrunkEvent]:
        """Hand out what happened, once."""
        taken, self._events = self._events, []
        return taken

    # -- for calls --------------------------------------------------------------------------------

    def ways(self) -> tuple[Way, ...]:
        """Give every way for a call, best first: those of proxies that answer before the others."""
        rank = {proxy_watch.State.BUSY: 1, proxy_watch.State.SILENT: 2}
        return tuple(
            sorted(self._all_ways(), key=lambda way: rank.get(self._watches[way.destination].state, 0))
        )

    def best(self, tried: frozenset[Destination]) -> tuple[ProxyAddress, Destination, Flow] | None:
        """Give the best way that was not tried."""
        for way in self.ways():
            if way.destination not in tried:
                return way.proxy, way.destination, way.flow
        return None

    def service_route(
        self, way: Way, now: float, account: TrunkAccount | None = None
    ) -> tuple[NameAddr, ...]:
        """Give the Route that the registrar wants on our calls (RFC 3608), through the proxy that told it.

        :param account: whose calls; None: the first account's.
        """
        for one in self.registrations:
            if account in (None, one.account):
                is_there = one.is_registered(now) and one.through == way.destination
                return one.service_route if is_there else ()
        return ()

    def is_up(self, now: float) -> bool:
        """Tell whether calls can go out."""
        if not any(watch.is_usable for watch in self._watches.values()):
            return False
        return not self.registrations or self.is_registered(now)

    def is_registered(self, now: float) -> bool:
        """Tell whether an account is registered."""
        return any(account.is_registered(now) for account in self.registrations)

    def view(
        self, now: float, calls: int = 0, counts: TrunkCounts = NO_COUNTS, more: tuple[str, ...] = ()
    ) -> TrunkView:
        """Tell how the trunk stands.

        :param calls: calls of it that stand, both ways.
        :param more: alarms of others about it.
        """
        alarms = (*self._alarms(now), *more)
        if not self.trunk.proxies:
            state = "open"
        elif self._told_up is None:
            state = "starting"
        elif self.is_up(now):
            state = "degraded" if alarms else "up"
        else:
            state = "down"
        return TrunkView(
            self.trunk.name,
            self.trunk.mode,
            state,
            now - self._since,
            tuple(proxy_view(way, watch, now) for way, watch in self._watched()),
            tuple(account_view(account, now) for account in self.registrations),
            calls,
            self.trunk.max_calls,
            counts.calls_in,
            counts.calls_out,
            counts.refused_in + counts.refused_out,
            alarms,
            replace(counts),
        )

    # -- inside -----------------------------------------------------------------------------------

    def _all_ways(self) -> list[Way]:
        found: dict[Destination, Way] = {}
        for ways in self._ways.values():
            for way in ways:
                found.setdefault(way.destination, way)
        return list(found.values())

    def _way_to(self, destination: Destination) -> Way:
        return next(way for way in self._all_ways() if way.destination == destination)

    def _watch(self, to: Destination, now: float) -> ProxyWatch:
        return ProxyWatch(self.trunk.keepalive_s, partial(self._probe, to), partial(self._heard_of, to), now)

    def _register(self, index: int, now: float) -> Registration:
        account = self.trunk.accounts[index]
        return Registration(
            account,
            self.trunk.register_expires_s,
            self,
            partial(self._send_register, index),
            partial(self._told, index),
            self._new_token,
            now,
        )

    def _probe(self, to: Destination, _: float) -> None:
        way = self._way_to(to)
        uri = Uri("sip", host=way.proxy.uri.host, port=way.proxy.port)
        account = self.trunk.accounts[0] if self.trunk.accounts else None
        us = account.address_of_record if account else contact_uri("hotline", way.flow)
        headers = Headers([("Max-Forwards", "70"), ("From", f"<{us}>;tag={self._new_token()}")])
        headers.add("To", f"<{uri}>")
        headers.add("Call-ID", self._new_token())
        headers.add("CSeq", "1 OPTIONS")
        headers.add("Contact", f"<{contact_uri(account.contact_user if account else 'hotline', way.flow)}>")
        headers.add("Accept", "application/sdp")

        def heard(response: Response | None, now: float) -> None:
            watch = self._watches.get(to)
            if watch is None:
                return
            if response is not None:
                watch.answered(response.status, now)
            elif watch.is_waiting:
                watch.missed(now)

        self._send(Request("OPTIONS", uri, headers), way.flow, heard)

    def _send_register(
        self, index: int, request: Request, destination: Destination, flow: Flow, _: float
    ) -> int:
        def heard(response: Response | None, now: float) -> None:
            watch = self._watches.get(destination)
            if response is not None and watch is not None:
                watch.heard(now)
            self.registrations[index].answered(number, response, now)

        number = self._send(request, flow, heard)
        return number

    def _send(self, request: Request, flow: Flow, waits: Callable[[Response | None, float], None]) -> int:
        self._count += 1
        self._waits[self._count] = waits
        self._asks.append(Ask(self._count, request, flow))
        return self._count

    def _heard_of(self, to: Destination, action: proxy_watch.Action, now: float) -> None:
        name, proxy = self.trunk.name, name_of(self._way_to(to))
        match action:
            case proxy_watch.Action.TELL_HEARD:
                self._events.append(TrunkHeard(name, proxy))
                for account in self.registrations:
                    account.gain_way(now)
            case proxy_watch.Action.TELL_SILENT:
                silent_s = self._watches[to].silent_s(now)
                self._events.append(TrunkSilent(name, proxy, silent_s))
                if not any(watch.is_usable for watch in self._watches.values()):
                    self._look_up_soon(now)
                for account in self.registrations:
                    account.lose_way(to, now)
            case proxy_watch.Action.TELL_BUSY:
                pass

    def _look_up_soon(self, now: float) -> None:
        # The carrier may have moved its proxies: what the names stood for is asked anew.
        for proxy, due in self._look_up_at.items():
            self._look_up_at[proxy] = min(due, now + SOONEST_LOOK_UP_S)

    def _told(self, index: int, action: registration.Action, _: float) -> None:
        account = self.registrations[index]
        name, who = self.trunk.name, str(account.account.address_of_record)
        match action:
            case registration.Action.TELL_REGISTERED:
                self._events.append(TrunkRegistered(name, who, str(account.through), account.granted_s))
            case registration.Action.TELL_REFUSED:
                status, _space, reason = account.last.partition(" ")
                self._events.append(TrunkRefused(name, who, int(status) if status.isdigit() else 0, reason))
            case registration.Action.TELL_LOST:
                self._events.append(TrunkLost(name, who, account.last))

    def _settle(self, now: float) -> None:
        """Tell when the trunk as a whole went up or down."""
        if not self.trunk.proxies or self._is_leaving:
            return
        is_up = self._is_known() and self.is_up(now)
        if is_up == self._told_up or (self._told_up is None and not is_up and not self._has_failed()):
            return
        self._told_up, self._since = is_up, now
        name = self.trunk.name
        if is_up:
            self._events.append(TrunkUp(name, name_of(self.ways()[0])))
        else:
            self._events.append(TrunkDown(name, "; ".join(self._alarms(now)) or "nothing answers"))

    def _is_known(self) -> bool:
        """Tell whether a usable proxy was heard, or will never be asked."""
        watches = self._watches.values()
        return not self.trunk.keepalive_s or any(w.is_usable and w.answered_at is not None for w in watches)

    def _has_failed(self) -> bool:
        watches = self._watches.values()
        return (
            bool(self._unknown)
            or (bool(watches) and not any(watch.is_usable for watch in watches))
            or any(account.has_failed for account in self.registrations)
        )

    def _alarms(self, now: float) -> tuple[str, ...]:
        return alarms_of(self._unknown, self._watched(), self.registrations, now)

    def _watched(self) -> list[tuple[Way, ProxyWatch]]:
        return [(way, self._watches[way.destination]) for way in self._all_ways()]
