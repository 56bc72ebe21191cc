"""The tables of request and work order: every state, move and duty; two axes; no dead end."""

from __future__ import annotations

import itertools

import pytest

from hotline.errors import Refused
from hotline.tickets.conditions import TESTS
from hotline.tickets.deciding import decide
from hotline.tickets.duties import APART, AXIS, Actor, Axis, Duty, check_duties
from hotline.tickets.limits import CONFIGURED, TimerKind
from hotline.tickets.moves import Need, find_rule
from hotline.tickets.order_moves import FOLLOWED, ORDER_TABLE, OrderMove, OrderState
from hotline.tickets.request_moves import (
    FINAL_STATES,
    HANDLING_STATES,
    OPEN_STATES,
    OWNERS,
    PAUSED_STATES,
    REQUEST_TABLE,
    STATE_TIMERS,
    RequestMove,
    RequestState,
)
from tests.tickets.lives import ACTORS, ENOUGH, NOW, SITE, WAYS, Life

_S, _M, _D = RequestState, RequestMove, Duty

# Written by hand, apart from the table: the only sides that may ever make a move.
SIDES: dict[RequestMove, set[Axis]] = {
    **{m: {Axis.INTAKE, Axis.SYSTEM} for m in (_M.ACCEPT,)},
    **{m: {Axis.INTAKE} for m in (_M.PROPOSE_REFUSAL, _M.ANSWER)},
    **{m: {Axis.INTAKE, Axis.COMMAND} for m in (_M.CONFIRM_REFUSAL, _M.REJECT_REFUSAL, _M.MERGE)},
    **{m: {Axis.COMMAND} for m in (_M.SPLIT, _M.GRANT_RETURN, _M.REJECT_RETURN)},
    _M.DISPATCH: {Axis.COMMAND, Axis.SYSTEM},
    **{
        m: {Axis.HANDLING}
        for m in (
            _M.SIGN, _M.REQUEST_RETURN, _M.APPEAL_RETURN, _M.CONTACT, _M.WAIT_FOR_CALLER,
            _M.REQUEST_EXTENSION, _M.REQUEST_SUSPENSION, _M.REPLY,
        )
    },
    **{
        m: {Axis.SUPERVISION}
        for m in (
            _M.RULE_OTHER_UNIT, _M.RULE_SAME_UNIT, _M.GRANT_EXTENSION, _M.REJECT_EXTENSION,
            _M.GRANT_SUSPENSION, _M.REJECT_SUSPENSION, _M.SEND_TO_VERIFY, _M.APPROVE, _M.ORDER_SUPERVISION,
        )
    },
    **{m: {Axis.SUPERVISION, Axis.SYSTEM} for m in (_M.REWORK, _M.MISS_CALLER, _M.REFER_UNSOLVED, _M.CLOSE)},
    _M.RESUME: {Axis.HANDLING, Axis.CALLER, Axis.INTAKE, Axis.SUPERVISION, Axis.SYSTEM},
    _M.REOPEN: {Axis.CALLER, Axis.SUPERVISION},
    _M.EDIT: {Axis.INTAKE},
    _M.WITHDRAW: {Axis.CALLER},
    _M.SUPPLEMENT: {Axis.CALLER, Axis.INTAKE},
    _M.URGE: {Axis.CALLER, Axis.INTAKE, Axis.SUPERVISION},
    **{
        m: {Axis.SYSTEM}
        for m in (
            _M.AUTO_SIGN, _M.RELEASE, _M.FOLLOW_PARENT, _M.LOOK_AT_PARENT, _M.ESCALATE, _M.TRANSCRIBE,
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("state", RequestState)
def test_every_state_move_and_duty_goes_by_the_table(state: RequestState) -> None:
    request = Life.to(state).request
    walked, codes = 0, {}
    for move, duty in itertools.product(RequestMove, Duty):
        rule = REQUEST_TABLE.get((state, move))
        newcomer = Actor("newcomer", duty, ACTORS[duty].unit)
        if rule is None or duty not in rule.duties:
            with pytest.raises(Refused) as refused:
                decide(request, move, newcomer, NOW, SITE, given=ENOUGH)
            assert refused.value.code == ("state" if rule is None else "role"), (move, duty)
            continue
        try:
            step = decide(request, move, newcomer, NOW, SITE, given=ENOUGH)
        except Refused as refusal:
            codes[move, duty] = refusal.code
        else:
            assert step.target == rule.target
            walked += 1
    assert set(codes.values()) <= {"input", "state"}  # a condition that is not met here, nothing late to tell
    assert walked, f"nobody can do anything with a request that is {state}"


@pytest.mark.parametrize(("state", "move"), list(itertools.product(OrderState, OrderMove)))
def test_every_order_state_move_and_duty_goes_by_the_table(state: OrderState, move: OrderMove) -> None:
    rule = ORDER_TABLE.get((state, move))
    for duty in Duty:
        if rule is not None and duty in rule.duties:
            assert find_rule(ORDER_TABLE, state, move, ACTORS[duty])[0] is rule
            continue
        with pytest.raises(Refused) as refused:
            find_rule(ORDER_TABLE, state, move, ACTORS[duty])
        assert refused.value.code == ("state" if rule is None else "role")


def test_each_move_belongs_to_the_sides_that_were_written_down() -> None:
    assert set(SIDES) == set(RequestMove)
    for move, sides in SIDES.items():
        rules = [rule for (_, made), rule in REQUEST_TABLE.items() if made is move]
        assert {AXIS[duty] for rule in rules for duty in rule.duties} == sides, move


def test_command_and_supervision_share_no_arrow() -> None:
    for key, rule in REQUEST_TABLE.items():
        axes = {AXIS[duty] for duty in rule.duties}
        assert not {Axis.COMMAND, Axis.SUPERVISION} <= axes, key


@pytest.mark.parametrize(("one", "other"), list(itertools.product(Duty, Duty)))
def test_nobody_holds_duties_of_both_sides(one: Duty, other: Duty) -> None:
    sides = {AXIS[one], AXIS[other]}
    apart = sides in ({Axis.COMMAND, Axis.SUPERVISION}, {Axis.HANDLING, Axis.SUPERVISION})
    if apart:
        with pytest.raises(Refused) as refused:
            check_duties([one, other])
        assert refused.value.code == "duty"
    else:
        check_duties([one, other])


def test_what_is_kept_apart_is_symmetric() -> None:
    for one, others in APART.items():
        assert all(one in APART[other] for other in others)


def test_every_state_is_reached_and_has_a_way_to_an_end() -> None:
    assert {rule.target for rule in REQUEST_TABLE.values()} == set(RequestState)
    leads: set[RequestState] = set(FINAL_STATES - {_S.WITHDRAWN})  # without the caller giving up
    for _ in RequestState:
        leads |= {state for (state, _), rule in REQUEST_TABLE.items() if rule.target in leads}
    assert leads == set(RequestState) - {_S.WITHDRAWN}
    assert set(WAYS) == set(RequestState)


def test_every_open_state_has_an_owner_who_can_move_it_on() -> None:
    assert set(OWNERS) == OPEN_STATES
    for state, owner in OWNERS.items():
        onward = [
            rule
            for (origin, _), rule in REQUEST_TABLE.items()
            if origin is state and rule.target is not state
        ]
        assert any(owner in rule.duties for rule in onward), state


def test_every_open_state_has_a_timer_that_runs() -> None:
    assert set(STATE_TIMERS) == OPEN_STATES | {_S.CLOSED}
    for state in OPEN_STATES:
        assert STATE_TIMERS[state] or state in HANDLING_STATES - PAUSED_STATES, state
    used = {kind for kinds in STATE_TIMERS.values() for kind in kinds} | {TimerKind.HANDLE, TimerKind.RETURN}
    assert used == set(TimerKind)
    assert set(CONFIGURED) <= used


def test_final_states_are_final_but_for_reopening() -> None:
    for (state, move), rule in REQUEST_TABLE.items():
        if state in FINAL_STATES and move is not _M.TRANSCRIBE:
            assert (state, move, rule.target) == (_S.CLOSED, _M.REOPEN, _S.IN_PROGRESS)


def test_every_condition_is_tested_and_used() -> None:
    assert set(TESTS) == set(Need)
    rules = [*REQUEST_TABLE.values(), *ORDER_TABLE.values()]
    assert {need for rule in rules for way in rule.ways for need in way.needs} == set(Need)


def test_moves_of_the_leads_order_exist_in_its_table() -> None:
    assert {move for _, move in ORDER_TABLE} == set(OrderMove)
    assert set(FOLLOWED.values()) <= set(OrderMove)
