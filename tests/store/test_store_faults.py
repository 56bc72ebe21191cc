"""Killed processes, full disks, other processes: the promise holds."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from dying_child import SOUND
from sqlalchemy import text
from store_world import World

from hotline.errors import OutsideError
from hotline.events.outbox import TRANSCRIBE
from hotline.intake.recovery import recover
from hotline.store import Store
from hotline.store.tables import CallRow, DayCounterRow, RequestRow
from hotline.store.work import Writing


@pytest.mark.parametrize(
    ("point", "requests_opened", "is_told"),
    [
        ("answering", 0, False),
        ("speaking", 1, False),
        ("sealed", 1, False),
        ("inside", 1, False),
        ("committed", 1, False),
        ("told", 1, True),
    ],
)
def test_killed_process_loses_no_words_and_no_number(
    world: World, point: str, requests_opened: int, is_told: bool
) -> None:
    recordings = world.folder / "recordings"
    child = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("dying_child.py")), world.url, str(recordings), point],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    told = child.stdout.split()
    assert bool(told) is is_told

    async def restart(store: Store) -> None:
        for _ in range(2):  # the second start finds nothing left to do
            await recover(store)
        requests = await store.read(lambda session: session.query(RequestRow).all())
        calls = await store.read(lambda session: session.query(CallRow).all())
        counters = await store.read(lambda session: session.query(DayCounterRow).all())
        assert [call.cause for call in calls] == ["fault"]
        assert len(requests) == requests_opened
        assert sum(counter.last_count for counter in counters) == len(requests)
        if told:
            assert [request.number for request in requests] == told
        if requests_opened:
            recording = await store.recording(requests[0].recording_id)
            assert (recordings / recording.path).read_bytes() == SOUND
            assert len(await store.claim(TRANSCRIBE, limit=9, lease_s=9)) == 1

    world.run(restart)


async def requests_until_refused(world: World, store: Store) -> None:
    for _ in range(200):
        await world.a_request(store)


def test_full_disk_is_told_and_passes_by_itself(world: World) -> None:
    async def story(store: Store) -> None:
        await world.a_request(store)

        def limit(pages: int):
            # SQLite reports the same error for its own page limit as for a full disk.
            return lambda writing: writing.session.execute(text(f"PRAGMA max_page_count = {pages}")).scalar()

        full_at = await store.write(limit(1))
        with pytest.raises(OutsideError, match=r"disk is full .* make room"):
            await requests_until_refused(world, store)
        numbers = [line.number for line in await store.lines(None, state="", before="", limit=200)]
        assert await store.write(limit(1_000_000)) > full_at
        number = await world.a_request(store)
        assert number not in numbers
        assert int(number[6:11]) == len(numbers) + 1  # nothing was skipped, nothing used twice
        positions = [event.position for event in await store.events_after(0, limit=5_000)]
        assert positions == list(range(1, len(positions) + 1))

    world.run(story)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_really_full_disk_passes_by_itself(world: World) -> None:
    folder = world.folder / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine mounts no tmpfs")
    try:
        world.url = f"sqlite:///{folder / 'hotline.sqlite3'}"
        ballast = folder / "ballast"

        async def story(store: Store) -> None:
            first = await world.a_request(store)
            ballast.write_bytes(b"x" * (os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize))
            with pytest.raises(OutsideError, match="disk is full"):
                await requests_until_refused(world, store)
            count = len(await store.lines(None, state="", before="", limit=200))
            ballast.unlink()
            assert int((await world.a_request(store))[6:11]) == count + 1
            assert await store.request_status(first) is not None

        world.run(story)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_damage_after_an_unclean_end_is_found_before_anything_is_written(world: World) -> None:
    async def before(store: Store) -> None:
        for _ in range(30):
            await world.a_request(store)

    world.run(before)
    file = world.folder / "hotline.sqlite3"
    content = bytearray(file.read_bytes())
    content[-4096:] = b"\xff" * 4096
    file.write_bytes(content)

    async def recovered(store: Store) -> None:
        await recover(store)

    world.run(recovered)  # the last end was a clean one: nobody reads a large file for nothing
    (world.folder / "hotline.sqlite3-wal").write_bytes(b"left by a crash")
    with pytest.raises(OutsideError, match="restore the last backup") as error:
        world.run(recovered)
    assert error.value.permanent


def test_two_processes_share_numbers_and_positions_without_a_gap(world: World) -> None:
    async def story(store: Store) -> None:
        other = world.new_store()
        await other.start()
        try:
            numbers = await asyncio.gather(
                *(world.a_request(each) for _ in range(10) for each in (store, other))
            )
        finally:
            await other.stop()
        assert sorted(int(number[6:11]) for number in numbers) == list(range(1, 21))
        positions = [event.position for event in await store.events_after(0)]
        assert positions == list(range(1, 101))

    world.run(story)


def test_what_a_cancelled_coroutine_committed_is_told_all_the_same(world: World) -> None:
    async def story(store: Store) -> None:
        has_begun, may_end = threading.Event(), threading.Event()

        def slow(writing: Writing) -> None:
            writing.event("call.offered")
            has_begun.set()
            may_end.wait(10)

        asking = asyncio.ensure_future(store.write(slow))
        await asyncio.to_thread(has_begun.wait, 10)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        may_end.set()
        await store.write(lambda _writing: None)  # the writer thread has come past it
        assert world.positions == [1]

    world.run(story)


def test_store_that_is_not_open_says_so(world: World) -> None:
    store = world.new_store()

    async def story() -> None:
        for attempt in (store.newest_position(), store.answer_call("c", world.clock())):
            with pytest.raises(OutsideError, match="not open"):
                await attempt
        await store.stop()

    asyncio.run(story())


def test_stopping_finishes_what_was_handed_in(world: World) -> None:
    async def story(store: Store) -> None:
        asked = [asyncio.ensure_future(world.a_request(store)) for _ in range(5)]
        await asyncio.sleep(0)
        await asyncio.gather(*asked)
        call = world.a_call()
        last = asyncio.ensure_future(store.open_call(call))
        await asyncio.sleep(0)
        await store.stop()
        await last
        assert not (world.folder / "hotline.sqlite3-wal").exists()

    world.run(story)
