"""Walks the ledger from its first row: hashes, steps, stored requests, digests of recordings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.errors import LocalProtocolError
from hotline.store.chain import HEAD_FILE, as_row, read_head_blocking
from hotline.store.journal import far_name
from hotline.store.recordings import sha256_blocking
from hotline.store.retention import expired_of
from hotline.store.tables import LedgerRow, RecordingRow, RequestRow
from hotline.store.work import Work
from hotline.tickets.deciding import apply
from hotline.tickets.ledger import RECORDING, STEP, Row, read_step, walk
from hotline.tickets.service_request import ServiceRequest, as_json

AT_ONCE: Final = 1000
"""Rows that are read together."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that does not hold."""

    seq: int
    """Row of the ledger; 0 for what is wrong outside of it."""
    reason: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What a walk found."""

    rows: int
    requests: int
    recordings: int
    """Digests that were compared with a file."""
    gone: int
    """Recordings whose sound was deleted because its time was over."""
    head: str
    """Hash of the last row; empty when there is none."""
    is_head_kept: bool
    """The head that is kept outside of the database was there to compare with."""
    fault: Fault | None


class _Broken(Exception):  # noqa: N818 - carries a fault out of the walk
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


class SqlAudit(Work):
    """Verifies the ledger of a store."""

    def audit_blocking(self, *, head: str = "", with_files: bool = False) -> Audit:
        """Walk the whole ledger, on one snapshot.

        :param head: hash of a row that somebody wrote down; it must be one of the chain's.
        :param with_files: read every recording as well, and compare its digest.
        """
        kept = read_head_blocking(self.recordings_dir.parent / HEAD_FILE)
        return self.read_blocking(
            lambda session: _audit(session, self.recordings_dir, kept, head, with_files)
        )


class _Walk:
    """One walk: what it has read so far."""

    def __init__(self, session: Session, kept: tuple[int, str] | None, head: str) -> None:
        self._session, self._kept, self._head = session, kept, head
        self.requests: dict[str, ServiceRequest] = {}
        self.digests: dict[str, tuple[int, str]] = {}
        self.count, self.last = 0, ""
        self._has_seen_head = not head

    def rows(self) -> Iterator[Row]:
        """Give the rows to the check of the chain, and look at each when it has passed."""
        passed: Row | None = None
        query = select(LedgerRow).order_by(LedgerRow.seq).execution_options(yield_per=AT_ONCE)
        for stored in self._session.scalars(query):
            row = as_row(stored)
            if passed is not None:
                self._read(passed)
            if stored.number != (json.loads(stored.body).get("number") or None):
                raise _Broken(Fault(row.seq, "is filed under another request than its content names"))
            yield row
            passed = row
        if passed is not None:
            self._read(passed)

    def _read(self, row: Row) -> None:
        self.count, self.last = row.seq, row.hash
        self._has_seen_head = self._has_seen_head or row.hash == self._head
        if self._kept is not None and self._kept[0] == row.seq and self._kept[1] != row.hash:
            raise _Broken(Fault(row.seq, "is not the row whose hash was kept outside of the database"))
        if row.kind == STEP:
            try:
                step = read_step(row)
                self.requests[step.number] = apply(self.requests.get(step.number), step)
            except (ValueError, KeyError, LocalProtocolError) as error:
                raise _Broken(Fault(row.seq, f"is no step that the tables hold: {error}")) from error
        elif row.kind == RECORDING:
            body = json.loads(row.body)
            self.digests[body["name"]] = (row.seq, body["sha256"])

    def finish(self) -> None:
        """Compare with what was kept elsewhere."""
        if self._kept is not None and self._kept[0] > self.count:
            raise _Broken(
                Fault(self.count + 1, f"is missing, with all after it: {self._kept[0]} rows were written")
            )
        if not self._has_seen_head:
            raise _Broken(Fault(self.count + 1, f"no row has the hash {self._head[:12]} that was named"))


def _audit(
    session: Session, folder: Path, kept: tuple[int, str] | None, head: str, with_files: bool
) -> Audit:
    found = _Walk(session, kept, head)
    fault, recordings, gone = None, 0, 0
    try:
        broken = walk(found.rows())
        if broken is not None:
            raise _Broken(Fault(broken.seq, broken.reason))
        found.finish()
        _compare_requests(session, found)
        recordings, gone = _compare_recordings(session, found, folder, with_files)
    except _Broken as error:
        fault = error.fault
    return Audit(found.count, len(found.requests), recordings, gone, found.last, kept is not None, fault)


def _compare_requests(session: Session, found: _Walk) -> None:
    """Hold each request as it is stored against the one that its rows tell."""
    query = select(RequestRow).order_by(RequestRow.number).execution_options(yield_per=AT_ONCE)
    seen = set()
    for row in session.scalars(query):
        if row.life is None:
            continue  # of an older version, not looked at yet
        request = found.requests.get(row.number)
        if request is None:
            raise _Broken(Fault(0, f"request {row.number} has no row in the ledger"))
        seen.add(row.number)
        told = as_json(request)
        if told != row.life or (row.state, row.priority) != (told["state"], told["priority"]):
            names = sorted(name for name in told if row.life.get(name) != told[name]) or ["its columns"]
            raise _Broken(
                Fault(0, f"request {row.number} is stored otherwise than its rows tell: {', '.join(names)}")
            )
    if lost := sorted(set(found.requests) - seen):
        raise _Broken(Fault(0, f"request {lost[0]} has rows in the ledger and is gone"))


def _compare_recordings(session: Session, found: _Walk, folder: Path, with_files: bool) -> tuple[int, int]:
    """Hold the digests in the table, and the files where wished for, against the ledger."""
    files = gone = 0
    query = select(RecordingRow).order_by(RecordingRow.recording_id).execution_options(yield_per=AT_ONCE)
    for row in session.scalars(query):
        sides = [
            (row.recording_id, row.path, row.sha256),
            (far_name(row.recording_id), row.far_path, row.far_sha256),
        ]
        for name, path, sha256 in sides:
            known = found.digests.get(name)
            if not path or known is None:
                continue  # one side only; or of an older version
            seq, told = known
            if sha256 != told:
                raise _Broken(Fault(seq, f"recording {name} has another digest in the store"))
            if not with_files:
                continue
            if row.recording_id in expired_of(session, {row.call_id}):
                gone += 1
            elif not (folder / path).is_file():
                raise _Broken(Fault(seq, f"recording {name} is gone: {path}"))
            elif sha256_blocking(folder / path) != told:
                raise _Broken(Fault(seq, f"recording {name} is not what was recorded: {path}"))
            else:
                files += 1
    return files, gone
