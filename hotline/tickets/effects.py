"""What the moves of a request do to its counts and orders, besides walking their arrow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from hotline.errors import Refused
from hotline.tickets import timers
from hotline.tickets.conditions import Moment, Site
from hotline.tickets.limits import Level, TimerKind
from hotline.tickets.order_moves import OrderState, Part
from hotline.tickets.request_moves import RequestMove
from hotline.tickets.service_request import ServiceRequest, WorkOrder

_M, _T = RequestMove, TimerKind
SILENT: Final = frozenset({_T.REOPEN, _T.RETURN, _T.HANDLE})
"""Timers whose end nobody is told: two are windows, and the ladder tells of the third."""


def untold(
    request: ServiceRequest, at: datetime, site: Site
) -> tuple[tuple[Level, ...], tuple[TimerKind, ...]]:
    """Find what nobody was told yet: levels of the ladder, and timers that ended."""
    late = tuple(
        timer.kind
        for timer in request.timers
        if timer.kind not in {*SILENT, *request.told, _T.PARENT} and timers.is_due(timer, at, site.clocks)
    )
    handle = request.timer(_T.HANDLE)
    if handle is None:
        return (), late
    raised = timers.climb(handle, request.level, at, site.limits.ladder, site.clocks, request.priority)
    return tuple(r.level for r in raised), late


def no_effect(m: Moment) -> ServiceRequest:
    """Leave the request as it is."""
    return m.request


def _dispatch(m: Moment) -> ServiceRequest:
    site, request = m.site, m.request
    co = tuple(
        WorkOrder(
            unit,
            Part.CO,
            timers=tuple(
                timers.start(kind, site.limits.of(kind, request.priority), m.at)
                for kind in (_T.SIGN, _T.HANDLE)
            ),
        )
        for unit in m.given.co_units
    )
    return replace(request, orders=(*request.orders, WorkOrder(m.given.unit, Part.LEAD), *co))


def _rework(m: Moment) -> ServiceRequest:
    reworks = m.request.reworks + 1
    is_told = reworks >= m.site.limits.ladder.reworks
    level = Level.SUPERVISION_ORDER if is_told else Level.HANDLER
    return replace(m.request, reworks=reworks, level=level, tries=0)


def _grant_extension(m: Moment) -> ServiceRequest:
    return replace(m.request, extensions=m.request.extensions + 1)


def _follow_parent(m: Moment) -> ServiceRequest:
    lead = WorkOrder(m.around.parent_lead, Part.LEAD, OrderState.DONE)
    return replace(m.request, orders=(*m.request.orders, lead))


def _escalate(m: Moment) -> ServiceRequest:
    levels, late = untold(m.request, m.at, m.site)
    if not levels and not late:
        raise Refused("nothing is late that was not told", code="state")
    return replace(
        m.request, level=max((*levels, m.request.level)), told=tuple(sorted({*m.request.told, *late}))
    )


def _edit(m: Moment) -> ServiceRequest:
    return replace(_weigh(m), kind=m.given.kind, region=m.given.region)


def _weigh(m: Moment) -> ServiceRequest:
    check = m.given.needs_site_check
    return replace(
        m.request,
        priority=m.given.priority or m.request.priority,
        needs_site_check=m.request.needs_site_check if check is None else check,
    )


def _bounce(m: Moment) -> ServiceRequest:
    return replace(m.request, bounces=m.request.bounces + 1)


EFFECTS: Final[Mapping[RequestMove, Callable[[Moment], ServiceRequest]]] = {
    _M.EDIT: _edit,
    _M.TRANSCRIBE: _weigh,
    _M.DISPATCH: _dispatch,
    _M.PROPOSE_REFUSAL: lambda m: replace(m.request, proposed_by=m.actor.person),
    _M.MERGE: lambda m: replace(m.request, parent=m.given.parent),
    _M.SPLIT: lambda m: replace(m.request, parent=""),
    _M.RELEASE: lambda m: replace(m.request, parent=""),
    _M.FOLLOW_PARENT: _follow_parent,
    _M.REQUEST_RETURN: _bounce,
    _M.APPEAL_RETURN: _bounce,
    _M.RULE_SAME_UNIT: lambda m: replace(m.request, is_ruled=True),
    _M.RULE_OTHER_UNIT: lambda m: replace(
        m.request, is_ruled=True, ruled_unit=m.given.unit or m.around.backstop
    ),
    _M.REQUEST_EXTENSION: lambda m: replace(m.request, asked_extension=m.given.extension),
    _M.GRANT_EXTENSION: _grant_extension,
    _M.MISS_CALLER: lambda m: replace(m.request, tries=m.request.tries + 1),
    _M.REWORK: _rework,
    _M.REOPEN: _rework,
    _M.URGE: lambda m: replace(m.request, urges=m.request.urges + 1),
    _M.ORDER_SUPERVISION: lambda m: replace(m.request, level=max(m.request.level, Level.SUPERVISION_ORDER)),
    _M.ESCALATE: _escalate,
}
"""Moves that do more than walk their arrow."""
