"""The outbox in SQL: claims with a lease (implements hotline.events.outbox).

A job is ``due``, ``leased``, ``done`` or ``dead``. Leases are in wall time, since they must
outlive the process. Should the clock be set back, a job would seem to lie in the future; so a row
that was touched later than now counts as due: carrying a job out twice does no harm, waiting an
hour for nothing does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from hotline.events.outbox import MAIL, TRANSCRIBE, Job
from hotline.store.tables import OutboxRow
from hotline.store.work import Work, Writing

CLAIM_LIMIT: Final = 50
"""More at once makes no claim cheaper (measured), and leases that run out dearer."""
OPEN: Final = ("due", "leased")
CLOCK_SLACK: Final = timedelta(seconds=2)
"""How far clocks of one site may differ without a job being taken from its worker."""


class SqlOutbox(Work):
    """The outbox of this store. ``on_added`` comes with Work."""

    async def claim(self, topic: str, *, limit: int, lease_s: float) -> Sequence[Job]:
        """Take up to ``limit`` due jobs, oldest first; they are ours for ``lease_s`` seconds."""
        return await self.write(lambda writing: _claim(writing, topic, limit, lease_s))

    async def retry(self, job: Job, *, error: str, wait_s: float) -> None:
        """Give a job back; it is due again after ``wait_s`` seconds."""
        await self.write(lambda writing: give_back(writing, job, error, wait_s))

    async def next_due_s(self, topic: str) -> float | None:
        """Tell in how many seconds the next job of the topic is due; None when there is none."""
        at = self._at()
        return await self.read(lambda session: _next_due_s(session, topic, at))

    async def jobs_waiting(self) -> Mapping[str, int]:
        """Count the jobs that are not done, by topic; dead ones are done."""
        query = (
            select(OutboxRow.topic, func.count()).where(OutboxRow.state.in_(OPEN)).group_by(OutboxRow.topic)
        )
        rows = await self.read(lambda session: session.execute(query).all())
        return dict.fromkeys((TRANSCRIBE, MAIL), 0) | {topic: count for topic, count in rows}


def _is_due(at: datetime) -> ColumnElement[bool]:
    return or_(OutboxRow.due_at <= at, OutboxRow.touched_at > at + CLOCK_SLACK)


def _claim(writing: Writing, topic: str, limit: int, lease_s: float) -> Sequence[Job]:
    rows = writing.session.scalars(
        select(OutboxRow)
        .where(OutboxRow.topic == topic, OutboxRow.state.in_(OPEN), _is_due(writing.at))
        .order_by(OutboxRow.id)
        .limit(max(0, min(limit, CLAIM_LIMIT)))
    ).all()
    for row in rows:
        row.state, row.attempts = "leased", row.attempts + 1
        row.due_at, row.touched_at = writing.at + timedelta(seconds=lease_s), writing.at
    return [Job(row.id, row.topic, row.key, row.payload, row.attempts) for row in rows]


def _next_due_s(session: Session, topic: str, at: datetime) -> float | None:
    open_jobs = (OutboxRow.topic == topic, OutboxRow.state.in_(OPEN))
    if session.scalar(select(OutboxRow.id).where(*open_jobs, _is_due(at)).limit(1)) is not None:
        return 0.0
    due_at = session.scalar(select(func.min(OutboxRow.due_at)).where(*open_jobs))
    return max((due_at - at).total_seconds(), 0.0) if due_at is not None else None


def is_ours(row: OutboxRow, job: Job) -> bool:
    """Tell whether the lease under which a job was claimed is still the newest one."""
    return row.state == "leased" and row.attempts == job.attempts


def give_back(writing: Writing, job: Job, error: str, wait_s: float) -> bool:
    """Make a job due again after a while; False when another worker has taken it over, or it is over."""
    row = writing.session.get(OutboxRow, job.id)
    if row is None or not is_ours(row, job):
        return False
    row.state, row.last_error = "due", error
    row.due_at, row.touched_at = writing.at + timedelta(seconds=wait_s), writing.at
    return True


def finish(writing: Writing, job_id: int, *, error: str = "") -> bool:
    """End a job: done, or dead when there is an error to tell; False when it is over already."""
    row = writing.session.get(OutboxRow, job_id)
    if row is None or row.state not in OPEN:
        return False
    row.state, row.last_error = ("dead", error) if error else ("done", row.last_error)
    row.touched_at = writing.at
    return True


def release_leases(writing: Writing) -> int:
    """Make every leased job due at once; tells how many. Should a worker live on, it does no harm."""
    rows = writing.session.scalars(select(OutboxRow).where(OutboxRow.state == "leased")).all()
    for row in rows:
        row.state, row.due_at, row.touched_at = "due", writing.at, writing.at
        writing.topics.add(row.topic)
    return len(rows)
