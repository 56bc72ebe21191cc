"""How late SIP is with what came, told to the overload control, and to the log when that begins to refuse.

A datagram tells how long it waited in its socket. What comes over connections does not, but it waits as long
as the loop is late: while connections stand, that is measured by a beat.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from hotline.sip.overload import Overload, Waits
from hotline.wire.alarm import Alarm
from hotline.wire.reactor import Clock

log = structlog.get_logger("hotline.sip")

OVERLOADED: Final = (
    "new work is refused in part (503); if this comes often, give the product a core of its own, or share "
    "the line among several machines"
)
BEAT_S: Final = 0.025
"""Between two measures of the loop: ten in the time after which the share of refusals is set."""


class Lateness:
    """Measures for one overload control.

    :param shed: tells how many requests were refused so far, for the log.
    """

    def __init__(self, clock: Clock, overload: Overload, shed: Callable[[], int]) -> None:
        self._clock, self._overload, self._shed = clock, overload, shed
        self._beat = Alarm(clock, self._measure_loop)
        self._beat_due = 0.0
        self._is_overloaded = False
        self._is_stopped = False

    def watch_loop(self, *, is_on: bool) -> None:
        """Measure how late the loop is from now on, or no more."""
        if is_on and self._beat.due is None and not self._is_stopped:
            self._beat_due = self._clock.seconds() + BEAT_S
            self._beat.set(self._beat_due)
        elif not is_on:
            self._beat.set(None)

    def measure(self, waited_s: float, kind: Waits, source: str = "") -> None:
        """Take how long something waited.

        :param source: whose it was, where that is known.
        """
        overload = self._overload
        overload.measure(waited_s, self._clock.seconds(), kind, source)
        if overload.is_on is not self._is_overloaded:
            self._is_overloaded = overload.is_on
            if self._is_overloaded:
                log.warning("sip.overloaded", wait_ms=round(1000 * overload.wait_s), remedy=OVERLOADED)
            else:
                log.info("sip.overload_ended", shed=self._shed())

    def stop(self) -> None:
        """Measure no more."""
        self._is_stopped = True
        self._beat.set(None)

    def _measure_loop(self) -> None:
        now = self._clock.seconds()
        self.measure(max(0.0, now - self._beat_due), Waits.LOOP)
        self._beat_due = now + BEAT_S
        self._beat.set(self._beat_due)
