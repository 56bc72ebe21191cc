"""One coroutine that goes on beside the others, from its start to its stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine


class Background:
    """Starts a coroutine at most once, and ends it.

    :param run: the coroutine; it ends when it is cancelled.
    :param name: of its task, for whoever looks at a running product.
    """

    def __init__(self, run: Callable[[], Coroutine[object, object, None]], name: str) -> None:
        self._run, self._name = run, name
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; needs a running event loop. A second call does nothing."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End it and wait until it has ended; harmless when never started."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
