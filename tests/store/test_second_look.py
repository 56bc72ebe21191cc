"""A request that could not be written is opened as soon as the store takes it, without a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text
from store_world import World

from hotline.errors import OutsideError
from hotline.events.ids import RecordingId
from hotline.intake.ports import RequestDraft
from hotline.intake.recovery import RecoveryReport
from hotline.store import Store
from hotline.store.second_look import SecondLook, tell

NOISE = np.random.default_rng(7).integers(0, 256, 32_000, dtype=np.uint8).tobytes()
"""Four seconds of loud A-law, which the detector takes for speech."""


async def soon(is_so: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(10):
        while not (found := await is_so()):
            await asyncio.sleep(0.01)
    return found


async def opened(store: Store) -> list[str]:
    return [str(e.request_number) for e in await store.events_after(0) if e.kind == "request.opened"]


def test_a_request_given_up_while_the_store_was_full_is_opened_when_there_is_room(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        recording = world.a_recording(call.call_id)
        file = store.recordings_dir / recording.path
        file.parent.mkdir(parents=True)
        file.write_bytes(NOISE)
        look = SecondLook(store, every_s=600, soon_s=0.02)
        look.start()
        journal = look.watching(store)
        await journal.open_call(call)

        def pages(most: int) -> Any:
            return lambda writing: writing.session.execute(text(f"PRAGMA max_page_count = {most}")).scalar()

        await store.write(pages(1))

        async def fill() -> None:
            for n in range(400):  # until the free room of the last pages is used up
                other = world.a_recording(call.call_id, n + 2)
                await journal.open_request(RequestDraft(other, "zh", for_agent=False, at=world.clock()))

        with pytest.raises(OutsideError, match="disk is full"):
            await fill()
        before = await opened(store)
        await asyncio.sleep(0.1)  # looks while it is full, and while the call is not closed, change nothing
        assert await opened(store) == before

        await store.write(pages(1_000_000))
        await journal.close_call(call.call_id, world.clock(), "hung_up", ())
        (number,) = await soon(lambda: new_ones(store, before))
        page = await store.request_page(None, number)
        assert page is not None
        assert [one.recording_id for one in page.recordings] == [RecordingId(f"{call.call_id}-1")]
        await look.stop()

    async def new_ones(store: Store, before: list[str]) -> list[str]:
        return [number for number in await opened(store) if number not in before]

    world.run(story)


def test_a_call_that_ended_without_its_file_is_looked_after_soon(world: World) -> None:
    async def story(store: Store) -> None:
        call = world.a_call()
        file = store.recordings_dir / "2026-11-23" / f"{call.call_id}-1.alaw.part"
        file.parent.mkdir(parents=True)
        file.write_bytes(NOISE)
        look = SecondLook(store, every_s=600, soon_s=0.02)
        look.start()
        journal = look.watching(store)
        await journal.open_call(call)
        world.clock.now = datetime.fromtimestamp(file.stat().st_mtime, UTC) + timedelta(minutes=1)
        await journal.close_call(
            call.call_id, world.clock(), "fault", ("main", f"!no file: {call.call_id}-1")
        )
        assert await soon(lambda: opened(store))
        await look.stop()

    world.run(story)


def test_a_look_that_fails_is_followed_by_another() -> None:
    class Remains:
        looks = 0

        async def found_recordings(self) -> Any:
            self.looks += 1
            if self.looks == 1:
                raise OutsideError("the store is held")
            if self.looks == 2:
                raise ZeroDivisionError
            return (), ()

    async def story() -> None:
        remains = Remains()
        look = SecondLook(remains, every_s=0.01)  # type: ignore[arg-type]
        look.start()
        look.start()

        async def looked_thrice() -> bool:
            return remains.looks >= 3

        await soon(looked_thrice)
        await look.stop()
        await look.stop()

    asyncio.run(story())


def test_a_file_that_is_left_alone_is_named_once() -> None:
    told: set[str] = set()
    report = RecoveryReport((), 0, 0, 0, ("2026-11-23/x: no name of a recording",))
    tell(report, told)
    tell(report, told)
    assert told == {"2026-11-23/x: no name of a recording"}
