"""Makes the moves of a request and its work orders: checks them against the tables, and tells what changed.

A decision changes nothing: it returns the step that would be written, and ``apply`` makes the next
request of it. ``apply`` needs neither limits nor calendar, so that an old ledger reads the same
after both have changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Final

from hotline.errors import LocalProtocolError, Refused
from hotline.tickets import timers
from hotline.tickets.calendar import ClockKind, utc
from hotline.tickets.conditions import TESTS, Moment, Site
from hotline.tickets.duties import SYSTEM, Actor, check_axis
from hotline.tickets.effects import EFFECTS, SILENT, no_effect, untold
from hotline.tickets.limits import Limit, TimerKind
from hotline.tickets.moves import M, Rule, S, Way, find_rule
from hotline.tickets.order_moves import FOLLOWED, ORDER_TABLE, SIGNED_ANYWAY, OrderMove, OrderState, Part
from hotline.tickets.request_moves import (
    HANDLING_STATES,
    PAUSED_STATES,
    REQUEST_TABLE,
    STATE_TIMERS,
    RequestMove,
    RequestState,
)
from hotline.tickets.service_request import (
    ALONE,
    NOTHING_GIVEN,
    Around,
    Given,
    Json,
    ServiceRequest,
    Step,
    WorkOrder,
    altered,
    changes_of,
    from_json,
    with_changes,
)
from hotline.tickets.timers import Timer

_S, _M, _T = RequestState, RequestMove, TimerKind
_RETURNING: Final = frozenset({_S.DISPATCHED, _S.SIGNED, _S.RETURN_REQUESTED, _S.ARBITRATION})
_ACTING: Final[Mapping[TimerKind, RequestMove]] = {
    _T.SIGN: _M.AUTO_SIGN,
    _T.WAIT: _M.RESUME,
    _T.REVIEW_SUSPENSION: _M.RESUME,
    _T.PARENT: _M.LOOK_AT_PARENT,
}
"""Timers whose end moves the request."""
_GIVEN: Final = tuple((f.name, f.default) for f in fields(Given))


def decide(
    request: ServiceRequest,
    move: RequestMove,
    actor: Actor,
    at: datetime,
    site: Site,
    *,
    given: Given = NOTHING_GIVEN,
    around: Around = ALONE,
) -> Step:
    """Check a move of a request and tell the step that it is.

    :param at: now; a machine whose clock stepped back writes the time of the last step instead.
    :raises Refused: ``state`` (no such arrow), ``role`` (not her move), ``duty`` (she stood on the
        other side), ``input`` (a condition is not met; the message names it).
    """
    at = _not_before(request, at)
    rule, ways = find_rule(REQUEST_TABLE, request.state, move, actor)
    check_axis(actor, request.axes_of(actor.person))
    moment = Moment(request, actor, given, around, at, site, request.lead)
    _check_ways(ways, moment, move)
    changed = EFFECTS.get(move, no_effect)(moment)
    changed = altered(changed, state=rule.target, orders=_orders_after(changed, rule.target, move))
    told = changed.told if changed.state is request.state else ()
    running = _timers_after(request, changed, move, moment)
    return _step(request, _stamped(changed, actor, at, told=told, timers=running), move, actor, at, given)


def decide_order(
    request: ServiceRequest,
    unit: str,
    move: OrderMove,
    actor: Actor,
    at: datetime,
    site: Site,
    *,
    given: Given = NOTHING_GIVEN,
) -> Step:
    """Check a move of a co-handler's order and tell the step that it is.

    :raises Refused: as ``decide``; ``missing`` when the unit has no open part as a co-handler.
    """
    at = _not_before(request, at)
    order = request.open_order(unit)
    if order is None or order.part is not Part.CO:
        raise Refused(f"{unit} has no open part as a co-handler", code="missing")
    if request.state not in HANDLING_STATES | {_S.ACCEPTED}:
        raise Refused(f"the orders of a request that is {request.state} stand still", code="state")
    rule, ways = find_rule(ORDER_TABLE, order.state, move, actor)
    check_axis(actor, request.axes_of(actor.person))
    _check_ways(ways, Moment(request, actor, given, ALONE, at, site, order), move)
    dropped = {_T.SIGN} if rule.target in {OrderState.SIGNED, OrderState.IN_PROGRESS} else set(_T)
    moved = replace(order, state=rule.target, timers=tuple(t for t in order.timers if t.kind not in dropped))
    changed = replace(request, orders=tuple(moved if o is order else o for o in request.orders))
    step = _step(request, _stamped(changed, actor, at), move, actor, at, given)
    return replace(step, unit=unit, origin=order.state.value, target=rule.target.value)


def open_request(request: ServiceRequest, actor: Actor, at: datetime, site: Site) -> Step:
    """Tell the first step of a new draft."""
    at = utc(at)
    started = tuple(
        timers.start(kind, site.limits.of(kind, request.priority), at) for kind in STATE_TIMERS[_S.DRAFT]
    )
    step = _step(
        None, _stamped(replace(request, timers=started), actor, at), "open", actor, at, NOTHING_GIVEN
    )
    return replace(step, origin="")


def take_over(request: ServiceRequest, at: datetime, site: Site) -> Step:
    """Tell the first step of a request that an older version left in the middle of its life.

    Its clocks begin now, for nobody measured by them before.
    """
    at = utc(at)
    kinds = [kind for kind in STATE_TIMERS.get(request.state, ()) if kind is not _T.REVIEW_SUSPENSION]
    if request.state in _RETURNING:
        kinds.append(_T.RETURN)
    if request.state in HANDLING_STATES:
        kinds.append(_T.HANDLE)
    started = tuple(timers.start(kind, site.limits.of(kind, request.priority), at) for kind in kinds)
    step = _step(
        None, _stamped(replace(request, timers=started), SYSTEM, at), "open", SYSTEM, at, NOTHING_GIVEN
    )
    return replace(step, origin="", said={"taken_over": request.state.value})


def apply(request: ServiceRequest | None, step: Step) -> ServiceRequest:
    """Make the next request of a step, and hold the step against the tables once more.

    :raises LocalProtocolError: when the step does not fit: the row was not written by ``decide``.
    """
    if request is None:
        if step.move != "open":
            raise LocalProtocolError(f"{step.number}: its first step is {step.move}, not open")
        return from_json(step.changed)
    if step.number != request.number:
        raise LocalProtocolError(f"a step of {step.number} was applied to {request.number}")
    after = with_changes(request, step.changed)
    if step.unit:
        order = request.open_order(step.unit)
        origin: str = order.state.value if order else ""
        target = _target(ORDER_TABLE, OrderState, OrderMove, step)
    else:
        origin, target = request.state.value, _target(REQUEST_TABLE, RequestState, RequestMove, step)
        if after.state.value != step.target:
            target = ""
    if origin != step.origin or target != step.target or after.version != request.version + 1:
        raise LocalProtocolError(
            f"{step.number}: {step.move} from {step.origin} to {step.target} does not follow {origin}"
        )
    return after


def replay(steps: list[Step]) -> ServiceRequest:
    """Recompute a request from all its steps.

    :raises LocalProtocolError: when there are none, or one does not fit.
    """
    request: ServiceRequest | None = None
    for step in steps:
        request = apply(request, step)
    if request is None:
        raise LocalProtocolError("a request without steps cannot be replayed")
    return request


def next_timer(request: ServiceRequest, site: Site) -> datetime | None:
    """Tell when the product has to look at a request again (UTC); None: never."""
    found = [
        due
        for timer in request.timers
        if timer.kind not in SILENT and timer.kind not in request.told
        if (due := timers.due_at(timer, site.clocks)) is not None
    ]
    found += [
        due for _, timer in _unsigned(request) if (due := timers.due_at(timer, site.clocks)) is not None
    ]
    handle = request.timer(_T.HANDLE)
    if handle is not None:
        climbs = timers.next_level_at(
            handle, request.level, site.limits.ladder, site.clocks, request.priority
        )
        found += [climbs] if climbs is not None else []
    return min(found, default=None)


def decide_due(request: ServiceRequest, at: datetime, site: Site) -> Step | None:
    """Tell the next step that time alone makes; call it until it tells none.

    One step tells all that is late; a timer that moves the request goes after that.
    """
    at = _not_before(request, at)
    levels, late = untold(request, at, site)
    if levels or late:
        return decide(request, _M.ESCALATE, SYSTEM, at, site)
    for timer in request.timers:
        if timer.kind in _ACTING and timers.is_due(timer, at, site.clocks):
            return decide(request, _ACTING[timer.kind], SYSTEM, at, site)
    for order, timer in _unsigned(request):
        if timers.is_due(timer, at, site.clocks):
            return decide_order(request, order.unit, OrderMove.AUTO_SIGN, SYSTEM, at, site)
    return None


def _unsigned(request: ServiceRequest) -> Iterator[tuple[WorkOrder, Timer]]:
    """Find the co-handlers who have not signed, while they still may."""
    if request.state in HANDLING_STATES | {_S.ACCEPTED}:
        for order in request.orders:
            if order.part is Part.CO and order.state is OrderState.DISPATCHED:
                yield from ((order, timer) for timer in order.timers if timer.kind is _T.SIGN)


def _not_before(request: ServiceRequest, at: datetime) -> datetime:
    return utc(at) if request.last_at is None else max(utc(at), request.last_at)


def _check_ways(ways: tuple[Way, ...], moment: Moment, move: str) -> None:
    missing: list[str] = []
    for way in ways:
        lacking = [need for need in way.needs if not TESTS[need](moment)]
        if not lacking:
            return
        missing.append("; ".join(lacking))
    raise Refused(f"{move} needs: {', or '.join(missing)}", code="input")


def _stamped(request: ServiceRequest, actor: Actor, at: datetime, **changes: object) -> ServiceRequest:
    pair = (actor.person, actor.axis)
    acted = request.acted if pair in request.acted else (*request.acted, pair)
    return altered(request, acted=acted, last_at=at, version=request.version + 1, **changes)


def _step(
    before: ServiceRequest | None, after: ServiceRequest, move: str, actor: Actor, at: datetime, given: Given
) -> Step:
    return Step(
        number=after.number,
        at=at,
        person=actor.person,
        duty=actor.duty.value,
        move=str(move),
        origin=before.state.value if before is not None else "",
        target=after.state.value,
        said=_said(given),
        changed=changes_of(before, after),
    )


def _said(given: Given) -> Json:
    said: Json = {}
    for name, default in _GIVEN:
        value = getattr(given, name)
        if value is default or value == default:
            continue
        if isinstance(value, timedelta):
            said[f"{name}_s"] = int(value.total_seconds())
        elif isinstance(value, datetime):
            said[name] = utc(value).isoformat()
        else:
            said[name] = list(value) if isinstance(value, tuple) else value
    return said


def _target(table: Mapping[tuple[S, M], Rule[S]], states: type[S], moves: type[M], step: Step) -> str:
    try:
        rule = table.get((states(step.origin), moves(step.move)))
    except ValueError:
        return ""
    return "" if rule is None else rule.target.value


def _orders_after(request: ServiceRequest, target: RequestState, move: RequestMove) -> tuple[WorkOrder, ...]:
    """Move the lead's order along, and take open orders back when the request ends early."""
    lead, follows = request.lead, FOLLOWED.get(move)
    orders = list(request.orders)
    if follows is not None and lead is not None:
        rule = ORDER_TABLE.get((lead.state, follows))
        if rule is not None:
            orders[_index_of(orders, lead)] = replace(lead, state=rule.target)
        elif move not in SIGNED_ANYWAY:
            raise LocalProtocolError(f"the lead's order is {lead.state} and cannot {follows}")
    if target in {_S.WITHDRAWN, _S.ANSWERED, _S.MERGED}:
        for index, order in enumerate(orders):
            if rule := ORDER_TABLE.get((order.state, OrderMove.RETURN)):
                orders[index] = replace(order, state=rule.target, timers=())
    return tuple(orders)


