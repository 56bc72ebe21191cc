"""Ports for products in tests: even, free, and nobody else's for a while."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from examples import ports
from examples.ports import FIRST, LAST, MIDDLE, free_port_range

ROOT = Path(__file__).parent.parent
OTHER = "from examples.ports import free_port_range; print(*(free_port_range(128)[0] for _ in range(3)))"


def test_ranges_are_even_free_and_within_bounds() -> None:
    low, high = free_port_range(100)
    assert (low % 2, high - low + 1) == (0, 100)
    assert FIRST <= low < high < MIDDLE
    low, high = free_port_range(ports.MOST_SMALL + 1)
    assert MIDDLE <= low < high < LAST
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", high))


def test_nobody_gets_ports_that_another_one_was_given() -> None:
    ours = [free_port_range(128)[0] for _ in range(3)]
    done = subprocess.run(
        [sys.executable, "-c", OTHER], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    found = sorted(ours + [int(word) for word in done.stdout.split()])
    assert len(found) == 6
    assert all(after - before >= 128 for before, after in pairwise(found))


def test_a_long_run_of_tests_gives_back_what_it_found_first() -> None:
    for _ in range(2 * (MIDDLE - FIRST) // 128):
        free_port_range(128)


def test_a_range_with_a_taken_port_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    low, _ = free_port_range(3 * ports.BLOCK)
    monkeypatch.setattr(ports, "_lock", lambda _first: io.BytesIO())
    monkeypatch.setattr(ports, "FIRST", low)
    monkeypatch.setattr(ports, "MIDDLE", low + 3 * ports.BLOCK)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", low + 7))
        assert free_port_range(ports.BLOCK)[0] == low + ports.BLOCK
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second:
            second.bind(("127.0.0.1", low + ports.BLOCK))
            with pytest.raises(RuntimeError, match="no free range"):
                free_port_range(ports.BLOCK)
