"""The outbox: work that leaves the process, written in the transaction of its cause.

A worker claims jobs with a lease, carries them out and says how it went. A lease that runs out
is claimed again, so carrying a job out twice must do no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

TRANSCRIBE: Final = "transcribe"
"""Payload: recording_id, request_number, language (``zh`` or ``en``)."""
MAIL: Final = "mail"
"""Payload: notice_id."""


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed job."""

    id: int
    topic: str
    key: str
    """What the job is about (a recording id, a notice id); unique in its topic."""
    payload: Mapping[str, object]
    attempts: int
    """How often it was claimed, this time included."""


class Outbox(Protocol):
    """What a worker may do with the outbox. Every method commits before it returns."""

    async def claim(self, topic: str, *, limit: int, lease_s: float) -> Sequence[Job]:
        """Take up to ``limit`` due jobs, oldest first; they are ours for ``lease_s`` seconds."""
        ...

    async def retry(self, job: Job, *, error: str, wait_s: float) -> None:
        """Give a job back; it is due again after ``wait_s`` seconds."""
        ...

    async def next_due_s(self, topic: str) -> float | None:
        """Tell in how many seconds the next job of the topic is due; None when there is none."""
        ...

    def on_added(self, topic: str, wake: Callable[[], None]) -> None:
        """Have ``wake`` called on the event loop whenever jobs of the topic were added."""
        ...
