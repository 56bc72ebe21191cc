"""Every page, for every role."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.anyio


async def test_the_queue_shows_the_newest_request_first(visit, desk) -> None:
    first, second = desk.open_request(), desk.open_request()
    desk.transcribe(first)
    text = (await visit("wang").get("/desk")).text
    assert text.index(second) < text.index(first)
    assert "你好，我住在东华门大街12号。" in text
    assert "正在转写" in text


async def test_a_request_page_shows_words_confidence_and_suggestions(visit, desk) -> None:
    number = desk.open_request()
    desk.transcribe(number)
    answer = await visit("wang").get(f"/requests/{number}")
    assert answer.status_code == 200
    for words in ("楼下的垃圾桶", "提到“垃圾桶”“清运”", "91%", "听不清", "13800138000"):
        assert words in answer.text
