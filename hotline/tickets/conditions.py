"""How each condition of the tables is tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from hotline.tickets import timers
from hotline.tickets.calendar import NOTHING
from hotline.tickets.duties import Actor
from hotline.tickets.limits import Clocks, Limits, TimerKind
from hotline.tickets.moves import Need
from hotline.tickets.order_moves import OPEN_ORDER_STATES, Part
from hotline.tickets.request_moves import OPEN_STATES, STATE_TIMERS, RequestState
from hotline.tickets.service_request import Around, Given, ServiceRequest, WorkOrder


@dataclass(frozen=True, slots=True)
class Site:
    """The figures and clocks of a site."""

    limits: Limits
    clocks: Clocks


@dataclass(frozen=True, slots=True)
class Moment:
    """All that a condition may look at."""

    request: ServiceRequest
    actor: Actor
    given: Given
    around: Around
    at: datetime
    site: Site
    order: WorkOrder | None
    """The order that is moved; the lead's for moves of the request."""

    def is_due(self, kind: TimerKind) -> bool:
        """Tell whether the timer of a kind exists and is over."""
        found = self.order.timers if self.order and self.order.part is Part.CO else self.request.timers
        return any(t.kind is kind and timers.is_due(t, self.at, self.site.clocks) for t in found)


def _is_own(m: Moment) -> bool:
    return m.order is not None and bool(m.actor.unit) and m.order.unit == m.actor.unit


def _returns_open(m: Moment) -> bool:
    timer = m.request.timer(TimerKind.RETURN)
    return not m.request.is_ruled and timer is not None and not m.is_due(TimerKind.RETURN)


def _extension_open(m: Moment) -> bool:
    timer, bounds = m.request.timer(TimerKind.HANDLE), m.site.limits.bounds
    if timer is None or m.given.extension <= NOTHING or m.request.extensions >= bounds.extensions:
        return False
    longest = timer.limit.length * bounds.longest_extension_pct / timers.PCT
    share = timers.share_pct(timer, m.at, m.site.clocks)
    return share < bounds.ask_extension_before_pct and timer.extended + m.given.extension <= longest


def _review_day(m: Moment) -> bool:
    if m.given.review_at is None:
        return False
    return timedelta(0) < m.given.review_at - m.at <= m.site.limits.bounds.longest_suspension


def _unit_named(m: Moment) -> bool:
    given, units = m.given, (m.given.unit, *m.given.co_units)
    if not all(units) or len(set(units)) < len(units):
        return False
    if any(m.request.open_order(unit) for unit in units):
        return False
    return not m.request.ruled_unit or given.unit == m.request.ruled_unit


def _is_due(m: Moment) -> bool:
    kinds = (TimerKind.SIGN,) if m.order and m.order.part is Part.CO else STATE_TIMERS[m.request.state]
    return any(m.is_due(kind) for kind in kinds)


def _reopen_open(m: Moment) -> bool:
    return m.request.timer(TimerKind.REOPEN) is not None and not m.is_due(TimerKind.REOPEN)


_GONE: Final = frozenset({RequestState.WITHDRAWN, RequestState.ANSWERED, RequestState.NOT_ACCEPTED})

TESTS: Final[Mapping[Need, Callable[[Moment], bool]]] = {
    Need.COMPLETE: lambda m: m.given.is_complete,
    Need.REASON: lambda m: bool(m.given.reason),
    Need.SOURCE: lambda m: bool(m.given.source),
    Need.SECOND_PERSON: lambda m: m.actor.person != m.request.proposed_by,
    Need.PARENT: lambda m: (
        m.around.parent in OPEN_STATES - {RequestState.MERGED, RequestState.DRAFT}
        and not m.around.has_children
        and m.given.parent not in {"", m.request.number}
    ),
    Need.PARENT_DONE: lambda m: m.around.parent is RequestState.CLOSED and bool(m.around.parent_lead),
    Need.PARENT_GONE: lambda m: m.around.parent in _GONE,
    Need.UNIT: _unit_named,
    Need.OWN_ORDER: _is_own,
    Need.RETURN_OPEN: _returns_open,
    Need.NOT_LAST_BOUNCE: lambda m: m.request.bounces + 1 < m.site.limits.bounds.bounces,
    Need.LAST_BOUNCE: lambda m: m.request.bounces + 1 >= m.site.limits.bounds.bounces,
    Need.RULED: lambda m: bool(m.given.unit or m.around.backstop),
    Need.DUE: _is_due,
    Need.EXTENSION_OPEN: _extension_open,
    Need.FIRST_EXTENSION: lambda m: m.request.extensions == 0,
    Need.REVIEW_DAY: _review_day,
    Need.OUTCOME: lambda m: bool(m.given.outcome and m.given.text),
    Need.ORDERS_DONE: lambda m: (
        not any(o.part is Part.CO and o.state in OPEN_ORDER_STATES for o in m.request.orders)
    ),
    Need.SITE_CHECK: lambda m: m.request.needs_site_check,
    Need.NO_SITE_CHECK: lambda m: not m.request.needs_site_check,
    Need.SOLVED: lambda m: m.given.solved is True,
    Need.UNSOLVED: lambda m: m.given.solved is False,
    Need.NOT_REACHED: lambda m: m.request.tries >= m.site.limits.bounds.follow_up_tries,
    Need.TRY_LEFT: lambda m: m.request.tries < m.site.limits.bounds.follow_up_tries,
    Need.REWORK_LEFT: lambda m: m.request.reworks < m.site.limits.bounds.reworks,
    Need.NO_REWORK_LEFT: lambda m: m.request.reworks >= m.site.limits.bounds.reworks,
    Need.PASSCODE: lambda m: m.given.passcode_shown,
    Need.REOPEN_OPEN: _reopen_open,
}
