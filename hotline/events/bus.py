"""The bus wakes listeners when the event table has grown; it carries nothing that must not be lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Listener = Callable[[int], None]
"""Called with the newest position; must return at once and must not raise."""


class Bus(Protocol):
    """Tells listeners that events up to a position can be read."""

    def publish(self, position: int) -> None:
        """Wake all listeners: everything up to ``position`` is committed."""
        ...

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Add a listener; the returned function takes it away again."""
        ...


class LocalBus:
    """The bus of a single process: plain calls on the thread of the event loop."""

    def __init__(self) -> None:
        self.position = 0
        self._listeners: list[Listener] = []

    def publish(self, position: int) -> None:
        """Wake all listeners, newest position wins; an older one than before is ignored."""
        if position <= self.position:
            return
        self.position = position
        for listener in tuple(self._listeners):
            listener(position)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Add a listener; the returned function takes it away again and may be called twice."""
        self._listeners.append(listener)

        def cancel() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return cancel
