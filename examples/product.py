"""The product as a process of its own, on free ports and in a folder of its own.

The demo and the tests that dial, click or pull the plug start it here, exactly as a site starts
`hotline serve`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from examples.ports import free_port, free_port_range

__all__ = ["PORTS", "ROOT", "Product", "free_port", "free_port_range"]

ROOT = Path(__file__).parent.parent
START_S = 60.0
"""A cold machine under load starts the product in a few seconds; this is when we give up."""
PORTS = 128
"""RTP and RTCP of 64 legs, so of 32 calls that come in."""

STORE = "hotline.sqlite3"
_STORES: dict[str, bytes] = {}
"""A store with an administrator, by his password."""


class Product:
    """A running `hotline serve`."""

    def __init__(self, folder: Path, **settings: object) -> None:
        """Prepare a site in ``folder``; ``settings`` as ``sip__port=5070``."""
        self.folder, self.data_dir = folder, folder / "var"
        low, high = free_port_range(PORTS)
        self._settings: dict[str, object] = {
            "site__data_dir": self.data_dir,
            "sip__listen_ip": "127.0.0.1",
            "sip__port": 0,
            "media__port_low": low,
            "media__port_high": high,
            "console__port": 0,
            "mail__sender": "96156@hotline.example",
        } | settings
        self.is_verbose = False
        """Log every event and command of every call as well."""
        self.sip_port = 0
        self.console_url = ""
        self.log: list[dict[str, Any]] = []
        self.process: subprocess.Popen[str] | None = None
        self._ready = threading.Event()
        self._grown = threading.Condition()

    @property
    def environment(self) -> dict[str, str]:
        """The environment that carries the settings of this site."""
        return os.environ | {f"HOTLINE__{name.upper()}": str(value) for name, value in self._settings.items()}

    def set(self, **settings: object) -> None:
        """Change settings before the next start."""
        self._settings |= settings

    def command(self, *words: str) -> list[str]:
        """The command line of a `hotline` command for this site."""
        return [sys.executable, "-m", "hotline", *words]

    def run(self, *words: str, text_in: str = "") -> str:
        """Run a short `hotline` command for this site and return what it printed."""
        done = subprocess.run(
            self.command(*words),
            env=self.environment,
            cwd=ROOT,
            input=text_in,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode:
            raise RuntimeError(f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def appoint(self, password: str = "long-enough-for-a-test") -> None:
        """Give a new site its store and its administrator, ``boss``.

        By command the first time; later sites of this process begin with a copy of that store.
        """
        made = _STORES.get(password)
        if made is None:
            self.run("user", "add", "boss", "--role", "admin", text_in=password + "\n")
            _STORES[password] = (self.data_dir / STORE).read_bytes()
        else:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            (self.data_dir / STORE).write_bytes(made)

    def add_phone(self, user: str, *words: str) -> str:
        """Make an account for a telephone, by command; returns its password.

        A product that runs looks for new accounts every two seconds; one that starts knows them.
        """
        said = self.run("phone", "add", user, *words)
        return next(line.split()[1] for line in said.splitlines() if line.startswith("password: "))

    def start(self) -> None:
        """Start and wait until calls are taken."""
        self._ready.clear()
        self.process = subprocess.Popen(
            self.command("serve", "--log", "json", *(["--verbose"] if self.is_verbose else [])),
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        began = time.monotonic()
        while not self._ready.wait(0.05):
            if self.process.poll() is not None or time.monotonic() - began > START_S:
                raise RuntimeError("the product did not start:\n" + "\n".join(map(str, self.log[-20:])))

    def stop(self) -> int:
        """Ask it to stop, wait until it has, return its exit code."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(45)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Pull the plug: kill -9 of everything it started."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def wait_for(
        self, event: str, *, within_s: float = 30.0, after: int = 0, **facts: object
    ) -> dict[str, Any]:
        """Wait for a line of the log with this event and these facts."""
        until = time.monotonic() + within_s
        with self._grown:
            while True:
                for line in self.log[after:]:
                    if line.get("event") == event and all(line.get(k) == v for k, v in facts.items()):
                        return line
                left = until - time.monotonic()
                if left <= 0:
                    tail = "\n".join(map(str, self.log[-25:]))
                    raise AssertionError(f"no {event!r} {facts} within {within_s} s; the log ends:\n{tail}")
                self._grown.wait(left)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for row in process.stderr:
            try:
                line = json.loads(row)
            except ValueError:
                line = {"event": "text", "text": row.rstrip()}
            if line.get("event") == "serve.ready":
                self.sip_port, self.console_url = line["sip_port"], line["console"]
                self._ready.set()
            with self._grown:
                self.log.append(line)
                self._grown.notify_all()


@contextlib.contextmanager
def running(folder: Path, **settings: object) -> Iterator[Product]:
    """Start the product for the length of a test."""
    product = Product(folder, **settings)
    product.start()
    try:
        yield product
    finally:
        product.stop()
