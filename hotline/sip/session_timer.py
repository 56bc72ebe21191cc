"""Session timers (RFC 4028), in both roles: a call whose other side vanished ends by itself.

Carriers ask for them (``Session-Expires: 1800``). Whoever refreshes sends an UPDATE or re-INVITE at
half the interval; when none comes in time, the other hangs up. As the side that is called we let the
caller refresh unless she wants us to; as the caller we ask as ``TimerWish`` says.

A side that knows no session timers answers a re-INVITE all the same, so that we keep one alone for it
(sections 7.2 and 9): any answer that says that it still knows the call is a sign of life.

"UAC" and "UAS" in a refresher parameter are the roles in the transaction that carries it (section 7.4),
so that every refresh may turn them round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.agenda import earliest
from hotline.sip.headers import SessionExpires, parse_session_expires, parse_tokens
from hotline.sip.inspection import HeaderFields, Refusal
from hotline.sip.message import Request, Response

MIN_SE_S: Final = 90
"""Shortest interval that we take, the RFC's own minimum (RFC 4028, 5)."""
LONGEST_MIN_SE_S: Final = 24 * 3600
"""A 422 that asks for more is not followed."""
INTERVAL_S: Final = 1800
"""What we ask for, and the RFC recommends (RFC 4028, 4)."""
EXPIRY_MARGIN_S: Final = 32.0
"""Who waits for a refresh hangs up so long before the end of the interval, or a third of it if that is
less (RFC 4028, 10)."""
REFRESHER_MARGIN_S: Final = 2.0
"""Who refreshes, so long before the end: the answer to a refresh sent at half the interval may take its
whole transaction (64*T1), and the other side counts from when it heard the request."""
RETRY_S: Final = 2.0
"""Shortest wait before a refresh that was refused is tried again."""
DIALOG_IS_GONE: Final = frozenset({408, 481})
"""Answers to a request of ours that end the dialog (RFC 3261, 12.2.1.2)."""
NO_SIGN_OF_LIFE: Final = DIALOG_IS_GONE | {404, 410, 430, 480, 502, 503, 504, 604}
"""Errors that a proxy on the way gives as well when it does not reach the other side (RFC 5057, 5.1)."""
OPTION: Final = "timer"


class Due(Enum):
    """What a session timer asks for."""

    REFRESH = "refresh"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class TimerWish:
    """What an INVITE of ours asks for."""

    interval_s: int = INTERVAL_S
    min_se_s: int = MIN_SE_S
    """Goes out once a 422 raised it (section 7.4)."""
    refresher: str | None = None
    """``uac``, ``uas``, or None: the other side chooses (section 7.1)."""

    def headers(self) -> HeaderFields:
        """Write the wish. ``timer`` in Supported is the owner's."""
        wish = ("Session-Expires", str(SessionExpires(self.interval_s, self.refresher)))
        return (wish,) if self.min_se_s <= MIN_SE_S else (wish, ("Min-SE", str(self.min_se_s)))

    def raised(self, response: Response) -> TimerWish | None:
        """Take a 422 (section 7.3).

        :returns: what to ask for now; None when the response names no usable Min-SE, or one that we
            meant already: trying again would go round for ever.
        """
        text = response.headers.get("Min-SE")
        try:
            least = parse_session_expires(text, "Min-SE").interval_s if text is not None else 0
        except RemoteProtocolError:
            return None
        if not min(self.min_se_s, self.interval_s) < least <= LONGEST_MIN_SE_S:
            return None
        return replace(self, interval_s=max(self.interval_s, least), min_se_s=max(self.min_se_s, least))


USUAL_TIMER: Final = TimerWish()


@dataclass(frozen=True, slots=True)
class Agreed:
    """The timer that an INVITE or UPDATE and its 2xx agreed on."""

    expires: SessionExpires
    """Its refresher is never None."""
    is_shared: bool = True
    """False: the other side knows no session timers, and we keep this one alone."""


