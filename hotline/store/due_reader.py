"""The one reader of deadlines: while the product runs, it makes every step that time alone makes.

Deadlines stand in the store (``service_requests.look_at``); nothing is kept in memory, so a restart loses
none. What became due while nobody ran is made at the first look, dated when it was made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

import structlog

from hotline.errors import ConfigError, OutsideError
from hotline.store.background import Background

LONGEST_S: Final = 20.0
"""Between two looks, also when nothing is due sooner: other processes may have moved a request."""
SHORTEST_S: Final = 0.2

log = structlog.get_logger()


class Due(Protocol):
    """The store, as the reader sees it."""

    async def walk_due(self) -> int:
        """Make every step that is due."""
        ...

    async def next_look_at(self) -> datetime | None:
        """Tell when the next one is."""
        ...

    async def check_clock(self) -> object:
        """Tell everybody when the machine's clock has stepped back."""
        ...


class DueReader:
    """Looks whenever something is due.

    :param at: asks the wall clock; the answer has a zone.
    :param longest_s: seconds between two looks at most.
    """

    def __init__(self, store: Due, at: Callable[[], datetime], *, longest_s: float = LONGEST_S) -> None:
        self._store, self._at, self._longest_s = store, at, longest_s
        self._background = Background(self._run, "due-reader")

    def start(self) -> None:
        """Begin to look; needs a running event loop. A second call does nothing."""
        self._background.start()

    async def stop(self) -> None:
        """Look no more; harmless when never started."""
        await self._background.stop()

    async def look(self) -> float:
        """Make what is due now; tells the seconds until the next look."""
        await self._store.check_clock()
        await self._store.walk_due()
        due = await self._store.next_look_at()
        if due is None:
            return self._longest_s
        return min(max((due - self._at()).total_seconds(), SHORTEST_S), self._longest_s)

    async def _run(self) -> None:
        while True:
            wait_s = self._longest_s
            try:
                wait_s = await self.look()
            except (OutsideError, ConfigError) as error:
                log.warning("due.put_off", error=str(error), again_in_s=wait_s)
            except Exception:  # the worker loop: the next look may go well
                log.exception("due.fault")
            await asyncio.sleep(wait_s)
