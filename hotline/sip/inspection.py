"""What a server looks at before it does what a request asks (RFC 3261, 8.2, in its order).

Each check returns the refusal to send, or None. They look at one request; what needs the memory of
the user agent (dialogs, merged requests, how many calls stand) is checked there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from hotline.sip.body import SDP, Part, find_sdp, parts_of
from hotline.sip.message import Request

_CALLS: Final = {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO"}
KNOWN_METHODS: Final = frozenset(_CALLS | {"SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PUBLISH"})
"""Methods of the IANA registry: one of these is answered 405 where it is not allowed, others 501."""

KNOWN_SCHEMES: Final = frozenset({"sip", "sips", "tel"})

HeaderFields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A final error to send."""

    status: int
    headers: HeaderFields = ()
    reason: str | None = None


def check_method(request: Request, allow: Collection[str]) -> Refusal | None:
    """Check the method (8.2.1): 501 when nobody knows it, 405 with Allow when it is not served."""
    if request.method in allow:
        return None
    status = 405 if request.method in KNOWN_METHODS else 501
    return Refusal(status, (("Allow", ", ".join(allow)),))


def check_scheme(request: Request) -> Refusal | None:
    """Check the scheme of the Request-URI (8.2.2.1)."""
    return None if request.uri.scheme in KNOWN_SCHEMES else Refusal(416)


def check_require(request: Request, supported: Collection[str]) -> Refusal | None:
    """Check Require (8.2.2.3): 420 naming what we lack. A CANCEL and an ACK are not asked (ibid.)."""
    missing = [tag for tag in request.require if tag.lower() not in supported]
    return Refusal(420, (("Unsupported", ", ".join(missing)),)) if missing else None


def check_body(request: Request, understood: Collection[str]) -> Refusal | None:
    """Check type and encoding of the body (8.2.3): 415 naming what we take."""
    encoding = (request.headers.get("Content-Encoding") or "identity").lower()
    if request.body and encoding != "identity":
        return Refusal(415, (("Accept-Encoding", "identity"),))
    parts = parts_of(request)
    if find_sdp(parts) is not None and SDP in understood:
        return None  # ISUP, a location and the like beside the SDP change nothing for us
    if all(_is_understood(part, understood) for part in parts):
        return None
    return Refusal(415, (("Accept", ", ".join(understood)),))


def check_accept(request: Request) -> Refusal | None:
    """Check that an INVITE takes session descriptions in our answer (20.1): 406."""
    accept = request.accept
    if accept is None or any(media_range.covers(SDP) for media_range in accept):
        return None
    return Refusal(406)


def _is_understood(part: Part, understood: Collection[str]) -> bool:
    return part.is_optional or part.essence in understood
