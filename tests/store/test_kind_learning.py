"""Kinds are learned from what people decide, saved with their place in the log, and never lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from store_world import World, a_district, a_transcript
from structlog.testing import capture_logs

from hotline.desk.ports import Decision
from hotline.desk.views import Actor
from hotline.errors import ConfigError, OutsideError
from hotline.routing.joint import DAY_ONE
from hotline.routing.model_file import Knowledge
from hotline.store import Store, kind_files
from hotline.store.kind_files import MODEL_FILE, load_blocking, save_blocking
from hotline.store.kind_learning import KindLearning

AGENT = Actor("wang", "王", "agent", None, "zh")
KINDS = a_district().kinds
WORDS = "那边咕咚咕咚的响个没完"


async def decided(world: World, store: Store, kind: str, *, text: str = WORDS) -> str:
    """A resident called, her words were written down, an agent decided on the kind."""
    number = await world.a_request(store)
    job = (await store.claim("transcribe", limit=1, lease_s=60))[0]
    await store.save_transcript(job.id, number, a_transcript(text), ())
    await again(store, number, kind)
    return number


async def again(store: Store, number: str, kind: str) -> None:
    page = await store.request_page(None, number)
    decision = Decision(kind, "", "", WORDS)
    await store.edit_request(AGENT, number, page.line.version, decision)


def learning(store: Store, folder: Path, **options: float) -> KindLearning:
    return KindLearning(store, KINDS, folder / MODEL_FILE, every_s=3600.0, **options)


def kind_of(learner: KindLearning) -> str:
    ranked = learner.rank(WORDS)
    return ranked[0].kind.code if ranked else ""


def test_a_decision_is_learned_and_survives_a_restart(world: World) -> None:
    async def first(store: Store) -> None:
        for _ in range(4):
            await decided(world, store, "0102")
        learner = learning(store, world.folder)
        await learner.start()
        await learner.look()
        assert (learner.samples, kind_of(learner)) == (4, "0102")
        assert learner.position == await store.newest_position()
        assert await learner.look() == 0, "nothing is learned twice"
        await learner.stop()

    async def second(store: Store) -> None:
        await decided(world, store, "0102")
        learner = learning(store, world.folder)
        await learner.start()
        await learner.look()
        assert (learner.samples, kind_of(learner)) == (5, "0102")
        await learner.stop()

    world.run(first)
    world.run(second)


def test_what_was_not_saved_is_learned_again(world: World) -> None:
    async def story(store: Store) -> None:
        await decided(world, store, "0102")
        crashed = learning(store, world.folder)
        await crashed.start()
        await crashed.look()
        assert not (world.folder / MODEL_FILE).exists()
        after = learning(store, world.folder)
        await after.start()
        await after.look()
        assert after.samples == crashed.samples == 1
        await after.stop()
        await crashed.stop()

    world.run(story)


def test_only_the_last_decision_of_a_request_counts(world: World) -> None:
    async def story(store: Store) -> None:
        number = await decided(world, store, "0102")
        await again(store, number, "0201")
        found, position = await store.kinds_decided_after(0)
        assert [sample.kind for _, sample in found] == ["0201"]
        assert [sample.text for _, sample in found] == [WORDS]
        assert position == await store.newest_position()

    world.run(story)


def test_more_decisions_than_one_batch_are_all_learned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hotline.store.kind_learning.BATCH", 2)

    async def story(store: Store) -> None:
        learner = learning(store, world.folder)
        await learner.start()
        await learner.look()
        numbers = [await decided(world, store, "0102") for _ in range(5)]
        for number in numbers[:4]:
            await again(store, number, "0201")  # batches without a decision that counts
        assert await learner.look() == 5
        await learner.stop()

    world.run(story)


def test_it_looks_by_itself_and_saves_in_time(world: World) -> None:
    async def story(store: Store) -> None:
        learner = KindLearning(store, KINDS, world.folder / MODEL_FILE, every_s=0.0, save_every_s=0.0)
        await learner.start()
        await decided(world, store, "0102")
        async with asyncio.timeout(10):
            while not (world.folder / MODEL_FILE).exists():
                await asyncio.sleep(0)
        assert load_blocking(world.folder / MODEL_FILE).samples == 1
        await learner.stop()

    world.run(story)


def test_a_file_that_another_program_trained_is_taken_over_and_not_overwritten(world: World) -> None:
    async def story(store: Store) -> None:
        await decided(world, store, "0102")
        learner = learning(store, world.folder)
        await learner.start()
        await learner.look()
        save_blocking(world.folder / MODEL_FILE, Knowledge({"咕咚": {"0201": 9.0}}, 700, DAY_ONE, 10_000))
        await learner.look()
        assert (learner.samples, kind_of(learner)) == (700, "0201")
        await learner.stop()
        assert load_blocking(world.folder / MODEL_FILE).samples == 700

    world.run(story)


def test_a_damaged_file_is_set_aside_and_the_log_teaches_anew(world: World) -> None:
    file = world.folder / MODEL_FILE

    async def story(store: Store) -> None:
        await decided(world, store, "0102")
        file.write_text("hotline-kinds 1 sha256:" + "0" * 64 + "\n{}\n")
        learner = learning(store, world.folder)
        with capture_logs() as logs:
            await learner.start()
        assert [line["log_level"] for line in logs if line["event"] == "kinds.file_refused"] == ["error"]
        await learner.look()
        assert learner.samples == 1
        await learner.stop()
        assert load_blocking(file).samples == 1
        assert file.with_name(MODEL_FILE + ".refused").exists()

    world.run(story)


def test_a_log_put_back_to_an_earlier_state_is_followed_from_there(world: World) -> None:
    async def story(store: Store) -> None:
        save_blocking(world.folder / MODEL_FILE, Knowledge(position=10_000))
        learner = learning(store, world.folder)
        await learner.start()
        await learner.look()
        await decided(world, store, "0102")
        assert await learner.look() == 1
        await learner.stop()

    world.run(story)


def test_a_kind_that_left_the_catalogue_is_passed_over(world: World) -> None:
    async def story(store: Store) -> None:
        await decided(world, store, "0102")
        learner = KindLearning(store, KINDS[:1], world.folder / MODEL_FILE, every_s=3600.0)
        await learner.start()
        assert await learner.look() == 0
        assert learner.position == await store.newest_position()
        await learner.stop()

    world.run(story)


def test_a_full_disk_leaves_the_old_file_and_is_no_end_of_learning(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = world.folder / MODEL_FILE

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    async def story(store: Store) -> None:
        save_blocking(file, Knowledge(samples=3))
        learner = learning(store, world.folder)
        await learner.start()
        await decided(world, store, "0102")
        await learner.look()
        monkeypatch.setattr(kind_files.os, "fsync", full)
        with capture_logs() as logs:
            await learner.stop()
        assert [line["event"] for line in logs] == ["kinds.not_saved"]
        monkeypatch.undo()
        assert load_blocking(file).samples == 3
        assert not list(world.folder.glob("*.part"))

    world.run(story)


def test_a_file_is_missing_unreadable_or_no_text(tmp_path: Path) -> None:
    assert load_blocking(tmp_path / MODEL_FILE) is None
    with pytest.raises(ConfigError, match="cannot be read"):
        load_blocking(tmp_path)
    (tmp_path / MODEL_FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_blocking(tmp_path / MODEL_FILE)
    with pytest.raises(OutsideError, match="cannot be written"):
        save_blocking(tmp_path / "no folder" / MODEL_FILE, Knowledge())
