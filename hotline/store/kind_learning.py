"""Learns the kinds of demand from what people decide at their consoles, while the product runs.

A look at the event log every few seconds finds the decisions since the last one; they are learned in a
thread of their own, and what was learned is saved now and then together with the position up to which
it goes. Whatever was not saved is learned again after the next start: the log has it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

import structlog

from hotline.errors import ConfigError, OutsideError
from hotline.routing.district import KindRow
from hotline.routing.joint import JointRanker
from hotline.routing.kind_model import KindModel, Sample
from hotline.routing.kinds import RankedKind
from hotline.routing.model_file import Knowledge
from hotline.store.background import Background
from hotline.store.kind_files import load_blocking, mark_of_blocking, save_blocking, set_aside_blocking

EVERY_S: Final = 5.0
"""Between two looks for decisions."""
SAVE_EVERY_S: Final = 300.0
"""Longest that what was learned stays unsaved."""
BATCH: Final = 50
"""Decisions learned at once, some 50 ms; others get their turn between two batches."""

log = structlog.get_logger()
T = TypeVar("T")


class Decisions(Protocol):
    """What is asked of the store."""

    async def kinds_decided_after(
        self, position: int, *, limit: int = 100
    ) -> tuple[Sequence[tuple[int, Sample]], int]:
        """Read decisions after a position, and the position up to which that is all."""
        ...


class KindLearning:
    """Ranks kinds, and ranks them better with every decision.

    :param path: of the file in which what was learned is kept; another program may replace it.
    """

    def __init__(
        self,
        decisions: Decisions,
        kinds: Sequence[KindRow],
        path: Path,
        *,
        every_s: float = EVERY_S,
        save_every_s: float = SAVE_EVERY_S,
    ) -> None:
        self._decisions, self._kinds, self._path = decisions, tuple(kinds), path
        self._every_s, self._save_every_s = every_s, save_every_s
        self._mark: tuple[int, int, int] | None = None
        self._unsaved = 0
        self._unsaved_since: float | None = None
        self._looking = asyncio.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._background = Background(self._run, "kind-learning")
        self._position = 0
        self._take(Knowledge())

    def rank(self, text: str, *, limit: int = 3) -> tuple[RankedKind, ...]:
        """Name the likeliest kinds first, by what is known now."""
        return self._ranker.rank(text, limit=limit)

    @property
    def samples(self) -> int:
        """Texts that it has learned from."""
        return self._model.samples

    @property
    def position(self) -> int:
        """Decisions up to this position of the event log have been learned from."""
        return self._position

    async def start(self) -> None:
        """Read what was learned before, then begin to look; needs a running event loop."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="kinds")
            await self._in_thread(self._load_blocking)
            self._background.start()

    async def stop(self) -> None:
        """Save and look no more; harmless when never started."""
        await self._background.stop()
        if self._thread is not None:
            await self._save()
            self._thread.shutdown()
            self._thread = None

    async def look(self) -> int:
        """Look once and learn all that was decided since; tells from how many decisions.

        :raises OutsideError: when the store cannot be read.
        """
        async with self._looking:
            return await self._look()

    async def _look(self) -> int:
        learned = 0
        await self._in_thread(self._load_blocking)
        before = self._position
        while True:
            found, position = await self._decisions.kinds_decided_after(before, limit=BATCH)
            learned += await self._in_thread(partial(self._learn_blocking, found))
            is_all = position <= before
            before = self._position = position  # an earlier one when the log was restored from a backup
            if is_all:
                break
        now = asyncio.get_running_loop().time()
        if learned and self._unsaved_since is None:
            self._unsaved_since = now
        if self._unsaved_since is not None and now - self._unsaved_since >= self._save_every_s:
            await self._save()
        return learned

    async def _run(self) -> None:
        while True:
            try:
                if learned := await self.look():
                    log.info("kinds.learned", decisions=learned, samples=self.samples)
            except OutsideError as error:
                log.warning("kinds.look_failed", error=str(error), again_in_s=self._every_s)
            except Exception:  # the worker loop: the next look may go well
                log.exception("kinds.fault")
            await asyncio.sleep(self._every_s)

    async def _save(self) -> None:
        if not self._unsaved:
            return
        try:
            await self._in_thread(self._save_blocking)
        except OutsideError as error:
            log.warning("kinds.not_saved", error=str(error))
            self._unsaved_since = asyncio.get_running_loop().time()

    def _in_thread(self, call: Callable[[], T]) -> asyncio.Future[T]:
        if self._thread is None:
            raise OutsideError("learning has not been started")
        return asyncio.get_running_loop().run_in_executor(self._thread, call)

    # -- in the thread ------------------------------------------------------------------------------
    def _take(self, knowledge: Knowledge) -> None:
        self._model = KindModel(self._kinds, knowledge.learned, samples=knowledge.samples)
        self._chances = knowledge.chances
        self._position = knowledge.position
        self._ranker = JointRanker(self._kinds, self._model, knowledge.chances)

    def _load_blocking(self) -> None:
        """Take the file over if it is another one than before; one that cannot be used is set aside."""
        mark = mark_of_blocking(self._path)
        is_known = mark == self._mark
        self._mark = mark
        if mark is None or is_known:
            return
        try:
            knowledge = load_blocking(self._path)
        except ConfigError as error:
            log.error("kinds.file_refused", error=str(error))
            with contextlib.suppress(OutsideError):
                set_aside_blocking(self._path)
                self._mark = None
            return
        if knowledge is not None:
            self._take(knowledge)
            self._unsaved, self._unsaved_since = 0, None
            log.info("kinds.loaded", samples=knowledge.samples, position=knowledge.position)

    def _learn_blocking(self, found: Sequence[tuple[int, Sample]]) -> int:
        learned = 0
        for position, sample in found:
            try:
                self._model.learn(sample)
            except ConfigError:
                continue  # a kind that the catalogue no longer has
            finally:
                self._position = position
            learned += 1
        self._unsaved += learned
        return learned

    def _save_blocking(self) -> None:
        if mark_of_blocking(self._path) != self._mark:
            return  # replaced meanwhile: the next look takes that one, and learns on top of it
        knowledge = Knowledge(self._model.learned, self._model.samples, self._chances, self._position)
        save_blocking(self._path, knowledge)
        self._mark = mark_of_blocking(self._path)
        self._unsaved, self._unsaved_since = 0, None
