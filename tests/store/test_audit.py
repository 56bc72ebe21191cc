"""Whoever touches the ledger, a request or a recording behind the product's back is found at the place."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from sqlalchemy import text
from store_walk import Walk
from store_world import World

from hotline.store.chain import read_head_blocking
from hotline.tickets.ledger import digest


@pytest.fixture
def walk(world: World) -> Walk:
    """Some requests in the middle of their lives, and one recording whose file is there."""
    walk = Walk(world)
    walk.open_office()
    rng = Random(4)
    for _ in range(3):
        walk.call(rng)
        for _ in range(15):
            walk.act(rng)
    assert walk.store.audit_blocking().fault is None
    return walk


def change(walk: Walk, *statements: str, table: str = "ledger") -> None:
    """Do what the product never does: take the triggers away, and change rows."""
    with walk.store._write_engine.begin() as connection:
        if table == "ledger":
            for verb in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS ledger_no_{verb}"))
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("statement", "seq", "reason"),
    [
        (
            "UPDATE ledger SET body = replace(body, 'system', 'nobody') WHERE seq = 2",
            2,
            "not what was hashed",
        ),
        ("UPDATE ledger SET at = '2020-01-01T00:00:00+00:00' WHERE seq = 5", 5, "not what was hashed"),
        ("DELETE FROM ledger WHERE seq = 4", 4, "missing, added or out of place"),
        ("UPDATE ledger SET number = '261123000026' WHERE seq = 2", 2, "filed under another request"),
    ],
)
def test_a_row_that_was_touched_is_named(walk: Walk, statement: str, seq: int, reason: str) -> None:
    change(walk, statement)
    fault = walk.store.audit_blocking().fault
    assert fault is not None
    assert fault.seq == seq
    assert reason in fault.reason


def test_rows_cut_off_the_end_show_against_the_head_outside(walk: Walk) -> None:
    last = walk.store.audit_blocking()
    change(walk, f"DELETE FROM ledger WHERE seq = {last.rows}")
    fault = walk.store.audit_blocking().fault
    assert fault is not None
    assert (fault.seq, "is missing" in fault.reason) == (last.rows, True)
    assert read_head_blocking(walk.store.head_file) == (last.rows, last.head)


def test_work_that_goes_on_does_not_hide_rows_that_were_cut_off(walk: Walk) -> None:
    last = walk.store.audit_blocking()
    change(walk, f"DELETE FROM ledger WHERE seq > {last.rows - 3}")
    for with_restart in (False, True):
        if with_restart:
            walk.restart()
        for _ in range(4):
            walk.call(Random(5))  # each opens a request: a row of the ledger
        assert read_head_blocking(walk.store.head_file) == (last.rows, last.head)
        fault = walk.store.audit_blocking().fault
        assert fault is not None
    walk.store.head_file.unlink()  # a person knows why, and begins anew
    walk.call(Random(6))
    kept = read_head_blocking(walk.store.head_file)
    assert kept is not None
    assert kept[0] > last.rows


def test_a_head_that_another_process_kept_is_followed(walk: Walk) -> None:
    first = walk.store
    walk.store = walk.world.new_store()
    walk.restart()
    walk.call(Random(5))
    newest = read_head_blocking(walk.store.head_file)
    assert newest is not None
    rows = walk.store.audit_blocking().rows
    assert newest[0] == rows
    first._keep_blocking((rows - 2, "0" * 64), (rows - 1, "0" * 64))  # comes late with the row before
    assert read_head_blocking(walk.store.head_file) == newest
    walk.store.head_file.write_text("", encoding="ascii")  # a plug was pulled: nothing that can be read
    walk.call(Random(6))
    assert read_head_blocking(walk.store.head_file) == (rows + 2, walk.store.audit_blocking().head)
    first.close_blocking()


def test_a_chain_that_was_hashed_anew_shows_against_the_head_outside(walk: Walk) -> None:
    audit = walk.store.audit_blocking()

    def rehash(connection) -> None:
        row = connection.execute(text(f"SELECT * FROM ledger WHERE seq = {audit.rows}")).mappings().one()
        at = "2030-01-01T00:00:00+00:00"
        made = digest(row["seq"], row["kind"], at, row["body"], row["prev_hash"])
        connection.execute(text(f"UPDATE ledger SET at = '{at}', hash = '{made}' WHERE seq = {audit.rows}"))

    change(walk)
    with walk.store._write_engine.begin() as connection:
        rehash(connection)
    fault = walk.store.audit_blocking().fault
    assert fault is not None
    assert fault.seq == audit.rows
    walk.store.head_file.unlink()  # and against a hash that a person wrote down
    assert walk.store.audit_blocking().fault is None
    assert walk.store.audit_blocking(head=audit.head).fault is not None


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE service_requests SET state = 'closed' WHERE number = '{n}'", "stored otherwise"),
        ("UPDATE service_requests SET life = replace(life, '\"urges\":', '\"urges\":1') WHERE number = '{n}'",
         "urges"),
        ("UPDATE recordings SET sha256 = '" + "1" * 64 + "'", "another digest"),
    ],
)  # fmt: skip
def test_a_request_or_recording_that_was_touched_is_named(walk: Walk, statement: str, reason: str) -> None:
    change(walk, statement.replace("{n}", walk.numbers[0]), table="other")
    fault = walk.store.audit_blocking().fault
    assert fault is not None
    assert reason in fault.reason


def a_file(world: World, content: bytes) -> Callable[[object], object]:
    async def story(store) -> str:
        call = world.a_call()
        await store.open_call(call)
        recording = world.a_recording(call.call_id, sha256=hashlib.sha256(content).hexdigest())
        path = store.recordings_dir / recording.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return await store.open_request(replace(world.a_draft(call.call_id), recording=recording))

    return story


def test_a_recording_that_was_changed_or_taken_away_is_named(world: World) -> None:
    world.run(a_file(world, b"what she said"))
    store = world.new_store()
    (path,) = store.recordings_dir.glob("*/*.alaw")
    assert store.audit_blocking(with_files=True).recordings == 1
    path.write_bytes(b"what she did not say")
    fault = store.audit_blocking(with_files=True).fault
    assert fault is not None
    assert (fault.seq, "not what was recorded" in fault.reason) == (1, True)
    path.unlink()
    assert "is gone" in store.audit_blocking(with_files=True).fault.reason
    assert store.audit_blocking().fault is None  # nobody asked for the files
    store.close_blocking()


def test_the_ledger_cannot_be_changed_by_the_product_itself(walk: Walk) -> None:
    for statement in ("UPDATE ledger SET kind = 'x'", "DELETE FROM ledger"):
        with pytest.raises(Exception, match="append-only"):
            change(walk, statement, table="other")
