"""The SIP statuses that calls speak of (RFC 3261, 21)."""

from __future__ import annotations

from typing import Final

TRYING: Final = 100
RINGING: Final = 180
BEING_FORWARDED: Final = 181
SESSION_PROGRESS: Final = 183
OK: Final = 200
FORBIDDEN: Final = 403
UNKNOWN: Final = 404
NO_ANSWER: Final = 408
NOT_THERE: Final = 480
"""Temporarily unavailable: not registered, or gone before the transfer came through."""
OCCUPIED: Final = 486
GONE: Final = 487
"""For who transfers a caller that hangs up meanwhile."""
UNAVAILABLE: Final = 503
"""A trunk that hears it tries its next route (21.5.4)."""
DECLINED: Final = 603
