"""How much one address may send us: a leaky bucket an address, looked at before anything is parsed."""

from __future__ import annotations

from typing import Final

MESSAGES_PER_S: Final = 1000.0
"""A carrier's border controller that sets up 100 calls a second sends some 400 messages. Reading and
refusing one takes about 0.2 ms, so that one address alone cannot take more than a fifth of a core."""
BURST: Final = 2000
"""Messages taken at once, as after a pause of the network."""
MAX_ADDRESSES: Final = 10_000
"""Remembered; when there are more, those that have been quiet are forgotten, and if need be all."""


class Throttle:
    """Counts what each address sends.

    :param per_s: messages a second in the long run.
    :param burst: messages at once.
    """

    def __init__(self, per_s: float = MESSAGES_PER_S, burst: float = BURST) -> None:
        self._per_s, self._burst = per_s, burst
        self._levels: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._levels)

    def admits(self, ip: str, now: float) -> bool:
        """Count one message; False when the address sends too much, and this one is to be dropped."""
        known = self._levels.get(ip)
        level = 0.0 if known is None else max(0.0, known[0] - (now - known[1]) * self._per_s)
        if known is None and len(self._levels) >= MAX_ADDRESSES:
            self._forget(now)
        if level + 1 > self._burst:
            self._levels[ip] = (level, now)
            return False
        self._levels[ip] = (level + 1, now)
        return True

    def _forget(self, now: float) -> None:
        loud = {
            ip: (level, at)
            for ip, (level, at) in self._levels.items()
            if level - (now - at) * self._per_s > 0
        }
        self._levels = loud if len(loud) < MAX_ADDRESSES else {}
