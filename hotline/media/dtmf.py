"""Keys that arrive as RTP events: each counts once, however many packets tell of it.

Source: RFC 4733 (2.3, 2.5.1.2 to 2.5.1.4, table 3). A key counts with the first packet of its
event timestamp that arrives; so lost first, last or marked packets do no harm. A key held so long
that its duration overflows goes on under a new timestamp (2.5.1.3) and is still one key.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from hotline.media.rtp import FRAME, timestamp_step

KEYS: Final = "0123456789*#ABCD"
"""Event codes 0 to 15 (RFC 4733, table 3)."""
LONGEST_SEGMENT: Final = 0xFFFF  # timestamp units that one event's duration can count
REMEMBERED: Final = 4  # timestamps of finished keys whose straggling packets are still known
STRAGGLE: Final = 6 * FRAME  # how much of a held key's end may be lost before its next segment (at 8,000 Hz)


class EventKeys:
    """The keys of one call.

    :param ratio: timestamp units of the event's clock in a sample of 8,000 a second.
    """

    def __init__(self, ratio: int = 1) -> None:
        self.ratio = ratio
        self._start = 0
        self._seen: deque[int] = deque(maxlen=REMEMBERED)
        self._code = -1
        self._is_ended = True
        self._duration = 0

    def press(self, timestamp: int, payload: bytes) -> str | None:
        """Take one telephone-event payload; give the key when this packet is the first of it.

        Payloads that are too short, and codes that are no keys (flash, tones), count as nothing.
        """
        if len(payload) < 4:
            return None
        code, is_end = payload[0], bool(payload[1] & 0x80)
        duration = int.from_bytes(payload[2:4], "big")
        if timestamp in self._seen:
            if timestamp == self._seen[-1]:
                self._is_ended |= is_end
                self._duration = max(self._duration, duration)
            return None
        goes_on = self._goes_on(timestamp, code)
        if not goes_on:
            self._start = timestamp
        self._seen.append(timestamp)
        self._code, self._is_ended, self._duration = code, is_end, duration
        return None if goes_on or code >= len(KEYS) else KEYS[code]

    def start_of(self, timestamp: int) -> int | None:
        """Give when the key began that an event with this timestamp tells of; None for an old one.

        It differs from the event's own timestamp where that is a later segment of a long key.
        """
        return self._start if self._seen and timestamp == self._seen[-1] else None

    def _goes_on(self, timestamp: int, code: int) -> bool:
        """Tell whether this is the next segment of the key that is still held (2.5.1.3)."""
        if self._is_ended or code != self._code or self._duration < LONGEST_SEGMENT - STRAGGLE * self.ratio:
            return False
        step = timestamp_step(timestamp, self._seen[-1])
        return self._duration <= step <= LONGEST_SEGMENT + FRAME * self.ratio
