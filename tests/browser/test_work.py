"""A working day in a real browser: requests come, are heard, decided, routed, handled."""

from __future__ import annotations

import re
from typing import Any

from console.fake_desk import PASSWORD, SEGMENTS
from playwright.sync_api import expect

from agent_console.clocks import wall_now
from browser.conftest import WATCH_ROWS, shoot
from hotline.desk.views import TalkView, VoiceView

SOON_MS = 2000
"""A request must be on the screen within this time; on an idle machine it takes some 30 ms."""


def is_live(page: Any) -> None:
    expect(page.locator("#lamp")).to_have_attribute("data-state", "live")


def open_with_transcript(stand: Any, **named: Any) -> str:
    number = stand.do(stand.desk.open_request, **named)
    stand.do(stand.desk.transcribe, number)
    return str(number)


def test_a_new_request_appears_without_a_reload_and_its_transcript_follows(stand, open_browser) -> None:
    page = open_browser("wang")
    is_live(page)
    expect(page.locator("#empty")).to_be_visible()
    page.evaluate(WATCH_ROWS)
    took_ms = []
    for n in range(5):
        asked_ms = wall_now().timestamp() * 1000
        number = stand.do(stand.desk.open_request, for_agent=n == 4)
        row = page.locator(f"#r-{number}")
        expect(row).to_be_visible()
        took_ms.append(page.evaluate(f"window.seen['{number}']") - asked_ms)
    print("requests visible after", [round(took) for took in took_ms], "ms")
    assert min(took_ms) < SOON_MS
    numbers = page.locator("tr[data-number]").evaluate_all("rows => rows.map(row => row.dataset.number)")
    assert numbers == sorted(numbers, reverse=True)
    expect(row).to_contain_text("要求人工")
    expect(row).to_contain_text("正在转写")
    stand.do(stand.desk.transcribe, number)
    expect(row).to_contain_text("你好，我住在东华门大街12号。")
    assert page.evaluate("window.sameLoad") is True
    shoot(page, "desk-live")


def test_listening_moves_the_sound_and_marks_the_words(stand, open_browser) -> None:
    number = open_with_transcript(stand)
    page = open_browser("wang")
    page.goto(f"/requests/{number}")
    assert stand.desk.listened == [], "looking is not listening"
    audio = page.locator("audio")
    page.get_by_role("button", name="播放", exact=True).click()
    expect(page.locator(".player.playing")).to_be_visible()
    expect(page.locator(".segment").first).to_have_class(re.compile(r"\bnow\b"))
    expect(page.locator(".player .at")).to_have_text("0:01")
    assert audio.evaluate("a => a.currentTime") > 0.5
    page.locator(".segment").nth(1).click()
    expect(page.locator(".segment").nth(1)).to_have_class(re.compile(r"\bnow\b"))
    assert audio.evaluate("a => a.currentTime") >= SEGMENTS[1].start_ms / 1000
    page.keyboard.press("p")
    expect(page.locator(".player.playing")).to_have_count(0)
    before = audio.evaluate("a => a.currentTime")
    page.keyboard.press("BracketLeft")
    assert audio.evaluate("a => a.currentTime") < before
    assert len(stand.desk.listened) == 1, "one listening is one note"


