"""The user agent of the hotline: one machine that owns every transaction, dialog and call.

Messages go in with ``now``; messages to send and events for the layer above come out. It takes and
makes calls, and answers everything else that may reach a telephone system on the open wire, by RFC 3261,
3262, 3264, 3311, 3515, 3581, 3891, 4028, 4488, 6026, 6086 and 6665.

100 Trying goes out where no other response is made in the same turn; a call is told as ``CallArrived`` only
when it can be carried. What the parts do: ``arriving`` finds whose it is what comes in, ``outside_requests``
and ``dialog_requests`` serve it, ``answering`` sets up calls that come to us and ``dialler`` those that we
make, ``call_book`` keeps the legs and moves them along their tables, ``wishes`` carries out what the layer
above wants of a leg, ``reoffers`` changes what stands, ``transfers`` reports on REFERs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hotline.errors import LocalProtocolError
from hotline.events.ids import CallId
from hotline.sip.admission import OriginKind
from hotline.sip.answering import Answering
from hotline.sip.arriving import Arriving
from hotline.sip.boundary import cleared
from hotline.sip.call_book import CallBook
from hotline.sip.call_leg import CallLeg
from hotline.sip.config import UserAgentConfig
from hotline.sip.counts import UserAgentCounts
from hotline.sip.dialler import Dialler
from hotline.sip.dialling import DialOrder
from hotline.sip.dialog_requests import DialogRequests
from hotline.sip.events import SipEvent
from hotline.sip.flow import Address, Flow, Outgoing
from hotline.sip.inspection import HeaderFields
from hotline.sip.message import MalformedRequest, Request, Response
from hotline.sip.our_requests import OurRequests
from hotline.sip.outside_requests import OutsideRequests
from hotline.sip.replies import Replies
from hotline.sip.transaction_layer import Client, Hears, TransactionLayer
from hotline.sip.transfers import Transfers
from hotline.sip.uri import Uri
from hotline.sip.voice_terms import VoicePolicy
from hotline.sip.wishes import Wishes


class UserAgent:
    """The SIP side of the hotline.

    :param new_call_id: makes the id of a new call.
    :param new_token: makes random text for tags, branches and nonces: token characters, at least 64
        random bits (RFC 3261, 19.3 asks for 32).
    :param new_key: makes 30 random octets for SRTP (RFC 4568); None: no SRTP.
    """

    def __init__(
        self,
        config: UserAgentConfig,
        new_call_id: Callable[[], CallId],
        new_token: Callable[[], str],
        new_key: Callable[[], bytes] | None = None,
    ) -> None:
        self.config = config
        self.counts = UserAgentCounts()
        self.registrar = config.registrar
        allow = tuple(method for method in config.allow if method != "REGISTER")
        self._replies = replies = Replies(config, (*allow, "REGISTER") if self.registrar else allow)
        self._layer = layer = TransactionLayer(self.counts)
        self._ours = ours = OurRequests(layer, replies, new_token, config.server)
        self._book = book = CallBook(layer, replies, ours, self.counts, new_token)
        self._dialler = Dialler(layer, replies, ours, book, self.counts, new_token, new_key)
        self._transfers = Transfers(replies, ours, book, self.counts)
        self._dialog_requests = DialogRequests(config, layer, replies, book, self._transfers, self.counts)
        self._answering = Answering(
            config, replies, book, self._dialler, self.counts, new_call_id, new_token, new_key
        )
        tag_key = new_token().encode()[:32]
        self._outside = OutsideRequests(config, layer, replies, book, self._answering, self.counts, tag_key)
        self._arriving = Arriving(
            config, layer, replies, book, self._outside, self._dialog_requests, self.counts, new_token
        )
        self._wishes = Wishes(replies, ours, book, self._dialler)

    # -- the machine form -------------------------------------------------------------------------

    @property
    def draining(self) -> bool:
        """True: no new calls; the 503 tells the carrier to try elsewhere."""
        return self._outside.draining

    @draining.setter
    def draining(self, draining: bool) -> None:
        self._outside.draining = draining

    @property
    def probed_at(self) -> float:
        """When somebody last asked by OPTIONS whether we are there; minus infinity: nobody yet."""
        return self._outside.probed_at

    @property
    def sheds(self) -> Callable[[str, float], bool]:
        """Told ``(method, now)`` of a new request outside dialogs: True answers it 503 without memory."""
        return self._outside.sheds

    @sheds.setter
    def sheds(self, sheds: Callable[[str, float], bool]) -> None:
        self._outside.sheds = sheds

    @property
    def calls(self) -> int:
        """How many calls stand or are being set up."""
        return len(self._book) + len(self._dialler)

    @property
    def unacknowledged(self) -> int:
        """How many calls that came to us were answered and wait for their ACK."""
        return self._book.unacknowledged

    @property
    def legs(self) -> tuple[CallLeg, ...]:
        """List the legs that stand or are being set up, for those who look on."""
        return self._book.legs()

    @property
    def transactions(self) -> int:
        """How many transactions are remembered."""
        return len(self._layer)

    def sip_call_id(self, call_id: CallId) -> str:
        """Tell the Call-ID of a leg that was offered or stands; empty for any other."""
        leg = self._book.get(call_id)
        return leg.dialog.call_id if leg is not None else ""

    def calls_of(self, name: str, kind: OriginKind = OriginKind.TRUNK) -> int:
        """Tell how many calls a trunk has, or another origin, both ways."""
        return self._book.calls_of(kind, name)

    def handle_message(self, message: Request | Response, flow: Flow, now: float) -> None:
        """Take one message from the wire."""
        self._arriving.take(message, flow, now)
        self._settle_failed(now)

    def handle_malformed(self, malformed: MalformedRequest, flow: Flow, now: float) -> None:
        """Refuse a request that cannot be carried out, without remembering it (8.2.7).

        A stranger hears nothing: even a 400 would tell a scanner that somebody is here.
        """
        self._arriving.refuse_malformed(malformed, flow, now)

    def lose_connection(self, connection: int, now: float) -> None:
        """Tell that a TCP connection is gone; calls on it live on (RFC 3261, 18.4)."""
        self._layer.lose_connection(connection, now)
        if self.registrar is not None:
            self.registrar.lose_connection(connection, now)
        self._settle_failed(now)

    def lose_flow(self, flow: Flow, now: float) -> None:
        """Tell that a message could not be sent over a flow: nobody listens there, or there is no way."""
        self._layer.lose_flow(flow, now)
        self._settle_failed(now)

    def lose_request(self, branch: str, method: str, remote: Address, now: float) -> bool:
        """Tell that a request of ours could not be delivered: taken for 503 at once (8.1.3.1).

        :returns: False when there is none of that branch and method to that peer.
        """
        is_ours = self._layer.lose_request(branch, method, remote, now)
        self._settle_failed(now)
        return is_ours

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        first = None
        for part in (self._layer, self._book, self._dialler, self._transfers):
            due = part.next_timer()
            if due is not None and (first is None or due < first):
                first = due
        return first

    def handle_timer(self, now: float) -> None:
        """Fire what is due."""
        self._layer.handle_timer(now)
        self._settle_failed(now)
        self._book.handle_timer(now)
        self._dialler.handle_timer(now)
        self._transfers.handle_timer(now)

    def take_outbox(self) -> list[Outgoing]:
        """Hand out what is to be sent, once.

        An INVITE gets its 100 once the events that it made were taken and nothing answered it (17.2.1).
        """
        if not self._book.events:
            self._layer.pay_trying()
        return self._layer.take_outbox()

    def take_events(self) -> list[SipEvent]:
        """Hand out what the layer above must know, once."""
        taken, self._book.events = self._book.events, []
        return [cleared(event) for event in taken] if taken else taken

    # -- calls that come to us --------------------------------------------------------------------

    def is_offered(self, call_id: CallId) -> bool:
        """Tell whether a call still waits for ``accept`` or ``refuse``."""
        return self._answering.is_offered(call_id)

    def progress(
        self,
        call_id: CallId,
        status: int,
        now: float,
        local_ip: str = "",
        local_port: int = 0,
        *,
        reliable: bool | None = None,
        reason: str | None = None,
    ) -> bool:
        """Tell the caller how her call goes on: 180, 183 and the like, as often as one likes.

        With a port it carries our session description, and our voice may be heard before the answer
        (early media); sent reliably (RFC 3262), that is the answer for good, and ``accept`` keeps to its
        port. In a delayed offer it carries one only if it goes out reliably.

        :param status: 101 to 199.
        :param reliable: None goes by the policy of the call's origin; what the caller requires goes first.
        :returns: False when the call is over, or her offer does not fit the address after all
            (CallEnded follows then).
        :raises LocalProtocolError: for another status, or when the call was accepted before.
        """
        return self._answering.progress(
            call_id, status, now, local_ip, local_port, reliable=reliable, reason=reason
        )

    def accept(self, call_id: CallId, local_ip: str, local_port: int, now: float) -> bool:
        """Answer a call with 200 OK and the address where we want the caller's voice.

        The 200 waits for the PRACK of a provisional response that carried a session description. A call
        that takes the place of another (``CallArrived.replaces``) ends that one: CallEnded ``replaced``.

        :param local_ip: empty or a wildcard: the address that the caller reached. A public address
            in the configuration goes above both.
        :returns: False when the call is over: the caller was faster, or her offer does not fit the
            address after all (CallEnded follows then).
        :raises LocalProtocolError: when it was accepted before.
        """
        return self._answering.accept(call_id, local_ip, local_port, now)

    def refuse(
        self,
        call_id: CallId,
        status: int,
        now: float,
        reason: str | None = None,
        retry_after: int | None = None,
        contacts: tuple[Uri, ...] = (),
    ) -> bool:
        """Answer a call with a final error.

        :param status: 300 to 699.
        :param retry_after: seconds, for 503 and the like (20.33).
        :param contacts: where to call instead, best first, for 3xx (21.3).
        :returns: False when the call is over already.
        :raises LocalProtocolError: for another status, or when the call was accepted before.
        """
        headers: HeaderFields = tuple(("Contact", f"<{uri}>") for uri in contacts)
        if retry_after is not None:
            headers += (("Retry-After", str(retry_after)),)
        return self._answering.refuse(call_id, status, now, headers, reason)

    # -- calls that we make -----------------------------------------------------------------------

    def dial(self, order: DialOrder, now: float) -> tuple[str, ...]:
        """Make a call: CallRinging, then CallAnswered or CallEnded tell what comes of it.

        :returns: the Call-ID of each branch; CallAnswered is of one of them.
        :raises LocalProtocolError: when the order names no place to try, or a call that exists.
        """
        if self._book.get(order.call_id) is not None:
            raise LocalProtocolError(f"call {order.call_id} exists")
        return self._dialler.dial(replace(order, voice=order.voice.among(self.config.codecs)), now)

    def notify_talk(self, call_id: CallId, now: float) -> bool:
        """Ask a telephone to answer, or to take its call off hold, by itself (``NOTIFY``, ``Event: talk``).

        :returns: False when there is no such call, or its telephone does not list ``talk`` in Allow-Events.
        """
        return self._wishes.notify_talk(call_id, now)

    def send_key(self, call_id: CallId, key: str, now: float) -> bool:
        """Tell the other side of a call by INFO that a key was pressed (``dtmf_info``); nothing waits for it.

        :param key: one of ``0123456789*#ABCD``.
        :returns: False when the call does not stand.
        """
        return self._wishes.send_key(call_id, key, now)

    # -- calls of both kinds ----------------------------------------------------------------------

    def reoffer(
        self,
        call_id: CallId,
        now: float,
        *,
        sends: bool = True,
        receives: bool = True,
        local_ip: str = "",
        local_port: int = 0,
        voice: VoicePolicy | None = None,
    ) -> bool:
        """Offer a change of what was agreed, by a re-INVITE (14.1); MediaMoved or ReofferFailed follows.

        Hold with music is ``receives=False``, silent hold ``sends=False, receives=False``, and resuming
        neither. It waits until the dialog is free; after a glare it is tried again by itself.

        :param local_ip: where we want the voice from now on, with ``local_port``; as before without.
        :param voice: codecs and security to offer; as before without.
        :returns: False when there is no such call, or it was not answered yet.
        """
        return self._wishes.reoffer(
            call_id,
            now,
            sends=sends,
            receives=receives,
            local_ip=local_ip,
            local_port=local_port,
            voice=voice,
        )

    def transfer_progress(self, call_id: CallId, status: int, now: float, reason: str = "") -> bool:
        """Tell whoever asked for a transfer how it goes (RFC 3515, 2.4.5).

        :param call_id: the call that TransferAsked named.
        :param status: of the call to the target; a final one is the last that is told.
        :returns: False when nobody asked, or that is over.
        """
        return self._transfers.progress(call_id, status, now, reason)

    def hang_up(self, call_id: CallId, now: float, reason: str = "") -> bool:
        """End a call, whoever began it and wherever it stands.

        One that stands gets a BYE, as soon as its ACK is there (section 15); one that came and was not
        answered is refused with 480; one of ours that was not answered is cancelled (9.1), and a 200
        that crosses the CANCEL gets ACK and BYE.

        :param reason: value of a Reason header (RFC 3326), as ``Q.850;cause=16``.
        :returns: False when the call is over already.
        """
        return self._wishes.hang_up(call_id, now, (("Reason", reason),) if reason else ())

    def ask(self, request: Request, flow: Flow, now: float, answered: Hears) -> None:
        """Send a request outside any call: a REGISTER or OPTIONS of a trunk's own.

        :param request: whole but for its Via, which is put on top.
        :param answered: told its final response, or None when there is none or no way there.
        """
        request.headers.insert_first("Via", self._ours.via(flow))
        self._layer.request(request, flow, now, None, answered)

    # -- inside -----------------------------------------------------------------------------------

    def _settle_failed(self, now: float) -> None:
        for failed in self._layer.take_failed():
            if isinstance(failed.side, Client) and failed.side.hears is not None:
                failed.side.hears(None, now)
