"""A real Chromium against the served console: one server thread, one browser, a fresh desk each test."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from console.conftest import an_app
from console.fake_desk import PASSWORD, FakeDesk

from agent_console.serve import RunningConsole, serve
from hotline.events.bus import LocalBus

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
)

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
SCREENSHOTS = Path("var/screenshots")
PATIENCE_MS = 20_000
"""Whole products of other tests, and a recogniser, share the two cores."""
# Notes when each row came, by the page's own clock, which is this machine's.
WATCH_ROWS = """() => {
  window.sameLoad = true
  window.seen = {}
  new MutationObserver(() => {
    const rows = document.querySelectorAll('tr[data-number]')
    for (const row of rows) window.seen[row.dataset.number] ??= Date.now()
  }).observe(document.getElementById('queue'), { childList: true })
}"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.interop)
            if CHROMIUM is None:
                item.add_marker(
                    pytest.mark.skip(reason="no chromium found (apt install chromium fonts-noto-cjk)")
                )


def shoot(page: Any, name: str) -> None:
    """Keep a picture of the page for whoever wants to look at it."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", caret="initial")


class Stand:
    """A console that is being served, and the desk behind it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, desk: FakeDesk, console: RunningConsole) -> None:
        self.loop, self.desk, self.console = loop, desk, console
        self.url = f"http://localhost:{console.port}"

    def do(self, action: Callable[..., Any], *values: Any, **named: Any) -> Any:
        """Run something on the server's loop, where the desk lives."""

        async def run() -> Any:
            result = action(*values, **named)
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)


@pytest.fixture(scope="session")
def server_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def stand(server_loop: asyncio.AbstractEventLoop) -> Iterator[Stand]:
    desk = FakeDesk(LocalBus())
    desk.add_staff()

    async def start() -> RunningConsole:
        return await serve(an_app(desk), "127.0.0.1", 0)

    made = Stand(server_loop, desk, asyncio.run_coroutine_threadsafe(start(), server_loop).result(10))
    yield made
    asyncio.run_coroutine_threadsafe(made.console.stop(), server_loop).result(10)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for one module: Playwright keeps a loop in this thread, and other modules want theirs."""
    sync_api.expect.set_options(timeout=PATIENCE_MS)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


class Browsers:
    """Browsers of several people on one console; each has its own cookies, and no script may fail in any."""

    def __init__(self, chromium: Any, url: str) -> None:
        self._chromium, self._url = chromium, url
        self._contexts: list[Any] = []
        self.faults: list[str] = []

    def __call__(self, user_name: str = "", password: str = PASSWORD, **options: Any) -> Any:
        """Open one; with a name, its owner logs in by the form."""
        settings = {"locale": "zh-CN", "viewport": {"width": 1440, "height": 900}, "base_url": self._url}
        context = self._chromium.new_context(**(settings | options))
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._note)
        if user_name:
            page.goto("/login")
            page.fill("[name=user_name]", user_name)
            page.fill("[name=password]", password)
            page.click("button.primary")
            page.wait_for_url(re.compile("/(desk|inbox)$"))
        return page

    def close(self) -> None:
        """Close them all, and tell whether a script failed."""
        for context in self._contexts:
            context.close()
        # A refused form answers 409 or 422, which Chromium logs as an error of its own.
        own = [fault for fault in self.faults if "status of 4" not in fault]
        assert own == [], own

    def _note(self, line: Any) -> None:
        if line.type == "error":
            self.faults.append(f"{line.text} {line.location}")


@pytest.fixture
def open_browser(chromium: Any, stand: Stand) -> Iterator[Browsers]:
    """``open_browser("wang")`` logs wang in by the form and gives her page."""
    browsers = Browsers(chromium, stand.url)
    yield browsers
    browsers.close()
