"""A recording while it is open, and what the plane asks of the disk."""

from __future__ import annotations

from dataclasses import dataclass

from hotline.events.ids import CallId, RecordingId
from hotline.media.plan import Codec


@dataclass(slots=True)
class OpenRecording:
    """What is known of a recording before it is closed."""

    recording_id: RecordingId
    codec: Codec
    """Law of the file; the leg's own law at the time of Record."""
    longest_samples: int
    length_samples: int = 0
    """Samples handed to the disk so far."""


@dataclass(frozen=True, slots=True)
class AppendSamples:
    """Write at the end of a recording; the first one makes the file."""

    call_id: CallId
    recording_id: RecordingId
    codec: Codec
    data: bytes


@dataclass(frozen=True, slots=True)
class SealRecording:
    """Make a recording durable under its final name, then tell RecordingClosed."""

    call_id: CallId
    recording_id: RecordingId
    codec: Codec
    speech_ms: int


RecorderOrder = AppendSamples | SealRecording
