"""A year of a district: 40,000 requests through the real tables, with the calendar and the ladder.

Run ``python benchmarks/request_year.py [count]``. Every step goes through ``decide``, ``apply`` and the
ledger, as in the store; deadlines are found as the product finds them, in the order in which they are
due. At the end the chain is walked, every request is recomputed from its rows, and what was counted on the
way is counted once more from the rows alone. Limit: 60 s of processor time for 40,000 requests on one core.
"""

from __future__ import annotations

import heapq
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from hotline.tickets.calendar import WallClock
from hotline.tickets.calendar_file import parse_calendar
from hotline.tickets.conditions import Site
from hotline.tickets.deciding import apply, decide, decide_due, next_timer, open_request
from hotline.tickets.duties import SYSTEM, Actor, Duty
from hotline.tickets.ledger import Row, append_step, read_step, walk
from hotline.tickets.limits import Clocks, Level
from hotline.tickets.limits_file import parse_limits
from hotline.tickets.request_moves import RequestMove, RequestState
from hotline.tickets.service_request import ALONE, Given, ServiceRequest, Step

LIMIT_S = 60.0
YEAR = timedelta(days=365)
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
UNITS = [f"U{n}" for n in range(17)]
PRIORITIES = ["P1"] * 2 + ["P2"] * 18 + ["P3"] * 60 + ["P4"] * 20
_M, _S, _D = RequestMove, RequestState, Duty
GIVEN = Given(reason="理由", outcome="solved", text="已办理", source="KB1", is_complete=True)


def read_site() -> Site:
    """Read the shipped limits and calendar."""
    config = Path(__file__).parent.parent / "config"
    calendar = parse_calendar((config / "calendar.toml").read_text(encoding="utf-8"))
    limits = parse_limits((config / "limits.toml").read_text(encoding="utf-8"), calendar)
    return Site(limits, Clocks(WallClock(), calendar))


class Year:
    """One simulated year; people act after delays, time acts when it is due."""

    def __init__(self, count: int, seed: int = 96156) -> None:
        self.site, self.rng = read_site(), Random(seed)
        self.requests: dict[str, ServiceRequest] = {}
        self.rows: list[Row] = []
        self.moves: Counter[str] = Counter()
        self.closed_late = self.closed = 0
        self._agenda: list[tuple[datetime, int, str, str]] = []
        self._order = 0
        for number in range(count):
            self._plan(BEGIN + YEAR * self.rng.random(), "open", str(number))

    def _plan(self, at: datetime, what: str, number: str) -> None:
        self._order += 1
        heapq.heappush(self._agenda, (at, self._order, what, number))

    def run(self) -> None:
        """Live through it, and on until all is at rest."""
        while self._agenda:
            at, _, what, number = heapq.heappop(self._agenda)
            if what == "open":
                draft = ServiceRequest(number, self.rng.choice(PRIORITIES), self.rng.random() < 0.3)
                self._write(open_request(draft, SYSTEM, at, self.site))
                self._think(number, at)
            elif what == "due":
                self._due(number, at)
            else:
                self._act(number, at)

    def _write(self, step: Step) -> None:
        after = self.requests[step.number] = apply(self.requests.get(step.number), step)
        self.rows.append(append_step(self.rows[-1] if self.rows else None, step))
        self.moves[step.move] += 1
        if step.move == _M.CLOSE:
            self.closed += 1
            self.closed_late += after.level >= Level.UNIT_LEADER
        due = next_timer(after, self.site)
        if due is not None:
            self._plan(due, "due", step.number)

    def _due(self, number: str, at: datetime) -> None:
        was = self.requests[number]
        while (step := decide_due(self.requests[number], at, self.site)) is not None:
            self._write(step)
        if self.requests[number].state is not was.state:
            self._think(number, at)

    def _think(self, number: str, at: datetime) -> None:
        if self.requests[number].is_open:
            hours = self.rng.expovariate(1 / 12) if self.rng.random() < 0.8 else self.rng.expovariate(1 / 200)
            self._plan(at + timedelta(hours=hours), "act", number)

    def _act(self, number: str, at: datetime) -> None:
        request, rng = self.requests[number], self.rng
        if not request.is_open:
            return
        way = self._choose(request)
        if way is None:
            return
        move, duty, changes = way
        lead = request.lead.unit if request.lead else ""
        actor = Actor(f"{duty}-{lead or rng.randrange(9)}", duty, lead if duty in _UNIT else "")
        given = replace(GIVEN, **changes) if changes else GIVEN
        self._write(decide(request, move, actor, at, self.site, given=given, around=ALONE))
        self._think(number, at)

    def _choose(  # noqa: C901 - one line a state
        self, request: ServiceRequest
    ) -> tuple[RequestMove, Duty, dict[str, Any]] | None:
        roll, bounds = self.rng.random(), self.site.limits.bounds
        unit = {"unit": request.ruled_unit or self.rng.choice(UNITS)}
        match request.state:
            case _S.DRAFT:
                return (_M.ACCEPT, _D.AGENT, {}) if roll < 0.9 else (_M.ANSWER, _D.AGENT, {})
            case _S.ACCEPTED:
                return _M.DISPATCH, _D.DISPATCHER, unit
            case _S.DISPATCHED:
                return _M.SIGN, _D.UNIT, {}
            case _S.SIGNED:
                return _M.CONTACT, _D.UNIT, {}
            case _S.IN_PROGRESS if roll < 0.06 and not request.tries:
                return _M.WAIT_FOR_CALLER, _D.UNIT, {}
            case _S.IN_PROGRESS:
                return _M.REPLY, _D.UNIT_LEADER, {}
            case _S.WAITING:
                return _M.RESUME, _D.UNIT, {}
            case _S.REPLIED if request.needs_site_check:
                return _M.SEND_TO_VERIFY, _D.REVIEWER, {}
            case _S.REPLIED:
                return (_M.APPROVE if roll < 0.95 else _M.REWORK), _D.REVIEWER, {}
            case _S.VERIFYING:
                return (_M.APPROVE if roll < 0.9 else _M.REWORK), _D.VERIFIER, {}
            case _S.FOLLOW_UP if request.tries >= bounds.follow_up_tries or roll < 0.7:
                return _M.CLOSE, _D.FOLLOW_UP, {"solved": True}
            case _S.FOLLOW_UP if roll < 0.85:
                return _M.MISS_CALLER, _D.FOLLOW_UP, {}
            case _S.FOLLOW_UP:
                is_last = request.reworks >= bounds.reworks
                return (_M.REFER_UNSOLVED if is_last else _M.REWORK), _D.FOLLOW_UP, {"solved": False}
            case _S.UNSOLVED:
                return _M.CLOSE, _D.SUPERVISOR, {}
            case _:
                return None


