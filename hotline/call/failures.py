"""Why nobody answered: which of several failures is told, and how a flow and the other side hear of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from hotline.call.statuses import UNAVAILABLE

BUSY: Final = frozenset({486, 600, 603})
"""Statuses that say: he is there, and does not want to."""
UNANSWERED: Final = frozenset({408, 480, 487})
OF_THE_LINE: Final = frozenset({401, 407, 408, *range(500, 600)})
"""Statuses that speak of the trunk and not of the person, as long as nobody's telephone rang: it said
nothing, it is full or out of order, or it does not take our secret. Another trunk may carry the call."""
_MOST_TELLING: Final = (408, *sorted(BUSY), 480)


def best_of(failures: Collection[int]) -> int:
    """Choose the failure that tells most: what persons did or left undone, then the rest.

    :param failures: final statuses; none: 503.
    """
    for told in _MOST_TELLING:
        if told in failures:
            return told
    return min(failures, default=UNAVAILABLE)


def outcome_of(status: int) -> str:
    """Name the outcome of a call that nobody answered."""
    return "busy" if status in BUSY else "no_answer" if status in UNANSWERED else "failed"


def relayed(status: int) -> int:
    """Turn the final status of one side into what the other one is told.

    A challenge or a redirection of the far side is none of the near side's business.
    """
    if status < 400 or status in (401, 407):
        return UNAVAILABLE
    return status
