"""The telephone side of the house, wired: who may call, the user agent, its sockets, the switchboard.

    sockets (SipEdge) ► front door ► user agent ► switchboard ► media plane, journal
                            │            │
                            └── gate ────┘ trunks (access list), telephones (registrar, passwords)

``Exchange`` is built from settings, is given what lies below it (media plane, journal, flows), and is the
one door to draining and ending calls.
"""

from __future__ import annotations

import asyncio
import resource
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from hotline.call.directory import HouseDirectory
from hotline.events.ids import CallId
from hotline.intake.ports import Journal
from hotline.ivr.flow import Flow as IvrFlow
from hotline.media.plan import MediaEvent
from hotline.settings import Settings, SipSettings, split_listener
from hotline.sip.authentication import Authentication
from hotline.sip.bindings import LocalBindings
from hotline.sip.config import UserAgentConfig
from hotline.sip.events import SipEvent
from hotline.sip.front_door import FrontDoor
from hotline.sip.gate import Gate, GateConfig
from hotline.sip.numbers import find_number
from hotline.sip.overload import Backlog
from hotline.sip.phones import PhoneBook
from hotline.sip.rate import SourceRates
from hotline.sip.registrar import Registrar, RegistrarConfig
from hotline.sip.trunk import AccessList
from hotline.sip.trunk_calls import TrunkCalls
from hotline.sip.trunk_routes import TrunkRoutes
from hotline.sip.trunk_traffic import TrunkTraffic
from hotline.sip.user_agent import UserAgent
from hotline.trunks import TRUNKS_FILE, read_trunks
from hotline.trunks.secrecy import open_keys_of
from hotline.trunks.trust import doubts_of
from hotline.wire.chance import Chance
from hotline.wire.media_planes import MediaPlanes
from hotline.wire.reactor import wall_now
from hotline.wire.sip_edge import Listener, SipEdge, SipReactor, both_at
from hotline.wire.sip_sockets import interface_towards
from hotline.wire.sip_tls import Tls, TlsFiles
from hotline.wire.switchboard import Switchboard
from hotline.wire.trunk_lines import TrunkLines
from hotline.wire.voice_codecs import available_codecs

log = structlog.get_logger("hotline.sip")

SRTP_KEY_BYTES: Final = 30  # RFC 4568, 6.1: master key and salt of AES_CM_128
PROBED_S: Final = 5.0
"""Who sent OPTIONS within this looks after us closely, and sends its calls elsewhere when we refuse."""
NOTICE_S: Final = 2.5
"""How long we go on refusing before we leave: a proxy that probes each second believes the second 503."""


@dataclass(frozen=True, slots=True)
class House:
    """What the exchange stands on."""

    media: MediaPlanes
    journal: Journal
    flow: Callable[[str], IvrFlow]
    """Finds the flow that answers a called number."""
    phones: PhoneBook
    backlogs: Sequence[tuple[Backlog, float]] = ()
    """Queues behind SIP, each with the seconds that work waits in it by intent."""


