"""Event records: the truth about what happened.

The store appends them in the transaction of their cause. Everything else (the console's live
pages, supervision, indicators) reads them by position, so a lost wake-up is only a delay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

# Kinds of events, past participles. The part before the dot is the thing the event is about.
CALL_OFFERED: Final = "call.offered"
CALL_ANSWERED: Final = "call.answered"
CALL_ENDED: Final = "call.ended"
CALL_GUEST_CAME: Final = "call.guest_came"
CALL_GUEST_LEFT: Final = "call.guest_left"
CALL_VOICE_MISSING: Final = "call.voice_missing"
CALL_VOICE_FOUND: Final = "call.voice_found"
RECORDING_CLOSED: Final = "recording.closed"
RECORDING_PLAYED: Final = "recording.played"
RECORDING_EMPTY: Final = "recording.empty"
RECORDING_PAUSED: Final = "recording.paused"
RECORDING_RESUMED: Final = "recording.resumed"
RECORDING_EXPORTED: Final = "recording.exported"
RECORDING_EXPIRED: Final = "recording.expired"
HOTSPOT_RAISED: Final = "hotspot.raised"
HOTSPOT_GREW: Final = "hotspot.grew"
HOTSPOT_COOLED: Final = "hotspot.cooled"
REQUEST_OPENED: Final = "request.opened"
REQUEST_TRANSCRIBED: Final = "request.transcribed"
REQUEST_NOT_TRANSCRIBED: Final = "request.not_transcribed"
REQUEST_EDITED: Final = "request.edited"
REQUEST_ROUTED: Final = "request.routed"
REQUEST_MOVED: Final = "request.moved"
REQUEST_ESCALATED: Final = "request.escalated"
ORDER_MOVED: Final = "order.moved"
CLOCK_STEPPED_BACK: Final = "clock.stepped_back"
ORDER_SIGNED: Final = "order.signed"
ORDER_REPLIED: Final = "order.replied"
ORDER_RETURNED: Final = "order.returned"
NOTICE_QUEUED: Final = "notice.queued"
NOTICE_SENT: Final = "notice.sent"
NOTICE_DELAYED: Final = "notice.delayed"
NOTICE_FAILED: Final = "notice.failed"
USER_LOGGED_IN: Final = "user.logged_in"
USER_LOGIN_REFUSED: Final = "user.login_refused"
USER_ADDED: Final = "user.added"
USER_PASSWORD_CHANGED: Final = "user.password_changed"  # noqa: S105 - the name of an event
USER_DISABLED: Final = "user.disabled"
PHONE_ADDED: Final = "phone.added"
PHONE_PASSWORD_CHANGED: Final = "phone.password_changed"  # noqa: S105 - the name of an event
PHONE_DISABLED: Final = "phone.disabled"
PHONE_ENABLED: Final = "phone.enabled"
PHONE_REMOVED: Final = "phone.removed"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, as it stands in the event table."""

    position: int
    """Gapless count from 1, given by the store; listeners resume after it."""
    at: datetime
    """Wall time with zone."""
    kind: str
    """One of the constants of this module."""
    call_id: str | None = None
    request_number: str | None = None
    unit_code: str | None = None
    """The unit that the event concerns besides the hotline, None for none."""
    actor: str = "system"
    """User name of the person who did it, ``caller`` or ``system``."""
    payload: Mapping[str, object] = field(default_factory=dict)
    """JSON values only; never a whole transcript, never a password."""
