"""What a site decides about one trunk: the line of one carrier, and everything its calls need.

The file ``config/trunks.toml`` is read into these profiles by ``hotline.trunks``. A static trunk is known
by the networks it calls from; a registered one is as well, and besides we tell its registrar where
we are (RFC 3261, 10.2). Carriers keep five names apart that others take for one: the user that answers a
challenge, the user and the domain in From, the domain of the registrar, and the proxy that all goes to.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from hotline.sip.admission import Origin, OriginKind
from hotline.sip.dialling import ClientSecret
from hotline.sip.flow import Flow, numeric
from hotline.sip.locate import Destination
from hotline.sip.numbers import DialForm, dial_string
from hotline.sip.session_timer import TimerWish
from hotline.sip.uri import Uri
from hotline.sip.voice_terms import VoicePolicy

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
TrunkMode = Literal["static", "registered"]
Transport = Literal["udp", "tcp", "tls"]
Redirects = Literal["refuse", "own_proxies"]
IdentityHeader = Literal["asserted", "preferred", "remote_party", "none"]
"""Which header of our calls names the caller: P-Asserted-Identity, P-Preferred-Identity (RFC 3325),
Remote-Party-ID (of the exchanges before), or From alone."""
Refresher = Literal["either", "us", "them"]
NumberClass = Literal["service", "local", "free", "mobile", "national", "international"]

NUMBER_CLASSES: Final[tuple[NumberClass, ...]] = (
    "service",
    "local",
    "free",
    "mobile",
    "national",
    "international",
)
SAFE_CLASSES: Final[tuple[NumberClass, ...]] = NUMBER_CLASSES[:-1]
"""What a trunk may dial unless its profile says more: calls abroad are what a stolen line is used for."""
TRUNK_VOICE: Final = VoicePolicy(("PCMA", "PCMU"), "never")
"""What Chinese carriers carry on their trunks: A-law first, no SRTP seen on any."""
DEFAULT_PORTS: Final[dict[Transport, int]] = {"udp": 5060, "tcp": 5060, "tls": 5061}  # RFC 3261, 19.1.2


@dataclass(frozen=True, slots=True)
class ProxyAddress:
    """One proxy of a trunk, as the site wrote it."""

    host: str
    """Name or numeric address, without brackets."""
    port: int | None = None
    """None: found by name (RFC 3263), or the usual one."""
    transport: Transport | None = None
    """None: found by name (RFC 3263), or UDP."""

    @property
    def uri(self) -> Uri:
        """The proxy as a URI: for Route and for looking it up."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        params = () if self.transport is None else (("transport", self.transport),)
        return Uri("sip", host=host, port=self.port, params=params)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{host}{port}{'' if self.transport is None else f';{self.transport}'}"


@dataclass(frozen=True, slots=True)
class TrunkAccount:
    """Who we are on a trunk: one address of record."""

    user: str
    """User part of From, To and the address of record."""
    domain: str
    """Domain of From, To and the address of record."""
    registrar: str
    """Domain in the Request-URI of REGISTER."""
    contact_user: str
    """User part of our Contact: what the carrier will write into the Request-URI of calls to us."""
    secret: ClientSecret | None = None
    preferred_identity: str = ""
    """URI for P-Preferred-Identity (RFC 3325); empty: none is sent."""

    @property
    def address_of_record(self) -> Uri:
        """The name that we register."""
        return Uri("sip", self.user, host=self.domain)


