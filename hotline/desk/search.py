"""Searching at a desk: who may look for what, and how a page of it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from hotline.desk.policy import Action, demand, may, scope
from hotline.desk.views import Actor, RequestLine
from hotline.errors import Refused
from hotline.search.asked import Asked, narrowed, read_box, read_day
from hotline.tickets.masking import mask
from hotline.tickets.number import read_number
from hotline.tickets.request_moves import RequestState

PAGE: Final = 50
LONGEST_CODE: Final = 64


class SearchStore(Protocol):
    """The store, as searching sees it."""

    async def search(self, unit: str | None, asked: Asked, *, limit: int) -> Sequence[RequestLine]:
        """Find requests, newest first; ``unit``: only what this unit has part in, None for all."""
        ...


@dataclass(frozen=True, slots=True)
class Form:
    """What a person typed and chose, as text."""

    box: str = ""
    """Words, a request number or a telephone number."""
    state: str = ""
    unit: str = ""
    kind: str = ""
    region: str = ""
    first_day: str = ""
    """As ``2026-11-24``."""
    last_day: str = ""
    before: str = ""
    """Number that the last page ended with."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was found."""

    lines: Sequence[RequestLine]
    """Newest first, callers masked."""
    more: str
    """Number to go on from; empty when this is all."""


class Searches:
    """Searching for persons.

    :param area_code: of the site, without 0: completes telephone numbers that are typed without one.
    """

    def __init__(self, store: SearchStore, *, area_code: str = "10") -> None:
        self._store, self._area_code = store, area_code

    def read(self, actor: Actor, form: Form) -> Asked:
        """Read a form.

        :raises Refused: ``input`` for what cannot be looked for; ``role`` for a telephone number at a
            handling unit, where it would tell who an anonymous caller is.
        """
        demand(actor, Action.SEE)
        asked = read_box(form.box, area_code=self._area_code)
        if asked.phone and not may(actor, Action.PLAY):
            raise Refused(f"{actor.role} may not look for telephone numbers", code="role")
        if form.state and form.state not in set(RequestState):
            raise Refused(f"there is no state {form.state[:40]!r}", code="input")
        before = read_number(form.before)
        if form.before and before is None:
            raise Refused(f"{form.before[:40]!r} is no request number to go on from", code="input")
        asked = replace(
            asked,
            state=form.state,
            unit=_code(form.unit),
            kind=_code(form.kind),
            region=_code(form.region),
            before=before or "",
        )
        return narrowed(
            asked, read_day(form.first_day, "the first day"), read_day(form.last_day, "the last day")
        )

    async def find(self, actor: Actor, form: Form, *, limit: int = PAGE) -> Found:
        """Find requests that this person may see, newest first.

        :raises Refused: as ``read``.
        """
        asked = self.read(actor, form)
        limit = min(max(limit, 1), PAGE)
        lines = await self._store.search(scope(actor), asked, limit=limit + 1)
        shown = [replace(line, caller=mask(line.caller)) for line in lines[:limit]]
        return Found(shown, shown[-1].number if len(lines) > limit else "")


def _code(text: str) -> str:
    code = text.strip()
    if len(code) > LONGEST_CODE or not all(c.isascii() and (c.isalnum() or c == "-") for c in code):
        raise Refused(f"{code[:40]!r} is no code", code="input")
    return code
