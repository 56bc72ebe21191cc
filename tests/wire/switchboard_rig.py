"""A switchboard on a bench, with a fake edge, media plane, journal and directory."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from structlog.testing import capture_logs
from twisted.internet.task import Clock

from hotline.call.destinations import Found, NoDirectory, Shown
from hotline.events.ids import CallId, RecordingId, RequestNumber
from hotline.intake.ports import LegNote, OfferedCall, RequestDraft, RequestStatus
from hotline.media.plan import (
    Codec,
    DigitPressed,
    MediaCommand,
    MediaFailed,
    OpenPort,
    Play,
    PortOpened,
    PromptEnded,
    Record,
    RecordingClosed,
)
from hotline.sip.dialling import DialOrder
from hotline.sip.events import CallConfirmed, CallEnded
from hotline.wire.switchboard import Switchboard
from tests.call.call_rig import CALL, FLOW, NUMBER, an_arrival

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)


class FakeAgent:
    """A user agent that only remembers; what it answers can be set."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.accepts = True
        self.fault: Exception | None = None
        self.is_answered = False
        self.orders: dict[CallId, DialOrder] = {}

    def accept(self, call_id: CallId, ip: str, port: int, now: float) -> bool:
        if self.fault is not None:
            raise self.fault
        if not self.accepts:  # the offer does not fit: as the real one, it tells the end at once
            self._world.board.on_sip(CallEnded(call_id, "refused"))
            return False
        self._world.did.append(f"200 {ip}:{port}")
        self.is_answered = True
        return True

    def refuse(self, call_id: CallId, status: int, now: float) -> bool:
        self._world.did.append(str(status))
        return True

    def hang_up(self, call_id: CallId, now: float) -> bool:
        self._world.did.append("BYE")
        return True

    def is_offered(self, call_id: CallId) -> bool:
        return not self.is_answered

    def sip_call_id(self, call_id: CallId) -> str:
        return f"{call_id}@house" if call_id in self.orders else ""

    def dial(self, order: DialOrder, now: float) -> tuple[str, ...]:
        self.orders[order.call_id] = order
        self._world.did.append(f"INVITE {order.call_id}")
        return tuple(f"{order.call_id}-{n}@house" for n, _ in enumerate(order.branches))

    def progress(self, call_id: CallId, status: int, now: float, ip: str, port: int) -> bool:
        self._world.did.append(f"{status} {ip}:{port}" if port else str(status))
        return True

    def send_key(self, call_id: CallId, key: str, now: float) -> bool:
        self._world.did.append(f"INFO {call_id} {key}")
        return True

    def transfer_progress(self, call_id: CallId, status: int, now: float) -> bool:
        self._world.did.append(f"NOTIFY {status}")
        return True

    def notify_talk(self, call_id: CallId, now: float) -> bool:
        self._world.did.append(f"NOTIFY talk {call_id}")
        return True


class FakeEdge:
    def __init__(self, world: World) -> None:
        self._world = world
        self.agent = FakeAgent(world)

    def act(self, action: Callable[[Any, float], Any]) -> Any:
        return action(self.agent, self._world.clock.seconds())


class FakeMedia:
    def __init__(self, world: World) -> None:
        self._world = world
        self.sent: list[MediaCommand] = []

        self.failure: MediaFailed | None = None

    def open_port(self, command: OpenPort, beside: Iterable[CallId] = ()) -> PortOpened | MediaFailed:
        self.send(command)
        ports = [one.call_id for one in self.sent if isinstance(one, OpenPort)]
        return self.failure or PortOpened(command.call_id, "198.51.100.1", 15998 + 2 * len(ports))

    def send(self, command: MediaCommand) -> None:
        self.sent.append(command)
        self._world.did.append(type(command).__name__)


