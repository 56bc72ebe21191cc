"""People who do whatever a page offers them, or try what it does not, on the real desk and store."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

from sqlalchemy import select
from store_world import COMMUNITY, DEPARTMENT, STREET, World
from test_desk_store import PASSWORD, a_desk

from hotline.desk.views import Actor, MoveOffer
from hotline.errors import Refused
from hotline.store import Store
from hotline.store.tables import EventRow, LedgerRow, OrderRow, RequestRow
from hotline.tickets.duties import APART, Axis, Duty
from hotline.tickets.limits import TimerKind
from hotline.tickets.order_moves import OPEN_ORDER_STATES, Part
from hotline.tickets.outcomes import Outcome
from hotline.tickets.request_moves import OPEN_STATES, OWNERS, STATE_TIMERS, RequestMove, RequestState
from hotline.tickets.service_request import Given, from_json
from tests.rules import rules

UNITS = (STREET, DEPARTMENT, COMMUNITY)
PEOPLE = (
    Actor("li", "李", "agent", None, "zh"),
    Actor("wang", "王", "agent", None, "zh"),
    Actor("zhang", "张", "shift_leader", None, "zh"),
    Actor("zhou", "周", "shift_leader", None, "zh"),
    Actor("hui", "回", "reviewer", None, "zh"),
    Actor("boss", "督", "supervisor", None, "zh"),
    Actor("root1", "管", "admin", None, "zh"),
    Actor("bxq", "北新桥", "unit", STREET, "zh"),
    Actor("bxq2", "北新桥主任", "unit_leader", STREET, "zh"),
    Actor("hw", "环卫", "unit_leader", DEPARTMENT, "zh"),
    Actor("cy", "草园", "unit_leader", COMMUNITY, "zh"),
)


class Walk:
    """One office; units of work run in this thread, for starting threads each time would be slow."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.numbers: list[str] = []
        self.made: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def open_office(self) -> None:
        self.restart(is_first=True)
        for one in PEOPLE:
            self.do(self.desk.add_user(one.user_name, one.display_name, PASSWORD, one.role, one.unit_code))

    def restart(self, *, is_first: bool = False) -> None:
        """Forget everything but the files."""
        if not is_first:
            self.store.close_blocking()
        self.store = Store(
            self.world.url,
            self.world.folder / "recordings",
            self.world.clock,
            lambda _position: None,
            rules=rules,
        )

        def in_writer(call: Any) -> Any:
            done = asyncio.get_running_loop().create_future()
            done.set_result(call())
            return done

        async def read(unit: Any) -> Any:
            return self.store.read_blocking(unit)

        self.store.in_writer, self.store.read = in_writer, read  # type: ignore[method-assign]
        self.desk = a_desk(self.world, self.store)

    def do(self, act: Any) -> Any:
        return asyncio.run(act)

    def call(self, rng: Random) -> None:
        self.numbers.append(self.do(self.world.a_request(self.store)))
        self.made["open"] += 1

    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)
        self.store.check_clock_blocking()
        self.store.walk_due_blocking()

    def act(self, rng: Random) -> None:
        """Let somebody do something: mostly what her page offers, now and then anything."""
        if not self.numbers:
            return
        number, actor = rng.choice(self.numbers), rng.choice(PEOPLE)
        try:
            made = self.do(self._act(rng, number, actor))
        except Refused as refusal:
            self.refused[refusal.code] += 1
            return
        self.made[made] += 1
        self.check_one(number)

    async def _act(self, rng: Random, number: str, actor: Actor) -> str:
        page = await self.desk.request(actor, number)
        is_old = rng.random() < 0.05
        version = page.line.version - is_old
        orders = [(order, move) for order in page.orders for move in order.moves]
        choice = rng.random()
        if choice < 0.05:  # what nobody offered
            move = rng.choice([m for m in RequestMove if m not in {RequestMove.EDIT, RequestMove.DISPATCH}])
            offer = MoveOffer(move.value)
        elif orders and choice < 0.5:
            order, offer = rng.choice(orders)
            given = self._given(rng, offer)
            await self.store.move_order(actor, order.order_id, offer.move, given)
            return f"order {offer.move}"
        elif "route" in page.may and choice < 0.8:
            if not page.kind_code:
                await self.desk.edit(
                    actor, number, version, kind_code=rng.choice(["0201", "0102"]), region_code=STREET,
                    place="", text="垃圾桶满了",
                )  # fmt: skip
                page = await self.desk.request(actor, number)
                self.made["edit"] += 1
                version = page.line.version
            lead, *co = rng.sample(UNITS, rng.choice([1, 1, 2]))
            ruled = from_json_of(self.store, number).ruled_unit
            await self.desk.route(actor, number, version, ruled or lead, "请处理", [] if ruled else co)
            return "dispatch"
        elif page.moves:
            seldom = {"urge", "supplement", "order_supervision", "merge", "propose_refusal", "answer"}
            weights = [0.1 if move.move in seldom else 1 for move in page.moves]
            offer = rng.choices(page.moves, weights)[0]
        else:
            raise Refused("nothing to do", code="idle")
        await self.desk.move(actor, number, version, offer.move, self._given(rng, offer))
        assert not is_old
        return offer.move

    def _given(self, rng: Random, offer: MoveOffer) -> Given:
        """Say all that a form could ask for; now and then a reason is missing."""
        return Given(
            reason=rng.choice(["理由", "理由", "理由", ""]) if "reason" in offer.asks else "",
            unit=rng.choice(UNITS) if "any_unit" in offer.asks else "",
            outcome=Outcome.SOLVED,
            text="已清运",
            source="KB1" if "source" in offer.asks else "",
            parent=rng.choice(self.numbers) if "parent" in offer.asks else "",
            review_at=self.world.clock() + timedelta(days=rng.randrange(1, 100)),
            extension=timedelta(hours=rng.randrange(1, 200)),
            solved=rng.choice([True, False, None]),
        )

    # -- what must hold -------------------------------------------------------------------------
    def check_open(self) -> None:
        """No open request is without owner and live timer; columns and orders say what the life says."""
        self.store.read_blocking(lambda session: [_check_row(session, row) for row in _rows(session)])

    def check_one(self, number: str) -> None:
        self.store.read_blocking(lambda session: _check_row(session, session.get(RequestRow, number)))

    def check_all(self) -> None:
        """The chain is whole, and every request recomputed from it is the one that is stored."""
        self.check_open()
        found = self.store.audit_blocking()
        assert found.fault is None, found
        assert found.requests == len(self.numbers)
        self.store.read_blocking(_check_positions)


