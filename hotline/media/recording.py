"""A recording while it is open, and what the plane asks of the disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from hotline.events.ids import CallId, RecordingId
from hotline.media.plan import Codec

NOWHERE: Final = -1


class Side(Enum):
    """Whose voice a file holds; the value is what its name says."""

    NEAR = ""
    """The leg that is recorded."""
    FAR = ".far"
    """Whoever it was bridged with, one after the other."""


@dataclass(slots=True, eq=False)
class OpenSide:
    """One file of a recording, and the leg that speaks into it now."""

    recording: OpenRecording
    side: Side
    codec: Codec | None = None
    """Law of the file: that of the first leg which spoke into it; others are rewritten in it."""
    slot: int = NOWHERE
    has_begun: bool = False
    """True when the first sample of this leg has its place in the file."""
    next: int = 0
    """Behind the last sample that was taken, on the leg's time line; once it has begun."""
    length_samples: int = 0
    """Samples handed to the disk so far."""
    hushed: list[tuple[int, int]] = field(default_factory=list)
    """Stretches of the leg's time line that are written as silence, in order."""
    is_resumed: bool = False
    """True until the first samples are handed over of a file whose beginning another plane has written."""


@dataclass(slots=True, eq=False)
class OpenRecording:
    """What is known of a recording before it is closed."""

    call_id: CallId
    recording_id: RecordingId
    longest_ticks: int
    longest_samples: int
    near: OpenSide = field(init=False)
    far: OpenSide | None = None
    """None: only the leg itself is recorded."""
    is_resumed: bool = False
    """A plane that died has written its beginning."""
    is_paused: bool = False
    pause_ticks: int = 0
    """Ticks that the pause may still last."""

    def __post_init__(self) -> None:
        """Make the side that every recording has."""
        self.near = OpenSide(self, Side.NEAR, is_resumed=self.is_resumed)

    @property
    def sides(self) -> tuple[OpenSide, ...]:
        """The files."""
        return (self.near,) if self.far is None else (self.near, self.far)


@dataclass(frozen=True, slots=True)
class AppendSamples:
    """Write at the end of one side of a recording; the first one makes the file."""

    call_id: CallId
    recording_id: RecordingId
    codec: Codec
    data: bytes
    side: Side = Side.NEAR
    lead: int = 0
    """Samples of silence to be written before ``data``."""
    at: int | None = None
    """Given with the first samples behind what a plane that died wrote: where they belong. What is missing
    before them is silence."""


@dataclass(frozen=True, slots=True)
class SealRecording:
    """Make a recording durable under its final names, then tell RecordingClosed."""

    call_id: CallId
    recording_id: RecordingId
    codec: Codec
    """Law of the near side, unless its file tells another."""
    speech_ms: int
    is_resumed: bool = False
    """True: a plane that died may have left files of it."""


RecorderOrder = AppendSamples | SealRecording