class Exchange:
    """The telephone side.

    :raises ConfigError: for a file or setting that the site must mend first.
    """

    def __init__(self, settings: Settings, reactor: SipReactor, house: House) -> None:
        sip, self._reactor = settings.sip, reactor
        self.trunks = AccessList(
            read_trunks(settings.site.config_dir / TRUNKS_FILE, area_code=sip.area_code, numbers=sip.numbers)
        )
        self.trunk_calls = TrunkCalls(self.trunks.trunks)
        self._traffic = TrunkTraffic(self.trunk_calls.counts)
        self._drains_since = 0.0
        self.phones, self.bindings = house.phones, LocalBindings()
        phones = settings.phones
        self.authentication = Authentication(
            phones.realm, self.phones, new_token, algorithms=phones.digest, on_lock=_tell_lock
        )
        self.registrar = Registrar(
            RegistrarConfig(phones.shortest_s, phones.longest_udp_s, phones.longest_stream_s),
            self.authentication,
            self.bindings,
        )
        self.gate = Gate(
            GateConfig(sip.numbers, frozenset(phones.domains)),
            self.trunks,
            self.phones,
            self.bindings,
            self.authentication,
            _tell_notice,
            self.trunk_calls,
        )
        self.user_agent = UserAgent(
            UserAgentConfig(
                numbers=sip.numbers,
                area_code=sip.area_code,
                codecs=available_codecs(),
                max_calls=settings.max_calls,
                registrar=self.registrar,
                admission=self.gate,
            ),
            new_call_id,
            new_token,
            lambda: secrets.token_bytes(SRTP_KEY_BYTES),
        )
        self.edge = SipEdge(
            reactor,
            self.user_agent,
            listeners_of(sip),
            self._on_sip,
            tls=_tls_of(sip, reactor),
            public_ips=(sip.public_ip, sip.public_ip6),
            front_door=FrontDoor(
                self.gate.knows,
                self._peers,
                known=SourceRates(sip.messages_per_second, sip.messages_per_second / 2),
            ),
        )
        for backlog, usual_s in house.backlogs:
            self.edge.overload.watch(backlog, usual_s)
        self.lines = TrunkLines(
            reactor,
            self.edge,
            self.trunks,
            self.trunk_calls,
            self.user_agent.calls_of,
            new_token,
            alarms=self._traffic.alarms_of,
        )
        self.routes = TrunkRoutes(
            self.lines.clients, self.trunk_calls, self.user_agent.calls_of, sip.area_code
        )

        def is_ours(number: str) -> bool:
            return find_number(number, sip.numbers, sip.area_code) is not None

        self.switchboard = Switchboard(
            clock=reactor,
            sip=self.edge,
            media=house.media,
            journal=house.journal,
            flow=house.flow,
            wall=wall_now,
            may_latch=settings.media.nat_latching,
            directory=HouseDirectory(
                self.phones,
                self.registrar,
                groups=phones.groups,
                routes=self.routes,
                is_own=is_ours,
                forwards=phones.forwards == "house",
                domains=phones.domains,
            ),
            is_ours=is_ours,
        )

    @property
    def calls(self) -> int:
        """How many calls are in progress."""
        return self.switchboard.calls

    def start(self) -> None:
        """Open the sockets, and go to the carriers' trunks.

        :raises ConfigError: when a port is taken or an address is not ours, with the remedy.
        """
        raise_file_limit()
        self.edge.start()
        for trunk in self.trunks.trunks:
            for doubt in doubts_of(trunk, interface_towards):
                log.warning("trunk.open_to_others", trunk=trunk.name, remedy=doubt)
            open_keys = open_keys_of(trunk)
            if open_keys is not None:
                log.warning("trunk.keys_in_the_clear", trunk=trunk.name, remedy=open_keys)
        self.lines.start()

    async def stop(self) -> None:
        """Take what we registered at carriers back, and close the sockets."""
        await self.lines.stop()
        await self.edge.stop()

    def on_media(self, event: MediaEvent) -> None:
        """Take an event of the media plane."""
        self.switchboard.on_media(event)

    def forget_phones(self, users: Collection[str]) -> None:
        """Forget what telephones proved whose accounts are gone, or have another password."""
        now = self._reactor.seconds()
        for user in users:
            self.registrar.forget(user, now)
            self.authentication.lock_out.forget_user(user)

    # -- the way out --------------------------------------------------------------------------------

    def drain(self) -> None:
        """Take no new work from now on: 503 with Retry-After; what runs goes on."""
        if not self.user_agent.draining:
            self.user_agent.draining, self._drains_since = True, self._reactor.seconds()

    async def is_noticed(self) -> None:
        """Wait until a proxy that looks after us can have seen that we are leaving.

        One that gets no answer any more waits for a second with each of its calls before it tries
        elsewhere; one that got 503 does not. Who is not probed goes at once.
        """
        if self._reactor.seconds() - self.user_agent.probed_at < PROBED_S:
            await asyncio.sleep(max(0.0, self._drains_since + NOTICE_S - self._reactor.seconds()))

    async def is_idle(self, longest_s: float) -> bool:
        """Wait until no call and no write is left; False when that takes too long."""
        try:
            await asyncio.wait_for(self.switchboard.idle(), longest_s)
        except TimeoutError:
            return False
        return True

    def hang_up_all(self) -> None:
        """End every call as if its caller had hung up: what she said so far is kept."""
        self.switchboard.hang_up_all()

    def reload_certificates(self) -> bool:
        """Read the files of TLS again; False when they cannot be used, and the old ones stay in force."""
        return self.edge.reload_certificates()

    def _on_sip(self, event: SipEvent) -> None:
        self._traffic.handle(event, self._reactor.seconds())
        for told in self._traffic.take_events():
            self.lines.tell(told)
        self.switchboard.on_sip(event)

    def _peers(self) -> Collection[str]:
        return {leg.flow.remote[0] for leg in self.user_agent.legs}


# -- pieces ---------------------------------------------------------------------------------------------

_CHANCE: Final = Chance()
"""Of the thread that SIP runs in."""


def new_call_id() -> CallId:
    """Make the id of a call: the UTC minute it came in, for the reader, and 48 random bits."""
    return CallId(f"{wall_now():%Y%m%d-%H%M}-{_CHANCE.hex(6)}")


def new_token() -> str:
    """Make random text for tags, branches and nonces."""
    return _CHANCE.hex(12)


def listeners_of(sip: SipSettings) -> tuple[Listener, ...]:
    """Tell where a site wants SIP to listen."""
    if sip.listen:
        return tuple(Listener(*split_listener(place)) for place in sip.listen)
    return both_at(sip.listen_ip, sip.port)


def check_tls(sip: SipSettings) -> None:
    """Check the files of TLS before anything is started.

    :raises ConfigError: naming the file and the remedy.
    """
    Tls(_files_of(sip), lambda: 0.0)


def raise_file_limit() -> None:
    """Take as many file descriptors as this user may have: a connection needs one each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _files_of(sip: SipSettings) -> TlsFiles:
    return TlsFiles(sip.tls_certificate, sip.tls_key, sip.tls_ca, sip.tls_client)


def _tls_of(sip: SipSettings, reactor: SipReactor) -> Tls:
    return Tls(_files_of(sip), reactor.seconds)


def _tell_lock(ip: str, user: str) -> None:
    log.warning("phone.locked_out", source=ip, user=user)


def _tell_notice(kind: str, source: str, detail: str) -> None:
    log.warning(kind, source=source, detail=detail)
