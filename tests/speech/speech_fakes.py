"""Fakes of the store and the model that the tests of speech share."""

import asyncio
from datetime import UTC, datetime

import numpy as np

from hotline.events.outbox import Job
from hotline.intake.ports import ClosedRecording, Segment, Transcript
from hotline.media.plan import Codec
from hotline.speech.protocol import Heard, NotHeard
from hotline.speech.whisper import Decode

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def a_job(number=1, attempts=1, **payload):
    content = {"recording_id": f"c-{number}", "request_number": "202611230017", "language": "zh"}
    return Job(number, "transcribe", f"c-{number}", {**content, **payload}, attempts)


def a_recording(path, length_samples=8000, codec=Codec.PCMA):
    return ClosedRecording("c-1", "c", str(path), codec, length_samples, 1000, "", AT)


def a_transcript(text="垃圾没人清运"):
    return Transcript(text, [Segment(0, 1000, text, text, "high", -0.1)], "high", "zh", "fake")


class FakeStore:
    """Outbox and transcripts in one, as the real store is; remembers what it was told."""

    def __init__(self, recordings=(), jobs=()):
        self.recordings = dict(recordings)
        self.jobs = list(jobs)
        self.saved, self.failed, self.retried = [], [], []
        self.wakes = []
        self.due_s = None
        self.claim_errors = []
        self.done = asyncio.Event()

    async def claim(self, topic, *, limit, lease_s):
        assert topic == "transcribe"
        if self.claim_errors:
            raise self.claim_errors.pop(0)
        claimed, self.jobs = self.jobs[:limit], self.jobs[limit:]
        return claimed

    async def retry(self, job, *, error, wait_s):
        self.retried.append((job.id, error, wait_s))
        self.done.set()

    async def next_due_s(self, topic):
        return self.due_s

    def on_added(self, topic, wake):
        self.wakes.append(wake)

    async def recording(self, recording_id):
        return self.recordings.get(recording_id)

    async def save_transcript(self, job_id, number, transcript, suggestions):
        self.saved.append((job_id, number, transcript, list(suggestions)))
        self.done.set()

    async def fail_transcript(self, job_id, number, reason):
        self.failed.append((job_id, number, reason))
        self.done.set()


class FakeProcess:
    """A recognition process whose answers are given."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        self.is_running, self.pid, self.model = True, 1, "fake"

    async def ask(self, question, *, longest_s):
        self.asked.append((question, longest_s))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            return NotHeard(question.id, answer)
        return Heard(question.id, answer)


class FakeModel:
    """Gives the decodes that were laid in; the last ones again and again."""

    name = "fake"

    def __init__(self, *pairs):
        self.pairs = list(pairs)
        self.windows = []

    def decode(self, samples, language, prompts):
        self.windows.append(samples.size)
        pair = self.pairs.pop(0) if len(self.pairs) > 1 else self.pairs[0]
        return list(pair)[: len(prompts)]


def decodes(neutral, shown=None, score=-0.1, no_speech=0.01):
    return (
        Decode(neutral, score, no_speech),
        Decode(neutral if shown is None else shown, score, no_speech),
    )


def some_samples(seconds):
    return np.zeros(int(seconds * 16000), np.float32)
