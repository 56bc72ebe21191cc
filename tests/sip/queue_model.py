"""A model of one process that reads SIP from a socket: a queue, a price for each kind of message, stalls.

Everything is drawn from a seed. Callers are strangers to each other; an INVITE that waited for T1 is
repeated once, an answered call sends its ACK and, later, its BYE, and what finds the socket full is lost.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hotline.sip.overload import Overload

INVITE_S, REFUSAL_S, ACK_S, BYE_S, PROBE_S = 0.002, 0.0003, 0.0002, 0.0006, 0.0003
"""What each costs, about as in the whole product on one core."""
LIMIT_PER_S = 1 / (INVITE_S + ACK_S + BYE_S)
"""Calls a second that can be carried when nothing is refused."""
ROOM = 700
"""Messages in the socket."""
T1_S = 0.5
HOLD_S = 2.0

Rate = float | Callable[[float], float]


@dataclass
class Outcome:
    """What came of one run."""

    taken: list[tuple[float, float]] = field(default_factory=list)
    """When each call came that was taken, and how long it waited until it was answered."""
    refused: list[float] = field(default_factory=list)
    """When each call was refused."""
    taken_of: Counter[str] = field(default_factory=Counter)
    refused_of: Counter[str] = field(default_factory=Counter)
    probes_refused: int = 0
    repeated: int = 0
    lost: int = 0

    def taken_per_s(self, begin: float, end: float) -> float:
        """Calls a second that came between two times and were taken."""
        return sum(begin <= came < end for came, _ in self.taken) / (end - begin)

    def wait_s(self, share: float, begin: float, end: float) -> float:
        """The wait that this share of them did not exceed."""
        waits = sorted(wait for came, wait in self.taken if begin <= came < end)
        return waits[min(len(waits) - 1, int(share * len(waits)))]

    def refused_between(self, begin: float, end: float) -> int:
        """How many calls were refused between two times."""
        return sum(begin <= at < end for at in self.refused)


def play(  # noqa: C901 - one loop, in the order of what happens
    overload: Overload,
    rates: Mapping[str, Rate],
    *,
    seconds: float = 20.0,
    probes_per_s: float = 0.0,
    stalls: Sequence[tuple[float, float]] = (),
    stolen_s: tuple[float, float] | None = None,
    seed: int = 1,
) -> Outcome:
    """Let callers call.

    :param rates: calls a second of each source, constant or by the time.
    :param stalls: when the machine stands still, and how long.
    :param stolen_s: others take the core again and again, for so long on average, and leave it for so long.
    """
    chance, outcome, coming = random.Random(seed), Outcome(), list[tuple[float, int, str, str, float]]()

    def send(at: float, what: str, source: str, born: float) -> None:
        heapq.heappush(coming, (at, len(coming) + chance.getrandbits(40), what, source, born))

    for source, rate in rates.items():
        for at in _arrivals(chance, rate, seconds):
            send(at, "INVITE", source, at)
    for at in _arrivals(chance, probes_per_s, seconds):
        send(at, "OPTIONS", "prober", at)
    now, queue, standing = 0.0, deque[tuple[float, str, str, float]](), deque(stalls)
    if stolen_s is not None:
        at = 0.0
        while at < seconds:
            at += chance.uniform(0.2, 1.8) * stolen_s[1]
            standing.append((at, chance.uniform(0.2, 1.8) * stolen_s[0]))
            at += standing[-1][1]
    while coming or queue:
        while coming and coming[0][0] <= now:
            at, _, what, source, born = heapq.heappop(coming)
            if len(queue) < ROOM:
                queue.append((at, what, source, born))
            else:
                outcome.lost += 1
        if not queue:
            now = max(now, coming[0][0])
            continue
        if standing and now >= standing[0][0]:
            now += standing.popleft()[1]
            continue
        at, what, source, born = queue.popleft()
        overload.measure(now - at, now, source=source)
        price = 0.5 + chance.random()
        match what:
            case "INVITE" if overload.sheds(what, now):
                now += REFUSAL_S * price
                outcome.refused.append(now)
                outcome.refused_of[source] += 1
            case "INVITE":
                now += INVITE_S * price
                outcome.taken.append((born, now - born))
                outcome.taken_of[source] += 1
                if now - born > T1_S:
                    outcome.repeated += 1
                    send(now, "COPY", source, now)
                send(now + 0.005, "ACK", source, now)
                send(now + HOLD_S, "BYE", source, now)
            case "OPTIONS":
                is_refused = overload.sheds(what, now)
                outcome.probes_refused += is_refused
                now += PROBE_S * price
            case _:
                now += (BYE_S if what == "BYE" else ACK_S) * price
    return outcome


def _arrivals(chance: random.Random, rate: Rate, seconds: float) -> list[float]:
    found, at = [], 0.0
    while at < seconds:
        per_s = rate(at) if callable(rate) else rate
        at += chance.expovariate(per_s) if per_s else 0.1
        if per_s and at < seconds:
            found.append(at)
    return found
