from __future__ import annotations

import itertools

import pytest

from hotline.errors import Refused
from hotline.tickets.lifecycle import (
    ORDER_TRANSITIONS,
    REQUEST_TRANSITIONS,
    OrderMove,
    OrderState,
    RequestMove,
    RequestState,
    can_move_order,
    can_move_request,
    move_order,
    move_request,
    routing_move,
)
from hotline.tickets.priority import most_urgent
from hotline.tickets.roles import Role


@pytest.mark.parametrize(("state", "move", "role"), list(itertools.product(RequestState, RequestMove, Role)))
def test_only_arrows_of_the_request_table_can_be_walked(
    state: RequestState, move: RequestMove, role: Role
) -> None:
    rule = REQUEST_TRANSITIONS.get((state, move))
    if rule is not None and role in rule.roles:
        assert can_move_request(state, move, role)
        assert move_request(state, move, role) == rule.target
        return
    assert not can_move_request(state, move, role)
    with pytest.raises(Refused) as refused:
        move_request(state, move, role)
    assert refused.value.code == ("state" if rule is None else "role")


@pytest.mark.parametrize(("state", "move", "role"), list(itertools.product(OrderState, OrderMove, Role)))
def test_only_arrows_of_the_order_table_can_be_walked(state: OrderState, move: OrderMove, role: Role) -> None:
    rule = ORDER_TRANSITIONS.get((state, move))
    if rule is not None and role in rule.roles:
        assert can_move_order(state, move, role)
        assert move_order(state, move, role) == rule.target
        return
    assert not can_move_order(state, move, role)
    with pytest.raises(Refused) as refused:
        move_order(state, move, role)
    assert refused.value.code == ("state" if rule is None else "role")


def test_every_state_can_be_reached() -> None:
    assert {rule.target for rule in REQUEST_TRANSITIONS.values()} | {RequestState.DRAFT} == set(RequestState)
    assert {rule.target for rule in ORDER_TRANSITIONS.values()} | {OrderState.DISPATCHED} == set(OrderState)


def test_nobody_walks_on_both_axes() -> None:
    commanding = {
        RequestMove.EDIT,
        RequestMove.ROUTE,
        RequestMove.REROUTE,
        RequestMove.SIGN,
        RequestMove.REPLY,
    }
    for (_, move), rule in REQUEST_TRANSITIONS.items():
        if move in commanding:
            assert Role.SUPERVISOR not in rule.roles
        if move is RequestMove.CLOSE:
            assert rule.roles == {Role.SUPERVISOR}


def test_administrators_move_nothing() -> None:
    rules = [*REQUEST_TRANSITIONS.values(), *ORDER_TRANSITIONS.values()]
    assert not any(Role.ADMIN in rule.roles for rule in rules)


def test_text_may_come_in_every_state_that_a_row_can_have() -> None:
    for state in set(RequestState) - {RequestState.DRAFT}:
        assert move_request(state, RequestMove.TRANSCRIBE, Role.SYSTEM) is state


def test_dispatching_is_rerouting_from_the_second_time_on() -> None:
    assert routing_move(RequestState.ACCEPTED) is RequestMove.ROUTE
    assert routing_move(RequestState.SIGNED) is RequestMove.REROUTE


@pytest.mark.parametrize(
    ("given", "expected"), [((), "P3"), (("P4",), "P4"), (("P2", "P1", "P3"), "P1"), (("", "soon"), "P3")]
)
def test_most_urgent_priority_wins(given: tuple[str, ...], expected: str) -> None:
    assert most_urgent(*given) == expected
