"""Real processes, without a model. What they do is said by an environment variable."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from hotline.errors import ConfigError
from hotline.media.plan import Codec
from hotline.speech.process import RecogniserLostError, RecognitionProcess
from hotline.speech.protocol import Heard, NotHeard, Question

WORKER = Path(__file__).parent / "speech_fake_worker.py"
COMMAND = [sys.executable, str(WORKER)]


@pytest.fixture
def question(tmp_path):
    (tmp_path / "c-1.alaw").write_bytes(b"\xd5" * 160)
    return Question(1, str(tmp_path / "c-1.alaw"), Codec.PCMA, "zh")


def converse(monkeypatch, order, question, *, longest_s=20.0):
    """Start a process, ask it once, and tell what came of it and whether it still runs."""
    monkeypatch.setenv("FAKE_WORKER_ORDER", order)

    async def conversation():
        process = RecognitionProcess(COMMAND)
        try:
            await process.start()
            try:
                return await process.ask(question, longest_s=longest_s), process.is_running
            except RecogniserLostError as error:
                return error, process.is_running
        finally:
            await process.stop()
            assert not process.is_running

    return asyncio.run(conversation())


def test_an_answer_comes_back_whatever_libraries_print(monkeypatch, question):
    answer, is_running = converse(monkeypatch, "text", question)
    assert isinstance(answer, Heard)
    assert answer.transcript.text == "zh 320"
    assert is_running


def test_silence_is_an_answer(monkeypatch, question):
    assert converse(monkeypatch, "silence", question) == (Heard(1, None), True)


def test_a_failed_recording_leaves_the_process_running(monkeypatch, question):
    assert converse(monkeypatch, "bug", question) == (NotHeard(1, "ZeroDivisionError: one by none"), True)


def test_a_crash_is_told_at_once(monkeypatch, question):
    error, is_running = converse(monkeypatch, "abort", question)
    assert "died (status -6)" in str(error)
    assert not is_running


def test_a_process_that_hangs_is_killed(monkeypatch, question):
    error, is_running = converse(monkeypatch, "hang", question, longest_s=0.3)
    assert "no answer within" in str(error)
    assert not is_running


def test_a_missing_model_is_told_with_its_remedy(monkeypatch, question):
    with pytest.raises(ConfigError, match="not installed: install it"):
        converse(monkeypatch, "no model", question)


def test_a_process_that_dies_while_loading_is_lost(monkeypatch, question):
    with pytest.raises(RecogniserLostError, match="status 3"):
        converse(monkeypatch, "dies", question)


def test_a_program_that_does_not_exist_is_lost():
    with pytest.raises(RecogniserLostError, match="cannot be started"):
        asyncio.run(RecognitionProcess(["/nowhere/python"]).start())


UNDER_TWISTED = """
import asyncio, sys
from hotline.wire.reactor import install_reactor
reactor = install_reactor()
from twisted.internet import defer
from hotline.media.plan import Codec
from hotline.speech.process import RecognitionProcess
from hotline.speech.protocol import Question

async def converse():
    process = RecognitionProcess([sys.executable, sys.argv[1]])
    for number in (1, 2):
        await process.start()
        answer = await process.ask(Question(number, sys.argv[2], Codec.PCMA, "zh"), longest_s=20)
        print(number, answer.transcript.text)
        await process.kill()
        print("gone", process.is_running)

def run():
    defer.Deferred.fromFuture(asyncio.ensure_future(converse())).addBoth(
        lambda outcome: (print(outcome), reactor.stop())
    )

reactor.callWhenRunning(run)
reactor.run()
"""


def test_processes_work_on_the_reactor_that_the_product_runs_on(question):
    done = subprocess.run(
        [sys.executable, "-c", UNDER_TWISTED, str(WORKER), question.path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = [line for line in done.stdout.splitlines() if "recogniser.says" not in line]
    assert told == ["1 zh 320", "gone False", "2 zh 320", "gone False", "None"], done.stderr
