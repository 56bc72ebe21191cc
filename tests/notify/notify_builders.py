"""Letters, an outbox in memory, and a relay that answers as told."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from aiosmtpd.smtp import SMTP

from hotline.errors import OutsideError
from hotline.events.outbox import MAIL, Job
from hotline.intake.ports import Letter
from hotline.notify.letters import LetterWriter
from hotline.notify.service import MailService
from hotline.settings import MailSettings

AT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
GOLDEN = Path(__file__).parents[1] / "data" / "golden"


def a_letter(notice_id=7, **changes):
    letter = Letter(
        notice_id=notice_id,
        to_address="street-005@dongcheng.example",
        unit_name="北新桥街道办事处",
        request_number="261123000017",
        priority="P3",
        kind_label="乱堆物料",
        region_name="北新桥街道",
        place="草园社区",
        text="北新桥街道草园社区院门口堆了一大堆砖头沙子，好几个月没人管。",
        transcript_confidence="mid",
        caller="+861065241234",
        called_at=datetime(2026, 11, 23, 6, 50, tzinfo=UTC),
        routed_by="王芳",
        routed_at=datetime(2026, 11, 23, 6, 58, tzinfo=UTC),
        note="请先联系社区居委会。",
        order_id=3,
        console_path="/inbox",
        is_co=False,
    )
    return replace(letter, **changes)


def a_writer(**changes):
    values = {
        "sender": "hotline@96156.example",
        "site_name": "东城区 96156 服务热线",
        "base_url": "https://hotline.example",
        "time_zone": "Asia/Shanghai",
    }
    return LetterWriter(**values | changes)


def parts_of(message):
    """Plain text and HTML as a mail reader decodes them."""
    parsed = message_from_bytes(bytes(message), policy=default)
    bodies = [parsed.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("plain", "html")]
    return parsed, *bodies


class MemoryPost:
    """Outbox and Notices in memory, after the same contract as the store's."""

    def __init__(self, *letters):
        self.letters = {letter.notice_id: letter for letter in letters}
        self.fates = {notice_id: [] for notice_id in self.letters}
        self.jobs = {}
        self.broken = 0
        self._wakes = []
        self._changed = asyncio.Event()
        for notice_id in self.letters:
            self._put(notice_id)

    def _put(self, notice_id):
        job_id = len(self.jobs) + 1
        self.jobs[job_id] = {"notice_id": notice_id, "due": 0.0, "attempts": 0, "over": False}

    def add(self, letter):
        self.letters[letter.notice_id] = letter
        self.fates[letter.notice_id] = []
        self._put(letter.notice_id)
        for wake in self._wakes:
            wake()

    async def claim(self, topic, *, limit, lease_s):
        assert topic == MAIL
        now = asyncio.get_running_loop().time()
        due = [(n, row) for n, row in self.jobs.items() if not row["over"] and row["due"] <= now][:limit]
        for _, row in due:
            row["due"], row["attempts"] = now + lease_s, row["attempts"] + 1
        return [
            Job(n, MAIL, str(row["notice_id"]), {"notice_id": row["notice_id"]}, row["attempts"])
            for n, row in due
        ]

    async def retry(self, job, *, error, wait_s):
        self._again(job, wait_s)

    def _again(self, job, wait_s):
        self.jobs[job.id]["due"] = asyncio.get_running_loop().time() + wait_s

    async def next_due_s(self, topic):
        now = asyncio.get_running_loop().time()
        return min(
            (max(row["due"] - now, 0.0) for row in self.jobs.values() if not row["over"]), default=None
        )

    def on_added(self, topic, wake):
        self._wakes.append(wake)

    async def letter(self, notice_id):
        over = [fate for fate, _ in self.fates.get(notice_id, []) if fate != "delayed"]
        return None if over else self.letters.get(notice_id)

    async def notice_sent(self, job, notice_id, response):
        if self.broken:
            self.broken -= 1
            raise OutsideError("disk full")
        self._end(job, notice_id, "sent", response)

    async def notice_delayed(self, job, notice_id, error, wait_s):
        self._again(job, wait_s)
        self._tell(notice_id, "delayed", error)

    async def notice_failed(self, job, notice_id, error):
        self._end(job, notice_id, "failed", error)

    def _end(self, job, notice_id, fate, words):
        self.jobs[job.id]["over"] = True
        self._tell(notice_id, fate, words)

    def _tell(self, notice_id, fate, words):
        self.fates.setdefault(notice_id, []).append((fate, words))
        self._changed.set()

    async def until(self, condition, longest_s=10.0):
        """Wait until the fates fulfil a condition."""
        async with asyncio.timeout(longest_s):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()


