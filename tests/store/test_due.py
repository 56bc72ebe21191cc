"""Deadlines: made from the store, after a restart too, while the clock stumbles, and for rows of before."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from alembic import command
from sqlalchemy import text
from store_world import DEPARTMENT, STREET, World
from test_desk_store import AGENT, LEADER, STREET_USER, SUPERVISOR, desk_story, finish, send

from hotline.desk.desk import Desk
from hotline.events.record import CLOCK_STEPPED_BACK, ORDER_SIGNED, REQUEST_ESCALATED
from hotline.store import Store
from hotline.store.due_reader import DueReader
from hotline.store.schema import config_for, without_foreign_keys
from hotline.tickets.service_request import Given


async def events_of(store: Store, kind: str) -> list[dict]:
    return [dict(event.payload) for event in await store.events_after(0) if event.kind == kind]


def test_an_order_that_nobody_signs_is_signed_after_a_restart_and_told(world: World) -> None:
    async def before(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        await send(desk, number, STREET)

    desk_story(world, before)
    world.clock.advance(31 * 60)  # P2 has half an hour

    async def after(store: Store) -> None:
        assert await store.walk_due() == 1
        assert await store.walk_due() == 0
        (signed,) = await events_of(store, ORDER_SIGNED)
        assert signed["move"] == "auto_sign"
        assert [event["late"] for event in await events_of(store, REQUEST_ESCALATED)] == [["sign"]]

    world.run(after)


def test_lateness_climbs_the_ladder_and_stops_at_its_top(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        await send(desk, number, STREET)
        (order,) = await desk.inbox(STREET_USER)
        await desk.sign(STREET_USER, order.order_id)
        await desk.begin(STREET_USER, order.order_id)
        levels = []
        for hours in (18, 2, 5, 5, 20, 20):  # P2 has 24 hours: 80, 100, 120, 200 per cent
            world.clock.advance(hours * 3600)
            await store.walk_due()
            levels.append((await desk.line(AGENT, number)).level)
        assert levels == [0, 1, 2, 3, 4, 4]
        assert (await desk.line(AGENT, number)).state == "in_progress"
        assert (await desk.line(AGENT, number)).version == 6  # no open page went stale by it

    desk_story(world, story)


def test_waiting_stops_the_clock_and_ends_by_itself(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        await send(desk, number, STREET)
        (order,) = await desk.inbox(STREET_USER)
        await desk.sign(STREET_USER, order.order_id)
        await desk.begin(STREET_USER, order.order_id)
        world.clock.advance(3600)
        version = (await desk.line(AGENT, number)).version
        await desk.move(STREET_USER, number, version, "wait_for_caller", Given(reason="等照片"))
        world.clock.advance(71 * 3600)
        page = await desk.request(STREET_USER, number)
        handle = next(clock for clock in page.clocks if clock.kind == "handle")
        assert (handle.due_at, handle.left_s, handle.pause_reason) == (None, 23 * 3600, "等照片")
        world.clock.advance(3600)
        await store.walk_due()
        page = await desk.request(STREET_USER, number)
        assert page.line.state == "in_progress"
        assert page.line.due_at == world.clock() + timedelta(hours=23)

    desk_story(world, story)


def test_helping_units_have_orders_and_clocks_of_their_own(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        decided = {"kind_code": "0201", "region_code": "", "place": "", "text": "垃圾"}
        await desk.edit(AGENT, number, 1, **decided)
        await desk.route(AGENT, number, 2, STREET, "", [DEPARTMENT])
        lead, co = sorted(await store.orders(None), key=lambda order: order.part, reverse=True)
        assert (lead.part, lead.due_at, co.part) == ("lead", None, "co")
        assert co.due_at == world.clock() + timedelta(hours=24)
        assert len(co.notices) == len(lead.notices) == 1
        world.clock.advance(1801)
        await store.walk_due()
        states = {order.part: order.state for order in await store.orders(None)}
        assert states == {"lead": "signed", "co": "signed"}
        await desk.begin(STREET_USER, lead.order_id)
        page = await desk.request(STREET_USER, number)
        assert "reply" not in page.may  # the helper is not done
        await desk.excuse(AGENT, co.order_id, "不需要协办")
        await desk.reply(STREET_USER, lead.order_id, "已清运")
        assert (await desk.line(AGENT, number)).state == "replied"

    desk_story(world, story)


def test_the_last_return_is_ruled_by_supervision_and_the_backstop_takes_it(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        for move, unit_user in (("request_return", STREET_USER), ("appeal_return", STREET_USER)):
            await send(desk, number, STREET)
            version = (await desk.line(AGENT, number)).version
            await desk.move(unit_user, number, version, move, Given(reason="不属于我处"))
            if move == "request_return":
                await desk.move(LEADER, number, version + 1, "grant_return")
        version = (await desk.line(AGENT, number)).version
        given = Given(reason="由环卫承办", unit=DEPARTMENT)
        await desk.move(SUPERVISOR, number, version, "rule_other_unit", given)
        await send(desk, number, DEPARTMENT)  # and no other: it was ruled
        page = await desk.request(AGENT, number)
        assert page.line.unit_name == "区环卫中心"

    desk_story(world, story)


def test_a_clock_that_steps_back_is_told_once_and_loses_nothing(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        world.clock.advance(-3600)
        for _ in range(3):
            await store.check_clock()
        assert [event["by_s"] for event in await events_of(store, CLOCK_STEPPED_BACK)] == [3600]
        await send(desk, number, STREET)
        assert store.audit_blocking().fault is None
        world.clock.advance(7200)
        assert not await store.check_clock()

    desk_story(world, story)


def test_the_reader_looks_when_something_is_due_and_survives_a_store_that_fails(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        await send(desk, number, STREET)
        reader = DueReader(store, world.clock)
        assert await reader.look() == 20.0
        world.clock.advance(1795)
        assert 4.5 < await reader.look() < 5.5
        world.clock.advance(6)
        reader.start()
        async with asyncio.timeout(20):
            while (await desk.line(AGENT, number)).state != "signed":
                await asyncio.sleep(0.01)
        await reader.stop()
        await reader.stop()

    desk_story(world, story)


def test_rows_of_before_are_taken_over_and_can_go_back(world: World) -> None:
    async def before(desk: Desk, store: Store) -> None:
        for _ in range(2):
            number = await world.a_request(store)
            await send(desk, number, STREET)
        (second, _) = await desk.inbox(STREET_USER)
        await finish(desk, STREET_USER, second.order_id)
        await world.a_request(store)

    desk_story(world, before)
    store = world.new_store()
    with without_foreign_keys(store._write_engine) as connection:
        command.downgrade(config_for(connection), "0005")
    with store._write_engine.begin() as connection:
        states = list(
            connection.execute(text("SELECT state FROM service_requests ORDER BY number")).scalars()
        )
        assert states == ["dispatched", "replied", "accepted"]
        assert (
            connection.execute(text("SELECT role FROM users WHERE user_name = 'zhang'")).scalar() == "agent"
        )
    store.head_file.unlink()  # of the chain that is gone
    store.close_blocking()

    async def after(desk: Desk, store: Store) -> None:
        first, second, third = [line.number for line in reversed(await desk.queue(AGENT))]
        assert "sign" in (await desk.request(STREET_USER, first)).may  # before anybody wrote it down
        assert await store.walk_due() == 3
        audit = store.audit_blocking()
        assert (audit.fault, audit.requests, audit.rows) == (None, 3, 3)
        page = await desk.request(SUPERVISOR, second)
        assert {"send_to_verify", "rework"} <= {offer.move for offer in page.moves}
        assert not page.life
        (order, *_) = [o for o in await desk.inbox(STREET_USER) if o.number == first]
        await finish(desk, STREET_USER, order.order_id)
        assert (await desk.line(AGENT, third)).state == "accepted"

    async def play(store: Store) -> None:
        await after(Desk(store, None, lambda: "x", world.clock), store)

    world.run(play)
