"""Siblings of a request, and hotspots, on the real tables."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, select
from store_world import COMMUNITY, DEPARTMENT, MORNING, STREET, World, a_transcript

from hotline.events.record import HOTSPOT_COOLED, HOTSPOT_GREW, HOTSPOT_RAISED
from hotline.routing.suggestion import KIND, PLACE, REGION, UNIT, Suggestion
from hotline.store import Store
from hotline.store.search_index import IndexRow
from hotline.store.tables import RequestRow
from hotline.store.traits import NAME, HeatRow, TraitRow

RUBBISH, HEAP = "0201", "0102"


def suggestions(kind: str = RUBBISH, region: str = COMMUNITY, place: str = "草园社区", score: float = 0.8):
    return [
        Suggestion(KIND, kind, kind, score, "提到“垃圾桶”"),
        Suggestion(REGION, region, region, score, "提到社区“草园社区”"),
        Suggestion(PLACE, place, place, score, "提到社区“草园社区”"),
    ]


async def told(
    world: World, store: Store, text: str = "草园社区的垃圾桶三天没清运了", caller: str = "", **what
) -> str:
    """Have a caller leave a message that is understood as a request."""
    phone = caller or f"+86138{next(world.counter):08d}"
    number = await world.a_request(store, caller=phone)
    await store.save_transcript(1, number, a_transcript(text), suggestions(**what))
    return number


def test_sibling_is_found_with_its_reason(world: World) -> None:
    async def story(store: Store) -> None:
        first = await told(world, store)
        world.clock.advance(3 * 86_400)
        await told(world, store, "想问问低保怎么办", kind=HEAP, region=STREET, place="簋街")
        own = await told(world, store, "我们草园社区垃圾桶满了没有人清运")
        found = await store.similar_requests(None, own)
        assert [one.line.number for one in found] == [first]
        assert "同一地点“草园社区”" in found[0].reason
        assert found[0].reason.endswith("相隔3天")

    world.run(story)


def test_sibling_of_long_ago_is_not_looked_for(world: World) -> None:
    async def story(store: Store) -> None:
        await told(world, store)
        world.clock.advance(61 * 86_400)
        assert await store.similar_requests(None, await told(world, store)) == []

    world.run(story)


def test_unit_sees_only_siblings_that_it_has_part_in(world: World) -> None:
    async def story(store: Store) -> None:
        await told(world, store)
        own = await told(world, store)
        assert await store.similar_requests(STREET, own) == []

    world.run(story)


def test_unknown_number_has_no_siblings(world: World) -> None:
    async def story(store: Store) -> None:
        assert await store.similar_requests(None, "000000000000") == []

    world.run(story)


def test_later_suggestion_files_the_request_anew(world: World) -> None:
    async def story(store: Store) -> None:
        number = await world.a_request(store)
        assert await keys(store, number) == (set(), set())
        await store.save_transcript(1, number, a_transcript(), suggestions())
        traits, heat = await keys(store, number)
        assert traits == {"p:草园社区", f"c:{COMMUNITY}", f"k:{RUBBISH}:{STREET}"}
        assert heat == {
            f"h:place:草园社区:{RUBBISH}",
            f"h:community:{COMMUNITY}:{RUBBISH}",
            f"h:street:{STREET}:{RUBBISH}",
        }

    world.run(story)


def test_weak_suggestion_counts_for_no_hotspot(world: World) -> None:
    async def story(store: Store) -> None:
        number = await told(world, store, score=0.2)
        traits, heat = await keys(store, number)
        assert traits
        assert not heat

    world.run(story)


async def keys(store: Store, number: str) -> tuple[set[str], set[str]]:
    return await store.read(
        lambda session: (
            set(session.scalars(select(TraitRow.trait).where(TraitRow.number == number))),
            set(session.scalars(select(HeatRow.key).where(HeatRow.number == number))),
        )
    )


def test_requests_of_before_are_filed_at_the_next_start(world: World) -> None:
    async def forget(store: Store) -> str:
        number = await told(world, store)

        def unit(writing) -> None:
            for table in (TraitRow, HeatRow):
                writing.session.execute(delete(table))
            writing.session.execute(delete(IndexRow).where(IndexRow.name == NAME))

        await store.write(unit)
        return number

    number = world.run(forget)
    traits, heat = world.run(lambda store: keys(store, number))
    assert len(traits) == len(heat) == 3


async def news(store: Store) -> list[tuple[str, object]]:
    kinds = {HOTSPOT_RAISED, HOTSPOT_GREW, HOTSPOT_COOLED}
    return [
        (event.kind, event.payload["callers"]) for event in await store.events_after(0) if event.kind in kinds
    ]


def test_hotspot_is_raised_grows_and_cools(world: World) -> None:
    async def story(store: Store) -> None:
        for _ in range(3):
            await told(world, store)
            world.clock.advance(60)
        assert await store.look_for_hotspots() == 1
        assert await store.look_for_hotspots() == 0, "told twice"
        (shown,) = await store.hotspots(limit=5)
        assert (shown.where, shown.kind_label, shown.callers, shown.hours) == ("草园社区", "垃圾清运", 3, 2)
        assert len(shown.numbers) == 3
        for _ in range(3):
            await told(world, store)
        assert await store.look_for_hotspots() == 1
        world.clock.advance(9 * 86_400)
        assert await store.look_for_hotspots() == 1
        assert await store.hotspots(limit=5) == []
        assert await news(store) == [(HOTSPOT_RAISED, 3), (HOTSPOT_GREW, 6), (HOTSPOT_COOLED, 6)]

    world.run(story)


def test_one_caller_is_no_hotspot(world: World) -> None:
    async def story(store: Store) -> None:
        for _ in range(6):
            await told(world, store, caller="+8613800138000")
        assert await store.look_for_hotspots() == 0
        assert await store.hotspots(limit=5) == []

    world.run(story)


def test_street_is_told_when_no_smaller_area_explains_it(world: World) -> None:
    async def story(store: Store) -> None:
        for place in ("簋街", "海运仓胡同", "东四北大街", "雍和宫大街"):
            await told(world, store, region=STREET, place=place)
        assert await store.look_for_hotspots() == 1
        (shown,) = await store.hotspots(limit=5)
        assert shown.where == "北新桥街道"

    world.run(story)


def test_place_that_always_calls_is_no_hotspot(world: World) -> None:
    async def story(store: Store) -> None:
        for _ in range(28):
            for _ in range(3):
                await told(world, store)
            world.clock.advance(86_400)
        await store.look_for_hotspots()
        before = len(await news(store))
        for _ in range(3):
            await told(world, store)
            world.clock.advance(3 * 3600)
        await store.look_for_hotspots()
        assert len(await news(store)) <= before + 1
        assert all(one.hours != 168 for one in await store.hotspots(limit=5))

    world.run(story)


@pytest.mark.parametrize("days", [0, 400])
def test_nothing_at_all_is_quiet(world: World, days: int) -> None:
    async def story(store: Store) -> None:
        world.clock.now = MORNING + timedelta(days=days)
        assert await store.look_for_hotspots() == 0

    world.run(story)


def test_dispatched_request_is_read_back_with_what_was_suggested(world: World) -> None:
    async def story(store: Store) -> None:
        number = await world.a_request(store)
        unit = Suggestion(UNIT, DEPARTMENT, "区环卫中心", 0.8, "服务目录")
        await store.save_transcript(1, number, a_transcript(), [*suggestions(), unit])
        assert await store.past_dispatches(limit=5) == []

        def dispatch(writing) -> None:
            row = writing.session.get(RequestRow, number)
            row.kind_code, row.region_code, row.lead_unit = RUBBISH, STREET, STREET

        await store.write(dispatch)
        (one,) = await store.past_dispatches(limit=5)
        assert (one.number, one.kind, one.lead, one.suggested, one.score) == (
            number,
            RUBBISH,
            STREET,
            DEPARTMENT,
            0.8,
        )

    world.run(story)
