"""Digest authentication, the server's side (RFC 8760 with RFC 7616; RFC 3261, 22.4).

Nonces are made by this process and remembered, so that none can be forged or used past its life,
and each nonce count is taken once. A wrong user, a wrong password and an unknown nonce look alike
from outside.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from hotline.sip.headers import Credentials

ALGORITHMS: Final[dict[str, Callable[[bytes], str]]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    # Telephones of every age know MD5 only; it guards the password, not the call.
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
"""In the order of preference, as the challenges are sent (RFC 8760, 2.4)."""

NONCE_LIFE_S: Final = 300.0
"""After that a telephone is told ``stale=true`` and tries again by itself."""
MAX_NONCES: Final = 4096
"""Nonces remembered; the oldest are forgotten first, their users asked again."""


@dataclass(slots=True)
class _Nonce:
    expires: float
    last_count: int = 0


class DigestServer:
    """Challenges, and checks what comes back.

    :param passwords: password of each user.
    :param new_token: makes unguessable text.
    """

    def __init__(self, realm: str, passwords: Mapping[str, str], new_token: Callable[[], str]) -> None:
        self._realm, self._passwords, self._new_token = realm, passwords, new_token
        self._nonces: dict[str, _Nonce] = {}

    def challenges(self, now: float, *, stale: bool = False) -> list[str]:
        """Make the values of WWW-Authenticate, one for each algorithm, best first."""
        nonce = self._new_token()
        self._forget_old(now)
        self._nonces[nonce] = _Nonce(now + NONCE_LIFE_S)
        realm = self._realm.replace("\\", "\\\\").replace('"', '\\"')
        tail = ", stale=true" if stale else ""
        return [
            f'Digest realm="{realm}", nonce="{nonce}", algorithm={algorithm}, qop="auth"{tail}'
            for algorithm in ALGORITHMS
        ]

    def check(self, given: Credentials, method: str, now: float) -> str | None:
        """Check credentials.

        :returns: the user, or None when he must be challenged again.
        """
        user, nonce, uri = given.param("username") or "", given.param("nonce") or "", given.param("uri") or ""
        digest = ALGORITHMS.get((given.param("algorithm") or "MD5").upper())
        count = _count(given.param("nc") or "")
        if (
            digest is None
            or given.param("qop") != "auth"
            or count is None
            or given.param("realm") != self._realm
        ):
            return None
        secret = self._passwords.get(user, "")
        a1 = digest(_bytes(f"{user}:{self._realm}:{secret}"))
        a2 = digest(_bytes(f"{method}:{uri}"))
        cnonce = given.param("cnonce") or ""
        wanted = digest(_bytes(f"{a1}:{nonce}:{given.param('nc')}:{cnonce}:auth:{a2}"))
        is_right = hmac.compare_digest(wanted.encode(), _bytes((given.param("response") or "").lower()))
        known = self._nonces.get(nonce)
        if not is_right or not secret or known is None or known.expires <= now or count <= known.last_count:
            return None
        known.last_count = count
        return user

    def is_stale(self, given: Credentials, now: float) -> bool:
        """Tell whether the nonce was ours but is too old: the telephone need not ask a person again."""
        known = self._nonces.get(given.param("nonce") or "")
        return known is not None and known.expires <= now

    def _forget_old(self, now: float) -> None:
        # An expired nonce is kept for one more life, so that its user learns that it is only stale.
        while self._nonces:
            oldest = next(iter(self._nonces))
            if len(self._nonces) < MAX_NONCES and self._nonces[oldest].expires + NONCE_LIFE_S > now:
                return
            del self._nonces[oldest]


def _count(text: str) -> int | None:
    try:
        return int(text, 16) if len(text) == 8 else None
    except ValueError:
        return None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
