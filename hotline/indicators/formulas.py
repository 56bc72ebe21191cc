"""The table of formulas: what each figure counts, over what, and in which version.

A formula is never changed: a new wording is a new version, and figures that were kept name the version
that made them. Shares keep numerator and denominator; a percentage alone tells nobody how many it is of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from hotline.indicators.facts import (
    CallFacts,
    Facts,
    NoticeFacts,
    OrderFacts,
    RequestFacts,
    ShiftFacts,
    TargetFacts,
    Window,
)
from hotline.tickets import timers

SHORT_WAIT: Final = timedelta(seconds=15)
"""GB/T 33358-2016: an agent answers within 15 s."""
SHORT_ABANDON: Final = timedelta(seconds=5)
"""Who hangs up sooner did not wait."""
SAME_MATTER: Final = timedelta(days=7)
REPEATED: Final = timedelta(days=30)
SATISFIED: Final = frozenset({"very", "satisfied", "basically"})
DELIVERED: Final = frozenset({"sent", "delivered", "acknowledged"})
ENDED_LETTERS: Final = DELIVERED | {"failed"}

Part = tuple[int, int]
"""What one fact adds to numerator and denominator."""


class Stat(StrEnum):
    """How the parts become a figure."""

    SHARE = "share"
    """Numerator by denominator, as a share of one."""
    MEAN = "mean"
    """Sum of seconds by count."""
    MEDIAN = "median"
    P90 = "p90"
    COUNT = "count"


class Better(StrEnum):
    """Which way a figure is better."""

    HIGH = "high"
    LOW = "low"
    NEITHER = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What a formula may look at besides the one fact."""

    window: Window
    repeats: Mapping[str, datetime]
    """By number: when the same person or place came back with the same kind, after its end, first."""
    excluded_outcomes: frozenset[str] = frozenset()
    """Outcomes that the site leaves out of the solved rate; they are listed beside it."""


@dataclass(frozen=True, slots=True)
class Formula:
    """One indicator."""

    code: str
    version: int
    name: str
    """English; the console's catalogue has the Chinese."""
    says: str
    """What is counted over what."""
    of: Callable[[Facts], Iterable[Any]]
    part: Callable[[Any, Context], Part | None]
    """What one fact adds; None: nothing. Of medians the value in seconds and 1."""
    stat: Stat = Stat.SHARE
    better: Better = Better.HIGH
    target: float | None = None
    """Share or seconds that somebody set; see ``source``."""
    source: str = ""


# -- calls --------------------------------------------------------------------------------------------
def _offered(call: CallFacts, c: Context) -> Part | None:
    if not c.window.holds(call.offered_at):
        return None
    return int(call.agent_at is not None or call.is_served), 1


def _within_15_s(call: CallFacts, c: Context) -> Part | None:
    if call.queued_at is None or not c.window.holds(call.offered_at):
        return None
    return int(call.agent_at is not None and call.agent_at - call.queued_at <= SHORT_WAIT), 1


def _waited_in_vain(call: CallFacts) -> timedelta | None:
    if call.queued_at is None or call.agent_at is not None or call.is_served or call.ended_at is None:
        return None
    return call.ended_at - call.queued_at


def _abandoned(call: CallFacts, c: Context) -> Part | None:
    if call.queued_at is None or not c.window.holds(call.offered_at):
        return None
    waited = _waited_in_vain(call)
    return int(waited is not None and waited > SHORT_ABANDON), 1


def _abandoned_at_once(call: CallFacts, c: Context) -> Part | None:
    if call.queued_at is None or not c.window.holds(call.offered_at):
        return None
    waited = _waited_in_vain(call)
    return int(waited is not None and waited <= SHORT_ABANDON), 1


def _wait(call: CallFacts, c: Context) -> Part | None:
    if call.agent_at is None or not c.window.holds(call.offered_at):
        return None
    return _seconds(call.agent_at - (call.queued_at or call.offered_at)), 1


def _talk(call: CallFacts, c: Context) -> Part | None:
    if call.agent_at is None or call.ended_at is None or not c.window.holds(call.offered_at):
        return None
    return _seconds(call.ended_at - call.agent_at), 1


