"""The console's HTTP server on the loop that runs already: the product has one loop for everything."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from fastapi import FastAPI

from hotline.errors import ConfigError

START_S: Final = 10.0
STOP_S: Final = 1
"""Seconds that requests get to finish when the server stops; event streams are ended before."""


class _Server(uvicorn.Server):
    """A server that leaves the signals to the program and tells when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal; uvicorn would take SIGINT away from the reactor."""
        yield


class RunningConsole:
    """A console that answers."""

    def __init__(
        self, app: FastAPI, server: uvicorn.Server, task: asyncio.Task[None], host: str, port: int
    ) -> None:
        self._app, self._server, self._task = app, server, task
        self.host, self.port = host, port

    async def stop(self) -> None:
        """End the event streams, let the other requests finish for a second, close the port."""
        self._app.state.console.streams.close()
        self._server.should_exit = True
        await self._task


async def serve(app: FastAPI, host: str, port: int) -> RunningConsole:
    """Start answering on an address.

    :param port: 0 takes a free one; see the result's ``port``.
    :raises ConfigError: when the address is not ours or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"the console cannot listen on {host} port {port}: {error.strerror or error}. "
            "Stop the program that has the port, or set [console] port (0 takes a free one) and listen_ip."
        ) from error
    config = uvicorn.Config(
        app,
        loop="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_S,
    )
    server = _Server(config)
    task = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]), name="console")
    async with asyncio.timeout(START_S):
        await server.ready.wait()
    return RunningConsole(app, server, task, host, listener.getsockname()[1])
