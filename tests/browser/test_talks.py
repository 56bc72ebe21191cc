"""Talks of now in a real browser: a supervisor comes to one, an agent calls a third into hers."""

from __future__ import annotations

from console.fake_desk import FakeCalls
from playwright.sync_api import expect

from browser.conftest import shoot


def test_a_supervisor_listens_and_leaves_without_a_page_load(stand, open_browser) -> None:
    calls = stand.desk.live_talks.calls = FakeCalls()
    page = open_browser("zhao")
    page.click("nav a[href='/talks']")
    row = page.locator("#talks tbody tr")
    expect(row).to_contain_text("138****8000")
    page.evaluate("window.sameLoad = true")
    page.get_by_role("button", name="监听").click()
    expect(row).to_contain_text("1009")
    expect(row).to_contain_text("振铃中")
    shoot(page, "talks")
    row.get_by_role("button", name="退出").click()
    expect(row).not_to_contain_text("1009")
    assert page.evaluate("window.sameLoad") is True
    calls.refuses = True
    page.get_by_role("button", name="强插通话").click()
    expect(page.locator("#flash")).to_contain_text("您还没有分配话机")
    expect(page.get_by_role("button", name="强插通话")).to_be_focused()
    stand.do(setattr, calls, "talk", None)
    expect(page.locator("#talks")).to_contain_text("当前没有通话")


def test_an_agent_calls_a_third_in_from_any_page(stand, open_browser) -> None:
    calls = stand.desk.live_talks.calls = FakeCalls()
    page = open_browser("wang")
    bar = page.locator("#talk-guests")
    bar.locator("input").fill("010 65241234")
    bar.get_by_role("button", name="呼叫").click()
    expect(bar).to_contain_text("01065241234")
    shoot(page, "talk-guests")
    bar.get_by_role("button", name="请出").click()
    expect(bar.locator("input[name=number]:visible")).to_be_visible()
    stand.do(setattr, calls, "talk", None)
    expect(bar).to_be_empty()
