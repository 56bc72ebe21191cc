"""What a dead process left, on disk and in the store (implements intake.recovery.Remains)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.errors import LocalProtocolError, OutsideError
from hotline.events.ids import RequestNumber
from hotline.events.record import RECORDING_EMPTY
from hotline.intake.path import call_of
from hotline.intake.ports import ClosedRecording, RequestDraft
from hotline.intake.recovery import FoundRecording
from hotline.media.plan import FarSide
from hotline.media.recording import Side
from hotline.store.connection import check_file_blocking, outside_errors
from hotline.store.journal import add_recording, close_call, open_request
from hotline.store.legs import close_open_legs
from hotline.store.outbox import release_leases
from hotline.store.recordings import (
    PART,
    RecordingName,
    fill_blocking,
    is_drawing,
    read_name,
    scan_blocking,
    seal_blocking,
    sha256_blocking,
    speech_ms_blocking,
)
from hotline.store.tables import CallRow, RecordingRow, RequestRow
from hotline.store.work import Work, Writing

RATE_HZ: Final = 8000
QUIET: Final = timedelta(seconds=30)
"""A media plane writes to an open recording several times a second, and closes it with its call."""
LANGUAGE: Final = "zh"
"""Nobody wrote down which language she chose before the end; most speak this one."""


class SqlRemains(Work):
    """Remains in SQL and in the recordings folder."""

    async def check(self) -> None:
        """Read the database file for damage when its last user did not close it.

        :raises OutsideError: with the remedy; nothing must be written to a damaged file.
        """
        if self._ended_uncleanly:
            with outside_errors():
                await asyncio.to_thread(check_file_blocking, self._read_engine)
            self._ended_uncleanly = False

    async def found_recordings(self) -> tuple[Sequence[FoundRecording], Sequence[str]]:
        """List recording files without a row, oldest first, and files that are none, with the reason."""
        named, odd = await asyncio.to_thread(self._scan_blocking)
        known = await self.read(lambda session: _known(session, [name for _, name in named]))
        missing = [(path, name) for path, name in named if name.recording_id not in known.recordings]
        odd += [
            f"{path.relative_to(self.recordings_dir)}: this recording was closed already"
            for path, name in named
            if name.is_open and name.recording_id in known.recordings
        ]
        found = await asyncio.to_thread(self._measure_blocking, missing, known, odd)
        return found, odd

    def _scan_blocking(self) -> tuple[list[tuple[Path, RecordingName]], list[str]]:
        named: list[tuple[Path, RecordingName]] = []
        odd: list[str] = []
        for path in scan_blocking(self.recordings_dir):
            name = read_name(path.name)
            if is_drawing(path.name):
                continue
            if name is None:
                odd.append(f"{path.relative_to(self.recordings_dir)}: no name of a recording")
            else:
                named.append((path, name))
        return named, odd

    def _measure_blocking(
        self,
        missing: Sequence[tuple[Path, RecordingName]],
        known: _Known,
        odd: list[str],
    ) -> list[FoundRecording]:
        found = []
        for sides in _by_recording(missing):
            near, far = sides.get(Side.NEAR), sides.get(Side.FAR)
            path, name = near or _silent_beside(*sides[Side.FAR])
            try:
                states = [one.stat() for one, _ in sides.values()]
                speech_ms = speech_ms_blocking(path, name.codec) if near is not None else 0
            except FileNotFoundError:
                continue  # an old media plane has just given it its final name; the next look finds it
            except OSError as error:
                odd.append(f"{path.relative_to(self.recordings_dir)}: {error.strerror}")
                continue
            written_at = datetime.fromtimestamp(max(state.st_mtime for state in states), UTC)
            found.append(
                FoundRecording(
                    recording_id=name.recording_id,
                    path=str(path.relative_to(self.recordings_dir)),
                    codec=name.codec,
                    is_open=any(one.is_open for _, one in sides.values()),
                    length_bytes=max(state.st_size for state in states),
                    speech_ms=speech_ms,
                    written_at=written_at,
                    call_cause=known.causes.get(call_of(name.recording_id)),
                    call_has_request=call_of(name.recording_id) in known.with_request,
                    is_quiet=self._at() - written_at >= QUIET,
                    far_path=str(far[0].relative_to(self.recordings_dir)) if far is not None else "",
                    far_codec=far[1].codec if far is not None else name.codec,
                )
            )
        return found

    async def adopt(
        self, found: FoundRecording, *, cut_short: bool, with_request: bool
    ) -> RequestNumber | None:
        """Seal, hash and write a recording, with a request where wished for."""
        recording = await asyncio.to_thread(self._seal_blocking, found, cut_short)
        return await self.write(lambda writing: _adopt(writing, recording, found, with_request))

    def _seal_blocking(self, found: FoundRecording, cut_short: bool) -> ClosedRecording:
        try:
            near = self.recordings_dir / found.path
            if found.far_path and not (near.exists() and near.stat().st_size):  # only the other side spoke
                near.unlink(missing_ok=True)
                fill_blocking(near, found.codec, found.length_bytes)
            final = seal_blocking(near)
            length_bytes = final.stat().st_size
            sha256 = sha256_blocking(final)
            far = self._seal_far_blocking(found)
        except OSError as error:
            raise OutsideError(f"cannot be sealed: {error.strerror}") from error
        return ClosedRecording(
            recording_id=found.recording_id,
            call_id=call_of(found.recording_id),
            path=str(final.relative_to(self.recordings_dir)),
            codec=found.codec,
            length_samples=length_bytes,
            speech_ms=found.speech_ms,
            sha256=sha256,
            started_at=found.written_at - timedelta(seconds=length_bytes / RATE_HZ),
            cut_short=cut_short,
            far=far,
        )

    def _seal_far_blocking(self, found: FoundRecording) -> FarSide | None:
        if not found.far_path:
            return None
        final = seal_blocking(self.recordings_dir / found.far_path)
        path = str(final.relative_to(self.recordings_dir))
        return FarSide(path, found.far_codec, final.stat().st_size, sha256_blocking(final))

    async def remove_empty(self, found: FoundRecording) -> None:
        """Take a file of zero length away and note it."""
        for path in filter(None, (found.path, found.far_path)):
            await asyncio.to_thread(_remove_blocking, self.recordings_dir / path)
        await self.write(
            lambda writing: writing.event(
                RECORDING_EMPTY,
                call_id=call_of(found.recording_id),
                payload={"recording_id": found.recording_id},
            )
        )

    async def close_open_calls(self, cause: str) -> int:
        """Close the call records that a dead process left open; tells how many."""
        return await self.write(lambda writing: _close_open_calls(writing, cause))

    async def release_jobs(self) -> int:
        """End the leases of a dead process, so that its jobs need not wait for them; tells how many."""
        return await self.write(release_leases)


_Named = tuple[Path, RecordingName]


def _by_recording(files: Sequence[_Named]) -> Iterable[Mapping[Side, _Named]]:
    """Put the sides of each recording together."""
    recordings: dict[Path, dict[Side, _Named]] = {}
    for path, name in files:
        key = path.with_name(name.recording_id)
        if name.side in recordings.get(key, ()):
            key = path  # twice the same side: a person has to look, and the one must not hide the other
        recordings.setdefault(key, {})[name.side] = path, name
    return recordings.values()


def _silent_beside(far: Path, name: RecordingName) -> _Named:
    """Give the file of a caller who said nothing while the other side spoke; it is yet to be made."""
    near = replace(name, side=Side.NEAR, is_open=True)
    return far.with_name(near.file(Side.NEAR) + PART), near


def _remove_blocking(path: Path) -> None:
    if path.exists() and path.stat().st_size != 0:
        raise LocalProtocolError(f"{path} holds sound and must not be removed")
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutsideError(f"cannot be removed: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store knows about files in the day folders."""

    recordings: frozenset[str]
    causes: Mapping[str, str | None]
    """By call, of the recordings that have no row."""
    with_request: frozenset[str]
    """Those of these calls that led to a request."""