def test_a_request_is_routed_by_keys_alone_and_everybody_sees_it(stand, open_browser) -> None:
    wang, li, street = open_browser("wang"), open_browser("li"), open_browser("street")
    for page in (wang, li, street):
        is_live(page)
    number = open_with_transcript(stand)
    expect(wang.locator(f"#r-{number}")).to_be_visible()
    wang.keyboard.press("j")
    wang.keyboard.press("Enter")
    wang.wait_for_url(f"**/requests/{number}")
    is_live(wang)
    wang.keyboard.press("a")
    expect(wang.locator("#kind")).to_have_value("垃圾清运与暴露垃圾")
    expect(wang.locator("#unit")).to_have_value("东华门街道")
    expect(wang.locator("#unsaved")).to_be_visible()
    shoot(wang, "request-decided")
    wang.keyboard.press("Control+Enter")
    expect(wang.locator("#flash")).to_contain_text("已派单至东华门街道")
    expect(wang.locator("#head")).to_contain_text("已派单")
    expect(wang.locator("#unsaved")).to_be_hidden()
    expect(li.locator(f"#r-{number}")).to_contain_text("已派单")
    expect(li.locator(f"#r-{number}")).to_contain_text("东华门街道")
    expect(wang.locator("#orders")).to_contain_text("邮件待发")
    stand.do(stand.desk.send_mail, number, "sent")
    expect(wang.locator("#orders")).to_contain_text("邮件已发出")
    # the unit's side
    expect(street.locator("#orders")).to_contain_text(number)
    street.get_by_role("button", name="签收").click()
    expect(street.locator("#orders")).to_contain_text("办理中")
    expect(wang.locator("#head")).to_contain_text("已签收")
    street.get_by_role("button", name="已联系来电人").click()
    street.locator("textarea").fill("已清运完毕")
    street.get_by_role("button", name="反馈").click()
    expect(street.locator("#orders")).to_contain_text("没有待办工单")
    expect(wang.locator("#orders")).to_contain_text("已清运完毕")
    expect(li.locator(f"#r-{number}")).to_contain_text("已反馈")
    shoot(wang, "request-replied")


def test_a_unit_is_found_by_pinyin_and_chosen_by_keys(stand, open_browser) -> None:
    number = open_with_transcript(stand)
    page = open_browser("wang")
    page.goto(f"/requests/{number}")
    unit = page.locator("#unit")
    unit.click()
    expect(page.locator("#unit-list")).to_be_visible()
    for typed in ("js", "jingshan", "景山", "110101002"):
        unit.fill(typed)
        expect(page.locator("#unit-list li:visible")).to_have_count(1)
    unit.fill("没有这个")
    expect(page.locator("#unit-list")).to_contain_text("没有匹配项")
    unit.fill("dhm")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(unit).to_have_value("东华门街道")
    expect(page.locator("#unit-list")).to_be_hidden()
    assert stand.desk.requests[number].line.state == "accepted", "Enter in a list must not send the form"
    unit.fill("打了一半")
    page.locator("#note").click()
    expect(unit).to_have_value("东华门街道")


def test_ctrl_enter_without_a_unit_asks_for_one(stand, open_browser) -> None:
    number = open_with_transcript(stand)
    page = open_browser("wang")
    page.goto(f"/requests/{number}")
    page.locator("#note").fill("说明")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#unit")).to_be_focused()
    expect(page.locator("#unit")).to_have_attribute("aria-invalid", "true")
    assert stand.desk.requests[number].line.state == "accepted"


def test_what_is_typed_survives_a_transcript_and_somebody_faster(stand, open_browser) -> None:
    number = stand.do(stand.desk.open_request)
    wang, li = open_browser("wang"), open_browser("li")
    for page in (wang, li):
        page.goto(f"/requests/{number}")
        is_live(page)
    wang.locator("#note").fill("正在写的说明")
    stand.do(stand.desk.transcribe, number)
    expect(wang.locator("#text")).to_have_value(re.compile("楼下的垃圾桶"))
    expect(wang.locator("#note")).to_have_value("正在写的说明")
    expect(wang.locator("#conflict")).to_be_hidden()
    # li is faster
    expect(li.locator("#suggest-unit .suggestion")).to_be_visible()
    li.keyboard.press("a")
    li.keyboard.press("Control+Enter")
    expect(li.locator("#flash")).to_contain_text("已派单")
    expect(wang.locator("#conflict")).to_be_visible()
    expect(wang.locator("#head")).to_contain_text("已派单")
    expect(wang.locator("#note")).to_have_value("正在写的说明")
    wang.locator("#unit").fill("chengshi")
    wang.keyboard.press("Enter")
    shoot(wang, "request-conflict")
    wang.keyboard.press("Control+Enter")
    expect(wang.locator("#problem")).to_contain_text("内容刚刚被他人修改")
    expect(wang.locator("#problem")).to_contain_text("垃圾清运与暴露垃圾")
    expect(wang.locator("#note")).to_have_value("正在写的说明")
    shoot(wang, "request-stale")
    assert len(stand.desk.requests[number].orders) == 1


