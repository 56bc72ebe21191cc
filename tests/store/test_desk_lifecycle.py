"""Agents and units act in any order, on old pages and other people's orders too; the books stay in order."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select
from store_world import COMMUNITY, DEPARTMENT, STREET, World
from test_desk_store import AGENT, NOTHING_DECIDED, OTHER_USER, PASSWORD, STREET_USER, SUPERVISOR, a_desk

from hotline.desk.views import Actor
from hotline.errors import Refused
from hotline.store import Store
from hotline.store.tables import EventRow, NoticeRow, OrderRow, OutboxRow, RequestRow

UNITS = (STREET, DEPARTMENT, COMMUNITY)
USERS = {STREET: STREET_USER, DEPARTMENT: OTHER_USER}


class DeskModel(RuleBasedStateMachine):
    world: World
    database: Path

    @initialize()
    def open_the_office(self) -> None:
        for leftover in self.world.folder.glob("hotline.sqlite3*"):
            leftover.unlink()
        shutil.copy(self.database, self.world.folder / "hotline.sqlite3")
        self.store = Store(self.world.url, self.world.folder, self.world.clock, lambda _position: None)

        # Units of work in this thread: starting threads for every example would be slow.
        def in_writer(call: Any) -> Any:
            done = asyncio.get_running_loop().create_future()
            done.set_result(call())
            return done

        async def read(unit: Any) -> Any:
            return self.store.read_blocking(unit)

        self.store.in_writer, self.store.read = in_writer, read
        self.desk = a_desk(self.world, self.store)
        for person in (AGENT, SUPERVISOR, STREET_USER, OTHER_USER):
            asyncio.run(
                self.desk.add_user(
                    person.user_name, person.display_name, PASSWORD, person.role, person.unit_code
                )
            )
        self.state: dict[str, str] = {}
        self.version: dict[str, int] = {}
        self.lead: dict[str, str] = {}
        self.orders: dict[int, tuple[str, str, str]] = {}  # number, unit, state
        self.letters = 0

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close_blocking()

    def attempt(self, act: Awaitable[None]) -> bool:
        """Do something; tells whether it was let through."""

        async def do() -> bool:
            try:
                await act
            except Refused:
                return False
            return True

        return asyncio.run(do())

    @rule()
    def resident_calls(self) -> None:
        number = asyncio.run(self.world.a_request(self.store))
        assert number not in self.state
        self.state[number], self.version[number] = "accepted", 1

    @precondition(lambda self: self.state)
    @rule(
        data=st.data(),
        actor=st.sampled_from([AGENT, SUPERVISOR, STREET_USER]),
        unit=st.sampled_from(UNITS),
        age=st.integers(0, 1),
    )
    def somebody_routes(self, data: st.DataObject, actor: Actor, unit: str, age: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.state)))
        is_open = self.state[number] in {"dispatched", "signed"}
        expected = actor is AGENT and age == 0 and not (is_open and self.lead[number] == unit)
        assert self.attempt(self.desk.route(actor, number, self.version[number] - age, unit, "")) is expected
        if not expected:
            return
        for order_id, (its_number, its_unit, state) in self.orders.items():
            if its_number == number and state in {"dispatched", "signed"}:
                self.orders[order_id] = (its_number, its_unit, "returned")
        order_id = self.store.read_blocking(
            lambda session: session.scalar(select(func.max(OrderRow.order_id)))
        )
        assert order_id not in self.orders
        self.orders[order_id] = (number, unit, "dispatched")
        self.state[number], self.lead[number] = "dispatched", unit
        self.version[number] += 1
        self.letters += unit != COMMUNITY  # which has no address

    @precondition(lambda self: self.state)
    @rule(data=st.data(), place=st.sampled_from(["", "和平里"]), age=st.integers(0, 1))
    def agent_edits(self, data: st.DataObject, place: str, age: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.state)))
        expected = age == 0 and self.state[number] in {"accepted", "dispatched"}
        act = self.desk.edit(AGENT, number, self.version[number] - age, **{**NOTHING_DECIDED, "place": place})
        assert self.attempt(act) is expected
        line = asyncio.run(self.desk.line(AGENT, number))
        if expected:
            assert line.place == place
        assert line.version in {self.version[number], self.version[number] + expected}
        self.version[number] = line.version

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), unit=st.sampled_from([STREET, DEPARTMENT]), move=st.sampled_from(["sign", "reply"]))
    def unit_answers(self, data: st.DataObject, unit: str, move: str) -> None:
        order_id = data.draw(st.sampled_from(sorted(self.orders)))
        number, its_unit, state = self.orders[order_id]
        needed, after, request_after = {
            "sign": ("dispatched", "signed", "signed"),
            "reply": ("signed", "done", "replied"),
        }[move]
        act = (
            self.desk.sign(USERS[unit], order_id)
            if move == "sign"
            else self.desk.reply(USERS[unit], order_id, "好")
        )
        expected = unit == its_unit and state == needed
        assert self.attempt(act) is expected
        if expected:
            self.orders[order_id] = (number, its_unit, after)
            self.state[number] = request_after
            self.version[number] += 1

    @invariant()
    def the_books_are_in_order(self) -> None:
        if not hasattr(self, "store"):
            return

        def look(session: Any) -> None:
            requests = {row.number: row for row in session.scalars(select(RequestRow))}
            assert {number: row.state for number, row in requests.items()} == self.state
            assert {number: row.version for number, row in requests.items()} == self.version
            assert {n: row.lead_unit for n, row in requests.items() if row.lead_unit} == self.lead
            orders = session.scalars(select(OrderRow)).all()
            assert {row.order_id: (row.number, row.unit_code, row.state) for row in orders} == self.orders
            assert session.scalar(select(func.count(NoticeRow.notice_id))) == len(orders)
            letters = select(func.count(OutboxRow.id)).where(OutboxRow.topic == "mail")
            assert session.scalar(letters) == self.letters
            wanted = select(NoticeRow.order_id).where(NoticeRow.state == "queued")
            for order_id in session.scalars(wanted):
                assert self.orders[order_id][2] != "returned"
            count, newest = session.execute(select(func.count(), func.max(EventRow.position))).one()
            assert count == newest

        self.store.read_blocking(look)


def test_books_stay_in_order_whoever_does_what(world: World, seeded_database: Path) -> None:
    DeskModel.world, DeskModel.database = world, seeded_database
    run_state_machine_as_test(
        DeskModel,
        settings=settings(
            max_examples=6,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        ),
    )
