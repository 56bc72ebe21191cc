"""What a caller said: her recordings, and which of them shall become requests when the call ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hotline.call.messages import OpenRequest
from hotline.call.openings import Openings
from hotline.events.ids import RecordingId
from hotline.ivr.runner import ENOUGH_SPEECH_MS
from hotline.media.plan import RecordingClosed

DOUBTFUL_S: Final = 3.0
"""A recording so long with little speech in it may be a quiet voice: a person shall listen."""
SAMPLES_PER_S: Final = 8000  # of every recording (media.plan)


class Words:
    """The recordings of one call."""

    def __init__(self) -> None:
        self.recording: RecordingId | None = None
        """The one that goes on; None while nothing is recorded."""
        self._openings_of: dict[RecordingId, OpenRequest] = {}
        self._cut_off: set[RecordingId] = set()

    @property
    def has_any(self) -> bool:
        """Tell whether anything of her is, or was, recorded."""
        return self.recording is not None or bool(self._openings_of)

    def is_known(self, recording_id: RecordingId) -> bool:
        """Tell whether the end of a recording was told before."""
        return recording_id in self._openings_of

    def closed(self, opening: OpenRequest, *, is_cut_off: bool) -> None:
        """Note a recording that is on disk, and the request that it would open.

        :param is_cut_off: the call ended while she spoke.
        """
        recording_id = opening.recording.recording_id
        self._openings_of[recording_id] = opening
        if is_cut_off:
            self._cut_off.add(recording_id)

    def ended(self, recording_id: RecordingId) -> None:
        """Note that it goes on no more."""
        if recording_id == self.recording:
            self.recording = None

    def opening_of(self, recording_id: RecordingId) -> OpenRequest:
        """Give the request that a recording would open."""
        return self._openings_of[recording_id]

    def left_over(self, openings: Openings) -> Iterator[OpenRequest]:
        """Find what has no request at the end of the call, and must have one; take each before the next.

        Words count from a second of speech on; what was cut off, from ``DOUBTFUL_S`` on; and of quiet
        recordings the one with most speech, where the call opened no other request.
        """
        unopened = [one for key, one in self._openings_of.items() if not openings.knows(key)]
        for one in unopened:
            is_doubtful = _is_long(one.recording) and one.recording.recording_id in self._cut_off
            if one.recording.speech_ms >= ENOUGH_SPEECH_MS or is_doubtful:
                yield one
        quiet = [one for one in unopened if _is_long(one.recording) and one.recording.speech_ms > 0]
        if quiet and not openings.count:
            yield max(quiet, key=lambda one: one.recording.speech_ms)


def _is_long(recording: RecordingClosed) -> bool:
    return recording.length_samples >= DOUBTFUL_S * SAMPLES_PER_S
