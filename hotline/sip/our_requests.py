"""The requests that we send: how they look, and which way they go (RFC 3261, 8.1.1 and 12.2.1)."""

from __future__ import annotations

from collections.abc import Callable

from hotline.events.ids import CallId
from hotline.sip.body import SDP
from hotline.sip.call_leg import CallLeg
from hotline.sip.dialog import Dialog
from hotline.sip.flow import Flow, request_flow
from hotline.sip.headers import MAGIC_COOKIE
from hotline.sip.inspection import HeaderFields
from hotline.sip.message import Headers, Request, Response
from hotline.sip.replies import Replies
from hotline.sip.transaction_layer import Client, Hears, TransactionLayer


class OurRequests:
    """Writes and sends the requests of one user agent.

    :param new_token: makes branches.
    :param name: our User-Agent.
    """

    def __init__(
        self, layer: TransactionLayer, replies: Replies, new_token: Callable[[], str], name: str
    ) -> None:
        self._layer, self._replies, self._new_token, self._name = layer, replies, new_token, name

    def via(self, flow: Flow) -> str:
        """Write a Via with a fresh branch; over UDP it asks for rport (RFC 3581)."""
        return (
            f"SIP/2.0/{flow.transport.upper()} {self._replies.host(flow)}:{flow.local[1]}"
            f";branch={MAGIC_COOKIE}{self._new_token()}{'' if flow.is_reliable else ';rport'}"
        )

    def write(
        self,
        dialog: Dialog,
        method: str,
        flow: Flow,
        headers: HeaderFields = (),
        body: bytes = b"",
        *,
        body_type: str = SDP,
        cseq: int | None = None,
    ) -> Request:
        """Write a request of a dialog, or the INVITE that shall make one.

        :param cseq: number of the INVITE that an ACK belongs to; None takes the next one.
        """
        request = dialog.make_request(method, self.via(flow), cseq=cseq)
        for name, value in headers:
            request.headers.add(name, value)
        request.headers.add("User-Agent", self._name)
        if body:
            request.headers.add("Content-Type", body_type)
            request.body = body
        return request

    def send(
        self, request: Request, flow: Flow, now: float, call_id: CallId | None, hears: Hears | None = None
    ) -> Client:
        """Send a request other than ACK."""
        return self._layer.request(request, flow, now, call_id, hears)

    def ask(
        self,
        leg: CallLeg,
        method: str,
        now: float,
        hears: Hears,
        headers: HeaderFields = (),
        body: bytes = b"",
        *,
        body_type: str = SDP,
    ) -> Client:
        """Send a request inside a call's dialog; a challenge is answered where we have a secret (22.2).

        :param hears: told its responses; of a request that was challenged, those to the second try.
        """
        flow = self.flow_of(leg)

        def write() -> Request:
            request = self.write(leg.dialog, method, flow, headers, body, body_type=body_type)
            if leg.digest is not None:
                for name, value in leg.digest.headers(method, str(request.uri), body):
                    request.headers.add(name, value)
            return request

        def hears_first(response: Response | None, at: float) -> None:
            if (
                response is not None
                and response.status in {401, 407}
                and leg.digest is not None
                and leg.digest.take(response, request)
            ):
                self.send(write(), flow, at, leg.call_id, hears)
                return
            hears(response, at)

        request = write()
        return self.send(request, flow, now, leg.call_id, hears_first if leg.digest is not None else hears)

    def acknowledge(self, leg: CallLeg, cseq: int) -> None:
        """Send the ACK to a 2xx; its repetition gets the same octets again (13.2.2.4)."""
        if leg.ack_cseq != cseq or leg.ack_flow is None:
            leg.ack_cseq, leg.ack_flow = cseq, self.flow_of(leg)
            headers = leg.credentials if leg.ack_cseq == leg.invite_cseq else ()
            leg.ack = self.write(leg.dialog, "ACK", leg.ack_flow, headers, cseq=cseq).to_bytes()
        self._layer.send(leg.ack_flow, leg.ack, leg.call_id)

    def cancel(self, invite: Client, now: float, headers: HeaderFields = ()) -> None:
        """Cancel an INVITE of ours: its own branch, Route and Request-URI (9.1)."""
        source = invite.request.headers
        cancel = Headers((("Via", str(invite.request.top_via)), ("Max-Forwards", "70")))
        for name in ("Route", "From", "To", "Call-ID"):
            for value in source.get_all(name):
                cancel.add(name, value)
        cancel.add("CSeq", f"{invite.request.cseq.number} CANCEL")
        for name, value in headers:
            cancel.add(name, value)
        cancel.add("User-Agent", self._name)
        self.send(Request("CANCEL", invite.request.uri, cancel, b""), invite.flow, now, invite.call_id)

    def flow_of(self, leg: CallLeg) -> Flow:
        """Tell the way of the next request of a call.

        A peer behind a NAT, and a proxy known only by name, are reached where their last request came
        from; everybody else where the route set or the Contact says.
        """
        use_source = leg.is_behind_nat and not leg.dialog.route_set
        return request_flow(leg.dialog.next_hop(), leg.flow, use_source=use_source)
