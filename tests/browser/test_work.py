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


def test_looks(stand, open_browser) -> None:
    numbers = []
    for n in range(9):
        numbers.append(stand.do(stand.desk.open_request, caller=["13800138000", "", "01065241234"][n % 3], for_agent=n == 4, priority="P2" if n == 5 else "P3"))
        if n not in (7, 8): stand.do(stand.desk.transcribe, numbers[-1])
    stand.do(stand.desk.fail_transcript, numbers[7])
    actor = stand.desk.users["wang"].actor
    for n in (0, 1, 2):
        line = stand.do(stand.desk.line, actor, numbers[n])
        stand.do(stand.desk.edit, actor, numbers[n], line.version, kind_code="0201", region_code="110101001", place="东华门大街12号", text="")
        line = stand.do(stand.desk.line, actor, numbers[n])
        stand.do(stand.desk.route, actor, numbers[n], line.version, "110101001", "请尽快清运")
    s = stand.desk.users["street"].actor
    stand.do(stand.desk.sign, s, 1); stand.do(stand.desk.reply, s, 1, "已于当日下午清运完毕，并增加每日清运频次。"); stand.do(stand.desk.sign, s, 2)
    stand.do(stand.desk.send_mail, numbers[1], "delayed", "451 4.7.1 Greylisted, try again later")
    page = open_browser("wang")
    page.keyboard.press("j"); page.keyboard.press("j")
    shoot(page, "desk")
    page.goto(f"/requests/{numbers[3]}")
    expect(page.locator("#lamp")).to_have_attribute("data-state", "live")
    shoot(page, "request")
    page.locator("#unit").click(); page.locator("#unit").fill("dhm")
    shoot(page, "request-combo")
    page.keyboard.press("Enter")
    page.goto(f"/requests/{numbers[1]}"); shoot(page, "request-routed")
    page.goto(f"/requests/{numbers[8]}"); shoot(page, "request-waiting")
    page.goto("/requests/999"); shoot(page, "error")
    p2 = open_browser("street"); shoot(p2, "inbox")
    p3 = open_browser(""); p3.goto("/login"); shoot(p3, "login")
    dark = open_browser("wang", color_scheme="dark", locale="en-US"); shoot(dark, "desk-dark")
    dark.goto(f"/requests/{numbers[3]}"); shoot(dark, "request-dark")
    zhao = open_browser("zhao"); zhao.goto("/inbox?unit=110101001"); shoot(zhao, "inbox-zhao")
