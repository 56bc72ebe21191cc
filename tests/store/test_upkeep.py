"""A copy that is made while others write is whole, and leads back to where it was made."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pysqlite3 import dbapi2
from sqlalchemy import text
from store_world import World

from hotline.errors import ConfigError, OutsideError
from hotline.search.asked import Asked
from hotline.store import Store
from hotline.store.chain import read_head_blocking


def found(store: Store) -> dict[str, bool]:
    return {finding.what: finding.is_good for finding in store.doctor_blocking()}


def numbers(world: World) -> list[str]:
    async def story(store: Store) -> list[str]:
        return [line.number for line in await store.search(None, Asked(), limit=50)]

    return world.run(story)


def test_a_copy_leads_back(world: World, tmp_path: Path) -> None:
    copy = tmp_path / "copy"

    async def story(store: Store) -> None:
        await world.a_request(store)
        await asyncio.to_thread(store.backup_blocking, copy)
        await world.a_request(store)

    world.run(story)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert len(numbers(world)) == 2
    store = world.new_store()
    with pytest.raises(ConfigError, match="--replace"):
        store.restore_blocking(copy)
    store.restore_blocking(copy, replaces=True)
    assert len(numbers(world)) == 1
    with pytest.raises(ConfigError, match="already"):
        world.new_store().backup_blocking(copy)


def test_a_copy_brings_the_head_of_its_ledger(world: World, tmp_path: Path) -> None:
    copy = tmp_path / "copy"

    async def story(store: Store) -> None:
        await world.a_request(store)
        await asyncio.to_thread(store.backup_blocking, copy)
        await world.a_request(store)

    world.run(story)
    store = world.new_store()
    newest = read_head_blocking(store.head_file)
    store.restore_blocking(copy, replaces=True)
    audit = store.audit_blocking()
    assert audit.fault is None
    assert read_head_blocking(store.head_file) == (audit.rows, audit.head)
    before = store.head_file.with_name("ledger.head.before")  # what the copy lacks stays known
    assert read_head_blocking(before) == newest != (audit.rows, audit.head)
    store.close_blocking()


def test_a_healthy_store_is_found_so_but_for_files_that_are_not_there(world: World) -> None:
    (world.folder / "recordings").mkdir()

    async def story(store: Store) -> None:
        health = found(store)
        health.pop("disk")
        assert all(health.values())
        await world.a_request(store)
        assert not found(store)["recordings"]  # the test's call has a row, and never had a file

    world.run(story)


def test_a_lost_index_is_found_and_built_anew(world: World) -> None:
    async def story(store: Store) -> None:
        await world.a_request(store)
        if store._write_engine.dialect.name == "sqlite":
            empty = "INSERT INTO request_words (request_words) VALUES ('delete-all')"
        else:
            empty = "TRUNCATE request_words"
        await store.write(lambda writing: writing.session.execute(text(empty)))
        assert not found(store)["search"]
        await store.rebuild_index()
        assert found(store)["search"]

    world.run(story)


def test_what_is_no_copy_is_refused_and_changes_nothing(world: World, tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        await world.a_request(store)

    world.run(story)
    for content in (b"", b"hello", b"SQLite format 3\x00" + b"\xff" * 5000, b"PGDMP" + b"\x00" * 50):
        file = tmp_path / "other"
        file.write_bytes(content)
        store = world.new_store()
        with pytest.raises((ConfigError, OutsideError)):
            store.restore_blocking(file, replaces=True)
        store.close_blocking()
    assert len(numbers(world)) == 1
    with pytest.raises(ConfigError, match="no such file"):
        world.new_store().restore_blocking(tmp_path / "nothing")


def test_a_store_that_is_open_elsewhere_is_not_replaced(world: World, tmp_path: Path) -> None:
    store = world.new_store()
    if store._write_engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL's own locks look after this")
    store.backup_blocking(tmp_path / "copy")
    holder = dbapi2.connect(world.folder / "hotline.sqlite3")
    holder.execute("SELECT count(*) FROM events").fetchone()
    with pytest.raises(ConfigError, match="stop the product"):
        store.restore_blocking(tmp_path / "copy", replaces=True)
    holder.close()
