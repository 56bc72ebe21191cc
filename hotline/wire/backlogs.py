"""The queues behind SIP as overload control sees them: notes for the store, commands for the media plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MANY_NOTES: Final = 100
"""Notes for the store that count as a queue: some 50 calls. With fewer the store may be held or broken, but
calls are not too many, and each has its own way out (an apology, docs/store.md)."""
STORE_USUAL_S: Final = 0.3
"""How long notes wait by intent, commit included: so that several share one."""
PLANE_USUAL_S: Final = 0.02
"""How long commands may wait for the plane: one of its steps, and a turn of the kernel's."""


class NotesWaiting:
    """The store's lane.

    :param depth: tells how many notes are not written yet.
    :param age_s: tells how long the oldest of them has waited.
    """

    def __init__(self, depth: Callable[[], int], age_s: Callable[[], float]) -> None:
        self._depth, self._age_s = depth, age_s

    def wait_s(self, _now: float) -> float:
        """Tell how long the oldest note has waited, where many wait."""
        return self._age_s() if self._depth() >= MANY_NOTES else 0.0


class CommandsWaiting:
    """What is counted, but has no age of its own: it is as old as the time since none waited.

    :param count: tells how much waits.
    """

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count
        self._since: float | None = None

    def wait_s(self, now: float) -> float:
        """Tell for how long something has waited whenever this was asked."""
        if not self._count():
            self._since = None
            return 0.0
        if self._since is None:
            self._since = now
        return now - self._since