_UNIT = frozenset({_D.UNIT, _D.UNIT_LEADER})


def recount(rows: list[Row]) -> tuple[Counter[str], int, int, dict[str, str]]:
    """Count once more from the rows alone, without the tables: moves, closed, closed late, states."""
    moves: Counter[str] = Counter()
    levels: dict[str, int] = {}
    states: dict[str, str] = {}
    closed = late = 0
    for row in rows:
        step = read_step(row)
        moves[step.move] += 1
        levels[step.number] = step.changed.get("level", levels.get(step.number, 0))
        states[step.number] = step.changed.get("state", states.get(step.number, ""))
        if step.move == "close":
            closed += 1
            late += levels[step.number] >= Level.UNIT_LEADER
    return moves, closed, late, states


def check(year: Year) -> None:
    """Hold what was counted on the way against the rows; the chain must be whole.

    :raises AssertionError: when it does not fit.
    """
    broken = walk(year.rows, head=year.rows[-1].hash)
    moves, closed, late, states = recount(year.rows)
    told = {number: request.state.value for number, request in year.requests.items()}
    if broken or moves != year.moves or (closed, late) != (year.closed, year.closed_late) or states != told:
        raise AssertionError(f"the rows tell otherwise: {broken}")


def main() -> int:
    """Measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40_000
    began = time.process_time()
    year = Year(count)
    year.run()
    lived = time.process_time() - began
    check(year)
    checked = time.process_time() - began - lived
    share = lived / count * 40_000
    print(f"{count} requests, {len(year.rows)} steps: {lived:.1f} s; {share:.1f} s for 40,000")
    print(
        f"walked, recomputed and recounted in {checked:.1f} s; {year.closed} closed, {year.closed_late} late"
    )
    print(", ".join(f"{move} {n}" for move, n in sorted(year.moves.items())))
    return 0 if share <= LIMIT_S else 1


if __name__ == "__main__":
    sys.exit(main())
