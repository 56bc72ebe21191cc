"""The nightly sweep of recordings whose time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from hotline.errors import OutsideError
from hotline.store.background import Background
from hotline.store.retention import Sweep, next_night

HOUR: Final = 3
"""Of the site's day: few call then."""
LOOK_S: Final = 60.0
"""Longest sleep, so that a clock that was put right is noticed."""
ACTOR: Final = "system"

log = structlog.get_logger()


class Recordings(Protocol):
    """What the sweep asks of the store."""

    async def expire_recordings(self, keep_days: int, *, actor: str, dry_run: bool = False) -> Sweep:
        """Delete the audio of what is over and older than that."""
        ...


class Expiry:
    """Sweeps once a night, at three; does nothing where recordings are kept for ever.

    :param keep_days: 0: for ever.
    :param at: asks the wall clock; the answer has a zone.
    """

    def __init__(
        self,
        recordings: Recordings,
        keep_days: int,
        at: Callable[[], datetime],
        *,
        time_zone: str,
        look_s: float = LOOK_S,
    ) -> None:
        self._recordings, self._keep_days = recordings, keep_days
        self._at, self._zone, self._look_s = at, ZoneInfo(time_zone), look_s
        self._background = Background(self._run, "expiry")

    def start(self) -> None:
        """Begin to wait for the night; needs a running event loop. A second call does nothing."""
        if self._keep_days:
            self._background.start()

    async def stop(self) -> None:
        """Sweep no more; harmless when never started."""
        await self._background.stop()

    async def sweep(self) -> None:
        """Sweep once, and log what was done; a store that is away is tried the next night."""
        try:
            done = await self._recordings.expire_recordings(self._keep_days, actor=ACTOR)
        except OutsideError as error:
            log.warning("recordings.sweep_failed", error=str(error))
            return
        except Exception:  # the worker loop: the next night may go well
            log.exception("recordings.sweep_fault")
            return
        for fault in done.faults:
            log.warning("recordings.not_deleted", file=fault)
        log.info(
            "recordings.swept",
            recordings=len(done.recordings),
            size_bytes=done.size_bytes,
            keep_days=self._keep_days,
        )

    async def _run(self) -> None:
        while True:
            night = next_night(self._now(), HOUR)
            while (left_s := (night - self._now()).total_seconds()) > 0:
                await asyncio.sleep(min(left_s, self._look_s))
            await self.sweep()

    def _now(self) -> datetime:
        return self._at().astimezone(self._zone)
