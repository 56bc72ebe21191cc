"""One timer per machine: a delayed call that moves to wherever the machine wants it next."""

from __future__ import annotations

from collections.abc import Callable

from hotline.wire.reactor import Clock, Delayed


class Alarm:
    """Keeps one ``callLater`` and moves it.

    :param ring: called when the time has come; it sets the alarm again.
    """

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock, self._ring = clock, ring
        self._due: float | None = None
        self._call: Delayed | None = None

    @property
    def due(self) -> float | None:
        """Tell when it will ring; None: never."""
        return self._due

    def set(self, due: float | None) -> None:
        """Ring at this time of the clock, at once if that is past; None: do not ring."""
        if due == self._due:
            return
        self._due = due
        if due is None:
            if self._call is not None and self._call.active():
                self._call.cancel()
            self._call = None
            return
        delay = max(0.0, due - self._clock.seconds())
        if self._call is not None and self._call.active():
            self._call.reset(delay)
        else:
            self._call = self._clock.callLater(delay, self._fire)

    def _fire(self) -> None:
        # Forgotten first, so that setting the same time again works.
        self._due = None
        self._call = None
        self._ring()