def negotiate(request: Request, timer: SessionTimer) -> Agreed | Refusal | None:
    """Agree on the timer for an INVITE or UPDATE of the other side (RFC 4028, 9 with table 2).

    What is asked for may be shortened, never lengthened. Nothing asked for, we ask ourselves.

    :param timer: of its dialog; it has heard the request.
    :returns: what goes into our 2xx, None for no timer, or the refusal.
    :raises RemoteProtocolError: 400 when the header cannot be read.
    """
    is_shared = OPTION in {tag.lower() for tag in request.supported}
    wish, text = timer.wish, request.headers.get("Session-Expires")
    if text is None:
        if wish is None:
            return None
        # A re-INVITE for something else leaves it to who refreshed before.
        refresher = "uac" if is_shared and not timer.we_refresh else "uas"
        return Agreed(SessionExpires(max(wish.interval_s, timer.min_se_s), refresher), is_shared)
    wanted = parse_session_expires(text)
    if wanted.interval_s < MIN_SE_S and is_shared:
        return Refusal(422, (("Min-SE", str(MIN_SE_S)),))
    longest_s = max(wish.interval_s, timer.min_se_s) if wish is not None else LONGEST_MIN_SE_S
    interval_s = max(min(wanted.interval_s, longest_s), MIN_SE_S)
    # Without the option it was a proxy that asked (section 8.1), and the caller cannot refresh.
    refresher = "uac" if is_shared and wanted.refresher != "uas" else "uas"
    return Agreed(SessionExpires(interval_s, refresher), is_shared)


def takes_update(message: Request | Response) -> bool:
    """Tell whether the sender of an INVITE or of its 2xx takes UPDATE: else a re-INVITE must refresh."""
    try:
        return "UPDATE" in parse_tokens(message.headers.get_all("Allow"), "Allow")
    except RemoteProtocolError:
        return False


def headers_of(agreed: Agreed | None) -> HeaderFields:
    """Write what was agreed into a 2xx. Who knows no timers must not be told that one is required."""
    if agreed is None:
        return ()
    expires = ("Session-Expires", str(agreed.expires))
    return (("Require", OPTION), expires) if agreed.is_shared else (expires,)


