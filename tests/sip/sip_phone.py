"""A caller built from the same client machines: dials, acknowledges, hangs up or gives up."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from sip_bench import OFFER, a_request

from hotline.sip.dialog import Dialog
from hotline.sip.flow import Flow, Outgoing
from hotline.sip.message import Request, Response, note_source, parse_message, response_to
from hotline.sip.transaction_layer import Client, Server, TransactionLayer


@dataclass
class Phone:
    """One call from the caller's side."""

    flow: Flow
    call_id: str
    layer: TransactionLayer = field(default_factory=TransactionLayer)
    dialog: Dialog | None = None
    final: int = 0
    """Status that ended the INVITE; 0 while none came."""
    is_over: bool = False
    wants_to_leave: bool = False
    """Hung up before the answer."""
    failures: int = 0
    _tokens: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _invite: Client | None = None
    _can_cancel: bool = False

    def dial(self, now: float) -> None:
        data = a_request(
            "INVITE", call_id=self.call_id, branch=self._branch(), body=OFFER, from_tag=self.call_id
        )
        request = parse_message(data)
        assert isinstance(request, Request)
        self._invite = self.layer.request(request, self.flow, now)

    def hang_up(self, now: float) -> None:
        """BYE in a call, CANCEL before it."""
        if self.is_over:
            return
        self.wants_to_leave = True
        if self.dialog is not None:
            self._bye(now)
        elif self._can_cancel:
            self._cancel(now)

    def hear(self, data: bytes, now: float) -> None:
        message = parse_message(data)
        if isinstance(message, Request):
            self._request(message, now)
            return
        client = self.layer.receive_response(message, now)
        if client is not None:
            self._response(client, message, now)

    def handle_timer(self, now: float) -> None:
        self.layer.handle_timer(now)
        for failed in self.layer.take_failed():
            self.failures += 1
            if isinstance(failed.side, Client) and failed.side.request.method in {"INVITE", "BYE"}:
                self.is_over = True

    def next_timer(self) -> float | None:
        return self.layer.next_timer()

    def take_outbox(self) -> list[Outgoing]:
        return self.layer.take_outbox()

    def _response(self, client: Client, response: Response, now: float) -> None:
        method = response.cseq.method
        if method == "BYE" and response.status >= 200:
            self.is_over = True
        if method != "INVITE":
            return
        if response.status < 200:
            if self.wants_to_leave and not self._can_cancel:
                self._cancel(now)
            self._can_cancel = True
            return
        self.final = response.status
        if response.status >= 300:
            self.is_over = True
            return
        if self.dialog is None:
            self.dialog = Dialog.of_uac(client.request, response)
        ack = self.dialog.make_request("ACK", self._via(), cseq=client.request.cseq.number)
        self.layer.send(self.flow, ack.to_bytes())
        if self.wants_to_leave and not self.is_over:
            self._bye(now)

    def _request(self, request: Request, now: float) -> None:
        note_source(request, *self.flow.remote)
        if request.method == "ACK":
            return
        server: Server | None = self.layer.receive_request(request, self.flow, self.flow, "phone", now)
        if server is None:
            return
        is_ours = self.dialog is not None and request.to_tag == self.dialog.local_tag
        self.layer.respond(server, response_to(request, 200 if is_ours else 481), now)
        self.is_over = self.is_over or is_ours

    def _bye(self, now: float) -> None:
        assert self.dialog is not None
        self.is_over = True
        self.layer.request(self.dialog.make_request("BYE", self._via()), self.flow, now)

    def _cancel(self, now: float) -> None:
        assert self._invite is not None
        invite = self._invite.request
        data = a_request(
            "CANCEL", call_id=self.call_id, branch=invite.top_via.branch, from_tag=self.call_id, contact=None
        )
        cancel = parse_message(data)
        assert isinstance(cancel, Request)
        self.layer.request(cancel, self.flow, now)

    def _branch(self) -> str:
        return f"z9hG4bK{self.call_id}x{next(self._tokens)}"

    def _via(self) -> str:
        return f"SIP/2.0/UDP {self.flow.local[0]}:{self.flow.local[1]};branch={self._branch()}"
