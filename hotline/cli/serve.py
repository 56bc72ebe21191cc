"""``hotline serve``: one life of the product."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any, Literal

import structlog
import typer

from hotline.cli.console import DEFAULT_CONFIG, MISTAKE, ConfigOption, complain, load_settings
from hotline.cli.log import set_up_logging
from hotline.errors import HotlineError
from hotline.wire.memory import settle_memory

if TYPE_CHECKING:  # the reactor must be installed before anything imports it
    from hotline.app import Hotline
    from hotline.wire.reactor import Loop


def serve(
    config: ConfigOption = DEFAULT_CONFIG,
    log: Annotated[
        Literal["text", "json"], typer.Option(help="How to log: text for a person, json for a machine.")
    ] = "text",
    verbose: Annotated[bool, typer.Option(help="Log every event and command of every call.")] = False,
) -> None:
    """Answer calls and serve the console until told to stop."""
    settings = load_settings(config)
    set_up_logging(log, verbose=verbose)
    from hotline.wire.reactor import install_reactor

    reactor = install_reactor()
    from hotline.app import Hotline

    sys.exit(_Serving(reactor, Hotline(settings, reactor)).run())


class _Serving:
    """One life of the product on the reactor: from its start to a signal or a failure."""

    def __init__(self, reactor: Loop, product: Hotline) -> None:
        self.code = 0
        self._reactor, self._product = reactor, product
        self._loop = asyncio.get_event_loop_policy().get_event_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self._starting: asyncio.Task[None] | None = None

    def run(self) -> int:
        """Run; returns the exit code."""
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(signal_number, self._on_signal)
        self._loop.add_signal_handler(signal.SIGHUP, self._product.reload)
        self._loop.add_signal_handler(signal.SIGUSR1, self._on_drain)
        self._reactor.callWhenRunning(lambda: self._spawn(self._begin(), "begin"))
        self._reactor.run(installSignalHandlers=False)
        return self.code

    async def _begin(self) -> None:
        self._starting = self._loop.create_task(self._product.start())
        try:
            await self._starting
            settle_memory()
        except asyncio.CancelledError:
            return  # told to stop while starting
        except HotlineError as error:
            complain(error)
            self.code = MISTAKE
            await self._end(drain=False)

    async def _end(self, *, drain: bool, is_patient: bool = False) -> None:
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()  # or it would go on starting what is being stopped
            await asyncio.wait([self._starting])
        await self._product.stop(drain=drain, is_patient=is_patient)
        if self._reactor.running:
            self._reactor.stop()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._loop.create_task(work, name=name)
        self._tasks.append(task)
        task.add_done_callback(self._look_at)

    def _look_at(self, task: asyncio.Task[None]) -> None:
        """A bug while starting or stopping must be seen, and must not leave half a product running."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        structlog.get_logger().error("serve.bug", exc_info=error)
        self.code = 1
        if task.get_name() != "end":
            self._spawn(self._end(drain=False), "end")
        elif self._reactor.running:
            self._reactor.stop()

    def _on_signal(self) -> None:
        self._spawn(self._end(drain=not self._is_ending()), "end")

    def _on_drain(self) -> None:
        if not self._is_ending():  # asked for twice, it still cuts nobody off
            self._spawn(self._end(drain=True, is_patient=True), "end")

    def _is_ending(self) -> bool:
        return any(task.get_name() == "end" for task in self._tasks)
