"""Digest authentication, the client's side (RFC 7616, RFC 8760; RFC 2069 for old servers; RFC 3261, 22).

One ``DigestClient`` belongs to one secret towards one peer: a trunk's registration, or one call. It
reads the challenges of a 401 or 407, answers the strongest that it knows, and counts each nonce.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.dialling import ClientSecret
from hotline.sip.grammar import quote
from hotline.sip.headers import Credentials, parse_credentials
from hotline.sip.inspection import HeaderFields
from hotline.sip.message import Request, Response

ALGORITHMS: Final[dict[str, Callable[[bytes], str]]] = {
    "SHA-512-256": lambda data: hashlib.new("sha512_256", data).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
"""Strongest first (RFC 8760, 2.4 lets the client choose)."""
MOST_SPACES: Final = 8
"""Realms remembered: a proxy or two, and the server."""
MOST_STALE: Final = 2
"""Fresh answers that may be called stale in a row, before we take the server for broken."""

_ORDER: Final = tuple(ALGORITHMS)
_HEADERS: Final = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


@dataclass(slots=True)
class _Space:
    """One realm that asked us, and how it wants to be answered."""

    header: str
    """The header that the answer goes in."""
    challenge: Credentials
    algorithm: str
    is_session: bool
    """A ``-sess`` algorithm (RFC 7616, 3.4.2)."""
    qop: str
    """``auth``, ``auth-int``, or empty for RFC 2069."""
    count: int = 0
    cnonce: str = ""
    """One for each nonce: with ``-sess``, servers disagree about which request's it is."""
    tries: int = 0
    """Challenges in a row that came to a first answer."""

    @property
    def realm(self) -> str:
        return self.challenge.param("realm") or ""

    @property
    def nonce(self) -> str:
        return self.challenge.param("nonce") or ""

    @property
    def is_stale(self) -> bool:
        return (self.challenge.param("stale") or "").lower() == "true"


class DigestClient:
    """Answers challenges.

    :param new_token: makes unguessable text for cnonce.
    """

    def __init__(self, secret: ClientSecret, new_token: Callable[[], str]) -> None:
        self._secret, self._new_token = secret, new_token
        self._spaces: dict[tuple[str, str], _Space] = {}

    def take(self, response: Response, request: Request) -> bool:
        """Read the challenges of a 401 or 407.

        :param request: what was challenged.
        :returns: True when the request is worth sending again with ``headers``; False when we know
            none of the algorithms, or the secret was refused: no second try with the same one (RFC
            3261, 22.1), unless the nonce was too old.
        """
        names = _HEADERS.get(response.status)
        if names is None:
            return False
        asked, header = names
        best: dict[str, _Space] = {}
        for text in response.headers.get_all(asked):
            space = _read(text, header)
            if space is not None and (
                space.realm not in best or _strength(space) < _strength(best[space.realm])
            ):
                best[space.realm] = space
        for space in best.values():
            known = self._spaces.pop((header, space.realm), None)
            if known is not None:
                was_first = _was_first_answer(request, known)
                space.tries = known.tries + 1 if was_first else 0
                if was_first and (not space.is_stale or space.tries > MOST_STALE):
                    return False
                if known.nonce == space.nonce:
                    space.count, space.cnonce = known.count, known.cnonce
            if len(self._spaces) >= MOST_SPACES:
                del self._spaces[next(iter(self._spaces))]
            self._spaces[header, space.realm] = space
        return bool(best)

    def headers(self, method: str, uri: str, body: bytes = b"") -> HeaderFields:
        """Write the answers to every realm that asked so far, each with its next nonce count.

        Also before anybody asks again: a request that brings its answer saves a round trip.

        :param uri: the Request-URI, as written.
        """
        return tuple(
            (space.header, self._answer(space, method, uri, body)) for space in self._spaces.values()
        )

    def _answer(self, space: _Space, method: str, uri: str, body: bytes) -> str:
        digest, user = ALGORITHMS[space.algorithm], self._secret.user
        space.count += 1
        space.cnonce = space.cnonce or self._new_token()
        count = f"{space.count:08x}"
        a1 = digest(_octets(f"{user}:{space.realm}:{self._secret.password}"))
        if space.is_session:
            a1 = digest(_octets(f"{a1}:{space.nonce}:{space.cnonce}"))
        a2 = f"{method}:{uri}:{digest(body)}" if space.qop == "auth-int" else f"{method}:{uri}"
        middle = f"{count}:{space.cnonce}:{space.qop}:" if space.qop else ""
        parts = [
            f"username={quote(user)}",
            f"realm={quote(space.realm)}",
            f"nonce={quote(space.nonce)}",
            f"uri={quote(uri)}",
            f'response="{digest(_octets(f"{a1}:{space.nonce}:{middle}{digest(_octets(a2))}"))}"',
        ]
        written = space.challenge.param("algorithm")
        if written:
            parts.append(f"algorithm={written}")
        if space.qop:
            parts += [f'cnonce="{space.cnonce}"', f"qop={space.qop}", f"nc={count}"]
        opaque = space.challenge.param("opaque")
        if opaque is not None:
            parts.append(f"opaque={quote(opaque)}")
        return f"Digest {', '.join(parts)}"


def _read(text: str, header: str) -> _Space | None:
    """Read one challenge; None for one that we cannot answer."""
    try:
        challenge = parse_credentials(text, "challenge")
    except RemoteProtocolError:
        return None
    algorithm, dash, session = (challenge.param("algorithm") or "MD5").upper().partition("-SESS")
    if challenge.scheme.lower() != "digest" or algorithm not in ALGORITHMS or session:
        return None
    if challenge.param("nonce") is None or challenge.param("realm") is None:
        return None
    qop = ""
    wanted = challenge.param("qop")
    if wanted is not None:
        offered = {word.strip().lower() for word in wanted.split(",")}
        qop = next((known for known in ("auth", "auth-int") if known in offered), "")
        if not qop:
            return None
    return _Space(header, challenge, algorithm, bool(dash), qop)


def _strength(space: _Space) -> int:
    return _ORDER.index(space.algorithm)


def _was_first_answer(request: Request, space: _Space) -> bool:
    """Tell whether a request brought the first answer to a challenge: then it is the secret that is wrong."""
    for text in request.headers.get_all(space.header):
        try:
            given = parse_credentials(text, space.header)
        except RemoteProtocolError:
            continue
        if given.param("realm") == space.realm and given.param("nonce") == space.nonce:
            return given.param("nc") == "00000001" if space.qop else space.count <= 1
    return False


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
