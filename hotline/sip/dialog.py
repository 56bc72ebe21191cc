"""Dialogs (RFC 3261, section 12): what two user agents remember of each other.

A dialog is made on the server side from the INVITE and our tag, on the client side from the INVITE
and a response. It orders requests by CSeq, follows the remote target, and writes requests with the
right Request-URI and Route. Timers and call states are not here (``incoming_call``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.headers import NameAddr
from hotline.sip.message import Headers, Request, Response
from hotline.sip.uri import Uri

DialogKey = tuple[str, str, str]
"""Call-ID, our tag, their tag; an RFC 2543 peer's missing tag is empty (12.1.1)."""

MAX_FORWARDS: Final = "70"
"""RFC 3261, 8.1.1.6."""

TARGET_REFRESH: Final = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})
"""Requests whose Contact moves the remote target (RFC 3261, 12.2; RFC 3311; RFC 6665; RFC 3515)."""


class Order(Enum):
    """How a request's CSeq stands to those before it (12.2.2)."""

    NEXT = "next"
    REPEATED = "repeated"
    """As the last one: a copy of it by another way."""
    LATE = "late"
    """Lower than the last one: answered 500."""


@dataclass(slots=True)
class Dialog:
    """One dialog, from our side."""

    call_id: str
    local_tag: str
    remote_tag: str
    local: NameAddr
    """From of our requests, without its tag."""
    remote: NameAddr
    """To of our requests, without its tag."""
    remote_target: Uri
    route_set: tuple[NameAddr, ...]
    local_cseq: int = 0
    """CSeq of our last request; 0 before the first."""
    remote_cseq: int | None = None
    """CSeq of their last request; None before the first."""

    @property
    def key(self) -> DialogKey:
        """What messages inside this dialog are matched by."""
        return (self.call_id, self.local_tag, self.remote_tag)

    @classmethod
    def of_uas(cls, request: Request, local_tag: str) -> Dialog:
        """Begin a dialog at the server (12.1.1).

        A peer of RFC 2543 may leave Contact out; its From is the target then (RFC 2543, 6.13).

        :raises RemoteProtocolError: 400 when the request names no single SIP URI to answer to.
        """
        has_contact = request.headers.get("Contact") is not None or not request.from_.uri.is_sip
        return cls(
            call_id=request.call_id,
            local_tag=local_tag,
            remote_tag=request.from_tag or "",
            local=_without_tag(request.to),
            remote=_without_tag(request.from_),
            remote_target=contact_uri(request) if has_contact else request.from_.uri,
            route_set=tuple(request.record_routes),
            remote_cseq=request.cseq.number,
        )

    @classmethod
    def of_uac(cls, request: Request, response: Response) -> Dialog:
        """Begin a dialog at the client, from a 2xx or a tagged provisional response (12.1.2).

        :raises RemoteProtocolError: when the response names no Contact.
        """
        return cls(
            call_id=request.call_id,
            local_tag=request.from_tag or "",
            remote_tag=response.to_tag or "",
            local=_without_tag(request.from_),
            remote=_without_tag(response.to),
            remote_target=contact_uri(response),
            route_set=tuple(reversed(response.record_routes)),
            local_cseq=request.cseq.number,
        )

    def order_of(self, request: Request) -> Order:
        """Place a request by its CSeq; ACK and CANCEL are not asked about (12.2.2)."""
        number = request.cseq.number
        if self.remote_cseq is None or number > self.remote_cseq:
            return Order.NEXT
        return Order.REPEATED if number == self.remote_cseq else Order.LATE

    def note(self, request: Request) -> None:
        """Remember a request in its order: its CSeq, and its Contact where that moves the target.

        :raises RemoteProtocolError: 400 for a Contact that cannot be a target.
        """
        self.remote_cseq = request.cseq.number
        if request.method in TARGET_REFRESH and request.headers.get("Contact") is not None:
            self.remote_target = contact_uri(request)

    def next_hop(self) -> Uri:
        """Tell the URI that our next request is sent to: the first route, or the target."""
        return self.route_set[0].uri if self.route_set else self.remote_target

    def make_request(self, method: str, via: str, *, cseq: int | None = None) -> Request:
        """Write a request inside the dialog (12.2.1.1).

        :param via: whole value of the Via header, with a fresh branch.
        :param cseq: number of the INVITE that an ACK belongs to; None takes the next one.
        """
        if cseq is None:
            self.local_cseq += 1
            cseq = self.local_cseq
        uri, routes = self.remote_target, [str(route) for route in self.route_set]
        if self.route_set and self.route_set[0].uri.param("lr") is None:
            # A strict router of RFC 2543 takes the Request-URI for its own; the target goes last.
            uri = self.route_set[0].uri
            routes = [*routes[1:], f"<{self.remote_target}>"]
        headers = Headers()
        headers.add("Via", via)
        headers.add("Max-Forwards", MAX_FORWARDS)
        for route in routes:
            headers.add("Route", route)
        headers.add("From", _tagged(self.local, self.local_tag))
        headers.add("To", _tagged(self.remote, self.remote_tag))
        headers.add("Call-ID", self.call_id)
        headers.add("CSeq", f"{cseq} {method}")
        return Request(method, uri, headers, b"")


def contact_uri(message: Request | Response) -> Uri:
    """Take the remote target from a message.

    :raises RemoteProtocolError: 400 when there is not exactly one Contact with a SIP URI (8.1.1.8).
    """
    contacts = message.contacts
    if len(contacts) != 1 or not contacts[0].uri.is_sip:
        raise RemoteProtocolError(f"a dialog needs one Contact with a SIP URI, not {len(contacts)}")
    return contacts[0].uri


def _without_tag(address: NameAddr) -> NameAddr:
    params = tuple((name, value) for name, value in address.params if name.lower() != "tag")
    return NameAddr(address.display_name, address.uri, params)


def _tagged(address: NameAddr, tag: str) -> str:
    return f"{address};tag={tag}" if tag else str(address)
