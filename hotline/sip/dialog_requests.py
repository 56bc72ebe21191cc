"""What the other side asks within a call: BYE, re-INVITE, UPDATE, PRACK, REFER, INFO, OPTIONS, and the ACK.

RFC 3261, 12.2.2; 3262; 3311; 3515; 6086. What we do not serve is refused in a way that leaves the call be.
"""

from __future__ import annotations

from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.body import SDP, parts_of, sdp_of
from hotline.sip.call_book import TOO_EARLY_S, CallBook
from hotline.sip.call_leg import CallLeg
from hotline.sip.call_moves import Given, State
from hotline.sip.config import UserAgentConfig
from hotline.sip.counts import UserAgentCounts
from hotline.sip.dialog import Order
from hotline.sip.dtmf_info import DTMF_TYPES, read_dtmf
from hotline.sip.events import DigitArrived
from hotline.sip.failure import reason_text
from hotline.sip.headers import parse_rack
from hotline.sip.inspection import (
    HeaderFields,
    Refusal,
    check_accept,
    check_body,
    check_method,
    check_require,
)
from hotline.sip.message import Request, Response
from hotline.sip.replies import Replies
from hotline.sip.sdp import parse_sdp
from hotline.sip.session_timer import Agreed, headers_of, negotiate
from hotline.sip.transaction_layer import Server, TransactionLayer
from hotline.sip.transfers import Transfers

AWAITS_ACK: Final = frozenset({State.ANSWERED, State.LEAVING, State.REANSWERED})
UNANSWERED: Final = frozenset({State.PROGRESSED, State.ACCEPTING})


