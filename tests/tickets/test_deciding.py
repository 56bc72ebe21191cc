"""Requests on their way: two axes on one request, bounded returns, extensions, lateness, merging."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hotline.errors import LocalProtocolError, Refused
from hotline.tickets import timers
from hotline.tickets.deciding import apply, decide, decide_due, next_timer
from hotline.tickets.duties import Actor, Duty
from hotline.tickets.limits import Level, TimerKind
from hotline.tickets.order_moves import OrderMove, OrderState
from hotline.tickets.request_moves import RequestMove, RequestState
from hotline.tickets.service_request import Around, Given
from tests.tickets.lives import CO, ENOUGH, NOW, SITE, D, H, Life, M

_S, _M, _D = RequestState, RequestMove, Duty


def refused(life: Life, move: RequestMove, who: Duty | Actor, given: Given = ENOUGH, **around: object) -> str:
    with pytest.raises(Refused) as refusal:
        life.move(move, who, given, Around(**around))  # type: ignore[arg-type]
    return f"{refusal.value.code}: {refusal.value}"


def run_out(life: Life, at: object) -> list[str]:
    """Let time pass; the moves that the product made."""
    life.at = at  # type: ignore[assignment]
    made = []
    while (step := decide_due(life.request, life.at, SITE)) is not None:
        life.request = apply(life.request, step)
        life.steps.append(step)
        made.append(step.move)
        assert len(made) < 10
    return made


@pytest.mark.parametrize("duty", [_D.REVIEWER, _D.SUPERVISOR, _D.VERIFIER, _D.FOLLOW_UP])
def test_who_handled_a_request_never_judges_it_under_another_duty(duty: Duty) -> None:
    life = Life.to(_S.REPLIED)
    move = {_D.REVIEWER: _M.APPROVE, _D.SUPERVISOR: _M.URGE}.get(duty)
    if move is None:
        life = Life.to(_S.VERIFYING if duty is _D.VERIFIER else _S.FOLLOW_UP)
        move = _M.APPROVE if duty is _D.VERIFIER else _M.CLOSE
    for person in ("unit-1", "dispatcher-1"):
        assert refused(life, move, Actor(person, duty)).startswith("duty: ")
    life.move(move, Actor("somebody else", duty))


def test_who_judged_a_request_never_dispatches_or_handles_it() -> None:
    life = Life.to(_S.ARBITRATION).move(_M.RULE_OTHER_UNIT, _D.SUPERVISOR, Given(reason="r", unit="U2"))
    assert refused(life, _M.DISPATCH, Actor("supervisor-1", _D.DISPATCHER)).startswith("duty: ")


def test_a_refusal_needs_a_second_person() -> None:
    life = Life.to(_S.REFUSAL_PROPOSED)
    assert "somebody else" in refused(life, _M.CONFIRM_REFUSAL, Actor("agent-1", _D.SHIFT_LEADER))
    life.move(_M.CONFIRM_REFUSAL, Actor("agent-2", _D.AGENT))


def test_another_unit_moves_nothing() -> None:
    life = Life.to(_S.DISPATCHED)
    assert "has the lead" in refused(life, _M.SIGN, CO)
    assert "has the lead" in refused(life, _M.SIGN, Actor("x", _D.UNIT))


def test_the_second_return_is_arbitrated_and_the_ruling_is_final() -> None:
    life = Life.to(_S.RETURN_REQUESTED).move(_M.GRANT_RETURN, _D.SHIFT_LEADER)
    assert life.request.lead is None
    assert life.request.timer(TimerKind.HANDLE) is not None  # the clock runs on
    life.move(_M.DISPATCH, _D.DISPATCHER, Given(unit="U2"))
    assert "not the last return" in refused(life, _M.REQUEST_RETURN, CO)
    life.move(_M.APPEAL_RETURN, CO).move(_M.RULE_OTHER_UNIT, _D.SUPERVISOR, Given(reason="nobody's"))
    assert life.request.ruled_unit == "U9"  # the backstop
    assert "ruled" in refused(life, _M.DISPATCH, _D.DISPATCHER, Given(unit="U1"))
    life.move(_M.DISPATCH, _D.DISPATCHER, Given(unit="U9"))
    assert "no ruling yet" in refused(life, _M.APPEAL_RETURN, Actor("x", _D.UNIT, "U9"))
    handle = life.request.timer(TimerKind.HANDLE)
    assert handle is not None
    assert handle.started_at == NOW


def test_a_ruling_for_the_same_unit_signs_for_it() -> None:
    life = Life.to(_S.DISPATCHED).move(_M.REQUEST_RETURN, _D.UNIT).move(_M.REJECT_RETURN, _D.SHIFT_LEADER)
    assert life.request.lead is not None
    assert life.request.lead.state is OrderState.SIGNED
    life.move(_M.APPEAL_RETURN, _D.UNIT).move(_M.RULE_SAME_UNIT, _D.SUPERVISOR)
    assert life.request.state is _S.SIGNED


def test_a_return_comes_too_late_after_its_time() -> None:
    life = Life.to(_S.SIGNED)
    life.at = NOW + D + M  # one working day later
    assert "within the time" in refused(life, _M.REQUEST_RETURN, _D.UNIT)


def test_an_unsigned_order_is_signed_by_the_product_with_an_alarm() -> None:
    life = Life.to(_S.DISPATCHED)
    assert next_timer(life.request, SITE) == NOW + 5 * H  # four working hours and lunch
    assert run_out(life, NOW + 5 * H - M) == []
    assert run_out(life, NOW + 5 * H) == ["escalate", "auto_sign"]
    assert life.request.lead is not None
    assert life.request.lead.state is OrderState.SIGNED


def test_lateness_climbs_once_per_level() -> None:
    life = Life.to(_S.IN_PROGRESS)
    assert run_out(life, NOW + 0.8 * 7 * D) == ["escalate"]
    assert life.request.level is Level.LIAISON
    assert next_timer(life.request, SITE) == NOW + 7 * D
    assert run_out(life, NOW + 60 * D) == ["escalate"]
    assert life.request.level is Level.DISTRICT_LEADER
    assert next_timer(life.request, SITE) is None


def test_extensions_end_with_the_second_and_with_twice_the_limit() -> None:
    life = Life.to(_S.IN_PROGRESS)
    ask = Given(reason="r", extension=4 * D)
    life.move(_M.REQUEST_EXTENSION, _D.UNIT, ask).move(_M.GRANT_EXTENSION, _D.REVIEWER)
    assert timers.due_at(life.request.timers[-1], SITE.clocks) == NOW + 11 * D
    assert "not longer than allowed" in refused(life, _M.REQUEST_EXTENSION, _D.UNIT, ask)
    life.move(_M.REQUEST_EXTENSION, _D.UNIT, Given(reason="r", extension=3 * D))
    assert "the first extension" in refused(life, _M.GRANT_EXTENSION, _D.REVIEWER)
    life.move(_M.GRANT_EXTENSION, _D.SUPERVISOR)
    assert timers.due_at(life.request.timers[-1], SITE.clocks) == NOW + 14 * D
    assert "one left" in refused(life, _M.REQUEST_EXTENSION, _D.UNIT)


def test_an_extension_is_asked_for_in_time() -> None:
    life = Life.to(_S.IN_PROGRESS)
    life.at = NOW + 0.8 * 7 * D
    assert "early enough" in refused(life, _M.REQUEST_EXTENSION, _D.UNIT)


def test_a_suspended_request_waits_for_its_day() -> None:
    life = Life.to(_S.SUSPENDED)
    handle = life.request.timer(TimerKind.HANDLE)
    assert handle is not None
    assert not handle.is_running
    assert next_timer(life.request, SITE) == NOW + 30 * D
    assert run_out(life, NOW + 30 * D) == ["escalate", "resume"]
    assert next_timer(life.request, SITE) == NOW + 30 * D + 0.8 * 7 * D


def test_nothing_is_suspended_for_longer_than_allowed() -> None:
    life = Life.to(_S.IN_PROGRESS)
    given = Given(reason="winter", review_at=NOW + 91 * D)
    assert "longest suspension" in refused(life, _M.REQUEST_SUSPENSION, _D.UNIT_LEADER, given)


def test_waiting_for_the_caller_stops_the_clock_and_her_answer_starts_it() -> None:
    life = Life.to(_S.WAITING)
    life.at = NOW + 2 * D
    life.move(_M.RESUME, _D.CALLER)
    assert next_timer(life.request, SITE) == NOW + 2 * D + 0.8 * 7 * D


def test_the_callers_no_orders_one_rework_and_then_supervision_decides() -> None:
    no = Given(solved=False)
    life = Life.to(_S.FOLLOW_UP)
    assert "fewer reworks" not in refused(life, _M.CLOSE, _D.FOLLOW_UP, no)
    life.move(_M.REWORK, _D.FOLLOW_UP, no)
    handle = life.request.timer(TimerKind.HANDLE)
    assert handle is not None
    assert handle.limit.length == 84 * H
    assert life.request.lead is not None
    assert life.request.lead.state is OrderState.IN_PROGRESS
    life.move(_M.REPLY, _D.UNIT).move(_M.APPROVE, _D.REVIEWER)
    assert "fewer reworks" in refused(life, _M.REWORK, _D.FOLLOW_UP, no)
    life.move(_M.REFER_UNSOLVED, _D.FOLLOW_UP, no).move(_M.REWORK, _D.SUPERVISOR)
    assert (life.request.reworks, life.request.level) == (2, Level.SUPERVISION_ORDER)


def test_a_caller_who_is_not_reached_three_times_ends_it() -> None:
    life = Life.to(_S.FOLLOW_UP)
    assert refused(life, _M.CLOSE, _D.FOLLOW_UP, Given()).startswith("input: ")
    for _ in range(3):
        life.move(_M.MISS_CALLER, _D.FOLLOW_UP)
    assert "a try is left" in refused(life, _M.MISS_CALLER, _D.FOLLOW_UP)
    assert life.move(_M.CLOSE, _D.FOLLOW_UP, Given()).request.state is _S.CLOSED


def test_a_closed_request_opens_again_within_fifteen_days() -> None:
    life = Life.to(_S.CLOSED)
    assert next_timer(life.request, SITE) is None
    assert "passcode" in refused(life, _M.REOPEN, _D.CALLER, Given())
    life.at = NOW + 15 * D
    assert "within the time" in refused(life, _M.REOPEN, _D.CALLER)
    life.move(_M.REOPEN, _D.SUPERVISOR)
    assert life.request.state is _S.IN_PROGRESS


def test_a_kind_that_is_checked_on_site_is_not_passed_at_the_desk() -> None:
    life = Life.to(_S.VERIFYING)
    life.move(_M.REWORK, _D.VERIFIER).move(_M.REPLY, _D.UNIT)
    assert "not checked on site" in refused(life, _M.APPROVE, _D.REVIEWER)


def test_a_co_handler_has_clocks_of_its_own_and_the_lead_waits_for_it() -> None:
    life = Life.to(_S.ACCEPTED).move(_M.DISPATCH, _D.DISPATCHER, Given(unit="U1", co_units=("U2",)))
    assert [t.kind for t in life.request.orders[1].timers] == [TimerKind.SIGN, TimerKind.HANDLE]
    life.move(_M.SIGN, _D.UNIT).move(_M.CONTACT, _D.UNIT)
    assert "every co-handler" in refused(life, _M.REPLY, _D.UNIT)
    life.move_order("U2", OrderMove.SIGN, CO).move_order("U2", OrderMove.BEGIN, CO)
    with pytest.raises(Refused, match="has the lead"):
        life.move_order("U2", OrderMove.FINISH, Actor("unit-1", _D.UNIT, "U1"))
    life.move_order("U2", OrderMove.FINISH, CO)
    assert life.request.orders[1].timers == ()
    with pytest.raises(Refused, match="no open part"):
        life.move_order("U2", OrderMove.FINISH, CO)
    life.move(_M.REPLY, _D.UNIT)


def test_a_unit_has_one_part_at_a_time() -> None:
    life = Life.to(_S.ACCEPTED)
    assert refused(life, _M.DISPATCH, _D.DISPATCHER, Given(unit="U1", co_units=("U1",))).startswith("input")
    assert refused(life, _M.DISPATCH, _D.DISPATCHER, Given()).startswith("input")


def test_a_merged_request_shares_the_result_and_asks_its_own_caller() -> None:
    life = Life.to(_S.MERGED)
    assert refused(life, _M.FOLLOW_PARENT, _D.SYSTEM, parent=_S.REPLIED).startswith("input: ")
    assert run_out(life, NOW + D) == ["look_at_parent"]
    life.move(_M.FOLLOW_PARENT, _D.SYSTEM, around=Around(parent=_S.CLOSED, parent_lead="U1"))
    life.move(_M.REWORK, _D.FOLLOW_UP, Given(solved=False))
    life.move(_M.REPLY, _D.UNIT)


def test_a_merged_request_stands_alone_when_the_other_one_is_gone() -> None:
    life = Life.to(_S.MERGED).move(_M.RELEASE, _D.SYSTEM, around=Around(parent=_S.WITHDRAWN))
    assert (life.request.state, life.request.parent) == (_S.ACCEPTED, "")


@pytest.mark.parametrize("parent", [_S.CLOSED, _S.MERGED, _S.DRAFT, None])
def test_nothing_is_merged_into_what_leads_nowhere(parent: RequestState | None) -> None:
    assert refused(Life.to(_S.ACCEPTED), _M.MERGE, _D.AGENT, parent=parent).startswith("input: ")


def test_withdrawing_takes_the_orders_back() -> None:
    life = Life.to(_S.ACCEPTED).move(_M.DISPATCH, _D.DISPATCHER, Given(unit="U1", co_units=("U2",)))
    life.move(_M.WITHDRAW, _D.CALLER)
    assert {order.state for order in life.request.orders} == {OrderState.RETURNED}
    assert life.request.timers == ()


def test_a_clock_that_steps_back_dates_the_step_like_the_last_one() -> None:
    life = Life.to(_S.SIGNED)
    life.at = NOW - 5 * D
    life.move(_M.CONTACT, _D.UNIT)
    assert life.steps[-1].at == NOW


def test_deciding_changes_nothing_by_itself() -> None:
    life = Life.to(_S.DISPATCHED)
    before = life.request
    step = decide(before, _M.SIGN, Actor("unit-1", _D.UNIT, "U1"), NOW, SITE)
    assert life.request == before
    after = apply(before, step)
    with pytest.raises(LocalProtocolError):  # the same step twice: a retry finds the next version
        apply(after, step)
    assert after.version == before.version + 1


def test_supervision_orders_and_urges_are_counted() -> None:
    life = Life.to(_S.IN_PROGRESS).move(_M.URGE, _D.CALLER).move(_M.ORDER_SUPERVISION, _D.SUPERVISOR)
    assert (life.request.urges, life.request.level) == (1, Level.SUPERVISION_ORDER)
    assert run_out(life, NOW + timedelta(days=6)) == []  # the lower levels know