def from_json_of(store: Store, number: str) -> Any:
    return store.read_blocking(lambda session: from_json(session.get(RequestRow, number).life))


def _rows(session: Any) -> Any:
    return session.scalars(select(RequestRow)).all()


def _check_row(session: Any, row: RequestRow) -> None:
    request = from_json(row.life)
    assert (row.state, row.priority, row.level) == (request.state, request.priority, request.level)
    assert row.lead_unit == (request.lead.unit if request.lead else None)
    orders = session.scalars(
        select(OrderRow).where(OrderRow.number == row.number).order_by(OrderRow.order_id)
    ).all()
    assert [(o.unit_code, o.part, o.state) for o in orders] == [
        (o.unit, o.part.value, o.state.value) for o in request.orders
    ]
    leads = [o for o in orders if o.part == Part.LEAD and o.state in set(OPEN_ORDER_STATES)]
    assert len(leads) <= 1
    axes: dict[str, set[Axis]] = {}
    for who, axis in request.acted:
        axes.setdefault(who, set()).add(axis)
    for walked in axes.values():
        assert not any(APART.get(axis, frozenset()) & walked for axis in walked), request
    if RequestState(row.state) not in OPEN_STATES:
        return
    owner = OWNERS[request.state]
    assert owner is not Duty.UNIT or request.lead is not None, f"orphan: {request}"
    kinds = {*STATE_TIMERS[request.state], TimerKind.HANDLE}
    assert any(t.kind in kinds and t.is_running for t in request.timers), f"no live timer: {request}"
    assert row.due_at is not None or request.state is RequestState.MERGED


def _check_positions(session: Any) -> None:
    for column in (EventRow.position, LedgerRow.seq):
        positions = list(session.scalars(select(column).order_by(column)))
        assert positions == list(range(1, len(positions) + 1))