@dataclass(slots=True)
class SessionTimer:
    """The timer of one call; off until ``start`` or ``refreshed``."""

    wish: TimerWish | None = None
    """What we ask for; None: we ask for none, and take part in what the other side asks for."""
    interval_s: int = 0
    """0 while there is no timer."""
    we_refresh: bool = False
    is_shared: bool = False
    """The other side keeps it as well."""
    min_se_s: int = MIN_SE_S
    """Greatest Min-SE heard in this dialog (section 7.4)."""
    _refresh_due: float | None = None
    _expiry_due: float | None = None
    _theirs_until: float = 0.0
    """When the interval ends as the other side counts: from the last refresh that it took."""

    def start(self, agreed: Agreed | None, now: float, *, we_are_uas: bool = True) -> None:
        """Begin the interval anew; None switches the timer off.

        :param we_are_uas: False when the refresh was a request of ours.
        """
        self._refresh_due = self._expiry_due = None
        self.interval_s, self.we_refresh, self.is_shared = 0, False, False
        if agreed is None:
            return
        self.interval_s, self.is_shared = agreed.expires.interval_s, agreed.is_shared
        self.we_refresh = agreed.expires.refresher == ("uas" if we_are_uas else "uac")
        self._expiry_due = self._end_after(now)
        self._theirs_until = now + self.interval_s
        if self.we_refresh:
            self._refresh_due = now + self.interval_s / 2

    def refreshed(self, response: Response, since: float) -> None:
        """Take the 2xx to an INVITE, re-INVITE or UPDATE of ours.

        :param since: when the interval began. After a refresh, when that was sent: the other side counts
            from when it heard it, and where answers get lost ours may come half a minute later. After
            the INVITE of the call, which may ring for minutes, when its 2xx came.

        Without the header the other side keeps no timer: then we keep alone what we asked for (section
        7.2). One that does not say who refreshes leaves it to us (section 7.2 asks for the word).
        """
        text = response.headers.get("Session-Expires")
        asked_s = self.interval_s or (self.wish.interval_s if self.wish is not None else 0)
        if text is None:
            alone = Agreed(SessionExpires(asked_s, "uac"), is_shared=False) if asked_s else None
            self.start(alone, since, we_are_uas=False)
            return
        try:
            told = parse_session_expires(text)
        except RemoteProtocolError:
            told = SessionExpires(asked_s or INTERVAL_S, "uac")
        # A shorter interval than anybody may ask for would drown the call in refreshes.
        agreed = SessionExpires(max(told.interval_s, MIN_SE_S), told.refresher or "uac")
        self.start(Agreed(agreed), since, we_are_uas=False)

    def refresh_refused(self, status: int, now: float) -> None:
        """Take a final error to a refresh of ours that does not end the dialog.

        A refusal that comes from the other side itself says that it lives: the call goes on for another
        interval. The refresh may have been overtaken by another request (500), or have crossed one
        (491): one that the other side counts by is tried again before its interval ends.
        """
        if self._expiry_due is None:
            return
        if status not in NO_SIGN_OF_LIFE:
            self._expiry_due = self._end_after(now)
        if not self.we_refresh or self._refresh_due is not None:
            return
        if not self.is_shared and status not in NO_SIGN_OF_LIFE:
            self._refresh_due = now + self.interval_s / 2
            return
        if self._theirs_until <= now:  # it let the call go on all the same
            self._theirs_until = now + self.interval_s
        self._refresh_due = now + max(RETRY_S, (self._theirs_until - now) / 4)

    def hear(self, request: Request) -> None:
        """Remember the Min-SE of a request of the other side, for our own refreshes (section 7.4)."""
        text = request.headers.get("Min-SE")
        if text is None:
            return
        try:
            least = parse_session_expires(text, "Min-SE").interval_s
        except RemoteProtocolError:
            return
        self.min_se_s = max(self.min_se_s, min(least, LONGEST_MIN_SE_S))

    def raise_minimum(self, response: Response) -> bool:
        """Take a 422 to a refresh of ours.

        :returns: True when it is worth sending again, with ``headers_of_request``.
        """
        wish = TimerWish(self.interval_s, self.min_se_s).raised(response) if self.interval_s else None
        if wish is None:
            return False
        self.interval_s, self.min_se_s = wish.interval_s, wish.min_se_s
        return True

    def headers_of_request(self) -> HeaderFields:
        """Write the timer into a re-INVITE or UPDATE of ours: it refreshes, whatever it is sent for.

        Whoever refreshed goes on to (section 7.4). Empty without a timer.
        """
        if not self.interval_s:
            return ()
        refresher = "uac" if self.we_refresh else "uas"
        return TimerWish(self.interval_s, self.min_se_s, refresher).headers()

    def next_timer(self) -> float | None:
        """Tell when ``handle_timer`` wants to be called; None: never."""
        return earliest(self._refresh_due, self._expiry_due) if self.interval_s else None

    def handle_timer(self, now: float) -> Due | None:
        """Tell what is due: the end goes before a refresh that would come too late."""
        if self._expiry_due is not None and self._expiry_due <= now:
            self._refresh_due = self._expiry_due = None
            return Due.EXPIRED
        if self._refresh_due is not None and self._refresh_due <= now:
            self._refresh_due = None
            return Due.REFRESH
        return None

    def _end_after(self, now: float) -> float:
        margin_s = REFRESHER_MARGIN_S if self.we_refresh else min(EXPIRY_MARGIN_S, self.interval_s / 3)
        return now + self.interval_s - margin_s
