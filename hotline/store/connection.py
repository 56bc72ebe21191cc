"""Engines: one for the writer, one for readers, on SQLite or PostgreSQL.

SQLite runs through pysqlite3, whose bundled library is newer than the system's: versions before
3.51.3 can corrupt a database in WAL mode when two connections checkpoint at once, so they are
refused. A write transaction begins with BEGIN IMMEDIATE (SQLite) or an advisory lock
(PostgreSQL): writers queue up, event positions have no gaps, and nobody deadlocks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from hotline.errors import ConfigError, OutsideError
from hotline.store.columns import storable

SQLITE_OLDEST: Final = (3, 51, 3)
"""First SQLite without the WAL-reset fault (sqlite.org, WAL page, section on the 2026 fix)."""
BUSY_TIMEOUT_MS: Final = 5000
"""How long a connection waits for another writer: longer than any transaction of ours."""
JOURNAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""What the WAL file is cut back to after a burst."""
WRITER_LOCK: Final = 961_56
"""Key of the advisory lock that makes PostgreSQL writers queue up; any number of ours."""
POSTGRES_TIMEOUT_S: Final = 10
"""Connecting, a statement and a lock may each take so long; a caller waits for some of them."""


def check_sqlite(version: tuple[int, ...]) -> None:
    """Refuse a SQLite that can corrupt its database.

    :raises ConfigError: with the remedy.
    """
    if version < SQLITE_OLDEST:
        have, need = (".".join(map(str, v)) for v in (version, SQLITE_OLDEST))
        raise ConfigError(
            f"SQLite {have} can corrupt a database in WAL mode; {need} or newer is needed: "
            "install a newer pysqlite3 (pip install --upgrade pysqlite3)"
        )


def make_engines(url: str, *, readers: int) -> tuple[Engine, Engine]:
    """Build the writer's and the readers' engine; connects nowhere yet.

    :returns: writer, reader.
    :raises ConfigError: for a URL that names no database we run on.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(f"store.url {url!r} is no SQLAlchemy URL: {error}") from error
    backend = parsed.get_backend_name()
    try:
        if backend == "sqlite":
            return _sqlite_engines(url, parsed.database or "", readers)
        if backend == "postgresql":
            return _postgres_engines(url, readers)
    except ArgumentError as error:  # a driver or an option that SQLAlchemy does not know
        raise ConfigError(f"store.url {parsed!r} cannot be used: {error}") from error
    raise ConfigError(f"store.url names {backend!r}; this product runs on sqlite and postgresql")


def _write_json(value: object) -> str:
    return storable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _sqlite_engines(url: str, database: str, readers: int) -> tuple[Engine, Engine]:
    check_sqlite(sqlite.sqlite_version_info)
    if database in {"", ":memory:"}:
        raise ConfigError("store.url must name a file: a database in memory is lost with the process")
    options: dict[str, Any] = {
        "module": sqlite,
        "poolclass": QueuePool,
        "connect_args": {"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        "json_serializer": _write_json,
        "hide_parameters": True,  # a fault's traceback goes to the log, where no caller's number may be
    }
    writer = create_engine(url, pool_size=1, max_overflow=0, **options)
    reader = create_engine(url, pool_size=readers, max_overflow=0, **options)
    event.listen(writer, "connect", _prepare_sqlite)
    event.listen(reader, "connect", _prepare_sqlite)
    event.listen(reader, "connect", _forbid_writing)
    event.listen(writer, "begin", _begin_immediate)
    event.listen(reader, "begin", _begin_deferred)
    return writer, reader


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None  # or the module would begin transactions of its own
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "foreign_keys = ON",
        f"journal_size_limit = {JOURNAL_LIMIT_BYTES}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _forbid_writing(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only = ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _postgres_engines(url: str, readers: int) -> tuple[Engine, Engine]:
    milliseconds = POSTGRES_TIMEOUT_S * 1000
    options: dict[str, Any] = {
        "pool_pre_ping": True,  # a server that was restarted is not the caller's trouble
        "connect_args": {
            "connect_timeout": POSTGRES_TIMEOUT_S,
            "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}",
        },
        "json_serializer": _write_json,
        "hide_parameters": True,
    }
    try:
        writer = create_engine(url, pool_size=1, max_overflow=0, **options)
        # A page reads several tables; they must all be of one moment.
        reader = create_engine(
            url, pool_size=readers, max_overflow=0, isolation_level="REPEATABLE READ", **options
        )
    except ImportError as error:
        raise ConfigError(
            f"PostgreSQL needs its driver: pip install 'hotline[postgresql]' ({error})"
        ) from error
    event.listen(writer, "begin", _queue_up)
    event.listen(reader, "begin", _read_only)
    return writer, reader


def _queue_up(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")


def _read_only(connection: Connection) -> None:
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def ended_uncleanly(writer: Engine) -> bool:
    """Tell whether the last user of a SQLite file did not close it; asked before the file is opened.

    A clean end folds the write-ahead log into the file and takes it away, so one that is still there
    tells of a crash, or of another process at work. Other databases look after themselves.
    """
    if writer.dialect.name != "sqlite" or not writer.url.database:
        return False
    wal = Path(f"{writer.url.database}-wal")
    return wal.is_file() and wal.stat().st_size > 0


def check_file_blocking(engine: Engine) -> None:
    """Read a whole SQLite file for damage.

    :raises OutsideError: with the remedy.
    """
    with engine.connect() as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if found != "ok":
        raise OutsideError(
            f"the store's file is damaged ({found}): stop the product and restore the last backup",
            permanent=True,
        )


@contextmanager
def outside_errors() -> Iterator[None]:
    """Turn what a database complains of into OutsideError, in words that name the remedy."""
    try:
        yield
    except DBAPIError as error:
        raise OutsideError(_explain(error), permanent=_is_corrupt(error)) from error
    except SQLAlchemyError as error:
        raise OutsideError(f"the store failed: {error}") from error


def _is_corrupt(error: DBAPIError) -> bool:
    said = str(error.orig)
    return "malformed" in said or "is not a database" in said


def _explain(error: DBAPIError) -> str:
    said = str(error.orig).strip() or type(error.orig).__name__
    if _is_corrupt(error):
        return f"the store's file is damaged ({said}): stop the product and restore the last backup"
    if "disk is full" in said or "No space left" in said:
        return f"the store's disk is full ({said}): make room, the product goes on by itself"
    if "disk I/O error" in said:  # what SQLite says when there is no room for its own index files
        return f"the store's disk is full or failing ({said}): make room, or look at the system's log"
    if "locked" in said or "lock timeout" in said:
        return f"another program holds the store ({said}): find and stop it"
    if "readonly" in said or "unable to open" in said:
        return f"the store cannot be written ({said}): check folder and file rights"
    return f"the store failed: {said}"
