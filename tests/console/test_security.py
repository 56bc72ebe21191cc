"""What every answer carries and every question must pass."""

from __future__ import annotations

import re

import pytest
from structlog.testing import capture_logs

from console.conftest import ORIGIN, an_app
from console.fake_desk import PASSWORD
from hotline.errors import OutsideError

pytestmark = pytest.mark.anyio
CHANGING = (
    "/login",
    "/logout",
    "/language",
    "/requests/1/save",
    "/requests/1/route",
    "/orders/1/sign",
    "/orders/1/reply",
)


@pytest.mark.parametrize("path", CHANGING)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": ""},
        {"Origin": "null", "Sec-Fetch-Site": ""},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
        {"Origin": ORIGIN + ".evil.example", "Sec-Fetch-Site": ""},
        {"Origin": "", "Sec-Fetch-Site": ""},
    ],
)
async def test_a_request_from_another_site_changes_nothing(visit, desk, path, headers) -> None:
    browser = visit("wang")
    for name, value in headers.items():
        if value:
            browser.headers[name] = value
        else:
            del browser.headers[name]
    sessions, events = dict(desk.sessions), len(desk.events)
    answer = await browser.post(
        path, data={"version": "1", "user_name": "wang", "password": PASSWORD, "language": "en"}
    )
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert (desk.sessions, len(desk.events)) == (sessions, events)


async def test_our_own_page_behind_a_tls_proxy_is_not_another_site(visit) -> None:
    """The proxy ends TLS, so the origin's scheme is one that we do not see."""
    answer = await visit("wang").post(
        "/language", data={"language": "en"}, headers={"Origin": ORIGIN.replace("http:", "https:")}
    )
    assert answer.status_code == 303


@pytest.mark.parametrize("path", ["/login", "/desk", "/nowhere", "/session", "/events?after=x", "/healthz"])
async def test_every_answer_carries_the_policy(visit, path) -> None:
    for browser in (visit(), visit("wang")):
        if path.startswith("/events") and browser.cookies:
            continue  # a stream never ends; see test_live
        answer = await browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


async def test_no_page_needs_an_inline_script_or_style(visit, desk) -> None:
    number = desk.open_request()
    desk.transcribe(number)
    for path in ("/login", "/desk", f"/requests/{number}", "/nowhere"):
        text = (await visit("wang").get(path)).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", text)
        assert not re.search(r"<style|\sstyle=|\son\w+=|\shx-on|javascript:", text)
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', text), (
            "something is loaded from elsewhere"
        )


async def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites(visit) -> None:
    answer = await visit().post("/login", data={"user_name": "wang", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("hotline=")
    for attribute in ("HttpOnly", "SameSite=lax", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie


async def test_behind_https_the_session_cookie_is_bound_to_the_host(desk) -> None:
    import httpx2

    app = an_app(desk, secure_cookies=True)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="https://console.test"
    ) as browser:
        headers = {"Origin": "https://console.test"}
        answer = await browser.post(
            "/login", data={"user_name": "wang", "password": PASSWORD}, headers=headers
        )
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-hotline=")
        assert "Secure" in cookie
        assert (await browser.get("/desk")).status_code == 200


async def test_a_fault_shows_a_number_and_no_trace(visit, desk, monkeypatch) -> None:
    async def broken(*_values, **_named):
        raise RuntimeError("a secret detail of /srv/hotline")

    monkeypatch.setattr(desk, "queue", broken)
    with capture_logs() as logs:
        answer = await visit("wang").get("/desk")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    shown = re.search(r"故障编号 <code>([0-9a-f]{8})</code>", answer.text)
    assert shown
    assert [(line["event"], line["error_id"]) for line in logs] == [("console.fault", shown.group(1))]


async def test_a_store_that_does_not_answer_is_told_as_such(visit, desk, monkeypatch) -> None:
    async def away(*_values, **_named):
        raise OutsideError("database is locked")

    monkeypatch.setattr(desk, "queue", away)
    answer = await visit("wang").get("/desk")
    assert answer.status_code == 503
    assert "数据存储暂时没有响应" in answer.text
    fragment = await visit("wang").get("/desk/lines", headers={"HX-Request": "true"})
    assert fragment.status_code == 503
    assert fragment.text.startswith("<hx-partial"), "a fragment's error goes to the place for messages"


async def test_a_body_that_is_too_long_is_not_read(visit) -> None:
    answer = await visit("wang").post("/requests/1/save", data={"text": "长" * 200_000})
    assert answer.status_code == 413


async def test_a_body_of_unknown_length_is_refused(visit) -> None:
    async def parts():
        yield b"version=1"

    answer = await visit("wang").post("/requests/1/save", content=parts())
    assert answer.status_code == 411


async def test_nothing_tells_an_outsider_about_the_interface(visit) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert (await visit("root").get(path)).status_code == 404


async def test_static_files_are_kept_for_ever_under_their_digest(visit, app) -> None:
    static = app.state.console.static
    answer = await visit().get(static.url("css/console.css"))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.headers["content-encoding"] == "gzip"
    old = await visit().get("/static/000000000000/css/console.css")
    assert old.headers["cache-control"] == "no-store"
    for name in ("../web.py", "..%2fweb.py", "%2e%2e/web.py", "css", ""):
        assert (await visit().get(f"/static/{static.digest}/{name}")).status_code == 404
