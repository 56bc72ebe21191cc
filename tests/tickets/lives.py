"""Builders for the tests of requests: a site, actors, and the shortest way to each state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hotline.tickets.calendar import WallClock
from hotline.tickets.calendar_file import parse_calendar
from hotline.tickets.conditions import Site
from hotline.tickets.deciding import apply, decide, decide_order, open_request
from hotline.tickets.duties import SYSTEM, Actor, Duty
from hotline.tickets.limits import Clocks
from hotline.tickets.limits_file import parse_limits
from hotline.tickets.order_moves import OrderMove
from hotline.tickets.request_moves import RequestMove, RequestState
from hotline.tickets.service_request import Around, Given, ServiceRequest, Step

CONFIG = Path(__file__).parents[2] / "config"
CALENDAR = parse_calendar((CONFIG / "calendar.toml").read_text(encoding="utf-8"))
LIMITS = parse_limits((CONFIG / "limits.toml").read_text(encoding="utf-8"), CALENDAR)
SITE = Site(LIMITS, Clocks(WallClock(), CALENDAR))
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)  # Monday, 9:00 in Beijing
M, H, D = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

ACTORS = {duty: Actor(f"{duty}-1", duty) for duty in Duty} | {
    Duty.SYSTEM: SYSTEM,
    Duty.UNIT: Actor("unit-1", Duty.UNIT, "U1"),
    Duty.UNIT_LEADER: Actor("unit_leader-1", Duty.UNIT_LEADER, "U1"),
}
CO = Actor("unit-2", Duty.UNIT, "U2")
ENOUGH = Given(
    reason="r", unit="U1", outcome="done", text="t", source="KB1", is_complete=True, passcode_shown=True,
    parent="P", review_at=NOW + 30 * D, extension=H, solved=True,
)  # fmt: skip

NEAR = Around(parent=RequestState.IN_PROGRESS, backstop="U9")

_S, _M, _D = RequestState, RequestMove, Duty
WAYS: dict[RequestState, tuple[tuple[RequestMove, Duty], ...]] = {
    _S.DRAFT: (),
    _S.REFUSAL_PROPOSED: ((_M.PROPOSE_REFUSAL, _D.AGENT),),
    _S.ACCEPTED: ((_M.ACCEPT, _D.AGENT),),
}
WAYS[_S.NOT_ACCEPTED] = (*WAYS[_S.REFUSAL_PROPOSED], (_M.CONFIRM_REFUSAL, _D.SHIFT_LEADER))
WAYS[_S.ANSWERED] = ((_M.ANSWER, _D.AGENT),)
WAYS[_S.MERGED] = (*WAYS[_S.ACCEPTED], (_M.MERGE, _D.AGENT))
WAYS[_S.WITHDRAWN] = (*WAYS[_S.ACCEPTED], (_M.WITHDRAW, _D.CALLER))
WAYS[_S.DISPATCHED] = (*WAYS[_S.ACCEPTED], (_M.DISPATCH, _D.DISPATCHER))
WAYS[_S.SIGNED] = (*WAYS[_S.DISPATCHED], (_M.SIGN, _D.UNIT))
WAYS[_S.RETURN_REQUESTED] = (*WAYS[_S.SIGNED], (_M.REQUEST_RETURN, _D.UNIT))
WAYS[_S.ARBITRATION] = (
    *WAYS[_S.RETURN_REQUESTED], (_M.REJECT_RETURN, _D.SHIFT_LEADER), (_M.APPEAL_RETURN, _D.UNIT),
)  # fmt: skip
WAYS[_S.IN_PROGRESS] = (*WAYS[_S.SIGNED], (_M.CONTACT, _D.UNIT))
WAYS[_S.WAITING] = (*WAYS[_S.IN_PROGRESS], (_M.WAIT_FOR_CALLER, _D.UNIT))
WAYS[_S.EXTENSION_REQUESTED] = (*WAYS[_S.IN_PROGRESS], (_M.REQUEST_EXTENSION, _D.UNIT))
WAYS[_S.SUSPENSION_REQUESTED] = (*WAYS[_S.IN_PROGRESS], (_M.REQUEST_SUSPENSION, _D.UNIT_LEADER))
WAYS[_S.SUSPENDED] = (*WAYS[_S.SUSPENSION_REQUESTED], (_M.GRANT_SUSPENSION, _D.SUPERVISOR))
WAYS[_S.REPLIED] = (*WAYS[_S.IN_PROGRESS], (_M.REPLY, _D.UNIT))
WAYS[_S.VERIFYING] = (*WAYS[_S.REPLIED], (_M.SEND_TO_VERIFY, _D.REVIEWER))
WAYS[_S.FOLLOW_UP] = (*WAYS[_S.REPLIED], (_M.APPROVE, _D.REVIEWER))
WAYS[_S.CLOSED] = (*WAYS[_S.FOLLOW_UP], (_M.CLOSE, _D.FOLLOW_UP))
WAYS[_S.UNSOLVED] = WAYS[_S.FOLLOW_UP]  # and twice "not solved", see Life.at


class Life:
    """One request that is moved step by step; every step goes through apply."""

    def __init__(self, priority: str = "P3", *, needs_site_check: bool = False, at: datetime = NOW) -> None:
        self.at = at
        self.steps: list[Step] = []
        draft = ServiceRequest("1", priority, needs_site_check)
        self.steps.append(open_request(draft, SYSTEM, at, SITE))
        self.request = apply(None, self.steps[0])

    @classmethod
    def to(cls, state: RequestState, priority: str = "P3") -> Life:
        life = cls(priority, needs_site_check=state is _S.VERIFYING)
        for move, duty in WAYS[state]:
            life.move(move, duty)
        if state is _S.UNSOLVED:
            life.move(_M.REWORK, _D.FOLLOW_UP, Given(solved=False))
            life.move(_M.REPLY, _D.UNIT).move(_M.APPROVE, _D.REVIEWER)
            life.move(_M.REFER_UNSOLVED, _D.FOLLOW_UP, Given(solved=False))
        assert life.request.state is state
        return life

    def move(
        self,
        move: RequestMove,
        who: Duty | Actor,
        given: Given = ENOUGH,
        around: Around = NEAR,
    ) -> Life:
        actor = ACTORS[who] if isinstance(who, Duty) else who
        self._take(decide(self.request, move, actor, self.at, SITE, given=given, around=around))
        return self

    def move_order(self, unit: str, move: OrderMove, actor: Actor, given: Given = ENOUGH) -> Life:
        self._take(decide_order(self.request, unit, move, actor, self.at, SITE, given=given))
        return self

    def _take(self, step: Step) -> None:
        self.steps.append(step)
        self.request = apply(self.request, step)
