"""The server starts on the loop that runs, tells its port, and stops although browsers listen."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

import agent_console
from agent_console.serve import serve
from hotline.errors import ConfigError

VENDOR = Path(agent_console.__file__).parent / "static" / "vendor"


async def ask(port: int, path: str, *, cookie: str = "") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"GET {path} HTTP/1.1", "Host: console.test", f"Cookie: hotline={cookie}", "", ""]
    writer.write("\r\n".join(lines).encode())
    await writer.drain()
    return reader, writer


@pytest.mark.anyio
async def test_a_served_console_answers_and_stops_with_streams_open(app, desk) -> None:
    console = await serve(app, "127.0.0.1", 0)
    reader, writer = await ask(console.port, "/events?after=0", cookie=desk.token_for("wang"))
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert b" 200 " in head
    assert b"server:" not in head.lower()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.wait_for(console.stop(), 5)
    assert loop.time() - began < 1.0, "an open stream held the server up"
    await asyncio.wait_for(reader.read(), 5)
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", console.port)


@pytest.mark.anyio
async def test_a_taken_port_is_named_with_its_remedy(app) -> None:
    first = await serve(app, "127.0.0.1", 0)
    try:
        with pytest.raises(ConfigError) as caught:
            await serve(app, "127.0.0.1", first.port)
        assert str(first.port) in caught.value.message
        assert "[console] port" in caught.value.message
    finally:
        await first.stop()


@pytest.mark.anyio
async def test_an_address_that_is_not_ours_is_named(app) -> None:
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1"):
        await serve(app, "192.0.2.1", 0)


def test_what_was_vendored_is_what_the_list_says() -> None:
    listed = json.loads((VENDOR / "vendor.json").read_text())
    assert {path.name for path in VENDOR.glob("*.js")} == set(listed)
    for name, entry in listed.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == entry["sha256"], name
        assert entry["version"] in name
        assert (VENDOR / entry["licence_file"]).read_text().startswith("Zero-Clause BSD")
