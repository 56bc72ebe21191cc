"""Takes one call as the product does, and is killed at a named point: ``dying_child.py URL FOLDER POINT``.

Prints the request's number when it would be told to the caller.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from hotline.events.ids import CallId, RecordingId
from hotline.intake.ports import ClosedRecording, OfferedCall, RequestDraft
from hotline.media.plan import Codec
from hotline.store import Store
from hotline.store.recordings import seal_blocking, sha256_blocking
from hotline.store.tables import RequestRow
from hotline.tickets.calendar import WallClock
from hotline.tickets.calendar_file import parse_calendar
from hotline.tickets.conditions import Site
from hotline.tickets.limits import Clocks
from hotline.tickets.limits_file import parse_limits

SOUND = bytes(range(256)) * 100


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_commit_of_the_request(when: str) -> None:
    """Die just before, or just after, the database commits the transaction that holds a request."""
    seen: list[RequestRow] = []

    def note(session: Session, _context: object) -> None:
        seen.extend(row for row in session.new if isinstance(row, RequestRow))

    def watch(*_: object) -> None:
        if seen:
            die()

    event.listen(Session, "after_flush", note)
    event.listen(
        Engine if when == "before" else Session, "commit" if when == "before" else "after_commit", watch
    )


def read_rules() -> Site:
    config = Path(__file__).parents[2] / "config"
    calendar = parse_calendar((config / "calendar.toml").read_text(encoding="utf-8"))
    limits = parse_limits((config / "limits.toml").read_text(encoding="utf-8"), calendar)
    return Site(limits, Clocks(WallClock(), calendar))


async def one_call(url: str, folder: Path, point: str) -> None:
    now = datetime.now(UTC)  # noqa: TID251 - a process of its own, with the machine's clock
    store = Store(url, folder, lambda: now, lambda _position: None, rules=read_rules)
    await store.start()
    call_id = CallId("20261123-dead")
    await store.open_call(
        OfferedCall(call_id, "x@phone", "1001", "<sip:1001@x>", "96156", "udp:127.0.0.1:1", now)
    )
    if point == "answering":
        die()
    part = folder / "2026-11-23" / f"{call_id}-1.alaw.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(SOUND)
    if point == "speaking":
        die()
    final = seal_blocking(part)
    if point == "sealed":
        die()
    if point == "inside":
        at_commit_of_the_request("before")
    if point == "committed":
        at_commit_of_the_request("after")
    recording = ClosedRecording(
        RecordingId(f"{call_id}-1"),
        call_id,
        str(final.relative_to(folder)),
        Codec.PCMA,
        len(SOUND),
        3_000,
        sha256_blocking(final),
        now,
    )
    number = await store.open_request(RequestDraft(recording, "zh", for_agent=False, at=now))
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()
    if point == "told":
        die()
    raise SystemExit(f"point {point!r} was not reached")


if __name__ == "__main__":
    asyncio.run(one_call(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