def test_a_form_that_nobody_touched_follows_what_others_decide(stand, open_browser) -> None:
    number = open_with_transcript(stand)
    page = open_browser("wang")
    page.goto(f"/requests/{number}")
    is_live(page)
    li = stand.desk.people["li"].actor
    stand.do(
        stand.desk.edit, li, number, 2, kind_code="0302", region_code="110101002", place="景山前街", text=""
    )
    expect(page.locator("#kind")).to_have_value("路灯不亮")
    expect(page.locator("#place")).to_have_value("景山前街")
    page.keyboard.press("4")
    expect(page.locator("#unit")).to_have_value("东华门街道")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#flash")).to_contain_text("已派单")


def test_keys_do_nothing_while_text_is_typed(stand, open_browser) -> None:
    number = open_with_transcript(stand)
    page = open_browser("wang")
    page.goto(f"/requests/{number}")
    page.locator("#text").fill("")
    page.locator("#text").press_sequentially("a 1 2 p [")
    expect(page.locator("#text")).to_have_value("a 1 2 p [")
    expect(page.locator("#kind")).to_have_value("")
    page.keyboard.press("Escape")
    expect(page.locator("#text")).not_to_be_focused()
    page.keyboard.press("1")
    expect(page.locator("#kind")).to_have_value("垃圾清运与暴露垃圾")


def test_the_queue_is_walked_by_keys(stand, open_browser) -> None:
    numbers = [open_with_transcript(stand) for _ in range(3)]
    page = open_browser("wang")
    is_live(page)
    here = page.locator("tr.here")
    page.keyboard.press("j")
    expect(here).to_have_attribute("data-number", numbers[2])
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    expect(here).to_have_attribute("data-number", numbers[0])
    page.keyboard.press("k")
    expect(here).to_have_attribute("data-number", numbers[1])
    late = open_with_transcript(stand)
    expect(page.locator(f"#r-{late}")).to_be_visible()
    expect(here).to_have_attribute("data-number", numbers[1])  # a new one on top does not move the mark
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type(numbers[0])
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/requests/{numbers[0]}")
    page.keyboard.press("Escape")
    page.wait_for_url("**/desk")
    page.keyboard.press("2")
    page.wait_for_url("**/desk?state=draft")


def test_a_narrowed_list_loses_what_moved_on(stand, open_browser) -> None:
    number = open_with_transcript(stand)
    page = open_browser("wang")
    page.goto("/desk?state=accepted")
    is_live(page)
    row = page.locator(f"#r-{number}")
    expect(row).to_be_visible()
    stand.do(stand.desk.route, stand.desk.people["li"].actor, number, 2, "D001", "")
    expect(row).to_have_count(0)
    expect(page.locator("#empty")).to_be_visible()


def test_language_is_switched_in_place(stand, open_browser) -> None:
    number = open_with_transcript(stand)
    page = open_browser("wang")
    page.goto(f"/requests/{number}")
    page.get_by_role("button", name="English").click()
    page.wait_for_url(f"**/requests/{number}")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#decision-title")).to_contain_text("Decide")
    expect(page.locator(".segments")).to_have_attribute("lang", "zh-CN")  # the words stay Chinese
    is_live(page)
    expect(page.locator("#lamp")).to_have_text("Live")
    shoot(page, "request-english")


def test_an_administrator_adds_a_person_who_then_logs_in(stand, open_browser) -> None:
    page = open_browser("root")
    page.get_by_role("link", name="人员").click()
    expect(page.get_by_role("cell", name="王芳")).to_be_visible()
    page.fill("[name=user_name]", "sun")
    page.fill("[name=display_name]", "孙丽")
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="添加").click()
    expect(page.get_by_role("cell", name="孙丽")).to_be_visible()
    shoot(page, "people")
    expect(open_browser("sun").locator(".who")).to_contain_text("孙丽")


