"""How often something may happen: token buckets, one or one for each source.

A bucket fills with ``per_s`` tokens a second up to ``burst``; whatever happens takes one.
"""

from __future__ import annotations

import ipaddress
from typing import Final

MAX_SOURCES: Final = 10_000
"""Sources remembered by one ``SourceRates``, some 150 octets each."""
NET_BITS: Final = 64
"""Of an IPv6 source: one subscriber has a network of this length and may use every address in it."""


def source_key(ip: str) -> str:
    """Tell what counts as one source: an IPv4 address, or the /64 network of an IPv6 address.

    :param ip: numeric, without brackets.
    """
    if ":" not in ip:
        return ip
    address = ipaddress.IPv6Address(ip.partition("%")[0])
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> NET_BITS << NET_BITS, NET_BITS)))


class TokenBucket:
    """One bucket.

    :param per_s: tokens a second in the long run; 0 gives none but the first ``burst``.
    :param burst: tokens at once, at least 1 or nothing ever happens.
    """

    __slots__ = ("_at", "_level", "burst", "per_s")

    def __init__(self, per_s: float, burst: float) -> None:
        self.per_s, self.burst = per_s, burst
        self._level, self._at = burst, 0.0

    def takes(self, now: float) -> bool:
        """Take a token; False when there is none."""
        level = min(self.burst, self._level + max(0.0, now - self._at) * self.per_s)
        self._at = now
        self._level = level if level < 1 else level - 1
        return level >= 1

    def wait_s(self, now: float) -> float:
        """Tell how long until the next token: 0 when there is one, infinity when there never will be."""
        missing = 1 - min(self.burst, self._level + max(0.0, now - self._at) * self.per_s)
        if missing <= 0:
            return 0.0
        return missing / self.per_s if self.per_s and self.burst >= 1 else float("inf")


class SourceRates:
    """A bucket for each source, in bounded memory.

    A source that has been quiet until its bucket was full again is forgotten without loss. When more
    than ``most`` are not quiet, the quarter that came first is forgotten: those begin with full buckets.
    """

    def __init__(self, per_s: float, burst: float, most: int = MAX_SOURCES) -> None:
        self._per_s, self._burst, self._most = per_s, burst, most
        self._buckets: dict[str, TokenBucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def takes(self, ip: str, now: float) -> bool:
        """Take a token of a source's bucket; False when there is none."""
        key = source_key(ip)
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._most:
                self._make_room(now)
            bucket = self._buckets[key] = TokenBucket(self._per_s, self._burst)
        return bucket.takes(now)

    def _make_room(self, now: float) -> None:
        full_after_s = self._burst / self._per_s if self._per_s else float("inf")
        busy = {key: bucket for key, bucket in self._buckets.items() if bucket._at + full_after_s > now}
        # A quarter at once, or each of a flood of forged sources would make us look through all.
        keep = self._most * 3 // 4
        self._buckets = dict(list(busy.items())[-keep:]) if len(busy) >= keep else busy
