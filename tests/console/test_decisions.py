"""Deciding and routing a request, alone and against somebody who is faster."""

from __future__ import annotations

import html
import re

import pytest

pytestmark = pytest.mark.anyio
FRAGMENT = {"HX-Request": "true"}


def fields_of(text: str) -> dict[str, str]:
    """Read the form of a page as a browser would send it."""
    form = text[text.index('id="decision"') :]
    form = form[: form.index("</form>")]
    values = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'\bname="([^"]*)"', tag), re.search(r'\bvalue="([^"]*)"', tag)
        if name and " disabled" not in tag:
            values[name.group(1)] = html.unescape(value.group(1)) if value else ""
    for name, attributes, value in re.findall(
        r'<textarea[^>]*name="([^"]*)"([^>]*)>([^<]*)</textarea>', form
    ):
        if "disabled" not in attributes:
            values[name] = html.unescape(value)
    return values


@pytest.fixture
def number(desk) -> str:
    made = desk.open_request()
    desk.transcribe(made)
    return made


async def form_of(browser, number: str) -> dict[str, str]:
    return fields_of((await browser.get(f"/requests/{number}")).text)


async def test_saving_decides_kind_place_and_wording(visit, desk, number) -> None:
    browser = visit("wang")
    form = await form_of(browser, number)
    typed = form | {
        "kind_code": "0201",
        "region_code": "110101001",
        "place": "东华门大街12号",
        "text": "垃圾三天未清运",
    }
    answer = await browser.post(f"/requests/{number}/save", data=typed)
    assert answer.status_code == 303
    request = desk.requests[number]
    assert (request.kind_code, request.region_code) == ("0201", "110101001")
    assert (request.line.place, request.edited_text) == ("东华门大街12号", "垃圾三天未清运")
    assert request.line.state == "accepted"


async def test_routing_saves_what_was_typed_and_sends_it(visit, desk, number) -> None:
    browser = visit("wang")
    form = await form_of(browser, number)
    answer = await browser.post(
        f"/requests/{number}/route",
        data=form | {"kind_code": "0201", "unit_code": "D001", "note": "请今日处理"},
        headers=FRAGMENT,
    )
    assert answer.status_code == 200
    assert "已派单至区城市管理委员会" in answer.text
    request = desk.requests[number]
    assert (request.line.state, request.kind_code, request.orders[0].note) == (
        "dispatched",
        "0201",
        "请今日处理",
    )
    assert [event.kind for event in desk.events[-2:]] == ["request.edited", "request.routed"]


async def test_routing_without_changes_writes_no_edit(visit, desk, number) -> None:
    browser = visit("wang")
    form = await form_of(browser, number)
    await browser.post(f"/requests/{number}/route", data=form | {"unit_code": "D001"})
    assert [event.kind for event in desk.events[2:]] == ["request.routed"]


async def test_line_ends_of_a_browser_are_no_change(visit, desk, number) -> None:
    desk.requests[number].text = "一\n二"
    browser = visit("wang")
    form = await form_of(browser, number)
    crlf = {name: value.replace("\n", "\r\n") for name, value in form.items()}
    await browser.post(f"/requests/{number}/route", data=crlf | {"unit_code": "D001"})
    assert [event.kind for event in desk.events[2:]] == ["request.routed"]


async def test_routing_to_nobody_is_refused_and_keeps_what_was_typed(visit, desk, number) -> None:
    browser = visit("wang")
    form = await form_of(browser, number)
    answer = await browser.post(
        f"/requests/{number}/route", data=form | {"note": "我写的说明"}, headers=FRAGMENT
    )
    assert answer.status_code == 422
    assert "请先选择街道或部门" in answer.text
    assert fields_of(answer.text)["note"] == "我写的说明"
    assert desk.requests[number].line.state == "accepted"


async def test_somebody_faster_is_shown_and_nothing_typed_is_lost(visit, desk, number) -> None:
    slow, fast = visit("wang"), visit("li")
    form = await form_of(slow, number)
    theirs = await form_of(fast, number)
    await fast.post(f"/requests/{number}/route", data=theirs | {"kind_code": "0302", "unit_code": "D001"})
    mine = form | {"kind_code": "0201", "unit_code": "110101001", "note": "我写的说明", "text": "我写的内容"}
    answer = await slow.post(f"/requests/{number}/route", data=mine, headers=FRAGMENT)
    assert answer.status_code == 409
    for words in ("内容刚刚被他人修改", "路灯不亮", "区城市管理委员会", "已派单"):
        assert words in answer.text
    again = fields_of(answer.text)
    assert (again["kind_code"], again["unit_code"], again["note"], again["text"]) == (
        "0201", "110101001", "我写的说明", "我写的内容",
    )  # fmt: skip
    assert desk.requests[number].kind_code == "0302", (
        "the slower one must not have overwritten the faster one"
    )
    # Having seen it, she decides again.
    answer = await slow.post(f"/requests/{number}/route", data=again, headers=FRAGMENT)
    assert answer.status_code == 200
    assert desk.requests[number].kind_code == "0201"
    assert [order.state for order in desk.requests[number].orders] == ["returned", "dispatched"]


