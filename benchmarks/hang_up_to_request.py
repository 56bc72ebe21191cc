"""From the caller's hanging up to her request in an agent's browser.

Claim: it stands there within a second, without reloading. Measured with a real browser (Chromium).

    python benchmarks/hang_up_to_request.py [--calls 5]
"""

from __future__ import annotations

import shutil
import sys
import time

from _whole_product import PASSWORD, a_product, call, number_of_calls, tell
from playwright.sync_api import sync_playwright

CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip


def main() -> int:
    waited = []
    with a_product() as (product, speech), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS
        )
        page = browser.new_page()
        page.goto(product.console_url + "/login")
        page.fill("[name=user_name]", "agent")
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url("**/desk*")
        lines = page.locator("[data-number]")
        for _ in range(number_of_calls()):
            before = lines.count()
            _, left_at = call(product, speech)
            while lines.count() == before:
                time.sleep(0.005)
            waited.append(time.monotonic() - left_at)
        browser.close()
    return tell("request in the browser", waited, claim_s=1.0)


if __name__ == "__main__":
    sys.exit(main())
