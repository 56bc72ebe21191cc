"""Trunks whose callers we answer and whose ACKs never come.

Each such call holds a channel of the trunk and a place of the house for 64*T1 = 32 s (RFC 3261, 13.3.1.4),
and its caller hears nothing. One alone is a caller's bad luck; several mean that the carrier cannot reach the
address in our Contact, or that somebody fills the places on purpose.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

LOOKED_AT: Final = 20
"""Answered calls of a trunk that are looked back at."""
LOOKED_BACK_S: Final = 900.0
"""Seconds after which a call counts no more."""
FEWEST: Final = 3
"""Calls without an ACK that make an alarm; fewer are chance."""
ALARM_SHARE: Final = 0.25
"""Of the calls looked back at: from here on it is an alarm."""
CALM_SHARE: Final = 0.1
"""And below this it is none any more."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with the ACKs of a trunk."""

    lost: int
    of: int
    """Answered calls looked back at."""

    def __str__(self) -> str:
        return (
            f"{self.lost} of its last {self.of} answered calls were never acknowledged, and each held a "
            "channel for 32 s: the carrier does not reach the address in our Contact ([sip] public_ip, "
            "firewall), or somebody fills the channels"
        )


class MissingAcks:
    """The ACKs of one trunk's calls to us."""

    def __init__(self) -> None:
        self._calls: deque[tuple[float, bool]] = deque(maxlen=LOOKED_AT)
        self._is_alarmed = False

    def note(self, now: float, *, is_lost: bool) -> bool:
        """Note how an answered call went on.

        :returns: whether the alarm began or ended with it; ``finding`` tells which.
        """
        self._calls.append((now, is_lost))
        was_alarmed = self._is_alarmed
        return (self.finding(now) is not None) is not was_alarmed

    def finding(self, now: float) -> Finding | None:
        """Tell what is wrong now; None: nothing."""
        while self._calls and self._calls[0][0] + LOOKED_BACK_S <= now:
            self._calls.popleft()
        lost, of = sum(is_lost for _, is_lost in self._calls), len(self._calls)
        if self._is_alarmed:
            self._is_alarmed = bool(lost) and lost >= CALM_SHARE * of
        else:
            self._is_alarmed = lost >= FEWEST and lost >= ALARM_SHARE * of
        return Finding(lost, of) if self._is_alarmed else None
