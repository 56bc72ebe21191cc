"""The user agent of the hotline: one machine that owns every transaction, dialog and call.

Messages go in with ``now``; messages to send and events for the layer above come out. It answers
calls to our numbers, and everything else that may reach a telephone system on the open wire, by
RFC 3261 (8.2, 9.2, 11, 12, 13.3, 14.2, 15.1), 3262, 3264, 3311, 3581, 4028, 6026 and 6086.

100 Trying goes out at once; a call is told as ``CallArrived`` only when it can be carried, so the
layer above has two answers: ``accept`` and ``refuse``.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2s
from typing import Final

from hotline.errors import LocalProtocolError, RemoteProtocolError
from hotline.events.ids import CallId
from hotline.sip.body import SDP, sdp_of
from hotline.sip.boundary import cleared
from hotline.sip.call_book import CallBook
from hotline.sip.call_leg import CallLeg
from hotline.sip.call_machine import CallMachine
from hotline.sip.call_moves import Given, State
from hotline.sip.config import UserAgentConfig
from hotline.sip.dialler import Dialler
from hotline.sip.dialling import DialOrder
from hotline.sip.dialog import Dialog
from hotline.sip.dialog_requests import DialogRequests
from hotline.sip.events import CallArrived, SipEvent
from hotline.sip.flow import Flow, Outgoing, is_behind_nat, response_flow
from hotline.sip.inspection import (
    Refusal,
    check_accept,
    check_body,
    check_method,
    check_require,
    check_scheme,
)
from hotline.sip.message import MalformedRequest, Request, Response, note_source, response_to
from hotline.sip.numbers import called_number, caller_identity
from hotline.sip.our_requests import OurRequests
from hotline.sip.replies import Replies
from hotline.sip.sdp import parse_sdp
from hotline.sip.session_timer import headers_of, negotiate
from hotline.sip.transaction_layer import Client, Hears, Server, TransactionLayer
from hotline.sip.voice_session import VoiceSession, session_id_of

DIALOG_METHODS: Final = frozenset({"BYE", "INFO", "UPDATE", "PRACK"})
"""Requests that make sense in a dialog only: 481 outside (12.2.2, 15.1.2)."""


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
        self.draining = False
        """True: no new calls; the 503 tells the carrier to try elsewhere."""
        self.registrar = config.registrar
        allow = tuple(method for method in config.allow if method != "REGISTER")
        self._replies = Replies(config, (*allow, "REGISTER") if self.registrar else allow)
        self._layer = TransactionLayer()
        self._ours = OurRequests(self._layer, self._replies, new_token, config.server)
        self._book = CallBook(self._layer, self._replies, self._ours)
        self._dialler = Dialler(self._layer, self._replies, self._ours, self._book, new_token, new_key)
        self._dialog_requests = DialogRequests(config, self._layer, self._replies, self._book)
        self._new_call_id, self._new_token, self._new_key = new_call_id, new_token, new_key
        self._tag_key = new_token().encode()[:32]

    # -- the machine form -------------------------------------------------------------------------

    @property
    def calls(self) -> int:
        """How many calls stand or are being set up."""
        return len(self._book) + len(self._dialler)

    @property
    def legs(self) -> tuple[CallLeg, ...]:
        """List the legs that stand or are being set up, for those who look on."""
        return self._book.legs()

    @property
    def transactions(self) -> int:
        """How many transactions are remembered."""
        return len(self._layer)

    def handle_message(self, message: Request | Response, flow: Flow, now: float) -> None:
        """Take one message from the wire."""
        if isinstance(message, Response):
            client = self._layer.receive_response(message, now)
            if client is None or client.hears is None:
                return
            if message.status >= 200 or message.cseq.method == "INVITE":
                client.hears(message, now)
            return
        note_source(message, *flow.remote)
        if message.method == "ACK":
            if not self._layer.receive_ack(message, now):
                self._dialog_requests.acknowledge(message, now)
            return
        self._request(message, flow, now)
        self._settle_failed(now)

    def handle_malformed(self, malformed: MalformedRequest, flow: Flow, now: float) -> None:  # noqa: ARG002 - one form
        """Refuse a request that cannot be carried out, without remembering it (8.2.7)."""
        via = malformed.via
        response = malformed.response(to_tag=self._stateless_tag(malformed, str(via)))
        if response is not None and via is not None:
            response.headers.add("Server", self.config.server)
            self._layer.send(response_flow(via, flow), response.to_bytes())

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

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        layer = self._layer
        due = [
            due
            for due in (layer.next_timer(), self._book.next_timer(), self._dialler.next_timer())
            if due is not None
        ]
        return min(due) if due else None

    def handle_timer(self, now: float) -> None:
        """Fire what is due."""
        self._layer.handle_timer(now)
        self._settle_failed(now)
        self._book.handle_timer(now)
        self._dialler.handle_timer(now)

    def take_outbox(self) -> list[Outgoing]:
        """Hand out what is to be sent, once."""
        return self._layer.take_outbox()

    def take_events(self) -> list[SipEvent]:
        """Hand out what the layer above must know, once."""
        taken, self._book.events = self._book.events, []
        return [cleared(event) for event in taken]

    # -- actions of the layer above ---------------------------------------------------------------

    def is_offered(self, call_id: CallId) -> bool:
        """Tell whether a call still waits for ``accept`` or ``refuse``."""
        leg = self._book.get(call_id)
        return leg is not None and leg.machine.state is State.OFFERED

    def accept(self, call_id: CallId, local_ip: str, local_port: int, now: float) -> bool:
        """Answer a call with 200 OK and the address where we want the caller's voice.

        :param local_ip: empty or a wildcard: the address that the caller reached. A public address
            in the configuration goes above both.
        :returns: False when the call is over: the caller was faster, or her offer does not fit the
            address after all (CallEnded follows then).
        :raises LocalProtocolError: when it was accepted before.
        """
        leg = self._book.get(call_id)
        if leg is None:
            return False
        if leg.machine.state is not State.OFFERED:
            raise LocalProtocolError(f"call {call_id} was accepted before")
        voice, server = leg.voice, leg.invite
        assert server is not None
        voice.local_ip = self._replies.voice_ip(local_ip, server.source)
        voice.local_port = local_port
        if leg.offer is not None and voice.choose(leg.offer) is None:
            refusal = self._replies.unfit(server, leg.offer, voice)
            self._book.move(leg, Given.REFUSE, now, server, self._replies.refuse(server, refusal))
            return False
        headers = (*self._replies.contact(leg), *headers_of(leg.session_expires))
        body = voice.answer(leg.offer) if leg.offer is not None else voice.offer()
        response = self._replies.reply(server, 200, headers, body)
        leg.session_timer.start(leg.session_expires, now)
        for value in server.request.headers.get_all("Record-Route"):  # 12.1.1
            response.headers.add("Record-Route", value)
        self._book.establish(leg)
        self._book.move(leg, Given.ACCEPT, now, server, response)
        return True

    def refuse(
        self,
        call_id: CallId,
        status: int,
        now: float,
        reason: str | None = None,
        retry_after: int | None = None,
    ) -> bool:
        """Answer a call with a final error.

        :param status: 300 to 699.
        :param retry_after: seconds, for 503 and the like (20.33).
        :returns: False when the call is over already.
        :raises LocalProtocolError: for another status, or when the call was accepted before.
        """
        if not 300 <= status <= 699:
            raise LocalProtocolError(f"a call cannot be refused with {status}")
        leg = self._book.get(call_id)
        if leg is None or leg.invite is None:
            return False
        headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
        response = self._replies.reply(leg.invite, status, headers, reason=reason)
        self._book.move(leg, Given.REFUSE, now, leg.invite, response)
        return True

    def dial(self, order: DialOrder, now: float) -> None:
        """Make a call: CallRinging, then CallAnswered or CallEnded tell what comes of it.

        :raises LocalProtocolError: when the order names no place to try, or a call that exists.
        """
        if self._book.get(order.call_id) is not None:
            raise LocalProtocolError(f"call {order.call_id} exists")
        self._dialler.dial(order, now)

    def hang_up(self, call_id: CallId, now: float, reason: str = "") -> bool:
        """End a call, whoever began it and wherever it stands.

        One that stands gets a BYE, as soon as its ACK is there (section 15); one that came and was not
        answered is refused with 480; one of ours that was not answered is cancelled (9.1), and a 200
        that crosses the CANCEL gets ACK and BYE.

        :param reason: value of a Reason header (RFC 3326), as ``Q.850;cause=16``.
        :returns: False when the call is over already.
        """
        headers = (("Reason", reason),) if reason else ()
        leg = self._book.get(call_id)
        if leg is None:
            return self._dialler.hang_up(call_id, now, headers)
        response = self._replies.reply(leg.invite, 480, headers) if leg.invite is not None else None
        self._book.move(leg, Given.HANG_UP, now, leg.invite, response, headers)
        return True

    def ask(self, request: Request, flow: Flow, now: float, answered: Hears) -> None:
        """Send a request outside any call: a REGISTER or OPTIONS of a trunk's own.

        :param request: whole but for its Via, which is put on top.
        :param answered: told its final response, or None when there is none or no way there.
        """
        request.headers.insert_first("Via", self._ours.via(flow))
        self._layer.request(request, flow, now, None, answered)

    # -- requests ---------------------------------------------------------------------------------

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        answers_go = response_flow(request.top_via, flow)
        if self._is_crowded(request) and self._is_new_work(request):
            self._shed(request, answers_go)
            return
        server = self._layer.receive_request(request, answers_go, flow, self._new_token(), now)
        if server is None:
            return
        if request.method == "CANCEL":
            self._cancel(server, now)
        elif request.to_tag is not None:
            self._dialog_requests.handle(server, now)
        else:
            self._outside(server, now)

    def _outside(self, server: Server, now: float) -> None:
        request = server.request
        if request.method == "INVITE":
            self._layer.respond(server, response_to(request, 100), now)
        refusal = self._inspect(server)
        if refusal is None and request.method == "INVITE":
            try:
                refusal = self._invite(server, now)
            except RemoteProtocolError as error:
                refusal = Refusal(error.status_hint)
            if refusal is None:
                return
        if refusal is None and request.method == "REGISTER" and self.registrar is not None:
            done = self.registrar.register(request, server.source, now)
            response = (
                self._replies.refuse(server, done)
                if isinstance(done, Refusal)
                else self._replies.reply(server, 200, done)
            )
        elif refusal is None:
            response = self._replies.reply(server, 200, self._replies.capabilities())  # OPTIONS, 11.2
        else:
            response = self._replies.refuse(server, refusal)
        self._layer.respond(server, response, now)

    def _inspect(self, server: Server) -> Refusal | None:
        """Look at a request outside any dialog, in the order of 8.2."""
        request = server.request
        refusal = check_method(request, self._replies.allow) or check_scheme(request)
        if refusal is not None:
            return refusal
        if request.method in DIALOG_METHODS:
            return Refusal(481)
        if self.draining:
            return self._replies.overloaded()
        # A keep-alive OPTIONS to the host itself names no user (11.2); a call and the rest must.
        names_nobody = request.method == "REGISTER" or (request.method == "OPTIONS" and not request.uri.user)
        if not names_nobody and self._called(request) is None:
            return Refusal(404)
        if self._layer.is_merged(server):
            return Refusal(482)
        return check_require(request, self.config.supported)

    def _invite(self, server: Server, now: float) -> Refusal | None:
        request, config = server.request, self.config
        called = self._called(request) or ""
        if self._book.is_copy(request):
            return Refusal(482)
        refusal = check_body(request, (SDP,)) or check_accept(request)
        if refusal is not None:
            return refusal
        if len(self._book) >= config.max_calls:
            return self._replies.overloaded()
        session_expires = negotiate(request)
        if isinstance(session_expires, Refusal):
            return session_expires
        dialog = Dialog.of_uas(request, server.to_tag)
        leg = CallLeg(
            call_id=self._new_call_id(),
            machine=CallMachine(),
            invite=server,
            invite_cseq=request.cseq.number,
            dialog=dialog,
            contact_user=called,
            flow=server.source,
            is_behind_nat=is_behind_nat(request.top_via, dialog.remote_target, server.source.remote),
            voice=VoiceSession(
                config.public_ip or server.source.own_ip, session_id_of(server.to_tag), new_key=self._new_key
            ),
            session_expires=session_expires,
        )
        sdp = sdp_of(request)
        if sdp is not None:
            leg.offer = parse_sdp(sdp)
            leg.voice.plan = leg.voice.choose(leg.offer)
            if leg.voice.plan is None:
                return self._replies.unfit(server, leg.offer, leg.voice)
        self._book.add(leg, server, now)
        caller = caller_identity(request, config.area_code, trusted=config.trusts(server.source))
        self._book.events.append(
            CallArrived(
                call_id=leg.call_id,
                sip_call_id=request.call_id,
                caller=caller.number,
                caller_raw=caller.raw,
                withheld=caller.withheld,
                called=called,
                source=str(server.source),
                terms=leg.voice.terms,
                local_ip=server.source.local[0],
            )
        )
        return None

    def _cancel(self, server: Server, now: float) -> None:
        invite = self._layer.find_invite(server.request)
        if invite is None:
            self._layer.respond(server, self._replies.reply(server, 481), now)
            return
        server.to_tag, server.call_id = invite.to_tag, invite.call_id  # 9.2: the same tag in both
        self._layer.respond(server, self._replies.reply(server, 200), now)
        leg = self._book.get(invite.call_id)
        if leg is not None and leg.invite is invite:
            self._book.move(leg, Given.CANCEL, now)

    def _called(self, request: Request) -> str | None:
        ours = called_number(request.uri, self.config.numbers, self.config.area_code)
        return ours if ours is not None or not self.config.answers_any else request.uri.user or "any"

    def _is_crowded(self, request: Request) -> bool:
        # Half of the memory is kept for calls: a flood of probes must not shut the callers out.
        most = self.config.max_transactions
        return len(self._layer) >= (most if request.method == "INVITE" else most // 2)

    def _is_new_work(self, request: Request) -> bool:
        """Tell whether a request belongs to nothing that we remember: no call, no INVITE, no repetition.

        A tag in its To, or the word CANCEL, is not enough: anybody can write that.
        """
        if self._layer.knows(request):
            return False
        if request.method == "CANCEL":
            return self._layer.find_invite(request) is None
        return request.to_tag is None or self._book.of_dialog(request) is None

    def _shed(self, request: Request, flow: Flow) -> None:
        """Say 503 without remembering the request."""
        response = response_to(request, 503, to_tag=self._stateless_tag(request, str(request.top_via)))
        for name, value in self._replies.overloaded().headers:
            response.headers.add(name, value)
        self._layer.send(flow, response.to_bytes())

    def _stateless_tag(self, message: Request | MalformedRequest, via: str) -> str:
        # The same tag for every copy of a request, though nothing of it is kept (8.2.7).
        seed = f"{message.headers.get('Call-ID')}|{message.headers.get('CSeq')}|{via}"
        return blake2s(seed.encode("utf-8", "surrogateescape"), key=self._tag_key, digest_size=8).hexdigest()

    def _settle_failed(self, now: float) -> None:
        for failed in self._layer.take_failed():
            if isinstance(failed.side, Client) and failed.side.hears is not None:
                failed.side.hears(None, now)
