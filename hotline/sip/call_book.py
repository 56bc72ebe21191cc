"""All calls of one user agent: finding them, moving them, and carrying out what their tables say."""

from __future__ import annotations

from collections.abc import Callable

from hotline.events.ids import CallId
from hotline.sip.agenda import Agenda
from hotline.sip.call_leg import CallLeg
from hotline.sip.dialog import DialogKey
from hotline.sip.events import CallConfirmed, CallEnded, SipEvent
from hotline.sip.flow import Flow, request_flow
from hotline.sip.headers import SessionExpires
from hotline.sip.incoming_call import Action, Given
from hotline.sip.message import Request, Response
from hotline.sip.replies import Replies
from hotline.sip.session_timer import Due
from hotline.sip.transaction_layer import Client, Server, TransactionLayer


class CallBook:
    """The calls of one user agent.

    :param new_token: makes the branches of our requests.
    :param server_name: our User-Agent.
    """

    def __init__(
        self, layer: TransactionLayer, replies: Replies, new_token: Callable[[], str], server_name: str
    ) -> None:
        self._layer, self._replies, self._new_token, self._server_name = (
            layer,
            replies,
            new_token,
            server_name,
        )
        self._legs: dict[CallId, CallLeg] = {}
        self._dialogs: dict[DialogKey, CallLeg] = {}
        self._invites: dict[tuple[str, str], CallLeg] = {}
        self._asked: dict[Client, CallLeg] = {}
        """Our own BYE and UPDATE, and the calls they belong to."""
        self._agenda: Agenda[CallLeg] = Agenda()
        self.events: list[SipEvent] = []

    def __len__(self) -> int:
        return len(self._legs)

    # -- finding ----------------------------------------------------------------------------------

    def get(self, call_id: CallId | None) -> CallLeg | None:
        """Find a call by our own id; None when it is over."""
        return self._legs.get(call_id) if call_id is not None else None

    def of_dialog(self, request: Request) -> CallLeg | None:
        """Find the call whose dialog a request belongs to (12.2.2)."""
        return self._dialogs.get((request.call_id, request.to_tag or "", request.from_tag or ""))

    def of_invite(self, request: Request) -> CallLeg | None:
        """Find the call that an INVITE made by the half of the dialog that its sender chose."""
        return self._invites.get((request.call_id, request.from_tag or ""))

    def is_copy(self, request: Request) -> bool:
        """Tell whether an INVITE made a call of ours already, and came late or by another way.

        Its transaction forgets it 32 s after the answer, the call does not: no second call may come of it.
        """
        leg = self.of_invite(request)
        return leg is not None and request.cseq.number <= (leg.dialog.remote_cseq or 0)

    # -- moving -----------------------------------------------------------------------------------

    def add(self, leg: CallLeg, now: float) -> None:
        """Take up a new call, which waits for a decision."""
        leg.invite.call_id = leg.call_id
        self._legs[leg.call_id] = leg
        self._invites[leg.dialog.call_id, leg.dialog.remote_tag] = leg
        leg.machine.start(now)
        self._agenda.put(leg, leg.next_timer())

    def establish(self, leg: CallLeg) -> None:
        """Make the dialog known: the caller is about to learn our tag."""
        self._dialogs[leg.dialog.key] = leg

    def move(
        self,
        leg: CallLeg,
        given: Given,
        now: float,
        server: Server | None = None,
        response: Response | None = None,
    ) -> None:
        """Make one move of a call's table and carry out its actions.

        :param server: the request that is answered by this move.
        :param response: what to answer it with.
        """
        leg.machine.handle(given, now)
        self._carry_out(leg, now, server or leg.invite, response)

    def reschedule(self, leg: CallLeg) -> None:
        """Look at the timers of a call again."""
        self._agenda.put(leg, leg.next_timer())

    def answered(self, client: Client, response: Response | None, now: float) -> None:
        """Take the final response to a request of ours.

        :param response: None when none came: the transaction gave up or its transport broke.
        """
        leg = self._asked.pop(client, None)
        if leg is None:
            return
        status = response.status if response is not None else 408  # 8.1.3.1: as if it had been received
        if client.request.method == "BYE":
            self.move(leg, Given.BYE_DONE, now)
        elif response is not None and status < 300:
            leg.session_timer.refreshed(response, now)
            self._agenda.put(leg, leg.next_timer())
        elif status in {408, 481}:  # 12.2.1.2: the dialog is gone
            self.move(leg, Given.SESSION_EXPIRED, now)

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        return self._agenda.next_due()

    def handle_timer(self, now: float) -> None:
        """Fire what is due, in order of time."""
        while (leg := self._agenda.take_due(now)) is not None:
            leg.machine.handle_timer(now)
            match leg.session_timer.handle_timer(now):
                case Due.EXPIRED:
                    leg.machine.handle(Given.SESSION_EXPIRED, now)
                case Due.REFRESH:
                    self._send_update(leg, now)
            self._carry_out(leg, now, leg.invite, None)

    def _carry_out(self, leg: CallLeg, now: float, server: Server, response: Response | None) -> None:
        for action in leg.machine.take_actions():
            self._act(leg, action, now, server, response)
        if leg.machine.cause is not None and not leg.told_end:
            leg.told_end = True
            self.events.append(CallEnded(leg.call_id, leg.machine.cause.value))
        if leg.told_end:
            leg.session_timer.start(None, now)
        self._agenda.put(leg, leg.next_timer())
        if leg.machine.is_over:
            self._legs.pop(leg.call_id, None)
            self._dialogs.pop(leg.dialog.key, None)
            self._invites.pop((leg.dialog.call_id, leg.dialog.remote_tag), None)

    def _act(
        self, leg: CallLeg, action: Action, now: float, server: Server, response: Response | None
    ) -> None:
        respond, reply = self._layer.respond, self._replies.reply
        match action:
            case Action.SEND_OK:
                assert response is not None
                leg.ok, leg.ok_flow, leg.ok_cseq = (
                    response.to_bytes(),
                    server.flow,
                    server.request.cseq.number,
                )
                respond(server, response, now)
            case Action.REPEAT_OK:
                assert leg.ok_flow is not None
                self._layer.send(leg.ok_flow, leg.ok, leg.call_id)
            case Action.SEND_REFUSAL | Action.ANSWER_BYE:
                assert response is not None
                respond(server, response, now)
            case Action.SEND_TERMINATED:
                respond(leg.invite, reply(leg.invite, 487), now)
            case Action.SEND_FAILED:
                respond(leg.invite, reply(leg.invite, 500), now)
            case Action.SEND_PENDING:
                respond(server, reply(server, 491), now)
            case Action.SEND_BYE:
                self._send_bye(leg, now)
            case Action.TELL_CONFIRMED:
                self.events.append(CallConfirmed(leg.call_id))

    def _send_bye(self, leg: CallLeg, now: float) -> None:
        self._send(leg, *self._new_request(leg, "BYE"), now)

    def _send_update(self, leg: CallLeg, now: float) -> None:
        request, flow = self._new_request(leg, "UPDATE")
        for name, value in self._replies.contact(leg):
            request.headers.add(name, value)
        request.headers.add("Session-Expires", str(SessionExpires(leg.session_timer.interval_s, "uac")))
        self._send(leg, request, flow, now)

    def _new_request(self, leg: CallLeg, method: str) -> tuple[Request, Flow]:
        # A peer behind a NAT, and a proxy known only by name, are reached where their last request
        # came from; everybody else where the route set or the Contact says.
        use_source = leg.is_behind_nat and not leg.dialog.route_set
        flow = request_flow(leg.dialog.next_hop(), leg.flow, use_source=use_source)
        via = (
            f"SIP/2.0/{flow.transport.upper()} {self._replies.host(flow)}:{flow.local[1]}"
            f";branch=z9hG4bK{self._new_token()}{'' if flow.is_reliable else ';rport'}"
        )
        request = leg.dialog.make_request(method, via)
        request.headers.add("User-Agent", self._server_name)
        return request, flow

    def _send(self, leg: CallLeg, request: Request, flow: Flow, now: float) -> None:
        self._asked[self._layer.request(request, flow, now, leg.call_id)] = leg
