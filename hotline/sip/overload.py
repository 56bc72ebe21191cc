"""How much new work to take: the longer messages wait for us, the less.

A process that cannot keep up reads messages that waited in the socket. Once they have waited for T1
(half a second), their senders repeat them, and the work grows just when there is no time for it: both
rivals collapse there. So we measure how long what we read has waited, and refuse part of the new work at
once and without memory (503 with Retry-After, RFC 3261, 21.5.4), as much as keeps the wait short: the
idea of RFC 7339's loss-based control, with ourselves as the client. Requests inside calls always pass,
and so do a few urgent ones (``hotline.sip.urgency``).

What counts is the freshest message of a tenth of a second: when even that one waited, a queue stands. How
much is cut follows from how the queue moves. A queue that grows by g seconds a second gets 1 / (1 - g)
times the work that can be done, so that this share of it goes; one that shrinks by itself fast enough to
be gone in ``DRAIN_S``, as after a stall of the machine, costs nobody anything. Without a queue the cut
goes back in steps that grow, or at once when less is asked for than was carried before.

::

    queue             moves             cut
    ----------------  ----------------  ---------------------------------------------------
    under SHORT_S                       less; none when there is less work than was carried
    up to LONG_S                        stays
    above, two times  shrinks fast      stays
    above, two times  stands or grows   more, by as much as it lacks

What is least worth goes first: OPTIONS and the like (a probe that fails sends calls elsewhere), then
REGISTER (a telephone tries again by itself), then INVITE (a resident). Within one of these whoever asks
for most is refused first, down to a level that all the loud share; who asks for less is not refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final, Protocol

EVERY_S: Final = 0.1
"""How often the cut is set."""
SHORT_S: Final = 0.02
"""A shorter wait means that there is room: one batch of datagrams (``wire.sip_ports``) takes as long."""
LONG_S: Final = 0.04
"""A queue that stands so long means too much work: less than a tenth of T1."""
DRAIN_S: Final = 2.0
"""A queue that will be gone within this time by itself is left alone; one that will not is cut until it
will."""
STALE_S: Final = 0.4
"""While work is cut, new work that waited for so long is refused whatever the share: before it could be
answered, its sender would repeat it (T1)."""
STALL_S: Final = 0.1
"""Nothing was looked at for so long, and what came then had waited: the machine stood still. What gathered
meanwhile says nothing about the work."""
FEWEST: Final = 4
"""Measures in ``EVERY_S``, or nothing is concluded: at fewer than 40 a second nobody is overloaded."""
GROWS_MOST: Final = 0.5
"""Growth of the wait that is believed, in seconds a second: twice the work that can be done. More is cut in
several steps, since others who use the machine look like much work for a moment."""
PROBE: Final = 1.04
"""Times more work is taken each time while there is room: the square of it the second time, and so on."""
PROBE_MOST: Final = 1.5
LEAST: Final = 0.02
"""Share of the work that is taken at the worst: without any, nothing could be learnt."""
CALM_S: Final = 1.0
"""Without any measure for so long, nothing waits."""
FADE: Final = 0.8
"""What was asked for counts so much less each time: half after 0.3 s."""
QUIET: Final = 0.05
"""A source whose count faded below this is forgotten."""

RANKS: Final = {"INVITE": 2, "REGISTER": 1}
"""What goes last has the highest rank; all other methods 0."""
COSTS: Final = (1.0, 3.0, 8.0)
"""What a request of each rank costs when it is taken, against each other (docs/performance.md)."""


class Waits(IntEnum):
    """What waits; each kind is looked at by itself."""

    DATAGRAM = 0
    """A datagram in its socket."""
    LOOP = 1
    """Whatever is due on the one loop: data of streams waits as long as that."""


class Backlog(Protocol):
    """Work that waits behind SIP: for the store, or for the media plane."""

    def wait_s(self, now: float) -> float:
        """Tell how long the oldest piece has waited, in seconds; 0 when nothing waits."""
        ...


class Overload:
    """The share of new work that is refused."""

    def __init__(self) -> None:
        self.cut = 0.0
        """0 takes everything; 0.5 refuses half of the new work, by what it costs."""
        self.shares = [0.0, 0.0, 0.0]
        """The same for each rank: 0 takes all of it, 1 nothing."""
        self.wait_s = 0.0
        """How long a queue stood when it was looked at last, for the metrics."""
        self._freshest_s = [float("inf")] * len(Waits)
        self._measures = [0] * len(Waits)
        self._backlogs: list[tuple[Backlog, float]] = []
        self._measured_at = self._next_at = self._set_at = float("-inf")
        self._last_s, self._source = 0.0, ""
        self._stood_s: float | None = None
        self._has_stalled = False
        self._free = 0
        self._asked: tuple[dict[str, float], ...] = ({}, {}, {})
        self._debts: tuple[dict[str, float], ...] = ({}, {}, {})
        self._levels = [0.0, 0.0, 0.0]
        self._work = self._taken = self._carried = 0.0

    @property
    def refuses_calls(self) -> bool:
        """Tell whether calls are refused, and not only probes and registrations."""
        return self.shares[RANKS["INVITE"]] > 0.0

    @property
    def is_on(self) -> bool:
        """Tell whether anything is refused."""
        return self.cut > 0.0

    def watch(self, backlog: Backlog, usual_s: float) -> None:
        """Look at a further queue from now on.

        :param usual_s: how long work waits there by intent, as for a commit that many share.
        """
        self._backlogs.append((backlog, usual_s))

    def measure(self, waited_s: float, now: float, kind: Waits = Waits.DATAGRAM, source: str = "") -> None:
        """Note how long something waited for us.

        :param source: whose message it was; what it asks for is asked of ``sheds`` next.
        """
        self._freshest_s[kind] = min(self._freshest_s[kind], waited_s)
        self._measures[kind] += 1
        self._last_s, self._source = waited_s, source
        if waited_s >= STALL_S and now - self._measured_at >= STALL_S:
            self._has_stalled = True
        self._measured_at = now
        if now >= self._next_at:
            self._set(now)

    def sheds(self, method: str, now: float) -> bool:
        """Tell whether a request that would begin something new is to be refused.

        Spread evenly: of a share of a quarter, it is every fourth.
        """
        rank = RANKS.get(method, 0)
        asked = self._asked[rank]
        asked[self._source] = asked.get(self._source, 0.0) + 1.0
        self._work += COSTS[rank]
        if self.cut == 0.0:
            self._taken += COSTS[rank]
            return False
        if now - self._measured_at > CALM_S:
            self._last_s, self._stood_s = 0.0, None
            self._take(1.0)
            return False
        if self._is_refused(rank):
            return True
        self._taken += COSTS[rank]
        return False

    def _is_refused(self, rank: int) -> bool:
        share = self.shares[rank]
        if share == 0.0:
            return False
        asked = self._asked[rank][self._source]
        if asked <= self._levels[rank]:
            return False
        if self._last_s >= STALE_S:
            return True
        debts = self._debts[rank]
        debt = debts.get(self._source, 0.0) + min(1.0, 1.0 - self._levels[rank] / asked)
        debts[self._source] = debt - 1.0 if debt >= 1.0 else debt
        return debt >= 1.0

    # -- a tenth of a second has passed ---------------------------------------------------------------

    def _set(self, now: float) -> None:
        passed_s, self._set_at = now - self._set_at, now
        self._next_at = now + EVERY_S
        self.wait_s, stood_s = self._longest_s(now), self._stood_s
        is_guess, self._has_stalled = self._has_stalled, False
        if passed_s > 0.0 and passed_s < CALM_S:
            self._note_carried(passed_s)
        # Where work is cut already, one look is enough; else it takes two to see how a queue moves.
        self._stood_s = self.wait_s if self.cut or self.wait_s > SHORT_S else None
        self._free = self._free + 1 if self.wait_s <= SHORT_S else 0
        if self._free:
            has_less = self._work <= 0.95 * self._carried
            self._take(1.0 if has_less else (1.0 - self.cut) * min(PROBE_MOST, PROBE**self._free))
        elif self.wait_s > LONG_S and stood_s is not None and not is_guess and passed_s < CALM_S:
            growth = min(GROWS_MOST, (self.wait_s - stood_s) / passed_s)
            wanted = 1.0 + (self.wait_s - SHORT_S) / DRAIN_S
            if 1.0 - growth < wanted:
                self._take((1.0 - self.cut) * (1.0 - growth) / wanted)
        self._spread()

    def _longest_s(self, now: float) -> float:
        """Tell how long the worst of all queues stands."""
        pairs = zip(self._freshest_s, self._measures, strict=True)
        waits_s = [waited_s for waited_s, measures in pairs if measures >= FEWEST]
        waits_s += [backlog.wait_s(now) - usual_s for backlog, usual_s in self._backlogs]
        self._freshest_s = [float("inf")] * len(Waits)
        self._measures = [0] * len(Waits)
        return max(0.0, *waits_s) if waits_s else 0.0

    def _note_carried(self, passed_s: float) -> None:
        """Learn what can be carried, from a time in which all was busy."""
        self._work /= passed_s
        if self.cut and self.wait_s > SHORT_S:
            self._carried += 0.3 * (self._taken / passed_s - self._carried)
        elif not self.cut:
            self._carried = self._taken / passed_s

    def _take(self, share: float) -> None:
        """Take a share of the work, all at most."""
        self.cut = 1.0 - min(1.0, max(LEAST, share))

    def _spread(self) -> None:
        """Say what the cut means for each rank and source, and let what was asked for fade."""
        work = [cost * sum(asked.values()) for cost, asked in zip(COSTS, self._asked, strict=True)]
        left = self.cut * sum(work)
        for rank, amount in enumerate(work):
            self.shares[rank] = min(1.0, left / amount) if amount else float(left > 0.0)
            left -= self.shares[rank] * amount
            self._levels[rank] = level_of(self._asked[rank].values(), self.shares[rank])
            for source, count in list(self._asked[rank].items()):
                if count * FADE < QUIET:
                    del self._asked[rank][source]
                    self._debts[rank].pop(source, None)
                else:
                    self._asked[rank][source] = count * FADE
        self._work = self._taken = 0.0


def level_of(asked: Iterable[float], share: float) -> float:
    """Find the level down to which the loudest must be cut for a share of everything to go.

    :param asked: how much each source asks for.
    :param share: 0 to 1.
    """
    counts = sorted(asked, reverse=True)
    to_cut, above = share * sum(counts), 0.0
    for number, count in enumerate(counts, 1):
        above += count
        level = (above - to_cut) / number
        if number == len(counts) or level >= counts[number]:
            return max(0.0, level)
    return 0.0
