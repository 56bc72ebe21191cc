"""The search page: one box, what narrows it, pages."""

from __future__ import annotations

import re

import pytest

from hotline.desk.search import PAGE

pytestmark = pytest.mark.anyio


async def test_words_are_found_and_telephones_stay_masked(visit, desk) -> None:
    number = desk.open_request()
    desk.transcribe(number)
    desk.open_request()
    page = (await visit("wang").get("/search", params={"q": "垃圾"})).text
    assert f'href="/requests/{number}"' in page
    assert page.count("data-number") == 1
    assert "13800138000" not in page
    assert "138****8000" in page


async def test_a_whole_number_opens_the_request(visit) -> None:
    answer = await visit("wang").get("/search", params={"q": "261123 000 018"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/requests/261123000018"


async def test_what_was_found_goes_on_page_by_page(visit, desk) -> None:
    numbers = [desk.open_request(f"261123{n:05d}{_check(n)}") for n in range(1, PAGE + 6)]
    browser = visit("wang")
    first = (await browser.get("/search", params={"state": "accepted"})).text
    assert first.count("data-number") == PAGE
    link = re.search(r'id="more" href="([^"]+)"', first)[1].replace("&amp;", "&")
    second = (await browser.get(link)).text
    assert second.count("data-number") == 5
    assert numbers[0] in second
    assert 'id="more"' not in second


async def test_nothing_asked_shows_only_the_form(visit, desk) -> None:
    desk.open_request()
    page = (await visit("wang").get("/search")).text
    assert 'name="q"' in page
    assert "data-number" not in page


async def test_what_cannot_be_looked_for_is_said_on_the_page(visit) -> None:
    browser = visit("wang")
    for params in (
        {"q": "？？"},
        {"from": "yesterday"},
        {"from": "2026-11-02", "to": "2026-11-01"},
        {"state": "x"},
    ):
        answer = await browser.get("/search", params=params)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text


async def test_a_unit_searches_its_own_and_no_telephones(visit, desk) -> None:
    mine, other = desk.open_request(), desk.open_request()
    actor = desk.people["wang"].actor
    await desk.route(actor, mine, 1, "110101001", "")
    browser = visit("street")
    page = (await browser.get("/search", params={"state": ""} | {"from": "2026-11-01"})).text
    assert mine in page
    assert other not in page
    assert (await browser.get("/search", params={"q": "13800138000"})).status_code == 403


async def test_hostile_words_stay_words(visit, desk) -> None:
    page = await visit("wang").get("/search", params={"q": '"><script>alert(1)</script>'})
    assert "<script>alert" not in page.text


def _check(n: int) -> str:
    from hotline.tickets.number import check_digit

    return check_digit(f"261123{n:05d}")
