"""How long after a recording is closed its transcript is written, and what that costs.

Runs the real service and its recognition process over the clips of tests/data/speech, one job after
another, with a store in memory:

    python benchmarks/transcription.py [--workers 1] [--rounds 3]

Latency: from the job's arrival to the saved text, so with the way there and back, without the store's own
commit. RTF: latency over the length of the audio. The first job is not counted: it waits for the
model to load, which is reported apart.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog

from hotline.events.ids import CallId, RecordingId, RequestNumber
from hotline.events.outbox import Job
from hotline.intake.ports import ClosedRecording, Transcript
from hotline.media.plan import Codec
from hotline.routing.suggestion import Suggestion
from hotline.speech.service import TranscriptionService

ROOT = Path(__file__).parents[1]
CLIPS = ROOT / "tests" / "data" / "speech"
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Store:
    """Outbox and transcripts in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs: list[Job] = []
        self.lengths: dict[str, int] = {}
        self.saved: dict[int, float] = {}
        self.failed: list[str] = []
        self.wake: Callable[[], None] = lambda: None

    def add(self, number: int, clip: str, octets: bytes) -> None:
        """Lay a recording and its job in."""
        (self.folder / clip).write_bytes(octets)
        self.lengths[clip] = len(octets)
        language = "en" if clip.startswith("request_en") else "zh"
        payload = {"recording_id": clip, "request_number": "1", "language": language}
        self.jobs.append(Job(number, "transcribe", clip, payload, 1))
        self.wake()

    async def claim(self, topic: str, *, limit: int, lease_s: float) -> Sequence[Job]:  # noqa: ARG002
        """Give what waits."""
        claimed, self.jobs = self.jobs[:limit], self.jobs[limit:]
        return claimed

    async def retry(self, job: Job, *, error: str, wait_s: float) -> None:  # noqa: ARG002
        """Note that a job came back, which it should not."""
        self.failed.append(f"{job.key}: {error}")

    async def next_due_s(self, topic: str) -> float | None:  # noqa: ARG002
        """Tell that nothing is due later."""
        return None

    def on_added(self, topic: str, wake: Callable[[], None]) -> None:  # noqa: ARG002
        """Remember whom to wake."""
        self.wake = wake

    async def recording(self, recording_id: RecordingId) -> ClosedRecording | None:
        """Look a recording up."""
        length = self.lengths[recording_id]
        return ClosedRecording(recording_id, CallId("c"), recording_id, Codec.PCMA, length, None, "", AT)

    async def save_transcript(
        self,
        job_id: int,
        number: RequestNumber,  # noqa: ARG002
        transcript: Transcript,  # noqa: ARG002
        suggestions: Sequence[Suggestion],  # noqa: ARG002
    ) -> None:
        """Note the time."""
        self.saved[job_id] = time.perf_counter()

    async def fail_transcript(self, job_id: int, number: RequestNumber, reason: str) -> None:  # noqa: ARG002
        """Note the time, and that there is no text."""
        self.saved[job_id] = time.perf_counter()
        self.failed.append(reason)


def octets_of(path: Path) -> bytes:
    """Cut the audio out of an A-law WAV file."""
    content = path.read_bytes()
    at = content.index(b"data")
    (length,) = struct.unpack_from("<I", content, at + 4)
    return content[at + 8 : at + 8 + length]


async def measure(workers: int, rounds: int) -> int:
    clips = {path.stem: octets_of(path) for path in sorted(CLIPS.glob("*.wav"))}
    # A caller who says four things, with the pauses between them.
    pause = b"\xd5" * 8000
    clips["four_requests"] = pause.join(clips[f"request_{number}"] for number in (1, 2, 3, 4))
    latencies: list[float] = []
    rates: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        service = TranscriptionService(
            outbox=store,
            transcripts=store,
            suggest=lambda _: [],
            recordings_dir=store.folder,
            data_dir=store.folder,
            workers=workers,
            config_dir=ROOT / "config",
        )
        began = time.perf_counter()
        store.add(0, "warm_up", clips["request_1"])
        service.start()
        await finished(store, {0})
        print(f"model joined, loaded and warm after {store.saved[0] - began:.1f} s")
        print(f"{'clip':16}{'audio s':>9}{'latency s':>11}{'RTF':>7}")
        job = 0
        for clip, octets in clips.items():
            took: list[float] = []
            for _ in range(rounds):
                job += 1
                began = time.perf_counter()
                store.add(job, clip, octets)
                await finished(store, {job})
                took.append(store.saved[job] - began)
            audio_s = len(octets) / 8000
            latencies += took
            rates.append(statistics.median(took) / audio_s)
            print(f"{clip:16}{audio_s:9.1f}{statistics.median(took):11.2f}{rates[-1]:7.2f}")
        await service.stop()
    latencies.sort()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    middle, worst, rate = statistics.median(latencies), latencies[-1], statistics.median(rates)
    print(f"latency p50 {middle:.2f} s, worst {worst:.2f} s; RTF p50 {rate:.2f}")
    cpu_s = spent.ru_utime + spent.ru_stime
    print(f"recognition process: {cpu_s:.1f} s CPU, {spent.ru_maxrss / 1024:.0f} MB at most")
    for reason in store.failed:
        print("FAILED:", reason)
    return 1 if store.failed else 0


async def finished(store: Store, jobs: set[int]) -> None:
    async with asyncio.timeout(120):
        while not jobs <= set(store.saved):
            await asyncio.sleep(0.005)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(asyncio.run(measure(options.workers, options.rounds)))
