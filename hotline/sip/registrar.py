"""A small registrar (RFC 3261, 10.3): where the house's own telephones are.

Bindings live in memory and expire when somebody asks. There is no Path, GRUU or outbound yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hotline.errors import RemoteProtocolError
from hotline.sip.digest import DigestServer
from hotline.sip.flow import Flow
from hotline.sip.headers import NameAddr, parse_credentials, parse_expires
from hotline.sip.inspection import Refusal
from hotline.sip.message import Request
from hotline.sip.uri import Uri

KNOWN_SCHEME = "digest"


def _never(_: Flow) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class RegistrarConfig:
    """The registrar of the house's own telephones (RFC 3261, 10.3)."""

    realm: str
    """Shown by telephones that ask for a password; part of every digest."""
    passwords: Mapping[str, str] = field(default_factory=dict)
    """Password of each user, who is the user part of his address of record."""
    trusts: Callable[[Flow], bool] = _never
    """Sources that may register anybody without a password; they are challenged only when they come
    with credentials of a scheme that we do not know."""
    longest_s: int = 3600
    """Longest binding that is granted."""
    shortest_s: int = 60
    """Shorter wishes are answered 423 (10.2.8 allows it below an hour)."""
    most_contacts: int = 10
    """Bindings of one address of record; more are answered 403."""
    most_users: int = 10_000
    """Addresses of record that a trusted source may make us remember."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One place where a user can be reached."""

    contact: NameAddr
    """As registered, without ``expires``; parameters inside <> belong to the URI."""
    expires: float
    """Monotonic seconds."""
    call_id: str
    cseq: int
    flow: Flow
    """The way it registered by: a telephone behind a NAT is reached there only."""

    @property
    def q(self) -> float:
        """Preference, 0 to 1 (20.10)."""
        try:
            return min(max(float(self.contact.param("q") or 1), 0.0), 1.0)
        except ValueError:
            return 1.0


class Registrar:
    """Bindings of addresses of record."""

    def __init__(self, config: RegistrarConfig, new_token: Callable[[], str]) -> None:
        self._config = config
        self._digest = DigestServer(config.realm, config.passwords, new_token)
        self._bindings: dict[str, list[Binding]] = {}

    def bindings(self, user: str, now: float) -> list[Binding]:
        """List where a user can be reached, best first."""
        alive = [binding for binding in self._bindings.get(user, ()) if binding.expires > now]
        return sorted(alive, key=lambda binding: -binding.q)

    def lose_connection(self, connection: int, now: float) -> None:  # noqa: ARG002 - one form
        """Forget bindings that hang on a connection."""
        for user, bindings in list(self._bindings.items()):
            kept = [binding for binding in bindings if binding.flow.connection != connection]
            if len(kept) < len(bindings):
                self._bindings[user] = kept

    def register(self, request: Request, flow: Flow, now: float) -> Refusal | tuple[tuple[str, str], ...]:
        """Carry out a REGISTER that passed the general checks, in the order of 10.3.

        :param flow: where it came from.
        :returns: the refusal, or the headers of the 200.
        """
        refused = self._authorize(request, flow, now)
        if refused is not None:
            return refused
        to = request.to.uri
        if not to.is_sip or not to.user:
            return Refusal(404)  # step 5: no address of record of ours
        user = to.user_decoded
        try:
            wanted = None if request.contact_is_star else self._wanted(request, flow, now)
        except RemoteProtocolError as error:
            return Refusal(error.status_hint)
        if isinstance(wanted, Refusal):
            return wanted
        old = self.bindings(user, now)
        # Step 7: an older request of the same telephone, come late, changes nothing.
        if (wanted is None or wanted) and any(_is_late(request, binding) for binding in old):
            return Refusal(500)
        if wanted is None:
            if request.expires != 0:
                return Refusal(400)  # step 6
            self._bindings.pop(user, None)
            return ()
        replaced = [binding.contact.uri for binding in wanted]
        kept = [binding for binding in old if not any(binding.contact.uri.matches(uri) for uri in replaced)]
        new = kept + [binding for binding in wanted if binding.expires > now]
        if len(new) > self._config.most_contacts or (
            user not in self._bindings and len(self._bindings) >= self._config.most_users
        ):
            return Refusal(403)
        self._bindings.pop(user, None)
        if new:
            self._bindings[user] = new
        return tuple(
            ("Contact", str(binding.contact.with_param("expires", str(round(binding.expires - now)))))
            for binding in self.bindings(user, now)
        )

    def _authorize(self, request: Request, flow: Flow, now: float) -> Refusal | None:
        config, text = self._config, request.headers.get("Authorization")
        if text is None:
            return None if config.trusts(flow) else self._challenge(now)
        try:
            given = parse_credentials(text)
        except RemoteProtocolError as error:
            return Refusal(error.status_hint)
        if given.scheme.lower() != KNOWN_SCHEME:
            return self._challenge(now)  # RFC 4475, 3.3.7
        user = self._digest.check(given, request.method, now)
        if user is None:
            return (
                None if config.trusts(flow) else self._challenge(now, stale=self._digest.is_stale(given, now))
            )
        return None if user == request.to.uri.user_decoded else Refusal(403)  # step 4: not for others

    def _challenge(self, now: float, *, stale: bool = False) -> Refusal:
        challenges = self._digest.challenges(now, stale=stale)
        return Refusal(401, tuple(("WWW-Authenticate", challenge) for challenge in challenges))

    def _wanted(self, request: Request, flow: Flow, now: float) -> list[Binding] | Refusal:
        config = self._config
        found: list[Binding] = []
        default = config.longest_s if request.expires is None else request.expires
        for contact in request.contacts:
            text = contact.param("expires")
            wish = default if text is None else parse_expires(text, "expires")
            if 0 < wish < config.shortest_s:
                return Refusal(423, (("Min-Expires", str(config.shortest_s)),))
            params = tuple((name, value) for name, value in contact.params if name.lower() != "expires")
            found.append(
                Binding(
                    NameAddr(contact.display_name, contact.uri, params),
                    now + min(wish, config.longest_s),
                    request.call_id,
                    request.cseq.number,
                    flow,
                )
            )
        return _last_of_each(found)


def _is_late(request: Request, binding: Binding) -> bool:
    return binding.call_id == request.call_id and request.cseq.number <= binding.cseq


def _last_of_each(bindings: list[Binding]) -> list[Binding]:
    """Keep the last of the contacts that are the same by RFC 3261, 19.1.4."""
    kept: list[Binding] = []
    seen: list[Uri] = []
    for binding in reversed(bindings):
        uri = binding.contact.uri
        if not any(uri.matches(other) for other in seen):
            seen.append(uri)
            kept.insert(0, binding)
    return kept
