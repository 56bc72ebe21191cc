"""A key pressed once counts once, by however many ways its press is told.

A gateway may tell a key as RTP events (RFC 4733), by SIP INFO, and leave its tones in the voice, all at
once or one after the other. Rank decides: events say exactly when a key begins and ends, INFO says which
it was, tones must be guessed. From the first key of a higher rank on, lower ones are not believed any
more in this call. Only the very first may so be told twice: then the higher one is the echo of what was
counted already.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import Final

from hotline.media.rtp import FRAME_MS


class KeySource(IntEnum):
    """How a press was told; the higher is believed."""

    TONE = 0
    INFO = 1
    EVENT = 2


ECHO_TICKS: Final = {
    # In ticks, how long after the end of what was counted. An INFO may be sent when the key is let go, and
    # once again after T1 of 500 ms (RFC 3261, 17.1.2.2); an event packet may only be late.
    KeySource.INFO: 700 // FRAME_MS,
    KeySource.EVENT: 200 // FRAME_MS,
}
REMEMBERED: Final = 16  # presses whose echo is still waited for; nobody presses more in 700 ms


class FusedKeys:
    """The presses of one call, told by all sources; time is in ticks of the plane."""

    def __init__(self) -> None:
        self.best = KeySource.TONE
        """The highest that was heard of; lower ones do not count."""
        self._counted: deque[tuple[KeySource, str, int]] = deque(maxlen=REMEMBERED)

    def press(self, key: str, source: KeySource, tick: int) -> bool:
        """Take a press; tell whether it counts."""
        if source < self.best:
            return False
        is_echo = source is not KeySource.TONE and self._is_echo(key, source, tick)
        self.best = source
        if not is_echo and source is not KeySource.EVENT:
            self._counted.append((source, key, tick))
        return not is_echo

    def hold(self, key: str, source: KeySource, tick: int) -> None:
        """Take note that the last key counted from a source is still held."""
        if self._counted and self._counted[-1][:2] == (source, key):
            self._counted[-1] = (source, key, tick)

    def _is_echo(self, key: str, source: KeySource, tick: int) -> bool:
        """Tell whether a lower source told this press before; its earlier presses have no echo any more."""
        while self._counted and (self._counted[0][2] < tick - ECHO_TICKS[source]):
            self._counted.popleft()
        for place, (lower, told, _) in enumerate(self._counted):
            if told == key and lower < source:
                for _ in range(place + 1):
                    self._counted.popleft()
                return True
        return False
