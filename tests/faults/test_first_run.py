"""The first run asks for an administrator in the terminal, until it has got a good one."""

from __future__ import annotations

import os
import pty
import select
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.product import ROOT, Product

ANSWER_S = 30.0


class Terminal:
    """A command on a terminal of its own, and the person who types."""

    def __init__(self, product: Product, *words: str) -> None:
        self.said = ""
        self._read_to = 0
        self._end, theirs = pty.openpty()
        self.process = subprocess.Popen(
            product.command(*words),
            env=product.environment | {"TERM": "dumb"},
            cwd=ROOT,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # makes it the controlling one
        )
        os.close(theirs)

    def reads(self, words: str) -> None:
        """Read until these words come after what was read before."""
        until = time.monotonic() + ANSWER_S
        while (found := self.said.find(words, self._read_to)) < 0:
            assert time.monotonic() < until, f"no {words!r} in:\n{self.said}"
            if not select.select([self._end], [], [], 0.2)[0]:
                continue
            try:
                octets = os.read(self._end, 4096)
            except OSError:  # the other side is closed
                octets = b""
            assert octets, f"it ended without {words!r}:\n{self.said}"
            self.said += octets.decode("utf-8", "replace")
        self._read_to = found + len(words)

    def types(self, words: str) -> None:
        os.write(self._end, f"{words}\n".encode())

    def presses(self, key: str) -> None:
        os.write(self._end, key.encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._end)


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return Product(tmp_path)


@pytest.fixture
def terminal(product: Product) -> Iterator[Terminal]:
    terminal = Terminal(product, "setup")
    yield terminal
    terminal.close()


def admins(product: Product) -> list[tuple[str, str]]:
    store = sqlite3.connect(f"file:{product.data_dir / 'hotline.sqlite3'}?mode=ro", uri=True)
    try:
        return store.execute("select user_name, display_name from users where role = 'admin'").fetchall()
    finally:
        store.close()


def test_an_administrator_is_asked_for_until_the_password_is_good(
    product: Product, terminal: Terminal
) -> None:
    for name, first, second, answer in (
        ("boss", "short", "short", "at least 10 characters"),
        ("boss", "boss-is-my-name", "boss-is-my-name", "must not contain the user name"),
        ("b!", "long-enough-for-a-test", "long-enough-for-a-test", "a user name has"),
    ):
        terminal.reads("User name: ")
        terminal.types(name)
        terminal.reads("Name shown to others")
        terminal.types("")
        terminal.reads("Password: ")
        terminal.types(first)
        terminal.reads("Once more: ")
        terminal.types(second)
        terminal.reads(answer)
    terminal.reads("User name: ")
    terminal.types("boss")
    terminal.reads("Name shown to others")
    terminal.types("王主任")
    terminal.reads("Password: ")
    terminal.types("long-enough-for-a-test")
    terminal.reads("Once more: ")
    terminal.types("long-enough-for-another")
    terminal.reads("The two differ.")
    terminal.reads("Password: ")
    terminal.types("long-enough-for-a-test")
    terminal.reads("Once more: ")
    terminal.types("long-enough-for-a-test")
    terminal.reads("set-up: boss is the administrator")
    assert terminal.process.wait(ANSWER_S) == 0
    assert "long-enough" not in terminal.said  # what is secret is not shown
    assert "Traceback" not in terminal.said
    assert admins(product) == [("boss", "王主任")]
    assert "ready" in product.run("setup")  # the second time nobody is asked


@pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\x04", 1)])  # Ctrl-C, Ctrl-D
def test_who_leaves_set_up_leaves_no_half_administrator(
    product: Product, terminal: Terminal, key: str, code: int
) -> None:
    terminal.reads("User name: ")
    terminal.types("boss")
    terminal.reads("Name shown to others")
    terminal.types("")
    terminal.reads("Password: ")
    terminal.presses(key)
    assert terminal.process.wait(ANSWER_S) == code
    assert "Traceback" not in terminal.said
    assert admins(product) == []
