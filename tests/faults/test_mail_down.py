"""With the mail server down a request is routed all the same; one letter arrives when it is back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from examples.demo import Browser, MailCatcher, RequestPage
from examples.product import Product, free_port
from hotline.app import open_store
from hotline.events.ids import CallId, RecordingId
from hotline.intake.ports import ClosedRecording, OfferedCall, RequestDraft
from hotline.media.plan import Codec
from hotline.settings import read_settings
from hotline.wire.reactor import wall_now
from tests.interop.site import rows, wait_until

pytestmark = pytest.mark.interop

PASSWORD = "long-enough-for-a-test"


def settings_of(product: Product) -> Any:
    return read_settings("", product.environment, file="test")


async def open_request(product: Product) -> str:
    """Leave a request as a call would."""
    async with open_store(settings_of(product), load=True) as (store, _desk):
        call_id, at = CallId("20261123-1200-abc"), wall_now()
        await store.open_call(OfferedCall(call_id, "x", "+8613800138000", "", "96156", "udp:127.0.0.1:1", at))
        recording = ClosedRecording(
            RecordingId(f"{call_id}-1"), call_id, "2026-11-23/none.alaw", Codec.PCMA, 8000, 900, "0" * 64, at
        )
        return str(await store.open_request(RequestDraft(recording, "zh", for_agent=False, at=at)))


def route(product: Product, number: str) -> None:
    """Route it in the console, as an agent would."""
    browser = Browser(product.console_url)
    browser.post("/login", user_name="agent", password=PASSWORD)
    page = RequestPage(browser.get(f"/requests/{number}"))
    (unit,) = rows(product, "select code from organisations where kind = 'street' and email != '' limit 1")
    browser.post(
        f"/requests/{number}/route",
        **{**page.fields, "unit_code": unit["code"], "note": "", "kind_code": "0102", "text": "门口堆了砖头"},
    )


def test_the_letter_goes_out_once_when_the_mail_server_is_back(tmp_path: Path) -> None:
    port = free_port()
    product = Product(tmp_path / "site", mail__host="127.0.0.1", mail__port=port, speech__workers=0)
    for name, role in (("boss", "admin"), ("agent", "agent")):
        product.run("user", "add", name, "--role", role, text_in=PASSWORD + "\n")
    number = asyncio.run(open_request(product))
    product.start()
    mail = MailCatcher(port)
    try:
        route(product, number)
        delayed = wait_until(
            lambda: rows(product, "select * from notices where state = 'delayed'"), "the first try", 20
        )
        assert delayed[0]["last_error"]
        (request,) = rows(product, "select * from service_requests")
        assert request["state"] == "dispatched"

        mail.start()
        wait_until(lambda: rows(product, "select * from notices where state = 'sent'"), "the letter", 60)
        time.sleep(2)  # a second letter would be on its way by now
        assert len(mail.letters) == 1
        assert number in mail.letters[0]["Subject"]
    finally:
        product.stop()
        mail.stop()
