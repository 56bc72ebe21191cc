"""Name servers: the machine's, or those of one trunk; asked through twisted.names.

A carrier's proxy is often known to the carrier's own name servers only, and those answer nothing at all
for names they do not know. So every question has a short end, and silence is remembered as well.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import structlog
from twisted.internet import error as internet_errors
from twisted.internet.defer import TimeoutError as DeferTimeoutError
from twisted.names import dns, hosts
from twisted.names.client import Resolver
from twisted.names.error import DNSNameError, DNSQueryTimeoutError, DomainError, ResolverError

from hotline.sip.flow import Transport, numeric
from hotline.sip.locate import Kind, Naptr, Outcome, Question, Record, Reply, Search, Srv
from hotline.sip.name_cache import NameCache
from hotline.sip.uri import Uri
from hotline.wire.reactor import Clock

log = structlog.get_logger("hotline.sip")

TRIES_S: Final = (1, 2)
"""Seconds that each try of a question may take, for each name server."""
RESOLV_CONF: Final = Path("/etc/resolv.conf")
LONGEST_S: Final = 8.0
"""Seconds after which a question ends whatever the name servers do: several of them, tried in turn."""
MAX_ALIASES: Final = 4
"""CNAMEs followed, where the name server has not done so."""

_Hosts: Any = hosts.Resolver  # these two carry no types
_Resolver: Any = Resolver
_TYPES: Final = {Kind.NAPTR: dns.NAPTR, Kind.SRV: dns.SRV, Kind.A: dns.A, Kind.AAAA: dns.AAAA}
_SILENCE: Final = (
    DNSQueryTimeoutError,
    DeferTimeoutError,
    internet_errors.TimeoutError,
    TimeoutError,
    DomainError,  # refused, not implemented, its own trouble: another day it may know
    ResolverError,
    OSError,
)


class NameServers:
    """Answers questions about names, out of the cache or by asking.

    :param reactor: Twisted's; tells the time as well.
    :param servers: addresses and ports; none: those of the machine, and its file of hosts.
    """

    def __init__(
        self,
        reactor: Clock,
        servers: Sequence[tuple[str, int]] = (),
        *,
        tries_s: Sequence[int] = TRIES_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._reactor, self._longest_s = reactor, longest_s
        self._cache = NameCache()
        self._servers, self._tries_s = tuple(servers), tuple(tries_s)
        self._hosts: Any = None if servers else _Hosts()
        self._asked: dict[Question, asyncio.Future[Reply]] = {}
        self.questions = 0
        """Questions that went to a name server."""

    async def ask(self, question: Question) -> Reply:
        """Answer one question; never raises, and never takes longer than ``longest_s``."""
        known = self._cache.get(question, self._reactor.seconds())
        if known is not None:
            return known
        running = self._asked.get(question)
        if running is None:
            running = asyncio.ensure_future(self._ask(question))
            self._asked[question] = running
            running.add_done_callback(lambda _: self._asked.pop(question, None))
        return await asyncio.shield(running)

    async def locate(
        self, uri: Uri, new_token: Callable[[], str], transports: Sequence[Transport] = ("udp", "tcp", "tls")
    ) -> Search:
        """Find where a URI leads (RFC 3263).

        :returns: the finished search; its destinations are empty when nothing was found.
        """
        search = Search(uri, new_token, transports)
        while not search.is_done:
            for reply in await asyncio.gather(*map(self.ask, search.take_questions())):
                search.handle(reply)
        return search

    async def _ask(self, question: Question) -> Reply:
        reply = await self._from_hosts(question)
        if reply is None:
            self.questions += 1
            try:
                reply = await asyncio.wait_for(self._from_servers(question), self._longest_s)
            except (DNSNameError, UnicodeError):  # UnicodeError: a name that cannot be asked for
                reply = Reply(question, Outcome.NOTHING)
            except _SILENCE as error:
                log.info("dns.no_answer", name=question.name, kind=question.kind.value, error=repr(error))
                reply = Reply(question, Outcome.SILENT)
        return self._cache.put(reply, self._reactor.seconds())

    async def _from_hosts(self, question: Question) -> Reply | None:
        if self._hosts is None or question.kind not in {Kind.A, Kind.AAAA}:
            return None
        look_up = self._hosts.lookupAddress if question.kind is Kind.A else self._hosts.lookupIPV6Address
        try:
            answers, _, _ = await look_up(question.name).asFuture(asyncio.get_running_loop())
        except DomainError:
            return None
        return _reply(question, answers)

    async def _from_servers(self, question: Question) -> Reply:
        # Made anew for each question: one that is kept reads the machine's file every minute for ever.
        servers = self._servers or machine_servers()
        resolver = _Resolver(servers=list(servers), timeout=self._tries_s, reactor=self._reactor)
        name = question.name
        for _ in range(MAX_ALIASES):
            query = dns.Query(name.encode("idna"), _TYPES[question.kind])
            answers, _, _ = await resolver.query(query).asFuture(asyncio.get_running_loop())
            reply = _reply(question, answers)
            alias = next((str(a.payload.name) for a in answers if a.type == dns.CNAME), None)
            if reply.outcome is Outcome.FOUND or alias is None:
                return reply
            name = alias
        return Reply(question, Outcome.NOTHING)


def machine_servers(file: Path = RESOLV_CONF) -> tuple[tuple[str, int], ...]:
    """Read the name servers of the machine (resolv.conf(5)); its own where none is named."""
    try:
        rows = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        rows = []
    words = [row.split() for row in rows]
    found = [row[1].partition("%")[0] for row in words if len(row) > 1 and row[0] == "nameserver"]
    return tuple((ip, dns.PORT) for ip in found if numeric(ip) is not None) or (("127.0.0.1", dns.PORT),)


def _reply(question: Question, answers: Sequence[Any]) -> Reply:
    found: list[Record] = []
    ttls = []
    for answer in answers:
        record = _record(answer) if answer.type == _TYPES[question.kind] else None
        if record is not None:
            found.append(record)
            ttls.append(float(answer.ttl))
    return Reply(question, Outcome.FOUND if found else Outcome.NOTHING, tuple(found), min(ttls, default=0.0))


def _record(answer: Any) -> Record | None:  # noqa: ANN401 - Twisted's records carry no types
    payload = answer.payload
    match answer.type:
        case dns.A | dns.AAAA:
            return str(ipaddress.ip_address(payload.address))  # packed octets, four or sixteen
        case dns.SRV:
            return Srv(payload.priority, payload.weight, payload.port, _name(payload.target))
        case dns.NAPTR:
            return Naptr(
                payload.order,
                payload.preference,
                _text(payload.flags),
                _text(payload.service),
                _name(payload.replacement),
            )
    return None


def _text(charstr: Any) -> str:  # noqa: ANN401
    return bytes(charstr.string).decode("ascii", "replace")


def _name(name: Any) -> str:  # noqa: ANN401
    return bytes(name.name).decode("ascii", "replace").rstrip(".").lower()
