"""The gate of the product: which trunk or which telephone a request comes from, or none.

    source               REGISTER            INVITE                        anything else outside a dialog
    a trunk's address    asked for password  to the trunk's numbers only   answered
    a registered phone's asked for password  asked for password            answered
    anybody's            asked for password  silence                       silence

A carrier's line and a telephone may stand behind one address (a softphone beside the server, a
gateway of our own): what carries credentials for us, or comes from the very place that a telephone
registered from and in its name, is the telephone's. Who reaches only what his trunk reaches can never
call out: that takes an origin of kind PHONE, which takes a password.

A telephone on TLS proved itself when it registered; what else comes over that connection in its name
is believed (see docs/decisions/102-who-is-believed.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from hotline.errors import RemoteProtocolError
from hotline.sip.admission import Origin, OriginKind, Silence, Standing
from hotline.sip.authentication import Authentication
from hotline.sip.bindings import Bindings
from hotline.sip.flow import Flow
from hotline.sip.grammar import printable
from hotline.sip.inspection import Refusal, check_scheme
from hotline.sip.message import Request
from hotline.sip.numbers import called_number
from hotline.sip.phones import Phone, PhoneBook
from hotline.sip.rate import source_key
from hotline.sip.trunk import Trunk
from hotline.sip.trunk_calls import TrunkCalls

NOTE_EVERY_S: Final = 3600.0
"""One notice of a kind a source an hour."""
MAX_NOTED: Final = 4096
MOST_CALLS_OF_A_PHONE: Final = 16
"""Calls of one telephone user at a time, both ways: more than any desk has, and far fewer than ``[sip]
max_calls``, so that one stolen password or one mad telephone keeps no resident out."""
PHONE_RETRY_S: Final = 10


class TrunkList(Protocol):
    """What the gate asks of the trunks (``hotline.sip.trunk.AccessList``)."""

    @property
    def trunks(self) -> Sequence[Trunk]:
        """All trunks."""
        ...

    def trunk_of(self, ip: str) -> Trunk | None:
        """Find the trunk that an address calls from; None for a stranger."""
        ...


@dataclass(slots=True)
class GateCounts:
    """What the gate decided, for the metrics."""

    trunk_requests: int = 0
    phone_requests: int = 0
    registrations: int = 0
    """REGISTER requests for our domain."""
    silenced: int = 0
    """Requests of strangers, dropped without a word."""
    foreign_domain: int = 0
    """REGISTER for a domain that is not ours, dropped without a word."""
    other_numbers: int = 0
    """Calls of a trunk to what is not its to reach."""
    trunk_full: int = 0
    """Calls refused because the trunk's channels were all taken."""
    trunk_too_fast: int = 0
    """Calls refused because they came faster than the trunk may."""
    phone_full: int = 0
    """Calls of a telephone that has too many already."""
    wrong_identity: int = 0
    """Calls of a telephone in another one's name."""


@dataclass(frozen=True, slots=True)
class GateConfig:
    """What a site decides about its gate."""

    numbers: tuple[str, ...]
    """Numbers of the house; a trunk may narrow them."""
    domains: frozenset[str] = frozenset()
    """Hosts, in lower case, that telephones may register at; empty: whatever name they reach us by."""