@dataclass(frozen=True, slots=True)
class Trunk:
    """One carrier's line."""

    name: str
    mode: TrunkMode = "static"
    proxies: tuple[ProxyAddress, ...] = ()
    """Where our requests go, best first; none: the trunk only brings calls in."""
    networks: tuple[Network, ...] = ()
    """Where its calls come from; its proxies' own addresses count besides, once they are looked up."""
    accounts: tuple[TrunkAccount, ...] = ()
    """One for each address of record; the first one also signs our calls. Empty: none on a static trunk."""
    numbers: tuple[str, ...] = ()
    """Called numbers that it may reach; empty: all numbers of the house."""
    caller_numbers: tuple[str, ...] = ()
    """Numbers that our calls may show, E.164; the first one is shown when nothing else is asked for."""
    dns_servers: tuple[tuple[str, int], ...] = ()
    """Name servers for this trunk alone; none: the machine's."""
    local_ip: str = ""
    """Address of ours that this trunk's requests leave from; empty: as the machine's routes say."""
    voice: VoicePolicy = TRUNK_VOICE
    reliable: Literal["never", "supported", "required"] = "supported"
    early_media: bool = False
    session_expires_s: int = 1800
    """Session timer of its calls, both ways (RFC 4028); 0: none is asked for."""
    min_se_s: int = 90
    refresher: Refresher = "either"
    trusts_identity: bool = True
    identity: IdentityHeader = "asserted"
    area_code: str = "10"
    """Without the trunk zero."""
    dial_form: DialForm = "local"
    mobile_zero: bool = False
    """Mobile numbers are dialled with a 0 before them."""
    may_dial: tuple[NumberClass, ...] = SAFE_CLASSES
    max_calls: int = 30
    """Calls at a time, both ways together."""
    calls_per_second: float = 5.0
    keepalive_s: float = 25.0
    """Pause between OPTIONS to each proxy; 0: none are sent."""
    register_expires_s: int = 3600
    redirects: Redirects = "refuse"

    @property
    def origin(self) -> Origin:
        """What the gate says of a request that came over this trunk."""
        return Origin(
            OriginKind.TRUNK,
            self.name,
            trusts_identity=self.trusts_identity,
            area_code=self.area_code,
            voice=self.voice,
            early_media=self.early_media,
            reliable=self.reliable,
            timer=self.timer,
        )

    @property
    def timer(self) -> TimerWish | None:
        """The session timer that its calls ask for; None: none."""
        if not self.session_expires_s:
            return None
        refresher = {"us": "uac", "them": "uas"}.get(self.refresher)
        return TimerWish(max(self.session_expires_s, self.min_se_s), self.min_se_s, refresher)

    def dial_string(self, number: str) -> str:
        """Write a number as this trunk dials it; see ``numbers.dial_string``."""
        return dial_string(number, self.area_code, form=self.dial_form, mobile_zero=self.mobile_zero)


@dataclass(frozen=True, slots=True)
class Way:
    """One address of a proxy, and the flow to it."""

    proxy: ProxyAddress
    destination: Destination
    flow: Flow


class AccessList:
    """Which trunk an address belongs to.

    The most exact network wins; where two trunks name the same one, the first in the file. Addresses that
    a proxy's name stands for are learnt as they are looked up, and replace those learnt before.
    """

    def __init__(self, trunks: Iterable[Trunk]) -> None:
        self._trunks = tuple(trunks)
        self._learnt = {
            (trunk.name, str(proxy)): frozenset({ip})
            for trunk in self._trunks
            for proxy in trunk.proxies
            if (ip := numeric(proxy.host)) is not None
        }
        self._networks: Sequence[tuple[Network, Trunk]] = sorted(
            ((network, trunk) for trunk in self._trunks for network in trunk.networks),
            key=lambda entry: -entry[0].prefixlen,
        )
        self._by_address: dict[str, Trunk] = {}
        self._find = lru_cache(maxsize=4096)(self._search)
        self._index()

    @property
    def trunks(self) -> tuple[Trunk, ...]:
        """All trunks, in the order of the file."""
        return self._trunks

    def trunk_of(self, ip: str) -> Trunk | None:
        """Find the trunk that an address calls from; None for a stranger.

        :param ip: numeric, without brackets. An IPv4 address inside an IPv6 one counts as itself.
        """
        return self._find(ip)

    def named(self, name: str) -> Trunk | None:
        """Find a trunk by its name."""
        return next((trunk for trunk in self._trunks if trunk.name == name), None)

    def learn(self, name: str, proxy: str, ips: Iterable[str]) -> None:
        """Note the addresses that a proxy of a trunk has now."""
        self._learnt[name, proxy] = frozenset(ips)
        self._index()

    def _index(self) -> None:
        found: dict[str, Trunk] = {}
        for trunk in self._trunks:
            for (name, _), ips in self._learnt.items():
                if name == trunk.name:
                    for ip in ips:
                        found.setdefault(ip, trunk)
        self._by_address = found
        self._find.cache_clear()

    def _search(self, ip: str) -> Trunk | None:
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return None
        mapped = getattr(address, "ipv4_mapped", None)
        address = address if mapped is None else mapped
        known = self._by_address.get(str(address))
        if known is not None:
            return known
        return next((trunk for network, trunk in self._networks if address in network), None)
