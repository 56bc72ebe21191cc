"""The transcription service: jobs from the outbox to recognition processes, texts to the store.

One lane a process: claim a job, look its recording up, have it written down, save text and suggestions
in the transaction that ends the job. A job may run twice without harm. A process that crashes or hangs is
killed and replaced; a recording that did that three times is left to a person. Without a recogniser
every job ends at once with the reason, so that nobody waits for a text that will not come.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from hotline.errors import ConfigError, HotlineError, OutsideError
from hotline.events.ids import RecordingId, RequestNumber
from hotline.events.outbox import TRANSCRIBE, Job, Outbox
from hotline.intake.ports import ClosedRecording, Transcript, Transcripts
from hotline.routing.suggestion import Suggestion
from hotline.speech.band import TELEPHONE_RATE_HZ
from hotline.speech.process import RecognitionProcess
from hotline.speech.protocol import NotHeard, Question

LEASE_S: Final = 240.0
"""How long a job is ours. After a crash of the product it waits so long at most."""
TRIES: Final = 3
"""So often a recording may crash the recogniser, or be too much for it."""
CLAIMS: Final = 8
"""So often a job may be claimed whatever became of it: one that brings the whole product down is not
tried for ever."""
RETRY_S: Final = (5.0, 30.0, 120.0)
"""Wait before the second, third and later try."""
SHORTEST_TIME_S: Final = 30.0
TIME_PER_AUDIO: Final = 4.0
"""A recording may take so many times its own length; a tenth to a quarter is usual."""
LONGEST_IDLE_S: Final = 15.0
"""Look for jobs at least so often: another process of the product may have added some."""
SHORTEST_IDLE_S: Final = 0.2

SILENCE: Final = "录音里没有听到说话声，请听录音核实。"
NO_RECOGNISER: Final = "本机没有语音识别，请听录音。"
GAVE_UP: Final = "语音识别多次失败，请人工听录音。"
NO_RECORDING: Final = "找不到录音，无法识别。"
REASONS: Final = (SILENCE, NO_RECOGNISER, GAVE_UP, NO_RECORDING)
"""What a request may say about a missing text; the console translates these."""

Suggest = Callable[[Transcript, RequestNumber], Sequence[Suggestion]]

log = structlog.get_logger()


class TranscriptionService:
    """Has recordings written down.

    :param suggest: called in a thread, with each transcript and the number of its request.
    :param recordings_dir: recordings with a relative path are below it.
    :param data_dir: the joined model is kept below it.
    :param model_dir: a model of the site's own; None for the packaged one.
    :param workers: recognition processes; 0 for none.
    :param config_dir: the district's files, for place names; None for none.
    :param command: starts a recognition process; None for ours.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        transcripts: Transcripts,
        suggest: Suggest,
        recordings_dir: Path,
        data_dir: Path,
        model_dir: Path | None = None,
        workers: int = 1,
        config_dir: Path | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        self._outbox, self._transcripts, self._suggest = outbox, transcripts, suggest
        self._recordings_dir = recordings_dir
        self._command = tuple(command or _own_command(data_dir, model_dir, config_dir))
        self._workers = workers
        self._lanes: list[asyncio.Task[None]] = []
        self._bells: list[asyncio.Event] = []
        self._in_hand: set[int] = set()
        self.refusal = "" if workers else "[speech] workers is 0"
        """Why there is no recogniser here; empty while there is one."""

    def start(self) -> None:
        """Start the lanes; returns at once, the models load in the background."""
        if self._lanes:
            return
        self._outbox.on_added(TRANSCRIBE, self._ring)
        for number in range(max(1, self._workers)):
            bell = asyncio.Event()
            self._bells.append(bell)
            self._lanes.append(
                asyncio.get_running_loop().create_task(self._run(bell), name=f"speech-{number}")
            )

    async def stop(self) -> None:
        """Stop; a job in hand goes back to the outbox."""
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        self._bells.clear()

    def _ring(self) -> None:
        for bell in self._bells:
            bell.set()

    # -- a lane --------------------------------------------------------------------------------------

    async def _run(self, bell: asyncio.Event) -> None:
        process = RecognitionProcess(self._command)
        failures = 0
        try:
            while True:
                bell.clear()
                try:
                    if not self.refusal and not process.is_running:
                        await self._start(process)
                    if await self._work_once(process):
                        failures = 0
                        continue
                    wait_s = await self._idle_s()
                except Exception as error:  # noqa: BLE001 - the worker loop: the next job may be well
                    wait_s = _wait_s(failures)
                    failures += 1
                    log.error("speech.lane_failed", error=repr(error), again_in_s=wait_s)
                    await asyncio.sleep(wait_s)
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await bell.wait()
        finally:
            await process.stop()

    async def _start(self, process: RecognitionProcess) -> None:
        try:
            await process.start()
        except ConfigError as error:
            self.refusal = str(error)
            log.error("speech.no_recogniser", reason=self.refusal)
        else:
            log.info("speech.ready", pid=process.pid, model=process.model)

    async def _idle_s(self) -> float:
        due_s = await self._outbox.next_due_s(TRANSCRIBE)
        return LONGEST_IDLE_S if due_s is None else min(LONGEST_IDLE_S, max(SHORTEST_IDLE_S, due_s))

    async def _work_once(self, process: RecognitionProcess) -> bool:
        """Claim a job and carry it out.

        :returns: False when there was none.
        """
        jobs = await self._outbox.claim(TRANSCRIBE, limit=1, lease_s=LEASE_S)
        for job in jobs:
            if job.id in self._in_hand:
                continue  # its lease ran out in another lane, which is still at it
            self._in_hand.add(job.id)
            try:
                await self._carry_out(job, process)
            except asyncio.CancelledError:
                await self._give_back(job, "stopped", 0.0)
                raise
            finally:
                self._in_hand.discard(job.id)
        return bool(jobs)

    async def _carry_out(self, job: Job, process: RecognitionProcess) -> None:
        number = RequestNumber(str(job.payload["request_number"]))
        recording_id = RecordingId(str(job.payload["recording_id"]))
        bound = log.bind(job_id=job.id, request=number, recording_id=recording_id)
        if self.refusal:
            bound.warning("speech.not_transcribed", reason=self.refusal)
            await self._transcripts.fail_transcript(job.id, number, NO_RECOGNISER)
            return
        recording = await self._transcripts.recording(recording_id)
        path = None if recording is None else self._path(recording)
        if recording is None or path is None or not path.is_file():
            bound.error("speech.no_recording", path=str(path))
            await self._transcripts.fail_transcript(job.id, number, NO_RECORDING)
            return
        bound = bound.bind(call_id=recording.call_id)
        if job.attempts > CLAIMS:
            bound.error("speech.gave_up", attempts=job.attempts)
            await self._transcripts.fail_transcript(job.id, number, GAVE_UP)
            return
        audio_s = recording.length_samples / TELEPHONE_RATE_HZ
        language = str(job.payload.get("language", "zh"))
        question = Question(job.id, str(path), recording.codec, language)
        began = asyncio.get_running_loop().time()
        try:
            said = await process.ask(question, longest_s=max(SHORTEST_TIME_S, TIME_PER_AUDIO * audio_s))
            if isinstance(said, NotHeard):
                raise OutsideError(said.reason)
        except OutsideError as error:
            await self._after_failure(job, number, error)
            return
        took_s = round(asyncio.get_running_loop().time() - began, 3)
        if said.transcript is None:
            bound.info("speech.silence", audio_s=audio_s, took_s=took_s)
            await self._transcripts.fail_transcript(job.id, number, SILENCE)
            return
        suggestions = await asyncio.to_thread(self._suggest, said.transcript, number)
        await self._transcripts.save_transcript(job.id, number, said.transcript, suggestions)
        bound.info(
            "speech.transcribed", audio_s=audio_s, took_s=took_s, confidence=said.transcript.confidence
        )

    async def _after_failure(self, job: Job, number: RequestNumber, error: OutsideError) -> None:
        if job.attempts >= TRIES:
            log.error(
                "speech.gave_up", job_id=job.id, request=number, error=str(error), attempts=job.attempts
            )
            await self._transcripts.fail_transcript(job.id, number, GAVE_UP)
            return
        wait_s = _wait_s(job.attempts - 1)
        log.warning("speech.failed", job_id=job.id, request=number, error=str(error), again_in_s=wait_s)
        await self._give_back(job, str(error), wait_s)

    async def _give_back(self, job: Job, error: str, wait_s: float) -> None:
        try:
            await self._outbox.retry(job, error=error, wait_s=wait_s)
        except HotlineError as trouble:
            # Its lease runs out by itself.
            log.warning("speech.not_given_back", job_id=job.id, error=str(trouble))

    def _path(self, recording: ClosedRecording) -> Path | None:
        return self._recordings_dir / recording.path if recording.path else None


def _own_command(data_dir: Path, model_dir: Path | None, config_dir: Path | None) -> list[str]:
    command = [sys.executable, "-m", "hotline.speech.worker", "--data-dir", str(data_dir)]
    if model_dir is not None:
        command += ["--model-dir", str(model_dir)]
    if config_dir is not None:
        command += ["--config-dir", str(config_dir)]
    return command


def _wait_s(failures: int) -> float:
    return RETRY_S[min(failures, len(RETRY_S) - 1)]
