"""What time alone does with requests: deadlines that are over, and rows of an older version."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import and_, func, or_, select

from hotline.errors import OutsideError
from hotline.events.record import CLOCK_STEPPED_BACK
from hotline.store.chain import newest_row
from hotline.store.lives import Sending, life_of, take
from hotline.store.tables import RequestRow
from hotline.store.work import Work, Writing
from hotline.tickets.deciding import decide_due

BATCH: Final = 50
"""Requests that are looked at before others get their turn at the writer."""
MOST_STEPS: Final = 20
"""That time may make with one request at one look; more is a fault of the tables."""
PUT_OFF: Final = timedelta(minutes=10)
"""Until the next look at a request that failed."""
STEP_BACK: Final = timedelta(seconds=2)
"""Less is how clocks are set right."""

log = structlog.get_logger()


class SqlDue(Work):
    """Finds and makes the steps that are due."""

    _told_back: datetime | None = None

    async def walk_due(self) -> int:
        """Make every step that is due by now; tells how many requests were looked at.

        A request that fails is looked at again later, and holds up no other.

        :raises OutsideError: when the store cannot write.
        """
        count = 0
        while numbers := await self.in_writer(self._due_blocking):
            for number in numbers:
                await self.in_writer(lambda number=number: self._look_blocking(number))  # type: ignore[misc]
            count += len(numbers)
            if len(numbers) < BATCH:
                break
        return count

    def walk_due_blocking(self) -> int:
        """Do as walk_due does, in this thread."""
        count = 0
        while numbers := self._due_blocking():
            for number in numbers:
                self._look_blocking(number)
            count += len(numbers)
            if len(numbers) < BATCH:
                break
        return count

    async def next_look_at(self) -> datetime | None:
        """Tell when the next step is due; None when nothing is waited for."""
        return await self.read(lambda session: session.scalar(select(func.min(RequestRow.look_at))))

    async def check_clock(self) -> timedelta:
        """Tell by how much the machine's clock lies before what is written already; tells everybody once."""
        return await self.in_writer(self.check_clock_blocking)

    def check_clock_blocking(self) -> timedelta:
        """Do as check_clock does, in this thread."""
        newest = self.read_blocking(newest_row)
        at = self._at()
        if newest is None:
            return timedelta(0)
        written_at = datetime.fromisoformat(newest.at)
        behind = written_at - at
        if behind < STEP_BACK:
            self._told_back = None
            return timedelta(0)
        if self._told_back is None:
            self._told_back = at
            payload = {"by_s": int(behind.total_seconds())}
            self.write_blocking(lambda writing: writing.event(CLOCK_STEPPED_BACK, payload=payload))
            log.error("clock.stepped_back", by_s=payload["by_s"], remedy="set the machine's clock right")
        return behind

    def _due_blocking(self) -> list[str]:
        query = (
            select(RequestRow.number)
            .where(
                or_(
                    RequestRow.look_at <= self._at(),
                    and_(RequestRow.life.is_(None), RequestRow.look_at.is_(None)),
                )
            )
            .order_by(RequestRow.look_at, RequestRow.number)
            .limit(BATCH)
        )
        return self.read_blocking(lambda session: list(session.scalars(query)))

    def _look_blocking(self, number: str) -> None:
        try:
            self.write_blocking(lambda writing: _look(writing, number))
        except OutsideError:
            raise
        except Exception:  # the worker loop: one request must not hold up the others
            log.exception("due.fault", request_number=number)
            self.write_blocking(lambda writing: _put_off(writing, number))


def _look(writing: Writing, number: str) -> None:
    row = writing.session.get_one(RequestRow, number)
    request = life_of(writing, row)
    for _ in range(MOST_STEPS):
        step = decide_due(request, writing.at, writing.rules)
        if step is None:
            break
        request = take(writing, row, request, step, Sending(""))
    else:
        raise RuntimeError(f"time never rests with request {number}")


def _put_off(writing: Writing, number: str) -> None:
    row = writing.session.get_one(RequestRow, number)
    row.look_at = writing.at + PUT_OFF
