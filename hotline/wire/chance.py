"""Chance for tags, branches, nonces and call ids: random octets, fetched from the kernel many at a time.

A call needs some five tokens, and each system call for twelve octets costs as much as a header to parse.
The octets are as good, and each is handed out once.
"""

from __future__ import annotations

import os
from typing import Final

POOL_BYTES: Final = 3072
"""What one system call brings: 256 tokens. Linux gives out less than 256 octets at once under all
circumstances, and more of them without waiting as soon as it has booted (getrandom(2))."""


class Chance:
    """Hands out random octets in hex. Not for several threads, nor across a fork."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool, self._at = "", 0

    def hex(self, octets: int) -> str:
        """Give so many random octets, at most ``POOL_BYTES``, as text of twice the length."""
        start, end = self._at, self._at + 2 * octets
        if end > len(self._pool):
            self._pool, start, end = os.urandom(POOL_BYTES).hex(), 0, 2 * octets
        self._at = end
        return self._pool[start:end]
