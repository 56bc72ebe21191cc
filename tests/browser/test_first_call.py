"""A call from the first ring to the street's inbox: nothing is ours but the product.

A real phone dials the running product, two agents and the street's clerk watch in real browsers, and a
mail server catches the letter.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import WATCH_ROWS, Browsers, shoot
from examples.demo import MailCatcher
from examples.product import ROOT, Product
from tests.interop.site import DATA, read_wav, write_wav

pytest.importorskip("baresip", reason="baresip-python is not installed (pip install -e '.[test]')")
pytest.importorskip("faster_whisper", reason="faster-whisper is not installed (pip install -e .)")

PASSWORD = secrets.token_urlsafe(12)
STREET, STREET_CODE, STREET_MAIL = "北新桥街道办事处", "110101005", "street-005@dongcheng.example"
"""The street that tests/data/speech/request_1.wav speaks of."""
SPOKEN = "北新桥街道草园社区"
SHOWN_S = 10.0
"""Latest time from the caller's BYE to her request on the screen; idle machines need some 0.1 s."""
TRANSCRIBED_MS = 60_000
"""Two cores, busy with other tests, recognise these six seconds in some ten."""


@pytest.fixture
def mail() -> Iterator[MailCatcher]:
    made = MailCatcher()
    yield made
    made.stop()


@pytest.fixture
def product(tmp_path: Path, mail: MailCatcher) -> Iterator[Product]:
    made = Product(tmp_path / "site", mail__host="127.0.0.1", mail__port=mail.start())
    for name, role, shown, *unit in (
        ("boss", "admin", "管理员"),
        ("wang", "agent", "王芳"),
        ("li", "agent", "李静"),
        ("clerk", "unit", "北新桥 刘工", "--unit", STREET_CODE),
    ):
        made.run("user", "add", name, "--role", role, "--shown-as", shown, *unit, text_in=PASSWORD + "\n")
    made.is_verbose = True  # or the log would not tell of the BYE
    made.start()
    try:
        yield made
    finally:
        made.stop()


@contextmanager
def calling(product: Product, speech: Path) -> Iterator[subprocess.Popen[str]]:
    """Have a phone dial, press 1, speak after the beep and hang up."""
    phone = subprocess.Popen(
        [
            sys.executable, "-m", "tests.interop.baresip_phone",
            "--server", f"127.0.0.1:{product.sip_port}", "--caller", "13800138000",
            "--speak", str(speech), "--press", "1:1", "--finish", "hang-up",
        ],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield phone
    finally:
        if phone.poll() is None:
            phone.kill()
        phone.communicate()


def left_at(product: Product) -> float:
    """Wait until the caller has hung up; tell when, by this machine's clock."""
    line = product.wait_for("sip.event", within_s=60, kind="CallEnded")
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def watch(page: Page) -> None:
    expect(page.locator("#lamp")).to_have_attribute("data-state", "live")
    page.evaluate(WATCH_ROWS if page.locator("#queue").count() else "() => { window.sameLoad = true }")


def assert_not_reloaded(page: Page) -> None:
    assert page.evaluate("window.sameLoad") is True


def assert_plays(page: Page) -> None:
    """The recording moves on, and so does the mark on its words."""
    audio, clock = page.locator("audio"), page.locator(".player .at")
    page.keyboard.press("p")
    expect(clock).to_have_text("0:01")
    first = audio.evaluate("a => a.currentTime")
    expect(clock).to_have_text("0:02")
    assert first + 0.5 < audio.evaluate("a => a.currentTime") < audio.evaluate("a => a.duration")
    expect(page.locator(".segment.now")).to_have_count(1)


def test_a_call_becomes_a_request_that_reaches_the_street(
    chromium: Any, product: Product, mail: MailCatcher, tmp_path: Path
) -> None:
    browsers = Browsers(chromium, product.console_url)
    wang, li, clerk = (browsers(name, PASSWORD) for name in ("wang", "li", "clerk"))
    for page in (wang, li, clerk):
        watch(page)
    expect(wang.locator("#empty")).to_be_visible()

    speech = write_wav(tmp_path / "speech.wav", read_wav(DATA / "request_1.wav"))
    with calling(product, speech) as phone:
        hung_up_at = left_at(product)
        row = wang.locator("tr[data-number]")
        expect(row).to_have_count(1)
        number = str(row.get_attribute("data-number"))
        assert phone.wait(20) == 0
    shown_s = wang.evaluate(f"window.seen['{number}']") / 1000 - hung_up_at
    print(f"hanging up → request on the screen: {shown_s:.3f} s")
    assert 0 < shown_s < SHOWN_S
    expect(row).to_contain_text("138****8000")
    expect(row).to_contain_text("待研判")
    shoot(wang, "call-1-arrived")
    # its transcript follows, for both agents
    for page in (wang, li):
        expect(page.locator(f"#r-{number} q")).to_contain_text(SPOKEN, timeout=TRANSCRIBED_MS)
        assert_not_reloaded(page)
    shoot(wang, "call-2-transcribed")

    wang.keyboard.press("j")
    wang.keyboard.press("Enter")
    wang.wait_for_url(f"**/requests/{number}")
    watch(wang)
    expect(wang.locator(".segment .words").first).to_contain_text(SPOKEN)
    assert_plays(wang)
    shoot(wang, "call-3-heard")
    wang.keyboard.press("p")

    expect(wang.locator("#suggest-unit [data-best]")).to_have_attribute("data-value", STREET_CODE)
    wang.keyboard.press("a")
    expect(wang.locator("#unit")).to_have_value(STREET)
    shoot(wang, "call-4-decided")
    wang.keyboard.press("Control+Enter")
    expect(wang.locator("#flash")).to_contain_text(f"已派单至{STREET}")
    # everybody who may know it sees it at once, and nobody had to reload
    expect(li.locator(f"#r-{number}")).to_contain_text("已派单")
    expect(li.locator(f"#r-{number}")).to_contain_text(STREET)
    expect(clerk.locator("#orders")).to_contain_text(number)
    expect(clerk.locator("#orders")).to_contain_text(SPOKEN)
    expect(clerk.get_by_role("button", name="签收")).to_be_visible()
    expect(wang.locator("#orders")).to_contain_text("邮件已发出", timeout=15_000)
    for page in (wang, li, clerk):
        assert_not_reloaded(page)
    letter = mail.wait()
    assert len(mail.letters) == 1
    assert STREET_MAIL in str(letter["To"])
    assert number in str(letter["Subject"])
    shoot(wang, "call-5-sent")
    shoot(li, "call-5-colleague")
    shoot(clerk, "call-5-street")
    browsers.close()
