"""The whole way of a letter: the shipped district, the real store, a real SMTP server."""

from __future__ import annotations

import asyncio
from pathlib import Path

from notify_builders import a_relay, a_service

from hotline.desk.desk import Desk
from hotline.desk.views import Actor
from hotline.events.ids import CallId, RecordingId
from hotline.intake.ports import ClosedRecording, OfferedCall, RequestDraft, Segment, Transcript
from hotline.media.plan import Codec
from hotline.notify import service as service_module
from hotline.routing.district import DISTRICT_FILES, read_district
from hotline.routing.suggest import Suggester
from hotline.routing.suggestion import KIND, UNIT
from hotline.store import Store
from hotline.wire.reactor import wall_now
from tests.rules import rules

CONFIG = Path(__file__).parents[2] / "config"
AGENT = Actor("wang", "王芳", "agent", None, "zh")


class PlainPasswords:
    async def hash(self, password):
        return f"plain:{password}"

    async def verify(self, password_hash, password):
        return password_hash == f"plain:{password}"


async def a_routed_request(store, suggester):
    """A resident called, was recognised, and an agent followed the first suggestion."""
    await store.open_call(
        OfferedCall(CallId("c1"), "c1@phone", "+8613800138000", "", "96156", "udp:192.0.2.7:5060", wall_now())
    )
    recording = ClosedRecording(
        RecordingId("c1-1"), CallId("c1"), "d/c1-1.alaw", Codec.PCMA, 32_000, 3_500, "0" * 64, wall_now()
    )
    number = await store.open_request(RequestDraft(recording, "zh", for_agent=False, at=wall_now()))
    text = suggester.correct("北新桥街道草原社区院门口堆了一大堆砖头沙子，好几个月没人管。")[0]
    suggestions = suggester.suggest(text)
    (job,) = await store.claim("transcribe", limit=1, lease_s=60)
    segment = Segment(0, 4000, text, text, "mid", -0.4)
    await store.save_transcript(
        job.id, number, Transcript(text, [segment], "mid", "zh", "whisper-base"), suggestions
    )
    desk = Desk(store, PlainPasswords(), lambda: "token", wall_now)
    await desk.add_user(AGENT.user_name, AGENT.display_name, "correct horse 7 battery", AGENT.role, None)
    unit = next(one.value for one in suggestions if one.field == UNIT)
    page = await desk.request(AGENT, number)
    kind = next(one.value for one in suggestions if one.field == KIND)
    await desk.edit(
        AGENT, number, page.line.version, kind_code=kind, region_code="", place="", text=page.text
    )
    version = (await desk.request(AGENT, number)).line.version
    await desk.route(AGENT, number, version, unit, "请先联系社区居委会。")
    return number, desk


async def its_notice(desk, number, state):
    """The notice of the request's order, once it has reached a state."""
    async with asyncio.timeout(20):
        while True:
            notice = (await desk.request(AGENT, number)).orders[0].notices[0]
            if notice.state == state:
                return notice
            await asyncio.sleep(0.02)


def test_exactly_one_letter_arrives_at_the_street_after_an_outage(tmp_path, monkeypatch):
    monkeypatch.setattr(service_module, "wait_after", lambda tries: 0.1)

    async def scenario():
        district, _ = read_district({name: (CONFIG / name).read_text("utf-8") for name in DISTRICT_FILES})
        store = Store(
            f"sqlite:///{tmp_path}/h.sqlite3",
            tmp_path / "recordings",
            wall_now,
            lambda position: None,
            rules=rules,
        )
        await store.start()
        try:
            await store.seed(district)
            number, desk = await a_routed_request(store, Suggester(district))
            async with a_relay() as (_, port):
                pass  # now nobody listens there
            async with a_service(store, port, at=wall_now):
                delayed = await its_notice(desk, number, "delayed")
                assert "cannot be used" in delayed.last_error
                async with a_relay(port=port) as (relay, _):
                    await its_notice(desk, number, "sent")
            (mail,) = relay.taken
            body = mail.get_body(("plain",)).get_content()
            assert relay.recipients == ["street-005@dongcheng.example"]
            assert number in mail["Subject"]
            for wanted in (number, "草园社区", "砖头沙子", "+8613800138000", "以录音为准", "王芳"):
                assert wanted in body
        finally:
            await store.stop()

    asyncio.run(scenario())
