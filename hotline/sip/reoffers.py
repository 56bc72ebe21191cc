"""Re-INVITEs of ours: hold, resume, another address for voice, another codec, and the session timer.

A wish waits until the dialog is free (no INVITE of either side open), goes out, and either holds from
then on or leaves everything as it was (RFC 3261, 14.1). When both sides offer at once, each answers the
other 491 and waits a random time: 2.1 to 4 s who made the Call-ID, up to 2 s who did not.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2s
from typing import Final, Protocol

from hotline.sip.body import sdp_of
from hotline.sip.call_leg import CallLeg, ReofferWish
from hotline.sip.call_moves import Given
from hotline.sip.counts import UserAgentCounts
from hotline.sip.dialog import contact_uri
from hotline.sip.inspection import HeaderFields
from hotline.sip.message import Response
from hotline.sip.our_requests import OurRequests
from hotline.sip.replies import Replies
from hotline.sip.session_timer import DIALOG_IS_GONE
from hotline.sip.transaction_layer import Client

PASSING: Final = frozenset({491, 500})
"""Answers to an UPDATE that speak of the moment (RFC 3311, 5.2): it is tried again a little later."""
GLARE_STEP_S: Final = 0.01  # 14.1: in units of 10 ms
OWNERS_WAIT: Final = (210, 400)
OTHERS_WAIT: Final = (0, 200)
"""Shortest and longest wait after a glare, in steps."""


class Book(Protocol):
    """What is asked of the calls (``CallBook``)."""

    def move(self, leg: CallLeg, given: Given, now: float) -> None:
        """Make one move of a call's table."""
        ...

    def settle(self, leg: CallLeg, now: float) -> None:
        """Do what a call waits for, and look at its timers again."""
        ...


