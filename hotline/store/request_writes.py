"""What people do with requests and orders: each is one transaction, decided by ``hotline.tickets``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import exists, select

from hotline.desk.policy import duties_of, scope
from hotline.desk.ports import Decision
from hotline.desk.views import Actor
from hotline.errors import Refused
from hotline.events.record import REQUEST_EDITED
from hotline.routing.suggestion import KIND, PLACE, PRIORITY, REGION, UNIT
from hotline.store.desk_reads import has_order
from hotline.store.lives import Sending, around, is_complete, life_of, take
from hotline.store.tables import KindRow, OrderRow, OrganisationRow, RegionRow, RequestRow, SuggestionRow
from hotline.store.work import Work, Writing
from hotline.tickets import duties
from hotline.tickets.deciding import decide, decide_order
from hotline.tickets.order_moves import OrderMove, Part
from hotline.tickets.priority import most_urgent
from hotline.tickets.request_moves import RequestMove, RequestState
from hotline.tickets.service_request import Given, ServiceRequest, Step

BY_ITSELF: Final = {RequestMove.EDIT: "edit_request", RequestMove.DISPATCH: "route_request"}
"""Moves that say more than ``Given`` holds, and the methods that make them."""
LEADING: Final = {
    OrderMove.SIGN: RequestMove.SIGN,
    OrderMove.BEGIN: RequestMove.CONTACT,
    OrderMove.FINISH: RequestMove.REPLY,
}
"""Moves of the lead's order are moves of its request."""
TELLING: Final = ("input", "duty", "role", "state")
"""Of the reasons why none of her duties may do it, the one that helps most."""


class SqlRequestWrites(Work):
    """The part of the DeskStore port that moves requests."""

    async def edit_request(self, actor: Actor, number: str, version: int, decision: Decision) -> None:
        """Decide kind, region, place and wording."""
        await self.write(lambda writing: _edit(writing, actor, number, version, decision))

    async def route_request(
        self,
        actor: Actor,
        number: str,
        version: int,
        unit_code: str,
        note: str,
        co_units: Sequence[str] = (),
    ) -> None:
        """Dispatch to a unit, and to others that help; a draft that is complete is accepted first."""
        given = Given(unit=unit_code, co_units=tuple(co_units))
        await self.write(lambda writing: _route(writing, actor, number, version, given=given, note=note))

    async def move_request(self, actor: Actor, number: str, version: int, move: str, given: Given) -> None:
        """Make any other move of a request."""
        await self.write(lambda writing: _move(writing, actor, number, version, move=move, given=given))

    async def move_order(self, actor: Actor, order_id: int, move: str, given: Given) -> None:
        """Move a work order; the lead's moves its request along."""
        await self.write(lambda writing: _move_order(writing, actor, order_id, move, given))


def under_a_duty(actor: Actor, attempt: Callable[[duties.Actor], Step]) -> Step:
    """Try a move under each duty of a person, and take the first that may.

    :raises Refused: the most telling refusal when none may.
    """
    refusals = []
    for one in duties_of(actor):
        try:
            return attempt(one)
        except Refused as refusal:
            refusals.append(refusal)
    if not refusals:
        raise Refused(f"{actor.role} may not move requests", code="role")
    raise min(
        refusals, key=lambda refusal: TELLING.index(refusal.code) if refusal.code in TELLING else len(TELLING)
    )


def _the_request(writing: Writing, actor: Actor, number: str, version: int) -> RequestRow:
    request = writing.session.get(RequestRow, number)
    unit = scope(actor)
    if request is None or (
        unit is not None
        and not writing.session.scalar(select(exists().where(RequestRow.number == number, has_order(unit))))
    ):
        raise Refused(f"there is no request {number}", code="missing")
    if request.version != version:
        raise Refused(f"request {number} changed meanwhile; look at it again", code="stale")
    return request


# -- deciding what it is ------------------------------------------------------------------------------
def _edit(writing: Writing, actor: Actor, number: str, version: int, decision: Decision) -> None:
    row = _the_request(writing, actor, number, version)
    kind = writing.session.get(KindRow, decision.kind_code) if decision.kind_code else None
    if decision.kind_code and (kind is None or not kind.active):
        raise Refused(f"the catalogue has no kind {decision.kind_code}", code="input")
    if decision.region_code and writing.session.get(RegionRow, decision.region_code) is None:
        raise Refused(f"there is no region {decision.region_code}", code="input")
    wanted: dict[str, str | None] = {
        "kind_code": decision.kind_code or None,
        "region_code": decision.region_code or None,
        "place": decision.place,
        "edited_text": "" if decision.text == row.text else decision.text,
    }
    changed = [name for name, value in wanted.items() if getattr(row, name) != value]
    given = Given(
        kind=decision.kind_code,
        region=decision.region_code,
        needs_site_check=writing.rules.limits.needs_site_check(decision.kind_code),
    )
    if "kind_code" in changed:
        own = kind.priority if kind is not None else ""
        given = replace(given, priority=most_urgent(own, _suggested_priority(writing, number)))
    before = life_of(writing, row)
    step = under_a_duty(
        actor,
        lambda one: decide(before, RequestMove.EDIT, one, writing.at, writing.rules, given=given),
    )
    decided = {KIND: decision.kind_code, REGION: decision.region_code, PLACE: decision.place}
    for field, chosen in decided.items():
        _decide_suggestion(writing, actor, number, field, chosen)
    if not changed:
        return
    for name, value in wanted.items():
        setattr(row, name, value)
    take(writing, row, before, step, Sending(actor.user_name), is_told=False)
    writing.event(
        REQUEST_EDITED,
        call_id=row.call_id,
        number=number,
        unit_code=row.lead_unit,
        actor=actor.user_name,
        payload={
            "changed": changed,
            "kind_code": decision.kind_code,
            "region_code": decision.region_code,
            "priority": row.priority,
        },
    )


