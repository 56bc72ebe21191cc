"""A recognition process seen from the service: started, asked, given up on, killed.

Coroutines of the one asyncio loop; asyncio starts the process and watches it (in 3.11 by a thread, from
3.12 by a pidfd), so Twisted's own SIGCHLD handling and this never wait for the same child.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog

from hotline.errors import ConfigError, OutsideError
from hotline.speech.protocol import (
    LONGEST_LINE_BYTES,
    Heard,
    Message,
    NotHeard,
    Question,
    Ready,
    SetupFailed,
    read_line,
    write_line,
)

START_S: Final = 120.0
"""Longest that loading may take: 2 s measured, a busy machine with a cold disk needs more."""
GOODBYE_S: Final = 2.0
"""How long an idle process may take to leave."""
_ENVIRONMENT: Final = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}

log = structlog.get_logger()


class RecogniserLostError(OutsideError):
    """The process crashed, or had to be killed, while it was wanted."""


class RecognitionProcess:
    """One recognition process.

    :param command: program and arguments; speaks hotline.speech.protocol on its standard streams.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._process: asyncio.subprocess.Process | None = None
        self._complaints: asyncio.Task[None] | None = None
        self.model = ""

    @property
    def pid(self) -> int | None:
        """Its process id; None when it does not run."""
        return self._process.pid if self._process is not None else None

    @property
    def is_running(self) -> bool:
        """Whether it can be asked."""
        return self._process is not None and self._process.returncode is None

    async def start(self, *, longest_s: float = START_S) -> None:
        """Start it and wait until its model is loaded.

        :raises ConfigError: when it says that it will never work here; names the remedy.
        :raises RecogniserLostError: when it died or took too long.
        """
        await self.kill()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LONGEST_LINE_BYTES,
                start_new_session=True,  # an interrupt at the terminal is for the product alone
                env={**os.environ, **_ENVIRONMENT},
            )
        except OSError as error:
            raise RecogniserLostError(f"the recogniser cannot be started: {error}") from error
        self._complaints = asyncio.create_task(_log_complaints(self._process))
        message = await self._receive(longest_s)
        if isinstance(message, SetupFailed):
            await self.kill()
            raise ConfigError(message.reason)
        if not isinstance(message, Ready):
            await self.kill()
            raise RecogniserLostError("the recogniser answered before it was ready")
        self.model = message.model

    async def ask(self, question: Question, *, longest_s: float) -> Heard | NotHeard:
        """Have a recording written down.

        :raises RecogniserLostError: when it crashed or took longer than ``longest_s``; it is killed then.
        """
        process = self._process
        if process is None or process.stdin is None or not self.is_running:
            raise RecogniserLostError("the recogniser is not running")
        try:
            process.stdin.write(write_line(question))
            await process.stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            await self.kill()
            raise RecogniserLostError(f"the recogniser is gone: {error}") from error
        message = await self._receive(longest_s)
        if not isinstance(message, Heard | NotHeard) or message.id != question.id:
            await self.kill()
            raise RecogniserLostError("the recogniser answered another question")
        return message

    async def _receive(self, longest_s: float) -> Message:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(longest_s):
                line = await process.stdout.readline()
        except TimeoutError:
            await self.kill()
            raise RecogniserLostError(f"the recogniser gave no answer within {longest_s:.0f} s") from None
        except BaseException:
            # Cancelled, or a line without end: the answer that is still to come must not be
            # taken for that of the next question.
            await self.kill()
            raise
        if not line:
            with suppress(TimeoutError):  # its own status tells more than that of our kill
                async with asyncio.timeout(GOODBYE_S):
                    await process.wait()
            await self.kill()
            raise RecogniserLostError(f"the recogniser died (status {process.returncode})")
        return read_line(line)

    async def stop(self) -> None:
        """Let it leave, and see to it that it does."""
        process = self._process
        if process is not None and process.stdin is not None and self.is_running:
            process.stdin.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await process.wait()
        await self.kill()

    async def kill(self) -> None:
        """End it now; does nothing when it is not running."""
        process, self._process = self._process, None
        complaints, self._complaints = self._complaints, None
        if process is not None:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            await process.wait()
        if complaints is not None:
            complaints.cancel()
            with suppress(asyncio.CancelledError):
                await complaints


async def _log_complaints(process: asyncio.subprocess.Process) -> None:
    """Log what the process prints as errors; reading it also keeps the process from blocking."""
    assert process.stderr is not None
    with suppress(ValueError):  # a line without end
        while line := await process.stderr.readline():
            log.info("recogniser.says", pid=process.pid, text=line.decode(errors="replace").rstrip()[:500])
