"""The control socket: how the engineer's commands speak with the running product.

A unix socket in the data folder, for this user only. It speaks lines of JSON: the product greets with who
it is, then each question is answered by one line, or by a line for each thing that happens until the other
side hangs up. ``hotline.wire.control_client`` is the other side.

    ← {"hotline": 1, "pid": 4711, "state": "serving", ...}
    → {"do": "legs"}
    ← {"answer": [...]}
    → {"do": "trace", "ip": "192.0.2.7"}
    ← {"item": {...}}
    ← {"item": {...}}
"""

# ruff: noqa: ANN401 - JSON carries anything
from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

import structlog

from hotline.errors import ConfigError, HotlineError
from hotline.wire.control_client import (
    PROTOCOL,
    SOCKET_NAME,
    ControlClient,
    reachable_path,
)

log = structlog.get_logger("hotline.control")

Question = Mapping[str, Any]
Answer = Callable[[Question], Any]
"""Answers a question with what JSON can carry, or with an awaitable of it."""
Send = Callable[[Any], None]
Stream = Callable[[Question, Send], Callable[[], None]]
"""Begins to tell what happens; what it returns ends that."""

LOCK_NAME: Final = "control.lock"
MAX_LINE_BYTES: Final = 64 * 1024
MAX_CLIENTS: Final = 16
"""Engineers and monitors that look at a time."""
MAX_UNSENT_BYTES: Final = 4 * 1024 * 1024
"""For an onlooker who reads slower than things happen; what comes meanwhile is lost to her, and counted."""


class ControlSocket:
    """The product's side.

    :param data_dir: the data folder; the socket and its lock lie there.
    :param about: adds to the greeting; asked each time.
    """

    def __init__(self, data_dir: Path, about: Callable[[], Mapping[str, Any]]) -> None:
        self.answers: dict[str, Answer] = {}
        """By the word of the question."""
        self.streams: dict[str, Stream] = {}
        self._data_dir, self._about = data_dir, about
        self._lock: IO[str] | None = None
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    @property
    def path(self) -> Path:
        """Tell where the socket lies."""
        return self._data_dir / SOCKET_NAME

    async def start(self) -> None:
        """Open the socket.

        :raises ConfigError: when a product runs on this data folder already, or the folder cannot be used.
        """
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            self._lock = (self._data_dir / LOCK_NAME).open("a+")
        except OSError as error:
            raise ConfigError(
                f"the data folder {self._data_dir} cannot be used: {error.strerror}; set [site] data_dir to "
                "a folder on a local disk that this user may write"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            self._lock = None
            raise ConfigError(await asyncio.to_thread(self._who_runs_blocking)) from None
        self._server = await asyncio.start_unix_server(self._greet, sock=self._bound(), limit=MAX_LINE_BYTES)

    async def stop(self) -> None:
        """Close the socket; whoever looks is told by the end of her line."""
        if self._server is not None:
            self._server.close()
            for client in self._clients:
                client.cancel()
            if self._clients:
                await asyncio.wait(self._clients)
            with contextlib.suppress(OSError):
                self.path.unlink()
            self._server = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # -- inside -----------------------------------------------------------------------------------

    def _who_runs_blocking(self) -> str:
        who = ""
        with contextlib.suppress(HotlineError):
            with ControlClient(self._data_dir, timeout_s=2) as client:
                about = client.about
            who = f" (process {about.get('pid')}, since {about.get('since')})"
        return (
            f"hotline is running already with the data folder {self._data_dir}{who}: stop it first, or set "
            "[site] data_dir to another folder for this one"
        )

    def _bound(self) -> socket.socket:
        """Make the socket; nobody else can connect at any moment: it listens only when its mode is set."""
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()  # of a product that was killed: the lock says that none runs
            with reachable_path(self._data_dir) as path:
                bound.bind(path)
                Path(path).chmod(0o600)
        except OSError as error:
            bound.close()
            raise ConfigError(
                f"the control socket {self.path} cannot be made: {error.strerror or error}; set [site] "
                "data_dir to a folder on a local disk that this user may write"
            ) from error
        return bound

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            greeting = {"hotline": PROTOCOL, "pid": os.getpid(), **self._about()}
            if len(self._clients) > MAX_CLIENTS:
                refusal = f"{MAX_CLIENTS} others look at hotline already; end one of their commands first"
                _write(writer, {**greeting, "error": refusal})
                return
            _write(writer, greeting)
            await self._serve(reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # she hung up, wrote no lines, or the product stops
        finally:
            self._clients.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            try:
                question = json.loads(line)
                word = question.get("do")
            except (ValueError, AttributeError):
                _write(writer, {"error": "ask with a line of JSON: an object with the key 'do'"})
                continue
            try:
                if word in self.streams:
                    await self._stream(self.streams[word], question, reader, writer)
                    return
                if word not in self.answers:
                    known = ", ".join(sorted([*self.answers, *self.streams]))
                    _write(writer, {"error": f"nothing is known about {word!r}; ask for one of {known}"})
                    continue
                answer = self.answers[word](question)
                if asyncio.iscoroutine(answer) or isinstance(answer, asyncio.Future):
                    answer = await answer
                _write(writer, {"answer": answer})
            except HotlineError as error:
                _write(writer, {"error": str(error)})
            except (OSError, asyncio.CancelledError):
                raise
            except Exception:  # a bug in an answer must not look like a product that is gone
                log.exception("control.fault", question=word)
                _write(writer, {"error": "the product failed to answer; its log says more (control.fault)"})
            await writer.drain()

    async def _stream(
        self, stream: Stream, question: Question, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        lost = 0

        def send(item: Any) -> None:
            nonlocal lost
            if writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
                lost += 1
                return
            if lost:
                _write(writer, {"lost": lost})
                lost = 0
            _write(writer, {"item": item})

        end = stream(question, send)
        try:
            await reader.read()  # until she hangs up
        finally:
            end()


def _write(writer: asyncio.StreamWriter, line: Mapping[str, Any]) -> None:
    writer.write(json.dumps(line).encode() + b"\n")
