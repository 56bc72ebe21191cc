"""What the ledger tells of each request, order, call and letter, as the formulas need it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from hotline.tickets.calendar import NOTHING
from hotline.tickets.limits import Clocks
from hotline.tickets.timers import Timer


class By(StrEnum):
    """What a figure is told for."""

    ALL = "all"
    STREET = "street"
    COMMUNITY = "community"
    UNIT = "unit"
    AGENT = "agent"


EVERYTHING: Final = "all"
"""The only group of ``By.ALL``."""


@dataclass(frozen=True, slots=True)
class Window:
    """A period, and the moment from which it is looked at."""

    start: datetime
    end: datetime
    """Not included."""
    until: datetime
    """What is known up to here counts; what is open here is open."""
    clocks: Clocks

    def holds(self, at: datetime | None) -> bool:
        """Tell whether a moment lies in the period."""
        return at is not None and self.start <= at < self.end and at <= self.until


@dataclass(slots=True)
class OrderFacts:
    """One dispatch to one unit."""

    unit: str
    is_lead: bool
    dispatched_at: datetime
    street: str = ""
    community: str = ""
    sign_timer: Timer | None = None
    signed_at: datetime | None = None
    is_signed_in_time: bool = False
    is_returned: bool = False
    """It was given back, and rightly."""

    def groups(self, by: By) -> str:
        """Name the group that it belongs to; empty for none."""
        return _group(by, self.street, self.community, self.unit, "")


@dataclass(slots=True)
class RequestFacts:
    """One request, from its draft to its end."""

    number: str
    opened_at: datetime
    priority: str = ""
    kind: str = ""
    street: str = ""
    community: str = ""
    person: str = ""
    """Who called, as a word that tells no more than whether two are the same; empty when unknown."""
    place: str = ""
    is_voice: bool = True
    is_draft_kept: bool | None = None
    """Kind and region of the draft were left as they were proposed; None: nothing was proposed."""
    agent: str = ""
    """Who accepted it."""
    state: str = ""
    is_open: bool = True
    is_orphan: bool = False
    accepted_at: datetime | None = None
    answered_at: datetime | None = None
    dispatched_at: datetime | None = None
    """For the first time."""
    contacted_at: datetime | None = None
    is_contacted_in_time: bool = False
    replied_at: datetime | None = None
    """For the last time."""
    due_at: datetime | None = None
    """When the handling limit was or will be reached, extensions included; None while the clock stands."""
    is_replied_in_time: bool = False
    handled_wall: timedelta = NOTHING
    """From dispatch to reply, without waiting for the caller and suspension; reworks are added."""
    handled_working: timedelta = NOTHING
    verified_at: datetime | None = None
    """When the first check on site was over."""
    is_verified_at_once: bool = False
    surveyed_at: datetime | None = None
    """When the last follow-up ended, with an answer or after all tries."""
    is_reached: bool = False
    is_solved: bool | None = None
    satisfaction: str = ""
    """``very``, ``satisfied``, ``basically``, ``no`` or empty."""
    outcome: str = ""
    closed_at: datetime | None = None
    """When it was closed or answered for the last time."""
    withdrawn_at: datetime | None = None
    reworks: int = 0
    extensions: int = 0
    bounces: int = 0
    is_suspended: bool = False
    unit: str = ""
    """That has or had the lead last."""
    orders: list[OrderFacts] = field(default_factory=list)

    def groups(self, by: By) -> str:
        """Name the group that it belongs to; empty for none."""
        return _group(by, self.street, self.community, self.unit, self.agent)


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call from outside."""

    offered_at: datetime
    queued_at: datetime | None = None
    agent_at: datetime | None = None
    """When an agent answered."""
    ended_at: datetime | None = None
    agent: str = ""
    is_served: bool = False
    """Finished without an agent, as the caller wished: an answer was heard, or a message left."""
    wrap_s: int = 0

    def groups(self, by: By) -> str:
        """Name the group that it belongs to; empty for none."""
        return _group(by, "", "", "", self.agent)


@dataclass(frozen=True, slots=True)
class ShiftFacts:
    """A stretch for which an agent was there for calls."""

    agent: str
    start: datetime
    seconds: int

    def groups(self, by: By) -> str:
        """Name the group that it belongs to; empty for none."""
        return _group(by, "", "", "", self.agent)


@dataclass(frozen=True, slots=True)
class NoticeFacts:
    """One letter or message to a unit."""

    at: datetime
    unit: str
    channel: str
    state: str
    """``queued``, ``delayed``, ``sent``, ``delivered``, ``acknowledged`` or ``failed``."""

    def groups(self, by: By) -> str:
        """Name the group that it belongs to; empty for none."""
        return _group(by, "", "", self.unit, "")


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """One that a campaign had to reach."""

    at: datetime
    street: str
    is_acknowledged: bool
    is_self_checked: bool

    def groups(self, by: By) -> str:
        """Name the group that it belongs to; empty for none."""
        return _group(by, self.street, "", "", "")


@dataclass(slots=True)
class Facts:
    """All that figures are made from."""

    requests: list[RequestFacts] = field(default_factory=list)
    calls: list[CallFacts] = field(default_factory=list)
    notices: list[NoticeFacts] = field(default_factory=list)
    targets: list[TargetFacts] = field(default_factory=list)
    shifts: list[ShiftFacts] = field(default_factory=list)

    def orders(self) -> Iterator[OrderFacts]:
        """Give the orders of all requests."""
        for request in self.requests:
            yield from request.orders


def _group(by: By, street: str, community: str, unit: str, agent: str) -> str:
    names = {By.ALL: EVERYTHING, By.STREET: street, By.COMMUNITY: community, By.UNIT: unit, By.AGENT: agent}
    return names[by]