def _wrap(call: CallFacts, c: Context) -> Part | None:
    if call.agent_at is None or not c.window.holds(call.offered_at):
        return None
    return call.wrap_s, 1


def _occupied(fact: CallFacts | ShiftFacts, c: Context) -> Part | None:
    if isinstance(fact, ShiftFacts):
        return (0, fact.seconds) if c.window.holds(fact.start) else None
    talk = _talk(fact, c)
    return (talk[0] + fact.wrap_s, 0) if talk is not None else None


# -- requests -----------------------------------------------------------------------------------------
def _filed(request: RequestFacts, c: Context) -> Part | None:
    """Count what was filed in the period and not taken back by its caller."""
    if not c.window.holds(request.accepted_at) or request.withdrawn_at is not None:
        return None
    return 1, 1


def _closed(request: RequestFacts, c: Context) -> Part | None:
    if _filed(request, c) is None:
        return None
    return int(request.closed_at is not None and request.closed_at <= c.window.until), 1


def _answered_directly(request: RequestFacts, c: Context) -> Part | None:
    if _filed(request, c) is None:
        return None
    again = c.repeats.get(request.number)
    at = request.answered_at
    return int(at is not None and (again is None or again - at > SAME_MATTER)), 1


def _draft_kept(request: RequestFacts, c: Context) -> Part | None:
    if request.is_draft_kept is None or not request.is_voice or not c.window.holds(request.accepted_at):
        return None
    return int(request.is_draft_kept), 1


def _contacted(request: RequestFacts, c: Context) -> Part | None:
    if not c.window.holds(request.surveyed_at) or not request.is_reached:
        return None
    return int(request.contacted_at is not None and request.is_contacted_in_time), 1


def _solved(request: RequestFacts, c: Context) -> Part | None:
    if not c.window.holds(request.surveyed_at) or request.is_solved is None:
        return None
    if not request.is_solved and request.outcome in c.excluded_outcomes:
        return None
    return int(request.is_solved), 1


def _excluded(request: RequestFacts, c: Context) -> Part | None:
    if not c.window.holds(request.surveyed_at) or request.is_solved is None:
        return None
    return int(not request.is_solved and request.outcome in c.excluded_outcomes), 1


def _satisfied(request: RequestFacts, c: Context) -> Part | None:
    if not c.window.holds(request.surveyed_at) or not request.satisfaction:
        return None
    return int(request.satisfaction in SATISFIED), 1


def _reached(request: RequestFacts, c: Context) -> Part | None:
    if not c.window.holds(request.surveyed_at):
        return None
    return int(request.is_reached), 1


def _in_time(request: RequestFacts, c: Context) -> Part | None:
    """Take those whose limit falls into the period; a reply counts, and so does a close without one."""
    due = request.due_at
    if due is None or request.withdrawn_at is not None or not c.window.start <= due < c.window.end:
        return None
    if request.replied_at is not None and request.replied_at <= c.window.until:
        return int(request.is_replied_in_time), 1
    if request.closed_at is not None and request.closed_at <= due:
        return 1, 1
    return (0, 1) if due <= c.window.until else None


def _handled_wall(request: RequestFacts, c: Context) -> Part | None:
    return (_seconds(request.handled_wall), 1) if c.window.holds(request.replied_at) else None


def _handled_working(request: RequestFacts, c: Context) -> Part | None:
    return (_seconds(request.handled_working), 1) if c.window.holds(request.replied_at) else None


def _reworked(request: RequestFacts, c: Context) -> Part | None:
    return (request.reworks, 1) if c.window.holds(request.closed_at) else None


def _extended(request: RequestFacts, c: Context) -> Part | None:
    return (request.extensions, 1) if c.window.holds(request.replied_at) else None


def _suspended(request: RequestFacts, _c: Context) -> Part | None:
    return (int(request.is_suspended), 1) if request.is_open else None


def _repeated(request: RequestFacts, c: Context) -> Part | None:
    if not c.window.holds(request.closed_at) or request.closed_at is None:
        return None
    again = c.repeats.get(request.number)
    return int(again is not None and again - request.closed_at <= REPEATED), 1