class Reoffers:
    """Offers changes in dialogs that stand.

    :param new_token: makes the chance in the waits.
    """

    def __init__(
        self,
        replies: Replies,
        ours: OurRequests,
        counts: UserAgentCounts,
        book: Book,
        new_token: Callable[[], str],
    ) -> None:
        self._replies, self._ours, self._counts, self._book = replies, ours, counts, book
        self._new_token = new_token

    # -- re-INVITE --------------------------------------------------------------------------------

    def send(self, leg: CallLeg, now: float) -> None:
        """Send the re-INVITE that a call's wish asks for."""
        assert leg.wish is not None
        wish, before = leg.wish, standing_wish(leg)
        leg.wish, leg.offered, leg.terms_before = None, leg.wish, leg.voice.terms
        if wish.is_refresh:
            wish = before
            self._counts.refreshes_sent += 1
        _apply(leg, wish)
        body = leg.voice.offer()
        headers = (*self._replies.contact(leg), *leg.session_timer.headers_of_request())

        def hears(response: Response | None, at: float) -> None:
            if leg.reinvite is client:
                self._answered(leg, before, response, now, at)
            elif response is not None and 200 <= response.status < 300:
                self._ours.acknowledge(leg, response.cseq.number)  # our ACK was lost

        client: Client = self._ours.ask(leg, "INVITE", now, hears, headers, body)
        leg.reinvite = client

    def wait(self, leg: CallLeg, now: float) -> None:
        """Wait after a glare (14.1)."""
        shortest, longest = OWNERS_WAIT if leg.is_ours else OTHERS_WAIT
        chance = int.from_bytes(blake2s(self._new_token().encode(), digest_size=4).digest(), "big")
        leg.wish_due = now + GLARE_STEP_S * (shortest + chance % (longest - shortest + 1))

    def _answered(
        self, leg: CallLeg, before: ReofferWish, response: Response | None, sent: float, now: float
    ) -> None:
        if response is not None and response.status < 200:
            return
        leg.reinvite = None
        if response is not None and response.status < 300:
            self._taken(leg, response, sent, now)
            return
        status = response.status if response is not None else 408  # 8.1.3.1
        leg.voice.withdraw()
        _apply(leg, before)
        if status in DIALOG_IS_GONE:
            self._book.move(leg, Given.SESSION_EXPIRED, now)
        elif status == 491:
            self._counts.glare += 1
            leg.session_timer.refresh_refused(status, now)
            _put_back(leg)
            self._book.move(leg, Given.GLARE, now)
        elif response is not None and status == 422 and leg.session_timer.raise_minimum(response):
            _put_back(leg)
            leg.wish_due, leg.refused_status = now, 0
            self._book.move(leg, Given.REOFFER_REFUSED, now)
        else:
            leg.refused_status = status
            leg.session_timer.refresh_refused(status, now)
            self._book.move(leg, Given.REOFFER_REFUSED, now)

    def _taken(self, leg: CallLeg, response: Response, sent: float, now: float) -> None:
        if len(response.contacts) == 1 and response.contacts[0].uri.is_sip:
            leg.dialog.remote_target = contact_uri(response)  # 12.2.1.2
        self._ours.acknowledge(leg, response.cseq.number)
        leg.session_timer.refreshed(response, sent)
        is_usable = leg.voice.take_answer(sdp_of(response))
        if not is_usable:
            leg.end_status, leg.end_reason = 488, "No usable answer"
        self._book.move(leg, Given.REOFFER_TAKEN if is_usable else Given.REOFFER_UNUSABLE, now)

    # -- session timer ----------------------------------------------------------------------------

    def refresh(self, leg: CallLeg, now: float) -> None:
        """Refresh the session: by UPDATE where the other side takes it (RFC 4028, 7.4), else re-INVITE."""
        if not leg.takes_update:
            self.wish(leg, standing_wish(leg, is_refresh=True), now)
            return
        self._counts.refreshes_sent += 1
        headers: HeaderFields = (*self._replies.contact(leg), *leg.session_timer.headers_of_request())
        hears = lambda response, at: self._refreshed(leg, response, now, at)  # noqa: E731
        self._ours.ask(leg, "UPDATE", now, hears, headers)

    def wish(self, leg: CallLeg, wish: ReofferWish, now: float) -> None:
        """Note a change to be offered as soon as may be; a refresh alone does not drive out a change."""
        if not (wish.is_refresh and leg.wish is not None):
            leg.wish, leg.wish_due = wish, now

    def _refreshed(self, leg: CallLeg, response: Response | None, sent: float, now: float) -> None:
        status = response.status if response is not None else 408  # 8.1.3.1: as if it had been received
        if response is not None and status < 300:
            leg.session_timer.refreshed(response, sent)
        elif status in DIALOG_IS_GONE:
            self._book.move(leg, Given.SESSION_EXPIRED, now)
            return
        else:
            leg.session_timer.refresh_refused(status, now)
            # 422 names a longer interval; 491 and 500 pass; and who refuses UPDATE takes a re-INVITE.
            if response is not None and status == 422:
                leg.session_timer.raise_minimum(response)
            elif status not in PASSING:
                leg.takes_update = False
            self.wish(leg, standing_wish(leg, is_refresh=True), now)
            if status in PASSING:
                self.wait(leg, now)
        self._book.settle(leg, now)


def standing_wish(leg: CallLeg, *, is_refresh: bool = False) -> ReofferWish:
    """Describe what holds now as a wish."""
    voice = leg.voice
    return ReofferWish(
        voice.sends, voice.receives, voice.local_ip, voice.local_port, voice.policy, is_refresh
    )


def _put_back(leg: CallLeg) -> None:
    """Wish again what was offered, unless a later change was wished: a refresh alone is none."""
    if leg.wish is None or leg.wish.is_refresh:
        leg.wish = leg.offered or leg.wish


def _apply(leg: CallLeg, wish: ReofferWish) -> None:
    voice = leg.voice
    voice.sends, voice.receives, voice.policy = wish.sends, wish.receives, wish.policy
    voice.local_ip, voice.local_port = wish.local_ip, wish.local_port
