"""One timer per machine: a delayed call that moves to wherever the machine wants it next.

Moving costs more than ringing in vain, and most timers are moved later and never fire: a call that is
wanted later than it stands stays where it is, and moves itself when it comes.
"""

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
        self._stands_at = 0.0

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
            if self._call is not None:
                self._call.cancel()
                self._call = None
        elif self._call is None:
            self._start(due)
        elif due < self._stands_at:
            self._stands_at = due
            self._call.reset(max(0.0, due - self._clock.seconds()))

    def _start(self, due: float) -> None:
        self._stands_at = due
        self._call = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._fire)

    def _fire(self) -> None:
        self._call = None
        if self._due is None:
            return
        if self._due > self._clock.seconds():
            self._start(self._due)
            return
        self._due = None  # forgotten first, so that setting the same time again works
        self._ring()