class FakeJournal:
    """Writes at once, or when its gate is opened, or fails as often as it is told to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.gate = asyncio.Event()
        self.gate.set()
        self.faults: dict[str, list[Exception]] = {}
        self.drafts: list[RequestDraft] = []
        self.ended: list[tuple[str, Sequence[str]]] = []
        self.offered: list[OfferedCall] = []
        self.legs: list[LegNote] = []

    async def _write(self, what: str) -> None:
        await self.gate.wait()
        if self.faults.get(what):
            self._world.did.append(f"{what} failed")
            raise self.faults[what].pop(0)
        self._world.did.append(what)

    async def open_call(self, call: OfferedCall, *, is_awaited: bool = True) -> None:
        await self._write("open_call")
        self.offered.append(call)

    async def answer_call(self, call_id: CallId, at: datetime) -> None:
        await self._write("answer_call")

    async def close_call(self, call_id: CallId, at: datetime, cause: str, path: Sequence[str]) -> None:
        await self._write("close_call")
        self.ended.append((cause, path))

    async def note_leg(self, note: LegNote) -> None:
        await self._write(f"leg {note.what}")
        self.legs.append(note)

    async def open_request(self, draft: RequestDraft) -> RequestNumber:
        await self._write("open_request")
        self.drafts.append(draft)
        return NUMBER

    async def request_status(self, number: str) -> RequestStatus | None:
        await self._write("request_status")
        return RequestStatus(RequestNumber(number), "signed", "东四街道")


class FakeDirectory(NoDirectory):
    """Finds what it was told it would."""

    def __init__(self) -> None:
        self.found = Found((), 480)
        self.asked: list[tuple[tuple[str, ...], str]] = []

    def is_user(self, name: str) -> bool:
        return len(name) == 4

    def find(
        self,
        to: Sequence[str],
        shown: Shown,
        now: float,
        *,
        acting: str = "",
        answers_itself: bool = False,
        but: Sequence[str] = (),
    ) -> Found:
        self.asked.append((tuple(to), acting))
        return self.found


class World:
    """One switchboard, one call, and what was done in which order."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.did: list[str] = []
        self.edge, self.media, self.journal = FakeEdge(self), FakeMedia(self), FakeJournal(self)
        self.directory = FakeDirectory()
        self.board = Switchboard(
            clock=self.clock,
            sip=self.edge,  # type: ignore[arg-type]
            media=self.media,  # type: ignore[arg-type]
            journal=self.journal,
            flow=lambda _called: FLOW,
            wall=lambda: NOON + timedelta(seconds=self.clock.seconds()),
            directory=self.directory,
            is_ours=lambda called: called == "96156",
        )

    async def settle(self) -> None:
        """Let what can run on the loop run."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def wait(self, seconds: float) -> None:
        """Let time pass, in steps that no timer of interest is shorter than."""
        until = self.clock.seconds() + seconds
        while self.clock.seconds() < until:
            self.clock.advance(min(0.25, until - self.clock.seconds()))
            await self.settle()

    async def arrive(self, **changes: object) -> None:
        self.board.on_sip(an_arrival(**changes))
        await self.settle()

    async def talk(self, **changes: object) -> None:
        """Bring a call to where the greeting plays."""
        await self.arrive(**changes)
        self.board.on_sip(CallConfirmed(CALL))
        await self.settle()

    def press(self, key: str) -> None:
        self.board.on_media(DigitPressed(CALL, key))

    def end_prompt(self) -> None:
        played = [command for command in self.media.sent if isinstance(command, Play)]
        self.board.on_media(PromptEnded(CALL, played[-1].tag))

    async def record(self) -> RecordingId:
        """Bring a call that hears a menu or a record step to where it records."""
        self.end_prompt()
        self.end_prompt()
        await self.settle()
        return next(c.recording_id for c in reversed(self.media.sent) if isinstance(c, Record))

    async def close_recording(self, recording_id: RecordingId, speech_ms: int = 4000) -> None:
        path = f"2026-11-23/{recording_id}.alaw"
        self.board.on_media(RecordingClosed(CALL, recording_id, path, Codec.PCMA, 40000, speech_ms, "00"))
        await self.settle()


def in_a_world(test: Callable[[World], Awaitable[None]]) -> Callable[[], None]:
    """Run a test's coroutine with a world; nothing may be left running, and no bug in the log unnoticed."""

    @functools.wraps(test)
    def run() -> None:
        async def body() -> None:
            with capture_logs() as logs:
                world = World()
                await test(world)
            bugs = [line for line in logs if line["event"] == "switchboard.bug"]
            assert len(bugs) == getattr(world, "bugs", 0), bugs

        asyncio.run(body())

    del run.__wrapped__  # type: ignore[attr-defined] - pytest would look for a fixture called world
    return run
