"""The other side of the control socket: for commands, blocking, without a loop."""

# ruff: noqa: ANN401 - JSON carries anything
from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from hotline.errors import OutsideError
from hotline.sip.glimpse import SeenMessage, without_secrets

PROTOCOL: Final = 1
"""Version of what the two sides say; another one is refused with a clear word."""
SOCKET_NAME: Final = "control.sock"
TIMEOUT_S: Final = 10.0
"""For an answer: the product answers between two calls."""
MAX_PATH_BYTES: Final = 107
"""Longest path of a unix socket (unix(7)), without its closing zero."""


class NotRunning(OutsideError):  # noqa: N818 - a state, told as an error
    """No product runs on this data folder."""


@contextlib.contextmanager
def reachable_path(data_dir: Path) -> Iterator[str]:
    """Name the socket in at most as many octets as the kernel takes, however deep the folder lies."""
    path = str(data_dir / SOCKET_NAME)
    if len(os.fsencode(path)) <= MAX_PATH_BYTES:
        yield path
        return
    folder = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET_NAME}"
    finally:
        os.close(folder)


class ControlClient:
    """One conversation with the running product; use it in a ``with`` statement.

    :param data_dir: the data folder of the site.
    :raises NotRunning: when nothing runs there.
    :raises OutsideError: when something runs that cannot be spoken with; says what and the remedy.
    """

    def __init__(self, data_dir: Path, timeout_s: float = TIMEOUT_S) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        place = data_dir / SOCKET_NAME
        try:
            try:
                with reachable_path(data_dir) as path:
                    self._socket.connect(path)
            except (FileNotFoundError, ConnectionRefusedError) as error:
                raise NotRunning(
                    f"hotline is not running with the data folder {data_dir}; start it with `hotline serve`, "
                    "or name its settings file with --config"
                ) from error
            except PermissionError as error:
                raise OutsideError(
                    f"{place} may be used only by the user whom hotline runs as; run the command as that user"
                ) from error
            except OSError as error:
                raise OutsideError(f"{place} cannot be opened: {error.strerror or error}") from error
            self._lines = self._socket.makefile("rb")
            self.about: dict[str, Any] = self._read()
        except BaseException:
            self._socket.close()
            raise
        fault = str(self.about.get("error", ""))
        if self.about.get("hotline") != PROTOCOL:
            fault = (
                "the running hotline is of another version than this command; restart it, or use the "
                "command it was started with"
            )
        if fault:
            self.close()
            raise OutsideError(fault)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()

    def ask(self, word: str, **details: Any) -> Any:
        """Ask one question.

        :raises OutsideError: with the product's own words when it cannot answer.
        """
        self._write({"do": word, **details})
        line = self._read()
        if "error" in line:
            raise OutsideError(str(line["error"]))
        return line["answer"]

    def watch(self, word: str, **details: Any) -> Iterator[dict[str, Any]]:
        """Look on: yields each line, with ``item`` or with ``lost`` in it, until the product stops.

        :raises OutsideError: with the product's own words when it cannot do that.
        """
        self._write({"do": word, **details})
        self._socket.settimeout(None)
        while line := self._lines.readline():
            told = json.loads(line)
            if "error" in told:
                raise OutsideError(str(told["error"]))
            yield told

    def _write(self, line: dict[str, Any]) -> None:
        try:
            self._socket.sendall(json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise OutsideError("hotline stopped before it could be asked") from error

    def _read(self) -> dict[str, Any]:
        try:
            line = self._lines.readline()
        except TimeoutError as error:
            raise OutsideError(
                "hotline runs but does not answer; its log, or `top`, tells what keeps it busy"
            ) from error
        except OSError as error:
            raise OutsideError(f"hotline stopped before it answered: {error.strerror or error}") from error
        if not line:
            raise OutsideError("hotline stopped before it answered")
        read: dict[str, Any] = json.loads(line)
        return read


def as_json(seen: SeenMessage) -> dict[str, Any]:
    """Write a message as JSON can carry it, without the secrets of its sender."""
    return {
        "at": seen.at,
        "sent": seen.is_sent,
        "transport": seen.transport,
        "local": list(seen.local),
        "remote": list(seen.remote),
        "data": without_secrets(seen.data).decode("utf-8", "surrogateescape"),
    }


def from_json(item: Mapping[str, Any]) -> SeenMessage:
    """Read what ``as_json`` wrote."""
    return SeenMessage(
        at=item["at"],
        is_sent=item["sent"],
        transport=item["transport"],
        local=(item["local"][0], item["local"][1]),
        remote=(item["remote"][0], item["remote"][1]),
        data=item["data"].encode("utf-8", "surrogateescape"),
    )
