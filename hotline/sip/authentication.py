"""Who says to be a telephone of the house must prove it: the door that REGISTER and INVITE go through.

An unknown user, a wrong password and a locked-out source get one and the same 401, after the same
work: nobody outside learns which extensions exist.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from hotline.errors import RemoteProtocolError
from hotline.sip.digest import ALGORITHMS, DigestServer, Verdict
from hotline.sip.flow import Flow
from hotline.sip.grammar import printable
from hotline.sip.headers import Credentials, parse_credentials
from hotline.sip.inspection import Refusal
from hotline.sip.lock_out import LockOut
from hotline.sip.message import Request
from hotline.sip.phones import Phone, PhoneBook

SCHEME: Final = "digest"
UNANSWERED: Final = 1
"""Challenges in a row that a telephone may leave unanswered before it is offered MD5 alone. Those that know
nothing else should pass over what they do not know (RFC 8760, 2.4), but many give up."""
_LONGEST_NAME: Final = 64  # of what a stranger calls himself, in the log
MOST_ASKED: Final = 4096
"""Sources and users remembered for that; the oldest are forgotten first, and are offered all again."""


@dataclass(slots=True)
class AuthenticationCounts:
    """What became of those who knocked, for the metrics."""

    challenged: int = 0
    """Asked for a password the first time."""
    proven: int = 0
    stale: int = 0
    wrong: int = 0
    """Wrong passwords and unknown users."""
    unfit: int = 0
    """Credentials of another realm, algorithm or form."""
    locked_out: int = 0
    """Not believed whatever they said."""
    locks: int = 0
    """Times that a lock began."""


class Door(Protocol):
    """Tells who somebody is."""

    def authenticate(self, request: Request, flow: Flow, now: float) -> Phone | Refusal:
        """Find whose request it is.

        :returns: the account that proved itself, or the challenge to send.
        """
        ...


class Authentication:
    """The door of the product.

    :param algorithms: of ``hotline.sip.digest.ALGORITHMS``, best first.
    :param on_lock: told ``(ip, user)`` when a source is locked out.
    """

    def __init__(
        self,
        realm: str,
        phones: PhoneBook,
        new_token: Callable[[], str],
        *,
        algorithms: Sequence[str] = tuple(ALGORITHMS),
        on_lock: Callable[[str, str], None] = lambda _ip, _user: None,
    ) -> None:
        self.counts = AuthenticationCounts()
        self.lock_out = LockOut()
        self._phones = phones
        self._digest = DigestServer(realm, phones.secret_of, new_token, algorithms)
        self._on_lock = on_lock
        self._asked: dict[tuple[str, str], tuple[int, str]] = {}
        """Source and user: challenges that they left unanswered, and the last request so challenged."""

    @property
    def realm(self) -> str:
        """The realm of every challenge."""
        return self._digest.realm

    def authenticate(self, request: Request, flow: Flow, now: float) -> Phone | Refusal:
        """Find whose request it is (RFC 3261, 22.2)."""
        ip = flow.remote[0]
        try:
            given = self.credentials(request)
        except RemoteProtocolError as error:
            return Refusal(error.status_hint)
        if given is None:
            self.counts.challenged += 1
            return self._challenge(ip, now, plain=self._gave_up(request, ip))
        self._asked.pop((ip, request.from_.uri.user_decoded), None)
        user = given.param("username") or ""
        is_locked = self.lock_out.is_locked(ip, user, now)
        checked = self._digest.check(given, request.method, request.uri, ip, now, believes=not is_locked)
        if is_locked:
            self.counts.locked_out += 1
            return self._challenge(ip, now, stale=checked.verdict is Verdict.STALE)
        match checked.verdict:
            case Verdict.RIGHT:
                phone = self._phones.get(checked.user)
                assert phone is not None
                self.counts.proven += 1
                self.lock_out.succeed(ip, user, now)
                return phone
            case Verdict.STALE:
                self.counts.stale += 1
                return self._challenge(ip, now, stale=True)
            case Verdict.WRONG:
                self.counts.wrong += 1
                if self.lock_out.fail(ip, user, now):
                    self.counts.locks += 1
                    self._on_lock(ip, printable(user)[:_LONGEST_NAME])
            case Verdict.UNFIT:
                self.counts.unfit += 1
        return self._challenge(ip, now)

    def credentials(self, request: Request) -> Credentials | None:
        """Find the credentials meant for us: of scheme Digest, for our realm if several are given.

        :returns: None when there are none, or only of a scheme that we do not know (RFC 4475, 3.3.7).
        :raises RemoteProtocolError: 400, if they cannot be read.
        """
        found: Credentials | None = None
        for text in request.headers.by_key().get("authorization", ()):
            given = parse_credentials(text)
            if given.scheme.lower() == SCHEME and (found is None or given.param("realm") == self.realm):
                found = given
        return found

    def _gave_up(self, request: Request, ip: str) -> bool:
        """Note a challenge; tells whether this telephone does not know how to answer what we offer."""
        key, this = (ip, request.from_.uri.user_decoded), f"{request.cseq.number} {request.call_id}"
        count, last = self._asked.pop(key, (0, ""))
        if last != this:  # a repetition was not left unanswered, but lost
            count += 1
        if len(self._asked) >= MOST_ASKED:
            del self._asked[next(iter(self._asked))]
        self._asked[key] = (count, this)
        return count > UNANSWERED

    def _challenge(self, ip: str, now: float, *, stale: bool = False, plain: bool = False) -> Refusal:
        challenges = self._digest.challenges(ip, now, stale=stale, plain=plain)
        return Refusal(401, tuple(("WWW-Authenticate", challenge) for challenge in challenges))
