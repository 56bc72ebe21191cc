"""Events to the browsers: one stream per browser (WHATWG HTML, 9.2 Server-sent events).

The bus only wakes a stream; what happened is read from the event table by position, as the person
may know it. So nothing is queued per browser: a slow one is behind and reads on later, or is told to
start afresh (``resync``) when it is too far behind. Each message has its position as ``id``, and a
browser that was cut off resumes with ``Last-Event-ID``.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hotline.desk.desk import Desk
from hotline.desk.views import Actor
from hotline.errors import OutsideError
from hotline.events.bus import Bus
from hotline.events.record import Event

HEARTBEAT_S: Final = 15.0
"""Seconds between signs of life; proxies cut a silent connection after 30 to 60 s."""
LONGEST_BACKLOG: Final = 1000
"""Events; a browser further behind reloads its page, which is cheaper than the events are."""
PAGE: Final = 200
STUCK_S: Final = 30.0
"""Seconds that a browser may take to accept some bytes before its stream is ended."""
RETRY_MS: Final = 2000
MOST_STREAMS: Final = 1000
MOST_READS_KEPT: Final = 64
"""Answers of the event table that streams may share; each holds a page at most."""
_log = structlog.get_logger("agent_console")


def encode(events: Sequence[Event]) -> bytes:
    """Write events as messages of a stream: what changed, never its content."""
    parts = []
    for event in events:
        data = json.dumps({"kind": event.kind, "number": event.request_number, "unit": event.unit_code})
        parts.append(f"id: {event.position}\ndata: {data}\n\n")
    return "".join(parts).encode()


class Streams:
    """All open streams of the console."""

    def __init__(self, desk: Desk, bus: Bus, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self.desk, self.heartbeat_s = desk, heartbeat_s
        self.open: set[EventStream] = set()
        self.closing = False
        self.newest = 0
        """Newest position that we heard of."""
        self._reads: OrderedDict[tuple[object, ...], asyncio.Task[Sequence[Event]]] = OrderedDict()
        bus.subscribe(self._wake_all)

    def _wake_all(self, position: int) -> None:
        self.newest = max(self.newest, position)
        for stream in self.open:
            stream.wake.set()

    async def look(self) -> None:
        """Ask the event table itself how far it is; the bus may lose a wake-up."""
        self.newest = max(self.newest, await self.desk.newest_position())

    async def events_after(self, actor: Actor, position: int) -> Sequence[Event]:
        """Read a page of events, once for all streams that stand at the same place with the same rights.

        Who may know of an event depends on role and unit alone (hotline.desk.policy), and fifty
        agents that are woken together ask the same question: reading it fifty times would cost the
        loop a tenth of a second for each event.
        """
        key = (actor.role, actor.unit_code, position, self.newest)
        read = self._reads.get(key)
        if read is None:
            read = self._reads[key] = asyncio.ensure_future(self.desk.events_after(actor, position, PAGE))
            while len(self._reads) > MOST_READS_KEPT:
                self._reads.popitem(last=False)
        try:
            return await asyncio.shield(read)
        except OutsideError:
            self._reads.pop(key, None)
            raise

    def is_full(self) -> bool:
        """Tell whether another stream would be too much."""
        return len(self.open) >= MOST_STREAMS

    def end_session(self, token: str) -> None:
        """End the streams of a session that has just been closed."""
        for stream in self.open:
            if stream.token == token:
                stream.is_over = True
                stream.wake.set()

    def close(self) -> None:
        """End all streams, because the server stops; the browsers come back by themselves."""
        self.closing = True
        self._wake_all(0)


class EventStream(Response):
    """One browser's stream, as an answer that never ends by itself."""

    def __init__(self, streams: Streams, actor: Actor, token: str, position: int | None) -> None:
        super().__init__(
            media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        del self.headers["content-length"]
        self._streams, self._desk, self._actor, self.token = streams, streams.desk, actor, token
        self._position = position
        self.wake = asyncio.Event()
        self.is_over = False
        """The session has ended."""
        self._is_gone = False
        """The browser has gone."""

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until the browser, the session or the server ends it.

        :raises OutsideError: before anything was sent.
        """
        await self._streams.look()
        watch = asyncio.ensure_future(self._watch(receive))
        self._streams.open.add(self)
        self._send = send
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._body(f"retry: {RETRY_MS}\n\n".encode())
            await self._run()
            if not self._is_gone:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            pass  # the browser went while we wrote: TimeoutError and Starlette's disconnect are OSErrors
        finally:
            self._streams.open.discard(self)
            watch.cancel()

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._is_gone = True
        self.wake.set()

    async def _body(self, body: bytes) -> None:
        async with asyncio.timeout(STUCK_S):
            await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + self._streams.heartbeat_s
        while True:
            self.wake.clear()
            if self._is_gone or self._streams.closing:
                return
            if self.is_over:
                await self._body(b"event: ended\ndata: {}\n\n")
                return
            try:
                if loop.time() >= beat_at:
                    await self._streams.look()
                await self._catch_up()
                if loop.time() >= beat_at:
                    beat_at = loop.time() + self._streams.heartbeat_s
                    await self._beat()
            except OutsideError as error:
                _log.warning("console.stream_cut", error=str(error))
                return
            try:
                async with asyncio.timeout_at(beat_at):
                    await self.wake.wait()
            except TimeoutError:
                continue

    async def _catch_up(self) -> None:
        newest, position = self._streams.newest, self._position
        if position is None or position > newest or newest - position > LONGEST_BACKLOG:
            # Unknown, from before the store was restored, or too long ago.
            await self._body(f"id: {newest}\nevent: resync\ndata: {{}}\n\n".encode())
            self._position = newest
            return
        while True:
            events = await self._streams.events_after(self._actor, position)
            if not events:
                break
            await self._body(encode(events))
            position = self._position = events[-1].position
            if len(events) < PAGE:
                break
        # What lies between was not for this person, so she needs not ask for it again.
        self._position = max(position, newest)

    async def _beat(self) -> None:
        actor = await self._desk.who(self.token)
        if actor is None or (actor.role, actor.unit_code) != (self._actor.role, self._actor.unit_code):
            self.is_over = True
            self.wake.set()
            return
        # A message without data sets the browser's Last-Event-ID and is not shown to its scripts.
        await self._body(f": alive\nid: {self._position}\n\n".encode())