class Gate:
    """Fills ``hotline.sip.admission.Admission``.

    :param calls_of: how many calls an origin has.
    :param calls: the caps of the trunks, where calls out count as well; None: caps of its own.
    :param on_notice: told ``(kind, source, detail)`` of what a person should see, once an hour a source.
    """

    def __init__(
        self,
        config: GateConfig,
        trunks: TrunkList,
        phones: PhoneBook,
        bindings: Bindings,
        door: Authentication,
        on_notice: Callable[[str, str, str], None] = lambda _kind, _source, _detail: None,
        calls: TrunkCalls | None = None,
    ) -> None:
        self.counts = GateCounts()
        self._calls = calls or TrunkCalls(trunks.trunks)
        self._config, self._trunks, self._phones = config, trunks, phones
        self._bindings, self._door, self._on_notice = bindings, door, on_notice
        self._noted: dict[tuple[str, str], float] = {}

    def knows(self, ip: str, now: float) -> bool:
        """Tell, before a message is parsed, whether an address is a trunk's or a registered phone's."""
        return self._bindings.knows_source(ip, now) or self._trunks.trunk_of(ip) is not None

    def hears(self, request: Request, flow: Flow, now: float) -> bool:
        """Tell whether a request outside any dialog is answered at all."""
        if request.method == "REGISTER":
            return self._is_our_domain(request)
        return self.knows(flow.remote[0], now)

    def admit(
        self, request: Request, flow: Flow, now: float, standing: Standing
    ) -> Origin | Refusal | Silence:
        """Place a request outside any dialog.

        :param standing: tells how many calls each origin has.
        """
        if request.method == "REGISTER":
            return self._admit_registration(request, flow, now)
        ip = flow.remote[0]
        trunk = self._trunks.trunk_of(ip)
        if self._is_phones(request, flow, now) if trunk else self._bindings.knows_source(ip, now):
            return self._admit_phone(request, flow, now, standing)
        if trunk is None:
            self.counts.silenced += 1
            return Silence.SILENCE
        return self._admit_trunk(trunk, request, now, standing)

    def origin_of(self, user: str) -> Origin:
        """Tell what a telephone's requests count as."""
        phone = self._phones.get(user)
        return _of(phone) if phone else _STRANGER

    # -- the three kinds of sources -------------------------------------------------------------------

    def _admit_registration(self, request: Request, flow: Flow, now: float) -> Origin | Refusal | Silence:
        if not self._is_our_domain(request):
            self.counts.foreign_domain += 1
            return Silence.SILENCE
        self.counts.registrations += 1
        if "authorization" not in request.headers.by_key():
            # Asked here, where nothing is remembered of the request (RFC 3261, 8.2.7).
            asked = self._door.authenticate(request, flow, now)
            assert isinstance(asked, Refusal)
            return asked
        return _STRANGER  # the registrar looks at the password

    def _is_our_domain(self, request: Request) -> bool:
        return not self._config.domains or request.uri.address.lower() in self._config.domains

    def _admit_phone(self, request: Request, flow: Flow, now: float, standing: Standing) -> Origin | Refusal:
        named = request.from_.uri.user_decoded
        holds = self._holds(named, flow, now, through_proxies=False)
        if request.method != "INVITE":
            # Answered or refused without doing anything: it need not be proved.
            self.counts.phone_requests += 1
            return self.origin_of(named) if holds else _STRANGER
        # Behind a proxy others use the connection as well; what a proxy sends on bears its Via besides.
        is_its_own = holds and flow.is_secure and len(request.vias) == 1
        phone = self._phones.get(named) if is_its_own else None
        if phone is None:
            found = self._door.authenticate(request, flow, now)
            if isinstance(found, Refusal):
                return found
            phone = found
        if phone.user != named:
            self.counts.wrong_identity += 1
            self._note(
                "phone.wrong_identity", flow.remote[0], f"{phone.user} calls as {printable(named)[:64]}", now
            )
            return Refusal(403)
        if standing(OriginKind.PHONE, phone.user) >= MOST_CALLS_OF_A_PHONE:
            self.counts.phone_full += 1
            self._note("phone.full", phone.user, f"{MOST_CALLS_OF_A_PHONE} calls stand", now)
            return Refusal(503, (("Retry-After", str(PHONE_RETRY_S)),), "Too Many Calls Of This Telephone")
        self.counts.phone_requests += 1
        return _of(phone)

    def _admit_trunk(
        self, trunk: Trunk, request: Request, now: float, standing: Standing
    ) -> Origin | Refusal:
        if request.method == "INVITE":
            refusal = self._check_call(trunk, request, now, standing)
            if refusal is not None:
                return refusal
        self.counts.trunk_requests += 1
        return trunk.origin

    def _check_call(self, trunk: Trunk, request: Request, now: float, standing: Standing) -> Refusal | None:
        unreadable = check_scheme(request)
        if unreadable is not None:
            return unreadable
        numbers = trunk.numbers or self._config.numbers
        if called_number(request.uri, numbers, trunk.area_code) is None:
            self.counts.other_numbers += 1
            return Refusal(404)
        stand = standing(OriginKind.TRUNK, trunk.name)
        refusal = self._calls.admit_in(trunk.name, stand, now)
        if refusal is None:
            return None
        if stand >= trunk.max_calls:
            self.counts.trunk_full += 1
            self._note("trunk.full", trunk.name, f"{trunk.max_calls} calls stand", now)
        else:
            self.counts.trunk_too_fast += 1
            self._note("trunk.too_fast", trunk.name, f"more than {trunk.calls_per_second:g} calls/s", now)
        return refusal

    # -- whose it is ------------------------------------------------------------------------------------

    def _is_phones(self, request: Request, flow: Flow, now: float) -> bool:
        """Tell whether a request from a trunk's address is a telephone's all the same."""
        if "authorization" in request.headers.by_key():
            try:
                given = self._door.credentials(request)
            except RemoteProtocolError:
                return False
            if given is not None and given.param("realm") == self._door.realm:
                return True
        return self._holds(request.from_.uri.user_decoded, flow, now, through_proxies=True)

    def _holds(self, user: str, flow: Flow, now: float, *, through_proxies: bool) -> bool:
        """Tell whether a user registered from where a request comes.

        :param through_proxies: count what came through a proxy, which others use as well.
        """
        return any(
            binding.flow.connection == flow.connection
            and binding.flow.remote == flow.remote
            and (through_proxies or not binding.path)
            for binding in self._bindings.of(user, now)
        )

    def _note(self, kind: str, source: str, detail: str, now: float) -> None:
        key = (kind, source_key(source) if source[:1].isdigit() or ":" in source else source)
        if self._noted.get(key, now) > now:
            return
        self._noted.pop(key, None)
        if len(self._noted) >= MAX_NOTED:
            del self._noted[next(iter(self._noted))]
        self._noted[key] = now + NOTE_EVERY_S
        self._on_notice(kind, source, detail)


_STRANGER: Final = Origin(OriginKind.PHONE, trusts_identity=False)


def _of(phone: Phone) -> Origin:
    return Origin(OriginKind.PHONE, phone.user, trusts_identity=False, voice=phone.voice)
