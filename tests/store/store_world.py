"""A store on a file of its own, a clock that only moves when told, and builders of what callers leave."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from hotline.events.ids import CallId, RecordingId
from hotline.intake.ports import ClosedRecording, OfferedCall, RequestDraft, Segment, Transcript
from hotline.media.plan import Codec
from hotline.routing.district import District, KindRow, RegionRow, UnitRow
from hotline.store import Store
from tests.rules import rules

T = TypeVar("T")
SHANGHAI = ZoneInfo("Asia/Shanghai")
MORNING = datetime(2026, 11, 23, 9, 0, tzinfo=SHANGHAI)


@dataclass
class Clock:
    """Wall time that only moves when told."""

    now: datetime = MORNING

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def a_district() -> District:
    street, community = "110101005", "110101005001"
    kind = KindRow("0201", "城市管理", "环境卫生", "垃圾清运", ("垃圾",), "区环卫中心", "P2", 2, 24, "区")
    return District(
        kinds=(kind, replace(kind, code="0102", label="乱堆物料", priority="P3")),
        regions=(
            RegionRow(street, "北新桥街道", "street", None, True),
            RegionRow(community, "草园社区", "community", street, True),
        ),
        units=(
            UnitRow(street, "北新桥街道办事处", "street", "beixinqiao@dongcheng.example", street),
            UnitRow(community, "草园社区", "community", "", community),
            UnitRow("D001", "区环卫中心", "department", "huanwei@dongcheng.example", None),
        ),
        places=(),
    )


STREET, COMMUNITY, DEPARTMENT = "110101005", "110101005001", "D001"


def a_transcript(text: str = "和平里七区的垃圾桶三天没清运了", **changes: Any) -> Transcript:
    segment = Segment(0, 4000, text, text, "high", -0.2)
    return replace(Transcript(text, [segment], "high", "zh", "whisper-base"), **changes)


@dataclass
class World:
    """One store and what a test needs around it."""

    folder: Path
    url: str
    clock: Clock = field(default_factory=Clock)
    positions: list[int] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new_store(self) -> Store:
        """Open the same database once more, as another process would."""
        store = Store(self.url, self.folder / "recordings", self.clock, self.positions.append, rules=rules)
        self.stores.append(store)
        return store

    def run(self, story: Callable[[Store], Awaitable[T]]) -> T:
        """Start a store, live through a story, stop the store."""

        async def play() -> T:
            store = self.new_store()
            await store.start()
            try:
                return await story(store)
            finally:
                await store.stop()

        return asyncio.run(play())

    def a_call(self, **changes: Any) -> OfferedCall:
        call_id = CallId(f"20261123-{next(self.counter):04x}")
        call = OfferedCall(
            call_id,
            f"{call_id}@phone",
            "+8613800138000",
            "<sip:13800138000@phone>",
            "96156",
            "udp:192.0.2.7:5060",
            self.clock(),
        )
        return replace(call, **changes)

    def a_recording(self, call_id: str, n: int = 1, **changes: Any) -> ClosedRecording:
        recording_id = RecordingId(f"{call_id}-{n}")
        recording = ClosedRecording(
            recording_id,
            CallId(call_id),
            f"2026-11-23/{recording_id}.alaw",
            Codec.PCMA,
            32_000,
            3_500,
            "0" * 64,
            self.clock(),
        )
        return replace(recording, **changes)

    def a_draft(self, call_id: str, n: int = 1) -> RequestDraft:
        return RequestDraft(self.a_recording(call_id, n), "zh", for_agent=False, at=self.clock())

    async def a_request(self, store: Store, **changes: Any) -> str:
        """A resident called and left a message."""
        call = self.a_call(**changes)
        await store.open_call(call)
        await store.answer_call(call.call_id, self.clock())
        number = await store.open_request(self.a_draft(call.call_id))
        await store.close_call(call.call_id, self.clock(), "caller", ("greeting", "leave_message"))
        return number
