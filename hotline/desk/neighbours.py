"""What stands beside a request: others like it, and places where too many call about the same.

Both only show: merging is a person's move, and so is whatever is done about a hotspot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from hotline.desk.policy import Action, demand, may, scope
from hotline.desk.views import Actor, RequestLine
from hotline.tickets.masking import mask
from hotline.tickets.number import read_number

SHOWN_HOTSPOTS: Final = 5


@dataclass(frozen=True, slots=True)
class SimilarRequest:
    """A request that may be about the same matter."""

    line: RequestLine
    score: float
    """0 to 1."""
    reason: str
    """In Chinese."""


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A place where more people call about a kind than chance explains."""

    where: str
    """Name of the place, community or street."""
    kind_code: str
    kind_label: str
    callers: int
    hours: float
    """Of the window in which they called."""
    expected: float
    """Callers that the weeks before let expect in it."""
    numbers: Sequence[str]
    """Of their requests."""
    raised_at: datetime


class NeighbourStore(Protocol):
    """The store, as seen from here."""

    async def similar_requests(self, unit: str | None, number: str) -> Sequence[SimilarRequest]:
        """Find the requests most like one; ``unit``: only what this unit has part in, None for all."""
        ...

    async def hotspots(self, *, limit: int) -> Sequence[Hotspot]:
        """List the hotspots of now, the newest first."""
        ...


class Neighbours:
    """Similar requests and hotspots for persons."""

    def __init__(self, store: NeighbourStore) -> None:
        self._store = store

    async def similar(self, actor: Actor, number: str) -> Sequence[SimilarRequest]:
        """Find the three requests most like one that this person may see; callers masked."""
        demand(actor, Action.SEE)
        known = read_number(number)
        if known is None:
            return ()
        found = await self._store.similar_requests(scope(actor), known)
        return [replace(one, line=replace(one.line, caller=mask(one.line.caller))) for one in found]

    async def hotspots(self, actor: Actor) -> Sequence[Hotspot]:
        """List the hotspots of now, for whoever sees all requests; none for a unit's people."""
        if not may(actor, Action.SEE) or scope(actor) is not None:
            return ()
        return await self._store.hotspots(limit=SHOWN_HOTSPOTS)
