"""How much new work to take: the older the messages we read, the less.

A process that cannot keep up reads messages that waited in the socket. Once they have waited for T1
(half a second), their senders repeat them, and the work grows just when there is no time for it: both
rivals collapse there. So the age of what we read is measured, and part of the new work is refused at
once and without memory (503 with Retry-After, RFC 3261, 21.5.4), as much as brings the age down: the
idea of RFC 7339's loss-based control, with ourselves as the client. Requests inside calls always pass.

The share grows by steps while messages are old and falls by steps while they are fresh (additive both
ways, measured four times a second), and what is least worth goes first:

======== =================================== ======================================
share    refused                             why
======== =================================== ======================================
0..1     OPTIONS, SUBSCRIBE and the like     a probe that fails sends calls elsewhere
1..2     REGISTER                            a telephone tries again by itself
2..3     INVITE                              a resident
======== =================================== ======================================
"""

from __future__ import annotations

from typing import Final

OLD_S: Final = 0.1
"""Messages that waited longer mean that there is too much work. A fifth of T1: there is time to act
before anybody repeats anything."""
FRESH_S: Final = 0.02
"""Messages that waited less mean that there is room."""
CRITICAL_S: Final = 0.4
"""Just below T1: everything that can be refused is refused at once."""
EVERY_S: Final = 0.25
"""How often the share is set."""
RISE: Final = 0.15
FALL: Final = 0.05
"""Steps of the share: from nothing to refusing INVITEs in some 3 seconds at OLD_S, and slower back."""
TOP: Final = 3.0
CALM_S: Final = 1.0
"""Without any measure for so long, nothing is old."""

RANKS: Final = {"INVITE": 2, "REGISTER": 1}
"""Band of the share in which a method is refused; all others 0."""


class Overload:
    """The share of new work that is refused."""

    def __init__(self) -> None:
        self.share = 0.0
        """0 takes everything, 3 refuses everything new; see the table above."""
        self.worst_s = 0.0
        """Oldest message of the last quarter of a second, for the metrics."""
        self._oldest_s = 0.0
        self._measured_at = float("-inf")
        self._next_at = float("-inf")
        self._debts = [0.0, 0.0, 0.0]

    @property
    def is_calm(self) -> bool:
        """Tell whether nothing is refused."""
        return self.share == 0.0

    def measure(self, age_s: float, now: float) -> None:
        """Note how long something waited for us: a message in a socket, a timer past its time."""
        self._oldest_s = max(self._oldest_s, age_s)
        self._measured_at = now
        if now >= self._next_at:
            self._set(now)

    def sheds(self, method: str, now: float) -> bool:
        """Tell whether a request that would begin something new is to be refused.

        Spread evenly: of a share of a quarter, it is every fourth.
        """
        if self.share == 0.0:
            return False
        if now - self._measured_at > CALM_S:
            self.share = self._oldest_s = 0.0
            return False
        rank = RANKS.get(method, 0)
        self._debts[rank] += min(1.0, max(0.0, self.share - rank))
        if self._debts[rank] < 1.0:
            return False
        self._debts[rank] -= 1.0
        return True

    def _set(self, now: float) -> None:
        oldest_s = self.worst_s = self._oldest_s
        self._oldest_s, self._next_at = 0.0, now + EVERY_S
        if oldest_s >= CRITICAL_S:
            self.share = min(TOP, max(self.share, 2.0) + 2 * RISE)
        elif oldest_s >= OLD_S:
            # From the level where calls are refused on, in proportion: slow at the limit, quick far beyond.
            self.share = min(TOP, self.share + RISE * min(2.0, oldest_s / OLD_S))
        elif oldest_s <= FRESH_S:
            self.share = max(0.0, self.share - FALL)
