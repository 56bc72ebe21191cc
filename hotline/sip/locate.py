"""Finding where a SIP URI leads: RFC 3263, section 4, with the records of RFC 3403 and RFC 2782.

A ``Search`` asks questions and takes replies; it knows no network. Its stages are rows of ``STAGES``:
NAPTR tells the transports of a domain, SRV the servers of each, A and AAAA their addresses. What is
known beforehand (a numeric host, a port, a transport) leaves stages out. A name server that keeps
silent counts as one that knows nothing, because those of carriers do so for names they do not know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2s
from typing import Final

from hotline.sip.flow import DEFAULT_PORTS, Transport, host_text, numeric
from hotline.sip.uri import Uri

MAX_SERVERS: Final = 16
"""SRV records followed: more are no help to a call that has seconds."""
MAX_DESTINATIONS: Final = 32

_SERVICES: Final[dict[str, Transport]] = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
_SRV_PREFIX: Final[dict[Transport, str]] = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}
_OURS: Final[tuple[Transport, ...]] = ("udp", "tcp", "tls")


class Kind(Enum):
    """What is asked of a name."""

    NAPTR = "NAPTR"
    SRV = "SRV"
    A = "A"
    AAAA = "AAAA"


class Outcome(Enum):
    """What became of a question."""

    FOUND = "found"
    NOTHING = "nothing"
    """There is no such name, or no such record of it."""
    SILENT = "silent"
    """No name server answered, or none was able to."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question to a name server."""

    name: str
    """In lower case, without the last dot."""
    kind: Kind


