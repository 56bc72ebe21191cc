"""Telephones on desks, told what to do by a test."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from examples.product import ROOT
from tests.interop.office_phone import level_of
from tests.interop.site import PHONE_PYTHON, read_wav

BARESIP = [sys.executable, "-m", "tests.interop.office_phone"]
PJSIP = [str(PHONE_PYTHON), str(ROOT / "tests" / "interop" / "pjsua_office_phone.py")]
TONES = {"2001": 400.0, "1001": 700.0, "1002": 1100.0, "1003": 1500.0}
"""What each telephone sends; 2001 is the resident's."""
MUSIC_HZ, RINGING_HZ = 250.0, 450.0


class Phone:
    """A telephone program, told and asked by the test."""

    def __init__(
        self, server: str, user: str, password: str, *words: str, program: list[str] = BARESIP
    ) -> None:
        self.user = user
        self.told: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [
                *program, "--server", server, "--user", user, "--password", password,
                "--tone", str(TONES[user]), *words,
            ],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._news: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.wait("registered")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for row in self._process.stdout:
            if row.startswith("{"):
                self._news.put(json.loads(row))

    def do(self, *words: object, waits: bool = True) -> None:
        """Give a command, and wait until it is done."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        if waits:
            self.wait("done", command=[str(word) for word in words])

    def wait(self, event: str, within_s: float = 20.0, **facts: object) -> dict[str, Any]:
        """Wait until it tells something; what was told before counts once."""
        until = time.monotonic() + within_s
        while True:
            for one in self.told:
                if one["event"] == event and all(one.get(key) == value for key, value in facts.items()):
                    self.told.remove(one)
                    return one
            left = until - time.monotonic()
            try:
                self.told.append(self._news.get(timeout=max(left, 0.01)))
            except queue.Empty:
                raise AssertionError(f"{self.user} told no {event!r} {facts}; it told {self.told}") from None
            assert not (event != "failed" and self.told[-1]["event"] == "failed"), self.told[-1]

    def hears(self, call: int, hz: float, within_s: float = 8.0) -> None:
        """Wait until a tone, and nothing else, is heard on a call."""
        until = time.monotonic() + within_s
        while True:
            self.do("hear", call, 0.6)
            heard = self.wait("heard", call=call)
            if "file" in heard:
                heard |= level_of(read_wav(Path(heard["file"])))
            if hz == 0 and heard["rms"] < 50:
                return
            if hz and heard["purity"] > 0.9 and abs(heard["hz"] - hz) < 8 and heard["rms"] > 500:
                return
            assert time.monotonic() < until, f"{self.user} hears {heard} on {call}, not {hz} Hz"

    def hears_all(self, call: int, *users: str, within_s: float = 12.0) -> None:
        """Wait until the tones of these telephones, and of no others, are heard together on a call."""
        until = time.monotonic() + within_s
        while True:
            self.do("tones", call, 0.6, *TONES.values())
            told = self.wait("tones", call=call)["heard"]
            heard = {user for user, hz in TONES.items() if told[str(hz)] > 1500}
            silent = {user for user, hz in TONES.items() if told[str(hz)] < 400}
            if heard == set(users) and heard | silent == set(TONES):
                return
            assert time.monotonic() < until, f"{self.user} hears {told} on {call}, not {users}"

    def close(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("quit\n")
            self._process.stdin.close()
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()


def a_tone(hz: float, seconds: float) -> np.ndarray:
    return 8000 * np.sin(2 * np.pi * hz * np.arange(int(8000 * seconds)) / 8000)
