"""All calls of one user agent: finding them, moving them, and carrying out what their tables say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hotline.events.ids import CallId
from hotline.sip.admission import Origin, OriginKind
from hotline.sip.agenda import Agenda
from hotline.sip.call_leg import CallLeg
from hotline.sip.call_moves import UNACKNOWLEDGED, Action, Given, State
from hotline.sip.counts import UserAgentCounts
from hotline.sip.dialog import DialogKey
from hotline.sip.events import CallAnswered, CallConfirmed, CallEnded, CallRinging, ReofferFailed, SipEvent
from hotline.sip.inspection import HeaderFields
from hotline.sip.message import Request, Response
from hotline.sip.our_requests import OurRequests
from hotline.sip.reoffers import Reoffers
from hotline.sip.replies import Replies
from hotline.sip.session_timer import Due
from hotline.sip.timers import PATIENCE
from hotline.sip.transaction_layer import Server, TransactionLayer
from hotline.sip.voice_terms import VoiceTerms

TOO_EARLY_S: Final = 2
"""Retry-After for an offer that comes before the answer to the one before (RFC 3261, 14.2; RFC 3311, 5.2)."""


TELLS: Final = frozenset(
    {Action.TELL_CONFIRMED, Action.TELL_ANSWERED, Action.TELL_MOVED, Action.TELL_REFUSED}
)
ASKS: Final = frozenset({Action.SEND_BYE, Action.SEND_REINVITE, Action.WAIT_FOR_GLARE})


@dataclass(frozen=True, slots=True)
class Means:
    """What a move works with."""

    server: Server | None
    """The request that is answered by it."""
    response: Response | None = None
    """What to answer it with."""
    headers: HeaderFields = ()
    """Further ones of a BYE."""


class CallBook:
    """The legs of one user agent, of calls in both directions.

    :param new_token: makes the chance in the waits after a glare.
    """

    def __init__(
        self,
        layer: TransactionLayer,
        replies: Replies,
        ours: OurRequests,
        counts: UserAgentCounts,
        new_token: Callable[[], str],
    ) -> None:
        self._layer, self._replies, self._ours, self._counts = layer, replies, ours, counts
        self.reoffers = Reoffers(replies, ours, counts, self, new_token)
        self._legs: dict[CallId, CallLeg] = {}
        self._dialogs: dict[DialogKey, CallLeg] = {}
        self._invites: dict[tuple[str, str], CallLeg] = {}
        self._agenda: Agenda[CallLeg] = Agenda()
        self._standing: Counter[tuple[OriginKind, str]] = Counter()
        self.events: list[SipEvent] = []

    def __len__(self) -> int:
        return len(self._legs)

    # -- finding ----------------------------------------------------------------------------------

    @property
    def arrived(self) -> int:
        """How many calls that came to us stand or wait for an answer."""
        return len(self._invites)

    @property
    def unacknowledged(self) -> int:
        """How many calls that came to us were answered and wait for their ACK."""
        return sum(leg.machine.state in UNACKNOWLEDGED for leg in self._invites.values())

    def legs(self) -> tuple[CallLeg, ...]:
        """List the legs that stand, are being set up or are ending; forks of our calls as well."""
        return tuple({**dict.fromkeys(self._legs.values()), **dict.fromkeys(self._dialogs.values())})

    def get(self, call_id: CallId | None) -> CallLeg | None:
        """Find a call by our own id; None when it is over, or its INVITE is ours and not answered."""
        return self._legs.get(call_id) if call_id is not None else None

    def of_dialog(self, request: Request) -> CallLeg | None:
        """Find the call whose dialog a request belongs to (12.2.2)."""
        return self._dialogs.get((request.call_id, request.to_tag or "", request.from_tag or ""))

    def of_key(self, key: DialogKey) -> CallLeg | None:
        """Find the call of a dialog by Call-ID, our tag and their tag."""
        return self._dialogs.get(key)

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
        self._enter(leg)
        self._invites[leg.dialog.call_id, leg.dialog.remote_tag] = leg
        leg.machine.start(now)
        self._agenda.put(leg, leg.next_timer())

    def establish(self, leg: CallLeg) -> None:
        """Make the dialog known: the other side learns our tag, or we have learnt theirs."""
        self._dialogs[leg.dialog.key] = leg

    def adopt(self, leg: CallLeg) -> None:
        """Make a leg of ours the one that its ``call_id`` names: it was answered first."""
        leg.is_told = True
        self._enter(leg)

    def forget(self, leg: CallLeg) -> None:
        """Drop a leg: it is over, another fork was answered, or the INVITE failed (13.2.2.3)."""
        self._agenda.put(leg, None)
        if self._dialogs.get(leg.dialog.key) is leg:
            del self._dialogs[leg.dialog.key]
        if self._legs.get(leg.call_id) is leg:
            del self._legs[leg.call_id]
            self.count(leg.origin, -1)
        key = (leg.dialog.call_id, leg.dialog.remote_tag)
        if self._invites.get(key) is leg:
            del self._invites[key]

    def count(self, origin: Origin, change: int) -> None:
        """Count a call of an origin that began or ended."""
        key = (origin.kind, origin.name)
        self._standing[key] += change
        if not self._standing[key]:
            del self._standing[key]

    def calls_of(self, kind: OriginKind, name: str) -> int:
        """Tell how many calls an origin has, both ways."""
        return self._standing[kind, name]

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
        self._carry_out(leg, now, Means(server or leg.invite, response, headers))

    def settle(self, leg: CallLeg, now: float) -> None:
        """Do what a call waits for, and look at its timers again."""
        self._carry_out(leg, now, Means(leg.invite))

    def move_voice(self, leg: CallLeg, before: VoiceTerms | None) -> None:
        """Tell where the other side's voice is, should that have changed."""
        terms = leg.voice.terms
        if terms is None or terms == before:
            return
        if leg.is_told:
            self.events.append(leg.media_moved())
        elif leg.machine.state is State.EARLY:
            self.events.append(CallRinging(leg.call_id, 183, terms))

    # -- timers -----------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        return self._agenda.next_due()

    def handle_timer(self, now: float) -> None:
        """Fire what is due, in order of time."""
        while (leg := self._agenda.take_due(now)) is not None:
            if leg.reliable is not None:
                leg.reliable.handle_timer(now)
                if leg.reliable.is_overdue:
                    leg.machine.handle(Given.PRACK_OVERDUE, now)
            leg.machine.handle_timer(now)
            match leg.session_timer.handle_timer(now):
                case Due.EXPIRED:
                    self._counts.sessions_expired += 1
                    leg.machine.handle(Given.SESSION_EXPIRED, now)
                case Due.REFRESH:
                    self.reoffers.refresh(leg, now)
            self._carry_out(leg, now, Means(leg.invite))

    def _enter(self, leg: CallLeg) -> None:
        self._legs[leg.call_id] = leg
        self.count(leg.origin, 1)

    # -- carrying out -----------------------------------------------------------------------------

    def _carry_out(self, leg: CallLeg, now: float, with_: Means) -> None:
        for action in leg.machine.take_actions():
            self._act(leg, action, now, with_)
        if leg.wish is not None and leg.machine.state is State.CONFIRMED and leg.wish_due <= now:
            leg.machine.handle(Given.REOFFER, now)
            for action in leg.machine.take_actions():
                self._act(leg, action, now, with_)
        if leg.reliable is not None and leg.invite is not None:
            for data in leg.reliable.take_outbox():
                self._layer.provide(leg.invite, data, now)
        if leg.machine.cause is not None and not leg.told_end:
            leg.told_end = True
            leg.session_timer.start(None, now)
            if leg.is_told:
                cause = leg.ends_as or leg.machine.cause.value
                self.events.append(CallEnded(leg.call_id, cause, leg.end_status, leg.end_reason, leg.origin))
        self._agenda.put(leg, leg.next_timer())
        if leg.machine.is_over:
            if leg.reinvite is not None:
                # It got provisional responses only, and a BYE overtook the rest. Its 2xx would still be
                # acknowledged, but no timer of its own ends it.
                self._layer.give_up(leg.reinvite, now + PATIENCE)
            self.forget(leg)

    def _act(self, leg: CallLeg, action: Action, now: float, with_: Means) -> None:
        if action in TELLS:
            self._tell(leg, action)
        elif action in ASKS:
            self._ask(leg, action, now, with_)
        else:
            self._answer(leg, action, now, with_)

    def _ask(self, leg: CallLeg, action: Action, now: float, with_: Means) -> None:
        match action:
            case Action.SEND_BYE:
                hears = lambda _response, at: self.move(leg, Given.BYE_DONE, at)  # noqa: E731
                self._ours.ask(leg, "BYE", now, hears, with_.headers)
            case Action.SEND_REINVITE:
                self.reoffers.send(leg, now)
            case Action.WAIT_FOR_GLARE:
                self.reoffers.wait(leg, now)

    def _answer(self, leg: CallLeg, action: Action, now: float, with_: Means) -> None:
        match action:
            case Action.SEND_PROGRESS | Action.REPEAT_PROGRESS:
                self._send_progress(leg, now, has_sdp=action is Action.SEND_PROGRESS)
            case Action.SEND_OK:
                self._send_ok(leg, with_.server, with_.response, now)
            case Action.REPEAT_OK:
                assert leg.ok_flow is not None
                self._counts.retransmissions += 1
                self._layer.send(leg.ok_flow, leg.ok, leg.call_id)
            case Action.SEND_REFUSAL:
                assert with_.response is not None
                self._answer_invite(leg, with_.response, now)
            case Action.SEND_TERMINATED:
                self._refuse_invite(leg, 487, now)
            case Action.SEND_FAILED:
                self._refuse_invite(leg, 500, now)
            case Action.ANSWER_BYE:
                self._respond(with_, with_.response, now)
            case Action.SEND_TOO_EARLY:
                assert with_.server is not None
                retry = (("Retry-After", str(TOO_EARLY_S)),)
                self._respond(with_, self._replies.reply(with_.server, 500, retry), now)
            case Action.SEND_PENDING:
                assert with_.server is not None
                self._counts.glare += 1
                self._respond(with_, self._replies.reply(with_.server, 491), now)

    def _tell(self, leg: CallLeg, action: Action) -> None:
        offered, terms = leg.offered, leg.voice.terms
        is_wished = offered is not None and not offered.is_refresh
        match action:
            case Action.TELL_CONFIRMED:
                self._counts.answered_in += 1
                self.events.append(CallConfirmed(leg.call_id, leg.origin))
            case Action.TELL_ANSWERED:
                assert terms is not None
                self._counts.answered_out += 1
                self.events.append(CallAnswered(leg.call_id, terms, leg.origin))
            case Action.TELL_MOVED:
                # Whoever wished it waits for this, be the terms the same or not.
                self.move_voice(leg, None if is_wished else leg.terms_before)
                leg.offered = None
            case Action.TELL_REFUSED:
                if is_wished and leg.refused_status:
                    self.events.append(ReofferFailed(leg.call_id, leg.refused_status))
                leg.offered = None

    def _respond(self, with_: Means, response: Response | None, now: float) -> None:
        assert with_.server is not None
        assert response is not None
        self._layer.respond(with_.server, response, now)

    def _send_progress(self, leg: CallLeg, now: float, *, has_sdp: bool) -> None:
        progress = leg.progress
        assert progress is not None
        assert leg.invite is not None
        if leg.reliable is None:
            self._layer.respond(leg.invite, progress, now)
            return
        # Said again, it brings no second session description (RFC 3262, 5).
        body = progress.body if has_sdp else b""
        write = self._replies.reliable(progress, body)
        leg.reliable.send(write, now, has_sdp=bool(body))

    def _send_ok(self, leg: CallLeg, server: Server | None, response: Response | None, now: float) -> None:
        ok, leg.pending_ok = response or leg.pending_ok, None
        assert ok is not None
        assert server is not None
        leg.ok, leg.ok_flow, leg.ok_cseq = ok.to_bytes(), server.flow, server.request.cseq.number
        if leg.reliable is not None:
            leg.reliable.finish(now)
        self._layer.respond(server, ok, now, leg.ok)

    def _answer_invite(self, leg: CallLeg, response: Response, now: float) -> None:
        assert leg.invite is not None
        if leg.reliable is not None:
            leg.reliable.finish(now)
        self._layer.respond(leg.invite, response, now)

    def _refuse_invite(self, leg: CallLeg, status: int, now: float) -> None:
        assert leg.invite is not None
        self._answer_invite(leg, self._replies.reply(leg.invite, status), now)
