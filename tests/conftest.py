"""What holds for every test: the order in which files run, patience on a busy machine, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

HERE: Final = Path(__file__).parent
TELL_EVERY_S: Final = 30.0
SECONDS: Final = HERE / "seconds.txt"
"""How long the long files took, one a line: seconds and file. Files that are not named are quick."""

# A time limit for each example tells how busy the machine is, not whether the code is right.
settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    # What the tests start keeps what it compiles, whatever the shell says: it is started hundreds of times.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    is_worker = hasattr(config, "workerinput")
    if os.environ.get("CI") and not is_worker:
        config.pluginmanager.register(Progress(config))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what goes on in the background so, and every program that a test starts inherits it.
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Progress:
    """Says every half a minute how far a run without a terminal is, and at once what failed."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._began = self._told = time.monotonic()
        self._done: set[str] = set()
        self._failed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            self._done.add(report.nodeid)
        now = time.monotonic()
        if report.failed:
            self._failed += 1
            self._say(f"failed: {report.nodeid} ({report.when})")
        elif now - self._told >= TELL_EVERY_S:
            self._told = now
            said = f"{now - self._began:.0f} s: {len(self._done)} tests done, {self._failed} failed"
            self._say(f"{said}, last {report.nodeid}")

    def _say(self, words: str) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.write_line(f"\n{words}", flush=True)


def long_files() -> dict[Path, float]:
    """Read how long the long files take."""
    rows = [line.split() for line in SECONDS.read_text().splitlines() if line and not line.startswith("#")]
    return {HERE / name: float(seconds) for seconds, name in rows}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first, so that no worker begins one when the others are done.

    Files are handed out in this order (``--dist loadfile --no-loadscope-reorder``); within one all stays.
    """
    seconds = long_files()
    items.sort(key=lambda item: -seconds.get(item.path, 0.0))
