"""How many calls each trunk may carry, and how many new ones a second, both ways (the carrier's caps).

The gate asks before it lets a call in, the routes ask before one goes out. Calls that stand are counted
by the user agent; what is kept here is the rate, and what the metrics want to know.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hotline.sip.inspection import Refusal
from hotline.sip.rate import TokenBucket
from hotline.sip.trunk import Trunk

FULL_RETRY_S: Final = 10
"""Retry-After when all channels are taken: about when one of many calls will have ended."""


@dataclass(slots=True)
class TrunkCounts:
    """What passed over one trunk, for the metrics."""

    calls_in: int = 0
    """Calls that the trunk brought, those refused at its caps apart."""
    answered_in: int = 0
    """Of these, answered: the caller's ACK came."""
    abandoned_in: int = 0
    """Of these, given up by the caller before an answer."""
    failed_in: int = 0
    """Of these, refused after they had been taken up, or answered and never acknowledged."""
    unacknowledged_in: int = 0
    """Of the failed: answered, and the caller's ACK never came; each held a channel for 32 s."""
    talked_in_seconds: float = 0.0
    """From the answer to the end, of calls in that have ended."""
    calls_out: int = 0
    """Calls that went out, those refused at its caps apart."""
    answered_out: int = 0
    abandoned_out: int = 0
    """Given up by us before an answer."""
    busy_out: int = 0
    """486 and 600."""
    no_answer_out: int = 0
    """408, 480 and 487: it rang too long, or nothing came at all."""
    unknown_out: int = 0
    """404, 410, 484, 485 and 604: the number leads nowhere."""
    server_failed_out: int = 0
    """5xx: the carrier's fault, or it has no room."""
    rejected_out: int = 0
    """Every other refusal, as 403 and 603."""
    talked_out_seconds: float = 0.0
    """From the answer to the end, of calls out that have ended."""
    refused_in: int = 0
    """At the caps of the trunk."""
    refused_out: int = 0
    """At the caps of the trunk."""


class TrunkCalls:
    """The caps of all trunks."""

    def __init__(self, trunks: Iterable[Trunk]) -> None:
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._in = {name: _bucket(trunk) for name, trunk in self._trunks.items()}
        self._out = {name: _bucket(trunk) for name, trunk in self._trunks.items()}
        self.counts = {name: TrunkCounts() for name in self._trunks}

    def admit_in(self, name: str, standing: int, now: float) -> Refusal | None:
        """Ask whether a call may come in; one that may is counted.

        :param standing: calls of this trunk that stand, both ways.
        :returns: None, or 503 with Retry-After (RFC 3261, 21.5.4): the carrier may try elsewhere.
        """
        counts = self.counts[name]
        wait_s = self._wait_s(self._in[name], name, standing, now)
        if wait_s:
            counts.refused_in += 1
            return Refusal(503, (("Retry-After", str(wait_s)),))
        counts.calls_in += 1
        return None

    def admit_out(self, name: str, standing: int, now: float) -> str:
        """Ask whether a call may go out; one that may is counted.

        :returns: empty, or why not, in a sentence.
        """
        counts = self.counts[name]
        if self._wait_s(self._out[name], name, standing, now):
            counts.refused_out += 1
            trunk = self._trunks[name]
            if standing >= trunk.max_calls:
                return f"all {trunk.max_calls} channels of the trunk {name} are taken"
            return f"the trunk {name} takes {trunk.calls_per_second:g} new calls a second, and had them"
        counts.calls_out += 1
        return ""

    def _wait_s(self, bucket: TokenBucket, name: str, standing: int, now: float) -> int:
        if standing >= self._trunks[name].max_calls:
            return FULL_RETRY_S
        if bucket.takes(now):
            return 0
        return max(1, math.ceil(bucket.wait_s(now)))


def _bucket(trunk: Trunk) -> TokenBucket:
    # One second's worth may come at once, and at least one call.
    return TokenBucket(trunk.calls_per_second, max(1.0, trunk.calls_per_second))
