"""The talk of now: seen by who is in it, paused and gone on with."""

from __future__ import annotations

import pytest

from hotline.desk.views import TalkView

pytestmark = pytest.mark.anyio


async def test_who_talks_pauses_and_goes_on(visit, desk) -> None:
    wang = visit("wang")
    assert (await wang.get("/talk")).status_code == 204
    desk.talk_now = TalkView("c1", is_paused=False)
    assert "/talk/pause" in (await wang.get("/talk")).text
    paused = await wang.post("/talk/pause", data={"reason": "number"})
    assert "/talk/resume" in paused.text
    assert desk.talk_now.is_paused
    assert "/talk/pause" in (await wang.post("/talk/resume")).text


async def test_who_is_in_no_talk_is_told_so(visit) -> None:
    assert (await visit("wang").post("/talk/pause", data={"reason": "number"})).status_code == 409
    assert (await visit("wang").post("/talk/resume")).status_code == 409


async def test_a_stranger_sees_no_talk(visit, desk) -> None:
    desk.talk_now = TalkView("c1", is_paused=False)
    assert (await visit().get("/talk")).status_code in {303, 401}
