"""After a crash: every recording that nobody wrote down becomes a service request.

The plan is made here; the store and the disk do what it says through ``Remains``. Each step is
idempotent by recording_id, so a crash during recovery only means that it begins again. Nothing
that holds sound is ever deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Protocol

from hotline.call.words import DOUBTFUL_S, SAMPLES_PER_S
from hotline.errors import OutsideError
from hotline.events.ids import CallId, RecordingId, RequestNumber
from hotline.intake.path import call_of
from hotline.ivr.runner import ENOUGH_SPEECH_MS
from hotline.media.plan import Codec


@dataclass(frozen=True, slots=True)
class FoundRecording:
    """A recording file without a row."""

    recording_id: RecordingId
    path: str
    """Relative to the recordings folder, as found."""
    codec: Codec
    is_open: bool
    """True for ``.part``: nobody closed it."""
    length_bytes: int
    """Of the longer side."""
    speech_ms: int
    """How much of it the voice activity detector takes for speech."""
    written_at: datetime
    """When the last of it reached the disk."""
    call_cause: str | None
    """Cause in the call record; None while the record is open, or when there is none."""
    call_has_request: bool
    """True when another recording of the same call led to a request."""
    is_quiet: bool = False
    """True when nothing was written to it for so long that nobody can be at work on it any more."""
    far_path: str = ""
    """File of what was said to her, as found; empty when there is none."""
    far_codec: Codec = Codec.PCMA


class Fate(Enum):
    """What becomes of a found recording."""

    REQUEST = "request"
    """Seal it and open a service request."""
    KEEP = "keep"
    """Note it without a request: the flow itself found nothing said in it."""
    REMOVE = "remove"
    """Take the empty file away, and note that."""


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What recovery did."""

    requests: Sequence[RequestNumber]
    """Numbers of the requests that were opened."""
    kept: int
    removed: int
    closed_calls: int
    odd: Sequence[str]
    """Files in the day folders that were left alone for a person to look at, each with the reason."""
    released_jobs: int = 0
    """Jobs that a dead worker held; they are due at once."""


class Remains(Protocol):
    """What a dead process left, on disk and in the store."""

    async def check(self) -> None:
        """Look for damage after an unclean end; raises OutsideError when there is some."""
        ...

    async def found_recordings(self) -> tuple[Sequence[FoundRecording], Sequence[str]]:
        """List recording files without a row, oldest first, and files that are none, with the reason."""
        ...

    async def adopt(
        self, found: FoundRecording, *, cut_short: bool, with_request: bool
    ) -> RequestNumber | None:
        """Seal, hash and write a recording, with a request where wished for."""
        ...

    async def remove_empty(self, found: FoundRecording) -> None:
        """Take a file of zero length away and note it."""
        ...

    async def close_open_calls(self, cause: str) -> int:
        """Close the call records that a dead process left open; tells how many."""
        ...

    async def release_jobs(self) -> int:
        """End the leases of a dead process, so that its jobs need not wait for them; tells how many."""
        ...


def fate(found: FoundRecording) -> Fate:
    """Decide what becomes of a recording file without a row.

    The benefit of the doubt is the resident's. Only where the call's own machine had come to its
    end in good order, what it had passed over as a cough stays passed over, by the same measures
    (docs/decisions/041); what it wanted stored and could not is found.
    """
    if found.length_bytes == 0:
        return Fate.REMOVE
    ended_well = found.call_cause not in {None, "fault"} and not found.is_open
    if not ended_well or found.speech_ms >= ENOUGH_SPEECH_MS:
        return Fate.REQUEST
    return Fate.REQUEST if _is_doubtful(found) and not found.call_has_request else Fate.KEEP


def _is_doubtful(found: FoundRecording) -> bool:
    return found.speech_ms > 0 and found.length_bytes >= DOUBTFUL_S * SAMPLES_PER_S


def _loudest_doubtful(found: Sequence[FoundRecording]) -> dict[CallId, FoundRecording]:
    """Find the recording of each call that counts where only a doubtful one is left."""
    doubtful = sorted(filter(_is_doubtful, found), key=lambda one: one.speech_ms)
    return {call_of(one.recording_id): one for one in doubtful}


async def recover(remains: Remains, *, running: bool = False) -> RecoveryReport:
    """Turn what a dead process left into recordings and requests.

    One file that cannot be read or written down does not keep the others from it.

    :param running: True to look again while the product is at work (after the store was full):
        then calls belong to the living and are left alone, and so are open files, unless their call
        is over and they are quiet: then a media plane left them that died alone.
    :raises OutsideError: when the store is damaged or cannot be read.
    """
    if not running:
        await remains.check()
    found, odd = await remains.found_recordings()
    requests: list[RequestNumber] = []
    left_alone = list(odd)
    kept = removed = 0
    loudest = _loudest_doubtful(found)
    for recording in found:
        if loudest.get(call_of(recording.recording_id), recording) is not recording:
            recording = replace(recording, call_has_request=True)
        is_at_work = recording.call_cause is None or (recording.is_open and not recording.is_quiet)
        if running and is_at_work:
            continue
        decision = fate(recording)
        try:
            if decision is Fate.REMOVE:
                await remains.remove_empty(recording)
                removed += 1
                continue
            cut_short = recording.is_open or recording.call_cause is None
            number = await remains.adopt(
                recording, cut_short=cut_short, with_request=decision is Fate.REQUEST
            )
        except OutsideError as error:
            left_alone.append(f"{recording.path}: {error}")
            continue
        if number is None:
            kept += 1
        else:
            requests.append(number)
    if running:
        return RecoveryReport(requests, kept, removed, 0, left_alone)
    closed = await remains.close_open_calls("fault")
    released = await remains.release_jobs()
    return RecoveryReport(requests, kept, removed, closed, left_alone, released)
