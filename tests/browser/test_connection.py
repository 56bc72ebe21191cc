"""The event stream in a real browser: many tabs, a leader that goes, a server that restarts."""

from __future__ import annotations

import re
from typing import Any

from console.conftest import an_app
from playwright.sync_api import expect

from agent_console.serve import serve


def is_live(page: Any) -> None:
    expect(page.locator("#lamp")).to_have_attribute("data-state", "live")


def test_ten_tabs_share_one_stream_and_outlive_their_leader(stand, open_browser) -> None:
    """HTTP/1.1 allows six connections: with a stream for each, the seventh tab would never load."""
    first = open_browser("wang")
    is_live(first)
    tabs = [first] + [first.context.new_page() for _ in range(9)]
    for tab in tabs[1:]:
        tab.goto("/desk")
        is_live(tab)
    streams = stand.console._app.state.console.streams
    assert len(streams.open) == 1
    number = stand.do(stand.desk.open_request)
    for tab in tabs:
        expect(tab.locator(f"#r-{number}")).to_have_count(1)
    first.close()
    later = stand.do(stand.desk.open_request)
    for tab in tabs[1:]:
        expect(tab.locator(f"#r-{later}")).to_have_count(1)
    assert len(streams.open) == 1


def test_a_restarted_server_is_found_again_and_nothing_is_missed(stand, open_browser) -> None:
    page = open_browser("wang")
    is_live(page)
    page.evaluate("window.sameLoad = true")
    stand.do(stand.console.stop)
    expect(page.locator("#lamp")).to_have_attribute("data-state", "cut")
    expect(page.locator("#lamp")).to_contain_text("连接中断")
    missed = stand.do(stand.desk.open_request)
    stand.console = stand.do(serve, an_app(stand.desk), "127.0.0.1", stand.console.port)
    expect(page.locator(f"#r-{missed}")).to_be_visible(timeout=15_000)
    is_live(page)
    assert page.evaluate("window.sameLoad") is True
    open_browser.faults.clear()  # Chromium reports the refused connections itself


def test_logging_out_in_one_tab_ends_the_others(stand, open_browser) -> None:
    page = open_browser("wang")
    is_live(page)
    other = page.context.new_page()
    other.goto("/desk")
    is_live(other)
    page.get_by_role("button", name="退出").click()
    page.wait_for_url(re.compile(r"/login$"))
    other.wait_for_url(re.compile(r"/login\?next=/desk$"))


def test_a_page_that_went_and_came_back_is_up_to_date(stand, open_browser) -> None:
    page = open_browser("wang")
    is_live(page)
    number = stand.do(stand.desk.open_request)
    expect(page.locator(f"#r-{number}")).to_be_visible()
    page.goto(f"/requests/{number}")
    is_live(page)
    stand.do(stand.desk.transcribe, number)
    later = stand.do(stand.desk.open_request)
    page.go_back()
    expect(page.locator(f"#r-{number}")).to_contain_text("垃圾桶")
    expect(page.locator(f"#r-{later}")).to_be_visible()
