"""Calls that we make: INVITEs sent at once and one after another until one is answered or all failed.

A call has branches, which ring at once; a branch has targets, which are tried one after another; each
try is an ``Attempt``, one INVITE with its own row of states (``outgoing_call``). A proxy on the way may
fork an INVITE, so that an attempt may have several early dialogs; the first 2xx of all makes the call,
every other one gets ACK and BYE (RFC 3261, 13.2.2.4).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from hotline.errors import LocalProtocolError
from hotline.events.ids import CallId
from hotline.sip.agenda import Agenda, earliest
from hotline.sip.attempts import (
    MOST_REDIRECTIONS,
    Attempt,
    Branch,
    OutgoingCall,
    best_first,
    new_fork,
    redirect,
    settle_dialog,
)
from hotline.sip.body import sdp_of
from hotline.sip.call_book import CallBook
from hotline.sip.call_headers import ANSWERED_ELSEWHERE
from hotline.sip.call_leg import CallLeg
from hotline.sip.call_moves import Given, State
from hotline.sip.counts import UserAgentCounts
from hotline.sip.dialling import DialOrder, DialTarget
from hotline.sip.dialog import Dialog
from hotline.sip.digest_client import DigestClient
from hotline.sip.events import CallEnded, CallRinging
from hotline.sip.failure import Failure, best_of, failure_of
from hotline.sip.inspection import HeaderFields
from hotline.sip.message import Response
from hotline.sip.our_requests import OurRequests
from hotline.sip.outgoing_call import Heard, Move, Stage
from hotline.sip.reliable import Arrival
from hotline.sip.replies import Replies
from hotline.sip.session_timer import MIN_SE_S
from hotline.sip.transaction_layer import TransactionLayer
from hotline.sip.voice_reach import VoiceReach
from hotline.sip.voice_session import VoiceSession, session_id_of

TRIES_NEXT: Final = frozenset({408, 430, 503})
"""Errors that speak of the way and not of the person: the branch's next target is tried (RFC 3263, 4.3;
RFC 5626, 11)."""
MOST_FORKS: Final = 20
"""Early dialogs kept of one INVITE, and as many 2xx acknowledged besides: a proxy forks to the telephones of
one user, and each dialog is memory and a BYE of ours that the other side makes us spend."""
ELSEWHERE: Final = (("Reason", str(ANSWERED_ELSEWHERE)),)
"""In the CANCEL to telephones that rang in vain, so that they note no missed call (RFC 3326)."""


class Dialler:
    """The calls that one user agent is making.

    :param new_token: makes Call-IDs and tags.
    :param new_key: makes keys for SRTP; None: no SRTP.
    """

    def __init__(
        self,
        layer: TransactionLayer,
        replies: Replies,
        ours: OurRequests,
        book: CallBook,
        counts: UserAgentCounts,
        new_token: Callable[[], str],
        new_key: Callable[[], bytes] | None,
    ) -> None:
        self._layer, self._replies, self._ours, self._book = layer, replies, ours, book
        self._counts = counts
        self._new_token, self._new_key = new_token, new_key
        self._calls: dict[CallId, OutgoingCall] = {}
        self._rings: Agenda[OutgoingCall] = Agenda()
        self._cancels: Agenda[Attempt] = Agenda()

    def __len__(self) -> int:
        return len(self._calls)

    # -- from above -------------------------------------------------------------------------------

    def dial(self, order: DialOrder, now: float) -> tuple[str, ...]:
        """Send the first INVITE of each branch.

        :returns: the Call-ID of each branch.
        :raises LocalProtocolError: when there is nobody to call, or a call of that id.
        """
        if not order.branches or not all(order.branches):
            raise LocalProtocolError(f"call {order.call_id} has a branch without a target")
        if order.call_id in self._calls:
            raise LocalProtocolError(f"call {order.call_id} is being made")
        branches = [self._new_branch(order, targets) for targets in order.branches]
        call = OutgoingCall(order, branches, now + order.ring_s)
        self._calls[order.call_id] = call
        self._book.count(order.origin, 1)
        self._counts.calls_out += 1
        self._rings.put(call, call.ring_due)
        for branch in branches:
            self._try_next(call, branch, now)
        return tuple(branch.dialog.call_id for branch in branches)

    def hang_up(self, call_id: CallId, now: float, headers: HeaderFields, cause: str = "hung_up") -> bool:
        """Give up a call that nobody answered yet.

        :returns: False when there is none.
        """
        call = self._calls.get(call_id)
        if call is None:
            return False
        self._end(call, now, headers)
        self._book.events.append(CallEnded(call_id, cause, origin=call.order.origin))
        return True

    def early_legs(self, call_id: CallId) -> list[CallLeg]:
        """List the early dialogs of a call that nobody answered yet."""
        call = self._calls.get(call_id)
        attempts = [branch.attempt for branch in call.branches if branch.attempt] if call else []
        return [
            leg for attempt in attempts for leg in attempt.forks.values() if leg.machine.state is State.EARLY
        ]

    # -- timers -----------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        return earliest(self._rings.next_due(), self._cancels.next_due())

    def handle_timer(self, now: float) -> None:
        """Fire what is due."""
        while (call := self._rings.take_due(now)) is not None:
            self._fail(call, Failure(408, "No answer"), now)
        while (attempt := self._cancels.take_due(now)) is not None:
            for move in attempt.machine.handle_timer(now):
                self._do(attempt, move, None, now)
            self._rest(attempt)

    # -- one attempt ------------------------------------------------------------------------------

    def _try_next(self, call: OutgoingCall, branch: Branch, now: float) -> None:
        self._try(call, branch, branch.targets.popleft(), now)

    def _try(self, call: OutgoingCall, branch: Branch, target: DialTarget, now: float) -> None:
        order, flow = call.order, target.flow
        branch.dialog.remote_target, branch.dialog.route_set = target.uri, target.route
        voice = VoiceSession(
            self._replies.voice_ip(order.local_ip, flow),
            session_id_of(branch.dialog.local_tag),
            order.local_port,
            order.voice,
            self._new_key,
            reach=VoiceReach.of_flow(flow),
        )
        attempt = branch.attempt = Attempt(call, branch, target, voice)
        reliable = order.origin.reliable
        headers: HeaderFields = (
            ("Contact", self._replies.contact_at(order.from_.uri.user or "hotline", flow)),
            *self._replies.extensions("100rel" if reliable == "never" else ""),
            *((("Require", "100rel"),) if reliable == "required" else ()),
            *(branch.timer.headers() if branch.timer is not None else ()),
            *order.headers,
        )
        body = voice.offer()
        request = self._ours.write(branch.dialog, "INVITE", flow, headers, body)
        if branch.digest is not None:
            attempt.credentials = branch.digest.headers("INVITE", str(request.uri), body)
            for name, value in attempt.credentials:
                request.headers.add(name, value)

        def hears(response: Response | None, at: float) -> None:
            self._hear(attempt, response, at)

        attempt.invite = self._ours.send(request, flow, now, order.call_id, hears)

    def _hear(self, attempt: Attempt, response: Response | None, now: float) -> None:
        if response is None:
            heard = Heard.NOTHING
        elif response.status < 200:
            heard = Heard.PROVISIONAL
        elif response.status < 300:
            heard = Heard.ANSWER
            leg = attempt.forks.get(response.to_tag or "")
            if leg is not None and leg.is_acknowledged:
                self._ours.acknowledge(leg, response.cseq.number)  # 13.2.2.4: our ACK was lost
                return
            if leg is None and len(attempt.forks) >= 2 * MOST_FORKS:
                return
        else:
            heard = Heard.ERROR
        self._move(attempt, heard, response, now)

    def _move(self, attempt: Attempt, heard: Heard, response: Response | None, now: float) -> None:
        for move in attempt.machine.handle(heard, now):
            self._do(attempt, move, response, now)
        self._rest(attempt)

    def _rest(self, attempt: Attempt) -> None:
        self._cancels.put(attempt, attempt.machine.next_timer())
        if attempt.machine.state is Stage.OVER:
            self._drop_forks(attempt)  # early dialogs end with their INVITE (12.3)

    def _do(self, attempt: Attempt, move: Move, response: Response | None, now: float) -> None:
        match move:
            case Move.TELL_RINGING:
                assert response is not None
                if response.status > 100:
                    self._ring(attempt, response, now)
            case Move.ESTABLISH:
                assert response is not None
                self._establish(attempt, response, now)
            case Move.END_SURPLUS:
                assert response is not None
                self._end_surplus(attempt, response, now)
            case Move.SEND_CANCEL:
                assert attempt.invite is not None
                self._ours.cancel(attempt.invite, now, attempt.cancel_headers)
            case Move.TRY_ON:
                self._try_on(attempt, response, now)
            case Move.FORGET:
                assert attempt.invite is not None
                self._layer.forget(attempt.invite)

    def _ring(self, attempt: Attempt, response: Response, now: float) -> None:
        call, terms = attempt.call, None
        if response.to_tag in attempt.forks or (response.to_tag and len(attempt.forks) < MOST_FORKS):
            leg = self._fork(attempt, response)
            leg.hear(response)
            arrival = leg.received.take(response)
            if arrival in {Arrival.REPEATED, Arrival.TOO_EARLY}:
                return
            sdp = sdp_of(response)
            if arrival is Arrival.NEXT:
                self._acknowledge(leg, sdp, now)
            elif sdp is not None:
                leg.voice.preview(sdp)
            terms = leg.voice.terms
        if call.told != (response.status, terms):
            call.told = (response.status, terms)
            self._book.events.append(CallRinging(call.order.call_id, response.status, terms))

    def _acknowledge(self, leg: CallLeg, sdp: bytes | None, now: float) -> None:
        """Send the PRACK of a reliable provisional response; a session description in it is the answer.

        RFC 3262, 5. One that we cannot carry stays without effect: the 2xx will end the call.
        """
        if sdp is not None:
            leg.voice.take_answer(sdp)
        self._counts.pracks_sent += 1
        headers = (("RAck", str(leg.received.rack)),)
        self._ours.ask(leg, "PRACK", now, lambda _response, _at: None, headers)

    def _establish(self, attempt: Attempt, response: Response, now: float) -> None:
        call, leg = attempt.call, self._fork(attempt, response)
        settle_dialog(leg, attempt, response)
        self._ours.acknowledge(leg, response.cseq.number)
        self._close(call)
        for other in call.branches:
            if other.attempt is not None and other.attempt is not attempt:
                other.attempt.cancel_headers = ELSEWHERE
                self._move(other.attempt, Heard.GIVE_UP, None, now)
        self._drop_forks(attempt, but=leg)
        if leg.machine.state is State.ENDED:  # its BYE overtook its 200
            self._book.events.append(CallEnded(leg.call_id, "bye", origin=leg.origin))
            return
        leg.hear(response)
        timer = leg.session_timer.wish = attempt.branch.timer
        if timer is not None:
            leg.session_timer.min_se_s = max(MIN_SE_S, timer.min_se_s)
        leg.session_timer.refreshed(response, now)
        is_usable = leg.voice.take_final_answer(sdp_of(response))
        if not is_usable:
            leg.end_status, leg.end_reason = 488, "No usable answer"
        self._book.adopt(leg)
        self._book.move(leg, Given.ESTABLISHED if is_usable else Given.ESTABLISHED_UNUSABLE, now)

    def _end_surplus(self, attempt: Attempt, response: Response, now: float) -> None:
        """Acknowledge and end a 2xx that nobody wants any more (13.2.2.4, 15)."""
        self._counts.surplus_answers += 1
        leg = self._fork(attempt, response)
        settle_dialog(leg, attempt, response)
        self._ours.acknowledge(leg, response.cseq.number)
        if leg.machine.state is State.EARLY:
            self._book.move(leg, Given.ESTABLISHED_UNUSABLE, now)

    def _fork(self, attempt: Attempt, response: Response) -> CallLeg:
        """Find or make the dialog that a response belongs to (12.1.2)."""
        tag = response.to_tag or ""
        leg = attempt.forks.get(tag)
        if leg is not None:
            return leg
        leg = attempt.forks[tag] = new_fork(attempt, response)
        self._book.establish(leg)
        return leg

    # -- one call ---------------------------------------------------------------------------------

    def _try_on(self, attempt: Attempt, response: Response | None, now: float) -> None:
        call, branch = attempt.call, attempt.branch
        if call.is_over:
            return
        failure = failure_of(response)
        if response is not None and self._asks_again(attempt, response):
            self._try(call, branch, attempt.target, now)
            return
        if response is not None and 300 <= response.status < 400:
            redirect(branch, response, call.order.allows_redirect)
        goes_on = failure.status in TRIES_NEXT or 300 <= failure.status < 400
        if goes_on and branch.targets:
            self._try_next(call, branch, now)
            return
        branch.failure = failure
        failures = [branch.failure for branch in call.branches if branch.failure is not None]
        if failure.status >= 600 or len(failures) == len(call.branches):
            self._fail(call, best_of(failures), now)

    def _asks_again(self, attempt: Attempt, response: Response) -> bool:
        """Tell whether the same place is to be tried again, with what the response asked for."""
        branch = attempt.branch
        if response.status in {401, 407}:
            assert attempt.invite is not None
            if branch.digest is not None and branch.digest.take(response, attempt.invite.request):
                return True
            self._counts.failed_authentications += 1
        if response.status == 422 and branch.timer is not None:
            raised = branch.timer.raised(response)
            branch.timer = raised or branch.timer
            return raised is not None
        return False

    def _fail(self, call: OutgoingCall, failure: Failure, now: float) -> None:
        self._end(call, now)
        self._counts.failed_out += 1
        order = call.order
        redirects = tuple(contact.uri for contact in best_first(failure.contacts)[:MOST_REDIRECTIONS])
        ended = CallEnded(order.call_id, "failed", failure.status, failure.reason, order.origin, redirects)
        self._book.events.append(ended)

    def _end(self, call: OutgoingCall, now: float, headers: HeaderFields = ()) -> None:
        self._close(call)
        for branch in call.branches:
            if branch.attempt is not None:
                branch.attempt.cancel_headers = headers
                self._move(branch.attempt, Heard.GIVE_UP, None, now)

    def _close(self, call: OutgoingCall) -> None:
        call.is_over = True
        if self._calls.pop(call.order.call_id, None) is not None:
            self._book.count(call.order.origin, -1)
        self._rings.put(call, None)

    def _drop_forks(self, attempt: Attempt, but: CallLeg | None = None) -> None:
        for leg in attempt.forks.values():
            if leg is not but and leg.machine.state is State.EARLY:
                self._book.forget(leg)

    def _new_branch(self, order: DialOrder, targets: tuple[DialTarget, ...]) -> Branch:
        digest = DigestClient(order.secret, self._new_token) if order.secret is not None else None
        return Branch(deque(targets), self._new_dialog(order), digest=digest, timer=order.timer)

    def _new_dialog(self, order: DialOrder) -> Dialog:
        return Dialog(
            call_id=self._new_token(),
            local_tag=self._new_token(),
            remote_tag="",
            local=order.from_,
            remote=order.to,
            remote_target=order.to.uri,
            route_set=(),
        )
