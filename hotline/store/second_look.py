"""Looks again, while the product is at work, for recordings that nobody could write down.

A request is given up when the store is full or held by another program for longer than a caller
waits; and a media plane that dies alone leaves its recordings open. What she said is on disk all the
same; as soon as the store takes it, it becomes a request, without anybody having to start the product
anew.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Final

import structlog

from hotline.errors import OutsideError
from hotline.events.ids import CallId, RequestNumber
from hotline.intake.ports import Journal, LegNote, OfferedCall, RequestDraft, RequestStatus
from hotline.intake.recovery import RecoveryReport, Remains, recover
from hotline.store.background import Background

EVERY_S: Final = 600.0
"""Between two looks when all is well."""
SOON_S: Final = 5.0
"""From a request that could not be written to the first look; doubles up to ``EVERY_S``."""
NO_FILE: Final = "!no file"
"""Note in a call's path: its recording was not reported by the media plane (``hotline.call``)."""

log = structlog.get_logger()


class SecondLook:
    """Runs recovery beside the running product.

    :param every_s: seconds between two looks when all is well.
    :param soon_s: seconds from ``not_written`` to the next look; each one after it waits twice as long.
    """

    def __init__(self, remains: Remains, *, every_s: float = EVERY_S, soon_s: float = SOON_S) -> None:
        self._remains, self._every_s, self._soon_s = remains, every_s, soon_s
        self._wait_s = every_s
        self._bell = asyncio.Event()
        self._told: set[str] = set()
        self._background = Background(self._run, "second-look")

    def start(self) -> None:
        """Begin to look; needs a running event loop. A second call does nothing."""
        self._background.start()

    async def stop(self) -> None:
        """Look no more; harmless when never started."""
        await self._background.stop()

    def not_written(self) -> None:
        """Have it look soon: a request could not be written."""
        self._wait_s = self._soon_s
        self._bell.set()

    def watching(self, journal: Journal) -> Journal:
        """Put a journal in front of another that tells us of each request that could not be written."""
        return _WatchedJournal(journal, self)

    async def _run(self) -> None:
        while True:
            self._bell.clear()
            wait_s = self._wait_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._bell.wait()
                continue  # something failed meanwhile: wait anew, but shorter
            self._wait_s = min(2 * wait_s, self._every_s)
            try:
                tell(await recover(self._remains, running=True), self._told)
            except OutsideError as error:
                log.warning("recovery.put_off", error=str(error), again_in_s=self._wait_s)
            except Exception:  # the worker loop: the next look may go well
                log.exception("recovery.fault")


def tell(report: RecoveryReport, told: set[str]) -> None:
    """Log what recovery did.

    :param told: files that were named before, and are not named again; grows.
    """
    if report.requests or report.removed or report.closed_calls:
        log.warning(
            "recovery.done",
            requests=list(report.requests),
            kept=report.kept,
            removed=report.removed,
            closed_calls=report.closed_calls,
        )
    for odd in report.odd:
        if odd not in told:
            told.add(odd)
            log.warning("recovery.unknown_file", file=odd)


class _WatchedJournal:
    """A journal whose failures are noticed."""

    def __init__(self, journal: Journal, look: SecondLook) -> None:
        self._journal, self._look = journal, look

    def open_call(self, call: OfferedCall, *, is_awaited: bool = True) -> Awaitable[None]:
        return self._journal.open_call(call, is_awaited=is_awaited)

    def answer_call(self, call_id: CallId, at: datetime) -> Awaitable[None]:
        return self._journal.answer_call(call_id, at)

    def close_call(self, call_id: CallId, at: datetime, cause: str, path: Sequence[str]) -> Awaitable[None]:
        closing = self._journal.close_call(call_id, at, cause, path)
        if any(note.startswith(NO_FILE) for note in path):
            return self._look_after(closing)
        return closing

    async def _look_after(self, closing: Awaitable[None]) -> None:
        await closing
        self._look.not_written()  # the media plane died and left the file open: it is adopted soon

    async def note_leg(self, note: LegNote) -> None:
        await self._journal.note_leg(note)

    async def open_request(self, draft: RequestDraft) -> RequestNumber:
        try:
            return await self._journal.open_request(draft)
        except OutsideError:
            self._look.not_written()
            raise

    async def request_status(self, number: str) -> RequestStatus | None:
        return await self._journal.request_status(number)
