"""The look that comes again and again."""

from __future__ import annotations

import asyncio

import pytest

from hotline.errors import OutsideError
from hotline.store.hotspot_watch import HotspotWatch


class Looked:
    """A store that fails as it is told, and says when it was asked often enough."""

    def __init__(self, *faults: Exception | None) -> None:
        self.faults = list(faults)
        self.done = asyncio.Event()

    async def look_for_hotspots(self) -> int:
        fault = self.faults.pop(0) if self.faults else None
        if not self.faults:
            self.done.set()
        if fault is not None:
            raise fault
        return 1


@pytest.mark.parametrize("fault", [OutsideError("the disk is full"), RuntimeError("a bug")])
def test_look_that_fails_is_followed_by_another(fault: Exception) -> None:
    async def story() -> None:
        store = Looked(fault, None)
        watch = HotspotWatch(store, every_s=0)
        watch.start()
        await asyncio.wait_for(store.done.wait(), 30)
        await watch.stop()
        await watch.stop()

    asyncio.run(story())
