"""How much new work to take: the longer messages wait for us, the less.

A process that cannot keep up reads messages that waited in the socket. Once they have waited for T1
(half a second), their senders repeat them, and the work grows just when there is no time for it: both
rivals collapse there. So we measure how long what we read has waited, and refuse part of the new work at
once and without memory (503 with Retry-After, RFC 3261, 21.5.4), as much as keeps the wait short: the
idea of RFC 7339's loss-based control, with ourselves as the client. Requests inside calls always pass.

What counts is the freshest message of a quarter of a second: when even that one waited, a queue stands; a
hiccup makes one message old, not all of them. The share that is refused moves by steps, and what is least
worth goes first:

======== =================================== ======================================
share    refused                             why
======== =================================== ======================================
0..1     OPTIONS, SUBSCRIBE and the like     a probe that fails sends calls elsewhere
1..2     REGISTER                            a telephone tries again by itself
2..3     INVITE                              a resident
======== =================================== ======================================

Who asks for less than the others on average is never refused: the one that floods pays for it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

LONG_S: Final = 0.05
"""A queue that stands so long means too much work. It is a tenth of T1: nobody repeats anything yet, and
more than another program on the same core makes us wait."""
SHORT_S: Final = 0.02
"""A shorter wait means that there is room."""
STALE_S: Final = 0.2
"""While a queue stands, new work that waited for so long is refused whatever the share: it clears what
gathered in a stall of the machine, before anybody repeats it."""
EVERY_S: Final = 0.25
"""How often the share is set."""
FEWEST: Final = 8
"""Measures in that time, or nothing is concluded: at fewer than 32 a second nobody is overloaded."""
STEP: Final = 0.03
"""Of the share where calls are refused: small, so that it settles close below the limit."""
LEAP: Final = 0.25
"""Of the share below that, where nobody is hurt."""
CALLS: Final = 2.0
"""Share from which on calls are refused."""
TOP: Final = 3.0
CALM_S: Final = 1.0
"""Without any measure for so long, nothing waits."""

RANKS: Final = {"INVITE": 2, "REGISTER": 1}
"""Band of the share in which a method is refused; all others 0."""


class Waits(IntEnum):
    """What waits; each kind is looked at by itself."""

    DATAGRAM = 0
    """A datagram in its socket."""
    LOOP = 1
    """Whatever is due on the one loop: data of streams waits as long as that."""


class Overload:
    """The share of new work that is refused."""

    def __init__(self) -> None:
        self.share = 0.0
        """0 takes everything, 3 refuses everything new; see the table above."""
        self.wait_s = 0.0
        """How long a queue stood in the last quarter of a second, for the metrics."""
        self._freshest_s = [float("inf")] * len(Waits)
        self._measures = [0] * len(Waits)
        self._measured_at = self._next_at = float("-inf")
        self._debts = [0.0, 0.0, 0.0]
        self._last_s, self._source = 0.0, ""
        self._asked: dict[str, int] = {}
        self._asks = 0

    @property
    def refuses_calls(self) -> bool:
        """Tell whether calls are refused by the share, and not only what is stale."""
        return self.share > CALLS

    @property
    def is_on(self) -> bool:
        """Tell whether anything is refused."""
        return self.share > 0.0

    def measure(self, waited_s: float, now: float, kind: Waits = Waits.DATAGRAM, source: str = "") -> None:
        """Note how long something waited for us.

        :param source: whose message it was; what it asks for is asked of ``sheds`` next.
        """
        self._freshest_s[kind] = min(self._freshest_s[kind], waited_s)
        self._measures[kind] += 1
        self._last_s, self._source = waited_s, source
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
            self.share = self._last_s = 0.0
            return False
        if self._asks_for_little():
            return False
        if self._last_s >= STALE_S:
            return True
        rank = RANKS.get(method, 0)
        self._debts[rank] += min(1.0, max(0.0, self.share - rank))
        if self._debts[rank] < 1.0:
            return False
        self._debts[rank] -= 1.0
        return True

    def _asks_for_little(self) -> bool:
        asked = self._asked.get(self._source, 0) + 1
        self._asked[self._source] = asked
        self._asks += 1
        return asked * len(self._asked) < self._asks

    def _set(self, now: float) -> None:
        pairs = zip(self._freshest_s, self._measures, strict=True)
        waits_s = [waited_s for waited_s, measures in pairs if measures >= FEWEST]
        self._freshest_s = [float("inf")] * len(Waits)
        self._measures = [0] * len(Waits)
        self._next_at = now + EVERY_S
        # What was asked for fades by half each time, or the first in a new time would look loud.
        self._asked = {source: asked // 2 for source, asked in self._asked.items() if asked > 1}
        self._asks = sum(self._asked.values())
        self.wait_s = max(waits_s, default=0.0)
        if self.wait_s >= LONG_S:
            self.share = min(TOP, self.share + (STEP if self.share >= CALLS else LEAP))
        elif self.wait_s <= SHORT_S:
            self.share = max(0.0, self.share - (STEP if self.share > CALLS else LEAP))
