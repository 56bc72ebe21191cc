"""Similar requests on a request's page, and the strip of hotspots above the queue."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.fake_desk import NOON
from hotline.desk.neighbours import Hotspot
from hotline.desk.views import MoveOffer

pytestmark = pytest.mark.anyio
SPOT = Hotspot("草园社区", "0201", "垃圾清运", 7, 24.0, 0.34, ("261123000017", "261123000025"), NOON)


async def test_similar_request_is_shown_with_its_reason(visit, desk) -> None:
    one, other = (desk.open_request() for _ in range(2))
    for number in (one, other):
        desk.requests[number].kind_code = "0201"
    page = (await visit("wang").get(f"/requests/{one}")).text
    assert "相似诉求" in page
    assert f'href="/requests/{other}"' in page
    assert "同类诉求；同一天" in page
    assert "同类诉求；同一天" in (await visit("wang").get(f"/requests/{one}/live")).text


async def test_request_without_siblings_says_so(visit, desk) -> None:
    number = desk.open_request()
    assert "近六十天没有相似的诉求" in (await visit("wang").get(f"/requests/{number}")).text


@pytest.mark.parametrize("user_name", ["wang", "zhao"])
async def test_hotspot_is_shown_above_the_queue(visit, desk, user_name) -> None:
    desk.hotspots.append(SPOT)
    for path in ("/desk", "/desk/hotspots"):
        page = (await visit(user_name).get(path)).text
        assert "草园社区 · 垃圾清运" in page
        assert "24小时内7人来电（平常0.3人）" in page
        assert 'href="/requests/261123000025"' in page


async def test_strip_is_empty_when_nothing_is_hot(visit) -> None:
    assert (await visit("zhao").get("/desk/hotspots")).text.strip() == ""


async def test_unit_is_shown_no_hotspots(visit, desk) -> None:
    desk.hotspots.append(SPOT)
    assert "草园社区" not in (await visit("street").get("/desk/hotspots")).text


async def test_request_is_merged_by_a_person(visit, desk, monkeypatch) -> None:
    one, other = (desk.open_request() for _ in range(2))
    for number in (one, other):
        desk.requests[number].kind_code = "0201"
    asked: list[tuple[object, ...]] = []

    async def move(actor, number, version, move, given) -> None:
        asked.append((actor.user_name, number, version, move, given.parent))

    monkeypatch.setattr(desk, "move", move)
    answer = await visit("wang").post(f"/requests/{one}/merge", data={"version": "3", "parent": other})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/requests/{one}")
    assert asked == [("wang", one, 3, "merge", other)]


async def test_merging_is_offered_to_whom_the_table_offers_it(visit, desk, monkeypatch) -> None:
    one, other = (desk.open_request() for _ in range(2))
    for number in (one, other):
        desk.requests[number].kind_code = "0201"
    browser = visit("wang")
    assert "并入此件" not in (await browser.get(f"/requests/{one}")).text
    plain = desk.request

    async def request(actor, number):
        return replace(await plain(actor, number), moves=(MoveOffer("merge", frozenset({"parent"})),))

    monkeypatch.setattr(desk, "request", request)
    page = (await browser.get(f"/requests/{one}")).text
    assert "并入此件" in page
    assert f'action="/requests/{one}/merge"' in page
