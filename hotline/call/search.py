"""Whom a bridge looks for, and why nobody answered."""

from __future__ import annotations

from hotline.call.destinations import Shown
from hotline.call.failures import BUSY, best_of, outcome_of
from hotline.call.messages import FindTargets, TargetsFound
from hotline.events.ids import CallId


class Search:
    """The searches of one bridge, one after another: only the last one's answer counts."""

    def __init__(self, call_id: CallId) -> None:
        self.ring_s = 0.0
        """How long whoever is found may ring."""
        self.is_found = False
        """Somebody was found, whatever became of him."""
        self._call_id = call_id
        self._tag = 0
        self._failures: list[int] = []

    def begin(
        self, to: tuple[str, ...], shown: Shown, ring_s: float, *, acting: str, only_idle: bool, alone: bool
    ) -> FindTargets:
        """Look for these.

        :param alone: ask their telephones to answer without a hand on them.
        """
        self.ring_s = ring_s
        self.is_found = False
        self._failures.clear()
        self._tag += 1
        return FindTargets(self._call_id, self._tag, to, shown, acting, only_idle, alone)

    def is_answer(self, event: TargetsFound) -> bool:
        """Tell whether this is what the last search found."""
        return event.tag == self._tag

    def failed(self, status: int) -> None:
        """Note why one of those who were found, or the search itself, failed."""
        self._failures.append(status)

    @property
    def status(self) -> int:
        """The failure that tells most."""
        return best_of(self._failures)

    @property
    def outcome(self) -> str:
        """Why nobody answered, as a flow hears of it."""
        status = self.status
        return outcome_of(status) if self.is_found or status in BUSY else "failed"
