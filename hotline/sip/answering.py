"""Calls that come to us: the INVITE and what we say to it until its dialog stands (RFC 3261, 13.3).

An INVITE that can be carried becomes a leg and a ``CallArrived``; then the layer above lets it ring or
lets early media through (``progress``), and accepts or refuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2s
from typing import Final

from hotline.errors import LocalProtocolError
from hotline.events.ids import CallId
from hotline.sip.admission import Origin, OriginKind
from hotline.sip.body import SDP, sdp_of
from hotline.sip.call_book import CallBook
from hotline.sip.call_leg import CallLeg
from hotline.sip.call_machine import CallMachine
from hotline.sip.call_moves import Cause, Given, State
from hotline.sip.config import UserAgentConfig
from hotline.sip.counts import UserAgentCounts
from hotline.sip.dialler import Dialler
from hotline.sip.dialog import Dialog
from hotline.sip.events import CallArrived
from hotline.sip.flow import is_behind_nat
from hotline.sip.inspection import HeaderFields, Refusal, check_accept, check_body
from hotline.sip.message import Request
from hotline.sip.numbers import caller_identity
from hotline.sip.reliable import OPTION as RELIABLE
from hotline.sip.reliable import ReliableSender, wants_reliable
from hotline.sip.replaces import Replaces, parse_replaces
from hotline.sip.replies import Replies
from hotline.sip.sdp import parse_sdp
from hotline.sip.session_timer import SessionTimer, headers_of, negotiate
from hotline.sip.transaction_layer import Server
from hotline.sip.uri import escape_user
from hotline.sip.voice_reach import VoiceReach
from hotline.sip.voice_session import VoiceSession, session_id_of

OPEN_STATES: Final = frozenset({State.OFFERED, State.PROGRESSED})
"""The layer above has not decided yet."""


class Answering:
    """Takes the INVITEs of one user agent and answers them as the layer above decides.

    :param new_key: makes keys for SRTP; None: no SRTP.
    """

    def __init__(
        self,
        config: UserAgentConfig,
        replies: Replies,
        book: CallBook,
        dialler: Dialler,
        counts: UserAgentCounts,
        new_call_id: Callable[[], CallId],
        new_token: Callable[[], str],
        new_key: Callable[[], bytes] | None,
    ) -> None:
        self._config, self._replies, self._book, self._dialler = config, replies, book, dialler
        self._counts, self._new_call_id, self._new_token = counts, new_call_id, new_token
        self._new_key = new_key

    def take(self, server: Server, called: str, origin: Origin, now: float) -> Refusal | None:
        """Make a call of an INVITE outside any dialog.

        :param called: what it calls, in our own form.
        :returns: the refusal when it cannot be carried.
        :raises RemoteProtocolError: with the status to refuse it with.
        """
        request, config = server.request, self._config
        if self._book.is_copy(request):
            return Refusal(482)
        refusal = _check_reliable(request, origin) or check_body(request, (SDP,)) or check_accept(request)
        if refusal is not None:
            return refusal
        if self._book.arrived >= config.max_calls:
            return self._replies.overloaded()
        replaced = self._find_replaced(server, origin)
        if isinstance(replaced, Refusal):
            return replaced
        timer = SessionTimer(origin.timer)
        timer.hear(request)
        session_expires = negotiate(request, timer)
        if isinstance(session_expires, Refusal):
            return session_expires
        dialog = Dialog.of_uas(request, server.to_tag)
        leg = CallLeg(
            call_id=self._new_call_id(),
            machine=CallMachine(),
            invite=server,
            invite_cseq=request.cseq.number,
            dialog=dialog,
            contact_user=escape_user(called),
            flow=server.source,
            is_behind_nat=is_behind_nat(request.top_via, dialog.remote_target, server.source.remote),
            voice=VoiceSession(
                self._replies.voice_ip("", server.source),
                session_id_of(server.to_tag),
                policy=origin.voice.among(self._config.codecs),
                new_key=self._new_key,
                reach=VoiceReach.of_request(request, server.source),
            ),
            origin=origin,
            replaces=replaced,
            session_timer=timer,
            session_expires=session_expires,
        )
        leg.hear(request)
        sdp = sdp_of(request)
        if sdp is not None:
            leg.offer = parse_sdp(sdp)
            if not leg.voice.sketch(leg.offer):
                return self._replies.unfit(server, leg.offer, leg.voice)
        self._book.add(leg, server, now)
        self._counts.calls_in += 1
        caller = caller_identity(
            request, origin.area_code or config.area_code, trusted=origin.trusts_identity
        )
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
                origin=origin,
                replaces=replaced,
                local_ip=server.source.local[0],
            )
        )
        return None

    def is_offered(self, call_id: CallId) -> bool:
        """Tell whether a call still waits for ``accept`` or ``refuse``."""
        leg = self._book.get(call_id)
        return leg is not None and leg.machine.state in OPEN_STATES

    def progress(
        self,
        call_id: CallId,
        status: int,
        now: float,
        local_ip: str,
        local_port: int,
        *,
        reliable: bool | None,
        reason: str | None,
    ) -> bool:
        """Send a provisional response: see ``UserAgent.progress``."""
        if not 101 <= status <= 199:
            raise LocalProtocolError(f"a call cannot make progress with {status}")
        leg = self._book.get(call_id)
        if leg is None or leg.invite is None:
            return False
        if leg.machine.state not in OPEN_STATES:
            raise LocalProtocolError(f"call {call_id} was accepted before")
        request, server = leg.invite.request, leg.invite
        policy = leg.origin.reliable if reliable is None else ("supported" if reliable else "never")
        is_reliable = wants_reliable(request.require, request.supported, policy)
        if is_reliable and leg.reliable is None:
            leg.reliable = ReliableSender(request.cseq.number, self._first_number())
        if leg.reliable is not None and leg.reliable.is_full:
            return True  # a far side says 180 and 183 by turns; enough waits for the caller's PRACK
        body = b""
        if local_port and not leg.answered_early:
            voice = leg.voice
            voice.local_ip, voice.local_port = self._replies.voice_ip(local_ip, server.source), local_port
            if leg.offer is not None:
                answer = voice.answer(leg.offer)
                if answer is None:
                    self._refuse_unfit(leg, server, now)
                    return False
                body = answer
            elif leg.reliable is not None:  # an offer of ours needs the PRACK to be answered (RFC 3262, 5)
                body = voice.offer()
            leg.answered_early = leg.reliable is not None
        headers = (*self._replies.contact(leg), *self._record_routes(server))
        leg.progress = self._replies.reply(server, status, headers, body, reason=reason)
        self._book.establish(leg)
        self._book.move(leg, Given.PROGRESS, now, server)
        return True

    def accept(self, call_id: CallId, local_ip: str, local_port: int, now: float) -> bool:
        """Answer a call with 200: see ``UserAgent.accept``."""
        leg = self._book.get(call_id)
        if leg is None:
            return False
        if leg.machine.state not in OPEN_STATES:
            raise LocalProtocolError(f"call {call_id} was accepted before")
        voice, server = leg.voice, leg.invite
        assert server is not None
        body = b""
        if not leg.answered_early:
            voice.local_ip, voice.local_port = self._replies.voice_ip(local_ip, server.source), local_port
            answer = voice.answer(leg.offer) if leg.offer is not None else voice.offer()
            if answer is None:
                self._refuse_unfit(leg, server, now)
                return False
            body = answer
        headers = (
            *self._replies.contact(leg),
            *headers_of(leg.session_expires),
            *self._record_routes(server),
        )
        response = self._replies.reply(server, 200, headers, body)
        leg.session_timer.start(leg.session_expires, now)
        self._book.establish(leg)
        if leg.reliable is not None and not leg.reliable.may_answer:
            leg.pending_ok = response
            self._book.move(leg, Given.ACCEPT_LATER, now, server)
        else:
            self._book.move(leg, Given.ACCEPT, now, server, response)
        if leg.replaces is not None:
            self._end_replaced(leg.replaces, now)
        return True

    def refuse(
        self, call_id: CallId, status: int, now: float, headers: HeaderFields, reason: str | None
    ) -> bool:
        """Answer a call with a final error: see ``UserAgent.refuse``."""
        if not 300 <= status <= 699:
            raise LocalProtocolError(f"a call cannot be refused with {status}")
        leg = self._book.get(call_id)
        if leg is None or leg.invite is None:
            return False
        response = self._replies.reply(leg.invite, status, headers, reason=reason)
        self._book.move(leg, Given.REFUSE, now, leg.invite, response)
        return True

    def _refuse_unfit(self, leg: CallLeg, server: Server, now: float) -> None:
        assert leg.offer is not None
        refusal = self._replies.unfit(server, leg.offer, leg.voice)
        self._book.move(leg, Given.REFUSE, now, server, self._replies.refuse(server, refusal))

    def _record_routes(self, server: Server) -> HeaderFields:
        values = server.request.headers.get_all("Record-Route")
        return tuple(("Record-Route", value) for value in values)  # 12.1.1

    def _first_number(self) -> int:
        """Make the first RSeq: 1 to 2**31 - 1, at random (RFC 3262, 3)."""
        digest = blake2s(self._new_token().encode(), digest_size=4).digest()
        return int.from_bytes(digest, "big") % (2**31 - 1) + 1

    # -- Replaces (RFC 3891) ----------------------------------------------------------------------

    def _find_replaced(self, server: Server, origin: Origin) -> CallId | Refusal | None:
        """Find the call that an INVITE takes the place of (RFC 3891, 3)."""
        values = server.request.headers.get_all("Replaces")
        if not values:
            return None
        if len(values) > 1:
            return Refusal(400, reason="More Than One Replaces")
        replaces = parse_replaces(values[0])
        if origin.kind is OriginKind.TRUNK:
            return Refusal(403)  # who is on a carrier's line takes over no call of the house
        leg = self._book.of_key((replaces.call_id, replaces.to_tag, replaces.from_tag))
        if leg is None:
            return Refusal(481)
        return _check_replaced(leg, replaces)

    def _end_replaced(self, call_id: CallId, now: float) -> None:
        leg = self._book.get(call_id)
        if leg is None:
            self._dialler.hang_up(call_id, now, (), cause=Cause.REPLACED.value)
            return
        if leg.machine.allows(Given.HANG_UP) and not leg.told_end:
            leg.ends_as = Cause.REPLACED.value
            self._book.move(leg, Given.HANG_UP, now, leg.invite)


def _check_replaced(leg: CallLeg, replaces: Replaces) -> CallId | Refusal:
    match leg.machine.state:
        case State.ENDING | State.ENDED:
            return Refusal(603)
        case State.EARLY:
            return leg.call_id  # ours rings there: it is cancelled
        case State.OFFERED | State.PROGRESSED | State.ACCEPTING:
            return Refusal(481)  # an early dialog that we did not begin
        case _:
            return Refusal(486) if replaces.is_early_only else leg.call_id


def _check_reliable(request: Request, origin: Origin) -> Refusal | None:
    """Refuse a caller who cannot do what her line requires: 421 (RFC 3262, 3; RFC 3261, 21.4.15)."""
    if origin.reliable != "required":
        return None
    known = {tag.lower() for tag in (*request.supported, *request.require)}
    return None if RELIABLE in known else Refusal(421, (("Require", RELIABLE),))
