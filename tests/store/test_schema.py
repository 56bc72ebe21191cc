from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from pysqlite3 import dbapi2
from sqlalchemy import inspect, text
from store_world import World

from hotline.errors import ConfigError, OutsideError
from hotline.store import Store
from hotline.store.connection import SQLITE_OLDEST, check_sqlite, make_engines
from hotline.store.schema import config_for
from hotline.store.tables import Base, EventRow

WORDS = "request_words"
"""The words of search, and the tables that SQLite keeps them in: no model of ours."""


@pytest.fixture
def empty(tmp_path: Path) -> Store:
    return World(tmp_path, f"sqlite:///{tmp_path / 'new.sqlite3'}").new_store()


def tables_of(store: Store) -> set[str]:
    names = inspect(store._write_engine).get_table_names()
    return {name for name in names if not name.startswith(WORDS)} - {"alembic_version"}


def test_migrations_and_tables_say_the_same(empty: Store) -> None:
    empty.migrate_blocking()
    with empty._write_engine.begin() as connection:
        command.check(config_for(connection))  # raises when autogenerate would add anything


def test_migrations_go_down_and_up_again(empty: Store) -> None:
    empty.migrate_blocking()
    with empty._write_engine.begin() as connection:
        command.downgrade(config_for(connection), "base")
    assert tables_of(empty) == set()
    empty.migrate_blocking()
    assert tables_of(empty) == set(Base.metadata.tables)


def test_migrating_twice_changes_nothing(empty: Store) -> None:
    empty.migrate_blocking()
    empty.migrate_blocking()
    assert tables_of(empty) == set(Base.metadata.tables)


def test_database_of_a_newer_version_is_refused(empty: Store) -> None:
    empty.migrate_blocking()
    with empty._write_engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="revision 9999, which this version does not know"):
        empty.migrate_blocking()


@pytest.mark.parametrize("statement", ["UPDATE events SET kind = 'x'", "DELETE FROM events"])
def test_events_cannot_be_changed(world: World, statement: str) -> None:
    async def story(store: Store) -> None:
        await world.a_request(store)
        with pytest.raises(OutsideError, match="append-only"):
            await store.write(lambda writing: writing.session.execute(text(statement)))
        assert await store.newest_position() == 5

    world.run(story)


def test_positions_have_no_gaps_after_a_failed_transaction(world: World) -> None:
    async def story(store: Store) -> None:
        await world.a_request(store)

        def fail(writing) -> None:
            writing.event("call.offered")
            raise RuntimeError("in the middle")

        with pytest.raises(RuntimeError):
            await store.write(fail)
        await world.a_request(store)
        positions = await store.read(
            lambda session: sorted(session.scalars(text("SELECT position FROM events")))
        )
        assert positions == list(range(1, 11))

    world.run(story)


def test_store_waits_for_nothing_on_a_healthy_file(world: World) -> None:
    async def story(store: Store) -> None:
        def pragmas(writing) -> list[object]:
            names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            return [writing.session.execute(text(f"PRAGMA {name}")).scalar() for name in names]

        assert await store.write(pragmas) == ["wal", 2, 1, 5000]

    world.run(story)


def test_readers_cannot_write(world: World) -> None:
    async def story(store: Store) -> None:
        with pytest.raises(OutsideError, match="cannot be written"):
            await store.read(lambda session: session.execute(text("DELETE FROM sessions")))

    world.run(story)


def test_old_sqlite_is_refused_with_the_remedy() -> None:
    check_sqlite(SQLITE_OLDEST)
    with pytest.raises(ConfigError, match=r"SQLite 3\.40\.1 can corrupt .* 3\.51\.3 or newer.*pip install"):
        check_sqlite((3, 40, 1))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("mysql://localhost/x", "'mysql'"),
        ("nonsense", "is no SQLAlchemy URL"),
    ],
)
def test_unusable_url_is_refused(url: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        make_engines(url, readers=1)


def test_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    store = World(tmp_path, f"sqlite:///{tmp_path}/no/such/folder/x.sqlite3").new_store()
    with pytest.raises(OutsideError, match="check folder and file rights"):
        store.migrate_blocking()


def test_damaged_file_is_told_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite3"
    file.write_bytes(b"SQLite format 3\0" + b"\xff" * 8000)
    store = World(tmp_path, f"sqlite:///{file}").new_store()
    with pytest.raises(OutsideError, match="restore the last backup") as error:
        store.migrate_blocking()
    assert error.value.permanent


def test_database_that_another_program_holds_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hotline.store.connection.BUSY_TIMEOUT_MS", 50)
    holder = dbapi2.connect(world.folder / "hotline.sqlite3", isolation_level=None)

    async def story(store: Store) -> None:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutsideError, match="another program holds the store"):
            await world.a_request(store)
        holder.execute("ROLLBACK")
        assert await world.a_request(store)

    world.run(story)
    holder.close()


def test_moment_without_a_zone_is_refused(world: World) -> None:
    async def story(store: Store) -> None:
        naive = world.clock().replace(tzinfo=None)
        with pytest.raises(OutsideError, match="without a zone"):
            await store.open_call(world.a_call(at=naive))

    world.run(story)


def test_moments_come_back_as_the_same_moment(world: World) -> None:
    async def story(store: Store) -> None:
        await world.a_request(store)
        event = await store.read(lambda session: session.get_one(EventRow, 1))
        assert event.at == world.clock()
        assert event.at.utcoffset().total_seconds() == 0

    world.run(story)
