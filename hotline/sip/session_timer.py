"""Session timers (RFC 4028), the side that was called: a call whose caller vanished ends by itself.

Carriers ask for them (``Session-Expires: 1800``). Whoever refreshes sends a re-INVITE or UPDATE at
half the interval; when none comes in time, the other hangs up. We let the caller refresh unless she
wants us to and takes UPDATE; where she wants us to and does not, the call goes without a timer, as
if we did not know of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.headers import SessionExpires, parse_session_expires, parse_tokens
from hotline.sip.inspection import HeaderFields, Refusal
from hotline.sip.message import Request, Response

MIN_SE_S: Final = 90
"""Shortest interval that we take, the RFC's own minimum (RFC 4028, 5)."""
EXPIRY_MARGIN_S: Final = 32.0
"""We hang up so long before the end of the interval, or a third of it if that is less (RFC 4028, 10)."""
OPTION: Final = "timer"


class Due(Enum):
    """What a session timer asks for."""

    REFRESH = "refresh"
    EXPIRED = "expired"


def negotiate(request: Request) -> SessionExpires | Refusal | None:
    """Agree on the timer that an INVITE or UPDATE of the caller asks for (RFC 4028, 9).

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
    return wanted if "UPDATE" in _allowed(request) else None


def headers_of(agreed: SessionExpires | None) -> HeaderFields:
    """Write what was agreed into a 2xx."""
    return (("Require", OPTION), ("Session-Expires", str(agreed))) if agreed else ()


@dataclass(slots=True)
class SessionTimer:
    """The timer of one call; off until ``start``."""

    interval_s: int = 0
    we_refresh: bool = False
    _refresh_due: float | None = None
    _expiry_due: float | None = None

    def start(self, agreed: SessionExpires | None, now: float, *, we_are_uas: bool = True) -> None:
        """Begin the interval anew; None switches the timer off.

        :param we_are_uas: False when the refresh was a request of ours.
        """
        self._refresh_due = self._expiry_due = None
        if agreed is None:
            return
        self.interval_s = agreed.interval_s
        self.we_refresh = agreed.refresher == ("uas" if we_are_uas else "uac")
        self._expiry_due = now + agreed.interval_s - min(EXPIRY_MARGIN_S, agreed.interval_s / 3)
        if self.we_refresh:
            self._refresh_due = now + agreed.interval_s / 2

    def refreshed(self, response: Response, now: float) -> None:
        """Take the 2xx to our own refresh; a peer may switch the timer off by leaving it out."""
        text = response.headers.get("Session-Expires")
        try:
            agreed = parse_session_expires(text) if text is not None else None
        except RemoteProtocolError:
            agreed = SessionExpires(self.interval_s, "uac")  # what we asked for
        if agreed is not None and agreed.refresher is None:
            agreed = SessionExpires(agreed.interval_s, "uac")
        self.start(agreed, now, we_are_uas=False)

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


def _allowed(request: Request) -> tuple[str, ...]:
    try:
        return parse_tokens(request.headers.get_all("Allow"), "Allow")
    except RemoteProtocolError:
        return ()
