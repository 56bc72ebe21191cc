"""Figures of what the store holds: from the first call to the unit's reply."""

from __future__ import annotations

from datetime import timedelta

from store_world import STREET, World, a_transcript
from test_desk_store import AGENT, PASSWORD, STREET_USER, a_desk, some_suggestions

from hotline.events.outbox import TRANSCRIBE
from hotline.indicators.counting import count
from hotline.indicators.facts import By, Window
from hotline.store import Store


def test_a_request_of_the_desk_is_in_the_figures(world: World) -> None:
    async def story(store: Store) -> None:
        desk = a_desk(world, store)
        for person in (AGENT, STREET_USER):
            await desk.add_user(
                person.user_name, person.display_name, PASSWORD, person.role, person.unit_code
            )
        number = await world.a_request(store)
        (job,) = await store.claim(TRANSCRIBE, limit=5, lease_s=60)
        await store.save_transcript(job.id, number, a_transcript(), some_suggestions())
        page = await desk.request(AGENT, number)
        await desk.edit(
            AGENT, number, page.line.version, kind_code="0201", region_code=STREET, place="和平里", text=""
        )
        page = await desk.request(AGENT, number)
        await desk.route(AGENT, number, page.line.version, STREET, "")
        world.clock.advance(60)
        (order,) = await desk.inbox(STREET_USER)
        await desk.sign(STREET_USER, order.order_id)
        facts = await store.facts()
        (request,) = facts.requests
        assert (request.number, request.kind, request.street) == (number, "0201", STREET)
        assert request.person
        assert "13800138000" not in request.person
        at = world.clock()
        window = Window(at - timedelta(days=1), at + timedelta(days=1), at, store.rules.clocks)
        found = {f.code: f for f in count(facts, window, By.STREET) if f.group == STREET}
        assert (found["filed"].numerator, found["closing"].numerator) == (1, 0)
        assert (found["signed_in_time"].numerator, found["signed_in_time"].denominator) == (1, 1)
        assert (found["orphans"].numerator, found["orphans"].denominator) == (0, 1)
        calls = {f.code: f for f in count(facts, window, By.ALL)}
        assert (calls["connected"].numerator, calls["connected"].denominator) == (1, 1)
        assert (await store.group_names())[STREET] == "北新桥街道"

    world.run(story)
