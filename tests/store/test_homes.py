"""Where a caller seems to live."""

from __future__ import annotations

from store_world import COMMUNITY, STREET, World

from hotline.store import Store
from hotline.store.tables import RequestRow

HERS = "+8613911112222"


async def decided(world: World, store: Store, region: str, **call: object) -> str:
    number = await world.a_request(store, **({"caller": HERS} | call))

    def decide(writing) -> None:
        writing.session.get(RequestRow, number).region_code = region

    await store.write(decide)
    return number


def test_home_is_where_most_of_her_requests_were(world: World) -> None:
    async def story(store: Store) -> None:
        for region in (STREET, COMMUNITY, COMMUNITY):
            await decided(world, store, region)
        now = await world.a_request(store, caller=HERS)
        assert store.home_region_blocking(now) == COMMUNITY

    world.run(story)


def test_request_itself_and_other_callers_do_not_tell(world: World) -> None:
    async def story(store: Store) -> None:
        await decided(world, store, STREET, caller="+8613933334444")
        assert store.home_region_blocking(await decided(world, store, STREET)) is None

    world.run(story)


def test_nothing_is_told_of_who_withholds_her_number(world: World) -> None:
    async def story(store: Store) -> None:
        await decided(world, store, STREET)
        assert store.home_region_blocking(await world.a_request(store, caller=HERS, withheld=True)) is None
        assert store.home_region_blocking("000000000000") is None

    world.run(story)
