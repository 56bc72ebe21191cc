# ruff: noqa: N802, N803, ANN401 - Twisted's names, and its calls that carry anything
"""The one reactor, on a clock that nobody can set.

Twisted's reactors take ``time.time`` for their timers: an administrator's or NTP's step of one
hour back then stops every retransmission and every voice frame for an hour. So the reactor is
installed here, before anything else imports it, and its clock is the monotonic one.

This is also the only module that reads the wall clock (``wall_now``).
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from typing import Any, Protocol


class Delayed(Protocol):
    """A call that is due later: the part of Twisted's IDelayedCall we use."""

    def cancel(self) -> None:
        """Take the call back."""
        ...

    def active(self) -> bool:
        """Tell whether it is still due."""
        ...

    def reset(self, secondsFromNow: float) -> None:
        """Move it to so many seconds from now."""
        ...


class Clock(Protocol):
    """The part of Twisted's IReactorTime we use; ``task.Clock`` fits too."""

    def seconds(self) -> float:
        """Monotonic seconds with any origin."""
        ...

    def callLater(self, delay: float, call: Any, *args: Any, **kw: Any) -> Delayed:
        """Call something later."""
        ...


class Loop(Clock, Protocol):
    """The part of Twisted's reactor that a program's outermost layer uses."""

    running: bool

    def run(self, installSignalHandlers: bool = True) -> None:
        """Serve until stopped."""
        ...

    def stop(self) -> None:
        """Stop serving."""
        ...

    def callWhenRunning(self, call: Any, *args: Any, **kw: Any) -> Any:
        """Call as soon as it serves."""
        ...


def install_reactor() -> Any:
    """Install the asyncio reactor with a monotonic clock and return it.

    Calling it again returns the same reactor. Raises RuntimeError when another part of the process
    has installed a reactor before, because its timers would follow the wall clock.
    """
    from twisted.internet import asyncioreactor

    if "twisted.internet.reactor" not in sys.modules:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        asyncioreactor.install(loop)  # type: ignore[no-untyped-call]
    from twisted.internet import reactor

    if not isinstance(reactor, asyncioreactor.AsyncioSelectorReactor):
        raise RuntimeError(
            f"a {type(reactor).__name__} was installed before ours; import hotline.wire.reactor first"
        )
    reactor.seconds = time.monotonic  # type: ignore[method-assign, misc]
    return reactor


def wall_now() -> datetime:
    """Tell the time of day, with zone; for stamps only, never for timers."""
    return datetime.now(UTC)  # noqa: TID251 - the one place that asks
