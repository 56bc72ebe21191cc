"""How loud the sides of a talk are, for whoever looks at it now; nobody looks, nothing is measured.

Implements ``desk.ports.TalkMeter``. The media plane measures only the legs that it was told to, and
tells each five times a second. A leg that is new in the talk is found within two seconds, and so is one
whose media plane was started anew.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from hotline.desk.views import TalkLevels
from hotline.events.ids import CallId
from hotline.media.plan import LevelHeard, MediaCommand, WatchLevel

EVERY_S: Final = 0.2
"""Between two readings that are told."""
LOOK_S: Final = 2.0
"""Longest wait for one; then the legs are looked at again."""
CALLER, OTHER = "caller", "other"


class Meters:
    """All meters that somebody looks at.

    :param legs_of: tells the legs of a call, the caller's by the call's own name; none when it is over.
    """

    def __init__(
        self,
        send: Callable[[MediaCommand], None],
        legs_of: Callable[[CallId], Sequence[CallId]],
        *,
        every_s: float = EVERY_S,
        look_s: float = LOOK_S,
    ) -> None:
        self._send, self.legs_of = send, legs_of
        self.every_s, self.look_s = every_s, look_s
        self._watched: Counter[CallId] = Counter()
        self._meters: set[Meter] = set()

    def follow(self, call_id: CallId) -> Meter:
        """Begin to look at a call; who asked closes the meter."""
        meter = Meter(self, call_id)
        self._meters.add(meter)
        meter.look()
        return meter

    def hear(self, event: LevelHeard) -> None:
        """Take a reading."""
        for meter in self._meters:
            meter.hear(event)

    def watch(self, leg_id: CallId) -> None:
        """Have a leg measured; said again when nothing was told of it."""
        self._send(WatchLevel(leg_id, is_on=True))

    def begin(self, leg_id: CallId) -> None:
        """Count a look at a leg."""
        self._watched[leg_id] += 1
        if self._watched[leg_id] == 1:
            self.watch(leg_id)

    def end(self, leg_id: CallId) -> None:
        """Count it off; the last one switches the measuring off."""
        self._watched[leg_id] -= 1
        if not self._watched[leg_id]:
            del self._watched[leg_id]
            self._send(WatchLevel(leg_id, is_on=False))

    def forget(self, meter: Meter) -> None:
        """Let go of a meter that was closed."""
        self._meters.discard(meter)


class Meter:
    """One person's look at one talk."""

    def __init__(self, meters: Meters, call_id: CallId) -> None:
        self._meters, self._call_id = meters, call_id
        self._legs: frozenset[CallId] = frozenset()
        self._heard: dict[CallId, float] = {}
        """Readings since the last that were told."""
        self._silent: set[CallId] = set()
        """Legs that nothing was told of since the last look."""
        self._bell = asyncio.Event()
        self._told_at = 0.0

    def look(self) -> bool:
        """See who is in the talk now; False when it is over."""
        legs = frozenset(self._meters.legs_of(self._call_id))
        for gone in self._legs - legs:
            self._meters.end(gone)
        for new in legs - self._legs:
            self._meters.begin(new)
        for silent in self._silent & legs:
            self._meters.watch(silent)
        self._legs, self._silent = legs, set(legs)
        return bool(legs)

    def hear(self, event: LevelHeard) -> None:
        """Take a reading, if it is of this talk."""
        if event.call_id in self._legs:
            self._heard[event.call_id] = event.dbov
            self._silent.discard(event.call_id)
            self._bell.set()

    async def levels(self) -> TalkLevels | None:
        """Wait for the next reading, five a second at most.

        :returns: of a side that said nothing, None; None alone when the talk is over.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._meters.look_s):
                await self._bell.wait()
        except TimeoutError:
            if not self.look():
                return None
            return TalkLevels(None, None)
        await asyncio.sleep(self._told_at + self._meters.every_s - loop.time())
        if loop.time() - self._told_at > self._meters.look_s or len(self._heard) < len(self._legs):
            self.look()
        self._bell.clear()
        self._told_at = loop.time()
        heard, self._heard = self._heard, {}
        others = [dbov for leg_id, dbov in heard.items() if leg_id != self._call_id]
        return TalkLevels(heard.get(self._call_id), max(others, default=None))

    def close(self) -> None:
        """Look no more; a second time does nothing."""
        for leg_id in self._legs:
            self._meters.end(leg_id)
        self._legs = frozenset()
        self._meters.forget(self)