def _decide_suggestion(writing: Writing, actor: Actor, number: str, field: str, value: str) -> None:
    """Note on each suggestion of a field whether a person took it; nothing is decided by an empty value."""
    if not value:
        return
    rows = writing.session.scalars(
        select(SuggestionRow).where(SuggestionRow.number == number, SuggestionRow.field == field)
    )
    for row in rows:
        accepted = value in {row.value, row.label} if field == PLACE else row.value == value
        if row.accepted is not accepted:
            row.accepted, row.decided_by, row.decided_at = accepted, actor.user_name, writing.at


def _suggested_priority(writing: Writing, number: str) -> str:
    best = select(SuggestionRow.value).where(
        SuggestionRow.number == number, SuggestionRow.field == PRIORITY, SuggestionRow.ordinal == 0
    )
    return writing.session.scalar(best) or ""


# -- moving it ----------------------------------------------------------------------------------------
def _route(writing: Writing, actor: Actor, number: str, version: int, *, given: Given, note: str) -> None:
    row = _the_request(writing, actor, number, version)
    before = life_of(writing, row)
    for unit in (given.unit, *given.co_units):
        _check_unit(writing, unit)
    if before.state is RequestState.DRAFT:
        before = _make(writing, actor, row, before, RequestMove.ACCEPT, Given(is_complete=is_complete(row)))
    _make(writing, actor, row, before, RequestMove.DISPATCH, given, note=note)
    _decide_suggestion(writing, actor, number, UNIT, given.unit)


def _check_unit(writing: Writing, code: str) -> None:
    unit = writing.session.get(OrganisationRow, code) if code else None
    if unit is None or not unit.active:
        raise Refused(f"there is no unit {code or 'without a code'}", code="input")


def _move(writing: Writing, actor: Actor, number: str, version: int, *, move: str, given: Given) -> None:
    row = _the_request(writing, actor, number, version)
    before = life_of(writing, row)
    wanted = read_move(move)
    if wanted is RequestMove.REPLY:
        lead = before.lead
        order = _row_of(writing, number, lead.unit) if lead is not None else None
        if order is not None:
            _move_order(writing, actor, order.order_id, OrderMove.FINISH, given)
            return
    if given.unit:
        _check_unit(writing, given.unit)
    if given.parent and writing.session.get(RequestRow, given.parent) is None:
        raise Refused(f"there is no request {given.parent} to merge it into", code="input")
    given = replace(given, is_complete=is_complete(row), passcode_shown=False)
    _make(writing, actor, row, before, wanted, given)


def read_move(word: str) -> RequestMove:
    """Read a move that a person can ask for.

    :raises Refused: ``input`` for a word that is none, or needs a method of its own.
    """
    try:
        move = RequestMove(word)
    except ValueError:
        raise Refused(f"there is no move {word[:40]!r}", code="input") from None
    if move in BY_ITSELF:
        raise Refused(f"{move} has a form of its own", code="input")
    return move


def _make(
    writing: Writing,
    actor: Actor,
    row: RequestRow,
    before: ServiceRequest,
    move: RequestMove,
    given: Given,
    *,
    note: str = "",
) -> ServiceRequest:
    known = around(writing.session, row, writing.rules, given.parent)
    step = under_a_duty(
        actor,
        lambda one: decide(before, move, one, writing.at, writing.rules, given=given, around=known),
    )
    return take(writing, row, before, step, Sending(actor.user_name, note))


# -- a unit's side ------------------------------------------------------------------------------------
def _move_order(writing: Writing, actor: Actor, order_id: int, word: str, given: Given) -> None:
    try:
        move = OrderMove(word)
    except ValueError:
        raise Refused(f"there is no move {word[:40]!r} of an order", code="input") from None
    order, unit = writing.session.get(OrderRow, order_id), scope(actor)
    # Another unit's order is as missing as none at all: its number tells nothing.
    if order is None or (unit is not None and order.unit_code != unit):
        raise Refused(f"there is no work order {order_id} for you", code="missing")
    row = writing.session.get_one(RequestRow, order.number)
    before = life_of(writing, row)
    if order.part == Part.LEAD:
        if order is not _row_of(writing, order.number, order.unit_code) or move not in LEADING:
            raise Refused(f"work order {order_id} cannot be moved by {move} now", code="state")
        known = around(writing.session, row, writing.rules)
        step = under_a_duty(
            actor,
            lambda one: decide(
                before, LEADING[move], one, writing.at, writing.rules, given=given, around=known
            ),
        )
    else:
        step = under_a_duty(
            actor,
            lambda one: decide_order(
                before, order.unit_code, move, one, writing.at, writing.rules, given=given
            ),
        )
    take(writing, row, before, step, Sending(actor.user_name))
    if move is OrderMove.SIGN:
        order.signed_at, order.signed_by = writing.at, actor.user_name
    elif move is OrderMove.FINISH:
        order.reply, order.outcome = given.text, given.outcome
        order.replied_at, order.replied_by = writing.at, actor.user_name


def _row_of(writing: Writing, number: str, unit: str) -> OrderRow | None:
    """Find the newest order of the unit that has the lead."""
    query = select(OrderRow).where(
        OrderRow.number == number, OrderRow.unit_code == unit, OrderRow.part == Part.LEAD
    )
    return writing.session.scalars(query.order_by(OrderRow.order_id.desc()).limit(1)).first()
