"""Lines for the log about others' doings, few enough that nobody can fill a disk with them.

The same thing of one source is told once in a while, with how often it happened since; and all sources
together have a bucket, because a network has more addresses than a disk has room.
"""

from __future__ import annotations

from typing import Final

from hotline.sip.rate import TokenBucket, source_key

EVERY_S: Final = 600.0
"""Between two lines about the same thing of one source."""
MOST: Final = 4096
"""Things that are remembered; the oldest is forgotten first."""
LINES_PER_S: Final = 1.0
LINES_BURST: Final = 60
"""Lines about everybody: as many at once, and so many a second in the long run."""


class Notes:
    """Decides which lines are written."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._noted: dict[tuple[str, str], tuple[float, int]] = {}
        self._lines = TokenBucket(LINES_PER_S, LINES_BURST)

    def note(self, kind: str, source: str, now: float) -> int | None:
        """Ask for a line.

        :param source: numeric address; a network of IPv6 is one source.
        :returns: None: write none; else how often it happened since the last line about it.
        """
        key = (kind, source_key(source))
        due, unsaid = self._noted.pop(key, (now, 0))
        if due > now or not self._lines.takes(now):
            self._remember(key, max(due, now), unsaid + 1)
            return None
        self._remember(key, now + self._every_s, 0)
        return unsaid

    def _remember(self, key: tuple[str, str], due: float, unsaid: int) -> None:
        if len(self._noted) >= MOST:
            del self._noted[next(iter(self._noted))]
        self._noted[key] = (due, unsaid)
