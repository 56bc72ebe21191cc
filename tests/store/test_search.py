"""What is in the rows is what is found: words, numbers, telephones, and what narrows them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_world import COMMUNITY, DEPARTMENT, STREET, World, a_transcript
from test_desk_store import AGENT, PASSWORD, a_desk, send, some_suggestions

from hotline.events.outbox import TRANSCRIBE
from hotline.search.asked import Asked, read_box
from hotline.store import Store
from hotline.store.search_index import vector


async def heard(world: World, store: Store, said: str, **changes: object) -> str:
    number = await world.a_request(store, **changes)
    (job,) = await store.claim(TRANSCRIBE, limit=5, lease_s=60)
    await store.save_transcript(job.id, number, a_transcript(said), some_suggestions())
    return number


async def numbers(store: Store, asked: Asked, unit: str | None = None, limit: int = 50) -> list[str]:
    return [line.number for line in await store.search(unit, asked, limit=limit)]


def test_words_of_a_transcript_are_found_newest_first(world: World) -> None:
    async def story(store: Store) -> None:
        first = await heard(world, store, "和平里七区的垃圾桶三天没清运了")
        second = await heard(world, store, "楼道里堆着垃圾，住在3号楼")
        assert await numbers(store, read_box("垃圾")) == [second, first]
        assert await numbers(store, read_box("垃圾桶")) == [first]
        assert await numbers(store, read_box("里七区 清运")) == [first]
        assert await numbers(store, read_box("3号楼")) == [second]
        assert await numbers(store, read_box("堆")) == [second]
        assert await numbers(store, read_box("垃圾清运")) == []
        assert await numbers(store, read_box("路灯")) == []

    world.run(story)


def test_what_an_agent_wrote_and_decided_is_found_at_once(world: World) -> None:
    async def story(store: Store) -> None:
        number = await heard(world, store, "垃圾没人收")
        assert await numbers(store, Asked(kind="0102")) == []
        page = await store.request_page(None, number)
        desk = a_desk(world, store)
        await desk.edit(
            AGENT,
            number,
            page.line.version,
            kind_code="0102",
            region_code=COMMUNITY,
            place="雍和宫",
            text="路灯不亮",
        )
        assert await numbers(store, read_box("雍和宫")) == [number]
        assert await numbers(store, read_box("路灯")) == [number]
        assert await numbers(store, Asked(kind="0102")) == [number]
        assert await numbers(store, Asked(region=COMMUNITY)) == [number]
        assert await numbers(store, Asked(region=STREET)) == [number]

    world.run(story)


def test_number_and_telephone_are_found_and_a_withheld_one_is_not(world: World) -> None:
    async def story(store: Store) -> None:
        shown = await world.a_request(store)
        await world.a_request(store, withheld=True)
        assert await numbers(store, read_box("138 0013 8000")) == [shown]
        assert await numbers(store, read_box(shown)) == [shown]
        assert await numbers(store, read_box("13900139000")) == []

    world.run(story)


def test_days_and_pages_part_what_is_found(world: World) -> None:
    async def story(store: Store) -> None:
        first = [await heard(world, store, "垃圾") for _ in range(3)]
        world.clock.advance(86_400)
        second = [await heard(world, store, "垃圾") for _ in range(2)]
        assert await numbers(store, Asked(first_day=date(2026, 11, 24))) == second[::-1]
        assert await numbers(store, Asked(last_day=date(2026, 11, 23))) == first[::-1]
        found, before = [], ""
        for _ in range(5):
            page = await numbers(store, Asked(phrases=read_box("垃圾").phrases, before=before), limit=2)
            found += page
            before = page[-1] if page else before
        assert found == (first + second)[::-1]

    world.run(story)


def test_a_unit_finds_only_what_it_has_part_in(world: World) -> None:
    async def story(store: Store) -> None:
        desk = a_desk(world, store)
        await desk.add_user("li", "李", PASSWORD, "agent")
        mine, other = await heard(world, store, "垃圾"), await heard(world, store, "垃圾")
        for number, unit in ((mine, STREET), (other, DEPARTMENT)):
            await send(desk, number, unit)
        assert await numbers(store, read_box("垃圾"), unit=STREET) == [mine]
        assert await numbers(store, Asked(unit=DEPARTMENT)) == [other]
        assert await numbers(store, Asked(unit=DEPARTMENT), unit=STREET) == []
        assert await numbers(store, Asked(state="dispatched")) == [other, mine]
        assert await numbers(store, Asked(number=other), unit=STREET) == []

    world.run(story)


def test_index_that_is_built_anew_holds_the_same(world: World) -> None:
    async def story(store: Store) -> None:
        kept = [await heard(world, store, said) for said in ("垃圾", "路灯", "垃圾和路灯")]
        before = [await numbers(store, read_box(word)) for word in ("垃圾", "路灯")]
        assert await store.rebuild_index() == len(kept)
        assert [await numbers(store, read_box(word)) for word in ("垃圾", "路灯")] == before

    world.run(story)


def test_what_was_not_committed_is_not_found(world: World) -> None:
    async def story(store: Store) -> None:
        number = await heard(world, store, "垃圾")

        def fail(writing) -> None:
            from hotline.store.tables import RequestRow

            writing.session.get_one(RequestRow, number).place = "雍和宫"
            writing.session.flush()
            raise RuntimeError("in the middle")

        with pytest.raises(RuntimeError):
            await store.write(fail)
        assert await numbers(store, read_box("雍和宫")) == []

    world.run(story)


@given(st.lists(st.text(min_size=1, max_size=3), max_size=30))
@settings(max_examples=50)
def test_vector_names_each_word_once(words: list[str]) -> None:
    assert vector(words).count("':") >= len(set(words))