def test_hostile_words_run_nowhere(stand, open_browser) -> None:
    hostile = (
        '<img src=x onerror="window.ran=1"><script>window.ran=1</script>\'">'
        "<hx-partial hx-target='#main'>gone</hx-partial>"
    )
    page = open_browser("wang")
    is_live(page)
    number = stand.do(stand.desk.open_request, caller=hostile)
    segment = type(SEGMENTS[0])(0, 900, hostile, hostile, "low")
    stand.do(stand.desk.transcribe, number, [segment], [])
    expect(page.locator(f"#r-{number}")).to_contain_text("<img src=x")
    page.goto(f"/requests/{number}")
    is_live(page)
    stand.do(stand.desk.route, stand.desk.people["li"].actor, number, 2, "110101001", hostile)
    expect(page.locator("#orders")).to_contain_text("<script>")
    assert page.evaluate("window.ran") is None
    assert page.locator("img").count() == 0


def test_a_talk_is_drawn_with_both_sides_and_moved_through_by_keys(stand, open_browser) -> None:
    number = open_with_transcript(stand)
    stand.desk.talks.add(number)
    page = open_browser("wang")
    page.goto(f"/requests/{number}")
    expect(page.locator(".wave.both.drawn")).to_be_visible()
    expect(page.locator(".who-left")).to_have_text("市民")
    inked = """canvas => {
      const { width, height } = canvas
      const data = canvas.getContext('2d').getImageData(0, 0, width, height).data
      let above = 0, below = 0
      for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
        if (data[(y * width + x) * 4 + 3] > 0) { if (y < height / 2) above++; else below++ }
      }
      return [above, below]
    }"""
    above, below = page.locator(".wave canvas").evaluate(inked)
    assert min(above, below) > 200, "each side has its own half"
    assert stand.desk.listened == [], "looking is not listening"
    shoot(page, "talk")
    seek, audio = page.locator(".seek"), page.locator("audio")
    seek.focus()
    page.keyboard.press("Space")
    expect(page.locator(".player.playing")).to_be_visible()
    expect(page.locator(".player .at")).to_have_text("0:01")
    page.keyboard.press("ArrowRight")
    assert audio.evaluate("a => a.currentTime") > 5.5
    colours = """canvas => [4, canvas.width - 6].map(x => {
      const data = canvas.getContext('2d').getImageData(x, 0, 6, canvas.height).data
      for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] === 255) return data.slice(at, at + 3).join()
      }
    })"""
    played, ahead = page.locator(".wave canvas").evaluate(colours)
    assert played != ahead
    shoot(page, "talk-played")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    expect(page.locator(".player.playing")).to_have_count(0)
    assert 0.5 < audio.evaluate("a => a.currentTime") < 5.5


def test_an_agent_pauses_the_recording_of_her_talk_with_one_key_while_she_types(stand, open_browser) -> None:
    number = open_with_transcript(stand)
    voices = (
        VoiceView("caller", "good", 4.1, 0.012, is_missing=False),
        VoiceView("other", "unheard", None, 0.0, is_missing=True),
    )
    stand.desk.talk_now = TalkView("c1", is_paused=False, voices=voices)
    page = open_browser("wang")
    page.goto(f"/requests/{number}")
    expect(page.locator("#talk")).to_contain_text("正在通话录音")
    expect(page.locator("#talk .side")).to_have_count(2)
    expect(page.locator("#talk")).to_contain_text("线路良好 · 丢失1%")
    page.wait_for_function("document.querySelector('meter[data-side=caller]').value > -40")
    shoot(page, "talk-voices")
    page.locator("[name=text]").focus()
    page.keyboard.press("Control+.")
    expect(page.locator("#talk")).to_contain_text("录音已暂停")
    assert stand.desk.talk_now.is_paused
    shoot(page, "talk-paused")
    page.get_by_role("button", name="恢复录音").click()
    expect(page.locator("#talk")).to_contain_text("正在通话录音")
    stand.desk.talk_now = None
    expect(page.locator("#talk form")).to_have_count(0)
