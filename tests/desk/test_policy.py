from __future__ import annotations

import itertools

import pytest

from hotline.desk.policy import POLICY, Action, demand, may, role_of, scope, shown_caller
from hotline.desk.views import Actor
from hotline.errors import Refused
from hotline.tickets.duties import check_duties
from hotline.tickets.order_moves import OrderState
from hotline.tickets.request_moves import REQUEST_TABLE, RequestMove, RequestState
from hotline.tickets.roles import DUTIES, UNIT_ROLES, Role

# The matrix as a person reads it: every cell stands here, and nothing else may be granted.
MATRIX = """
             see  edit route move play inbox sign reply confer supervise users
agent        x    x    x     x    x    x     .    .     x      .         .
shift_leader x    x    x     x    x    x     .    .     x      .         .
reviewer     x    .    .     x    x    x     .    .     .      .         .
supervisor   x    .    .     x    x    x     .    .     x      x         .
unit         x    .    .     x    .    x     x    x     .      .         .
unit_leader  x    .    .     x    .    x     x    x     .      .         .
admin        x    .    .     .    .    .     .    .     .      x         x
system       .    .    .     .    .    .     .    .     .      .         .
"""


def cells() -> list[tuple[str, str, bool]]:
    heading, *rows = [line.split() for line in MATRIX.strip().splitlines()]
    return [
        (row[0], action, mark == "x") for row in rows for action, mark in zip(heading, row[1:], strict=True)
    ]


def an_actor(role: str, unit_code: str | None = None) -> Actor:
    return Actor("li", "李", role, unit_code or ("D001" if role in UNIT_ROLES else None), "zh")


def test_matrix_names_every_role_and_every_action() -> None:
    assert {(role, action) for role, action, _ in cells()} == set(itertools.product(Role, Action))
    assert set(POLICY) == set(Role)


@pytest.mark.parametrize(("role", "action", "is_granted"), cells())
def test_cell_of_the_matrix(role: str, action: str, is_granted: bool) -> None:
    actor = an_actor(role)
    assert may(actor, Action(action)) is is_granted
    if is_granted:
        demand(actor, Action(action))
        return
    with pytest.raises(Refused) as refused:
        demand(actor, Action(action))
    assert refused.value.code == "role"


@pytest.mark.parametrize("action", list(Action))
def test_unknown_role_may_do_nothing(action: Action) -> None:
    assert role_of(an_actor("mayor")) is Role.SYSTEM
    assert not may(an_actor("mayor"), action)


@pytest.mark.parametrize("action", list(Action))
def test_unit_user_without_a_unit_may_do_nothing(action: Action) -> None:
    assert not may(Actor("li", "李", "unit", None, "zh"), action)


@pytest.mark.parametrize(
    ("move", "action"), [(RequestMove.EDIT, Action.EDIT), (RequestMove.DISPATCH, Action.ROUTE)]
)
def test_policy_agrees_with_the_life_cycle(move: RequestMove, action: Action) -> None:
    duties = {duty for (_, made), rule in REQUEST_TABLE.items() if made is move for duty in rule.duties}
    walkers = {role for role, held in DUTIES.items() if duties & set(held)} - {Role.SYSTEM}
    assert walkers == {role for role in Role if action in POLICY[role]}


@pytest.mark.parametrize("role", Role)
def test_no_role_holds_duties_that_are_kept_apart(role: Role) -> None:
    check_duties(DUTIES[role])
    assert bool(DUTIES[role]) is (Action.MOVE in POLICY[role] or role is Role.SYSTEM)


def test_only_a_units_user_is_kept_to_one_unit() -> None:
    assert scope(an_actor("unit", "D007")) == "D007"
    assert [scope(an_actor(role)) for role in ("agent", "supervisor", "admin")] == [None, None, None]


@pytest.mark.parametrize(
    ("role", "state", "own_orders", "is_full"),
    [
        ("agent", RequestState.DRAFT, [], True),
        ("shift_leader", RequestState.ACCEPTED, [], True),
        ("supervisor", RequestState.FOLLOW_UP, [], True),
        ("reviewer", RequestState.REPLIED, [], False),
        ("unit_leader", RequestState.DISPATCHED, [OrderState.IN_PROGRESS], True),
        ("agent", RequestState.ACCEPTED, [], True),
        ("agent", RequestState.DISPATCHED, [], False),
        ("agent", RequestState.REPLIED, [], False),
        ("supervisor", RequestState.ACCEPTED, [], False),
        ("admin", RequestState.ACCEPTED, [], False),
        ("unit", RequestState.DISPATCHED, [OrderState.DISPATCHED], True),
        ("unit", RequestState.SIGNED, [OrderState.DONE, OrderState.SIGNED], True),
        ("unit", RequestState.REPLIED, [OrderState.DONE], False),
        ("unit", RequestState.ACCEPTED, [], False),
    ],
)
def test_who_reads_the_callers_number(
    role: str, state: RequestState, own_orders: list[OrderState], is_full: bool
) -> None:
    shown = shown_caller(an_actor(role), "+8613800138000", state, own_orders)
    assert shown == ("+8613800138000" if is_full else "138****8000")
