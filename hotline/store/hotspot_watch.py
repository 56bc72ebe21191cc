"""Looks for hotspots every minute while the product runs.

A look is two reads where nothing is new. When it fails the next one comes all the same: hotspots are
counted from what is stored, so nothing is lost but time.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import structlog

from hotline.errors import OutsideError
from hotline.store.background import Background

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
        self._background = Background(self._run, "hotspots")

    def start(self) -> None:
        """Begin to look."""
        self._background.start()

    async def stop(self) -> None:
        """Look no more; harmless when never started."""
        await self._background.stop()

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
