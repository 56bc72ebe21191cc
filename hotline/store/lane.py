"""A lane to the writer thread for small notes that come by the hundred: one commit carries many.

A note is written when its coroutine returns, as with ``Work.write``; but while one commit is under
way the next notes gather, and go together. A commit costs some 0.5 ms of processor time and a wait
for the disk whatever it holds, and each hand-over between the loop and the writer costs both of them
a turn at the interpreter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from hotline.errors import HotlineError, OutsideError
from hotline.store.work import Work, Writing

N = TypeVar("N")

_Note = tuple[N, asyncio.Future[None], float]
"""A note, who waits for it, and since when."""

MOST: Final = 256
"""Notes in one commit: what is told after it must not hold up the loop for long."""
PACE_S: Final = 0.01
"""From the begin of one commit to the next at least, also for notes that somebody waits for."""
PATIENCE_S: Final = 0.1
"""How long a patient note waits for company. A crash takes along what was not written yet: that a call came
in which nothing was said so far (docs/decisions/107), or how one ended, which the next start mends."""


NEVER: Final = float("inf")


class InDoubt(Exception):  # noqa: N818 - not a fault: a way of saying "one by one"
    """Notes do not fit together (a repetition, a call without a record): each is to be written alone."""


class Lane(Generic[N]):
    """Notes on their way into the store.

    :param together: writes several notes in one transaction; raises ``InDoubt`` when it cannot.
    :param alone: writes one note, with every check; what it raises, the note's writer gets.
    """

    def __init__(
        self,
        work: Work,
        together: Callable[[Writing, Sequence[N]], None],
        alone: Callable[[Writing, N], None],
    ) -> None:
        self._work, self._together, self._alone = work, together, alone
        self._waiting: list[_Note[N]] = []
        self._under_way = 0
        self._oldest = 0.0
        self._is_running = False
        self._began = 0.0
        self._due = NEVER
        """When the waiting notes are to go at the latest."""
        self._start: asyncio.TimerHandle | None = None
        self._last: asyncio.Future[None] | None = None

    @property
    def depth(self) -> int:
        """How many notes are not written yet, those of the commit that is under way included."""
        return len(self._waiting) + self._under_way

    @property
    def age_s(self) -> float:
        """How long the oldest note that is not written yet has waited; 0 when there is none."""
        if not self.depth:
            return 0.0
        return asyncio.get_running_loop().time() - (self._oldest if self._under_way else self._waiting[0][2])

    def write(self, note: N, *, patient: bool = False) -> asyncio.Future[None]:
        """Write a note.

        Whoever waits for it may go away; it is written all the same.

        :param patient: nobody waits for it: it may gather with others for a moment.
        :returns: done after the commit; OutsideError when the store cannot write.
        """
        loop = asyncio.get_running_loop()
        self._last = written = loop.create_future()
        now = loop.time()
        self._waiting.append((note, written, now))
        due = now + PATIENCE_S if patient else now
        if due < self._due:  # else those that wait already take it along
            self._due = due
            if not self._is_running:
                self._start_in_time(loop)
        return written

    async def idle(self) -> None:
        """Wait until every note that was handed in is written, or refused."""
        while self._last is not None and not self._last.done():
            await asyncio.wait([self._last])

    def _start_in_time(self, loop: asyncio.AbstractEventLoop) -> None:
        due = max(self._due, self._began + PACE_S)
        if self._start is not None:
            if self._start.when() <= due:
                return
            self._start.cancel()
            self._start = None
        if due <= loop.time():
            self._next()
        else:
            self._start = loop.call_at(due, self._next)

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        self._start, self._is_running, self._began = None, True, loop.time()
        taken, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        notes = [note for note, _, _ in taken]
        self._under_way, self._oldest = len(taken), taken[0][2]
        self._due = loop.time() if self._waiting else NEVER
        try:
            done = self._work.in_writer(lambda: self._write_blocking(notes))
        except OutsideError as error:
            self._settle(taken, [error] * len(taken))
            return
        done.add_done_callback(lambda future: self._settle(taken, future.result()))

    def _write_blocking(self, notes: Sequence[N]) -> Sequence[Exception | None]:
        """Write notes in the writer thread; one outcome for each."""
        if len(notes) > 1:
            try:
                self._work.write_blocking(lambda writing: self._together(writing, notes))
            except OutsideError as error:
                if not _blames_a_note(error):
                    return [error] * len(notes)
            except Exception:  # noqa: BLE001, S110 - InDoubt, or a fault of one note: the others are not to suffer
                pass
            else:
                return [None] * len(notes)
        return [self._alone_blocking(note) for note in notes]

    def _alone_blocking(self, note: N) -> Exception | None:
        try:
            self._work.write_blocking(lambda writing: self._alone(writing, note))
        except HotlineError as error:
            return error
        except Exception as error:  # noqa: BLE001 - it is raised where the note came from
            return error
        return None

    def _settle(
        self,
        taken: Sequence[_Note[N]],
        outcomes: Sequence[Exception | None],
    ) -> None:
        for (_, written, _), error in zip(taken, outcomes, strict=True):
            if written.done():
                continue
            if error is None:
                written.set_result(None)
            else:
                written.set_exception(error)
        self._is_running, self._under_way = False, 0
        if self._waiting:
            self._start_in_time(asyncio.get_running_loop())


def _blames_a_note(error: OutsideError) -> bool:
    """Tell whether the database refused what a note says, and not to work at all."""
    cause = error.__cause__
    if isinstance(cause, DBAPIError):
        # Class 54 of SQLSTATE: program limit exceeded, as by a text that is too long for an index.
        state = str(getattr(cause.orig, "sqlstate", "") or "")
        return isinstance(cause, IntegrityError | DataError) or state.startswith("54")
    return isinstance(cause, StatementError)  # a value that no column takes
