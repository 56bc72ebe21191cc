"""The event stream, spoken to as a server would: one message of ASGI at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent_console import live
from console.conftest import an_app
from console.fake_desk import FakeDesk
from hotline.errors import OutsideError
from hotline.events.bus import LocalBus

pytestmark = pytest.mark.anyio
LONG_S = 5.0


@dataclass
class Message:
    """One message of a stream as a browser reads it (WHATWG HTML, 9.2.6)."""

    id: str = ""
    event: str = "message"
    data: str = ""

    @property
    def content(self) -> Any:
        return json.loads(self.data)


@dataclass
class Stream:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    messages: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    comments: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def next(self) -> Message:
        return await asyncio.wait_for(self.messages.get(), LONG_S)

    def feed(self, text: str) -> None:
        for block in text.split("\n\n")[:-1]:
            message = Message()
            for line in block.split("\n"):
                name, _, value = line.partition(": ")
                if name in {"id", "event", "data"}:
                    setattr(message, name, value)
                self.comments += line.startswith(":")
            if message.data or message.id:
                self.messages.put_nowait(message)


@asynccontextmanager
async def listening(
    app, desk: FakeDesk, user_name: str, after: str = "", last_id: str = ""
) -> AsyncIterator[Stream]:
    token = desk.token_for(user_name)
    headers = [(b"cookie", f"hotline={token}".encode())]
    if last_id:
        headers.append((b"last-event-id", last_id.encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/events",
        "raw_path": b"/events",
        "query_string": f"after={after}".encode(),
        "root_path": "",
        "scheme": "http",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("console.test", 80),
    }
    stream, gone, is_asked = Stream(), asyncio.Event(), False

    async def receive() -> dict[str, Any]:
        nonlocal is_asked
        if not is_asked:
            is_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            stream.status = message["status"]
            pairs = message["headers"]
            stream.headers = {name.decode(): value.decode() for name, value in pairs}
            stream.begun.set()
        else:
            stream.feed(message["body"].decode())
            if not message.get("more_body"):
                stream.ended.set()

    task = asyncio.create_task(app(scope, receive, send))
    try:
        await asyncio.wait_for(stream.begun.wait(), LONG_S)
        yield stream
    finally:
        gone.set()
        before = len(app.state.console.streams.open)
        await asyncio.wait_for(task, LONG_S)
        assert len(app.state.console.streams.open) <= max(before - 1, 0), "a stream was left behind"


async def test_an_event_reaches_the_browser_as_soon_as_it_is_published(app, desk) -> None:
    async with listening(app, desk, "wang", after="0") as stream:
        number = desk.open_request()
        message = await stream.next()
        assert message.content == {"kind": "request.opened", "number": number, "unit": None}
        assert message.id == "1"
        desk.transcribe(number)
        assert (await stream.next()).content["kind"] == "request.transcribed"
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["x-accel-buffering"] == "no"


async def test_a_browser_that_was_cut_off_misses_nothing(app, desk) -> None:
    numbers = [desk.open_request() for _ in range(450)]
    async with listening(app, desk, "wang", last_id="7") as stream:
        got = [(await stream.next()).content["number"] for _ in range(443)]
    assert got == numbers[7:]


async def test_last_event_id_wins_over_the_address(app, desk) -> None:
    """A browser repeats the address when it reconnects, and only its header knows how far it came."""
    numbers = [desk.open_request() for _ in range(3)]
    async with listening(app, desk, "wang", after="0", last_id="2") as stream:
        assert (await stream.next()).content["number"] == numbers[2]


@pytest.mark.parametrize("after", ["", "x", "-1", "99999", "1" * 40, "٣"])
async def test_an_unknown_position_starts_afresh(app, desk, after) -> None:
    desk.open_request()
    async with listening(app, desk, "wang", after=after) as stream:
        message = await stream.next()
        assert (message.event, message.id) == ("resync", "1")
        number = desk.open_request()
        assert (await stream.next()).content["number"] == number


async def test_a_browser_too_far_behind_starts_afresh(app, desk) -> None:
    for _ in range(live.LONGEST_BACKLOG + 1):
        desk.open_request()
    async with listening(app, desk, "wang", after="0") as stream:
        assert (await stream.next()).event == "resync"


async def test_a_unit_hears_of_its_own_requests_only(app, desk) -> None:
    agent = desk.people["wang"].actor
    async with listening(app, desk, "street", after="0") as stream:
        mine, other = desk.open_request(), desk.open_request()
        await desk.route(agent, other, 1, "110101002", "")
        await desk.route(agent, mine, 1, "110101001", "")
        message = await stream.next()
        while message.content["kind"] != "request.routed":
            assert message.content["number"] == mine
            message = await stream.next()
        assert message.content["number"] == mine
        assert stream.messages.empty()


async def test_a_message_never_holds_what_was_said(app, desk) -> None:
    number = desk.open_request(caller="13800138000")
    desk.transcribe(number)
    async with listening(app, desk, "wang", after="0") as stream:
        for _ in range(2):
            data = (await stream.next()).data
            assert "垃圾" not in data.encode().decode("unicode_escape")
            assert "13800138000" not in data


async def test_log_out_ends_the_stream_at_once(visit, app, desk) -> None:
    browser = visit()
    async with listening(app, desk, "wang", after="0") as stream:
        token = next(iter(desk.sessions))
        browser.cookies.set("hotline", token)
        await browser.post("/logout", data={})
        assert (await stream.next()).event == "ended"
        await asyncio.wait_for(stream.ended.wait(), LONG_S)


async def test_a_session_that_ran_out_ends_the_stream_at_the_next_heartbeat(desk) -> None:
    app = an_app(desk, heartbeat_s=0.02)
    async with listening(app, desk, "wang", after="0") as stream:
        desk.sessions.clear()
        message = await stream.next()
        while message.event == "message":
            message = await stream.next()
        assert message.event == "ended"


async def test_a_changed_role_ends_the_stream(desk) -> None:
    app = an_app(desk, heartbeat_s=0.02)
    async with listening(app, desk, "wang", after="0") as stream:
        desk.add_user("wang", "unit", "110101001")
        message = await stream.next()
        while message.event == "message":
            message = await stream.next()
        assert message.event == "ended"


async def test_a_heartbeat_moves_the_browser_past_events_of_others(desk) -> None:
    app = an_app(desk, heartbeat_s=0.02)
    async with listening(app, desk, "street", after="0") as stream:
        for _ in range(3):
            desk.open_request()
        message = await stream.next()
        while message.id != "3":
            assert message.data == ""
            message = await stream.next()
        assert stream.comments > 0


async def test_a_lost_wake_up_is_only_a_delay(desk) -> None:
    app = an_app(desk, heartbeat_s=0.05)
    async with listening(app, desk, "wang", after="0") as stream:
        await stream.next()
        desk.bus._listeners.clear()  # the worst bus
        number = desk.open_request()
        message = await stream.next()
        while not message.data:
            message = await stream.next()
        assert message.content["number"] == number


async def test_a_store_that_fails_ends_the_stream_and_not_the_console(app, desk, monkeypatch) -> None:
    async with listening(app, desk, "wang", after="0") as stream:

        async def away(*_values):
            raise OutsideError("database is locked")

        monkeypatch.setattr(desk, "events_after", away)
        desk.open_request()
        await asyncio.wait_for(stream.ended.wait(), LONG_S)


async def test_a_store_that_fails_from_the_start_is_told_as_such(visit, app, desk, monkeypatch) -> None:
    async def away(*_values):
        raise OutsideError("database is locked")

    monkeypatch.setattr(desk, "newest_position", away)
    assert (await visit("wang").get("/events?after=0")).status_code == 503


async def test_browsers_with_the_same_rights_share_one_read(app, desk, monkeypatch) -> None:
    read, asked = desk.events_after, []

    async def counted(actor, position, limit=200):
        asked.append(actor.user_name)
        return await read(actor, position, limit)

    async with AsyncExitStack() as stack:
        names = ["wang", "li", "wang", "li", "street"]
        streams = [await stack.enter_async_context(listening(app, desk, name, after="0")) for name in names]
        monkeypatch.setattr(desk, "events_after", counted)
        number = desk.open_request()
        await desk.route(desk.people["li"].actor, number, 1, "110101001", "")
        for stream in streams:
            content = (await stream.next()).content
            assert content["number"] == number
        agents = [name for name in asked if name != "street"]
        assert len(agents) < 4, "four agents asked four times"
        assert "street" in asked, "a unit must never be given what was read for an agent"


async def test_a_unit_is_not_given_what_an_agent_read(app, desk) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(listening(app, desk, "wang", after="0"))
        unit = await stack.enter_async_context(listening(app, desk, "street", after="0"))
        other = await stack.enter_async_context(listening(app, desk, "other", after="0"))
        number = desk.open_request()
        await desk.route(desk.people["li"].actor, number, 1, "110101002", "")
        assert (await other.next()).content["number"] == number
        assert unit.messages.empty()


async def test_too_many_streams_are_refused(visit, app, monkeypatch) -> None:
    monkeypatch.setattr(live, "MOST_STREAMS", 0)
    answer = await visit("wang").get("/events")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_the_bus_is_listened_to_once() -> None:
    bus = LocalBus()
    desk = FakeDesk(bus)
    an_app(desk)
    assert len(bus._listeners) == 1
