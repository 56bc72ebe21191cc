"""What the wire brings: which transaction, call or dialog it belongs to, and who serves it.

A response goes to the request of ours that it answers, an ACK to the call that waits for it, a request to
its transaction when it is a copy, to its dialog when it names one that stands, and else to
``outside_requests``, which decides before anything is remembered of it.
"""

from __future__ import annotations

from collections.abc import Callable

from hotline.sip.call_book import CallBook
from hotline.sip.call_moves import Given
from hotline.sip.config import UserAgentConfig
from hotline.sip.counts import UserAgentCounts
from hotline.sip.dialog_requests import DialogRequests
from hotline.sip.failure import reason_text
from hotline.sip.flow import Flow, response_flow
from hotline.sip.message import MalformedRequest, Request, Response, note_source
from hotline.sip.outside_requests import OutsideRequests
from hotline.sip.replies import Replies
from hotline.sip.transaction_layer import Server, TransactionLayer, server_key


class Arriving:
    """Takes the messages of one user agent.

    :param new_token: makes the tags of our answers.
    """

    def __init__(
        self,
        config: UserAgentConfig,
        layer: TransactionLayer,
        replies: Replies,
        book: CallBook,
        outside: OutsideRequests,
        inside: DialogRequests,
        counts: UserAgentCounts,
        new_token: Callable[[], str],
    ) -> None:
        self._config, self._layer, self._replies, self._book = config, layer, replies, book
        self._outside, self._inside, self._counts, self._new_token = outside, inside, counts, new_token

    def take(self, message: Request | Response, flow: Flow, now: float) -> None:
        """Take one message."""
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
                self._inside.acknowledge(message, now)
            return
        self._request(message, flow, now)

    def refuse_malformed(self, malformed: MalformedRequest, flow: Flow, now: float) -> None:
        """Refuse what cannot be carried out; a stranger hears nothing."""
        if not self._config.admission.knows(flow.remote[0], now):
            self._counts.silenced += 1
            return
        via = malformed.via
        response = malformed.response(to_tag=self._outside.stateless_tag(malformed, str(via)))
        if response is not None and via is not None:
            response.headers.add("Server", self._config.server)
            self._layer.send(response_flow(via, flow), response.to_bytes())

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        answers_go, key = response_flow(request.top_via, flow), server_key(request)
        origin = None
        if not self._layer.knows(key):
            if _is_outside(request):
                origin = self._outside.place(request, answers_go, flow, now)
                if origin is None:
                    return
                if request.method == "OPTIONS":
                    self._outside.answer_probe(request, origin, answers_go, now)
                    return
            elif self._outside.is_crowded(request) and self._is_stray(request):
                self._outside.shed(request, answers_go)
                return
        server = self._layer.receive_request(request, answers_go, flow, self._new_token(), now, key)
        if server is None:
            return
        if origin is not None:
            self._outside.handle(server, origin, now)
        elif request.method == "CANCEL":
            self._cancel(server, now)
        else:
            self._inside.handle(server, now)

    def _cancel(self, server: Server, now: float) -> None:
        invite = self._layer.find_invite(server.request)
        if invite is None:
            self._layer.respond(server, self._replies.reply(server, 481), now)
            return
        server.to_tag, server.call_id = invite.to_tag, invite.call_id  # 9.2: the same tag in both
        self._layer.respond(server, self._replies.reply(server, 200), now)
        leg = self._book.get(invite.call_id)
        if leg is not None and leg.invite is invite:
            leg.end_reason = reason_text(server.request)
            self._book.move(leg, Given.CANCEL, now)

    def _is_stray(self, request: Request) -> bool:
        """Tell whether a request belongs to nothing that we remember.

        A tag in its To, or the word CANCEL, is not enough: anybody can write that.
        """
        if request.method == "CANCEL":
            return self._layer.find_invite(request) is None
        return self._book.of_dialog(request) is None


def _is_outside(request: Request) -> bool:
    """Tell whether a request stands outside any dialog: REGISTER always does, whatever its To says (10.2)."""
    return request.method == "REGISTER" or (request.to_tag is None and request.method != "CANCEL")
