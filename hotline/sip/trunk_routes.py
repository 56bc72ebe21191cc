"""Which trunk carries a call out, and how the call must look there.

A call leaves the house only on behalf of a telephone user: without one, no route is ever found, whatever
number is asked for. This is held here as well as at the gate and in the calls, because a line that
strangers can call out of is what telephone fraud lives on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hotline.sip.admission import Origin
from hotline.sip.dialling import ClientSecret, DialTarget
from hotline.sip.flow import host_text, numeric
from hotline.sip.headers import NameAddr
from hotline.sip.inspection import HeaderFields
from hotline.sip.numbers import COUNTRY, find_number, normalise_number
from hotline.sip.session_timer import TimerWish
from hotline.sip.trunk import NumberClass, Trunk, TrunkAccount, Way
from hotline.sip.trunk_calls import TrunkCalls
from hotline.sip.trunk_client import TrunkClient
from hotline.sip.uri import Uri
from hotline.sip.voice_terms import VoicePolicy

MAX_TARGETS: Final = 4
"""Addresses of one trunk that a call tries: its caller waits."""

_ANONYMOUS: Final = NameAddr("Anonymous", Uri("sip", "anonymous", host="anonymous.invalid"))  # RFC 3323, 4.1
_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")
_FREE: Final = re.compile(r"[48]00[0-9]{7}")
_GEOGRAPHIC: Final = re.compile(r"(?:10|2[0-9])[2-9][0-9]{7}|[3-9][0-9]{2}[2-9][0-9]{6,7}")
_SERVICE: Final = re.compile(r"[1-9][0-9]{2,5}")  # 110, 12345, 95588, 951234
_LONGEST_CODE_ALONE: Final = 8  # 1008611; shorter than any access code with a number abroad behind it


@dataclass(frozen=True, slots=True)
class TrunkRoute:
    """A call out over one trunk: the parts of its DialOrder."""

    trunk: str
    number: str
    """The number called, E.164 or a service code."""
    shown: str
    """The number that the call shows, E.164."""
    targets: tuple[DialTarget, ...]
    """Addresses of the trunk's proxies, to be tried one after another."""
    from_: NameAddr
    to: NameAddr
    local_ip: str
    """Our address towards the first of them."""
    voice: VoicePolicy
    headers: HeaderFields
    secret: ClientSecret | None
    origin: Origin
    timer: TimerWish | None
    allows_redirect: Callable[[Uri], DialTarget | None] | None


@dataclass(frozen=True, slots=True)
class NoRoute:
    """Why a call does not go out."""

    status: int
    """SIP status for who asked: 403, 404, 484 or 503."""
    reason: str
    """In a sentence."""


class TrunkRoutes:
    """Finds trunks for calls out.

    :param clients: our side of each trunk, by its name, in the order of the file.
    :param standing: tells how many calls stand on a trunk, both ways.
    """

    def __init__(
        self,
        clients: Mapping[str, TrunkClient],
        calls: TrunkCalls,
        standing: Callable[[str], int],
        area_code: str,
    ) -> None:
        self._clients, self._calls, self._standing, self._area_code = clients, calls, standing, area_code

    def find(
        self,
        acting: str,
        dialled: str,
        now: float,
        *,
        shown: str = "",
        withheld: bool = False,
        but: Sequence[str] = (),
    ) -> TrunkRoute | NoRoute:
        """Find the trunk for a call, and count the call there.

        :param acting: the telephone user on whose behalf the call goes out.
        :param dialled: as dialled in the house, without a prefix for the line.
        :param shown: number that the call wants to show; where the trunk does not own it, the trunk's
            first one is shown.
        :param withheld: the one who is called shall not see it; the carrier does (RFC 3323, RFC 3325).
        :param but: trunks that were tried already.
        """
        if not acting:
            return NoRoute(403, "no call goes out without a telephone user of the house")
        number = normalise_number(dialled, self._area_code)
        if not number:
            return NoRoute(484 if dialled.strip("+0 ") == "" else 404, f"{dialled!r} is no telephone number")
        refused: list[NoRoute] = []
        for is_up in (True, False):
            for name, client in self._clients.items():
                if name in but or client.is_up(now) is not is_up:
                    continue
                found = self._over(client, number, shown, withheld, now)
                if isinstance(found, TrunkRoute):
                    return found
                refused.append(found)
        # What a person can mend comes before what passes by itself, and that before "not at all".
        return min(
            refused, key=lambda one: _RANK.get(one.status, 9), default=NoRoute(404, "no trunk is left")
        )

    def _over(
        self, client: TrunkClient, number: str, shown: str, withheld: bool, now: float
    ) -> TrunkRoute | NoRoute:
        trunk = client.trunk
        if not trunk.proxies or not trunk.caller_numbers:
            return NoRoute(
                404, f"the trunk {trunk.name} carries no calls out: it has no proxies or caller_numbers"
            )
        kind = classify(number, trunk.area_code)
        if kind not in trunk.may_dial:
            return NoRoute(403, f"the trunk {trunk.name} may not dial {kind} numbers (may_dial)")
        ways = client.ways()[:MAX_TARGETS]
        if not ways:
            return NoRoute(503, f"the trunk {trunk.name} has no proxy that can be found")
        if trunk.mode == "registered" and not client.is_registered(now):
            return NoRoute(503, f"the trunk {trunk.name} is not registered")
        full = self._calls.admit_out(trunk.name, self._standing(trunk.name), now)
        if full:
            return NoRoute(503, full)
        caller = find_number(shown, trunk.caller_numbers, trunk.area_code) or trunk.caller_numbers[0]
        account = _account_of(trunk, caller)
        identity = _identity(trunk, account, caller, ways[0])
        target = _called_uri(trunk, account, number, ways[0])
        return TrunkRoute(
            trunk=trunk.name,
            number=number,
            shown=caller,
            targets=tuple(
                DialTarget(
                    _called_uri(trunk, account, number, way), way.flow, _route(client, account, way, now)
                )
                for way in ways
            ),
            from_=_ANONYMOUS if withheld else identity,
            to=NameAddr("", target),
            local_ip=ways[0].flow.local[0],
            voice=trunk.voice,
            headers=_headers(trunk, account, identity, withheld=withheld),
            secret=account.secret if account else None,
            origin=trunk.origin,
            timer=trunk.timer,
            allows_redirect=_redirect(ways) if trunk.redirects == "own_proxies" else None,
        )