class ScriptedRelay:
    """An SMTP server of aiosmtpd that takes its answers from a list; when that is empty it takes all mail.

    A step is ``(command, answer)``: the answer is a reply line, ``hang``, ``close``, or ``lose`` (take the
    letter and close without an answer).
    """

    def __init__(self, *steps):
        self.steps = deque(steps)
        self.taken = []
        self.recipients = []
        self.sessions = 0
        self.released = asyncio.Event()
        self.greeted = asyncio.Event()

    async def _answer(self, command, server, usual):
        if not self.steps or self.steps[0][0] != command:
            return usual
        answer = self.steps.popleft()[1]
        if answer == "hang":
            await self.released.wait()
            return usual
        if answer in ("close", "lose"):
            server.transport.abort()
            return usual
        return answer

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        self.sessions += 1
        self.greeted.set()
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mail_from = address
        return await self._answer("MAIL", server, "250 OK")

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = await self._answer("RCPT", server, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):
        losing = bool(self.steps) and self.steps[0] == ("DATA", "lose")
        answer = await self._answer("DATA", server, "250 2.0.0 queued as 4711")
        if answer.startswith("250") and (losing or not server.transport.is_closing()):
            self.taken.append(message_from_bytes(envelope.content, policy=default))
            self.recipients += envelope.rcpt_tos
        return answer

    async def handle_exception(self, error):
        return "451 4.3.0 script fault"


@asynccontextmanager
async def a_relay(*steps, port=0, **options):
    """Listen on loopback; yields the script and the port."""
    relay = ScriptedRelay(*steps)
    loop = asyncio.get_running_loop()

    def protocol():
        return SMTP(relay, hostname="relay.example", enable_SMTPUTF8=False, loop=loop, **options)

    server = await loop.create_server(protocol, "127.0.0.1", port)
    try:
        yield relay, server.sockets[0].getsockname()[1]
    finally:
        relay.released.set()
        server.close()


@asynccontextmanager
async def a_service(post, port, *, at=lambda: AT, **settings):
    """Run a mail service against a relay on loopback."""
    values = {"host": "127.0.0.1", "port": port, "sender": "hotline@96156.example", "timeout_s": 0.5}
    service = MailService(
        post,
        post,
        MailSettings(**values | settings),
        site_name="东城区 96156 服务热线",
        base_url="https://hotline.example",
        time_zone="Asia/Shanghai",
        at=at,
    )
    service.start()
    try:
        yield service
    finally:
        await service.stop()


def write_golden():
    """Make the golden letters anew: ``python tests/notify/notify_builders.py``, then read the diff."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for language in ("zh", "en"):
        message = a_writer(language=language).write(a_letter(), AT)
        parsed, text, html = parts_of(message)
        heading = "".join(f"{name}: {parsed[name]}\n" for name in parsed if name != "Content-Type")
        (GOLDEN / f"letter_{language}.txt").write_text(heading + "\n" + text, encoding="utf-8")
        (GOLDEN / f"letter_{language}.html").write_text(html, encoding="utf-8")


if __name__ == "__main__":
    write_golden()
