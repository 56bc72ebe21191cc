"""Session timers (RFC 4028), in both roles: a call whose other side vanished ends by itself.

Carriers ask for them (``Session-Expires: 1800``). Whoever refreshes sends an UPDATE or re-INVITE at
half the interval; when none comes in time, the other hangs up. As the side that is called we let the
caller refresh unless she wants us to; as the caller we ask as ``TimerWish`` says.

"UAC" and "UAS" in a refresher parameter are the roles in the transaction that carries it (section 7.4),
so that every refresh may turn them round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from hotline.errors import RemoteProtocolError
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
"""We hang up so long before the end of the interval, or a third of it if that is less (RFC 4028, 10)."""
RETRY_S: Final = 2.0
"""Shortest wait before a refresh that was refused is tried again."""
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


def negotiate(request: Request, *, may_reinvite: bool = False) -> SessionExpires | Refusal | None:
    """Agree on the timer that an INVITE or UPDATE of the other side asks for (RFC 4028, 9).

    :param may_reinvite: True: we can refresh by re-INVITE where the other side takes no UPDATE; False:
        such a call goes without a timer, as if we did not know of them.
    :returns: the value for our 2xx, None for no timer, or the refusal.
    :raises RemoteProtocolError: 400 when the header cannot be read.
    """
    text = request.headers.get("Session-Expires")
    if text is None or OPTION not in {tag.lower() for tag in request.supported}:
        return None
    wanted = parse_session_expires(text)
    if wanted.interval_s < MIN_SE_S:
        return Refusal(422, (("Min-SE", str(MIN_SE_S)),))
    if wanted.refresher != "uas":
        return SessionExpires(wanted.interval_s, "uac")
    return wanted if may_reinvite or takes_update(request) else None


def takes_update(message: Request | Response) -> bool:
    """Tell whether the sender of an INVITE or of its 2xx takes UPDATE: else a re-INVITE must refresh."""
    try:
        return "UPDATE" in parse_tokens(message.headers.get_all("Allow"), "Allow")
    except RemoteProtocolError:
        return False


def headers_of(agreed: SessionExpires | None) -> HeaderFields:
    """Write what was agreed into a 2xx."""
    return (("Require", OPTION), ("Session-Expires", str(agreed))) if agreed else ()


@dataclass(slots=True)
class SessionTimer:
    """The timer of one call; off until ``start`` or ``refreshed``."""

    interval_s: int = 0
    """0 while there is no timer."""
    we_refresh: bool = False
    min_se_s: int = MIN_SE_S
    """Greatest Min-SE heard in this dialog (section 7.4)."""
    _refresh_due: float | None = None
    _expiry_due: float | None = None

    def start(self, agreed: SessionExpires | None, now: float, *, we_are_uas: bool = True) -> None:
        """Begin the interval anew; None switches the timer off.

        :param we_are_uas: False when the refresh was a request of ours.
        """
        self._refresh_due = self._expiry_due = None
        self.interval_s, self.we_refresh = 0, False
        if agreed is None:
            return
        self.interval_s = agreed.interval_s
        self.we_refresh = agreed.refresher == ("uas" if we_are_uas else "uac")
        self._expiry_due = now + agreed.interval_s - min(EXPIRY_MARGIN_S, agreed.interval_s / 3)
        if self.we_refresh:
            self._refresh_due = now + agreed.interval_s / 2

    def refreshed(self, response: Response, now: float) -> None:
        """Take the 2xx to an INVITE, re-INVITE or UPDATE of ours; without the header there is no timer.

        A 2xx that does not say who refreshes leaves it to us (section 7.2 asks for the word).
        """
        text = response.headers.get("Session-Expires")
        try:
            agreed = parse_session_expires(text) if text is not None else None
        except RemoteProtocolError:
            agreed = SessionExpires(self.interval_s or INTERVAL_S, "uac")  # what we asked for
        if agreed is not None:
            # A shorter interval than anybody may ask for would drown the call in refreshes.
            interval_s = max(agreed.interval_s, MIN_SE_S)
            agreed = SessionExpires(interval_s, agreed.refresher or "uac")
        self.start(agreed, now, we_are_uas=False)

    def refresh_failed(self, now: float) -> None:
        """Try again before the interval ends: our refresh was refused by a peer that still knows the call.

        It may have been overtaken by another request (500), or crossed one (491).
        """
        if self.we_refresh and self._refresh_due is None and self._expiry_due is not None:
            self._refresh_due = now + max(RETRY_S, (self._expiry_due - now) / 4)

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
        return min((due for due in (self._refresh_due, self._expiry_due) if due is not None), default=None)

    def handle_timer(self, now: float) -> Due | None:
        """Tell what is due: the end goes before a refresh that would come too late."""
        if self._expiry_due is not None and self._expiry_due <= now:
            self._refresh_due = self._expiry_due = None
            return Due.EXPIRED
        if self._refresh_due is not None and self._refresh_due <= now:
            self._refresh_due = None
            return Due.REFRESH
        return None
