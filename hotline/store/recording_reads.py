"""Recordings by themselves: found by name, walked through, checked against the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hotline.desk.views import RecordingFile
from hotline.events.ids import CallId, RecordingId
from hotline.events.record import RECORDING_EXPORTED, RECORDING_PAUSED, RECORDING_RESUMED
from hotline.store.recordings import is_drawing, read_name, recording_file, scan_blocking, sha256_blocking
from hotline.store.retention import all_expired, expired_of
from hotline.store.tables import RecordingRow, RequestRow
from hotline.store.work import Work

AT_ONCE: Final = 500
"""Recordings that are checked between two looks into the store."""


@dataclass(frozen=True, slots=True)
class KeptRecording:
    """A recording on record, and where its files lie."""

    recording_id: str
    call_id: str
    file: RecordingFile
    sha256: str
    far_sha256: str
    expired_at: datetime | None = None
    """When its audio was deleted because its time was over."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A recording whose files are not as they were when it was closed."""

    recording_id: str
    place: str
    """Path of the file, below the recordings folder."""
    what: str
    """``missing``, ``changed``, ``unreadable``, or ``unknown`` to the store."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of all recordings found."""

    checked: int
    """Files that are as they were."""
    faults: Sequence[Fault]
    open_files: int
    """Recordings that are being made, or that recovery has yet to take up."""


class SqlRecordings(Work):
    """Recordings in SQL and on disk."""

    async def recordings_of(self, name: str) -> Sequence[KeptRecording]:
        """Find the recordings of that id, or of that call or request, in the order they were made."""
        return await self.read(lambda session: _recordings_of(session, name, self.recordings_dir))

    async def note_export(self, recording: KeptRecording, actor: str, form: str) -> None:
        """Note that somebody took a recording out of the house's keeping."""
        await self.write(
            lambda writing: writing.event(
                RECORDING_EXPORTED,
                call_id=recording.call_id,
                actor=actor,
                payload={"recording_id": recording.recording_id, "format": form},
            )
        )

    async def note_pause(
        self, call_id: CallId, recording_id: RecordingId, at_ms: int, actor: str, reason: str
    ) -> None:
        """Note that a recording pauses, from which place on, who wanted that, and why."""
        await self.write(
            lambda writing: writing.event(
                RECORDING_PAUSED,
                call_id=call_id,
                actor=actor,
                payload={"recording_id": recording_id, "at_ms": at_ms, "reason": reason},
            )
        )

    async def note_resumption(
        self, call_id: CallId, recording_id: RecordingId, at_ms: int, actor: str
    ) -> None:
        """Note that a recording goes on; ``system`` where nobody said so in time."""
        await self.write(
            lambda writing: writing.event(
                RECORDING_RESUMED,
                call_id=call_id,
                actor=actor,
                payload={"recording_id": recording_id, "at_ms": at_ms},
            )
        )

    async def verify_recordings(self) -> Verdict:
        """Compare every file with its SHA-256 in the store, and look for files that nobody wrote down."""
        on_disk = await asyncio.to_thread(_scan_blocking, self.recordings_dir)
        faults: list[Fault] = []
        checked, after = 0, ""
        expired = await self.read(all_expired)
        while rows := await self.read(lambda session, last=after: _page(session, last)):  # type: ignore[misc]
            for row in rows:
                on_disk.pop(row.path, None)
                on_disk.pop(row.far_path, None)
            kept = [row for row in rows if row.recording_id not in expired]
            found = await asyncio.to_thread(_check_blocking, self.recordings_dir, kept)
            faults += found
            checked += sum(1 + bool(row.far_path) for row in kept) - len(found)
            after = rows[-1].recording_id
        known = await self.read(lambda session: set(session.scalars(select(RecordingRow.recording_id))))
        open_files = 0
        for place, recording_id in on_disk.items():
            if recording_id not in known or place.endswith(".part"):
                open_files += 1  # in the making, or recovery's business
            else:
                faults.append(Fault(recording_id, place, "unknown"))
        return Verdict(checked, faults, open_files)


def _recordings_of(session: Session, name: str, folder: Path) -> list[KeptRecording]:
    of_request = select(RequestRow.recording_id).where(RequestRow.number == name)
    rows = session.scalars(
        select(RecordingRow)
        .where(
            or_(
                RecordingRow.recording_id == name,
                RecordingRow.call_id == name,
                RecordingRow.recording_id.in_(of_request),
            )
        )
        .order_by(RecordingRow.started_at, RecordingRow.recording_id)
    ).all()
    expired = expired_of(session, {row.call_id for row in rows})
    return [
        KeptRecording(
            row.recording_id,
            row.call_id,
            recording_file(row, folder),
            row.sha256,
            row.far_sha256,
            expired.get(row.recording_id),
        )
        for row in rows
    ]


def _page(session: Session, after: str) -> list[RecordingRow]:
    return list(
        session.scalars(
            select(RecordingRow)
            .where(RecordingRow.recording_id > after)
            .order_by(RecordingRow.recording_id)
            .limit(AT_ONCE)
        )
    )


def _scan_blocking(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in scan_blocking(folder):
        name = read_name(path.name)
        if name is not None and not is_drawing(path.name):
            found[path.relative_to(folder).as_posix()] = name.recording_id
    return found


def _check_blocking(folder: Path, rows: Sequence[RecordingRow]) -> list[Fault]:
    faults = []
    for row in rows:
        for place, sha256 in ((row.path, row.sha256), (row.far_path, row.far_sha256)):
            if not place:
                continue
            try:
                found = sha256_blocking(folder / place)
            except FileNotFoundError:
                faults.append(Fault(row.recording_id, place, "missing"))
            except OSError as error:
                faults.append(Fault(row.recording_id, place, "unreadable", error.strerror or str(error)))
            else:
                if found != sha256:
                    faults.append(Fault(row.recording_id, place, "changed", f"{found} instead of {sha256}"))
    return faults