def _index_of(orders: list[WorkOrder], wanted: WorkOrder) -> int:
    return next(index for index, order in enumerate(orders) if order is wanted)


def _timers_after(
    before: ServiceRequest, after: ServiceRequest, move: RequestMove, m: Moment
) -> tuple[Timer, ...]:
    """Stop the timers of the state that was left, start those of the new one, and keep the handling limit."""
    kept = {timer.kind: timer for timer in before.timers}
    if after.state is not before.state or move is _M.LOOK_AT_PARENT:
        for kind in STATE_TIMERS.get(before.state, ()):
            kept.pop(kind, None)
        for kind in STATE_TIMERS.get(after.state, ()):
            kept[kind] = timers.start(kind, _limit(kind, m), m.at)
    if move is _M.DISPATCH:
        kept[_T.RETURN] = timers.start(_T.RETURN, _limit(_T.RETURN, m), m.at)
        kept.setdefault(_T.HANDLE, timers.start(_T.HANDLE, _limit(_T.HANDLE, m), m.at))
    if after.state not in _RETURNING:
        kept.pop(_T.RETURN, None)
    handle = _handle_after(kept.pop(_T.HANDLE, None), after, move, m)
    running = (*kept.values(), handle) if handle is not None else tuple(kept.values())
    if after.priority == before.priority:
        return running
    return tuple(_limited_anew(timer, after, m) for timer in running)


