"""What the media plane tells of voices, on its way to the log, the metrics and the call records.

Quality is written once a leg, when it is over; of a plane that died the last that it had told is.
Notes are gathered for a second, so that hundreds of calls that end together cost one commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import structlog

from hotline.errors import HotlineError
from hotline.events.ids import CallId
from hotline.media.continued import continued
from hotline.media.plan import LegQuality, MediaEvent, MediaFailed, PortMoved, VoiceFound, VoiceMissing

log = structlog.get_logger("hotline.media")

GATHER_S: Final = 1.0
LONGEST_UNWRITTEN: Final = 10_000
"""Notes kept for a store that does not take them; more are dropped, the oldest first."""
POOR: Final = 3.1
"""Score below which nearly all listeners are dissatisfied (G.107, annex B: R = 60)."""
VoiceNote = LegQuality | VoiceMissing | VoiceFound


@dataclass(slots=True)
class VoiceCounts:
    """What became of legs' voices."""

    legs: int = 0
    """Legs that have ended and had a voice."""
    poor: int = 0
    """Of these, whose score was below 3.1: nearly all listeners are dissatisfied."""
    missing: int = 0
    """Times that a side of an answered call did not send for some 2.5 s though it should."""
    strangers: int = 0
    """Of these, while somebody else sent: a NAT that nobody told us of."""


class VoiceWatch:
    """Takes what is told of voices.

    :param write: writes notes into the store, each with its time.
    :param observe: takes a figure for a histogram, by name.
    """

    def __init__(
        self,
        write: Callable[[Sequence[tuple[VoiceNote, datetime]]], Awaitable[None]],
        wall: Callable[[], datetime],
        observe: Callable[[str, float], None] = lambda _name, _figure: None,
        *,
        gather_s: float = GATHER_S,
    ) -> None:
        self._write, self._wall, self._observe, self._gather_s = write, wall, observe, gather_s
        self.counts = VoiceCounts()
        self.missing: set[CallId] = set()
        """Legs whose voice is missing now."""
        self.latest: dict[CallId, LegQuality] = {}
        """By leg, of those that go on."""
        self._earlier: dict[CallId, LegQuality] = {}
        """By leg, what planes had told that carried it before the one that does now."""
        self._unwritten: list[tuple[VoiceNote, datetime]] = []
        self._writing: asyncio.Task[None] | None = None

    def hear(self, event: MediaEvent) -> bool:
        """Take an event of the media plane; tell whether it was about a voice, and so for nobody else."""
        match event:
            case LegQuality():
                earlier = self._earlier.get(event.call_id)
                told = event if earlier is None else continued(earlier, event)
                self.latest[event.call_id] = told
                if told.is_final:
                    self._end(told)
            case VoiceMissing():
                self._miss(event)
            case VoiceFound():
                self.missing.discard(event.call_id)
                log.info("voice.found", leg_id=event.call_id)
                self._note(event)
            case MediaFailed():  # the plane died: there will be no last word
                self.missing.discard(event.call_id)
                if event.call_id in self.latest:
                    self._end(self.latest[event.call_id])
                return False
            case PortMoved():  # another plane listens for it anew
                self.missing.discard(event.call_id)
                if event.call_id in self.latest:
                    self._earlier[event.call_id] = replace(self.latest[event.call_id], is_final=False)
                return False
            case _:
                return False
        return True

    async def stop(self) -> None:
        """Write what is left."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._flush()

    def _miss(self, event: VoiceMissing) -> None:
        self.missing.add(event.call_id)
        self.counts.missing += 1
        self.counts.strangers += event.reason == "strangers"
        log.warning("voice.missing", leg_id=event.call_id, reason=event.reason)
        self._note(event)

    def _end(self, quality: LegQuality) -> None:
        self.missing.discard(quality.call_id)
        self.latest.pop(quality.call_id, None)
        self._earlier.pop(quality.call_id, None)
        self.counts.legs += 1
        if quality.mos is not None:
            self.counts.poor += quality.mos < POOR
            self._observe("voice_mos", quality.mos)
            self._observe("voice_loss_ratio", quality.loss)
            self._observe("voice_jitter_seconds", quality.jitter_ms / 1000)
        self._note(quality)

    def _note(self, note: VoiceNote) -> None:
        self._unwritten.append((note, self._wall()))
        del self._unwritten[:-LONGEST_UNWRITTEN]
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._gather())

    async def _gather(self) -> None:
        while self._unwritten:
            await asyncio.sleep(self._gather_s)
            await self._flush()

    async def _flush(self) -> None:
        notes, self._unwritten = self._unwritten, []
        if not notes:
            return
        try:
            await asyncio.shield(asyncio.ensure_future(self._write(notes)))
        except HotlineError as error:
            log.error("voice.not_written", notes=len(notes), error=str(error))
