"""The talk of now: seen by who is in it, paused and gone on with."""

from __future__ import annotations

import pytest

from hotline.desk.views import TalkView, VoiceView

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


async def test_the_voices_of_a_talk_are_told_in_words_with_loss_and_alarm(visit, desk) -> None:
    caller = VoiceView("caller", "poor", 3.2, 0.04, is_missing=False)
    other = VoiceView("other", "unheard", None, 0.0, is_missing=True)
    desk.talk_now = TalkView("c1", is_paused=False, voices=(caller, other))
    page = (await visit("wang").get("/talk")).text
    for words in (
        "线路较差",
        "丢失4%",
        "听不到声音",
        "对方没有声音",
        'data-side="caller"',
        'data-side="other"',
    ):
        assert words in page


async def test_levels_are_streamed_until_the_talk_is_over(visit, desk) -> None:
    wang = visit("wang")
    assert (await wang.get("/talk/levels")).status_code == 204
    desk.talk_now = TalkView("c1", is_paused=False)
    told = (await wang.get("/talk/levels")).text
    assert told == (
        'data: {"caller": -20.0, "other": null}\n\ndata: {"caller": -31.5, "other": -42.0}\n\n'
        "event: ended\ndata: {}\n\n"
    )
    assert desk.meters_closed == 1


async def test_a_request_tells_how_good_the_voices_of_its_call_were(visit, desk) -> None:
    wang, number = visit("wang"), desk.open_request()
    assert "通话质量" not in (await wang.get(f"/requests/{number}")).text
    desk.voices = [
        VoiceView("caller", "fair", 3.7, 0.031, is_missing=True),
        VoiceView("other", "unheard", None, 0.0, is_missing=True),
    ]
    page = (await wang.get(f"/requests/{number}")).text
    voices = page.partition("通话质量")[2].partition("</ul>")[0]
    for words in ("市民", "线路一般 · 丢失3%", "热线", "听不到声音"):
        assert words in voices
    assert voices.count("曾有一段时间听不到声音") == 1  # who was never heard needs no second word