def _verified(request: RequestFacts, c: Context) -> Part | None:
    return (int(request.is_verified_at_once), 1) if c.window.holds(request.verified_at) else None


def _orphan(request: RequestFacts, _c: Context) -> Part | None:
    return (int(request.is_orphan), 1) if request.is_open else None


# -- work orders, letters, campaigns ------------------------------------------------------------------
def _dispatched_right(order: OrderFacts, c: Context) -> Part | None:
    return (int(not order.is_returned), 1) if c.window.holds(order.dispatched_at) else None


def _returned(order: OrderFacts, c: Context) -> Part | None:
    return (int(order.is_returned), 1) if c.window.holds(order.dispatched_at) else None


def _signed_in_time(order: OrderFacts, c: Context) -> Part | None:
    if not c.window.holds(order.dispatched_at):
        return None
    if order.signed_at is not None and order.signed_at <= c.window.until:
        return int(order.is_signed_in_time), 1
    timer = order.sign_timer
    if order.is_returned or timer is None or not timers.is_due(timer, c.window.until, c.window.clocks):
        return None  # given back, or there is still time
    return 0, 1


def _delivered(notice: NoticeFacts, c: Context) -> Part | None:
    if not c.window.holds(notice.at) or notice.state not in ENDED_LETTERS:
        return None
    return int(notice.state in DELIVERED), 1


def _acknowledged(target: TargetFacts, c: Context) -> Part | None:
    return (int(target.is_acknowledged), 1) if c.window.holds(target.at) else None


def _self_checked(target: TargetFacts, c: Context) -> Part | None:
    return (int(target.is_self_checked), 1) if c.window.holds(target.at) else None


def _seconds(length: timedelta) -> int:
    return round(length.total_seconds())


def _calls(facts: Facts) -> Iterable[CallFacts]:
    return facts.calls


def _calls_and_shifts(facts: Facts) -> Iterable[CallFacts | ShiftFacts]:
    yield from facts.calls
    yield from facts.shifts


def _requests(facts: Facts) -> Iterable[RequestFacts]:
    return facts.requests


def _orders(facts: Facts) -> Iterable[OrderFacts]:
    return facts.orders()


def _notices(facts: Facts) -> Iterable[NoticeFacts]:
    return facts.notices


def _targets(facts: Facts) -> Iterable[TargetFacts]:
    return facts.targets


