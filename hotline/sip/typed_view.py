"""The typed view of a message's headers: one property a header, parsed when first asked for.

The five that every layer asks for again and again look at once at what was parsed before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.fields import Headers
from hotline.sip.headers import (
    CSeq,
    MediaType,
    NameAddr,
    Via,
    parse_accept,
    parse_call_id,
    parse_contact,
    parse_cseq,
    parse_expires,
    parse_max_forwards,
    parse_media_type,
    parse_name_addr,
    parse_name_addrs,
    parse_tokens,
    parse_via,
)


class TypedView:
    """What requests and responses share: the typed view of their headers."""

    __slots__ = ()
    headers: Headers

    @property
    def vias(self) -> tuple[Via, ...]:
        """Every Via, top first."""
        known: tuple[Via, ...] | None = self.headers.parsed.get("Via")
        return known if known is not None else self.headers.typed("Via", parse_via)

    @property
    def top_via(self) -> Via:
        """The Via of the sender of a request, or of the receiver of a response.

        :raises RemoteProtocolError: if there is none (never after parse_message).
        """
        vias: tuple[Via, ...] = self.headers.parsed.get("Via") or self.vias
        if not vias:
            raise RemoteProtocolError("no Via")
        return vias[0]

    @property
    def from_(self) -> NameAddr:
        """Who says to call."""
        known: NameAddr | None = self.headers.parsed.get("From")
        return known if known is not None else self.headers.typed("From", _parse_from)

    @property
    def to(self) -> NameAddr:
        """Who was called first; compare with the Request-URI."""
        known: NameAddr | None = self.headers.parsed.get("To")
        return known if known is not None else self.headers.typed("To", _parse_to)

    @property
    def from_tag(self) -> str | None:
        """Tag of From; None in RFC 2543."""
        sender: NameAddr | None = self.headers.parsed.get("From")
        return (sender or self.from_).tag

    @property
    def to_tag(self) -> str | None:
        """Tag of To; None outside a dialog."""
        target: NameAddr | None = self.headers.parsed.get("To")
        return (target or self.to).tag

    @property
    def call_id(self) -> str:
        """Call-ID."""
        known: str | None = self.headers.parsed.get("Call-ID")
        return known if known is not None else self.headers.typed("Call-ID", _parse_call_id)

    @property
    def cseq(self) -> CSeq:
        """Number and method of the transaction."""
        known: CSeq | None = self.headers.parsed.get("CSeq")
        return known if known is not None else self.headers.typed("CSeq", _parse_cseq)

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """Every Contact; empty for ``*``."""
        return self.headers.typed("Contact", parse_contact) or ()

    @property
    def contact_is_star(self) -> bool:
        """Tell whether Contact is ``*``: remove all bindings (RFC 3261, 10.2.2)."""
        return self.headers.typed("Contact", parse_contact) is None

    @property
    def routes(self) -> tuple[NameAddr, ...]:
        """Every Route, next hop first."""
        return self.headers.typed("Route", _parse_route)

    @property
    def record_routes(self) -> tuple[NameAddr, ...]:
        """Every Record-Route, in their order in the message."""
        return self.headers.typed("Record-Route", _parse_record_route)

    @property
    def max_forwards(self) -> int | None:
        """Hops left; None when absent (RFC 2543)."""
        return self.headers.typed("Max-Forwards", _parse_max_forwards)

    @property
    def expires(self) -> int | None:
        """Seconds; None when absent."""
        return self.headers.typed("Expires", _parse_expires)

    @property
    def content_type(self) -> MediaType | None:
        """Type of the body; None when absent."""
        return self.headers.typed("Content-Type", _parse_content_type)

    @property
    def accept(self) -> tuple[MediaType, ...] | None:
        """What the sender takes; None when it does not say (``application/sdp`` then: RFC 3261, 20.1)."""
        return self.headers.typed("Accept", _parse_accept)

    @property
    def require(self) -> tuple[str, ...]:
        """Option tags that the sender insists on."""
        return self.headers.typed("Require", _parse_require)

    @property
    def supported(self) -> tuple[str, ...]:
        """Option tags that the sender knows."""
        return self.headers.typed("Supported", _parse_supported)


def _missing(name: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"no {name}")


def _parse_from(values: list[str]) -> NameAddr:
    if not values:
        raise _missing("From")
    return parse_name_addr(values[0], "From")


def _parse_to(values: list[str]) -> NameAddr:
    if not values:
        raise _missing("To")
    return parse_name_addr(values[0], "To")


def _parse_call_id(values: list[str]) -> str:
    if not values:
        raise _missing("Call-ID")
    return parse_call_id(values[0])


def _parse_cseq(values: list[str]) -> CSeq:
    if not values:
        raise _missing("CSeq")
    return parse_cseq(values[0])


def _parse_route(values: list[str]) -> tuple[NameAddr, ...]:
    return parse_name_addrs(values, "Route")


def _parse_record_route(values: list[str]) -> tuple[NameAddr, ...]:
    return parse_name_addrs(values, "Record-Route")


def _parse_max_forwards(values: list[str]) -> int | None:
    return parse_max_forwards(values[0]) if values else None


def _parse_expires(values: list[str]) -> int | None:
    return parse_expires(values[0]) if values else None


def _parse_content_type(values: list[str]) -> MediaType | None:
    return parse_media_type(values[0]) if values else None


def _parse_accept(values: list[str]) -> tuple[MediaType, ...] | None:
    return parse_accept(values) if values else None


def _parse_require(values: list[str]) -> tuple[str, ...]:
    return parse_tokens(values, "Require")


def _parse_supported(values: list[str]) -> tuple[str, ...]:
    return parse_tokens(values, "Supported")


READERS: Final[dict[str, tuple[str, Callable[[list[str]], object]]]] = {
    "via": ("Via", parse_via),
    "from": ("From", _parse_from),
    "to": ("To", _parse_to),
    "call-id": ("Call-ID", _parse_call_id),
    "cseq": ("CSeq", _parse_cseq),
    "contact": ("Contact", parse_contact),
    "route": ("Route", _parse_route),
    "record-route": ("Record-Route", _parse_record_route),
    "max-forwards": ("Max-Forwards", _parse_max_forwards),
    "content-type": ("Content-Type", _parse_content_type),
    "accept": ("Accept", _parse_accept),
    "require": ("Require", _parse_require),
    "supported": ("Supported", _parse_supported),
    "expires": ("Expires", _parse_expires),
}
"""What every message is checked for as it comes: the name that it is kept under, and its parser."""
