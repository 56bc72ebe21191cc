"""Requests that go before the others when not all can be taken: calls for help, and priority by agreement.

Anybody may write the words, so that only a few a second are spared (``Spared``).
"""

from __future__ import annotations

from typing import Final

from hotline.sip.message import Request
from hotline.sip.rate import TokenBucket

SPARED_PER_S: Final = 10.0
"""Urgent requests taken beside everything else. A district has a few in an hour."""
EMERGENCY_NUMBERS: Final = frozenset({"110", "119", "120", "122", "112", "999"})
"""Police, fire brigade, ambulance, traffic accidents; and the two that foreigners know."""
NAMESPACES: Final = ("esnet.", "ets.", "wps.")
"""Of Resource-Priority (RFC 4412, 12; RFC 7135): emergency services, and government in an emergency."""
SERVICE: Final = "service:sos"
"""Of a URN (RFC 5031, 4.2): emergency services of any kind."""


def is_urgent(request: Request) -> bool:
    """Tell whether a request is about an emergency, by what it calls or says of itself."""
    uri = request.uri
    if uri.scheme == "urn":
        return uri.raw.lower() == SERVICE or uri.raw.lower().startswith(f"{SERVICE}.")
    if uri.user_decoded in EMERGENCY_NUMBERS:
        return True
    headers = request.headers
    if (headers.get("Priority") or "").strip().lower() == "emergency":  # RFC 3261, 20.26
        return True
    values = ",".join(headers.get_all("Resource-Priority")).lower().split(",")
    return any(value.strip().startswith(NAMESPACES) for value in values)


class Spared:
    """The few urgent requests that are taken although new work is refused."""

    def __init__(self) -> None:
        self._bucket = TokenBucket(SPARED_PER_S, SPARED_PER_S)

    def spares(self, request: Request, now: float) -> bool:
        """Tell whether a request is urgent, and one of the few."""
        return is_urgent(request) and self._bucket.takes(now)
