"""Units of work: one writer thread, a few reader threads, and what is told after a commit.

Every port of the store is a class on top of ``Work``. Its coroutines hand a plain function (the
unit) to a thread; the unit runs in one transaction and knows nothing of threads or the loop.
See docs/decisions/060-one-writer-thread.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hotline.errors import LocalProtocolError, OutsideError
from hotline.store.connection import ended_uncleanly, make_engines, outside_errors
from hotline.store.schema import upgrade_blocking
from hotline.store.tables import EventRow, OutboxRow
from hotline.tickets.conditions import Site
from hotline.tickets.ledger import Row

T = TypeVar("T")
READERS: Final = 2
"""Reader threads: pages are short, and the machine has other work for its cores."""


class Writing:
    """One write transaction, seen by the unit that runs in it."""

    def __init__(
        self, session: Session, at: datetime, day: date, rules: Callable[[], Site] | None = None
    ) -> None:
        self.session = session
        self._rules = rules
        self.head: Row | None = None
        """Last row of the ledger; None until it was asked for, and while there is none."""
        self.follows: tuple[int, str] | None = None
        """Place and hash of the row after which the ledger grew; None when it did not."""
        self.at = at
        """Wall time of the transaction; all its rows carry the same."""
        self.day = day
        """Day of ``at`` in the site's time zone."""
        self.position: int | None = None
        """Of the last event appended; None when there was none."""
        self.topics: set[str] = set()
        """Topics that were given jobs."""

    @property
    def rules(self) -> Site:
        """Limits and clocks of the site.

        :raises ConfigError: when its files are wrong.
        """
        return _site(self._rules)

    def event(
        self,
        kind: str,
        *,
        call_id: str | None = None,
        number: str | None = None,
        unit_code: str | None = None,
        actor: str = "system",
        payload: Mapping[str, object] | None = None,
        at: datetime | None = None,
    ) -> None:
        """Append an event; positions are gapless because writers queue up."""
        if self.position is None:
            self.position = self.session.scalar(select(func.coalesce(func.max(EventRow.position), 0))) or 0
        self.position += 1
        self.session.add(
            EventRow(
                position=self.position,
                at=at or self.at,
                kind=kind,
                call_id=call_id,
                request_number=number,
                unit_code=unit_code,
                actor=actor,
                payload=dict(payload or {}),
            )
        )

    def add_job(self, topic: str, key: str, payload: Mapping[str, object]) -> None:
        """Put a job into the outbox; a second one with the same topic and key changes nothing."""
        known = select(OutboxRow.id).where(OutboxRow.topic == topic, OutboxRow.key == key)
        if self.session.scalar(known) is not None:
            return
        self.session.add(
            OutboxRow(
                topic=topic,
                key=key,
                payload=dict(payload),
                state="due",
                due_at=self.at,
                touched_at=self.at,
                attempts=0,
                last_error="",
            )
        )
        self.topics.add(topic)


def _site(rules: Callable[[], Site] | None) -> Site:
    if rules is None:
        raise LocalProtocolError("this store was opened without the site's limits")
    return rules()


