"""Who pauses which recording, and what is written about it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from structlog.testing import capture_logs

from hotline.desk.views import TalkView
from hotline.errors import OutsideError
from hotline.events.ids import CallId, RecordingId
from hotline.media.plan import (
    Codec,
    MediaCommand,
    PauseRecording,
    RecordingClosed,
    RecordingPaused,
    RecordingResumed,
    ResumeRecording,
    SpeechStarted,
)
from hotline.wire.talks import LONGEST_PAUSE_S, Talks

CALL, RECORDING = CallId("c1"), RecordingId("c1-1")


class Bench:
    def __init__(self) -> None:
        self.sent: list[MediaCommand] = []
        self.noted: list[tuple[Any, ...]] = []
        self.is_broken = False
        self.talks = Talks(self.sent.append, self, self.call_of, {"wang": ["1001"]}.get)  # type: ignore[arg-type]

    def call_of(self, phones: Collection[str] | None) -> CallId | None:
        return CALL if phones else None

    async def note_pause(self, *words: Any) -> None:
        if self.is_broken:
            raise OutsideError("full")
        self.noted.append(words)

    async def note_resumption(self, *words: Any) -> None:
        self.noted.append(words)

    def hear(self, *events: Any) -> None:
        async def run() -> None:
            for event in events:
                self.talks.hear(event)
            await self.talks.idle()

        asyncio.run(run())


def test_a_pause_and_its_end_are_noted_with_who_and_why_once_they_happened() -> None:
    bench = Bench()
    assert bench.talks.pause("wang", "number")
    assert bench.sent == [PauseRecording(CALL, LONGEST_PAUSE_S)]
    assert bench.talks.talk_of("wang") == TalkView(CALL, is_paused=True)
    assert not bench.noted, "only what happened is noted"
    bench.hear(RecordingPaused(CALL, RECORDING, 4000))
    assert bench.talks.resume("wang")
    bench.hear(RecordingResumed(CALL, RECORDING, 9000))
    assert bench.sent[1:] == [ResumeRecording(CALL)]
    assert bench.noted == [(CALL, RECORDING, 4000, "wang", "number"), (CALL, RECORDING, 9000, "wang")]
    assert bench.talks.talk_of("wang") == TalkView(CALL, is_paused=False)


def test_a_forgotten_pause_is_ended_by_the_system() -> None:
    bench = Bench()
    bench.talks.pause("wang", "number")
    bench.hear(
        RecordingPaused(CALL, RECORDING, 0), RecordingResumed(CALL, RECORDING, 120_000, is_forgotten=True)
    )
    assert bench.noted[-1] == (CALL, RECORDING, 120_000, "system")
    assert bench.talks.talk_of("wang") == TalkView(CALL, is_paused=False)


def test_who_is_in_no_talk_changes_nothing() -> None:
    bench = Bench()
    assert not bench.talks.pause("li", "number")
    assert not bench.talks.resume("li")
    assert bench.talks.talk_of("li") is None
    assert not bench.sent


def test_the_end_of_a_recording_forgets_its_pause() -> None:
    bench = Bench()
    bench.talks.pause("wang", "number")
    bench.hear(SpeechStarted(CALL), RecordingClosed(CALL, RECORDING, "", Codec.PCMA, 0, 0, ""))
    assert bench.talks.talk_of("wang") == TalkView(CALL, is_paused=False)


def test_a_store_that_cannot_write_is_told_in_the_log() -> None:
    bench = Bench()
    bench.is_broken = True
    with capture_logs() as logs:
        bench.hear(RecordingPaused(CALL, RECORDING, 0))
    assert [one["event"] for one in logs] == ["recording.pause_not_noted"]