@dataclass(frozen=True, slots=True)
class Naptr:
    """A service of a domain (RFC 3403, 4.1)."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Srv:
    """A server of a service (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str
    """Empty (the root): the service is decidedly not there."""


Record = Naptr | Srv | str
"""A string is a numeric address."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    question: Question
    outcome: Outcome
    records: tuple[Record, ...] = ()
    ttl_s: float = 0.0
    """How long it may be believed."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A place to send to."""

    transport: Transport
    ip: str
    port: int
    server_name: str = ""
    """Name that a TLS certificate must bear: the domain that was looked up (RFC 5922, 7.1)."""

    def __str__(self) -> str:
        return f"{self.transport}:{host_text(self.ip)}:{self.port}"


class Stage(Enum):
    """How far a search is."""

    SERVICES = "services"
    """NAPTR was asked."""
    SERVERS = "servers"
    """SRV was asked, for each transport that fits."""
    ADDRESSES = "addresses"
    """A and AAAA were asked, for each server."""
    DONE = "done"


class Given(Enum):
    """What the replies of a stage amount to."""

    SOME = "some"
    NONE = "none"
    DENIED = "denied"
    """SRV records say that there is no such service (target ``.``)."""


class Action(Enum):
    """What a search does next."""

    ASK_NAMED_SERVERS = "ask for the servers that NAPTR named"
    ASK_USUAL_SERVERS = "ask for the servers of each transport"
    ASK_SERVER_ADDRESSES = "ask for the servers' addresses"
    ASK_OWN_ADDRESS = "ask for the domain's own address"
    FINISH = "finish"


STAGES: Final[dict[tuple[Stage, Given], tuple[Action, Stage]]] = {
    (Stage.SERVICES, Given.SOME): (Action.ASK_NAMED_SERVERS, Stage.SERVERS),
    (Stage.SERVICES, Given.NONE): (Action.ASK_USUAL_SERVERS, Stage.SERVERS),  # 4.1: "if no NAPTR records"
    (Stage.SERVERS, Given.SOME): (Action.ASK_SERVER_ADDRESSES, Stage.ADDRESSES),
    (Stage.SERVERS, Given.NONE): (Action.ASK_OWN_ADDRESS, Stage.ADDRESSES),  # 4.2: "if no SRV records"
    (Stage.SERVERS, Given.DENIED): (Action.FINISH, Stage.DONE),
    (Stage.ADDRESSES, Given.SOME): (Action.FINISH, Stage.DONE),
    (Stage.ADDRESSES, Given.NONE): (Action.FINISH, Stage.DONE),
}


class Search:
    """One search for where a URI leads.

    :param uri: a SIP or SIPS URI.
    :param new_token: makes random text, which decides among servers of one priority.
    :param transports: those that we have, best first; the order counts where the domain has none.
    """

    def __init__(
        self, uri: Uri, new_token: Callable[[], str], transports: Sequence[Transport] = _OURS
    ) -> None:
        self._new_token = new_token
        self._host = uri.address.rstrip(".").lower()
        self._transports = tuple(t for t in transports if t == "tls" or uri.scheme != "sips")
        self._questions: list[Question] = []
        self._open: dict[Question, Reply | None] = {}
        self._services: list[tuple[Transport, str]] = []
        self._servers: list[tuple[Transport, str, int]] = []
        self._ttls: list[float] = []
        self.stage = Stage.SERVICES
        self.is_silent = False
        """Some name server did not answer."""
        self.destinations: tuple[Destination, ...] = ()
        """Best first; filled when the search is done, empty when it found nothing."""
        self._start(uri)

    @property
    def is_done(self) -> bool:
        """Tell whether ``destinations`` stand."""
        return self.stage is Stage.DONE

    @property
    def ttl_s(self) -> float:
        """How long the destinations may be believed; infinity when no name was asked."""
        return min(self._ttls, default=float("inf"))

    def take_questions(self) -> list[Question]:
        """Hand out what is to be asked, once; all of them may be asked at the same time."""
        taken, self._questions = self._questions, []
        return taken

    def handle(self, reply: Reply) -> None:
        """Take the reply to a question; one that nobody waits for is passed over."""
        if self.is_done or reply.question not in self._open:
            return
        self._open[reply.question] = reply
        self._ttls.append(reply.ttl_s)
        self.is_silent = self.is_silent or reply.outcome is Outcome.SILENT
        if all(answer is not None for answer in self._open.values()):
            self._advance()

    # -- inside -----------------------------------------------------------------------------------

    def _start(self, uri: Uri) -> None:
        wanted = (uri.param("transport") or "").lower()
        usable = [t for t in self._transports if wanted in ("", t)]
        if uri.scheme == "sips" and wanted in {"tcp", "tls", ""}:
            usable = [t for t in self._transports if t == "tls"]
        if not usable:  # a transport that we do not have
            self.stage = Stage.DONE
            return
        fixed: Transport = usable[0] if wanted or uri.scheme == "sips" else "udp"  # 4.1
        if fixed not in usable:
            fixed = usable[0]
        ip = numeric(self._host)
        port = uri.port or DEFAULT_PORTS[fixed]
        if ip is not None:
            self.stage = Stage.DONE
            self.destinations = (Destination(fixed, ip, port, self._host if fixed == "tls" else ""),)
        elif uri.port is not None:
            self._servers = [(fixed, self._host, uri.port)]
            self.stage = Stage.ADDRESSES
            self._ask_addresses()
        elif wanted or uri.scheme == "sips":
            self.stage = Stage.SERVERS
            self._transports = (fixed,)
            self._ask_servers([(fixed, _SRV_PREFIX[fixed] + self._host)])
        else:
            self._transports = tuple(usable)
            self._ask([Question(self._host, Kind.NAPTR)])

    def _advance(self) -> None:
        replies = [reply for reply in self._open.values() if reply is not None]
        given = {
            Stage.SERVICES: self._read_services,
            Stage.SERVERS: self._read_servers,
            Stage.ADDRESSES: self._read_addresses,
        }[self.stage](replies)
        action, self.stage = STAGES[self.stage, given]
        match action:
            case Action.ASK_NAMED_SERVERS:
                self._ask_servers(self._services)
            case Action.ASK_USUAL_SERVERS:
                self._ask_servers([(t, _SRV_PREFIX[t] + self._host) for t in self._transports])
            case Action.ASK_OWN_ADDRESS:
                self._servers = [(t, self._host, DEFAULT_PORTS[t]) for t in self._transports[:1]]
                self._ask_addresses()
            case Action.ASK_SERVER_ADDRESSES:
                self._ask_addresses()

    def _read_services(self, replies: Sequence[Reply]) -> Given:
        records = [record for reply in replies for record in reply.records if isinstance(record, Naptr)]
        for record in sorted(records, key=lambda record: (record.order, record.preference)):
            transport = _SERVICES.get(record.service.upper())
            if transport in self._transports and record.flags.lower() == "s" and record.replacement:
                service = (transport, record.replacement.rstrip(".").lower())
                if service not in self._services:
                    self._services.append(service)
        return Given.SOME if self._services else Given.NONE

    def _read_servers(self, replies: Sequence[Reply]) -> Given:
        by_question = {reply.question.name: reply for reply in replies}
        is_denied = False
        for transport, name in self._services:
            reply = by_question.get(name)
            records = [r for r in reply.records if isinstance(r, Srv)] if reply is not None else []
            wanted = [record for record in records if record.target]
            is_denied = is_denied or (bool(records) and not wanted)
            for record in order_servers(wanted, self._new_token):
                self._servers.append((transport, record.target.rstrip(".").lower(), record.port))
        del self._servers[MAX_SERVERS:]
        if self._servers:
            return Given.SOME
        return Given.DENIED if is_denied else Given.NONE

    def _read_addresses(self, replies: Sequence[Reply]) -> Given:
        by_question = {reply.question: reply for reply in replies}
        found: dict[Destination, None] = {}
        for transport, host, port in self._servers:
            ips = [numeric(host)] if numeric(host) else []
            for kind in (Kind.A, Kind.AAAA):
                reply = by_question.get(Question(host, kind))
                ips += [numeric(ip) for ip in reply.records if isinstance(ip, str)] if reply else []
            for ip in ips:
                if ip is not None:
                    name = self._host if transport == "tls" else ""
                    found[Destination(transport, ip, port, name)] = None
        self.destinations = tuple(found)[:MAX_DESTINATIONS]
        return Given.SOME if found else Given.NONE

    def _ask_servers(self, services: list[tuple[Transport, str]]) -> None:
        self._services = services
        self._ask([Question(name, Kind.SRV) for _, name in services])

    def _ask_addresses(self) -> None:
        hosts = dict.fromkeys(host for _, host, _ in self._servers if numeric(host) is None)
        self._ask([Question(host, kind) for host in hosts for kind in (Kind.A, Kind.AAAA)])
        if not self._open:
            self._advance()  # SRV targets that are addresses: against RFC 2782, and seen

    def _ask(self, questions: Sequence[Question]) -> None:
        self._open = dict.fromkeys(questions)
        self._questions += self._open


def order_servers(records: Sequence[Srv], new_token: Callable[[], str]) -> list[Srv]:
    """Put the servers of one service into the order to try them (RFC 2782, "The format of the SRV RR").

    By priority; within one, drawn one after another with a chance in proportion to their weight, those
    of weight 0 with next to none.
    """
    found: list[Srv] = []
    for priority in sorted({record.priority for record in records}):
        left = sorted((record for record in records if record.priority == priority), key=lambda r: r.weight)
        while left:
            drawn = draw(sum(record.weight for record in left), new_token)
            running = 0
            for record in left:
                running += record.weight
                if running >= drawn:
                    break
            left.remove(record)
            found.append(record)
    return found


def draw(most: int, new_token: Callable[[], str]) -> int:
    """Draw a number from 0 to ``most``, each as likely, out of a random text."""
    digest = blake2s(new_token().encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % (most + 1)
