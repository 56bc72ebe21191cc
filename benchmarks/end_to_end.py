"""From hanging up to the request in a browser, and to its transcript.

Claim: an agent sees a new request within a second of the caller's hanging up, and what she said within a
few seconds more. Measured on the whole product in its own processes, with a real phone (baresip) and a
real browser (Chromium), both on this machine; the wall clock is read by one program only.

    python benchmarks/end_to_end.py [--calls 5]
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from playwright.sync_api import Page, sync_playwright

from examples.product import ROOT, Product
from tests.interop.site import DATA, read_wav, rows, transcribed, write_wav

CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip


def log_in(page: Page, url: str, password: str) -> None:
    page.goto(url + "/login")
    page.fill("[name=user_name]", "agent")
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/desk*")


def call(product: Product, speech: Path) -> tuple[str, float]:
    """Leave a request and hang up; return the call's id and when the BYE was seen."""
    after = len(product.log)
    phone = threading.Thread(
        target=subprocess.run,
        args=(
            [
                sys.executable, "-m", "tests.interop.baresip_phone",
                "--server", f"127.0.0.1:{product.sip_port}",
                "--speak", str(speech), "--press", "1:1", "--finish", "hang-up",
            ],
        ),
        kwargs={"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL},
    )  # fmt: skip
    phone.start()
    left = product.wait_for("sip event", within_s=90, after=after, kind="CallEnded")
    at = time.monotonic()
    threading.Thread(target=phone.join).start()
    return str(left["call_id"]), at


def measure(calls: int) -> dict[str, list[float]]:
    seen: dict[str, list[float]] = {"request in the browser": [], "transcript on the request": []}
    password = secrets.token_urlsafe(12)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        speech = write_wav(Path(folder) / "speech.wav", read_wav(DATA / "aishell_3.wav"))
        product = Product(Path(folder) / "site")
        for name, role in (("boss", "admin"), ("agent", "agent")):
            product.run("user", "add", name, "--role", role, text_in=password + "\n")
        product.start()
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS
        )
        try:
            page = browser.new_page()
            log_in(page, product.console_url, password)
            for _ in range(calls):
                before = page.locator("[data-number]").count()
                call_id, left_at = call(product, speech)
                while page.locator("[data-number]").count() == before:
                    time.sleep(0.005)
                seen["request in the browser"].append(time.monotonic() - left_at)
                assert rows(product, "select number from service_requests where call_id = ?", call_id)
                transcribed(product, call_id)
                seen["transcript on the request"].append(time.monotonic() - left_at)
        finally:
            browser.close()
            product.stop()
    return seen


def main() -> int:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--calls", type=int, default=5)
    for what, values in measure(arguments.parse_args().calls).items():
        print(
            f"hang-up → {what}: median {statistics.median(values):.2f} s, worst {max(values):.2f} s "
            f"({len(values)} calls)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