_RANK: Final = {503: 0, 403: 1, 484: 2, 404: 3}


def classify(number: str, area_code: str) -> NumberClass:
    """Tell what a normalised number is, as our own area sees it.

    What the numbering plan does not know counts as abroad: an exchange may read ``00``, or the code of a
    long-distance carrier (``193``, ``17951``), in the midst of it.
    """
    if not number.startswith("+"):
        is_code = len(number) <= _LONGEST_CODE_ALONE and not number.startswith("0")
        return "service" if is_code else "international"
    if not number.startswith(f"+{COUNTRY}"):
        return "international"
    national = number[1 + len(COUNTRY) :]
    if _MOBILE.fullmatch(national):
        return "mobile"
    if _FREE.fullmatch(national):
        return "free"
    if _SERVICE.fullmatch(national) or _SERVICE.fullmatch(national.removeprefix(area_code)):
        return "service"
    if not _GEOGRAPHIC.fullmatch(national):
        return "international"
    return "local" if national.startswith(area_code) else "national"


def _account_of(trunk: Trunk, caller: str) -> TrunkAccount | None:
    """Find the account whose number is shown; else the first one signs."""
    for account in trunk.accounts:
        if find_number(account.user, (caller,), trunk.area_code):
            return account
    return trunk.accounts[0] if trunk.accounts else None


def _identity(trunk: Trunk, account: TrunkAccount | None, caller: str, way: Way) -> NameAddr:
    is_its_own = account is not None and find_number(account.user, (caller,), trunk.area_code)
    user = account.user if account is not None and is_its_own else trunk.dial_string(caller)
    host = account.domain if account is not None else host_text(way.flow.own_ip)
    return NameAddr("", Uri("sip", user, host=host, params=(("user", "phone"),)))


def _called_uri(trunk: Trunk, account: TrunkAccount | None, number: str, way: Way) -> Uri:
    """Write the Request-URI: at the domain of a registered trunk, at the proxy of a static one."""
    params = (("user", "phone"),)
    if trunk.mode == "registered" and account is not None:
        return Uri("sip", trunk.dial_string(number), host=account.domain, params=params)
    transport = () if way.destination.transport == "udp" else (("transport", way.destination.transport),)
    return Uri(
        "sip",
        trunk.dial_string(number),
        host=way.proxy.uri.host,
        port=way.proxy.port,
        params=params + transport,
    )


def _route(client: TrunkClient, account: TrunkAccount | None, way: Way, now: float) -> tuple[NameAddr, ...]:
    """Write the Route: the proxy, where the Request-URI is not its own, and what the registrar told."""
    told = client.service_route(way, now, account)
    if client.trunk.mode != "registered" or account is None:
        return told
    if account.domain.lower() == way.proxy.uri.host.lower():
        return told
    return (NameAddr("", way.proxy.uri.with_param("lr", None)), *told)


def _headers(
    trunk: Trunk, account: TrunkAccount | None, identity: NameAddr, *, withheld: bool
) -> HeaderFields:
    found: list[tuple[str, str]] = []
    match trunk.identity:
        case "asserted":
            found.append(("P-Asserted-Identity", f"<{identity.uri}>"))
        case "preferred":
            preferred = account.preferred_identity if account is not None else ""
            found.append(("P-Preferred-Identity", f"<{preferred or identity.uri}>"))
        case "remote_party":
            privacy = "full" if withheld else "off"
            found.append(("Remote-Party-ID", f"<{identity.uri}>;party=calling;screen=yes;privacy={privacy}"))
        case "none":
            pass
    if withheld:
        found.append(("Privacy", "id"))  # RFC 3325, 9.3
    return tuple(found)


def _redirect(ways: Sequence[Way]) -> Callable[[Uri], DialTarget | None]:
    """Follow a 3xx to proxies of the same trunk alone: a Contact from outside may cost the house money."""

    def allows(contact: Uri) -> DialTarget | None:
        if not contact.is_sip:
            return None
        host, ip = contact.address.lower(), numeric(contact.address)
        for way in ways:
            if ip == way.destination.ip or host == way.proxy.host.lower():
                return DialTarget(contact, way.flow)
        return None

    return allows
