"""The page of talks for supervisors, and the bar by which an agent calls a third in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.fake_desk import LIVE_TALK as TALK
from console.fake_desk import FakeCalls
from hotline.desk.live_talks import TalkGuest

pytestmark = pytest.mark.anyio


@pytest.fixture
def calls(desk) -> FakeCalls:
    calls = desk.live_talks.calls = FakeCalls()
    return calls


async def test_a_supervisor_sees_the_talks_and_comes_to_one(visit, calls) -> None:
    zhao = visit("zhao")
    page = (await zhao.get("/talks")).text
    assert "138****8000" in page
    assert "13800138000" not in page
    rows = await zhao.post(
        "/talks/come", data={"call": "c1", "part": "whisper"}, headers={"HX-Request": "true"}
    )
    assert "1009" in rows.text
    assert "<html" not in rows.text
    assert calls.asked == [("zhao", "c1", "whisper")]
    gone = await zhao.post("/talks/leave", data={"call": "c1"}, headers={"HX-Request": "true"})
    assert "1009" not in gone.text


async def test_without_scripts_the_page_comes_again(visit, calls) -> None:
    answer = await visit("zhao").post("/talks/come", data={"call": "c1", "part": "monitor"})
    assert answer.status_code in {200, 303}
    assert calls.asked == [("zhao", "c1", "monitor")]


async def test_an_agent_sees_no_talks_of_others(visit, calls) -> None:
    wang = visit("wang")
    assert (await wang.get("/talks")).status_code == 403
    assert (await wang.get("/talks/rows")).status_code == 403
    assert (await wang.post("/talks/come", data={"call": "c1", "part": "barge"})).status_code == 403
    assert 'href="/talks"' not in (await wang.get("/desk")).text
    assert not calls.asked


async def test_a_talk_that_is_over_is_told(visit, calls) -> None:
    answer = await visit("zhao").post("/talks/come", data={"call": "old", "part": "monitor"})
    assert answer.status_code == 404
    answer = await visit("zhao").post("/talks/come", data={"call": "c1", "part": "listen"})
    assert answer.status_code == 422


async def test_an_agent_calls_a_third_in_and_lets_her_go(visit, calls) -> None:
    wang = visit("wang")
    assert "/talk/invite" in (await wang.get("/talk/guests")).text
    bar = (await wang.post("/talk/invite", data={"number": "010 65241234"})).text
    assert "01065241234" in bar
    assert "/talk/invite" not in bar, "one at a time"
    assert "/talk/invite" in (await wang.post("/talk/dismiss", data={"number": "01065241234"})).text


async def test_an_agent_sees_who_listens_unless_the_site_hides_it(visit, desk, calls) -> None:
    calls.talk = replace(TALK, guests=(TalkGuest("1009", "monitor", "zhao", is_there=True),))
    assert "1009" in (await visit("wang").get("/talk/guests")).text
    desk.live_talks.shows_supervision = False
    assert "1009" not in (await visit("wang").get("/talk/guests")).text


async def test_who_is_in_no_talk_sees_no_bar(visit, calls) -> None:
    assert (await visit("li").get("/talk/guests")).status_code == 204
    calls.talk = None
    assert "html" in (await visit("zhao").get("/talks")).text