_S, _B = Stat, Better
FORMULAS: Final[tuple[Formula, ...]] = (
    Formula("connected", 1, "Connect rate",
            "calls answered by an agent, or finished without one as the caller wished / calls offered",
            _calls, _offered, target=0.95, source="GB/T 33358-2016"),
    Formula("answered_15s", 1, "Answered within 15 s",
            "answered by an agent within 15 s of entering the queue / calls that entered it",
            _calls, _within_15_s, source="GB/T 33358-2016"),
    Formula("abandoned", 1, "Abandon rate",
            "hung up after more than 5 s in the queue / calls that entered it",
            _calls, _abandoned, better=_B.LOW, target=0.03),
    Formula("abandoned_at_once", 1, "Hung up at once",
            "hung up within 5 s in the queue / calls that entered it",
            _calls, _abandoned_at_once, better=_B.NEITHER),
    Formula("wait", 1, "Mean wait", "seconds in the queue / calls that an agent answered",
            _calls, _wait, _S.MEAN, _B.LOW),
    Formula("talk", 1, "Mean talk", "seconds of talk / calls that an agent answered",
            _calls, _talk, _S.MEAN, _B.NEITHER),
    Formula("wrap", 1, "Mean wrap-up", "seconds of wrap-up / calls that an agent answered",
            _calls, _wrap, _S.MEAN, _B.NEITHER),
    Formula("occupancy", 1, "Occupancy", "seconds of talk and wrap-up / seconds that agents were there",
            _calls_and_shifts, _occupied, better=_B.NEITHER),
    Formula("filed", 1, "Filed", "requests accepted, without those that their callers withdrew",
            _requests, _filed, _S.COUNT, _B.NEITHER),
    Formula("closing", 1, "Closing rate", "closed or answered / filed in the period",
            _requests, _closed, source="district report 2009: 97.23 %"),
    Formula("direct_answer", 1, "Direct answer rate",
            "answered at once, and the same person or place did not come back with the same kind"
            " within 7 days / filed",
            _requests, _answered_directly),
    Formula("draft_kept", 1, "Drafts kept",
            "kind and region left as proposed / requests by voice with a proposal", _requests, _draft_kept),
    Formula("dispatch_accuracy", 1, "Dispatch accuracy",
            "work orders that were not returned with approval / work orders",
            _orders, _dispatched_right, target=0.97),
    Formula("signed_in_time", 1, "Signed in time", "signed by a person within the limit / due to be signed",
            _orders, _signed_in_time),
    Formula("response", 1, "Response rate", "contacted within the limit / callers reached in the follow-up",
            _requests, _contacted, source="Beijing, three rates"),
    Formula("solved", 1, "Solved rate",
            "callers who say solved / callers reached who say, without excluded outcomes",
            _requests, _solved, source="Beijing, three rates"),
    Formula("solved_excluded", 1, "Left out of the solved rate",
            "not solved, with an outcome that the site leaves out / callers reached who say",
            _requests, _excluded, better=_B.NEITHER),
    Formula("satisfied", 1, "Satisfied rate", "very, satisfied or basically / callers who say",
            _requests, _satisfied, source="Beijing, three rates"),
    Formula("in_time", 1, "On-time rate", "replied within the limit, extensions included / due in the period",
            _requests, _in_time),
    Formula("handling_mean", 1, "Mean handling", "time from dispatch to the last reply, pauses left out",
            _requests, _handled_wall, _S.MEAN, _B.LOW, source="district report 2009: 6.5 h"),
    Formula("handling_median", 1, "Median handling", "the same, its middle", _requests, _handled_wall,
            _S.MEDIAN, _B.LOW),
    Formula("handling_p90", 1, "90 % handled within", "the same, what nine of ten need at most",
            _requests, _handled_wall, _S.P90, _B.LOW),
    Formula("handling_working_mean", 1, "Mean handling, working time", "the same on the working clock",
            _requests, _handled_working, _S.MEAN, _B.LOW),
    Formula("handling_working_median", 1, "Median handling, working time", "the same, its middle",
            _requests, _handled_working, _S.MEDIAN, _B.LOW),
    Formula("handling_working_p90", 1, "90 % handled within, working time",
            "the same, what nine of ten need at most", _requests, _handled_working, _S.P90, _B.LOW),
    Formula("rework", 1, "Rework rate", "reworks / closed in the period",
            _requests, _reworked, better=_B.LOW),
    Formula("returned", 1, "Return rate", "work orders returned with approval / work orders",
            _orders, _returned, better=_B.LOW),
    Formula("extension", 1, "Extension rate", "extensions granted / replied in the period",
            _requests, _extended, better=_B.LOW),
    Formula("suspended", 1, "Suspended", "suspended / open now", _requests, _suspended, better=_B.LOW),
    Formula("repeat", 1, "Repeat rate",
            "the same person or place with the same kind within 30 days of closing / closed in the period",
            _requests, _repeated, better=_B.LOW),
    Formula("verified", 1, "Passed the first check", "passed the first check on site / checked",
            _requests, _verified),
    Formula("reached", 1, "Callers reached", "reached / follow-ups that ended", _requests, _reached),
    Formula("acknowledged", 1, "Campaigns acknowledged", "acknowledged / targets", _targets, _acknowledged),
    Formula("self_checked", 1, "Campaigns self-checked", "self-check done / targets",
            _targets, _self_checked),
    Formula("delivered", 1, "Letters delivered", "taken by the relay or acknowledged / ended letters",
            _notices, _delivered),
    Formula("orphans", 1, "Orphans", "open requests without an owner or a running timer / open now",
            _requests, _orphan, better=_B.LOW, target=0.0),
)  # fmt: skip
"""In the order of a report."""

BY_CODE: Final[Mapping[str, Formula]] = {formula.code: formula for formula in FORMULAS}
