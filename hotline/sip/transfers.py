"""Transfers that the other side asks for: REFER, and the NOTIFYs that tell how it goes (RFC 3515).

A REFER inside a call makes a subscription to the outcome (2.4.4), unless it says ``Refer-Sub: false`` (RFC
4488). It lives on when the call itself ends: whoever transferred mostly hangs up before the new call
is answered (RFC 5057, 4).
"""

from __future__ import annotations

from dataclasses import dataclass

from hotline.events.ids import CallId
from hotline.sip.admission import OriginKind
from hotline.sip.agenda import Agenda
from hotline.sip.call_book import CallBook
from hotline.sip.call_leg import CallLeg
from hotline.sip.call_moves import State
from hotline.sip.counts import UserAgentCounts
from hotline.sip.events import TransferAsked
from hotline.sip.grammar import printable
from hotline.sip.inspection import KNOWN_SCHEMES, HeaderFields, Refusal
from hotline.sip.message import Response
from hotline.sip.our_requests import OurRequests
from hotline.sip.refer import SIPFRAG, SUBSCRIPTION_S, parse_refer_sub, parse_refer_to, write_sipfrag
from hotline.sip.replies import Replies
from hotline.sip.subscription import Event, SubscriptionState
from hotline.sip.transaction_layer import Server

MAY_REFER = frozenset({State.CONFIRMED, State.REANSWERED, State.REOFFERING})
"""A call that stands may be transferred; 2.4.2 leaves the rest to us."""


@dataclass(eq=False, slots=True)
class Subscription:
    """What one REFER wants to hear."""

    leg: CallLeg
    event: Event
    wants_reports: bool
    expires: float
    """When it ends by itself."""
    last: int = 100
    """Status told last."""


class Transfers:
    """The REFERs of one user agent that are still being carried out, one a call."""

    def __init__(self, replies: Replies, ours: OurRequests, book: CallBook, counts: UserAgentCounts) -> None:
        self._replies, self._ours, self._book, self._counts = replies, ours, book, counts
        self._standing: dict[CallId, Subscription] = {}
        self._agenda: Agenda[Subscription] = Agenda()

    def take(self, leg: CallLeg, server: Server) -> Refusal | HeaderFields:
        """Look at a REFER inside a call.

        :returns: the refusal, or further headers of the 202; then ``begin`` follows.
        :raises RemoteProtocolError: 400 for what cannot be read.
        """
        if leg.origin.kind is OriginKind.TRUNK:
            return Refusal(403)  # who is on a carrier's line moves no call of the house, whatever the target
        request = server.request
        values = request.headers.get_all("Refer-To")
        if len(values) != 1:
            return Refusal(400, reason="No Refer-To" if not values else "More Than One Refer-To")  # 2.4.1
        target = parse_refer_to(values[0])
        wish = request.headers.get("Refer-Sub")
        wants_reports = wish is None or parse_refer_sub(wish)
        if leg.machine.state not in MAY_REFER:
            return Refusal(403)
        if target.method != "INVITE":
            return Refusal(403, reason="Only Calls Are Made")
        if target.uri.scheme not in KNOWN_SCHEMES:
            return Refusal(416)
        if leg.call_id in self._standing:
            return Refusal(491)
        replaced: CallLeg | None = None
        if target.replaces is not None:
            wanted = target.replaces
            replaced = self._book.of_key((wanted.call_id, wanted.to_tag, wanted.from_tag))
            if replaced is None or replaced is leg or replaced.told_end:
                return Refusal(403, reason="Replaced Call Is None Of Ours")
        self._counts.transfers_asked += 1
        # 2.4.6: the first REFER of a dialog may go without an id; a later one is told by its CSeq.
        params = (("id", str(request.cseq.number)),) if leg.has_been_referred else ()
        leg.has_been_referred = True
        self._standing[leg.call_id] = Subscription(leg, Event("refer", params), wants_reports, 0.0)
        self._book.events.append(
            TransferAsked(
                leg.call_id,
                target.uri,
                replaced.call_id if replaced is not None else None,
                printable(request.headers.get("Referred-By") or ""),
            )
        )
        return () if wants_reports else (("Refer-Sub", "false"),)

    def begin(self, leg: CallLeg, now: float) -> None:
        """Send the first NOTIFY, at once behind the 202 (2.4.4)."""
        subscription = self._standing[leg.call_id]
        subscription.expires = now + SUBSCRIPTION_S
        self._agenda.put(subscription, subscription.expires)
        self._notify(subscription, 100, "", now)

    def progress(self, call_id: CallId, status: int, now: float, reason: str) -> bool:
        """Tell how the call to the target goes; a final status ends the subscription (2.4.7).

        :returns: False when nobody asked, or that is over.
        """
        subscription = self._standing.get(call_id)
        if subscription is None:
            return False
        if status < 200 and status == subscription.last:
            return True
        subscription.last = status
        self._notify(subscription, status, reason, now)
        return True

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        return self._agenda.next_due()

    def handle_timer(self, now: float) -> None:
        """End the subscriptions that nobody ended in time."""
        while (subscription := self._agenda.take_due(now)) is not None:
            self._send(subscription, SubscriptionState.terminated("timeout"), subscription.last, "", now)
            self._drop(subscription)

    def _notify(self, subscription: Subscription, status: int, reason: str, now: float) -> None:
        if status >= 200:
            self._send(subscription, SubscriptionState.terminated("noresource"), status, reason, now)
            self._drop(subscription)
        else:
            left_s = max(1, round(subscription.expires - now))
            self._send(subscription, SubscriptionState.active(left_s), status, reason, now)

    def _send(
        self, subscription: Subscription, state: SubscriptionState, status: int, reason: str, now: float
    ) -> None:
        if not subscription.wants_reports:
            return
        leg = subscription.leg
        headers = (
            *self._replies.contact(leg),
            ("Event", str(subscription.event)),
            ("Subscription-State", str(state)),
        )

        def hears(response: Response | None, _at: float) -> None:
            if response is None or response.status in {408, 481}:  # RFC 6665, 4.2.2: nobody listens
                self._drop(subscription)

        body = write_sipfrag(status, reason)
        self._ours.ask(leg, "NOTIFY", now, hears, headers, body, body_type=SIPFRAG)

    def _drop(self, subscription: Subscription) -> None:
        self._agenda.put(subscription, None)
        if self._standing.get(subscription.leg.call_id) is subscription:
            del self._standing[subscription.leg.call_id]
