import asyncio
import sys
from pathlib import Path

import pytest
from speech_fakes import FakeProcess, FakeStore, a_job, a_recording, a_transcript

from hotline.errors import OutsideError
from hotline.media.plan import Codec
from hotline.routing.suggestion import Suggestion
from hotline.speech import service
from hotline.speech.process import RecogniserLostError
from hotline.speech.service import TranscriptionService

SUGGESTION = Suggestion("kind", "0201", "垃圾清运", 0.9, "提到“垃圾”")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "c-1.alaw").write_bytes(b"\xd5" * 8000)
    return tmp_path


def a_service(store, folder, **changes):
    return TranscriptionService(
        **{
            "outbox": store,
            "transcripts": store,
            "suggest": lambda *_: [SUGGESTION],
            "recordings_dir": folder,
            "data_dir": folder,
            "workers": 1,
            **changes,
        }
    )


def carry_out(store, folder, job, *answers, **changes):
    process = FakeProcess(*answers)
    asyncio.run(a_service(store, folder, **changes)._carry_out(job, process))
    return process


def a_store(length_samples=8000, path="c-1.alaw"):
    return FakeStore({"c-1": a_recording(path, length_samples)})


def test_a_text_is_saved_with_its_suggestions(folder):
    store = a_store()
    process = carry_out(store, folder, a_job(), a_transcript())
    assert store.saved == [(1, "202611230017", a_transcript(), [SUGGESTION])]
    question, _ = process.asked[0]
    assert (question.path, question.codec, question.language) == (str(folder / "c-1.alaw"), Codec.PCMA, "zh")


def test_the_language_that_the_caller_chose_is_asked_for(folder):
    process = carry_out(a_store(), folder, a_job(language="en"), a_transcript())
    assert process.asked[0][0].language == "en"


@pytest.mark.parametrize(("length_samples", "longest_s"), [(8000, 30.0), (60 * 8000, 240.0)])
def test_a_long_recording_may_take_longer(folder, length_samples, longest_s):
    assert carry_out(a_store(length_samples), folder, a_job(), a_transcript()).asked[0][1] == longest_s


def test_silence_fails_with_a_reason_that_says_so(folder):
    store = a_store()
    carry_out(store, folder, a_job(), None)
    assert store.failed == [(1, "202611230017", service.SILENCE)]
    assert store.saved == []


def test_an_unknown_recording_fails_at_once(folder):
    store = FakeStore()
    carry_out(store, folder, a_job())
    assert store.failed == [(1, "202611230017", service.NO_RECORDING)]


@pytest.mark.parametrize("path", ["gone.alaw", ""])
def test_a_recording_without_its_file_fails_at_once(folder, path):
    store = a_store(path=path)
    carry_out(store, folder, a_job())
    assert store.failed == [(1, "202611230017", service.NO_RECORDING)]


@pytest.mark.parametrize(("attempts", "wait_s"), [(1, 5.0), (2, 30.0)])
def test_a_crash_is_tried_again_after_a_growing_wait(folder, attempts, wait_s):
    store = a_store()
    carry_out(store, folder, a_job(attempts=attempts), RecogniserLostError("died"))
    assert store.retried == [(1, "died", wait_s)]


def test_the_third_crash_leaves_the_recording_to_a_person(folder):
    store = a_store()
    carry_out(store, folder, a_job(attempts=3), RecogniserLostError("died"))
    assert store.failed == [(1, "202611230017", service.GAVE_UP)]
    assert store.retried == []


def test_a_recording_that_the_model_fails_on_is_tried_again(folder):
    store = a_store()
    carry_out(store, folder, a_job(), "the model failed")
    assert store.retried == [(1, "the model failed", 5.0)]


def test_a_job_that_was_claimed_too_often_is_not_tried(folder):
    store = a_store()
    assert carry_out(store, folder, a_job(attempts=9)).asked == []
    assert store.failed == [(1, "202611230017", service.GAVE_UP)]


def test_without_workers_a_job_fails_at_once(folder):
    store = a_store()
    assert carry_out(store, folder, a_job(), workers=0).asked == []
    assert store.failed == [(1, "202611230017", service.NO_RECOGNISER)]


# -- the lanes, with real processes ---------------------------------------------------------------------

COMMAND = [sys.executable, str(Path(__file__).parent / "speech_fake_worker.py")]


def run(store, folder, *, until=None, meanwhile=None, workers=1):
    """Run a service until the store was told something, and stop it."""

    async def conversation():
        running = a_service(store, folder, command=COMMAND, workers=workers)
        running.start()
        try:
            if meanwhile is not None:
                await meanwhile(running)
            async with asyncio.timeout(20):
                await (until() if until else store.done.wait())
        finally:
            await running.stop()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []
        return running

    return asyncio.run(conversation())


def test_a_waiting_job_is_found_at_start(folder):
    store = a_store()
    store.jobs.append(a_job())
    run(store, folder)
    assert store.saved[0][2].text == "zh 16000"


def test_a_job_that_is_added_wakes_the_lane(folder):
    store = a_store()

    async def add(_):
        await asyncio.sleep(0)
        store.jobs.append(a_job())
        for wake in store.wakes:
            wake()

    run(store, folder, meanwhile=add)
    assert len(store.saved) == 1


def test_a_crashed_process_is_replaced_for_the_next_job(folder):
    (folder / "poison.alaw").write_bytes(b"\xd5" * 7)
    store = a_store(path="poison.alaw")
    store.recordings["c-2"] = a_recording("c-1.alaw")
    store.jobs += [a_job(1), a_job(2)]

    async def both():
        while not store.saved:
            await asyncio.sleep(0.01)

    run(store, folder, until=both)
    assert store.retried == [(1, "the recogniser died (status -6)", 5.0)]
    assert store.saved[0][0] == 2


def test_a_missing_model_fails_jobs_with_the_reason(folder, monkeypatch):
    monkeypatch.setenv("FAKE_WORKER_ORDER", "no model")
    store = a_store()
    store.jobs += [a_job(1), a_job(2)]

    async def both():
        while len(store.failed) < 2:
            await asyncio.sleep(0.01)

    running = run(store, folder, until=both)
    assert [reason for _, _, reason in store.failed] == [service.NO_RECOGNISER] * 2
    assert running.refusal == "the model is not installed: install it"


def test_a_job_in_hand_goes_back_when_the_service_stops(folder, monkeypatch):
    monkeypatch.setenv("FAKE_WORKER_ORDER", "hang")
    store = a_store()
    store.jobs.append(a_job())

    async def claimed():
        while store.jobs:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)

    run(store, folder, until=claimed)
    assert store.retried == [(1, "stopped", 0.0)]


def test_a_store_that_fails_once_does_not_end_the_lane(folder, monkeypatch):
    monkeypatch.setattr(service, "RETRY_S", (0.01,))
    store = a_store()
    store.claim_errors.append(OutsideError("the store is busy"))
    store.jobs.append(a_job())
    run(store, folder)
    assert len(store.saved) == 1


def test_two_lanes_share_the_jobs(folder):
    store = a_store()
    store.recordings["c-2"] = a_recording("c-1.alaw")
    store.jobs += [a_job(1), a_job(2)]

    async def both():
        while len(store.saved) < 2:
            await asyncio.sleep(0.01)

    run(store, folder, until=both, workers=2)
    assert {job_id for job_id, *_ in store.saved} == {1, 2}
