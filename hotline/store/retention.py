"""How long a resident's voice is kept: audio of what is over, and older than a site says, is deleted.

What lies on the disk is what can expire, so a sweep walks the day folders and not the tables: once a
file is gone, nothing looks at it again. The row, its checksum and the transcript stay; the event
``recording.expired`` says that the audio is gone, and is committed before a file is touched. A sweep
that was cut off between the two is finished by the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from hotline.events.record import RECORDING_EXPIRED, RECORDING_EXPORTED, RECORDING_PLAYED
from hotline.intake.path import split_recording_id
from hotline.store.recordings import PART, read_name, scan_blocking
from hotline.store.tables import EventRow, RecordingRow, RequestRow
from hotline.store.work import Work, Writing
from hotline.tickets.request_moves import FINAL_STATES

AT_ONCE: Final = 200
"""Recordings of one transaction: calls go on, and their records wait for no sweep."""

NOTHING_NEW: Final = (RECORDING_EXPIRED, RECORDING_EXPORTED, RECORDING_PLAYED)
"""Events that keep nothing alive: that somebody listened is no news of a request."""


@dataclass(slots=True)
class Sweep:
    """What a sweep deleted, or would delete."""

    recordings: list[str] = field(default_factory=list)
    """Ids, oldest first."""
    size_bytes: int = 0
    faults: list[str] = field(default_factory=list)
    """Files that could not be deleted, and why."""


class SqlRetention(Work):
    """The age of recordings, in SQL and on disk."""

    async def expire_recordings(self, keep_days: int, *, actor: str, dry_run: bool = False) -> Sweep:
        """Delete the audio of what is over and older than that.

        A recording goes when it is older than ``keep_days``, every request of its call is in a final
        state, and nothing has happened to any of them for as long. One without a request goes by its
        own age. A file that the store does not know, or that is being written, is left alone.

        :param keep_days: 1 or more.
        :raises ValueError: for less.
        :raises OutsideError: when the store cannot be read or written; what was marked before is deleted.
        """
        if keep_days < 1:
            raise ValueError(f"keep_days is {keep_days}: nothing is to be deleted")
        before = self._at() - timedelta(days=keep_days)
        sweep = Sweep()
        on_disk = await asyncio.to_thread(_scan_blocking, self.recordings_dir, before.astimezone(self._zone))
        for ids in _in_parts(sorted(on_disk)):
            if dry_run:
                due = await self.read(lambda session, ids=ids: _due(session, ids, before))  # type: ignore[misc]
            else:
                due = await self.write(lambda writing, ids=ids: _mark(writing, ids, before, keep_days, actor))  # type: ignore[misc]
            sweep.recordings += due
            paths = {one: on_disk[one] for one in due}
            await asyncio.to_thread(_delete_blocking, paths, sweep, dry_run=dry_run)
        return sweep


def expired_of(session: Session, call_ids: Collection[str]) -> dict[str, datetime]:
    """Tell which recordings of these calls have no audio any more, and since when."""
    rows = session.execute(
        select(EventRow.payload, EventRow.at).where(
            EventRow.call_id.in_(call_ids), EventRow.kind == RECORDING_EXPIRED
        )
    )
    return {str(payload["recording_id"]): at for payload, at in rows}


def all_expired(session: Session) -> set[str]:
    """Tell all recordings that have no audio any more; reads the whole event table."""
    return {
        str(payload["recording_id"])
        for payload in session.scalars(select(EventRow.payload).where(EventRow.kind == RECORDING_EXPIRED))
    }


def _mark(
    writing: Writing, ids: Sequence[str], before: datetime, keep_days: int, actor: str
) -> Sequence[str]:
    """Look once more, in the transaction: a request may have been opened again since."""
    session = writing.session
    due = _due(session, ids, before)
    rows = {row.recording_id: row for row in _rows(session, due)}
    expired = expired_of(session, {row.call_id for row in rows.values()})
    numbers = {
        recording_id: number
        for recording_id, number in session.execute(
            select(RequestRow.recording_id, RequestRow.number).where(RequestRow.recording_id.in_(due))
        )
    }
    for recording_id in due:
        if recording_id not in expired:
            row = rows[recording_id]
            writing.event(
                RECORDING_EXPIRED,
                call_id=row.call_id,
                number=numbers.get(recording_id),
                actor=actor,
                payload={"recording_id": recording_id, "keep_days": keep_days, "sha256": row.sha256},
            )
    return due


def _due(session: Session, ids: Sequence[str], before: datetime) -> Sequence[str]:
    """Choose those recordings whose time is over."""
    rows = [row for row in _rows(session, ids) if row.started_at < before]
    calls = {row.recording_id: row.call_id for row in rows}
    requests = session.execute(
        select(RequestRow.number, RequestRow.call_id, RequestRow.recording_id, RequestRow.state).where(
            or_(RequestRow.call_id.in_(set(calls.values())), RequestRow.recording_id.in_(set(calls)))
        )
    ).all()
    last = _last_events(session, [request.number for request in requests])
    kept_calls: set[str] = set()
    kept: set[str] = set()
    for request in requests:
        is_over = request.state in FINAL_STATES and last.get(request.number, before) < before
        if not is_over:
            kept_calls.add(request.call_id)
            kept.add(request.recording_id)
    return [one for one in ids if one in calls and one not in kept and calls[one] not in kept_calls]


def _rows(session: Session, ids: Sequence[str]) -> Sequence[RecordingRow]:
    return session.scalars(select(RecordingRow).where(RecordingRow.recording_id.in_(ids))).all()


def _last_events(session: Session, numbers: Sequence[str]) -> dict[str, datetime]:
    """Tell when something happened to a request last; that somebody listened is nothing."""
    rows = session.execute(
        select(EventRow.request_number, func.max(EventRow.position))
        .where(EventRow.request_number.in_(numbers), EventRow.kind.not_in(NOTHING_NEW))
        .group_by(EventRow.request_number)
    ).all()
    positions = [position for _, position in rows]
    times = session.execute(
        select(EventRow.position, EventRow.at).where(EventRow.position.in_(positions))
    ).all()
    at = {position: when for position, when in times}
    return {str(number): at[position] for number, position in rows}


def _scan_blocking(folder: Path, before: datetime) -> dict[str, list[Path]]:
    """Find the closed files of days that may be over, by recording."""
    found: dict[str, list[Path]] = {}
    for path in scan_blocking(folder):
        if path.parent.name > before.date().isoformat():
            break  # oldest day first
        recording_id = path.name.partition(".")[0]
        if path.name.endswith(PART) or split_recording_id(recording_id) is None:
            continue
        found.setdefault(recording_id, []).append(path)
    return {
        one: paths for one, paths in found.items() if any(read_name(path.name) is not None for path in paths)
    }


def _delete_blocking(files: Mapping[str, Iterable[Path]], sweep: Sweep, *, dry_run: bool) -> None:
    days: set[Path] = set()
    for paths in files.values():
        # The voice last: while it is there, the next sweep finds what was left of the others.
        for path in sorted(paths, key=lambda one: read_name(one.name) is not None):
            try:
                size = path.stat().st_size
                if not dry_run:
                    path.unlink()
                    days.add(path.parent)
            except FileNotFoundError:
                continue
            except OSError as error:
                sweep.faults.append(f"{path}: {error.strerror}")
                continue
            sweep.size_bytes += size
    for day in days:
        _remove_if_empty_blocking(day)


def _remove_if_empty_blocking(day: Path) -> None:
    try:
        day.rmdir()
    except OSError:
        return  # something is left in it


def _in_parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]


def next_night(now: datetime, hour: int) -> datetime:
    """Give the next time that the clock on the wall shows this hour, in the zone of ``now``."""
    tonight = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return tonight if tonight.astimezone(UTC) > now.astimezone(UTC) else tonight + timedelta(days=1)
