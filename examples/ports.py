"""Ports that nobody else takes, though several tests and products look for them at the same time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import tempfile
from collections import deque
from pathlib import Path
from typing import IO, Final

FIRST, LAST = 20_000, 32_000
"""Above the ports that telephones take for their voice (baresip and pyVoIP: 10,000 to 20,000), and below
those that Linux gives to clients."""
MIDDLE: Final = 26_000
"""Ranges of more than ``MOST_SMALL`` ports lie above it, so that the many small ones leave room for them."""
MOST_SMALL: Final = 1024
BLOCK: Final = 64
"""Ports that are reserved together."""
RANGES: Final = 6
"""How many of its ranges a process keeps reserved; products that run longer hold their ports themselves."""

_reserved: deque[list[IO[bytes]]] = deque()


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """Find a loopback port that nobody has at the moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_port_range(count: int) -> tuple[int, int]:
    """Find an even UDP port with ``count`` free ones above it, and reserve them for a while.

    A product opens its ports seconds after they were found, and again after it was killed: until then they
    are free for everybody. Whoever looks for ports here leaves reserved ones alone, until this process ends
    or has found ``RANGES`` others.

    :raises RuntimeError: when there is no such range.
    """
    blocks = -(-count // BLOCK)
    while len(_reserved) >= RANGES:
        for lock in _reserved.popleft():
            lock.close()
    area = (FIRST, MIDDLE) if count <= MOST_SMALL else (MIDDLE, LAST)
    places = list(range(area[0], area[1] - blocks * BLOCK, BLOCK))
    random.shuffle(places)
    for first in places:
        with contextlib.ExitStack() as stack:
            locks = [
                stack.enter_context(lock)
                for at in range(first, first + blocks * BLOCK, BLOCK)
                if (lock := _lock(at)) is not None
            ]
            if len(locks) < blocks or not _are_free(first, count):
                continue
            stack.pop_all()
            _reserved.append(locks)
            return first, first + count - 1
    raise RuntimeError("no free range of UDP ports")


def _lock(first: int) -> IO[bytes] | None:
    """Reserve one block; None when another process, or this one, has it."""
    folder = Path(tempfile.gettempdir()) / f"hotline-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    lock = (folder / str(first)).open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def _are_free(first: int, count: int) -> bool:
    with contextlib.ExitStack() as stack:
        try:
            for port in range(first, first + count):
                probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
