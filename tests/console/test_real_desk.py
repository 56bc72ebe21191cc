"""The same pages on the real desk, the real store and the district's own catalogue."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import numpy as np
import pytest
from fastapi import FastAPI

from agent_console.clocks import wall_now
from agent_console.web import create_app
from console.conftest import ORIGIN, SAME_SITE
from console.fake_desk import PASSWORD
from console.test_decisions import fields_of
from console.test_live import listening
from hotline.desk.desk import Desk
from hotline.events.bus import LocalBus
from hotline.events.ids import CallId, RecordingId
from hotline.events.outbox import TRANSCRIBE
from hotline.intake.ports import ClosedRecording, OfferedCall, RequestDraft, Segment, Transcript
from hotline.media.plan import Codec
from hotline.routing.district import DISTRICT_FILES, read_district
from hotline.routing.suggestion import KIND, PLACE, UNIT, Suggestion
from hotline.store import Store
from hotline.store.passwords import Argon2Passwords
from hotline.store.playback import read_pcm16_blocking, read_peaks_blocking
from tests.rules import rules

pytestmark = pytest.mark.anyio
CONFIG = Path(__file__).parents[2] / "config"
SAMPLES = 16_000
FRAGMENT = {"HX-Request": "true"}


@dataclass
class House:
    """Store, desk and console, wired as the product wires them."""

    store: Store
    desk: Desk
    app: FastAPI
    folder: Path

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ORIGIN, headers=SAME_SITE)

    async def enter(self, user_name: str) -> httpx.AsyncClient:
        browser = self.browser()
        answer = await browser.post("/login", data={"user_name": user_name, "password": PASSWORD})
        assert answer.status_code == 303
        return browser

    async def message(self, caller: str = "+8613800138000") -> str:
        """A resident calls and leaves two seconds of A-law."""
        call_id = CallId(f"20261123-{secrets.token_hex(4)}")
        await self.store.open_call(
            OfferedCall(
                call_id, f"{call_id}@phone", caller, caller, "96156", "udp:192.0.2.7:5060", wall_now()
            )
        )
        path = f"2026-11-23/{call_id}-1.alaw"
        file = self.folder / "recordings" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(np.random.default_rng(7).integers(0, 256, SAMPLES, np.uint8).tobytes())
        recording = ClosedRecording(
            RecordingId(f"{call_id}-1"), call_id, path, Codec.PCMA, SAMPLES, 1900, "0" * 64, wall_now()
        )
        return await self.store.open_request(RequestDraft(recording, "zh", for_agent=False, at=wall_now()))

    async def transcribe(self, number: str, text: str, unit_code: str) -> None:
        (job,) = await self.store.claim(TRANSCRIBE, limit=1, lease_s=60)
        segment = Segment(0, 1900, text, text, "mid", -0.4)
        suggestions = [
            Suggestion(KIND, "0201", "垃圾", 0.9, "提到“垃圾”", "垃圾"),
            Suggestion(PLACE, "东华门大街", "东华门大街", 0.8, "听到“东华门大街”"),
            Suggestion(UNIT, unit_code, "单位", 0.7, "属地街道承办"),
        ]
        transcript = Transcript(text, [segment], "mid", "zh", "whisper-base")
        await self.store.save_transcript(job.id, number, transcript, suggestions)  # type: ignore[arg-type]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    bus = LocalBus()
    store = Store(
        f"sqlite:///{tmp_path / 'hotline.sqlite3'}",
        tmp_path / "recordings",
        wall_now,
        bus.publish,
        rules=rules,
    )
    await store.start()
    texts = {name: (CONFIG / name).read_text("utf-8") for name in DISTRICT_FILES}
    district, rejected = read_district(texts)
    await store.seed(district, rejected)
    passwords = Argon2Passwords()
    desk = Desk(store, passwords, lambda: secrets.token_urlsafe(32), wall_now)
    app = create_app(
        desk,
        bus,
        site_name="东城区 96156 服务热线",
        time_zone="Asia/Shanghai",
        secure_cookies=False,
        read_audio=read_pcm16_blocking,
        read_peaks=read_peaks_blocking,
    )
    yield House(store, desk, app, tmp_path)
    passwords.close()
    await store.stop()


async def test_a_message_goes_from_the_caller_to_the_street_and_back(house: House) -> None:
    await house.desk.set_up("chief", "主任", PASSWORD)
    chief = await house.enter("chief")
    units = await house.desk.units(await house.desk.who(chief.cookies["hotline"]))  # type: ignore[arg-type]
    street = next(unit for unit in units if unit.kind == "street" and unit.email)
    for user_name, role, unit in (
        ("wang", "agent", ""),
        ("zhao", "supervisor", ""),
        ("liu", "unit", street.code),
    ):
        person = {
            "user_name": user_name,
            "display_name": "某人",
            "password": PASSWORD,
            "role": role,
            "unit_code": unit,
        }
        assert (await chief.post("/users", data=person)).status_code == 303

    agent = await house.enter("wang")
    assert "暂无诉求" in (await agent.get("/desk")).text
    number = await house.message()
    text = "东华门大街的垃圾三天没清运了"
    await house.transcribe(number, text, street.code)
    assert text in (await agent.get("/desk")).text
    page = (await agent.get(f"/requests/{number}")).text
    for words in (text, "13800138000", "较清楚", "属地街道承办", "转写完成"):
        assert words in page

    address = re.search(r'src="(/recordings/[^"]+\.wav)"', page)
    assert address
    sound = await agent.get(address.group(1), headers={"Range": "bytes=44-"})
    assert (sound.status_code, len(sound.content)) == (206, 2 * SAMPLES)
    assert len(set(sound.content)) > 100, "this is silence"

    chosen = fields_of(page) | {
        "kind_code": "0201",
        "place": "东华门大街12号",
        "unit_code": street.code,
        "note": "请核实",
    }
    answer = await agent.post(f"/requests/{number}/route", data=chosen, headers=FRAGMENT)
    assert answer.status_code == 200, answer.text
    assert f"已派单至{street.name}" in answer.text
    assert "邮件待发" in answer.text
    stale = await agent.post(f"/requests/{number}/route", data=chosen | {"place": "别处"}, headers=FRAGMENT)
    assert stale.status_code == 409

    unit = await house.enter("liu")
    inbox = (await unit.get("/inbox")).text
    assert number in inbox
    assert "东华门大街12号" in inbox
    order = re.search(r'action="(/orders/\d+)/sign"', inbox)
    assert order
    assert (await unit.post(f"{order.group(1)}/sign", data={}, headers=FRAGMENT)).status_code == 200
    assert "13800138000" in (await unit.get(f"/requests/{number}")).text, "who handles it has to call back"
    assert (await unit.get(address.group(1))).status_code == 403
    await unit.post(f"{order.group(1)}/begin", data={}, headers=FRAGMENT)
    done = await unit.post(f"{order.group(1)}/reply", data={"text": "已清运完毕"}, headers=FRAGMENT)
    assert "没有待办工单" in done.text

    page = (await (await house.enter("zhao")).get(f"/requests/{number}")).text
    for words in ("已反馈", "已清运完毕", "138****8000", "录音被收听"):
        assert words in page
    assert "13800138000" not in page


async def test_events_of_the_real_store_reach_a_browser(house: House) -> None:
    await house.desk.add_user("wang", "王芳", PASSWORD, "agent")
    browser = await house.enter("wang")

    class Tokens:
        def token_for(self, _user_name: str) -> str:
            return browser.cookies["hotline"]

    after = str(await house.desk.newest_position())
    async with listening(house.app, Tokens(), "wang", after=after) as stream:  # type: ignore[arg-type]
        number = await house.message()
        kinds = set()
        while "request.opened" not in kinds:
            content = (await stream.next()).content
            kinds.add(content["kind"])
        assert content["number"] == number


async def test_wrong_passwords_are_refused_in_the_end(house: House) -> None:
    await house.desk.add_user("wang", "王芳", PASSWORD, "agent")
    browser = house.browser()
    for _ in range(12):
        answer = await browser.post("/login", data={"user_name": "wang", "password": "wrong password"})
        assert answer.status_code == 422
    answer = await browser.post("/login", data={"user_name": "wang", "password": PASSWORD})
    assert answer.status_code == 422, "guessing must be slowed down"
