"""Event packages and their subscriptions (RFC 6665): Event, Allow-Events, Subscription-State.

We serve no subscriptions but the one that every REFER makes (``refer``); the rest is refused cleanly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.grammar import TOKEN, Params, get_param, scan_params, set_param, unreadable, write_params
from hotline.sip.headers import parse_expires

_WORD: Final = re.compile(rf"[ \t]*+({TOKEN})")


@dataclass(frozen=True, slots=True)
class Event:
    """What a SUBSCRIBE or NOTIFY is about (RFC 6665, 8.2.1)."""

    package: str
    """As ``refer``, ``dialog``, ``message-summary``, ``talk``; with its templates, in lower case."""
    params: Params = ()

    @property
    def id(self) -> str | None:
        """Tells several subscriptions of one dialog apart: for ``refer``, the CSeq of the REFER."""
        return get_param(self.params, "id")

    def __str__(self) -> str:
        return f"{self.package}{write_params(self.params)}"


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """How a subscription stands (RFC 6665, 8.2.3)."""

    state: str
    """``active``, ``pending``, ``terminated``, or an extension, in lower case."""
    params: Params = ()

    @classmethod
    def active(cls, expires_s: int) -> SubscriptionState:
        """Say that it goes on for so many seconds."""
        return cls("active", (("expires", str(expires_s)),))

    @classmethod
    def terminated(cls, reason: str) -> SubscriptionState:
        """Say that it is over, and why: ``noresource``, ``timeout``, ``rejected`` (RFC 6665, 4.1.3)."""
        return cls("terminated", (("reason", reason),))

    @property
    def is_over(self) -> bool:
        """Tell whether no further NOTIFY will come."""
        return self.state == "terminated"

    @property
    def expires_s(self) -> int | None:
        """Seconds that it goes on for; None when not told, or told badly."""
        text = get_param(self.params, "expires")
        try:
            return None if text is None else parse_expires(text)
        except RemoteProtocolError:
            return None

    @property
    def reason(self) -> str:
        """Why it is over; empty when not told."""
        return (get_param(self.params, "reason") or "").lower()

    def with_param(self, name: str, value: str) -> SubscriptionState:
        """Make a copy with one parameter set: ``retry-after``."""
        return SubscriptionState(self.state, set_param(self.params, name, value))

    def __str__(self) -> str:
        return f"{self.state}{write_params(self.params)}"


def parse_event(text: str) -> Event:
    """Read Event."""
    return Event(*_word_and_params(text, "Event"))


def parse_subscription_state(text: str) -> SubscriptionState:
    """Read Subscription-State."""
    return SubscriptionState(*_word_and_params(text, "Subscription-State"))


def _word_and_params(text: str, header: str) -> tuple[str, Params]:
    match = _WORD.match(text)
    if match is None:
        raise unreadable(header, text)
    params, end = scan_params(text, match.end())
    if text[end:].strip(" \t"):
        raise unreadable(header, text)
    return match[1].lower(), params
