"""Looking after the database: what is wrong with it, a copy while the product runs, and the way back.

A copy holds the database only; the recordings' folder is copied after it by whatever copies files, so
that every row's file is there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import URL, Engine, func, inspect, select, text
from sqlalchemy.orm import Session

from hotline.errors import ConfigError, OutsideError
from hotline.store.chain import HEAD_FILE, keep_head_blocking, newest_row
from hotline.store.connection import outside_errors
from hotline.store.schema import config_for
from hotline.store.search_index import FORM, NAME, IndexRow
from hotline.store.tables import EventRow, LedgerRow, RecordingRow, RequestRow
from hotline.store.work import Work

LEAST_ROOM_BYTES: Final = 2 * 1024**3
"""Below this, what callers say for a day may not fit."""
MOST_NAMED: Final = 5
DUMP_TIMEOUT_S: Final = 6 * 3600.0
SQLITE_HEAD: Final = b"SQLite format 3\x00"
DUMP_HEAD: Final = b"PGDMP"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_good: bool
    says: str
    """What was found, and the remedy where there is one."""


class SqlUpkeep(Work):
    """Upkeep of one store."""

    def doctor_blocking(self) -> list[Finding]:
        """Look at everything that can be wrong without anybody noticing; changes nothing."""
        with outside_errors():
            return list(self._look())

    def _look(self) -> Iterator[Finding]:
        engine = self._read_engine
        yield _schema(engine)
        if engine.dialect.name == "sqlite":
            yield from _sqlite_file(engine)
        with Session(engine) as session:
            yield _positions(session)
            yield _index(session)
            yield self._files(session)
        yield self._room()

    def _files(self, session: Session) -> Finding:
        missing, count = [], 0
        for path in session.scalars(select(RecordingRow.path).execution_options(yield_per=1000)):
            count += 1
            if path and not (self.recordings_dir / path).is_file():
                missing.append(path)
        if not missing:
            return Finding("recordings", True, f"{count} rows, each with its file")
        named = ", ".join(missing[:MOST_NAMED])
        return Finding(
            "recordings",
            False,
            f"{len(missing)} of {count} files are not there, as {named}: restore the folder",
        )

    def _room(self) -> Finding:
        folder = self.recordings_dir if self.recordings_dir.is_dir() else self.recordings_dir.parent
        free = shutil.disk_usage(folder).free
        says = f"{free / 1024**3:.1f} GiB are free for recordings"
        is_good = free >= LEAST_ROOM_BYTES
        return Finding("disk", is_good, says if is_good else f"{says}: make room")

    def backup_blocking(self, target: Path) -> int:
        """Copy the database into a new file while the product may run; tells its bytes.

        :raises ConfigError: when the file is there already, or its folder is not.
        :raises OutsideError: when it cannot be written or does not hold.
        """
        if target.exists():
            raise ConfigError("there is such a file already: name a new one", file=str(target))
        if not target.parent.is_dir():
            raise ConfigError("there is no such folder", file=str(target.parent))
        part = target.with_name(f"{target.name}.part")
        part.unlink(missing_ok=True)
        # Readable by nobody else from the first byte on: it holds what callers said.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            if self._write_engine.dialect.name == "sqlite":
                self._copy_sqlite(part)
            else:
                _run_tool("pg_dump", self._write_engine.url, "--format=custom", f"--file={part}")
            _sync(part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return target.stat().st_size

    def _copy_sqlite(self, part: Path) -> None:
        raw = self._write_engine.raw_connection()  # VACUUM runs outside of a transaction
        try:
            raw.cursor().execute("VACUUM INTO ?", (str(part),))
        except sqlite.Error as error:
            raise OutsideError(f"the copy could not be written: {error}") from error
        finally:
            raw.close()
        _check_sqlite(part)

    def restore_blocking(self, source: Path, *, replaces: bool = False) -> None:
        """Put a copy in the place of the database; the product must be stopped.

        The ledger's head that was kept beside it becomes ``.before``: it shows what the copy lacks.

        :param replaces: a database that is there may be replaced; SQLite's is kept beside it as ``.before``.
        :raises ConfigError: for a file that is no copy of this kind, or when a database is there.
        :raises OutsideError: when it cannot be written.
        """
        if not source.is_file():
            raise ConfigError("there is no such file", file=str(source))
        with source.open("rb") as file:
            head = file.read(len(SQLITE_HEAD))
        if self._write_engine.dialect.name == "sqlite":
            if head != SQLITE_HEAD:
                raise ConfigError("this is no copy of a SQLite store", file=str(source))
            self._restore_sqlite(source, replaces=replaces)
            self._keep_its_head()
            return
        if not head.startswith(DUMP_HEAD):
            raise ConfigError("this is no copy of a PostgreSQL store", file=str(source))
        if not replaces and self._has_tables():
            raise ConfigError(
                "the database holds a store already: say --replace to put the copy in its place"
            )
        url = self._write_engine.url
        _run_tool(
            "pg_restore", url, "--clean", "--if-exists", "--no-owner", "--single-transaction", str(source)
        )
        self._keep_its_head()

    def _keep_its_head(self) -> None:
        """Let the head outside of the database be that of the copy."""
        file = self.recordings_dir.parent / HEAD_FILE
        try:
            if file.exists():
                file.replace(file.with_name(f"{file.name}.before"))
            with outside_errors(), Session(self._write_engine) as session:
                has_ledger = inspect(session.connection()).has_table(LedgerRow.__tablename__)
                newest = newest_row(session) if has_ledger else None
            if newest is not None:
                keep_head_blocking(file, newest.seq, newest.hash)
        except OSError as error:
            raise OutsideError(f"the copy is in its place, but not the ledger's head: {error}") from error

    def _has_tables(self) -> bool:
        with outside_errors(), self._read_engine.connect() as connection:
            return connection.dialect.has_table(connection, "events")

    def _restore_sqlite(self, source: Path, *, replaces: bool) -> None:
        _check_sqlite(source)
        self.close_blocking()
        place = Path(self.place)
        if place.exists() and not replaces:
            raise ConfigError(
                "a store is there already: say --replace to put the copy in its place", file=str(place)
            )
        if place.exists() and _is_held(place):
            raise ConfigError("another program holds the store: stop the product first", file=str(place))
        part = place.with_name(f"{place.name}.part")
        shutil.copyfile(source, part)
        _sync(part)
        if place.exists():
            place.replace(place.with_name(f"{place.name}.before"))
        for suffix in ("-wal", "-shm"):  # of the store that was: SQLite would take them for the copy's
            place.with_name(f"{place.name}{suffix}").unlink(missing_ok=True)
        part.replace(place)


def _is_held(place: Path) -> bool:
    connection = sqlite.connect(place, timeout=0, isolation_level=None)
    try:
        # In this mode the file is closed to all others, which cannot be had while any of them has it open.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite.OperationalError:
        return True
    finally:
        connection.close()
    return False


def _check_sqlite(file: Path) -> None:
    connection = sqlite.connect(f"file:{file}?mode=ro", uri=True)
    try:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite.DatabaseError as error:
        raise OutsideError(f"{file} does not hold: {error}", permanent=True) from error
    finally:
        connection.close()
    if found != "ok":
        raise OutsideError(f"{file} does not hold: {found}", permanent=True)


def _sync(file: Path) -> None:
    for path in (file, file.parent):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _run_tool(name: str, url: URL, *arguments: str) -> None:
    """Run a program of PostgreSQL's; its password goes by the environment: no list of processes shows it."""
    program = shutil.which(name) or _newest(name)
    if program is None:
        raise ConfigError(f"{name} is not installed: it comes with PostgreSQL's client (postgresql-client)")
    environment = {**os.environ, "LC_ALL": "C"}
    if url.password:
        environment["PGPASSWORD"] = str(url.password)
    plain = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    try:
        done = subprocess.run(  # noqa: S603 - a program of PostgreSQL's, with arguments of our own
            [program, f"--dbname={plain}", *arguments],
            env=environment,
            capture_output=True,
            timeout=DUMP_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OutsideError(f"{name} did not run: {error}") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise OutsideError(f"{name} failed: {said[-500:]}")


def _newest(name: str) -> str | None:
    found: Sequence[Path] = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else None


def _schema(engine: Engine) -> Finding:
    with engine.connect() as connection:
        head = ScriptDirectory.from_config(config_for(connection)).get_current_head()
        current = MigrationContext.configure(connection).get_current_revision()
    if current == head:
        return Finding("schema", True, f"revision {current}")
    return Finding("schema", False, f"revision {current}, this version has {head}: `hotline store migrate`")


def _sqlite_file(engine: Engine) -> Iterator[Finding]:
    with engine.connect() as connection:
        said = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        yield Finding("file", said == "ok", "whole" if said == "ok" else f"{said}: restore the last backup")
        lost = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        says = "all there" if not lost else f"{len(lost)} rows name others that are not there"
        yield Finding("references", not lost, says)


def _positions(session: Session) -> Finding:
    count, newest = session.execute(
        select(func.count(), func.max(EventRow.position)).select_from(EventRow)
    ).one()
    is_good = count == (newest or 0)
    says = f"{count} events" if is_good else f"{count} events up to position {newest}: some were taken away"
    return Finding("events", is_good, says)


def _index(session: Session) -> Finding:
    form = session.get(IndexRow, NAME)
    indexed = session.scalar(text("SELECT count(*) FROM request_words")) or 0
    wanted = session.scalar(select(func.count()).select_from(RequestRow)) or 0
    is_good = form is not None and form.form == FORM and indexed == wanted
    says = f"{indexed} of {wanted} requests"
    return Finding("search", is_good, says if is_good else f"{says}: `hotline store reindex`")
