"""The product's end of one media plane: the process, and the socket pair to it. It knows no calls."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import hotline
from hotline.wire.media_messages import (
    LONGEST_MESSAGE,
    Configure,
    PlaneMessage,
    read_message,
    write_message,
)

STOP_WAIT_S: Final = 6.0
READ_AT_ONCE: Final = 500


class PlaneEnd:
    """One process at a time, and what is not sent to it yet.

    :param on_message: takes what it tells.
    :param on_end: called when it has ended: its end of the pair is closed, and all that it told is read.
    """

    def __init__(self, on_message: Callable[[PlaneMessage], None], on_end: Callable[[], None]) -> None:
        self._on_message, self._on_end = on_message, on_end
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._end: socket.socket | None = None
        self._unsent: deque[bytes] = deque()
        self._ended: asyncio.Future[None] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id; None while there is none."""
        return self._process.pid if self._process else None

    @property
    def backlog(self) -> int:
        """How many messages it has not taken yet."""
        return len(self._unsent)

    def start(self, configure: Configure) -> None:
        """Start a process, in place of one that has ended."""
        self._loop = asyncio.get_running_loop()
        if self._process is not None:
            self._loop.run_in_executor(None, _reap_blocking, self._process)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            ours.setblocking(False)
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "hotline.wire.media_process", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_environment(),
            )
        self._end = ours
        self._loop.add_reader(ours, self._read)
        self.write(configure)

    def kill(self) -> None:
        """End it at once; ``on_end`` follows."""
        if self._process is not None:
            self._process.kill()

    async def stop(self) -> None:
        """Let it seal what is open and end, and wait for that; what it tells meanwhile is still taken."""
        process = self._process
        if process is None or self._loop is None:
            return
        if self._end is not None:
            self._ended = self._loop.create_future()
            with contextlib.suppress(OSError):
                self._end.shutdown(socket.SHUT_WR)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended, STOP_WAIT_S)
        await self._loop.run_in_executor(None, _reap_blocking, process)
        self._close()
        self._process = None

    def write(self, message: PlaneMessage) -> None:
        """Send a message as soon as the socket takes it; lost when the process ends before."""
        self._unsent.append(write_message(message))
        if len(self._unsent) == 1 and not self._pump() and self._loop is not None and self._end is not None:
            self._loop.add_writer(self._end, self._pump_on)

    def _pump_on(self) -> None:
        """Go on when the socket takes more."""
        if self._pump() and self._loop is not None and self._end is not None:
            self._loop.remove_writer(self._end)

    def _pump(self) -> bool:
        """Send what waits; False when the socket is full before all is sent."""
        while self._unsent and self._end is not None:
            try:
                self._end.send(self._unsent[0])
            except BlockingIOError:
                return False
            except OSError:  # the plane is gone; the reader will see it and clean up
                self._unsent.clear()
                break
            self._unsent.popleft()
        return True

    def _read(self) -> None:
        for _ in range(READ_AT_ONCE):
            if self._end is None:
                return
            try:
                datagram = self._end.recv(LONGEST_MESSAGE)
            except BlockingIOError:
                return
            except OSError:
                datagram = b""
            if not datagram:
                self._close()
                if self._ended is not None and not self._ended.done():
                    self._ended.set_result(None)
                self._on_end()
                return
            self._on_message(read_message(datagram))

    def _close(self) -> None:
        if self._end is not None and self._loop is not None:
            self._loop.remove_reader(self._end)
            self._loop.remove_writer(self._end)
            self._end.close()
        self._end = None
        self._unsent.clear()


def _environment() -> dict[str, str]:
    """Give the plane the package that we are, from wherever we were started, and one thread of arithmetic."""
    root = str(Path(hotline.__file__).parents[1])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    return os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _reap_blocking(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a process whose stream has ended; kill it when it does not come."""
    try:
        process.wait(STOP_WAIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