def _limited_anew(timer: Timer, after: ServiceRequest, m: Moment) -> Timer:
    """Give a timer the limit of a new priority; what was spent stays spent."""
    if timer.kind is _T.REVIEW_SUSPENSION:
        return timer
    limit = m.site.limits.of(timer.kind, after.priority)
    if timer.kind is _T.HANDLE and after.reworks:
        limit = timers.shortened(limit, m.site.limits.bounds.rework_pct)
    if limit.clock is timer.limit.clock:
        return replace(timer, limit=limit)
    # Another clock: only limits that are never paused change it, so all their time counts anew on it.
    return replace(timer, limit=limit, running_since=timer.started_at, spent=timedelta(0))


def _handle_after(handle: Timer | None, after: ServiceRequest, move: RequestMove, m: Moment) -> Timer | None:
    if move in {_M.REWORK, _M.REOPEN}:
        pct = m.site.limits.bounds.rework_pct
        return timers.start(_T.HANDLE, timers.shortened(_limit(_T.HANDLE, m), pct), m.at)
    if handle is None or after.state not in HANDLING_STATES | {_S.ACCEPTED}:
        return None
    if move is _M.GRANT_EXTENSION:
        handle = timers.extend(handle, m.request.asked_extension)
    if after.state in PAUSED_STATES and handle.is_running:
        return timers.pause(handle, m.at, m.given.reason or after.state.value, m.site.clocks)
    if after.state not in PAUSED_STATES and not handle.is_running:
        return timers.resume(handle, m.at)
    return handle


def _limit(kind: TimerKind, m: Moment) -> Limit:
    if kind is _T.REVIEW_SUSPENSION:
        if m.given.review_at is None:
            raise LocalProtocolError("a suspension has a day of review")
        return Limit(m.given.review_at - m.at, ClockKind.WALL)
    return m.site.limits.of(kind, m.request.priority)
