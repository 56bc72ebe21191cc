"""Names looked up at real name servers on loopback (twisted.names), and at one that answers nothing."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.names import authority, dns, server

from hotline.sip.locate import Kind, Outcome, Question
from hotline.sip.uri import parse_uri
from hotline.wire.dns import NameServers, machine_servers

pytestmark = pytest.mark.interop

ZONE = "carrier.example"


class Zone(authority.FileAuthority):
    """A zone made of records."""

    def __init__(self, records: dict[str, list[Any]]) -> None:
        self.soa = (ZONE.encode(), dns.Record_SOA(b"ns", b"admin", 1, 1, 1, 1, 60))
        self.records = {name.encode(): found for name, found in records.items()}
        super().__init__("")

    def loadFile(self, filename: str) -> None:
        pass


def a_zone() -> Zone:
    return Zone(
        {
            ZONE: [
                dns.Record_NAPTR(20, 10, b"s", b"SIP+D2T", b"", f"_sip._tcp.{ZONE}".encode(), 300),
                dns.Record_NAPTR(10, 10, b"s", b"SIP+D2U", b"", f"_sip._udp.{ZONE}".encode(), 300),
            ],
            f"_sip._udp.{ZONE}": [
                dns.Record_SRV(20, 0, 5062, f"b.{ZONE}".encode(), 300),
                dns.Record_SRV(10, 90, 5061, f"a.{ZONE}".encode(), 300),
                dns.Record_SRV(10, 10, 5063, f"c.{ZONE}".encode(), 300),
            ],
            f"_sip._tcp.{ZONE}": [dns.Record_SRV(10, 0, 5060, f"a.{ZONE}".encode(), 300)],
            f"a.{ZONE}": [dns.Record_A("192.0.2.1", 300), dns.Record_AAAA("2001:db8::1", 300)],
            f"b.{ZONE}": [dns.Record_A("192.0.2.2", 300)],
            f"c.{ZONE}": [dns.Record_CNAME(f"d.{ZONE}".encode(), 300)],
            f"d.{ZONE}": [dns.Record_CNAME(f"e.{ZONE}".encode(), 300)],
            f"e.{ZONE}": [dns.Record_A("192.0.2.3", 20)],
        }
    )


def tokens(seed: str) -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"{seed}{next(numbers)}"


def with_server(work: Callable[[Any, tuple[str, int]], Awaitable[None]], zone: Zone | None = None) -> None:
    """Run a name server and some work beside it."""

    async def run() -> None:
        reactor = AsyncioSelectorReactor(asyncio.get_running_loop())
        factory = server.DNSServerFactory(authorities=[zone or a_zone()])
        udp = reactor.listenUDP(0, dns.DNSDatagramProtocol(factory, reactor=reactor), interface="127.0.0.1")
        try:
            await work(reactor, ("127.0.0.1", udp.getHost().port))
        finally:
            await udp.stopListening().asFuture(asyncio.get_running_loop())

    asyncio.run(run())


def test_a_domain_is_followed_to_its_servers() -> None:
    async def work(reactor: Any, address: tuple[str, int]) -> None:
        names = NameServers(reactor, [address])
        first: dict[str, int] = {}
        for seed in range(60):
            found = [
                str(one)
                for one in (await names.locate(parse_uri(f"sip:{ZONE}"), tokens(str(seed)))).destinations
            ]
            assert found[-3:] == ["udp:192.0.2.2:5062", "tcp:192.0.2.1:5060", "tcp:[2001:db8::1]:5060"]
            assert set(found[:-3]) == {"udp:192.0.2.1:5061", "udp:[2001:db8::1]:5061", "udp:192.0.2.3:5063"}
            first[found[0]] = first.get(found[0], 0) + 1
        assert first["udp:192.0.2.1:5061"] > first["udp:192.0.2.3:5063"] > 0  # weights 90 and 10
        # NAPTR, two SRV, A and AAAA of three hosts: the other 59 searches asked nobody.
        assert names.questions == 9

    with_server(work)


def test_a_name_that_is_not_there_is_not_asked_for_twice() -> None:
    async def work(reactor: Any, address: tuple[str, int]) -> None:
        names = NameServers(reactor, [address])
        question = Question(f"none.{ZONE}", Kind.A)
        assert (await names.ask(question)).outcome is Outcome.NOTHING
        assert (await names.ask(question)).outcome is Outcome.NOTHING
        assert names.questions == 1

    with_server(work)


def test_questions_asked_at_the_same_time_become_one() -> None:
    async def work(reactor: Any, address: tuple[str, int]) -> None:
        names = NameServers(reactor, [address])
        question = Question(f"a.{ZONE}", Kind.A)
        replies = await asyncio.gather(*(names.ask(question) for _ in range(5)))
        assert {reply.records for reply in replies} == {("192.0.2.1",)}
        assert names.questions == 1

    with_server(work)


def test_the_second_name_server_answers_for_a_dead_one() -> None:
    async def work(reactor: Any, address: tuple[str, int]) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            names = NameServers(reactor, [silent.getsockname(), address])
            began = asyncio.get_running_loop().time()
            reply = await names.ask(Question(f"b.{ZONE}", Kind.A))
            assert (reply.outcome, reply.records) == (Outcome.FOUND, ("192.0.2.2",))
            assert asyncio.get_running_loop().time() - began < 3

    with_server(work)


def test_a_name_server_that_keeps_silent_costs_seconds_once() -> None:
    """As those of carriers do for names they do not know."""

    async def work(reactor: Any, _: tuple[str, int]) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            names = NameServers(reactor, [silent.getsockname()], tries_s=(1,))
            began = asyncio.get_running_loop().time()
            found = await names.locate(parse_uri("sip:ims.example"), tokens("x"))
            took_s = asyncio.get_running_loop().time() - began
            assert (found.destinations, found.is_silent) == ((), True)
            assert took_s < 5  # NAPTR, then three SRV together, then A and AAAA together
            began = asyncio.get_running_loop().time()
            await names.locate(parse_uri("sip:ims.example"), tokens("x"))
            assert asyncio.get_running_loop().time() - began < 0.1

    with_server(work)


def test_a_name_server_in_trouble_counts_as_silent() -> None:
    class Broken(Zone):
        def _lookup(self, *_: Any) -> Any:
            return defer.fail(RuntimeError())

    async def work(reactor: Any, address: tuple[str, int]) -> None:
        names = NameServers(reactor, [address], tries_s=(1,))
        assert (await names.ask(Question(f"a.{ZONE}", Kind.A))).outcome is Outcome.SILENT

    with_server(work, Broken({}))


def test_the_file_of_hosts_of_the_machine_counts() -> None:
    async def work(reactor: Any, _: tuple[str, int]) -> None:
        reply = await NameServers(reactor).ask(Question("localhost", Kind.A))
        assert (reply.outcome, reply.records) == (Outcome.FOUND, ("127.0.0.1",))

    with_server(work)


def test_a_name_that_cannot_be_asked_for_is_not_there() -> None:
    async def work(reactor: Any, address: tuple[str, int]) -> None:
        names = NameServers(reactor, [address])
        assert (await names.ask(Question("a..b", Kind.A))).outcome is Outcome.NOTHING
        assert (await names.ask(Question("x" * 80, Kind.A))).outcome is Outcome.NOTHING

    with_server(work)


def test_the_name_servers_of_the_machine_are_read(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# ours\nsearch example\nnameserver 10.1.1.53\nnameserver fe80::1%eth0\nnameserver x\n")
    assert machine_servers(file) == (("10.1.1.53", 53), ("fe80::1", 53))
    assert machine_servers(tmp_path / "none") == (("127.0.0.1", 53),)


def test_no_timer_is_left_behind() -> None:
    async def work(reactor: Any, address: tuple[str, int]) -> None:
        before = len(reactor.getDelayedCalls())
        await NameServers(reactor, [address]).locate(parse_uri(f"sip:{ZONE}"), tokens("x"))
        assert len(reactor.getDelayedCalls()) == before

    with_server(work)
