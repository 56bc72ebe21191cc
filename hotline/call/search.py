"""Whom a bridge looks for, and why nobody answered.

What is looked for first may lead further: to another trunk where one could not carry the call, and to
another telephone of the house where one sends its call there (3xx). Both come to an end: a trunk and a
user is tried once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from hotline.call.destinations import Destination, Shown
from hotline.call.failures import BUSY, best_of, outcome_of
from hotline.call.messages import FindTargets, TargetsFound
from hotline.events.ids import CallId

MOST_LINES: Final = 4
"""Trunks that one call tries: who dialled waits."""
MOST_FORWARDS: Final = 5
"""Telephones that others may send one call to."""


class Search:
    """The searches of one bridge."""

    def __init__(self, call_id: CallId, first_tag: int = 0) -> None:
        self.ring_s = 0.0
        """How long whoever is found may ring."""
        self.is_found = False
        """Somebody was found, whatever became of him."""
        self._call_id = call_id
        self._tag = first_tag
        self._awaited: set[int] = set()
        self._wish: FindTargets | None = None
        self._lines: tuple[str, ...] = ()
        self._tried: set[str] = set()
        self._forwards: list[str] = []
        self._failures: list[int] = []
        self._reason = ""

    def begin(
        self, to: tuple[str, ...], shown: Shown, ring_s: float, *, acting: str, only_idle: bool, alone: bool
    ) -> FindTargets:
        """Look for these, and for nobody else any more.

        :param alone: ask their telephones to answer without a hand on them.
        """
        self.ring_s, self.is_found = ring_s, False
        self._lines, self._reason = (), ""
        self._tried, self._forwards, self._failures = set(), [], []
        self.stop()
        self._wish = FindTargets(self._call_id, 0, to, shown, acting, only_idle, alone)
        return self._ask(self._wish)

    def stop(self) -> None:
        """Look for nobody any more."""
        self._awaited.clear()

    @property
    def is_on(self) -> bool:
        """True while somebody is looked for."""
        return bool(self._awaited)

    def takes(self, event: TargetsFound) -> bool:
        """Tell whether this is what was looked for; each answer counts once."""
        if event.tag not in self._awaited:
            return False
        self._awaited.discard(event.tag)
        return True

    def new_ones(self, found: Sequence[Destination]) -> list[Destination]:
        """Give those who were not called yet, or not over this trunk, and note that they are."""
        new = [one for one in found if one.line or one.peer not in self._tried]
        self._tried.update(one.peer for one in new)
        return new

    # -- further ----------------------------------------------------------------------------------------

    def may_forward(self, user: str) -> bool:
        """Note that a telephone sends its call to a user, and tell whether it may (RFC 3261, 8.1.3.4)."""
        if user in self._tried or user in self._forwards or len(self._forwards) >= MOST_FORWARDS:
            return False
        self._forwards.append(user)
        return True

    def forward(self) -> FindTargets:
        """Look for the user noted last; nobody acts for a telephone that sends its call on."""
        assert self._wish is not None
        return self._ask(replace(self._wish, to=(self._forwards[-1],), acting="", but=()))

    def may_go_on(self, line: str) -> bool:
        """Note a trunk that could not carry the call, and tell whether another one may be tried."""
        if not line or line in self._lines:
            return False
        self._lines += (line,)
        return len(self._lines) < MOST_LINES

    def go_on(self) -> FindTargets:
        """Look for the same ones over another trunk."""
        assert self._wish is not None
        return self._ask(replace(self._wish, but=self._lines))

    def _ask(self, wish: FindTargets) -> FindTargets:
        self._tag += 1
        self._awaited.add(self._tag)
        return replace(wish, tag=self._tag)

    # -- why not ----------------------------------------------------------------------------------------

    def nobody(self, status: int, reason: str) -> None:
        """Note that nobody was found; where others failed before, what they said tells more."""
        if not self._failures:
            self._failures.append(status)
            self._reason = reason

    def failed(self, status: int) -> None:
        """Note why one of those who were called failed."""
        self._failures.append(status)

    @property
    def status(self) -> int:
        """The failure that tells most."""
        return best_of(self._failures)

    @property
    def why(self) -> str:
        """The same for the path of the call."""
        return f"{self.status}, {self._reason}" if self._reason else str(self.status)

    @property
    def outcome(self) -> str:
        """Why nobody answered, as a flow hears of it."""
        status = self.status
        return outcome_of(status) if self.is_found or status in BUSY else "failed"
