"""What a message carries: the session description, alone or as one part of several.

A carrier's INVITE may wrap its SDP in ``multipart/mixed`` beside ISUP or a location (RFC 5621);
parts that we do not know are passed over when their sender marked them optional.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hotline.sip.message import Request, Response

SDP: Final = "application/sdp"
MAX_PARTS: Final = 16
"""Parts of a multipart body; seen from carriers are two or three."""
_MULTIPART: Final = frozenset({"multipart/mixed", "multipart/alternative"})


@dataclass(frozen=True, slots=True)
class Part:
    """One body part."""

    essence: str
    """``type/subtype`` in lower case; ``text/plain`` when not told (RFC 2046, 5.1)."""
    is_optional: bool
    """True for ``Content-Disposition: ...;handling=optional`` (RFC 3261, 20.11)."""
    body: bytes


def parts_of(message: Request | Response) -> list[Part]:
    """Take the body of a message apart; a body without a Content-Type is taken as SDP of an old peer."""
    if not message.body:
        return []
    media_type = message.content_type
    if media_type is None:
        return [Part(SDP, is_optional=False, body=message.body)]
    essence = media_type.essence
    boundary = media_type.param("boundary") if essence in _MULTIPART else None
    if boundary:
        return _split(message.body, boundary)
    disposition = message.headers.get("Content-Disposition") or ""
    return [Part(essence, _is_optional(disposition), message.body)]


def find_sdp(parts: list[Part]) -> bytes | None:
    """Find the session description among the parts; None when there is none."""
    for part in parts:
        if part.essence == SDP:
            return part.body
    return None


def sdp_of(message: Request | Response) -> bytes | None:
    """Find the session description that a message carries; None when there is none."""
    return find_sdp(parts_of(message))


def _split(body: bytes, boundary: str) -> list[Part]:
    mark = b"--" + boundary.encode("utf-8", "surrogateescape")
    found: list[Part] = []
    for piece in (b"\r\n" + body).split(b"\r\n" + mark)[1 : MAX_PARTS + 1]:
        if piece.startswith(b"--"):
            break
        head, _, content = piece.partition(b"\r\n\r\n")
        fields = {}
        for line in head.decode("utf-8", "replace").split("\r\n"):
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
        essence = fields.get("content-type", "text/plain").partition(";")[0].strip().lower()
        found.append(Part(essence, _is_optional(fields.get("content-disposition", "")), content))
    return found


def _is_optional(disposition: str) -> bool:
    return "handling=optional" in disposition.replace(" ", "").lower()
