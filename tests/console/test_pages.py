"""Every page, for every role."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from console.fake_desk import PASSWORD, SEGMENTS
from hotline.desk.views import SegmentView
from hotline.routing.suggestion import Suggestion

pytestmark = pytest.mark.anyio
STAFF = ("wang", "zhao", "street", "root")
PAGES_OF = {
    "wang": ("/desk",),
    "zhao": ("/desk", "/inbox"),
    "street": ("/inbox",),
    "root": ("/desk", "/users"),
}


async def routed(desk, number: str, unit: str = "110101001") -> None:
    actor = desk.people["wang"].actor
    await desk.route(actor, number, desk.requests[number].line.version, unit, "请尽快处理")


@pytest.mark.parametrize("user_name", STAFF)
async def test_each_role_is_led_to_a_page_that_she_may_see(visit, user_name) -> None:
    browser = visit(user_name)
    answer = await browser.get("/", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.url.path == PAGES_OF[user_name][0]
    for path in PAGES_OF[user_name]:
        assert f'href="{path}"' in answer.text, "the navigation misses a page"
        assert (await browser.get(path)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/desk",
        "/desk/lines",
        "/desk/lines/1",
        "/requests",
        "/requests/1",
        "/requests/1/live",
        "/requests/1/form",
        "/inbox",
        "/inbox/orders",
        "/users",
        "/choices/unit_code",
    ],
)
async def test_a_page_asks_a_stranger_to_log_in(visit, path) -> None:
    answer = await visit().get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")
    fragment = await visit().get(path, headers={"HX-Request": "true"})
    assert fragment.headers["hx-redirect"].startswith("/login"), "htmx would swap the log-in page in"


@pytest.mark.parametrize("path", ["/events", "/session", "/recordings/call-1-1.wav"])
async def test_what_is_no_page_answers_a_stranger_401(visit, path) -> None:
    assert (await visit().get(path)).status_code == 401


@pytest.mark.parametrize(
    "path", ["/requests/1/save", "/requests/1/route", "/orders/1/sign", "/orders/1/reply"]
)
async def test_a_stranger_can_do_nothing(visit, desk, path) -> None:
    answer = await visit().post(path, data={"version": "1", "unit_code": "D001"})
    assert answer.headers["location"] == "/login"
    assert desk.events == []


async def test_the_queue_shows_the_newest_request_first(visit, desk) -> None:
    first, second = desk.open_request(), desk.open_request(for_agent=True)
    desk.transcribe(first)
    text = (await visit("wang").get("/desk")).text
    assert text.index(f'id="r-{second}"') < text.index(f'id="r-{first}"')
    assert "你好，我住在东华门大街12号。" in text
    for words in ("正在转写", "要求人工", "0 分钟"):
        assert words in text


async def test_the_queue_is_narrowed_down_by_state(visit, desk) -> None:
    first, second = desk.open_request(), desk.open_request()
    await routed(desk, first)
    text = (await visit("wang").get("/desk?state=dispatched")).text
    assert f'id="r-{first}"' in text
    assert f'id="r-{second}"' not in text


async def test_a_state_that_does_not_exist_is_refused(visit) -> None:
    assert (await visit("wang").get("/desk?state=lost")).status_code == 422


async def test_pages_of_the_queue_meet_without_gap_or_overlap(visit, desk) -> None:
    numbers = [desk.open_request() for _ in range(120)]
    browser, seen, address = visit("wang"), [], "/desk"
    while address:
        text = (await browser.get(address)).text
        seen += re.findall(r'id="r-(\d+)"', text)
        more = re.search(r'hx-get="([^"]+)"', text)
        address = more.group(1).replace("&amp;", "&") if more else ""
    assert seen == sorted(numbers, reverse=True)


async def test_a_line_that_left_the_list_comes_back_empty(visit, desk) -> None:
    number = desk.open_request()
    browser = visit("wang")
    assert number in (await browser.get(f"/desk/lines/{number}?state=accepted")).text
    await routed(desk, number)
    answer = await browser.get(f"/desk/lines/{number}?state=accepted")
    assert (answer.status_code, answer.text) == (204, "")


async def test_a_request_page_shows_words_confidence_and_suggestions(visit, desk) -> None:
    number = desk.open_request()
    desk.transcribe(number)
    answer = await visit("wang").get(f"/requests/{number}")
    assert answer.status_code == 200
    for words in (
        "楼下的垃圾桶",
        "提到“垃圾桶”“清运”",
        "91%",
        "听不清",
        "13800138000",
        "你好我住在东华门大街十二号",
    ):
        assert words in answer.text
    assert SEGMENTS[1].raw_text not in answer.text, "punctuation alone is no difference worth showing"


async def test_a_number_is_masked_as_the_desk_says(visit, desk) -> None:
    number = desk.open_request(caller="13812345678")
    for path in ("/desk", f"/requests/{number}"):
        text = (await visit("zhao").get(path)).text
        assert "13812345678" not in text
        assert "138****5678" in text


async def test_a_request_is_opened_by_the_number_that_a_caller_reads_out(visit, desk) -> None:
    answer = await visit("wang").get("/requests", params={"number": " 2611 2300 0017 "})
    assert answer.headers["location"] == "/requests/261123000017"
    assert (await visit("wang").get("/requests?number=")).status_code == 422


async def test_the_lists_to_choose_from_are_searchable_by_pinyin(visit) -> None:
    answer = await visit("wang").get("/choices/unit_code")
    assert "donghuamenjiedao dhmjd 110101001" in answer.text
    assert "无邮箱" in answer.text
    assert answer.headers["cache-control"] == "private, max-age=300"
    assert "D001" not in (await visit("wang").get("/choices/region_code")).text
    assert "市容环境 › 环境卫生" in (await visit("wang").get("/choices/kind_code")).text
    assert (await visit("wang").get("/choices/secrets")).status_code == 404


async def test_a_request_that_failed_to_be_transcribed_asks_to_listen(visit, desk) -> None:
    number = desk.open_request()
    desk.fail_transcript(number)
    assert "录音未能转写" in (await visit("wang").get(f"/requests/{number}")).text


async def test_a_supervisor_reads_but_has_no_form(visit, desk) -> None:
    number = desk.open_request()
    text = (await visit("zhao").get(f"/requests/{number}")).text
    assert 'class="player"' in text
    assert "<textarea" not in text
    assert f'action="/requests/{number}' not in text


async def test_an_administrator_has_no_player(visit, desk) -> None:
    number = desk.open_request()
    text = (await visit("root").get(f"/requests/{number}")).text
    assert "<audio" not in text
    assert "不能收听录音" in text


async def test_a_unit_sees_no_request_of_another_unit(visit, desk) -> None:
    number = desk.open_request()
    await routed(desk, number, "110101001")
    assert (await visit("street").get(f"/requests/{number}")).status_code == 200
    for path in (f"/requests/{number}", f"/requests/{number}/live", f"/requests/{number}/form"):
        assert (await visit("other").get(path)).status_code == 404
    assert number not in (await visit("other").get("/inbox")).text


async def test_notices_tell_how_far_a_letter_got(visit, desk) -> None:
    number = desk.open_request()
    await routed(desk, number)
    browser = visit("wang")
    assert "邮件待发" in (await browser.get(f"/requests/{number}")).text
    desk.send_mail(number, "delayed", "451 greylisted")
    text = (await browser.get(f"/requests/{number}/live")).text
    assert "邮件延迟" in text
    assert "451 greylisted" in text
    desk.send_mail(number, "sent")
    text = (await browser.get(f"/requests/{number}/live")).text
    assert "邮件已发出" in text
    assert "greylisted" not in text
    desk.send_mail(number, "failed", "550 no such mailbox")
    assert "550 no such mailbox" in (await browser.get(f"/requests/{number}/live")).text


async def test_the_inbox_puts_what_is_to_be_signed_first(visit, desk) -> None:
    first, second = desk.open_request(), desk.open_request()
    for number in (first, second):
        await routed(desk, number)
    await desk.sign(desk.people["street"].actor, 1)
    text = (await visit("street").get("/inbox")).text
    assert text.index(second) < text.index(first)


async def test_a_supervisor_chooses_whose_inbox_she_sees(visit, desk) -> None:
    number = desk.open_request()
    await routed(desk, number)
    browser = visit("zhao")
    assert number not in (await browser.get("/inbox")).text
    assert number in (await browser.get("/inbox?unit=110101001")).text


async def test_an_administrator_has_no_inbox(visit) -> None:
    assert (await visit("root").get("/inbox?unit=110101001")).status_code == 403


@pytest.mark.parametrize("user_name", ["wang", "zhao", "street"])
async def test_only_an_administrator_adds_people(visit, desk, user_name) -> None:
    before = set(desk.people)
    form = {"user_name": "new", "display_name": "新人", "password": PASSWORD, "role": "admin"}
    assert (await visit(user_name).get("/users")).status_code == 403
    assert (await visit(user_name).post("/users", data=form)).status_code == 403
    assert set(desk.people) == before


async def test_an_administrator_adds_a_unit_user(visit, desk) -> None:
    browser = visit("root")
    form = {
        "user_name": "jing",
        "display_name": "景山 王工",
        "password": "short",
        "role": "unit",
        "unit_code": "110101002",
    }
    refused = await browser.post("/users", data=form)
    assert refused.status_code == 422
    assert "景山 王工" in refused.text, "what was typed is kept"
    assert "short" not in refused.text, "a password is never written into a page"
    assert (await browser.post("/users", data=form | {"password": PASSWORD})).status_code == 303
    assert desk.people["jing"].actor.unit_code == "110101002"
    assert "景山 王工" in (await browser.get("/users")).text
    assert "已被使用" in (await browser.post("/users", data=form | {"password": PASSWORD})).text


class Elements(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts_inside: list[str] = []
        self._is_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self._is_script = tag == "script"

    def handle_data(self, data: str) -> None:
        if self._is_script and data.strip():
            self.scripts_inside.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False


async def test_hostile_words_stay_words(visit, desk) -> None:
    """What a caller said, and what a SIP header claimed, must never become markup."""
    hostile = '<script>alert(1)</script><img src=x onerror=alert(2)>"\'><hx-partial hx-target="#main">{{7*7}}'
    number = desk.open_request(caller=hostile)
    segment = SegmentView(0, 900, hostile, hostile + "x", "high")
    suggestion = Suggestion("kind", hostile, hostile, 0.5, hostile, hostile)
    desk.transcribe(number, [segment], [suggestion])
    await desk.edit(
        desk.people["wang"].actor, number, 2, kind_code="", region_code="", place=hostile, text=hostile + "y"
    )
    await desk.route(desk.people["wang"].actor, number, 3, "110101001", hostile)
    desk.send_mail(number, "failed", hostile)
    for user, path in (
        ("wang", "/desk"), ("wang", f"/requests/{number}"), ("wang", f"/requests/{number}/live"),
        ("street", "/inbox"), ("wang", f"/login?next={hostile}"),
    ):  # fmt: skip
        text = (await visit(user).get(path)).text
        elements = Elements()
        elements.feed(text)
        assert "img" not in elements.names
        assert elements.scripts_inside == []
        assert not any(name.startswith("on") for name in elements.attributes)
        assert '<hx-partial hx-target="#main"' not in text
    page = (await visit("wang").get(f"/requests/{number}")).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page, "the words themselves must be readable"


async def test_unknown_pages_and_methods_have_a_page_of_their_own(visit) -> None:
    answer = await visit("wang").get("/nowhere")
    assert answer.status_code == 404
    assert "没有这个页面" in answer.text
    assert (await visit("wang").post("/desk", data={"a": "b"})).status_code == 405
    assert (await visit("wang").get("/requests/000000000000")).status_code == 404


async def test_language_is_chosen_and_remembered(visit, desk) -> None:
    browser = visit("wang")
    assert 'lang="zh-CN"' in (await browser.get("/desk")).text
    answer = await browser.post("/language", data={"language": "en", "next": "/desk"})
    assert answer.headers["location"] == "/desk"
    text = (await browser.get("/desk")).text
    assert '<html lang="en">' in text
    assert "Requests" in text
    assert desk.people["wang"].actor.language == "en"
    assert (await browser.post("/language", data={"language": "fr"})).status_code == 422


async def test_a_stranger_is_greeted_in_the_language_of_her_browser(visit) -> None:
    assert (
        "Password"
        in (await visit().get("/login", headers={"Accept-Language": "en-GB,en;q=0.9,zh;q=0.5"})).text
    )
    assert "密码" in (await visit().get("/login", headers={"Accept-Language": "de"})).text


async def test_nobody_becomes_administrator_over_the_network(visit, desk) -> None:
    """Only `hotline setup` makes the first one, even while there is none."""
    del desk.people["root"]
    browser, before = visit(), dict(desk.people)
    assert (await browser.get("/login")).status_code == 200
    person = {
        "user_name": "chief", "display_name": "主任", "role": "admin",
        "password": PASSWORD, "repeated": PASSWORD,
    }  # fmt: skip
    for path in ("/users", "/set-up"):
        answer = await browser.post(path, data=person)
        assert answer.status_code in {303, 404}
        assert "set-cookie" not in answer.headers
    assert desk.people == before


async def test_log_in_tells_no_more_than_that_it_failed(visit) -> None:
    browser = visit()
    unknown = await browser.post("/login", data={"user_name": "nobody", "password": "x"})
    wrong = await browser.post("/login", data={"user_name": "wang", "password": "x"})
    assert unknown.status_code == wrong.status_code == 422
    assert unknown.text.replace("nobody", "wang") == wrong.text
    assert "set-cookie" not in wrong.headers


async def test_log_in_leads_back_to_where_one_wanted_to_go(visit) -> None:
    browser = visit()
    asked = (await browser.get("/requests/261123000017?x=1")).headers["location"]
    assert asked == "/login?next=/requests/261123000017%3Fx%3D1"
    answer = await browser.post(
        "/login", data={"user_name": "wang", "password": PASSWORD, "next": "/requests/1"}
    )
    assert answer.headers["location"] == "/requests/1"


@pytest.mark.parametrize(
    "next_path",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/a\r\nSet-Cookie: x=1",
        "javascript:alert(1)",
    ],
)
async def test_log_in_never_leads_to_another_site(visit, next_path) -> None:
    answer = await visit().post("/login", data={"user_name": "wang", "password": PASSWORD, "next": next_path})
    assert answer.headers["location"] == "/"


async def test_log_out_ends_the_session(visit, desk) -> None:
    browser = visit("wang")
    answer = await browser.post("/logout", data={})
    assert answer.headers["location"] == "/login"
    assert desk.sessions == {}
    assert (await browser.get("/session")).status_code == 401
