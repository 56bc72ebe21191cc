"""Figures from steps: the district's own of 2009, each formula by hand, and a recount by other means."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.indicators.counting import THREE_RATES, Figure, Weights, count, find_repeats, league, quantile
from hotline.indicators.facts import (
    By,
    CallFacts,
    Facts,
    NoticeFacts,
    RequestFacts,
    ShiftFacts,
    TargetFacts,
    Window,
)
from hotline.indicators.formulas import BY_CODE, FORMULAS
from hotline.indicators.reading import Regions, read_requests
from hotline.tickets.deciding import replay
from hotline.tickets.duties import Duty
from hotline.tickets.ledger import read_step
from hotline.tickets.request_moves import OPEN_STATES, RequestMove, RequestState
from hotline.tickets.service_request import Given, Step
from tests.tickets.lives import NOW, SITE, D, H, Life, M
from tests.tickets.test_world import World

_M, _D = RequestMove, Duty
NOWHERE = Regions({"110101005": None, "110101005001": "110101005"})
YEAR = Window(NOW - 365 * D, NOW + 365 * D, NOW + 365 * D, SITE.clocks)


def figures(
    facts: Facts, window: Window = YEAR, by: By = By.ALL, group: str = "all", **more
) -> dict[str, Figure]:
    return {f.code: f for f in count(facts, window, by, **more) if f.group == group}


def of(*lives: Life) -> Facts:
    steps = [step for life in lives for step in numbered(life)]
    return Facts(read_requests(steps, SITE.clocks, NOWHERE))


def numbered(life: Life) -> list[Step]:
    name = str(id(life))
    return [replace(step, number=name) for step in life.steps]


def plain_steps(number: str, opened: datetime, handled: timedelta, *, is_closed: bool) -> list[Step]:
    """What a request leaves in the ledger, as far as figures read it."""

    def step(at: datetime, move: str, state: str, **changed: object) -> Step:
        return Step(number, at, "wang", "agent", move, "", state, changed={"state": state, **changed})

    order = {"unit": "U1", "part": "lead", "state": "dispatched", "timers": []}
    found = [
        step(opened, "open", "draft", timers=[], orders=[], priority="P3"),
        step(opened, "accept", "accepted"),
        step(opened, "dispatch", "dispatched", orders=[order]),
    ]
    if is_closed:
        found += [
            step(opened, "contact", "in_progress", orders=[{**order, "state": "in_progress"}]),
            step(opened + handled, "reply", "replied", orders=[{**order, "state": "done"}]),
            step(opened + handled, "approve", "follow_up"),
            step(opened + handled + H, "close", "closed"),
        ]
    return found


def test_the_figures_of_the_olympic_weeks_come_out() -> None:
    """District report of 2009: 5,591 filed, 5,436 closed, 97.23 %; handled in 6.5 h on the mean."""
    start, steps = datetime(2008, 7, 20, tzinfo=UTC), []
    for n in range(5_591):
        spread = timedelta(minutes=(n % 2 * 2 - 1) * (n // 2 % 300)) if n < 5_400 else timedelta(0)
        steps += plain_steps(str(n), start + n * M * 11, 6.5 * H + spread, is_closed=n < 5_436)
    facts = Facts(read_requests(steps, SITE.clocks, NOWHERE))
    found = figures(facts, Window(start, start + 60 * D, start + 60 * D, SITE.clocks))
    assert (found["closing"].numerator, found["closing"].denominator) == (5_436, 5_591)
    assert f"{found['closing'].value:.2%}" == "97.23%"
    assert found["filed"].numerator == 5_591
    assert found["handling_mean"].value == pytest.approx(6.5 * 3600)
    assert found["handling_mean"].denominator == 5_436


def test_a_request_that_went_its_way_counts_in_every_rate() -> None:
    life = Life("P3")
    life.move(_M.EDIT, _D.AGENT, Given(kind="0201", region="110101005001")).move(_M.ACCEPT, _D.AGENT)
    life.at += 10 * M
    life.move(_M.DISPATCH, _D.DISPATCHER)
    life.at += 20 * M
    life.move(_M.SIGN, _D.UNIT)
    life.at += H
    life.move(_M.CONTACT, _D.UNIT)
    life.at += 5 * H
    life.move(_M.REPLY, _D.UNIT).move(_M.APPROVE, _D.REVIEWER).move(_M.CLOSE, _D.FOLLOW_UP)
    facts = of(life)
    (request,) = facts.requests
    assert (request.street, request.community, request.kind) == ("110101005", "110101005001", "0201")
    assert (request.unit, request.agent) == ("U1", "agent-1")
    assert request.handled_wall == 6 * H + 20 * M
    found = figures(facts)
    for code in (
        "closing",
        "dispatch_accuracy",
        "signed_in_time",
        "response",
        "solved",
        "in_time",
        "reached",
    ):
        assert (found[code].numerator, found[code].denominator) == (1, 1), code
    assert found["orphans"].denominator == 0
    assert figures(facts, by=By.STREET, group="110101005")["closing"].value == 1
    assert figures(facts, by=By.COMMUNITY, group="110101005001")["closing"].value == 1
    assert figures(facts, by=By.AGENT, group="agent-1")["closing"].value == 1
    assert figures(facts, by=By.UNIT, group="U1")["signed_in_time"].value == 1


def test_time_that_waits_for_the_caller_is_nobodys() -> None:
    life = Life.to(RequestState.IN_PROGRESS)
    life.at += H
    life.move(_M.WAIT_FOR_CALLER, _D.UNIT)
    life.at += 3 * H
    life.move(_M.RESUME, _D.UNIT)
    life.at += 2 * H
    life.move(_M.REPLY, _D.UNIT)
    (request,) = of(life).requests
    assert request.handled_wall == 3 * H


def test_what_is_signed_by_the_clock_or_late_is_not_in_time() -> None:
    by_clock = Life.to(RequestState.DISPATCHED)
    by_clock.at += 30 * D
    by_clock.move(_M.AUTO_SIGN, _D.SYSTEM)
    late = Life.to(RequestState.DISPATCHED)
    late.at += 30 * D
    late.move(_M.SIGN, _D.UNIT)
    waiting = Life.to(RequestState.DISPATCHED)
    facts = of(by_clock, late, waiting)
    assert (figures(facts)["signed_in_time"].numerator, figures(facts)["signed_in_time"].denominator) == (
        0,
        3,
    )
    soon = Window(YEAR.start, YEAR.end, NOW + M, SITE.clocks)
    assert figures(of(waiting), soon)["signed_in_time"].denominator == 0


def test_a_granted_return_is_a_wrong_dispatch() -> None:
    life = Life.to(RequestState.RETURN_REQUESTED)
    life.move(_M.GRANT_RETURN, _D.SHIFT_LEADER).move(_M.DISPATCH, _D.DISPATCHER, Given(unit="U2"))
    kept = Life.to(RequestState.RETURN_REQUESTED)
    kept.move(_M.REJECT_RETURN, _D.SHIFT_LEADER)
    found = figures(of(life, kept))
    assert (found["dispatch_accuracy"].numerator, found["dispatch_accuracy"].denominator) == (2, 3)
    assert (found["returned"].numerator, found["returned"].denominator) == (1, 3)


def test_reworks_unsolved_and_the_three_rates() -> None:
    life = Life.to(RequestState.FOLLOW_UP)
    life.move(_M.REWORK, _D.FOLLOW_UP, Given(solved=False)).move(_M.REPLY, _D.UNIT)
    life.move(_M.APPROVE, _D.REVIEWER).move(_M.CLOSE, _D.FOLLOW_UP)
    facts = of(life, Life.to(RequestState.CLOSED), Life.to(RequestState.UNSOLVED))
    for request in facts.requests:
        request.satisfaction = "satisfied"
    found = figures(facts)
    assert (found["rework"].numerator, found["rework"].denominator) == (1, 2)
    assert (found["solved"].numerator, found["solved"].denominator) == (2, 3)
    assert found[THREE_RATES].value == pytest.approx(30 + 35 * 2 / 3 + 35, abs=0.01)
    left_out = Weights(excluded_outcomes=frozenset({"done"}))
    found = figures(facts, weights=left_out)
    assert (found["solved"].denominator, found["solved_excluded"].numerator) == (2, 1)


def test_what_comes_back_is_found_by_person_and_by_place() -> None:
    def request(number: str, day: int, **more: str) -> RequestFacts:
        at = NOW + day * D
        return RequestFacts(
            number,
            at,
            kind="0201",
            accepted_at=at,
            closed_at=at + H,
            answered_at=at + H,
            is_open=False,
            **more,
        )

    facts = Facts(
        [
            request("1", 0, person="p"),
            request("2", 5, person="p"),
            request("3", 0, place="x"),
            request("4", 20, place="x"),
        ]
    )
    assert set(find_repeats(facts.requests)) == {"1", "3"}
    found = figures(facts)
    assert (found["repeat"].numerator, found["repeat"].denominator) == (2, 4)
    assert (found["direct_answer"].numerator, found["direct_answer"].denominator) == (3, 4)


def test_calls_letters_and_campaigns() -> None:
    def call(wait: float | None, ended: float, **more: object) -> CallFacts:
        agent_at = NOW + timedelta(seconds=wait) if wait is not None else None
        return CallFacts(NOW, NOW, agent_at, NOW + timedelta(seconds=ended), "li", **more)

    facts = Facts(
        calls=[
            call(10, 110, wrap_s=20),
            call(40, 100, wrap_s=20),
            call(None, 3),
            call(None, 30),
            call(None, 50, is_served=True),
        ],
        shifts=[ShiftFacts("li", NOW, 1000)],
        notices=[NoticeFacts(NOW, "U1", "mail", state) for state in ("sent", "failed", "queued")],
        targets=[TargetFacts(NOW, "S", True, False), TargetFacts(NOW, "S", False, False)],
    )
    found = figures(facts)
    pairs = {code: (found[code].numerator, found[code].denominator) for code in found}
    assert pairs["connected"] == (3, 5)
    assert pairs["answered_15s"] == (1, 5)
    assert pairs["abandoned"] == (1, 5)
    assert pairs["abandoned_at_once"] == (1, 5)
    assert found["wait"].value == 25
    assert found["talk"].value == 80
    assert pairs["occupancy"] == (200, 1000)
    assert pairs["delivered"] == (1, 2)
    assert pairs["acknowledged"] == (1, 2)
    assert pairs["self_checked"] == (0, 2)


def test_figures_equal_a_recount_of_a_district_in_which_anything_happens() -> None:
    rng = random.Random(7)
    world = World()
    for _ in range(40):
        world.open(rng)
    for _ in range(1_500):
        world.act(rng)
        if rng.random() < 0.2:
            world.wait(timedelta(hours=rng.randrange(1, 30)))
    steps = [read_step(row) for row in world.rows]
    window = Window(NOW - D, world.at + D, world.at + D, SITE.clocks)
    facts = Facts(read_requests(steps, SITE.clocks, NOWHERE))
    found = figures(facts, window)
    by_number: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        by_number[step.number].append(step)
    lives = {number: replay(made) for number, made in by_number.items()}
    opened = [life for life in lives.values() if life.state in OPEN_STATES]
    assert found["orphans"].denominator == len(opened)
    assert found["orphans"].numerator == 0
    dispatches = sum(len(life.orders) for life in lives.values() if life.orders)
    followed = sum(step.move == "follow_parent" for step in steps)
    assert found["dispatch_accuracy"].denominator == dispatches
    granted = sum(step.move in {"grant_return", "rule_other_unit"} for step in steps)
    assert found["returned"].numerator == granted
    assert followed <= dispatches
    closed = [life for life in lives.values() if life.state in {"closed", "answered"}]
    assert found["rework"].denominator == len(closed)
    assert found["rework"].numerator == sum(life.reworks for life in closed)
    replied = {step.number for step in steps if step.move == "reply"}
    assert found["extension"].denominator == len(replied)
    asked = {
        s.number: s
        for s in steps
        if s.origin == "follow_up" and s.move in {"close", "rework", "refer_unsolved"}
    }
    assert found["reached"].denominator == len(asked)
    assert found["reached"].numerator == sum(s.said.get("solved") is not None for s in asked.values())
    assert found["solved"].numerator == sum(s.said.get("solved") is True for s in asked.values())
    first_checks = {}
    for step in steps:
        if step.origin == "verifying" and step.target != "verifying":
            first_checks.setdefault(step.number, step.move)
    assert found["verified"].denominator == len(first_checks)
    assert found["verified"].numerator == sum(move == "approve" for move in first_checks.values())


@given(st.lists(st.integers(0, 1000), min_size=1), st.integers(1, 100))
def test_a_quantile_is_not_exceeded_by_its_share(values: list[int], percent: int) -> None:
    found = quantile(sorted(values), percent)
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert found in values


def test_league_ranks_the_best_first_and_lists_who_has_nothing() -> None:
    rows = [
        Figure("solved", 1, By.STREET, g, n, d)
        for g, n, d in (("A", 1, 2), ("B", 2, 2), ("C", 4, 4), ("D", 0, 0))
    ]
    assert [(r.place, r.group) for r in league(rows, "solved")] == [(1, "B"), (1, "C"), (3, "A"), (0, "D")]
    assert [r.group for r in league(rows, "solved", low_is_better=True)][:1] == ["A"]


def test_every_formula_has_a_code_of_its_own_and_says_what_it_counts() -> None:
    assert len(BY_CODE) == len(FORMULAS)
    assert all(formula.says and formula.name and formula.version >= 1 for formula in FORMULAS)


def test_weights_that_weigh_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="weights"):
        Weights(0, 0, 0)