async def test_what_she_left_alone_becomes_what_somebody_faster_decided(visit, desk, number) -> None:
    slow, fast = visit("wang"), visit("li")
    form = await form_of(slow, number)
    theirs = await form_of(fast, number) | {"kind_code": "0302", "place": "王府井"}
    await fast.post(f"/requests/{number}/save", data=theirs)
    answer = await slow.post(f"/requests/{number}/save", data=form | {"place": "景山前街"}, headers=FRAGMENT)
    assert answer.status_code == 409
    again = fields_of(answer.text)
    assert (again["kind_code"], again["place"]) == ("0302", "景山前街")
    await slow.post(f"/requests/{number}/save", data=again)
    assert (desk.requests[number].kind_code, desk.requests[number].line.place) == ("0302", "景山前街")


async def test_emptying_the_wording_goes_back_to_the_transcript(visit, desk, number) -> None:
    browser = visit("wang")
    await browser.post(f"/requests/{number}/save", data=await form_of(browser, number) | {"text": "改过"})
    assert desk.requests[number].edited_text == "改过"
    answer = await browser.post(
        f"/requests/{number}/save", data=await form_of(browser, number) | {"text": " "}
    )
    assert answer.status_code == 303
    assert desk.requests[number].edited_text == ""


async def test_a_stale_form_without_scripts_gets_a_whole_page(visit, desk, number) -> None:
    browser = visit("wang")
    form = await form_of(browser, number)
    desk.fail_transcript(number)
    answer = await browser.post(f"/requests/{number}/save", data=form | {"place": "王府井"})
    assert answer.status_code == 409
    assert "<!doctype html>" in answer.text
    assert fields_of(answer.text)["place"] == "王府井"


async def test_fields_that_are_locked_are_not_emptied_by_a_new_route(
    visit, desk, number, monkeypatch
) -> None:
    """After a unit signed, only the route may change: disabled fields are not sent, and mean nothing."""
    original = desk.request
    browser = visit("wang")
    await browser.post(
        f"/requests/{number}/route",
        data=await form_of(browser, number) | {"kind_code": "0201", "unit_code": "110101001"},
    )

    async def locked(actor, wanted):
        page = await original(actor, wanted)
        return type(page)(
            **{name: getattr(page, name) for name in page.__slots__} | {"may": page.may - {"edit"}}
        )

    monkeypatch.setattr(desk, "request", locked)
    form = await form_of(browser, number)
    assert "text" not in form
    answer = await browser.post(
        f"/requests/{number}/route", data=form | {"unit_code": "D001"}, headers=FRAGMENT
    )
    assert answer.status_code == 200
    assert desk.requests[number].kind_code == "0201"


@pytest.mark.parametrize("user_name", ["zhao", "street", "root"])
async def test_only_agents_route(visit, desk, number, user_name) -> None:
    before = len(desk.events)
    answer = await visit(user_name).post(
        f"/requests/{number}/route", data={"version": "2", "unit_code": "D001"}
    )
    assert answer.status_code in {403, 404}
    assert len(desk.events) == before


async def test_a_form_without_a_version_is_not_understood(visit, number) -> None:
    assert (await visit("wang").post(f"/requests/{number}/save", data={"place": "x"})).status_code == 422


async def test_a_unit_signs_and_replies(visit, desk, number) -> None:
    browser = visit("wang")
    await browser.post(
        f"/requests/{number}/route", data=await form_of(browser, number) | {"unit_code": "110101001"}
    )
    unit = visit("street")
    assert (await unit.post("/orders/1/reply", data={"text": "太早"}, headers=FRAGMENT)).status_code == 409
    assert (await unit.post("/orders/1/sign", data={}, headers=FRAGMENT)).status_code == 200
    assert (await unit.post("/orders/1/begin", data={}, headers=FRAGMENT)).status_code == 200
    empty = await unit.post("/orders/1/reply", data={"text": "  "}, headers=FRAGMENT)
    assert empty.status_code == 422
    answer = await unit.post("/orders/1/reply", data={"text": "已清运\r\n完毕"}, headers=FRAGMENT)
    assert "没有待办工单" in answer.text
    assert desk.requests[number].orders[0].reply == "已清运\n完毕"
    assert "单位反馈" in (await visit("wang").get(f"/requests/{number}")).text


async def test_signing_on_the_request_page_leads_back_to_it(visit, desk, number) -> None:
    browser = visit("wang")
    await browser.post(
        f"/requests/{number}/route", data=await form_of(browser, number) | {"unit_code": "110101001"}
    )
    unit = visit("street")
    assert 'action="/orders/1/sign"' in (await unit.get(f"/requests/{number}")).text
    answer = await unit.post("/orders/1/sign", data={"next": f"/requests/{number}"})
    assert answer.headers["location"] == f"/requests/{number}"
    assert (await visit("other").post("/orders/1/sign", data={})).status_code == 404


async def test_leaving_the_transcript_as_it_is_is_no_wording_of_ones_own(visit, desk, number) -> None:
    browser = visit("wang")
    form = await form_of(browser, number)
    await browser.post(f"/requests/{number}/save", data=form | {"place": "王府井"})
    assert desk.requests[number].edited_text == ""