class DialogRequests:
    """Serves the requests inside the dialogs of one user agent."""

    def __init__(
        self,
        config: UserAgentConfig,
        layer: TransactionLayer,
        replies: Replies,
        book: CallBook,
        transfers: Transfers,
        counts: UserAgentCounts,
    ) -> None:
        self._config, self._layer, self._replies, self._book = config, layer, replies, book
        self._transfers, self._counts = transfers, counts

    def handle(self, server: Server, now: float) -> None:
        """Serve a request with a To tag, other than ACK and CANCEL."""
        leg = self._book.of_dialog(server.request)
        refusal = self._replies.refuse_events(server.request, in_dialog=True)
        refusal = refusal or check_method(server.request, self._replies.allow)
        if refusal is None and leg is None:
            refusal = Refusal(481)
        if refusal is not None or leg is None:
            self._refuse(server, refusal or Refusal(481), now)
            return
        server.call_id = leg.call_id
        order = leg.dialog.order_of(server.request)
        if order is not Order.NEXT:
            # 12.2.2 for a late one; the same number again, but no repetition, came by another way.
            self._refuse(server, Refusal(500 if order is Order.LATE else 482), now)
            return
        refusal = check_require(server.request, self._config.supported)
        if refusal is not None:
            self._refuse(server, refusal, now)
            return
        try:
            leg.dialog.note(server.request)
            leg.flow = server.source
            self._serve(leg, server, now)
        except RemoteProtocolError as error:
            self._refuse(server, Refusal(error.status_hint), now)

    def acknowledge(self, request: Request, now: float) -> None:
        """Take the ACK to a 2xx; one that belongs to nothing is dropped.

        A telephone in use (pyVoIP 1.6.8) writes a To tag of its own making into its ACK, against 13.2.2.4.
        Whoever knows Call-ID, From tag and CSeq of the INVITE is its sender, so that ACK counts as well.
        """
        leg = self._book.of_dialog(request) or self._book.of_invite(request)
        if leg is None or request.cseq.number != leg.ok_cseq:
            return
        if not leg.awaits_answer or leg.machine.state not in AWAITS_ACK:
            self._book.move(leg, Given.ACK, now)
            return
        before = leg.voice.terms
        is_usable = leg.voice.take_answer(sdp_of(request))
        self._book.move_voice(leg, before)
        self._book.move(leg, Given.ACK if is_usable else Given.ACK_UNUSABLE, now)

    def _serve(self, leg: CallLeg, server: Server, now: float) -> None:
        match server.request.method:
            case method if leg.told_end and method != "BYE":
                self._refuse(server, Refusal(481), now)  # our BYE ended the dialog (15)
            case "BYE":
                leg.end_reason = reason_text(server.request)
                self._book.move(leg, Given.BYE, now, server, self._replies.reply(server, 200))
            case "INVITE":
                self._layer.owe_trying(server, now)
                self._reinvite(leg, server, now)
            case "UPDATE":
                self._update(leg, server, now)
            case "INFO":
                self._info(leg, server, now)
            case "PRACK":
                self._prack(leg, server, now)
            case "REFER":
                self._refer(leg, server, now)
            case "OPTIONS":
                self._respond(server, self._replies.reply(server, 200, self._replies.capabilities()), now)
            case _:
                self._refuse(server, Refusal(405, (("Allow", ", ".join(self._replies.allow)),)), now)

    def _reinvite(self, leg: CallLeg, server: Server, now: float) -> None:
        if leg.machine.state is not State.CONFIRMED:
            if leg.machine.allows(Given.REINVITE):
                self._book.move(leg, Given.REINVITE, now, server)
            else:
                self._refuse(server, Refusal(481), now)
            return
        refusal = check_body(server.request, (SDP,)) or check_accept(server.request)
        sdp = sdp_of(server.request)
        offer = parse_sdp(sdp) if sdp is not None else None
        if refusal is None and offer is not None and leg.voice.choose(offer) is None:
            refusal = self._replies.unfit(server, offer, leg.voice)
        if refusal is not None:
            self._refuse(server, refusal, now)  # 14.2: the call goes on as it was
            return
        leg.session_timer.hear(server.request)
        agreed = negotiate(server.request, leg.session_timer)
        if isinstance(agreed, Refusal):
            self._refuse(server, agreed, now)
            return
        before = leg.voice.terms
        body = (leg.voice.answer(offer) if offer is not None else leg.voice.offer()) or b""
        response = self._replies.reply(server, 200, self._refreshed(leg, server.request, agreed, now), body)
        self._book.move(leg, Given.REINVITE, now, server, response)
        self._book.move_voice(leg, before)

    def _update(self, leg: CallLeg, server: Server, now: float) -> None:
        sdp = sdp_of(server.request)
        offer = parse_sdp(sdp) if sdp is not None else None
        refusal = check_body(server.request, (SDP,))
        if refusal is None and leg.machine.state is State.ENDING:
            refusal = Refusal(481)
        if refusal is None and offer is not None:
            refusal = self._check_offer(leg)
        if refusal is None and offer is not None and leg.voice.choose(offer) is None:
            refusal = self._replies.unfit(server, offer, leg.voice)
        if refusal is not None:
            self._refuse(server, refusal, now)
            return
        leg.session_timer.hear(server.request)
        # Before the 2xx to the INVITE there is no session that a timer could be kept for (RFC 4028, 4).
        is_early = leg.machine.state in UNANSWERED or leg.machine.state is State.EARLY
        agreed = None if is_early else negotiate(server.request, leg.session_timer)
        if isinstance(agreed, Refusal):
            self._refuse(server, agreed, now)
            return
        before = leg.voice.terms
        body = (leg.voice.answer(offer) if offer is not None else None) or b""
        headers = self._refreshed(leg, server.request, agreed, now)
        self._respond(server, self._replies.reply(server, 200, headers, body), now)
        self._book.settle(leg, now)
        self._book.move_voice(leg, before)

    def _check_offer(self, leg: CallLeg) -> Refusal | None:
        """Tell whether an offer in UPDATE or PRACK may be answered now (RFC 3311, 5.2)."""
        if leg.awaits_answer:
            self._counts.glare += 1
            return Refusal(491)  # our own offer is still open
        if leg.machine.state in UNANSWERED and not leg.answered_early:
            return Refusal(500, (("Retry-After", str(TOO_EARLY_S)),))  # theirs, in the INVITE, is
        return None

    def _prack(self, leg: CallLeg, server: Server, now: float) -> None:
        """Take a PRACK; it may answer an offer of ours, or bring one (RFC 3262, 5)."""
        text = server.request.headers.get("RAck")
        if leg.reliable is None:
            self._refuse(server, Refusal(481), now)  # we sent nothing that it could mean (RFC 3262, 3)
            return
        if text is None:
            self._refuse(server, Refusal(400, reason="No RAck"), now)
            return
        rack = parse_rack(text)
        sdp, before, voice = sdp_of(server.request), leg.voice.terms, leg.voice
        offer = parse_sdp(sdp) if sdp is not None and not leg.awaits_answer else None
        refusal = check_body(server.request, (SDP,))
        if refusal is None and offer is not None:
            refusal = self._check_offer(leg)
        if refusal is None and offer is not None and voice.choose(offer) is None:
            refusal = self._replies.unfit(server, offer, voice)
        if not leg.reliable.acknowledge(rack, now):
            self._refuse(server, Refusal(481), now)
            return
        self._counts.pracks_received += 1
        if refusal is not None:
            self._refuse(server, refusal, now)  # its body is no use, but the response did arrive
        else:
            if leg.awaits_answer and sdp is not None:
                voice.take_answer(sdp)
            body = (voice.answer(offer) if offer is not None else None) or b""
            self._respond(server, self._replies.reply(server, 200, self._replies.contact(leg), body), now)
            self._book.move_voice(leg, before)
        if leg.reliable.may_answer and leg.machine.allows(Given.PRACK):
            self._book.move(leg, Given.PRACK, now)
        else:
            self._book.settle(leg, now)

    def _refer(self, leg: CallLeg, server: Server, now: float) -> None:
        taken = self._transfers.take(leg, server)
        if isinstance(taken, Refusal):
            self._refuse(server, taken, now)
            return
        self._respond(server, self._replies.reply(server, 202, (*self._replies.contact(leg), *taken)), now)
        self._transfers.begin(leg, now)

    def _info(self, leg: CallLeg, server: Server, now: float) -> None:
        if server.request.headers.get("Info-Package") is not None:
            refusal: Refusal | None = Refusal(
                469, (("Recv-Info", ""),), "Bad Info Package"
            )  # RFC 6086, 4.2.2
        else:
            refusal = check_body(server.request, DTMF_TYPES)
        if refusal is not None:
            self._refuse(server, refusal, now)
            return
        self._respond(server, self._replies.reply(server, 200), now)
        key = read_dtmf(parts_of(server.request))
        if key is not None:
            self._book.events.append(DigitArrived(leg.call_id, *key))

    def _refreshed(self, leg: CallLeg, request: Request, agreed: Agreed | None, now: float) -> HeaderFields:
        leg.hear(request)
        leg.session_timer.start(agreed, now)
        return (*self._replies.contact(leg), *headers_of(agreed))

    def _respond(self, server: Server, response: Response, now: float) -> None:
        self._layer.respond(server, response, now)

    def _refuse(self, server: Server, refusal: Refusal, now: float) -> None:
        self._respond(server, self._replies.refuse(server, refusal), now)
