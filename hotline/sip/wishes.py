"""What the layer above wants of a leg that exists, whoever began it: a change, a key, an end, a nudge."""

from __future__ import annotations

from typing import Final

from hotline.events.ids import CallId
from hotline.sip.call_book import CallBook
from hotline.sip.call_leg import CallLeg, ReofferWish
from hotline.sip.call_moves import Given, State
from hotline.sip.dialler import Dialler
from hotline.sip.dtmf_info import DEFAULT_MS, RELAY, write_dtmf
from hotline.sip.inspection import HeaderFields
from hotline.sip.message import Response
from hotline.sip.our_requests import OurRequests
from hotline.sip.replies import Replies
from hotline.sip.subscription import SubscriptionState
from hotline.sip.voice_terms import VoicePolicy

UNANSWERED: Final = frozenset({State.OFFERED, State.PROGRESSED})


class Wishes:
    """Carries them out for one user agent; ``UserAgent`` tells what each does."""

    def __init__(self, replies: Replies, ours: OurRequests, book: CallBook, dialler: Dialler) -> None:
        self._replies, self._ours, self._book, self._dialler = replies, ours, book, dialler

    def notify_talk(self, call_id: CallId, now: float) -> bool:
        """See ``UserAgent.notify_talk``."""
        leg = self._book.get(call_id)
        legs = self._dialler.early_legs(call_id) if leg is None else [leg]
        willing = [leg for leg in legs if "talk" in leg.allow_events and leg.is_ours]
        for leg in willing:
            headers = (
                *self._replies.contact(leg),
                ("Event", "talk"),
                ("Subscription-State", str(SubscriptionState("active"))),
            )
            self._ours.ask(leg, "NOTIFY", now, _heed_nothing, headers)
        return bool(willing)

    def send_key(self, call_id: CallId, key: str, now: float) -> bool:
        """See ``UserAgent.send_key``."""
        leg = self._standing(call_id)
        if leg is None:
            return False
        self._ours.ask(leg, "INFO", now, _heed_nothing, body=write_dtmf(key, DEFAULT_MS), body_type=RELAY)
        return True

    def reoffer(
        self,
        call_id: CallId,
        now: float,
        *,
        sends: bool,
        receives: bool,
        local_ip: str,
        local_port: int,
        voice: VoicePolicy | None,
    ) -> bool:
        """See ``UserAgent.reoffer``."""
        leg = self._standing(call_id)
        if leg is None:
            return False
        before = leg.voice
        wish = ReofferWish(
            sends,
            receives,
            self._replies.voice_ip(local_ip, leg.flow) if local_port else before.local_ip,
            local_port or before.local_port,
            voice or before.policy,
        )
        self._book.reoffers.wish(leg, wish, now)
        self._book.settle(leg, now)
        return True

    def hang_up(self, call_id: CallId, now: float, headers: HeaderFields) -> bool:
        """See ``UserAgent.hang_up``."""
        leg = self._book.get(call_id)
        if leg is None:
            return self._dialler.hang_up(call_id, now, headers)
        response = self._replies.reply(leg.invite, 480, headers) if leg.invite is not None else None
        self._book.move(leg, Given.HANG_UP, now, leg.invite, response, headers)
        return True

    def _standing(self, call_id: CallId) -> CallLeg | None:
        leg = self._book.get(call_id)
        if leg is None or leg.told_end or leg.machine.state in UNANSWERED:
            return None
        return leg


def _heed_nothing(_response: Response | None, _at: float) -> None:
    """Wait for no answer."""
