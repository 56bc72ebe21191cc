"""Looks for hotspots every minute while the product runs.

A look is two reads where nothing is new. When it fails the next one comes all the same: hotspots are
counted from what is stored, so nothing is lost but time.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final, Protocol

import structlog

from hotline.errors import OutsideError

EVERY_S: Final = 60.0
"""Between two looks; people must hear of a hotspot within ten minutes."""

log = structlog.get_logger()


class Looks(Protocol):
    """What is asked of the store."""

    async def look_for_hotspots(self) -> int:
        """Count once and write down what is new; tells how many hotspots were raised, grew or cooled."""
        ...


class HotspotWatch:
    """The look that comes again and again."""

    def __init__(self, store: Looks, *, every_s: float = EVERY_S) -> None:
        self._store, self._every_s = store, every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="hotspots")

    async def stop(self) -> None:
        """Look no more; harmless when never started."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            try:
                if changes := await self._store.look_for_hotspots():
                    log.info("hotspots.told", changes=changes)
            except OutsideError as error:
                log.warning("hotspots.look_failed", error=str(error), again_in_s=self._every_s)
            except Exception:  # the worker loop: the next look may go well
                log.exception("hotspots.fault")
            await asyncio.sleep(self._every_s)
