"""Callers whose requests were merged get the end of the first one, and their own questions."""

from __future__ import annotations

from store_world import STREET, World
from test_desk_store import AGENT, STREET_USER, SUPERVISOR, desk_story, finish, send

from hotline.desk.desk import Desk
from hotline.store import Store
from hotline.tickets.request_moves import RequestMove
from hotline.tickets.service_request import Given

KIND = "0201"
AGENTS = frozenset({RequestMove.ACCEPT, RequestMove.MERGE, RequestMove.ANSWER})


async def move(desk: Desk, number: str, move: RequestMove, given: Given) -> None:
    actor = AGENT if move in AGENTS else SUPERVISOR
    page = await desk.request(actor, number)
    await desk.move(actor, number, page.line.version, move.value, given)


async def state_of(desk: Desk, number: str) -> str:
    return (await desk.request(AGENT, number)).line.state


async def accept(desk: Desk, number: str) -> None:
    page = await desk.request(AGENT, number)
    await desk.edit(
        AGENT, number, page.line.version, kind_code=KIND, region_code=STREET, place="", text="垃圾没清"
    )
    await move(desk, number, RequestMove.ACCEPT, Given())


async def merged_into(desk: Desk, store: Store, world: World, parent: str) -> str:
    number = await world.a_request(store, caller="+8613900139000")
    await accept(desk, number)
    await move(desk, number, RequestMove.MERGE, Given(parent=parent))
    return number


def test_who_called_about_the_same_is_asked_as_well_and_her_request_ends(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        first = await world.a_request(store)
        await send(desk, first, STREET)
        second = await merged_into(desk, store, world, first)
        assert await state_of(desk, second) == "merged"
        (order,) = await desk.inbox(STREET_USER)
        await finish(desk, STREET_USER, order.order_id)
        for _ in range(2):
            page = await desk.request(SUPERVISOR, first)
            found = {offer.move for offer in page.moves}
            for one in (RequestMove.SEND_TO_VERIFY, RequestMove.APPROVE):
                if one.value in found:
                    await move(desk, first, one, Given())
                    break
        await move(desk, first, RequestMove.CLOSE, Given(solved=True))
        assert await state_of(desk, second) == "follow_up"
        await move(desk, second, RequestMove.REWORK, Given(solved=False, reason="还在"))
        assert await state_of(desk, second) == "in_progress"
        assert second in [o.number for o in await desk.inbox(STREET_USER)]  # the unit has it to do
        assert store.audit_blocking().fault is None

    desk_story(world, story)


def test_whose_first_request_ended_without_a_result_gets_her_own_way_again(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        first = await world.a_request(store)
        await accept(desk, first)
        second = await merged_into(desk, store, world, first)
        await move(desk, first, RequestMove.ANSWER, Given(source="kb-7"))
        assert await state_of(desk, second) == "accepted"
        await send(desk, second, STREET)
        assert await state_of(desk, second) == "dispatched"
        assert store.audit_blocking().fault is None

    desk_story(world, story)