def _known(session: Session, names: Sequence[RecordingName]) -> _Known:
    recordings = frozenset(session.scalars(select(RecordingRow.recording_id)))
    wanted = {call_of(name.recording_id) for name in names if name.recording_id not in recordings}
    calls = [call for call_id in wanted if (call := session.get(CallRow, call_id)) is not None]
    answered = {
        call_id
        for call_id in wanted
        if session.scalar(select(RequestRow.number).where(RequestRow.call_id == call_id).limit(1))
    }
    return _Known(recordings, {call.call_id: call.cause for call in calls}, frozenset(answered))


def _adopt(
    writing: Writing, recording: ClosedRecording, found: FoundRecording, with_request: bool
) -> RequestNumber | None:
    if writing.session.get(CallRow, recording.call_id) is None:
        # The file outlived its call record (a database restored from yesterday's backup).
        writing.session.add(
            CallRow(
                call_id=recording.call_id,
                sip_call_id="",
                caller="",
                caller_raw="",
                called="",
                source="recovered",
                withheld=False,
                offered_at=recording.started_at,
                ended_at=found.written_at,
                cause="fault",
                path=[],
                direction="in",
                origin="",
            )
        )
        writing.session.flush()
    if not with_request:
        add_recording(writing, recording)
        return None
    return open_request(writing, RequestDraft(recording, LANGUAGE, for_agent=False, at=writing.at))


def _close_open_calls(writing: Writing, cause: str) -> int:
    open_calls = writing.session.scalars(select(CallRow.call_id).where(CallRow.ended_at.is_(None))).all()
    for call_id in open_calls:
        close_call(writing, call_id, writing.at, cause, ())
    close_open_legs(writing, cause)
    return len(open_calls)
