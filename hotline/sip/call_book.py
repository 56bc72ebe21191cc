"""All calls of one user agent: finding them, moving them, and carrying out what their tables say."""

from __future__ import annotations

from hotline.events.ids import CallId
from hotline.sip.agenda import Agenda
from hotline.sip.call_leg import CallLeg
from hotline.sip.call_moves import Action, Given
from hotline.sip.dialog import DialogKey
from hotline.sip.events import CallAnswered, CallConfirmed, CallEnded, ReofferFailed, SipEvent
from hotline.sip.headers import SessionExpires
from hotline.sip.inspection import HeaderFields
from hotline.sip.message import Request, Response
from hotline.sip.our_requests import OurRequests
from hotline.sip.replies import Replies
from hotline.sip.session_timer import Due
from hotline.sip.transaction_layer import Server, TransactionLayer


class CallBook:
    """The legs of one user agent, of calls in both directions."""

    def __init__(self, layer: TransactionLayer, replies: Replies, ours: OurRequests) -> None:
        self._layer, self._replies, self._ours = layer, replies, ours
        self._legs: dict[CallId, CallLeg] = {}
        self._dialogs: dict[DialogKey, CallLeg] = {}
        self._invites: dict[tuple[str, str], CallLeg] = {}
        self._agenda: Agenda[CallLeg] = Agenda()
        self.events: list[SipEvent] = []

    def __len__(self) -> int:
        return len(self._legs)

    def legs(self) -> tuple[CallLeg, ...]:
        """List the legs, for those who look on."""
        return tuple(self._legs.values())

    # -- finding ----------------------------------------------------------------------------------

    def get(self, call_id: CallId | None) -> CallLeg | None:
        """Find a call by our own id; None when it is over, or its INVITE is ours and not answered."""
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

    def add(self, leg: CallLeg, server: Server, now: float) -> None:
        """Take up a call that came to us and waits for a decision."""
        server.call_id = leg.call_id
        self._legs[leg.call_id] = leg
        self._invites[leg.dialog.call_id, leg.dialog.remote_tag] = leg
        leg.machine.start(now)
        self._agenda.put(leg, leg.next_timer())

    def establish(self, leg: CallLeg) -> None:
        """Make the dialog known: the other side learns our tag, or we have learnt theirs."""
        self._dialogs[leg.dialog.key] = leg

    def adopt(self, leg: CallLeg) -> None:
        """Make a leg of ours the one that its ``call_id`` names: it was answered first."""
        leg.is_told = True
        self._legs[leg.call_id] = leg

    def forget(self, leg: CallLeg) -> None:
        """Drop an early dialog: another fork was answered, or the INVITE failed (13.2.2.3)."""
        self._agenda.put(leg, None)
        if self._dialogs.get(leg.dialog.key) is leg:
            del self._dialogs[leg.dialog.key]
        if self._legs.get(leg.call_id) is leg:
            del self._legs[leg.call_id]
        self._invites.pop((leg.dialog.call_id, leg.dialog.remote_tag), None)

    def move(
        self,
        leg: CallLeg,
        given: Given,
        now: float,
        server: Server | None = None,
        response: Response | None = None,
        headers: HeaderFields = (),
    ) -> None:
        """Make one move of a call's table and carry out its actions.

        :param server: the request that is answered by this move.
        :param response: what to answer it with.
        :param headers: further ones of a BYE.
        """
        leg.machine.handle(given, now)
        self._carry_out(leg, now, server or leg.invite, response, headers)

    def reschedule(self, leg: CallLeg) -> None:
        """Look at the timers of a call again."""
        self._agenda.put(leg, leg.next_timer())

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
            self._carry_out(leg, now, leg.invite, None, ())

    def _carry_out(
        self,
        leg: CallLeg,
        now: float,
        server: Server | None,
        response: Response | None,
        headers: HeaderFields,
    ) -> None:
        for action in leg.machine.take_actions():
            self._act(leg, action, now, server, response, headers)
        if leg.machine.cause is not None and not leg.told_end:
            leg.told_end = True
            if leg.is_told:
                cause = leg.machine.cause.value
                self.events.append(CallEnded(leg.call_id, cause, leg.end_status, leg.end_reason))
        if leg.told_end:
            leg.session_timer.start(None, now)
        self._agenda.put(leg, leg.next_timer())
        if leg.machine.is_over:
            self.forget(leg)

    def _act(  # noqa: C901 - a case for each action
        self,
        leg: CallLeg,
        action: Action,
        now: float,
        server: Server | None,
        response: Response | None,
        headers: HeaderFields,
    ) -> None:
        match action:
            case Action.SEND_OK:
                assert response is not None
                assert server is not None
                leg.ok, leg.ok_flow, leg.ok_cseq = (
                    response.to_bytes(),
                    server.flow,
                    server.request.cseq.number,
                )
                self._layer.respond(server, response, now)
            case Action.REPEAT_OK:
                assert leg.ok_flow is not None
                self._layer.send(leg.ok_flow, leg.ok, leg.call_id)
            case Action.SEND_REFUSAL | Action.ANSWER_BYE:
                assert response is not None
                assert server is not None
                self._layer.respond(server, response, now)
            case Action.SEND_TERMINATED:
                self._answer_invite(leg, 487, now)
            case Action.SEND_FAILED:
                self._answer_invite(leg, 500, now)
            case Action.SEND_PENDING:
                assert server is not None
                self._layer.respond(server, self._replies.reply(server, 491), now)
            case Action.SEND_BYE:
                self._ours.ask(leg, "BYE", now, lambda _, at: self.move(leg, Given.BYE_DONE, at), headers)
            case Action.TELL_CONFIRMED:
                self.events.append(CallConfirmed(leg.call_id))
            case Action.TELL_ANSWERED:
                assert leg.voice.terms is not None
                self.events.append(CallAnswered(leg.call_id, leg.voice.terms))
            case Action.TELL_MOVED:
                self.events.append(leg.media_moved())
            case Action.TELL_REFUSED:
                self.events.append(ReofferFailed(leg.call_id, leg.end_status))
            case Action.SEND_REINVITE | Action.WAIT_FOR_GLARE:
                raise NotImplementedError  # with re-INVITEs of ours

    def _answer_invite(self, leg: CallLeg, status: int, now: float) -> None:
        assert leg.invite is not None
        self._layer.respond(leg.invite, self._replies.reply(leg.invite, status), now)

    def _send_update(self, leg: CallLeg, now: float) -> None:
        expires = SessionExpires(leg.session_timer.interval_s, "uac")
        headers = (*self._replies.contact(leg), ("Session-Expires", str(expires)))
        self._ours.ask(leg, "UPDATE", now, lambda response, at: self._refreshed(leg, response, at), headers)

    def _refreshed(self, leg: CallLeg, response: Response | None, now: float) -> None:
        status = response.status if response is not None else 408  # 8.1.3.1: as if it had been received
        if response is not None and status < 300:
            leg.session_timer.refreshed(response, now)
            self._agenda.put(leg, leg.next_timer())
        elif status in {408, 481}:  # 12.2.1.2: the dialog is gone
            self.move(leg, Given.SESSION_EXPIRED, now)
