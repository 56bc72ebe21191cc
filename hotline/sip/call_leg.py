"""All that the user agent keeps about one call: its machine, its dialog, and what was agreed about voice."""

from __future__ import annotations

from dataclasses import dataclass, field

from hotline.events.ids import CallId
from hotline.sip.body import find_sdp, parts_of
from hotline.sip.dialog import Dialog
from hotline.sip.events import MediaMoved
from hotline.sip.flow import Flow
from hotline.sip.headers import SessionExpires
from hotline.sip.incoming_call import IncomingCall
from hotline.sip.message import Request
from hotline.sip.offer import AnswerPlan, choose_answer, make_offer, read_answer
from hotline.sip.sdp import SessionDescription, parse_sdp
from hotline.sip.session_timer import SessionTimer
from hotline.sip.transaction_layer import Server
from hotline.sip.voice_terms import VoiceTerms


@dataclass(eq=False, slots=True)
class CallLeg:
    """One incoming call."""

    call_id: CallId
    machine: IncomingCall
    invite: Server
    """The INVITE that is to be answered."""
    dialog: Dialog
    called: str
    flow: Flow
    """How the caller's requests reach us, and ours them."""
    is_behind_nat: bool
    """The caller believes in another address than the one we see."""
    session_id: int
    """Of the o= line; stays, while ``session_version`` counts changes (RFC 3264, 8)."""
    session_version: int = 0
    offer: SessionDescription | None = None
    """The offer of the INVITE that is to be answered; None in a delayed offer."""
    plan: AnswerPlan | None = None
    """What was agreed last."""
    awaits_answer: bool = False
    """Our 200 held an offer, and the ACK must answer it."""
    local_ip: str = ""
    """Where we want the caller's voice; before ``accept``, the address that the caller reached."""
    local_port: int = 0
    session_timer: SessionTimer = field(default_factory=SessionTimer)
    session_expires: SessionExpires | None = None
    """Agreed for the 200 that is still to be sent."""
    told_end: bool = False
    """CallEnded was given."""
    ok: bytes = b""
    """Our last 200 to INVITE, for repetition."""
    ok_flow: Flow | None = None
    ok_cseq: int = -1
    last_body: bytes = b""

    def next_timer(self) -> float | None:
        """Tell when the call wants to be looked after; None: never."""
        due = (self.machine.next_timer(), self.session_timer.next_timer())
        return min((time for time in due if time is not None), default=None)

    def choose(self, offer: SessionDescription) -> AnswerPlan | None:
        """Answer an offer on paper; None when we cannot."""
        return choose_answer(
            offer,
            local_ip=self.local_ip,
            local_port=self.local_port,
            session_id=self.session_id,
            session_version=self.session_version,
        )

    def answer(self, offer: SessionDescription | None) -> bytes:
        """Write the answer to an offer, or our own offer when there is none; the plan follows.

        The version of the o= line grows when what we say changes, and only then (RFC 3264, 8).
        """
        body = self._write(offer)
        if self.last_body and body != self.last_body:
            self.session_version += 1
            body = self._write(offer)
        self.last_body = body
        self.awaits_answer = offer is None
        return body

    def take_answer(self, request: Request) -> bool:
        """Read the answer that an ACK carries to our offer.

        :returns: False when there is none, or none that we can carry.
        :raises RemoteProtocolError: when it is no SDP.
        """
        sdp = find_sdp(parts_of(request))
        if sdp is None:
            return False
        plan = read_answer(parse_sdp(sdp), local_ip=self.local_ip)
        if plan is None:
            return False
        self.plan, self.awaits_answer = plan, False
        return True

    def has_moved(self, before: AnswerPlan | None) -> bool:
        """Tell whether the plan differs from an earlier one in what the media plane must know."""
        return before is None or self.plan is None or terms_of(before) != terms_of(self.plan)

    def media_moved(self) -> MediaMoved:
        """Tell where the caller's voice is now."""
        assert self.plan is not None
        return MediaMoved(self.call_id, terms_of(self.plan))

    def _write(self, offer: SessionDescription | None) -> bytes:
        if offer is None:
            return make_offer(
                local_ip=self.local_ip,
                local_port=self.local_port,
                session_id=self.session_id,
                session_version=self.session_version,
            )
        plan = self.choose(offer)
        assert plan is not None, "choose() was asked before"
        self.plan = plan
        return plan.body


def terms_of(plan: AnswerPlan) -> VoiceTerms:
    """Tell what was agreed, as the layers above want it."""
    return VoiceTerms(
        plan.remote_ip,
        plan.remote_port,
        "PCMU" if plan.payload_type == 0 else "PCMA",
        plan.payload_type,
        plan.event_payload_type,
        plan.sends,
    )
