"""Builders for the console's tests: a desk in memory, the application, a browser-like client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import httpx2 as httpx
import pytest
import structlog
from fastapi import FastAPI

from agent_console.web import create_app
from console.fake_desk import NOON, FakeDesk, read_tone, tone_peaks
from hotline.events.bus import LocalBus

ORIGIN = "http://console.test"
SAME_SITE = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}


def an_app(desk: FakeDesk, **options: object) -> FastAPI:
    values: dict[str, object] = {
        "site_name": "东城区 96156 服务热线", "time_zone": "Asia/Shanghai", "secure_cookies": False,
        "read_audio": read_tone, "read_peaks": tone_peaks, "at": lambda: desk.now,
    }  # fmt: skip
    return create_app(desk, desk.bus, **(values | options))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """Faults print a short trace; the default prints every local of every frame, for seconds."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, renderer])
    yield
    structlog.reset_defaults()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def desk() -> FakeDesk:
    made = FakeDesk(LocalBus())
    made.add_staff()
    made.now = NOON
    return made


@pytest.fixture
def app(desk: FakeDesk) -> FastAPI:
    return an_app(desk)


Visit = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def visit(app: FastAPI, desk: FakeDesk) -> AsyncIterator[Visit]:
    """``visit("wang")`` is wang's browser; ``visit()`` is one that nobody is logged in to."""
    clients: list[httpx.AsyncClient] = []

    def open_browser(user_name: str = "", **headers: str) -> httpx.AsyncClient:
        cookies = {"hotline": desk.token_for(user_name)} if user_name else {}
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=ORIGIN, cookies=cookies, headers=SAME_SITE | headers
        )
        clients.append(client)
        return client

    yield open_browser
    for client in clients:
        await client.aclose()
