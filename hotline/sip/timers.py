"""Every SIP timer of this product, in one place (RFC 3261 table 4, RFC 6026).

All values are seconds. What a timer does is told by the table of the machine that owns it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final, TypeVar

K = TypeVar("K")

T1: Final = 0.5
"""Estimate of the round trip (RFC 3261, 17.1.1.1)."""
T2: Final = 4.0
"""Longest pause between retransmissions of a non-INVITE request or an INVITE response (17.1.2.2)."""
T4: Final = 5.0
"""Longest life of a message in the network (17.1.2.2)."""
PATIENCE: Final = 64 * T1
"""How long a transaction is tried, 32 s (17.1.1.2)."""


class Timer(Enum):
    """A timer of one transaction; C is a proxy's and is not used here."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is Python code

    A = "A"
    """Retransmits an INVITE (17.1.1.2); doubles without a cap."""
    B = "B"
    """Gives an INVITE up (17.1.1.2)."""
    D = "D"
    """Keeps the client transaction to absorb repeated final errors (17.1.1.2)."""
    E = "E"
    """Retransmits another request (17.1.2.2); doubles up to T2."""
    F = "F"
    """Gives another request up (17.1.2.2)."""
    G = "G"
    """Retransmits a final error to an INVITE (17.2.1); doubles up to T2."""
    H = "H"
    """Gives the wait for an ACK up (17.2.1)."""
    I = "I"  # noqa: E741 - the RFC's name
    """Absorbs repeated ACKs (17.2.1)."""
    J = "J"
    """Answers repetitions of another request (17.2.2)."""
    K = "K"
    """Absorbs repeated final responses (17.1.2.2)."""
    L = "L"
    """Absorbs repetitions of an INVITE answered with 2xx (RFC 6026, 7.1)."""
    M = "M"
    """Lets further 2xx of a forked INVITE through (RFC 6026, 7.2)."""


FIRST: Final[dict[Timer, float]] = {
    Timer.A: T1,
    Timer.B: PATIENCE,
    Timer.D: PATIENCE,
    Timer.E: T1,
    Timer.F: PATIENCE,
    Timer.G: T1,
    Timer.H: PATIENCE,
    Timer.I: T4,
    Timer.J: PATIENCE,
    Timer.K: T4,
    Timer.L: PATIENCE,
    Timer.M: PATIENCE,
}
"""First run of each timer over an unreliable transport."""

LONGEST: Final[dict[Timer, float]] = {Timer.A: PATIENCE, Timer.E: T2, Timer.G: T2}
"""The timers that start again, doubled up to this."""

NEVER_WHEN_RELIABLE: Final = frozenset({Timer.A, Timer.E, Timer.G})
"""A reliable transport repeats by itself (17.1.1.2, 17.1.2.2, 17.2.1)."""

ZERO_WHEN_RELIABLE: Final = frozenset({Timer.D, Timer.I, Timer.J, Timer.K})
"""Nothing late can come over a reliable transport (RFC 3261, table 4)."""


def take_due(due: dict[K, float], now: float) -> tuple[K, float] | None:
    """Take the timer that has been due longest out of a machine's few; None when none is due yet."""
    if not due:
        return None
    timer, when = min(due.items(), key=lambda item: item[1])
    if when > now:
        return None
    del due[timer]
    return timer, when


def change_timers(due: dict[K, float], running: tuple[K, ...], wanted: tuple[K, ...]) -> Sequence[K]:
    """Stop the timers that a new state does not want.

    :param due: those of a machine that run.
    :param running: those that the state before wanted; ``wanted`` those of the new one.
    :returns: those that the owner has to start. One that both want goes on as it was, or stays away
        when it has fired.
    """
    if due:
        for timer in tuple(due):
            if timer not in wanted:
                del due[timer]
    return [timer for timer in wanted if timer not in running] if running else wanted
