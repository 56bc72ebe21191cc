"""Who is due next among many machines: a heap whose old entries are thrown away when they surface."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

SLACK: Final = 64
"""Old entries that may lie in the heap, beside as many as there are live ones, before it is rebuilt."""


def earliest(*times: float | None) -> float | None:
    """Give the first of some due times; None when there is none."""
    first = None
    for due in times:
        if due is not None and (first is None or due < first):
            first = due
    return first


class Agenda(Generic[K]):
    """One due time per key; setting, taking away and asking for the earliest are all cheap."""

    def __init__(self) -> None:
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._due)

    def put(self, key: K, due: float | None) -> None:
        """Set when a key is due; None: never."""
        if due is None:
            self._due.pop(key, None)
            return
        if self._due.get(key) == due:
            return
        self._due[key] = due
        self._count += 1  # orders equal times by arrival, and keeps the heap from comparing keys
        heapq.heappush(self._heap, (due, self._count, key))
        if len(self._heap) > 2 * len(self._due) + SLACK:
            self._heap = [
                (when, count, name) for when, count, name in self._heap if self._due.get(name) == when
            ]
            heapq.heapify(self._heap)

    def next_due(self) -> float | None:
        """Tell the earliest due time; None when nothing is due ever."""
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) == due:
                return due
            heapq.heappop(self._heap)
        return None

    def take_due(self, now: float) -> K | None:
        """Take the key that has been due longest; None when none is due yet."""
        due = self.next_due()
        if due is None or due > now:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._due[key]
        return key
