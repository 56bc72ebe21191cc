"""What one call says and was told about its voice: offers and answers over its whole life (RFC 3264)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2s

from hotline.errors import RemoteProtocolError
from hotline.sip.offer import AnswerPlan, choose_answer, make_offer, read_answer
from hotline.sip.sdp import Connection, SessionDescription, parse_sdp
from hotline.sip.voice_reach import VoiceReach
from hotline.sip.voice_terms import ANY_VOICE, VoicePolicy, VoiceTerms


def session_id_of(tag: str) -> int:
    """Make the number of a session out of our tag, which is random already (RFC 8866, 5.2)."""
    return int.from_bytes(blake2s(tag.encode(), digest_size=4).digest(), "big")


@dataclass(slots=True)
class VoiceSession:
    """The session description of one leg, from our side.

    One offer may be open at a time (RFC 3264, 4): ``our_offer`` is the one that waits for its answer.
    """

    local_ip: str
    """Where we want the other side's voice; before it is known, the address that the peer reached."""
    session_id: int
    """Of the o= line; stays, while ``version`` counts changes (RFC 3264, 8)."""
    local_port: int = 0
    policy: VoicePolicy = ANY_VOICE
    new_key: Callable[[], bytes] | None = None
    """Makes 30 octets for SRTP; None: no SRTP."""
    reach: VoiceReach | None = None
    """Which addresses the other side may want our voice at; None: any that is one machine's."""
    sends: bool = True
    receives: bool = True
    """What we want: both False holds the other side in silence, ``receives`` alone with music."""
    version: int = 0
    plan: AnswerPlan | None = None
    """What was agreed last."""
    our_offer: SessionDescription | None = None
    """Ours, sent and not yet answered."""
    last_body: bytes = b""
    _sketched: SessionDescription | None = None
    """The offer that ``plan`` answers on paper."""

    @property
    def terms(self) -> VoiceTerms | None:
        """What was agreed last; None before anything was."""
        return self.plan.terms if self.plan is not None else None

    def choose(self, offer: SessionDescription) -> AnswerPlan | None:
        """Answer an offer on paper; None when we cannot."""
        return choose_answer(
            offer,
            local_ip=self.local_ip,
            local_port=self.local_port,
            session_id=self.session_id,
            session_version=self.version,
            voice=self.policy,
            sends=self.sends,
            receives=self.receives,
            new_key=self.new_key,
            previous=self.plan,
            reach=self.reach,
        )

    def sketch(self, offer: SessionDescription) -> bool:
        """Agree on paper, before we know our own port; ``answer`` to the same offer then only writes it.

        :returns: False when nothing fits.
        """
        plan = self.choose(offer)
        if plan is None:
            return False
        self.plan, self._sketched = plan, offer
        return True

    def answer(self, offer: SessionDescription) -> bytes | None:
        """Write the answer to an offer; it counts from now on.

        The version of the o= line grows when what we say changes, and only then (RFC 3264, 8).

        :returns: None when nothing fits; then nothing changed.
        """
        plan = self._finished(offer) or self.choose(offer)
        if plan is None:
            return None
        body = plan.body
        if self.last_body and body != self.last_body:
            self.version += 1
            plan = self.choose(offer) or plan
            body = plan.body
        self.plan, self.last_body = plan, body
        return body

    def offer(self) -> bytes:
        """Write an offer of our own, which is open from now on."""
        body = self._offered()
        if self.last_body and body != self.last_body:
            self.version += 1
            body = self._offered()
        self.last_body, self.our_offer = body, parse_sdp(body)
        return body

    def take_answer(self, sdp: bytes | None) -> bool:
        """Read the answer to our open offer.

        :returns: False when there is none, or none that we can carry.
        """
        if sdp is None or self.our_offer is None:
            return False
        try:
            answer = parse_sdp(sdp)
        except RemoteProtocolError:
            return False
        plan = read_answer(
            answer, self.our_offer, local_ip=self.local_ip, voice=self.policy, reach=self.reach
        )
        if plan is None:
            return False
        self.plan, self.our_offer = plan, None
        return True

    def preview(self, sdp: bytes) -> None:
        """Read an answer that is not the answer yet: in an unreliable provisional response (13.2.1).

        It must come again, unchanged, in the 2xx; until then it tells where early voice comes from.
        """
        offer = self.our_offer
        if offer is not None and self.take_answer(sdp):
            self.our_offer = offer

    def take_final_answer(self, sdp: bytes | None) -> bool:
        """Read the answer in a 2xx; one that a reliable provisional response gave already stands.

        A peer that sent it in an unreliable one only, against 13.2.1, is taken at its word.
        """
        if self.our_offer is None:
            return self.plan is not None
        if sdp is None and self.plan is not None:
            self.our_offer = None
            return True
        return self.take_answer(sdp)

    def withdraw(self) -> None:
        """Take our open offer back: it was refused, and what was agreed before holds (RFC 3261, 14.1)."""
        self.our_offer = None

    def has_moved(self, before: VoiceTerms | None) -> bool:
        """Tell whether what the media plane must know differs from earlier terms."""
        return self.terms != before

    def _finished(self, offer: SessionDescription) -> AnswerPlan | None:
        """Write our own address into what was agreed on paper for this very offer."""
        plan, sketched, self._sketched = self.plan, self._sketched, None
        if plan is None or sketched is not offer:
            return None
        local, family = plan.local, "IP6" if ":" in self.local_ip else "IP4"
        if local.origin.address_type != family:
            return None
        media = list(local.media)
        media[plan.index] = replace(media[plan.index], port=self.local_port)
        written = replace(
            local,
            origin=replace(local.origin, address=self.local_ip),
            connection=Connection("IN", family, self.local_ip),
            media=tuple(media),
        )
        return replace(plan, local=written)

    def _offered(self) -> bytes:
        return make_offer(
            local_ip=self.local_ip,
            local_port=self.local_port,
            session_id=self.session_id,
            session_version=self.version,
            voice=self.policy,
            sends=self.sends,
            receives=self.receives,
            new_key=self.new_key,
            previous=self.plan,
        )
