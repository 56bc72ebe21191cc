"""The queues behind SIP as overload control sees them: notes for the store, commands for the media plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MANY_NOTES: Final = 100
"""Notes for the store that count as a queue: some 50 calls. With fewer the store may be held or broken, but
calls are not too many, and each has its own way out (an apology, docs/store.md)."""
STORE_USUAL_S: Final = 0.3
"""How long notes wait by intent, commit included: so that several share one."""
MANY_COMMANDS: Final = 200
"""Messages for the media plane that count as a queue; those of one turn of the loop wait for its end."""
PLANE_USUAL_S: Final = 0.02
"""How long many may wait for the plane: a few of its steps."""


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
    """The plane's messages. They have no age of their own: it is the time since there were few.

    :param count: tells how much waits.
    """

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count
        self._since: float | None = None

    def wait_s(self, now: float) -> float:
        """Tell for how long many have waited whenever this was asked."""
        if self._count() < MANY_COMMANDS:
            self._since = None
            return 0.0
        if self._since is None:
            self._since = now
        return now - self._since
