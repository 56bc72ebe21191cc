"""A small window, or a large letter: 320 CSS pixels are a 1280 pixel screen at 400 % (WCAG 2.2, 1.4.10)."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.conftest import shoot

BEYOND = """(all, width) => all
  .filter(one => one.getBoundingClientRect().right > width + 1)
  .map(one => one.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("width", [320, 700, 1000])
def test_nothing_stands_beyond_the_edge_of_a_narrow_window(stand, open_browser, width) -> None:
    desk = stand.desk
    number = stand.do(desk.open_request, for_agent=True)
    stand.do(desk.transcribe, number)
    stand.do(desk.route, desk.people["li"].actor, number, 2, "110101001", "请尽快处理")
    stand.do(desk.open_request)
    for user, path in (
        ("wang", "/desk"),
        ("wang", f"/requests/{number}"),
        ("street", "/inbox"),
        ("root", "/users"),
    ):
        page = open_browser(user, viewport={"width": width, "height": 800})
        page.goto(path)
        expect(page.locator("#lamp")).to_have_attribute("data-state", "live")
        shoot(page, f"narrow-{width}-{path.split('/')[1]}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        seen = page.locator("td:visible, p:visible, button:visible, input:visible, a:visible")
        assert seen.evaluate_all(BEYOND, width) == [], path
    said = open_browser("wang", viewport={"width": width, "height": 800}).locator(f"#r-{number} .said")
    expect(said).to_contain_text("你好，我住在东华门大街12号。")
    assert said.bounding_box()["width"] > 110, "what was said is what the agent looks for"
