"""The mail service: takes letters from the outbox, one at a time, and hands them to the relay.

A letter is read from the store right before it is sent, so that one that was sent, or is no longer
wanted, is not sent again; the lease outlasts the longest delivery, so that no second worker takes
it meanwhile. What SMTP leaves open is one case: the relay took the whole letter and its answer was
lost. Then it is sent once more under the same Message-ID.

When the relay itself fails, no letter is tried until the next probe is due; letters that come in
meanwhile are marked as delayed with the reason, which the console shows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from hotline.errors import OutsideError
from hotline.events.outbox import MAIL, Job, Outbox
from hotline.intake.ports import Letter, Notices
from hotline.notify.letters import Language, LetterWriter
from hotline.notify.relay import DeliveryError, Outcome, Relay
from hotline.notify.retries import (
    FAIR_TRIES,
    GIVE_UP_S,
    NO_RELAY_S,
    UNCERTAIN_S,
    UNCERTAIN_TRIES,
    wait_after,
)
from hotline.settings import MailSettings

LEASE_SLACK_S: Final = 15.0
"""For reading the letter and writing the result down."""
LOOK_S: Final = 60.0
"""Longest time between two looks at the outbox, should a wake-up be lost."""
SHORTEST_S: Final = 0.01
"""Shortest time between two looks: a store whose clock lags must not make us spin."""
STORE_WAIT_S: Final = 5.0
"""Wait before the store is asked again after it failed."""
STOP_S: Final = 5.0
"""How long a running delivery may go on when the product stops."""
NOT_WANTED: Final = "this letter is no longer wanted"
OUR_FAULT: Final = "a fault of the hotline itself; the log tells more"
NO_RELAY: Final = "no mail relay is set; set [mail] host and restart"

log = structlog.get_logger(__name__)


class MailService:
    """Sends the letters of one site.

    :param outbox: where jobs of the topic ``mail`` come from.
    :param notices: where letters are read and their fate is written.
    :param site_name: shown as sender.
    :param base_url: address of the console, for the link in the letter.
    :param time_zone: zone that times in letters are written in.
    :param at: the wall clock.
    :param language: ``zh`` or ``en``.
    :raises ConfigError: when sender or password cannot be used.
    """

    def __init__(
        self,
        outbox: Outbox,
        notices: Notices,
        settings: MailSettings,
        *,
        site_name: str,
        base_url: str,
        time_zone: str,
        at: Callable[[], datetime],
        language: Language = "zh",
    ) -> None:
        self._outbox, self._notices, self._at = outbox, notices, at
        self._writer = LetterWriter(
            sender=settings.sender,
            site_name=site_name,
            base_url=base_url,
            time_zone=time_zone,
            language=language,
        )
        self._relay = Relay(settings, self._writer.host)
        self._tries: dict[int, int] = {}
        self._unconfirmed: dict[int, int] = {}
        self._unwritten: dict[int, tuple[Job, str]] = {}
        """Letters that the relay took while the store could not note it."""
        self._relay_faults = 0
        self._relay_fault = ""
        self._probe_at = 0.0
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send; needs a running event loop. A second call does nothing."""
        if self._task is None:
            self._outbox.on_added(MAIL, self._wake.set)
            self._task = asyncio.get_running_loop().create_task(self._run(), name="mail")

    async def stop(self) -> None:
        """Finish the running delivery, for ``STOP_S`` at most, and send no more."""
        self._stopping = True
        self._wake.set()
        task, self._task = self._task, None
        if task is None:
            return
        await asyncio.wait([task], timeout=STOP_S)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            wait_s = STORE_WAIT_S
            try:
                await self._write_down()
                while not self._stopping and await self._send_next():
                    pass
                due_s = await self._outbox.next_due_s(MAIL)
                wait_s = LOOK_S if due_s is None else min(max(due_s, SHORTEST_S), LOOK_S)
            except OutsideError as error:
                log.warning("mail.store_failed", error=str(error), wait_s=STORE_WAIT_S)
            except Exception:  # the service must outlive every fault
                log.exception("mail.fault")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()

    async def _send_next(self) -> bool:
        """Carry one job out; False when none is due."""
        jobs = await self._outbox.claim(MAIL, limit=1, lease_s=self._relay.longest_s + LEASE_SLACK_S)
        for job in jobs:
            notice_id = job.payload.get("notice_id")
            if not isinstance(notice_id, int):
                log.error("mail.job_without_notice", job=job.id, key=job.key)
                await self._outbox.retry(job, error="the job names no notice", wait_s=GIVE_UP_S)
                continue
            try:
                await self._carry_out(job, notice_id)
            except OutsideError:
                raise
            except Exception:
                log.exception("mail.fault", notice=notice_id)
                await self._notices.notice_delayed(job, notice_id, OUR_FAULT, wait_after(job.attempts))
        return bool(jobs)

    async def _write_down(self) -> None:
        for notice_id, (job, answer) in tuple(self._unwritten.items()):
            try:
                await self._notices.notice_sent(job, notice_id, answer)
            except OutsideError:
                raise
            except Exception:  # the relay has it; it must never be sent again
                log.exception("mail.fault", notice=notice_id)
            self._unwritten.pop(notice_id)
            self._forget(notice_id)
            log.info("mail.sent", notice=notice_id, answer=answer)

    async def _carry_out(self, job: Job, notice_id: int) -> None:
        if notice_id in self._unwritten:
            await self._write_down()
            return
        letter = await self._notices.letter(notice_id)
        if letter is None:
            log.info("mail.not_wanted", notice=notice_id)
            await self._notices.notice_failed(job, notice_id, NOT_WANTED)
            self._forget(notice_id)
            return
        if not self._relay.is_set:
            await self._notices.notice_delayed(job, notice_id, NO_RELAY, NO_RELAY_S)
            return
        if (pause_s := self._probe_at - asyncio.get_running_loop().time()) > 0:
            await self._notices.notice_delayed(job, notice_id, self._relay_fault, pause_s)
            return
        await self._deliver(job, letter)

    async def _deliver(self, job: Job, letter: Letter) -> None:
        notice_id = letter.notice_id
        self._tries[notice_id] = self._tries.get(notice_id, 0) + 1
        try:
            message = self._writer.write(letter, self._at())
            answer = await self._relay.deliver(message, letter.to_address)
        except DeliveryError as error:
            await self._not_delivered(job, letter, error)
        except OutsideError as error:  # the writer: this letter can be written to nobody
            await self._give_up(job, notice_id, str(error))
        else:
            self._relay_is_well()
            self._unwritten[notice_id] = job, answer
            await self._write_down()

    async def _not_delivered(self, job: Job, letter: Letter, error: DeliveryError) -> None:
        notice_id, tries = letter.notice_id, self._tries[letter.notice_id]
        wait_s = wait_after(tries)
        if error.outcome is Outcome.UNREACHABLE:
            wait_s = self._relay_is_ill(str(error))
        elif error.outcome is Outcome.UNCERTAIN:
            self._unconfirmed[notice_id] = self._unconfirmed.get(notice_id, 0) + 1
            self._relay_is_ill(str(error))  # whatever ails it, the next letter would fare no better
            wait_s = UNCERTAIN_S
        else:
            self._relay_is_well()
        age_s = (self._at() - letter.routed_at).total_seconds()
        if (
            error.outcome is Outcome.PERMANENT
            or self._unconfirmed.get(notice_id, 0) >= UNCERTAIN_TRIES
            or (age_s >= GIVE_UP_S and tries >= FAIR_TRIES)
        ):
            await self._give_up(job, notice_id, str(error))
            return
        log.warning(
            "mail.delayed",
            notice=notice_id,
            request=letter.request_number,
            outcome=error.outcome.value,
            error=str(error),
            wait_s=wait_s,
        )
        await self._notices.notice_delayed(job, notice_id, str(error), wait_s)

    def _relay_is_ill(self, fault: str) -> float:
        self._relay_faults += 1
        self._relay_fault = fault
        wait_s = wait_after(self._relay_faults)
        self._probe_at = asyncio.get_running_loop().time() + wait_s
        return wait_s

    def _relay_is_well(self) -> None:
        self._relay_faults, self._relay_fault, self._probe_at = 0, "", 0.0

    async def _give_up(self, job: Job, notice_id: int, error: str) -> None:
        log.error("mail.failed", notice=notice_id, error=error)
        await self._notices.notice_failed(job, notice_id, error)
        self._forget(notice_id)

    def _forget(self, notice_id: int) -> None:
        self._tries.pop(notice_id, None)
        self._unconfirmed.pop(notice_id, None)
