"""WCAG 2.2 A and AA, in light and dark, by axe-core, which is no part of the product (MPL-2.0).

It is looked for where AXE_CORE points (its ``axe.min.js``), else where ``.ci/run`` unpacks it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from console.fake_desk import PASSWORD
from playwright.sync_api import expect

from browser.conftest import shoot
from hotline.desk.views import VoiceView

AXE = Path(os.environ.get("AXE_CORE") or Path(__file__).parents[2] / "var/axe/package/axe.min.js")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
pytestmark = pytest.mark.skipif(
    not AXE.is_file(),
    reason=f"axe-core is not at {AXE} (npm pack axe-core, unpack it into var/axe, or set AXE_CORE)",
)


def faults(page) -> list[str]:
    page.evaluate(AXE.read_text("utf-8"))
    result = page.evaluate("rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES)
    return [
        f"{fault['id']} ({fault['impact']}): {node['target']} {node['failureSummary'].splitlines()[-1]}"
        for fault in result["violations"]
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_page_has_a_fault_that_axe_finds(stand, open_browser, scheme, language) -> None:
    desk = stand.desk
    numbers = [
        stand.do(desk.open_request, for_agent=n == 1, priority=["P1", "P2", "P3", "P4"][n]) for n in range(4)
    ]
    for number in numbers[:3]:
        stand.do(desk.transcribe, number)
    stand.do(desk.fail_transcript, numbers[3])
    stand.do(desk.route, desk.people["li"].actor, numbers[0], 2, "110101001", "请尽快处理")
    stand.do(desk.send_mail, numbers[0], "failed", "550 no such mailbox")
    desk.voices = [
        VoiceView("caller", "poor", 3.2, 0.04, is_missing=True),
        VoiceView("other", "very_good", 4.4, 0.0, is_missing=False),
    ]
    for user in ("wang", "street", "zhao", "root"):
        desk.add_user(user, desk.people[user].actor.role, desk.people[user].actor.unit_code, user, language)
    visits = {
        "wang": ["/desk", *(f"/requests/{number}" for number in numbers), "/nowhere"],
        "street": ["/inbox", f"/requests/{numbers[0]}"],
        "zhao": ["/inbox?unit=110101001", f"/requests/{numbers[1]}"],
        "root": ["/users"],
    }
    found: dict[str, list[str]] = {}
    for user, paths in visits.items():
        page = open_browser(user, color_scheme=scheme, locale="en-US" if language == "en" else "zh-CN")
        for path in paths:
            page.goto(path)
            found[f"{user} {path}"] = faults(page)
            shoot(
                page, f"axe-{user}-{path.strip('/').replace('/', '-').replace('?', '-')}-{scheme}-{language}"
            )
    page = open_browser(color_scheme=scheme)
    page.goto("/login")
    page.fill("[name=user_name]", "wang")
    page.fill("[name=password]", PASSWORD + "x")
    page.click("button.primary")
    expect(page.get_by_role("alert")).to_be_visible()
    found["login"] = faults(page)
    assert {where: what for where, what in found.items() if what} == {}