class Work:
    """Threads, engines and the telling after a commit.

    :param url: SQLAlchemy URL, ``sqlite:///…`` or ``postgresql://…``.
    :param recordings_dir: folder of the day folders with audio.
    :param at: asks the wall clock; the answer has a zone.
    :param on_committed: called on the event loop with the newest position after each commit that
        appended events.
    :param rules: reads the site's limits and clocks, at most once; needed by whatever moves requests.
    :param time_zone: zone in which a day begins; the numbers of requests carry the day.
    :raises ConfigError: for a URL or a SQLite that cannot be used.
    """

    def __init__(
        self,
        url: str,
        recordings_dir: Path,
        at: Callable[[], datetime],
        on_committed: Callable[[int], None],
        *,
        rules: Callable[[], Site] | None = None,
        time_zone: str = "Asia/Shanghai",
        readers: int = READERS,
    ) -> None:
        self.recordings_dir = recordings_dir
        self._at = at
        self._rules = cache(rules) if rules is not None else None
        self._zone = ZoneInfo(time_zone)
        self._on_committed = on_committed
        self._wakes: dict[str, list[Callable[[], None]]] = {}
        self._write_engine, self._read_engine = make_engines(url, readers=readers)
        self._ended_uncleanly = ended_uncleanly(self._write_engine)
        parsed = self._write_engine.url
        self.place = parsed.database or "" if parsed.get_backend_name() == "sqlite" else repr(parsed)
        """Where the store is, for complaints: a file, or a URL without its password."""
        self._readers = readers
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: ThreadPoolExecutor | None = None
        self._reader: ThreadPoolExecutor | None = None

    @property
    def rules(self) -> Site:
        """Limits and clocks of the site.

        :raises ConfigError: when its files are wrong.
        """
        return _site(self._rules)

    # -- life -----------------------------------------------------------------------------------
    def migrate_blocking(self) -> None:
        """Bring the schema up to date.

        :raises ConfigError: when the database was written by a newer product.
        :raises OutsideError: when it cannot be opened, or is damaged.
        """
        with outside_errors():
            upgrade_blocking(self._write_engine)

    async def start(self) -> None:
        """Open the threads on the running event loop, and bring the schema up to date."""
        self._loop = asyncio.get_running_loop()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._reader = ThreadPoolExecutor(self._readers, thread_name_prefix="store-reader")
        await self._loop.run_in_executor(self._writer, self.migrate_blocking)

    async def stop(self) -> None:
        """Finish what was handed in, then close; harmless when never started or stopped before."""
        writer, reader, self._writer, self._reader = self._writer, self._reader, None, None
        if writer and reader:
            await asyncio.to_thread(self._close_blocking, writer, reader)
        self.close_blocking()

    def _close_blocking(self, *threads: ThreadPoolExecutor) -> None:
        for pool in threads:
            pool.shutdown(wait=True)

    def close_blocking(self) -> None:
        """Give the connections back; for those who never started the threads."""
        self._read_engine.dispose()
        self._write_engine.dispose()  # last: the last one out folds SQLite's WAL into the file

    # -- transactions ---------------------------------------------------------------------------
    async def write(self, unit: Callable[[Writing], T]) -> T:
        """Run a unit in the writer thread; returns after the commit.

        :raises OutsideError: when the store cannot write.
        """
        return await self.in_writer(lambda: self.write_blocking(unit))

    def in_writer(self, call: Callable[[], T]) -> asyncio.Future[T]:
        """Have something done in the writer thread, after all that was handed in before.

        :raises OutsideError: when the store is not open.
        """
        if self._writer is None or self._loop is None:
            raise OutsideError("the store is not open")
        return self._loop.run_in_executor(self._writer, call)

    async def read(self, unit: Callable[[Session], T]) -> T:
        """Run a unit in a reader thread, on one snapshot of the database."""
        if self._reader is None or self._loop is None:
            raise OutsideError("the store is not open")
        return await self._loop.run_in_executor(self._reader, self.read_blocking, unit)

    def write_blocking(self, unit: Callable[[Writing], T]) -> T:
        """Run a unit in this thread, in one transaction."""
        at = self._at()
        with (
            outside_errors(),
            Session(self._write_engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            writing = Writing(session, at, at.astimezone(self._zone).date(), self._rules)
            result = unit(writing)
            self.finish(writing)
        self._tell(writing)
        return result

    def finish(self, writing: Writing) -> None:
        """Do what belongs to every write, in its transaction and after its unit."""

    def read_blocking(self, unit: Callable[[Session], T]) -> T:
        """Run a unit in this thread, on one snapshot of the database."""
        with outside_errors(), Session(self._read_engine, expire_on_commit=False) as session:
            return unit(session)

    # -- telling --------------------------------------------------------------------------------
    def on_added(self, topic: str, wake: Callable[[], None]) -> None:
        """Have ``wake`` called on the event loop whenever jobs of the topic were added."""
        self._wakes.setdefault(topic, []).append(wake)

    def _tell(self, writing: Writing) -> None:
        # From the writer thread and not from the coroutine: who asked may have been cancelled
        # meanwhile, and what is committed must be told all the same.
        loop = self._loop
        if loop is None or loop.is_closed() or (writing.position is None and not writing.topics):
            return
        try:
            loop.call_soon_threadsafe(self._tell_on_loop, writing.position, tuple(writing.topics))
        except RuntimeError:
            return  # the loop closed between the two lines; nobody is left to be told

    def _tell_on_loop(self, position: int | None, topics: Sequence[str]) -> None:
        if position is not None:
            self._on_committed(position)
        for topic in topics:
            for wake in self._wakes.get(topic, ()):
                wake()
