"""A transfer as who asked for it sees it: one REFER, and how it goes (RFC 3515, 2.4.5)."""

from __future__ import annotations

from hotline.call.messages import ReportTransfer
from hotline.call.statuses import OK
from hotline.events.ids import CallId


class Referral:
    """The transfer in progress, one at a time."""

    def __init__(self) -> None:
        self.target = ""
        """User or number that the other side is to reach."""
        self._asked_by: CallId | None = None
        """The leg that asked; it hears of the end even when it is gone from the talk."""

    def begin(self, asked_by: CallId) -> None:
        """Note who asked."""
        self._asked_by = asked_by

    def report(self, status: int) -> list[ReportTransfer]:
        """Tell him how it goes; a final status is the last that is told."""
        if self._asked_by is None:
            return []
        told = [ReportTransfer(self._asked_by, status)]
        if status >= OK:
            self._asked_by = None
        return told
