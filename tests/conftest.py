"""What holds for every test: the order in which files run, patience on a busy machine, and Ctrl-C."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

HERE: Final = Path(__file__).parent
SECONDS: Final = HERE / "seconds.txt"
"""How long the long files took, one a line: seconds and file. Files that are not named are quick."""

# A time limit for each example tells how busy the machine is, not whether the code is right.
settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("house")


def pytest_configure() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what goes on in the background so, and every program that a test starts inherits it.
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
