"""Digest authentication, the server's side (RFC 7616 and 8760; RFC 3261, 22.4).

A nonce carries when and for whom it was made, under a keyed hash of this process: none can be forged,
and a flood of requests without credentials leaves nothing in memory. Only nonces that a right answer
came for are remembered, so that each nonce count is taken once. What a wrong user, a wrong password
and a locked-out source are told, and how long it takes to tell them, is the same.

Passwords are not kept: ``Secret`` is what RFC 7616 calls H(A1), bound to user and realm.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.grammar import unquote
from hotline.sip.headers import Credentials
from hotline.sip.rate import source_key
from hotline.sip.uri import Uri, parse_uri


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _md5(data: bytes) -> str:
    # Telephones of every age know MD5 only; it guards the password, not the call.
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


ALGORITHMS: Final[Mapping[str, Callable[[bytes], str]]] = {"SHA-256": _sha256, "MD5": _md5}
"""In the order of preference, as the challenges are sent (RFC 8760, 2.4)."""

PLAIN: Final = "MD5"
"""The one that every telephone knows; some give up when another is offered besides."""

NONCE_LIFE_S: Final = 600.0
"""After that a telephone is told ``stale=true`` and tries again by itself."""
MAX_USED_NONCES: Final = 20_000
"""Nonces whose counts are remembered, one for each telephone that registered within their life. With
more, those made longest ago count as stale: their users are asked again, and none can be replayed."""
_MAC_BYTES: Final = 10
_LONGEST_FIELD: Final = 512
"""Characters of one parameter that we hash; more is no telephone's."""


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """What proves a password without being it: H(user:realm:password) for each algorithm, in hex.

    Whoever reads it can register as this user in this realm, and nowhere else.
    """

    md5: str
    sha256: str

    @classmethod
    def of(cls, user: str, realm: str, password: str) -> Secret:
        """Compute it from a password."""
        text = _bytes(f"{user}:{realm}:{password}")
        return cls(_md5(text), _sha256(text))

    def __repr__(self) -> str:
        return "Secret(...)"  # never into a log


class Verdict(Enum):
    """What came of a look at credentials."""

    RIGHT = "right"
    STALE = "stale"
    """The nonce is too old, another process's, another address's, or its count was used: nothing is
    said about the password, and ``stale=true`` makes the telephone answer the new nonce by itself."""
    WRONG = "wrong"
    """An answer to a nonce of ours that does not fit: somebody guesses, or mistyped a password."""
    UNFIT = "unfit"
    """Not what we asked for: another realm, algorithm or qop, or a parameter is missing."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A verdict, and whom the credentials name."""

    verdict: Verdict
    user: str = ""


