from __future__ import annotations

from collections.abc import Awaitable, Callable

from store_world import STREET, World
from test_desk_store import AGENT, desk_story, send

from hotline.desk.desk import Desk
from hotline.desk.views import NoticeView
from hotline.events.outbox import MAIL, Job
from hotline.events.record import NOTICE_DELAYED, NOTICE_FAILED, NOTICE_QUEUED, NOTICE_SENT
from hotline.store import Store


def letter_story(
    world: World, story: Callable[[Store, Job, int, Callable[[], Awaitable[NoticeView]]], Awaitable[None]]
) -> None:
    """Route a request, claim its letter, and go on."""

    async def play(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        await send(desk, number, STREET)
        (job,) = await store.claim(MAIL, limit=1, lease_s=60)

        async def notice() -> NoticeView:
            return (await desk.request(AGENT, number)).orders[0].notices[0]

        await story(store, job, (await notice()).notice_id, notice)

    desk_story(world, play)


async def notice_events(store: Store) -> list[str]:
    return [event.kind for event in await store.events_after(0) if event.kind.startswith("notice.")]


def test_sent_letter_ends_its_job(world: World) -> None:
    async def story(
        store: Store, job: Job, notice_id: int, notice: Callable[[], Awaitable[NoticeView]]
    ) -> None:
        for _ in range(2):  # the worker may say it twice
            await store.notice_sent(job, notice_id, "250 queued as 42")
        assert ((await notice()).state, (await notice()).attempts) == ("sent", 1)
        assert await store.letter(notice_id) is None
        assert await store.next_due_s(MAIL) is None
        assert await notice_events(store) == [NOTICE_QUEUED, NOTICE_SENT]

    letter_story(world, story)


def test_delayed_letter_is_due_again(world: World) -> None:
    async def story(
        store: Store, job: Job, notice_id: int, notice: Callable[[], Awaitable[NoticeView]]
    ) -> None:
        await store.notice_delayed(job, notice_id, "connection refused", 5)
        view = await notice()
        assert (view.state, view.attempts, view.last_error) == ("delayed", 1, "connection refused")
        assert await store.next_due_s(MAIL) == 5
        assert await store.letter(notice_id) is not None
        world.clock.advance(5)
        (again,) = await store.claim(MAIL, limit=1, lease_s=60)
        await store.notice_delayed(again, notice_id, "connection refused", 15)
        assert (await notice()).attempts == 2
        # The same trouble again is no news; the page shows the count.
        assert await notice_events(store) == [NOTICE_QUEUED, NOTICE_DELAYED]

    letter_story(world, story)


def test_failed_letter_is_never_tried_again(world: World) -> None:
    async def story(
        store: Store, job: Job, notice_id: int, notice: Callable[[], Awaitable[NoticeView]]
    ) -> None:
        await store.notice_failed(job, notice_id, "550 no such mailbox")
        assert ((await notice()).state, (await notice()).last_error) == ("failed", "550 no such mailbox")
        assert await store.next_due_s(MAIL) is None
        assert await notice_events(store) == [NOTICE_QUEUED, NOTICE_FAILED]

    letter_story(world, story)


def test_worker_whose_lease_ran_out_changes_nothing(world: World) -> None:
    async def story(
        store: Store, job: Job, notice_id: int, notice: Callable[[], Awaitable[NoticeView]]
    ) -> None:
        world.clock.advance(61)
        (newer,) = await store.claim(MAIL, limit=1, lease_s=60)
        await store.notice_delayed(job, notice_id, "late", 900)
        await store.notice_failed(job, notice_id, "late")
        assert (await notice()).state == "queued"
        await store.notice_sent(newer, notice_id, "250")
        assert (await notice()).state == "sent"

    letter_story(world, story)


def test_letter_that_the_relay_took_counts_even_from_a_late_worker(world: World) -> None:
    async def story(
        store: Store, job: Job, notice_id: int, notice: Callable[[], Awaitable[NoticeView]]
    ) -> None:
        world.clock.advance(61)
        await store.claim(MAIL, limit=1, lease_s=60)
        await store.notice_sent(job, notice_id, "250")
        assert (await notice()).state == "sent"
        assert await store.next_due_s(MAIL) is None

    letter_story(world, story)


def test_unknown_notice_has_no_letter(world: World) -> None:
    async def story(store: Store) -> None:
        assert await store.letter(4711) is None

    world.run(story)
