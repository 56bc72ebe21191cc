"""Requests outside any dialog: who may send them, and what becomes of them (RFC 3261, 8.2).

The order is: overload (503 without memory, or silence for whom admission would not answer), admission
(silence, or a refusal without memory), and only then a transaction and the checks of 8.2, so that a
source that may not speak to us costs next to nothing and learns nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2s
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.admission import Origin, OriginKind, Silence
from hotline.sip.answering import Answering
from hotline.sip.call_book import CallBook
from hotline.sip.config import UserAgentConfig
from hotline.sip.counts import UserAgentCounts
from hotline.sip.flow import Flow
from hotline.sip.inspection import HeaderFields, Refusal, check_method, check_require, check_scheme
from hotline.sip.message import MalformedRequest, Request, response_to
from hotline.sip.numbers import called_number
from hotline.sip.replies import Replies
from hotline.sip.transaction_layer import Server, TransactionLayer
from hotline.sip.urgency import Spared

DIALOG_METHODS: Final = frozenset({"BYE", "INFO", "UPDATE", "PRACK"})
"""Requests that make sense in a dialog only: 481 outside (12.2.2, 15.1.2)."""
ANYTHING: Final = "any"
"""What a request without a user part calls on a line that takes every number."""


class OutsideRequests:
    """Serves the requests outside dialogs of one user agent.

    :param tag_key: 32 random octets: makes the tags of answers that nothing is remembered of.
    """

    def __init__(
        self,
        config: UserAgentConfig,
        layer: TransactionLayer,
        replies: Replies,
        book: CallBook,
        answering: Answering,
        counts: UserAgentCounts,
        tag_key: bytes,
    ) -> None:
        self._config, self._layer, self._replies, self._book = config, layer, replies, book
        self._answering, self._counts, self._tag_key = answering, counts, tag_key
        self.draining = False
        self.probed_at = float("-inf")
        """When the last OPTIONS was answered."""
        self.sheds: Callable[[str, float], bool] = lambda _method, _now: False
        self._spared = Spared()

    # -- before anything is remembered ------------------------------------------------------------

    def is_crowded(self, request: Request) -> bool:
        """Tell whether there is no room for another transaction.

        Half of the memory is kept for calls: a flood of probes must not shut the callers out.
        """
        most = self._config.max_transactions
        return len(self._layer) >= (most if request.method == "INVITE" else most // 2)

    def place(self, request: Request, answers_go: Flow, source: Flow, now: float) -> Origin | None:
        """Decide whether a new request is heard at all; what is not heard is answered here, or not.

        :returns: where it comes from; None when nothing more is to be done.
        """
        # A telephone is not asked for its password first when the answer is known.
        is_leaving = self.draining and request.method == "REGISTER"
        is_too_much = self.sheds(request.method, now) and not self._spared.spares(request, now)
        if is_leaving or is_too_much or self.is_crowded(request):
            if self._config.admission.hears(request, source, now):
                self.shed(request, answers_go)
            else:
                self._counts.silenced += 1
            return None
        decided = self._config.admission.admit(request, source, now, self._book.calls_of)
        if isinstance(decided, Silence):
            self._counts.silenced += 1
            return None
        if isinstance(decided, Refusal):
            self._count(decided)
            self.refuse_stateless(request, decided, answers_go)
            return None
        return decided

    def shed(self, request: Request, flow: Flow) -> None:
        """Say 503 without remembering the request."""
        self._counts.shed += 1
        self.refuse_stateless(request, self._replies.overloaded(), flow)

    def refuse_stateless(self, request: Request, refusal: Refusal, flow: Flow) -> None:
        """Send a final error that nothing is remembered of (8.2.7); a copy of the request gets another."""
        self._answer_stateless(request, refusal.status, refusal.headers, flow, refusal.reason)

    def answer_probe(self, request: Request, origin: Origin, answers_go: Flow, now: float) -> None:
        """Answer an OPTIONS outside any dialog (11.2), without remembering it (8.2.7).

        It changes nothing, so that a copy of it may be answered again: no transaction is worth its memory.
        """
        self.probed_at = now
        refusal = self._inspect(request, origin)
        if refusal is None:
            self._answer_stateless(request, 200, self._replies.capabilities(), answers_go)
        else:
            self._count(refusal)
            self.refuse_stateless(request, refusal, answers_go)

    def _answer_stateless(
        self, request: Request, status: int, headers: HeaderFields, flow: Flow, reason: str | None = None
    ) -> None:
        tag = "" if request.to_tag else self.stateless_tag(request, str(request.top_via))
        response = response_to(request, status, reason, to_tag=tag)
        response.headers.extend(headers)
        response.headers.add("Server", self._config.server)
        self._layer.send(flow, response.to_bytes())

    def stateless_tag(self, message: Request | MalformedRequest, via: str) -> str:
        """Make the same tag for every copy of a request, though nothing of it is kept (8.2.7)."""
        seed = f"{message.headers.get('Call-ID')}|{message.headers.get('CSeq')}|{via}"
        return blake2s(seed.encode("utf-8", "surrogateescape"), key=self._tag_key, digest_size=8).hexdigest()

    # -- the request itself -----------------------------------------------------------------------

    def handle(self, server: Server, origin: Origin, now: float) -> None:
        """Serve a request without a To tag, other than ACK, CANCEL and OPTIONS."""
        request = server.request
        if request.method == "INVITE":
            self._layer.owe_trying(server, now)
        refusal = self._inspect(request, origin, server)
        if refusal is None and request.method == "INVITE":
            try:
                refusal = self._answering.take(server, self._called(request, origin) or ANYTHING, origin, now)
            except RemoteProtocolError as error:
                refusal = Refusal(error.status_hint)
            if refusal is None:
                return
        registrar = self._config.registrar
        if refusal is None and request.method == "REGISTER" and registrar is not None:
            done = registrar.register(request, server.source, now)
            if isinstance(done, Refusal):
                refusal = done
            else:
                self._layer.respond(server, self._replies.reply(server, 200, done), now)
                return
        assert refusal is not None, "whatever passes the inspection is one of those above"
        self._count(refusal)
        self._layer.respond(server, self._replies.refuse(server, refusal), now)

    def _inspect(self, request: Request, origin: Origin, server: Server | None = None) -> Refusal | None:
        """Look at a request outside any dialog, in the order of 8.2.

        :param server: its transaction; None where nothing is remembered of it.
        """
        refusal = self._replies.refuse_events(request)
        refusal = refusal or check_method(request, self._replies.allow) or check_scheme(request)
        if refusal is not None:
            return refusal
        if request.method in DIALOG_METHODS:
            return Refusal(481)
        if self.draining:
            return self._replies.overloaded()
        # A keep-alive OPTIONS to the host itself names no user (11.2); a call and the rest must. Nor
        # does a call that takes another one's place: its Request-URI is our Contact (RFC 3891, 3).
        names_nobody = (
            request.method == "REGISTER"
            or (request.method == "OPTIONS" and not request.uri.user)
            or "replaces" in request.headers.by_key()
        )
        if not names_nobody and self._called(request, origin) is None:
            return Refusal(404)
        if server is not None and self._layer.is_merged(server):
            return Refusal(482)
        supported = self._config.supported
        if request.method == "REGISTER" and self._config.registrar is not None:
            supported += self._config.registrar.extensions
        return check_require(request, supported)

    def _called(self, request: Request, origin: Origin) -> str | None:
        """Tell what a request calls, in our own form; None for what its sender may not reach."""
        config, uri = self._config, request.uri
        ours = called_number(uri, config.numbers, origin.area_code or config.area_code)
        if ours is not None:
            return ours
        if origin.kind is OriginKind.PHONE:
            return uri.user_decoded or None
        return (uri.user_decoded or ANYTHING) if config.answers_any else None

    def _count(self, refusal: Refusal) -> None:
        counts = self._counts
        counts.refused += 1
        match refusal.status:
            case 401 | 407:
                counts.challenged += 1
            case 404:
                counts.refused_not_found += 1
            case 488:
                counts.refused_unfit += 1
            case 503:
                counts.refused_full += 1
