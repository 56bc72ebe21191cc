"""The telephones and the lines of the house, as a call asks for them: names and numbers in, places out.

Groups come first, then users, then, for a telephone user who acts, numbers on a trunk. A call that came
in acts for nobody, so that no trunk ever leads to another one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol

from hotline.call.destinations import Destination, Found, Shown
from hotline.call.statuses import FORBIDDEN, NOT_THERE, UNKNOWN
from hotline.sip.admission import Origin, OriginKind
from hotline.sip.dialling import DialTarget
from hotline.sip.flow import host_text
from hotline.sip.headers import NameAddr
from hotline.sip.inspection import HeaderFields
from hotline.sip.phones import PhoneBook
from hotline.sip.trunk_routes import NoRoute, TrunkRoute
from hotline.sip.uri import Uri

EVERYBODY: Final = "agents"
"""The group of all telephones of the house, unless the site says who is in it."""
ANONYMOUS: Final = NameAddr("Anonymous", Uri("sip", "anonymous", host="anonymous.invalid"))  # RFC 3323, 4.1
ANSWER_ITSELF: Final[HeaderFields] = (
    # RFC 5373 never caught on; these two are what telephones listen to
    ("Alert-Info", "<http://notused>;info=alert-autoanswer;delay=0"),
    ("Call-Info", "<sip:notused>;answer-after=0"),
)


class Registrar(Protocol):
    """Where users can be reached (``hotline.sip.registrar``)."""

    def targets(self, user: str, now: float) -> tuple[tuple[DialTarget, ...], ...]:
        """Make the branches of a call to a user; empty: he is nowhere."""
        ...


class Routes(Protocol):
    """The trunks, for calls out (``hotline.sip.trunk_routes``)."""

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
        """Find the trunk for a call."""
        ...


class HouseDirectory:
    """The directory of a house.

    :param groups: users by group; see ``EVERYBODY``.
    :param routes: None: a house without lines out.
    :param forwards: telephones that answer with a 3xx may send their call to another one of the house.
    :param domains: hosts by which the house is known, in such a 3xx; none: any.
    :param is_own: tells whether a number is one that the house itself answers. A call to it would leave
        over a trunk only to come back over one: paid for twice, on two channels.
    """

    def __init__(
        self,
        phones: PhoneBook,
        registrar: Registrar,
        *,
        groups: Mapping[str, Sequence[str]] | None = None,
        routes: Routes | None = None,
        is_own: Callable[[str], bool] = lambda _number: False,
        forwards: bool = False,
        domains: Collection[str] = (),
    ) -> None:
        self._phones, self._registrar, self._routes = phones, registrar, routes
        self._groups, self._is_own = groups or {}, is_own
        self._forwards, self._domains = forwards, domains

    def is_user(self, name: str) -> bool:
        """Tell whether a name is a telephone of the house, or a group of them."""
        return name == EVERYBODY or name in self._groups or self._phones.get(name) is not None

    def find(
        self,
        to: Sequence[str],
        shown: Shown,
        now: float,
        *,
        acting: str = "",
        answers_itself: bool = False,
        but: Sequence[str] = (),
    ) -> Found:
        """Find users and groups and, for a telephone user who acts, a number outside."""
        users = list(dict.fromkeys(user for name in to for user in self._users(name)))
        if acting in users and len(users) > 1:
            users.remove(acting)
        from_ = (
            self._phones.get(shown.number) if acting else None
        )  # a caller's number may only look like ours
        name = from_.display_name if from_ is not None else ""
        found = [
            one for user in users if (one := self._user(user, shown, name, now, answers_itself)) is not None
        ]
        if found:
            return Found(tuple(found))
        if users:
            return Found((), NOT_THERE)
        if len(to) == 1 and self._is_own(to[0]):
            return Found((), FORBIDDEN, f"{to[0]} is a number of this house, which leads to no line out")
        if not acting or self._routes is None or len(to) != 1:
            return Found((), UNKNOWN)
        return self._outside(self._routes, acting, to[0], shown, now, but)

    def _users(self, name: str) -> Sequence[str]:
        if name in self._groups:
            return [user for user in self._groups[name] if self._phones.get(user) is not None]
        if self._phones.get(name) is not None:
            return (name,)
        return [phone.user for phone in self._phones] if name == EVERYBODY else ()

    def _user(
        self, user: str, shown: Shown, name: str, now: float, answers_itself: bool
    ) -> Destination | None:
        phone = self._phones.get(user)
        branches = self._registrar.targets(user, now)
        if phone is None or not branches:
            return None
        local = branches[0][0].flow.local[0]
        host = host_text(local)
        return Destination(
            peer=user,
            branches=branches,
            from_=_from(shown, name, host),
            to=NameAddr(phone.display_name, Uri("sip", user, host=host)),
            local_ip=local,
            origin=Origin(OriginKind.PHONE, user, voice=phone.voice),
            headers=ANSWER_ITSELF if answers_itself else (),
            forwards_to=(lambda uri: self._forwarded(uri, local)) if self._forwards else None,
        )

    def _forwarded(self, uri: Uri, local_ip: str) -> str:
        """Tell whom a Contact of a 3xx means, if that is a user or group of the house (RFC 3261, 8.1.3.4)."""
        user = uri.user_decoded if uri.is_sip else None
        if not user or not self.is_user(user):
            return ""
        is_here = not self._domains or uri.host.lower() in self._domains or uri.address == local_ip
        return user if is_here else ""

    def _outside(
        self,
        routes: Routes,
        acting: str,
        dialled: str,
        shown: Shown,
        now: float,
        but: Sequence[str],
    ) -> Found:
        phone = self._phones.get(acting)
        if phone is None:  # whoever acts must be known here, whatever the gate let in
            return Found((), FORBIDDEN)
        route = routes.find(acting, dialled, now, shown=phone.caller_number, withheld=shown.withheld, but=but)
        if isinstance(route, NoRoute):
            return Found((), route.status, route.reason)
        return Found(
            (
                Destination(
                    peer=route.number,
                    branches=(route.targets,),
                    from_=route.from_,
                    to=route.to,
                    local_ip=route.local_ip,
                    origin=route.origin,
                    headers=route.headers,
                    secret=route.secret,
                    timer=route.timer,
                    allows_redirect=route.allows_redirect,
                ),
            )
        )


def _from(shown: Shown, name: str, host: str) -> NameAddr:
    if shown.withheld or not shown.number:
        return ANONYMOUS
    return NameAddr(name, Uri("sip", shown.number, host=host))