class DigestServer:
    """Challenges, and checks what comes back.

    :param realm: shown by telephones that ask for a password; part of every digest.
    :param secret_of: the secret of a user; None for an unknown one.
    :param new_token: makes unguessable text.
    :param algorithms: of ``ALGORITHMS``, best first.
    """

    def __init__(
        self,
        realm: str,
        secret_of: Callable[[str], Secret | None],
        new_token: Callable[[], str],
        algorithms: Sequence[str] = tuple(ALGORITHMS),
    ) -> None:
        self.realm = realm
        self._secret_of, self._algorithms = secret_of, {name: ALGORITHMS[name] for name in algorithms}
        self._key = _bytes(new_token() + new_token())[:32]
        self._nobody = Secret.of(new_token(), realm, new_token())
        """What an unknown user's answer is compared with: it takes as long, and never fits."""
        written = realm.replace("\\", "\\\\").replace('"', '\\"')
        self._heads = [
            (f'Digest realm="{written}", nonce="', f'", algorithm={name}, qop="auth"')
            for name in self._algorithms
        ]
        self._plain_heads = [
            head for name, head in zip(self._algorithms, self._heads, strict=True) if name == PLAIN
        ]
        # Neither how long we have been running nor how many asked before is anybody's business.
        start = hashlib.blake2s(b"start", key=self._key, digest_size=8).digest()
        self._origin_ms = int.from_bytes(start[:5], "big")
        self._serial = int.from_bytes(start[5:], "big")
        self._used: dict[str, tuple[int, int]] = {}
        """Nonce: when it was made, and its last count; in the order of their first use."""
        self._floor_ms = -1
        """Nonces made then or earlier count as stale: we may have forgotten their counts."""

    def __len__(self) -> int:
        return len(self._used)

    def challenges(self, ip: str, now: float, *, stale: bool = False, plain: bool = False) -> list[str]:
        """Make the values of WWW-Authenticate, one for each algorithm, best first.

        :param ip: where the answer will come from; the nonce is good for no other source.
        :param plain: offer MD5 alone, where it is offered at all, as before RFC 8760.
        """
        self._serial += 1
        nonce = self._nonce(f"{int(now * 1000) + self._origin_ms:012x}{self._serial & 0xFFFFFFFF:08x}", ip)
        tail = ", stale=true" if stale else ""
        heads = (self._plain_heads or self._heads) if plain else self._heads
        return [f"{head}{nonce}{middle}{tail}" for head, middle in heads]

    def check(
        self, given: Credentials, method: str, uri: Uri, ip: str, now: float, *, believes: bool = True
    ) -> Checked:
        """Check credentials.

        :param uri: Request-URI of the request that they came with.
        :param ip: where it came from.
        :param believes: False looks as long and finds even the right password wrong, without a trace.
        """
        params = {name.lower(): unquote(value or "") for name, value in given.params}
        user, nonce, response = (
            params.get("username", ""),
            params.get("nonce", ""),
            params.get("response", "").lower(),
        )
        digest = self._algorithms.get(params.get("algorithm", "MD5").upper())
        count_text, cnonce, digest_uri = (
            params.get("nc", ""),
            params.get("cnonce", ""),
            params.get("uri", ""),
        )
        count = _count(count_text)
        if (
            digest is None
            or count is None
            or not cnonce
            or params.get("qop") != "auth"
            or params.get("realm") != self.realm
            or max(map(len, (user, nonce, cnonce, digest_uri))) > _LONGEST_FIELD
            or not _is_same_target(digest_uri, uri)
        ):
            return Checked(Verdict.UNFIT, user)
        made_ms = self._made_ms(nonce, ip, now)
        if made_ms is None:
            return Checked(Verdict.STALE, user)
        known = self._secret_of(user) if believes else None
        secret = known or self._nobody
        a1 = secret.sha256 if digest is _sha256 else secret.md5
        a2 = digest(_bytes(f"{method}:{digest_uri}"))
        wanted = digest(_bytes(f"{a1}:{nonce}:{count_text}:{cnonce}:auth:{a2}"))
        if not hmac.compare_digest(wanted.encode(), _bytes(response)) or known is None:
            return Checked(Verdict.WRONG, user)
        if count <= self._used.get(nonce, (0, 0))[1]:
            return Checked(Verdict.STALE, user)
        self._remember(nonce, made_ms, count, now)
        return Checked(Verdict.RIGHT, user)

    def _nonce(self, opening: str, ip: str) -> str:
        text = f"{opening}|{source_key(ip)}"
        return opening + hashlib.blake2s(_bytes(text), key=self._key, digest_size=_MAC_BYTES).hexdigest()

    def _made_ms(self, nonce: str, ip: str, now: float) -> int | None:
        """Tell when a nonce was made; None when it is not of ours for this source, or is too old."""
        opening = nonce[: -2 * _MAC_BYTES]
        if not hmac.compare_digest(_bytes(self._nonce(opening, ip)), _bytes(nonce)):
            return None
        made_ms = int(opening[:12], 16) - self._origin_ms  # written by us
        if made_ms <= self._floor_ms or now * 1000 >= made_ms + NONCE_LIFE_S * 1000:
            return None
        return made_ms

    def _remember(self, nonce: str, made_ms: int, count: int, now: float) -> None:
        self._used[nonce] = (made_ms, count)
        while self._used:
            oldest = next(iter(self._used))
            oldest_ms = self._used[oldest][0]
            if now * 1000 < oldest_ms + NONCE_LIFE_S * 1000:
                if len(self._used) <= MAX_USED_NONCES:
                    return
                self._floor_ms = max(self._floor_ms, oldest_ms)
            del self._used[oldest]


def _is_same_target(written: str, uri: Uri) -> bool:
    """Tell whether ``uri`` of the digest means the Request-URI (RFC 7616, 3.4.6).

    A proxy may have changed the host; whom the request is for must be what the user signed, or one who
    listens could turn a colleague's call into one of his own.
    """
    if written == str(uri):
        return True
    try:
        signed = parse_uri(written)
    except RemoteProtocolError:
        return False
    return signed.is_sip == uri.is_sip and signed.user_decoded == uri.user_decoded


def _count(text: str) -> int | None:
    try:
        return int(text, 16) if len(text) == 8 and text.isalnum() else None
    except ValueError:
        return None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
