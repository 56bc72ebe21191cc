"""The ledger's rows in the store: appended in the transaction of their cause; the head is kept beside it.

``Writing.head`` is the last row as far as the transaction knows. After the commit its hash goes to a file
outside of the database: whoever cuts rows off the end would have to change that as well. A head that is not
one of the chain's rows is never written over: it is all that shows that rows are gone.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.errors import OutsideError
from hotline.store.tables import LedgerRow
from hotline.store.work import Work, Writing
from hotline.tickets.ledger import Row, append_recording, append_step
from hotline.tickets.service_request import Step

HEAD_FILE: Final = "ledger.head"
"""In the data folder, beside the recordings' folder: ``<count of rows> <hash of the last>``."""

REMEDY: Final = (
    "rows of the ledger are gone, or an old copy was put back by hand: `hotline audit verify`; when that is "
    "explained, put the file aside"
)

log = structlog.get_logger()


class SqlChain(Work):
    """Keeps the head of the ledger outside of the database."""

    _is_disputed = False

    @property
    def head_file(self) -> Path:
        """Where the head is kept."""
        return self.recordings_dir.parent / HEAD_FILE

    def _tell(self, writing: Writing) -> None:
        if writing.head is not None and writing.follows is not None:
            try:
                self._keep_blocking(writing.follows, (writing.head.seq, writing.head.hash))
            except (OSError, OutsideError) as error:  # what is committed stays committed
                log.error("ledger.head_not_kept", error=str(error), file=str(self.head_file))
        super()._tell(writing)

    def _keep_blocking(self, follows: tuple[int, str], head: tuple[int, str]) -> None:
        """Keep a head, unless the one that is there is newer, or no row of this chain."""
        there = read_head_blocking(self.head_file)
        if there is not None and there != follows:  # as after a crash, or when another process writes too
            if not self._has_row_blocking(*there):
                if not self._is_disputed:
                    log.error("ledger.head_disputed", file=str(self.head_file), row=there[0], remedy=REMEDY)
                self._is_disputed = True
                return
            if there[0] > head[0]:
                return
        keep_head_blocking(self.head_file, *head)
        self._is_disputed = False

    def _has_row_blocking(self, seq: int, digest: str) -> bool:
        row = self.read_blocking(lambda session: session.get(LedgerRow, seq))
        return row is not None and row.hash == digest


def keep_head_blocking(file: Path, seq: int, digest: str) -> None:
    """Write the head, in place of the one before; a reader sees the one or the other.

    :raises OSError: when the folder cannot be written.
    """
    part = file.with_suffix(".part")
    part.write_text(f"{seq} {digest}\n", encoding="ascii")
    part.replace(file)


def read_head_blocking(file: Path) -> tuple[int, str] | None:
    """Read the head that was kept; None when there is none that can be read."""
    try:
        seq, digest = file.read_text(encoding="ascii").split()
        return int(seq), digest
    except (OSError, ValueError):
        return None


def add_step(writing: Writing, step: Step) -> Row:
    """Append a step of a request."""
    return _add(writing, append_step(_last(writing), step), step.number)


def add_digest(writing: Writing, name: str, number: str, sha256: str, at: datetime) -> Row:
    """Append the content of a recording; ``number`` is empty when no request came of it."""
    row = append_recording(_last(writing), at, name=name, number=number, sha256=sha256)
    return _add(writing, row, number)


def _add(writing: Writing, row: Row, number: str) -> Row:
    writing.session.add(
        LedgerRow(
            seq=row.seq,
            kind=row.kind,
            at=row.at,
            number=number or None,
            body=row.body,
            prev_hash=row.prev_hash,
            hash=row.hash,
        )
    )
    writing.follows = writing.follows or (row.seq - 1, row.prev_hash)
    writing.head = row
    return row


def _last(writing: Writing) -> Row | None:
    if writing.head is None:
        writing.head = newest_row(writing.session)
    return writing.head


def newest_row(session: Session) -> Row | None:
    """Read the last row of the ledger; None when it is empty."""
    row = session.scalar(select(LedgerRow).order_by(LedgerRow.seq.desc()).limit(1))
    return as_row(row) if row is not None else None


def as_row(row: LedgerRow) -> Row:
    """Read a row as the chain knows it."""
    return Row(row.seq, row.kind, row.at, row.body, row.prev_hash, row.hash)
