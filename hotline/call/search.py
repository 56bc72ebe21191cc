"""Whom a bridge looks for, and why nobody answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hotline.call.destinations import Shown
from hotline.call.failures import BUSY, best_of, outcome_of
from hotline.call.messages import FindTargets, TargetsFound
from hotline.events.ids import CallId

MOST_LINES: Final = 4
"""Trunks that one call tries: who dialled waits."""


class Search:
    """The searches of one bridge, one after another: only the last one's answer counts."""

    def __init__(self, call_id: CallId) -> None:
        self.ring_s = 0.0
        """How long whoever is found may ring."""
        self.is_found = False
        """Somebody was found, whatever became of him."""
        self._call_id = call_id
        self._wish: FindTargets | None = None
        self._lines: tuple[str, ...] = ()
        self._failures: list[int] = []
        self._reason = ""

    def begin(
        self, to: tuple[str, ...], shown: Shown, ring_s: float, *, acting: str, only_idle: bool, alone: bool
    ) -> FindTargets:
        """Look for these.

        :param alone: ask their telephones to answer without a hand on them.
        """
        self.ring_s = ring_s
        self.is_found = False
        self._failures.clear()
        self._lines, self._reason = (), ""
        self._wish = FindTargets(self._call_id, self._next_tag(), to, shown, acting, only_idle, alone)
        return self._wish

    def is_answer(self, event: TargetsFound) -> bool:
        """Tell whether this is what the last search found."""
        return self._wish is not None and event.tag == self._wish.tag

    def nobody(self, status: int, reason: str) -> None:
        """Note that nobody was found; of a trunk beside those that failed, what they said tells more."""
        if not self._failures:
            self._failures.append(status)
            self._reason = reason

    def may_go_on(self, line: str) -> bool:
        """Note a trunk that could not carry the call, and tell whether another one may be tried."""
        if not line or line in self._lines:
            return False
        self._lines += (line,)
        return len(self._lines) < MOST_LINES

    def go_on(self) -> FindTargets:
        """Look for the same ones over another trunk."""
        assert self._wish is not None
        self._wish = replace(self._wish, tag=self._next_tag(), but=self._lines)
        return self._wish

    def failed(self, status: int) -> None:
        """Note why one of those who were found, or the search itself, failed."""
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

    def _next_tag(self) -> int:
        return self._wish.tag + 1 if self._wish is not None else 1
