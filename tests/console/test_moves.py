"""The moves that a page offers, on the real desk and store: made, asked for a reason, refused when stale."""

from __future__ import annotations

import re

import pytest

from console.fake_desk import PASSWORD
from console.test_real_desk import House, house
from hotline.desk.views import Actor
from hotline.tickets.service_request import Given

STREET = "110101001"
pytestmark = pytest.mark.anyio
__all__ = ["house"]


async def a_replied_request(house: House) -> str:
    for user_name, role, unit in (
        ("wang", "agent", None),
        ("zhao", "supervisor", None),
        ("liu", "unit", STREET),
    ):
        await house.desk.add_user(user_name, user_name, PASSWORD, role, unit)
    number = await house.message()
    agent, unit = await actor(house, "wang"), await actor(house, "liu")
    page = await house.desk.request(agent, number)
    await house.desk.edit(
        agent, number, page.line.version, kind_code="1101", region_code="", place="", text="低保怎么办"
    )
    line = await house.desk.line(agent, number)
    await house.desk.route(agent, number, line.version, unit.unit_code, "")
    (order,) = await house.desk.inbox(unit)
    await house.desk.sign(unit, order.order_id)
    await house.desk.begin(unit, order.order_id)
    await house.desk.reply(unit, order.order_id, "已答复")
    return number


async def actor(house: House, user_name: str) -> Actor:
    return next(one for one in await house.desk.all_users() if one.user_name == user_name)


def form_of(text: str, move: str) -> dict[str, str]:
    form = text[text.index(f'id="move-{move}"') :]
    form = form[: form.index("</form>")]
    return dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form))


async def test_supervision_approves_asks_the_caller_and_closes(house: House) -> None:
    number = await a_replied_request(house)
    browser = await house.enter("zhao")
    page = (await browser.get(f"/requests/{number}")).text
    assert 'id="move-approve"' in page
    assert "审核反馈" in page  # the deadline that runs
    assert (await browser.post(f"/requests/{number}/move", data=form_of(page, "approve"))).status_code == 303
    page = (await browser.get(f"/requests/{number}")).text
    closing = form_of(page, "close")
    assert closing["solved"] == "yes"
    assert (await browser.post(f"/requests/{number}/move", data=closing)).status_code == 303
    page = (await browser.get(f"/requests/{number}")).text
    assert "已结案" in page


async def test_a_reason_that_is_missing_is_asked_for(house: House) -> None:
    number = await a_replied_request(house)
    browser = await house.enter("zhao")
    page = (await browser.get(f"/requests/{number}")).text
    answer = await browser.post(f"/requests/{number}/move", data=form_of(page, "rework"))
    assert answer.status_code == 422
    assert 'id="move-problem"' in answer.text
    done = await browser.post(
        f"/requests/{number}/move", data=form_of(page, "rework") | {"reason": "没有回访到位"}
    )
    assert done.status_code == 303
    assert "没有回访到位" in (await browser.get(f"/requests/{number}")).text


async def test_who_was_slower_is_told_with_both_versions(house: House) -> None:
    number = await a_replied_request(house)
    browser = await house.enter("zhao")
    page = (await browser.get(f"/requests/{number}")).text
    supervisor = await actor(house, "zhao")
    line = await house.desk.line(supervisor, number)
    await house.desk.move(supervisor, number, line.version, "rework", Given(reason="重办"))
    answer = await browser.post(f"/requests/{number}/move", data=form_of(page, "approve") | {"reason": "好"})
    assert answer.status_code == 409
    problem = answer.text[answer.text.index('id="move-problem"') :][:900]
    assert "<del>已反馈</del>" in problem
    assert "<ins>" in problem
    assert "好" in problem


@pytest.mark.parametrize("user_name", ["wang", "liu"])
async def test_nobody_else_is_offered_supervisions_moves(house: House, user_name: str) -> None:
    number = await a_replied_request(house)
    browser = await house.enter(user_name)
    page = (await browser.get(f"/requests/{number}")).text
    assert 'id="move-approve"' not in page
    version = re.search(r'id="now" value="(\d+)"', page)[1]
    answer = await browser.post(f"/requests/{number}/move", data={"version": version, "move": "approve"})
    assert answer.status_code == 403
