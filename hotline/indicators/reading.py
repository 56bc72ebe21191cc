"""Reads the ledger's steps into facts: one pass, request by request, nothing but what the rows say.

The rows are not held against the tables once more (``hotline.tickets.deciding.replay`` does that):
what is wanted here is speed, for a year of a district is half a million steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from hotline.indicators.facts import OrderFacts, RequestFacts
from hotline.tickets import timers
from hotline.tickets.calendar import ClockKind
from hotline.tickets.duties import Duty
from hotline.tickets.limits import Clocks, Limit, TimerKind
from hotline.tickets.order_moves import OPEN_ORDER_STATES, OrderState, Part
from hotline.tickets.request_moves import (
    HANDLING_STATES,
    OPEN_STATES,
    OWNERS,
    PAUSED_STATES,
    RequestMove,
    RequestState,
)
from hotline.tickets.service_request import Json, Step
from hotline.tickets.timers import Timer

_US: Final = timedelta(microseconds=1)
_HANDLING: Final = frozenset(str(state) for state in HANDLING_STATES)
_STANDING: Final = frozenset(str(state) for state in PAUSED_STATES)
_OPEN: Final = frozenset(str(state) for state in OPEN_STATES)
_UNIT_OWNED: Final = frozenset(str(state) for state, duty in OWNERS.items() if duty is Duty.UNIT)
_SIGNED: Final = frozenset({str(OrderState.SIGNED), str(OrderState.IN_PROGRESS), str(OrderState.DONE)})
_GIVEN_BACK: Final = frozenset({str(RequestMove.GRANT_RETURN), str(RequestMove.RULE_OTHER_UNIT)})
_ANSWERS: Final = frozenset({"close", "rework", "refer_unsolved"})


@dataclass(frozen=True, slots=True)
class Regions:
    """Which street and which community a region stands for."""

    parents: Mapping[str, str | None]
    """Code of the region above, by code; None for a street."""

    def of(self, code: str) -> tuple[str, str]:
        """Give street and community of a region; the community is empty when it is a street."""
        if not code:
            return "", ""
        parent = self.parents.get(code)
        return (parent, code) if parent else (code, "")


class Reader:
    """Reads the steps of one request, in their order."""

    def __init__(self, clocks: Clocks, regions: Regions) -> None:
        self._clocks, self._regions = clocks, regions
        self._tree: Json = {}
        self._facts: RequestFacts | None = None
        self._handled: datetime | None = None
        """Up to when the time of handling was added."""

    def take(self, step: Step) -> None:
        """Read one step."""
        before, after = self._tree, {**self._tree, **step.changed}
        facts = self._facts
        if facts is None:
            facts = self._facts = RequestFacts(step.number, step.at)
        self._read_orders(facts, step, before, after)
        self._read_moves(facts, step, before, after)
        self._add_handling(facts, step.at, after)
        self._tree = after

    def facts(self) -> RequestFacts | None:
        """Give what was read; None without a step."""
        facts, tree = self._facts, self._tree
        if facts is None:
            return None
        facts.state, facts.priority = str(tree.get("state", "")), str(tree.get("priority", ""))
        facts.kind = str(tree.get("kind", ""))
        facts.street, facts.community = self._regions.of(str(tree.get("region", "")))
        facts.reworks, facts.extensions = int(tree.get("reworks", 0)), int(tree.get("extensions", 0))
        facts.bounces = int(tree.get("bounces", 0))
        facts.is_open = facts.state in _OPEN
        facts.is_suspended = facts.state == RequestState.SUSPENDED
        facts.is_orphan = facts.is_open and not self._has_owner_and_timer(tree)
        handle = read_timer(tree, TimerKind.HANDLE)
        if facts.replied_at is None and handle is not None:
            facts.due_at = timers.due_at(handle, self._clocks)
        for order in facts.orders:
            order.street, order.community = facts.street, facts.community
        leads = [order for order in facts.orders if order.is_lead]
        facts.unit = leads[-1].unit if leads else ""
        return facts

    def _has_owner_and_timer(self, tree: Json) -> bool:
        if tree["state"] in _UNIT_OWNED and not any(
            order["part"] == Part.LEAD and order["state"] in {str(s) for s in OPEN_ORDER_STATES}
            for order in tree.get("orders", ())
        ):
            return False
        return any(timer["running_since"] is not None for timer in tree.get("timers", ()))

    # -- orders ---------------------------------------------------------------------------------
    def _read_orders(self, facts: RequestFacts, step: Step, before: Json, after: Json) -> None:
        if "orders" not in step.changed:
            return
        old = before.get("orders", [])
        for index, order in enumerate(after["orders"]):
            is_lead = order["part"] == Part.LEAD
            if index >= len(old):
                found = OrderFacts(order["unit"], is_lead, step.at)
                tree = after if is_lead else order
                found.sign_timer = read_timer(tree, TimerKind.SIGN)
                facts.orders.append(found)
                continue
            known = facts.orders[index]
            if order["state"] in _SIGNED and known.signed_at is None:
                known.signed_at = step.at
                timer = read_timer(before if is_lead else old[index], TimerKind.SIGN)
                known.is_signed_in_time = step.move != "auto_sign" and not self._is_late(timer, step.at)
            if is_lead and order["state"] == OrderState.RETURNED and step.move in _GIVEN_BACK:
                known.is_returned = True

    def _is_late(self, timer: Timer | None, at: datetime) -> bool:
        return timer is not None and timers.spent(timer, at, self._clocks) > timer.allowed

    # -- the request ----------------------------------------------------------------------------
    def _read_moves(self, facts: RequestFacts, step: Step, before: Json, after: Json) -> None:
        at, state, origin = step.at, after["state"], before.get("state", "")
        if state not in {RequestState.DRAFT, RequestState.REFUSAL_PROPOSED, RequestState.NOT_ACCEPTED}:
            self._accept(facts, step)
        if step.unit:
            return  # a co-handler's own order: the request stays where it is
        if step.move == "dispatch" and facts.dispatched_at is None:
            facts.dispatched_at = at
        if step.move == "contact" and facts.contacted_at is None:
            facts.contacted_at = at
            facts.is_contacted_in_time = not self._is_late(read_timer(before, TimerKind.CONTACT), at)
        if step.move == "reply":
            self._reply(facts, step, before)
        if origin == RequestState.VERIFYING and state != origin and facts.verified_at is None:
            facts.verified_at, facts.is_verified_at_once = at, step.move == "approve"
        if origin == RequestState.FOLLOW_UP and step.move in _ANSWERS:
            facts.surveyed_at = at
            facts.is_solved = step.said.get("solved")
            facts.is_reached = facts.is_solved is not None
            facts.satisfaction = str(step.said.get("satisfaction", "") or step.said.get("satisfied", ""))
        self._end(facts, state, origin, at)

    def _accept(self, facts: RequestFacts, step: Step) -> None:
        if facts.accepted_at is None:
            facts.accepted_at, facts.agent = step.at, "" if step.duty == Duty.SYSTEM else step.person

    def _reply(self, facts: RequestFacts, step: Step, before: Json) -> None:
        handle = read_timer(before, TimerKind.HANDLE)
        facts.replied_at, facts.outcome = step.at, str(step.said.get("outcome", ""))
        if handle is not None:
            facts.is_replied_in_time = not self._is_late(handle, step.at)
            facts.due_at = timers.due_at(handle, self._clocks)

    def _end(self, facts: RequestFacts, state: str, origin: str, at: datetime) -> None:
        if state == origin:
            return
        if state == RequestState.ANSWERED:
            facts.answered_at = facts.closed_at = at
        elif state == RequestState.CLOSED:
            facts.closed_at = at
        elif state == RequestState.WITHDRAWN:
            facts.withdrawn_at = at
        elif state in _OPEN:
            facts.closed_at = None

    def _add_handling(self, facts: RequestFacts, at: datetime, after: Json) -> None:
        """Add what passed since the last step, if the request was being handled then."""
        if self._handled is not None and at > self._handled:
            facts.handled_wall += self._clocks.wall.between(self._handled, at)
            facts.handled_working += self._clocks.working.between(self._handled, at)
        state = after["state"]
        # Returned and dispatched anew: the district had it all the time.
        is_handled = state in _HANDLING or (
            state == RequestState.ACCEPTED and facts.dispatched_at is not None
        )
        self._handled = at if is_handled and state not in _STANDING else None


def read_requests(
    steps: Iterable[Step], clocks: Clocks, regions: Regions, *, until: datetime | None = None
) -> list[RequestFacts]:
    """Read the steps of many requests, in the order of the ledger.

    :param until: steps after this moment are left out.
    """
    readers: dict[str, Reader] = {}
    for step in steps:
        if until is not None and step.at > until:
            continue
        reader = readers.get(step.number)
        if reader is None:
            reader = readers[step.number] = Reader(clocks, regions)
        reader.take(step)
    return [facts for reader in readers.values() if (facts := reader.facts()) is not None]


def read_timer(tree: Mapping[str, Any], kind: TimerKind) -> Timer | None:
    """Read the timer of a kind from a request or an order in the ledger's form."""
    for timer in tree.get("timers", ()):
        if timer["kind"] == kind:
            running = timer["running_since"]
            return Timer(
                kind=kind,
                limit=Limit(timer["limit"]["length"] * _US, ClockKind(timer["limit"]["clock"])),
                started_at=datetime.fromisoformat(timer["started_at"]),
                running_since=None if running is None else datetime.fromisoformat(running),
                spent=timer["spent"] * _US,
                extended=timer["extended"] * _US,
                pause_reason=timer["pause_reason"],
            )
    return None
