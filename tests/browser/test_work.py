"""A working day in a real browser."""

from __future__ import annotations

from playwright.sync_api import expect

from agent_console.clocks import wall_now
from browser.conftest import SCREENSHOTS

# Notes when each row came, by the page's own clock, which is this machine's.
WATCH_ROWS = """() => {
  window.seen = {}
  new MutationObserver(() => {
    const rows = document.querySelectorAll('tr[data-number]')
    for (const row of rows) window.seen[row.dataset.number] ??= Date.now()
  }).observe(document.getElementById('queue'), { childList: true })
}"""


def shoot(page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def test_a_new_request_appears_without_a_reload_and_its_transcript_follows(stand, open_browser) -> None:
    page = open_browser("wang")
    expect(page.locator("#lamp")).to_have_attribute("data-state", "live")
    expect(page.locator("#empty")).to_be_visible()
    page.evaluate("window.sameLoad = true")
    page.evaluate(WATCH_ROWS)
    asked_ms = wall_now().timestamp() * 1000
    number = stand.do(stand.desk.open_request, for_agent=True)
    row = page.locator(f"#r-{number}")
    expect(row).to_be_visible()
    shown_ms = page.evaluate(f"window.seen['{number}']") - asked_ms
    print(f"request visible {shown_ms:.0f} ms after it was opened")
    assert shown_ms < 2000
    expect(row).to_contain_text("要求人工")
    expect(row).to_contain_text("正在转写")
    stand.do(stand.desk.transcribe, number)
    expect(row).to_contain_text("你好，我住在东华门大街12号。")
    assert page.evaluate("window.sameLoad") is True
    shoot(page, "desk-live")
