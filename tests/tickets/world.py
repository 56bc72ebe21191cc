"""A district in small: requests that random people move, or try to, while the clock runs and stumbles."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from random import Random

import pytest

from hotline.errors import LocalProtocolError, Refused
from hotline.tickets.deciding import apply, decide, decide_due, decide_order, next_timer, open_request, replay
from hotline.tickets.duties import APART, AXIS, SYSTEM, Actor, Axis, Duty
from hotline.tickets.ledger import Row, append_step, read_step, walk
from hotline.tickets.limits import TimerKind
from hotline.tickets.order_moves import OPEN_ORDER_STATES, OrderMove
from hotline.tickets.priority import PRIORITIES
from hotline.tickets.request_moves import OWNERS, REQUEST_TABLE, STATE_TIMERS, RequestMove, RequestState
from hotline.tickets.service_request import Around, Given, ServiceRequest, Step
from tests.tickets.lives import NOW, SITE

UNITS = ("U1", "U2", "U3")
BACKSTOP = "U9"
SELDOM = {
    RequestMove.WITHDRAW,
    RequestMove.TRANSCRIBE,
    RequestMove.URGE,
    RequestMove.SUPPLEMENT,
    RequestMove.SPLIT,
}
MOVES = {
    state: sorted(move for origin, move in REQUEST_TABLE if origin is state and move not in SELDOM)
    for state in RequestState
}


class World:
    """Every step goes through the ledger; the requests are what was applied."""

    def __init__(self) -> None:
        self.at: datetime = NOW
        self.requests: dict[str, ServiceRequest] = {}
        self.rows: list[Row] = []
        self.made: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def open(self, rng: Random) -> None:
        number = str(len(self.requests) + 1)
        draft = ServiceRequest(number, rng.choice(PRIORITIES), rng.random() < 0.3)
        self.write(open_request(draft, SYSTEM, self.at, SITE))

    def write(self, step: Step) -> None:
        self.requests[step.number] = apply(self.requests.get(step.number), step)
        self.rows.append(append_step(self.rows[-1] if self.rows else None, step))
        self.made[step.move] += 1

    def act(self, rng: Random) -> None:
        """Let somebody try something with some request: mostly what the table holds, sometimes anything."""
        live = [request for request in self.requests.values() if request.is_open]
        request = rng.choice(live if live and rng.random() < 0.9 else [*self.requests.values()])
        moves = rng.choices([MOVES[request.state], sorted(SELDOM), list(RequestMove)], (85, 5, 10))[0]
        move = rng.choice(moves or list(RequestMove))
        if request.bounces and RequestMove.APPEAL_RETURN in moves and rng.random() < 0.5:
            move = RequestMove.APPEAL_RETURN  # else hardly anybody comes so far
        rule = REQUEST_TABLE.get((request.state, move))
        duty = rng.choice(sorted(rule.duties) if rule and rng.random() < 0.9 else list(Duty))
        try:
            if rng.random() < 0.2 and (orders := [o for o in request.orders if o.state in OPEN_ORDER_STATES]):
                order, work = rng.choice(orders), rng.choice(list(OrderMove))
                actor = self.actor(rng, rng.choice([Duty.UNIT, Duty.DISPATCHER]), order.unit)
                step = decide_order(
                    request, order.unit, work, actor, self.at, SITE, given=self.given(rng, request)
                )
            else:
                lead = request.lead.unit if request.lead else ""
                given = self.given(rng, request)
                step = decide(
                    request, move, self.actor(rng, duty, lead), self.at, SITE,
                    given=given, around=self.around(request, given),
                )  # fmt: skip
        except Refused as refusal:
            self.refused[refusal.code] += 1
            return
        self.write(step)
        if rng.random() < 0.1:  # a retry of what was written finds that it was
            with pytest.raises(LocalProtocolError):
                apply(self.requests[step.number], step)

    def actor(self, rng: Random, duty: Duty, unit: str) -> Actor:
        """Pick a person; few people with any duty, so that one often meets a request twice."""
        if duty is Duty.SYSTEM:
            return SYSTEM
        own = unit if rng.random() < 0.9 else rng.choice(UNITS)
        return Actor(f"p{rng.randrange(12)}", duty, own if AXIS[duty] is Axis.HANDLING else "")

    def given(self, rng: Random, request: ServiceRequest) -> Given:
        units = rng.sample(UNITS, 2)
        return Given(
            reason=rng.choice(["r", "r", "r", ""]),
            unit=request.ruled_unit or units[0],
            co_units=tuple(units[1:]) if rng.random() < 0.2 and not request.ruled_unit else (),
            outcome="done",
            text="t",
            source=rng.choice(["KB", ""]),
            is_complete=rng.random() < 0.9,
            passcode_shown=rng.random() < 0.5,
            parent=rng.choice([*self.requests]),
            review_at=self.at + timedelta(days=rng.randrange(1, 120)),
            extension=timedelta(hours=rng.randrange(1, 200)),
            solved=rng.choice([True, False, None]),
        )

    def around(self, request: ServiceRequest, given: Given) -> Around:
        parent = self.requests.get(request.parent or given.parent)
        return Around(
            parent=parent.state if parent else None,
            parent_lead=parent.lead.unit if parent and parent.lead else "",
            has_children=any(other.parent == request.number for other in self.requests.values()),
            backstop=BACKSTOP,
        )

    def wait(self, duration: timedelta) -> None:
        """Let time pass (or step back), and do what is due."""
        self.at += duration
        for number in [*self.requests]:
            self.follow_parent(self.requests[number])
            for _ in range(12):
                request = self.requests[number]
                step = decide_due(request, self.at, SITE)
                if step is None:
                    break
                self.write(step)
            else:
                raise AssertionError(f"time never rests with {request}")
            due = next_timer(self.requests[number], SITE)
            assert due is None or due > max(self.at, self.requests[number].last_at or self.at)

    def follow_parent(self, request: ServiceRequest) -> None:
        """Do what the product does when the request that another one was merged into has ended."""
        around = self.around(request, Given())
        ended = {RequestState.CLOSED: RequestMove.FOLLOW_PARENT, RequestState.WITHDRAWN: RequestMove.RELEASE,
                 RequestState.ANSWERED: RequestMove.RELEASE}  # fmt: skip
        if request.state is RequestState.MERGED and around.parent in ended:
            move = ended[around.parent]
            self.write(decide(request, move, SYSTEM, self.at, SITE, around=around))

    def crash(self) -> None:
        """Forget all but the rows."""
        kept = self.requests
        steps: dict[str, list[Step]] = {}
        for row in self.rows:
            step = read_step(row)
            steps.setdefault(step.number, []).append(step)
        self.requests = {number: replay(made) for number, made in steps.items()}
        assert self.requests == kept

    def check(self) -> None:
        for request in self.requests.values():
            axes: dict[str, set[Axis]] = {}
            for who, axis in request.acted:
                axes.setdefault(who, set()).add(axis)
            for walked in axes.values():
                assert not any(APART.get(axis, frozenset()) & walked for axis in walked), request
            if not request.is_open:
                continue
            owner = OWNERS[request.state]
            assert owner is not Duty.UNIT or request.lead is not None, f"orphan: {request}"
            kinds = {*STATE_TIMERS[request.state], TimerKind.HANDLE}
            assert any(t.kind in kinds and t.is_running for t in request.timers), f"no live timer: {request}"
            assert request.bounces <= SITE.limits.bounds.bounces
            assert request.extensions <= SITE.limits.bounds.extensions
            assert request.tries <= SITE.limits.bounds.follow_up_tries

    def check_chain(self) -> None:
        assert walk(self.rows, head=self.rows[-1].hash if self.rows else None) is None
