"""A desk in memory: the same door as the real one, small enough to read, for tests of the console."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from hotline.desk.desk import Desk
from hotline.desk.live_talks import LiveTalk, LiveTalks, TalkGuest
from hotline.desk.neighbours import Hotspot, Neighbours, SimilarRequest
from hotline.desk.search import Searches
from hotline.desk.views import (
    Actor,
    HistoryLine,
    KindChoice,
    NoticeView,
    OrderView,
    RecordingFile,
    RecordingView,
    RequestLine,
    RequestPage,
    SegmentView,
    TalkLevels,
    TalkView,
    UnitChoice,
    VoiceView,
)
from hotline.errors import Refused
from hotline.events import record
from hotline.events.bus import LocalBus
from hotline.events.record import Event
from hotline.routing.suggestion import Suggestion
from hotline.search.asked import Asked
from hotline.tickets.number import compose

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
PASSWORD = "a quiet afternoon"
UNITS = (
    UnitChoice("110101001", "东华门街道", "street", "donghuamen@example.org"),
    UnitChoice("110101002", "景山街道", "street", ""),
    UnitChoice("110101001001", "多福巷社区", "community", "duofu@example.org"),
    UnitChoice("D001", "区城市管理委员会", "department", "chengguan@example.org"),
)
KINDS = (
    KindChoice("0201", "垃圾清运与暴露垃圾", "市容环境 › 环境卫生"),
    KindChoice("0302", "路灯不亮", "公用设施 › 照明"),
    KindChoice("0501", "噪声扰民", "生态环境 › 噪声"),
)
SUGGESTIONS = (
    Suggestion("kind", "0201", "垃圾清运与暴露垃圾", 0.91, "提到“垃圾桶”“清运”", "垃圾桶"),
    Suggestion("kind", "0501", "噪声扰民", 0.22, "提到“吵”", "吵"),
    Suggestion("region", "110101001", "东华门街道", 0.83, "“东华门大街”在东华门街道", "东华门大街"),
    Suggestion(
        "place", "东华门大街12号", "东华门大街12号", 0.8, "听到“东华门大街十二号”", "东华门大街十二号"
    ),
    Suggestion("unit", "110101001", "东华门街道", 0.79, "垃圾清运由属地街道承办", ""),
)
SEGMENTS = (
    SegmentView(0, 3200, "你好，我住在东华门大街12号。", "你好我住在东华门大街十二号", "high"),
    SegmentView(
        3200,
        7400,
        "楼下的垃圾桶已经三天没有清运了，味道很大。",
        "楼下的垃圾桶已经三天没有清运了味道很大",
        "mid",
    ),
    SegmentView(7400, 9000, "麻烦你们尽快处理一下。", "麻烦你们尽快处理一下", "low"),
    SegmentView(9000, 9900, "", "", "none"),
)
RECORDING_S = 10.0
RATE_HZ = 8000


def read_tone(file: RecordingFile, first_sample: int, last_sample: int) -> bytes:
    """Play 440 Hz, and 550 to the right: each sample tells its own place, so that a range can be checked."""
    samples = [
        round(8000 * math.sin(2 * math.pi * hertz * n / RATE_HZ))
        for n in range(first_sample, last_sample)
        for hertz in (440, 550)[: file.channels]
    ]
    return struct.pack(f"<{len(samples)}h", *samples)


def tone_peaks(file: RecordingFile) -> bytes:
    """Draw two people who speak in turns."""
    length = int(RECORDING_S * 10)
    sides = [
        [round(abs(110 * math.sin(n * 0.9))) * ((n // 17 + side) % 2 == 0) for n in range(length)]
        for side in range(file.channels)
    ]
    pairs = b"".join(struct.pack("bb", -value, value) for side in sides for value in side)
    return struct.pack("<BBHI", 1, len(sides), 800, length) + pairs


@dataclass
class _Request:
    line: RequestLine
    caller: str
    text: str = ""
    edited_text: str = ""
    kind_code: str = ""
    region_code: str = ""
    segments: Sequence[SegmentView] = ()
    suggestions: Sequence[Suggestion] = ()
    orders: list[OrderView] = field(default_factory=list)
    history: list[HistoryLine] = field(default_factory=list)


@dataclass
class _User:
    actor: Actor
    password: str


class FakeMeter:
    """Two readings, then the talk is over."""

    def __init__(self, desk: FakeDesk) -> None:
        self._desk, self._left = desk, [TalkLevels(-20.0, None), TalkLevels(-31.5, -42.0)]

    async def levels(self) -> TalkLevels | None:
        return self._left.pop(0) if self._left else None

    def close(self) -> None:
        self._desk.meters_closed += 1


class _FakeSearch:
    """What the store finds: all words in text or place, and the chosen state and unit."""

    def __init__(self, desk: FakeDesk) -> None:
        self.desk = desk

    async def search(self, unit: str | None, asked: Asked, *, limit: int) -> Sequence[RequestLine]:
        found = []
        for number, request in sorted(self.desk.requests.items(), reverse=True):
            text = f"{request.text}{request.edited_text}{request.line.place}"
            if (
                all(phrase.words[0] in text for phrase in asked.phrases)
                and asked.state in {"", request.line.state}
                and asked.phone.removeprefix("+86") in request.caller
                and (not asked.before or number < asked.before)
                and (unit is None or any(order.unit_code == unit for order in request.orders))
            ):
                found.append(request.line)
        return found[:limit]


class _FakeNeighbours:
    """What the store finds: requests of the same kind; hotspots that a test has put there."""

    def __init__(self, desk: FakeDesk) -> None:
        self.desk = desk

    async def similar_requests(self, unit: str | None, number: str) -> Sequence[SimilarRequest]:
        own = self.desk.requests.get(number)
        return [
            SimilarRequest(request.line, 0.8, "同类诉求；同一天")
            for other, request in sorted(self.desk.requests.items())
            if own and unit is None and other != number and request.kind_code == own.kind_code != ""
        ][:3]

    async def hotspots(self, *, limit: int) -> Sequence[Hotspot]:
        return self.desk.hotspots[:limit]


LIVE_TALK = LiveTalk("c1", "in", "96156", "13800138000", "1001")


class FakeCalls:
    """One talk, between a caller and the agent wang."""

    def __init__(self) -> None:
        self.talk: LiveTalk | None = LIVE_TALK
        self.asked: list[tuple[str, ...]] = []
        self.refuses = False

    def talks(self) -> list[LiveTalk]:
        return [self.talk] if self.talk is not None else []

    def talk_of(self, user_name: str) -> LiveTalk | None:
        return self.talk if user_name == "wang" else None

    def supervise(self, user_name: str, call_id: str, part: str) -> None:
        if self.refuses:
            raise Refused("you have no telephone", code="phone")
        if self.talk is None or call_id != self.talk.call_id:
            raise Refused("no such talk", code="missing")
        self.asked.append((user_name, call_id, part))
        self.talk = replace(self.talk, guests=(TalkGuest("1009", part, user_name, is_there=False),))

    def leave(self, user_name: str, call_id: str) -> None:
        self.asked.append((user_name, call_id, "leave"))
        self.talk = LIVE_TALK

    def invite(self, user_name: str, number: str) -> None:
        self.talk = replace(LIVE_TALK, guests=(TalkGuest(number, "member", user_name, is_there=True),))

    def dismiss(self, user_name: str, number: str) -> None:
        self.asked.append((user_name, number, "dismiss"))
        self.talk = LIVE_TALK


class FakeDesk(Desk):
    """The desk's actions on dictionaries."""

    def __init__(self, bus: LocalBus | None = None) -> None:
        self.bus = bus or LocalBus()
        self.people: dict[str, _User] = {}
        self.sessions: dict[str, str] = {}
        self.requests: dict[str, _Request] = {}
        self.events: list[Event] = []
        self.now = NOON
        self.listened: list[str] = []
        self.talk_now: TalkView | None = None
        self.meters_closed = 0
        self.talks: set[str] = set()
        """Numbers of requests whose recordings hold both sides."""
        self.voices: list[VoiceView] = []
        """How good the voices of each request's call were."""
        self.mail_error = ""
        self.live_talks = LiveTalks()
        self.searches = Searches(_FakeSearch(self))
        self.neighbours = Neighbours(_FakeNeighbours(self))
        self.hotspots: list[Hotspot] = []

    # -- what tests do --------------------------------------------------------------------------
    def add_user(
        self, user_name: str, role: str, unit_code: str | None = None, name: str = "", language: str = "zh"
    ) -> Actor:
        actor = Actor(user_name, name or user_name, role, unit_code, language)
        self.people[user_name] = _User(actor, PASSWORD)
        return actor

    def add_staff(self) -> None:
        self.add_user("wang", "agent", name="王芳")
        self.add_user("li", "agent", name="李静")
        self.add_user("zhao", "supervisor", name="赵敏")
        self.add_user("street", "unit", "110101001", name="东华门 刘工")
        self.add_user("other", "unit", "110101002", name="景山 陈工")
        self.add_user("root", "admin", name="管理员")

    def token_for(self, user_name: str) -> str:
        token = f"token-of-{user_name}-{len(self.sessions)}"
        self.sessions[token] = user_name
        return token

    def open_request(
        self, number: str = "", caller: str = "13800138000", *, for_agent: bool = False, priority: str = "P3"
    ) -> str:
        number = number or compose(date(2026, 11, 23), len(self.requests) + 1)
        line = RequestLine(
            number=number, state="accepted", priority=priority, opened_at=self.now, caller=caller,
            kind_label="", place="", unit_name="", excerpt="", transcript_state="waiting",
            for_agent=for_agent, version=1,
        )  # fmt: skip
        self.requests[number] = _Request(line, caller)
        self._happened(record.REQUEST_OPENED, number, "caller")
        return number

    def transcribe(
        self,
        number: str,
        segments: Sequence[SegmentView] = SEGMENTS,
        suggestions: Sequence[Suggestion] = SUGGESTIONS,
    ) -> None:
        request = self.requests[number]
        request.segments, request.suggestions = segments, suggestions
        request.text = "".join(segment.text for segment in segments)
        self._change(
            request, excerpt=request.text[:60], transcript_state="done", kind_label=request.line.kind_label
        )
        self._happened(record.REQUEST_TRANSCRIBED, number)

    def fail_transcript(self, number: str) -> None:
        self._change(self.requests[number], transcript_state="failed")
        self._happened(record.REQUEST_NOT_TRANSCRIBED, number)

    def send_mail(self, number: str, state: str = "sent", error: str = "") -> None:
        request = self.requests[number]
        request.orders = [
            replace(
                order,
                notices=[
                    replace(n, state=state, attempts=n.attempts + 1, last_error=error) for n in order.notices
                ],
            )
            for order in request.orders
        ]
        self._happened(
            {"sent": record.NOTICE_SENT, "failed": record.NOTICE_FAILED}.get(state, record.NOTICE_DELAYED),
            number,
        )

    def _change(self, request: _Request, **values: object) -> None:
        request.line = replace(request.line, version=request.line.version + 1, **values)  # type: ignore[arg-type]

    def _happened(
        self,
        kind: str,
        number: str | None,
        actor: str = "system",
        unit: str | None = None,
        payload: Mapping[str, object] | None = None,
    ) -> None:
        event = Event(len(self.events) + 1, self.now, kind, None, number, unit, actor, payload or {})
        self.events.append(event)
        if number:
            self.requests[number].history.append(HistoryLine(self.now, kind, actor, event.payload))
        self.bus.publish(event.position)

    # -- who is there ---------------------------------------------------------------------------
    async def log_in(self, user_name: str, password: str, remote: str) -> str:
        user = self.people.get(user_name)
        if user is None or user.password != password:
            raise Refused("wrong", code="login")
        return self.token_for(user_name)

    async def who(self, token: str) -> Actor | None:
        user = self.people.get(self.sessions.get(token, ""))
        return user.actor if user else None

    async def log_out(self, token: str) -> None:
        self.sessions.pop(token, None)

    async def set_language(self, actor: Actor, language: str) -> None:
        user = self.people[actor.user_name]
        user.actor = replace(user.actor, language=language)

    async def users(self, actor: Actor) -> Sequence[Actor]:
        if actor.role != "admin":
            raise Refused("not your role", code="role")
        return [user.actor for user in self.people.values()]

    async def create_user(
        self,
        actor: Actor,
        user_name: str,
        display_name: str,
        password: str,
        role: str,
        *,
        unit_code: str | None = None,
        language: str = "zh",
    ) -> None:
        await self.users(actor)
        if len(password) < 10 or not user_name or (role == "unit") != bool(unit_code):
            raise Refused("not so", code="input")
        if user_name in self.people:
            raise Refused("taken", code="state")
        self.add_user(user_name, role, unit_code, display_name, language)

    # -- requests -------------------------------------------------------------------------------
    def _may_read(self, actor: Actor, request: _Request) -> bool:
        return actor.role != "unit" or any(order.unit_code == actor.unit_code for order in request.orders)

    def _line(self, actor: Actor, request: _Request) -> RequestLine:
        if actor.role in {"supervisor", "admin"} and request.caller:
            return replace(request.line, caller=request.caller[:3] + "****" + request.caller[-4:])
        return request.line

    async def queue(
        self, actor: Actor, *, state: str = "", before: str = "", limit: int = 50
    ) -> Sequence[RequestLine]:
        lines = [
            self._line(actor, request) for request in self.requests.values() if self._may_read(actor, request)
        ]
        lines = [
            line
            for line in lines
            if (not state or line.state == state) and (not before or line.number < before)
        ]
        return sorted(lines, key=lambda line: line.number, reverse=True)[:limit]

    async def line(self, actor: Actor, number: str) -> RequestLine | None:
        request = self.requests.get(number)
        return self._line(actor, request) if request and self._may_read(actor, request) else None

    async def request(self, actor: Actor, number: str) -> RequestPage:
        request = self.requests.get(number)
        if request is None or not self._may_read(actor, request):
            raise Refused("no such request", code="missing")
        may = {
            "agent": {"edit", "route", "play"},
            "unit": {"sign", "contact", "reply"},
            "supervisor": {"play"},
        }
        others = [
            r for r in self.requests.values() if r.caller == request.caller and r is not request and r.caller
        ]
        return RequestPage(
            line=self._line(actor, request), text=request.text, edited_text=request.edited_text,
            kind_code=request.kind_code, region_code=request.region_code, segments=request.segments,
            suggestions=request.suggestions,
            recordings=[RecordingView(
                    f"call-{number}-1", request.line.opened_at, RECORDING_S, False, number in self.talks
                )
            ],
            orders=list(request.orders), history=list(request.history), earlier=[r.line for r in others],
            called="96156", language="zh", may=frozenset(may.get(actor.role, set())), voices=self.voices,
        )  # fmt: skip

    def _held(self, actor: Actor, number: str, version: int) -> _Request:
        if actor.role != "agent":
            raise Refused("not your role", code="role")
        request = self.requests.get(number)
        if request is None:
            raise Refused("no such request", code="missing")
        if request.line.version != version:
            raise Refused("changed meanwhile", code="stale")
        return request

    async def edit(
        self,
        actor: Actor,
        number: str,
        version: int,
        *,
        kind_code: str,
        region_code: str,
        place: str,
        text: str,
    ) -> None:
        request = self._held(actor, number, version)
        kinds = {kind.code: kind.label for kind in KINDS}
        if kind_code and kind_code not in kinds:
            raise Refused("no such kind", code="input")
        request.kind_code, request.region_code, request.edited_text = kind_code, region_code, text
        self._change(request, kind_label=kinds.get(kind_code, ""), place=place)
        self._happened(record.REQUEST_EDITED, number, actor.user_name)

    async def route(self, actor: Actor, number: str, version: int, unit_code: str, note: str) -> None:
        request = self._held(actor, number, version)
        unit = next((unit for unit in UNITS if unit.code == unit_code), None)
        if unit is None:
            raise Refused("no such unit", code="input")
        order_id = sum(len(r.orders) for r in self.requests.values()) + 1
        request.orders = [replace(order, state="returned") for order in request.orders]
        notice = NoticeView(
            order_id,
            "email",
            unit.email,
            "queued" if unit.email else "failed",
            0,
            "" if unit.email else "no address",
            self.now,
        )
        request.orders.append(
            OrderView(
                order_id,
                number,
                unit.code,
                unit.name,
                "lead",
                "dispatched",
                note,
                "",
                self.now,
                actor.display_name,
                [notice],
            )
        )
        self._change(request, state="dispatched", unit_name=unit.name)
        self._happened(record.REQUEST_ROUTED, number, actor.user_name, unit.code)

    async def units(self, actor: Actor) -> Sequence[UnitChoice]:
        return UNITS

    async def kinds(self, actor: Actor) -> Sequence[KindChoice]:
        return KINDS

    async def recording(self, actor: Actor, recording_id: str) -> RecordingFile:
        number = self._hearable(actor, recording_id)
        self.listened.append(f"{actor.user_name} {recording_id}")
        self._happened(record.RECORDING_PLAYED, number, actor.user_name)
        return self._file(number)

    async def recording_shape(self, actor: Actor, recording_id: str) -> RecordingFile:
        return self._file(self._hearable(actor, recording_id))

    def talk(self, actor: Actor) -> TalkView | None:
        return self.talk_now

    def follow_talk(self, actor: Actor) -> FakeMeter | None:
        return FakeMeter(self) if self.talk_now is not None else None

    def pause_recording(self, actor: Actor, reason: str) -> None:
        if self.talk_now is None or reason != "number":
            raise Refused("you are in no talk that is recorded", code="state")
        self.talk_now = TalkView(self.talk_now.call_id, is_paused=True)

    def resume_recording(self, actor: Actor) -> None:
        if self.talk_now is None:
            raise Refused("you are in no talk that is recorded", code="state")
        self.talk_now = TalkView(self.talk_now.call_id, is_paused=False)

    def _hearable(self, actor: Actor, recording_id: str) -> str:
        number = recording_id.removeprefix("call-").removesuffix("-1")
        request = self.requests.get(number)
        if actor.role in {"admin", "unit"}:
            raise Refused("no voices for administrators and units", code="role")
        if request is None or not self._may_read(actor, request):
            raise Refused("no such recording", code="missing")
        return number

    def _file(self, number: str) -> RecordingFile:
        samples = int(RECORDING_S * RATE_HZ)
        if number in self.talks:
            return RecordingFile("/nowhere.alaw", ".alaw", samples, "/nowhere.far.alaw", ".alaw", samples)
        return RecordingFile("/nowhere.alaw", ".alaw", samples)

    # -- a unit's side --------------------------------------------------------------------------
    async def inbox(self, actor: Actor, unit_code: str = "") -> Sequence[OrderView]:
        if actor.role == "admin":
            raise Refused("not your role", code="role")
        code = actor.unit_code or unit_code
        return [
            order for request in self.requests.values() for order in request.orders if order.unit_code == code
        ]

    def _order(self, actor: Actor, order_id: int, state: str) -> tuple[_Request, OrderView]:
        if actor.role != "unit":
            raise Refused("not your role", code="role")
        for request in self.requests.values():
            for order in request.orders:
                if order.order_id == order_id and order.unit_code == actor.unit_code:
                    if order.state != state:
                        raise Refused("wrong state", code="state")
                    return request, order
        raise Refused("no such order", code="missing")

    def _set_order(self, request: _Request, order: OrderView, **values: object) -> None:
        changed = replace(order, **values)  # type: ignore[arg-type]
        request.orders = [changed if other.order_id == order.order_id else other for other in request.orders]

    async def sign(self, actor: Actor, order_id: int) -> None:
        request, order = self._order(actor, order_id, "dispatched")
        self._set_order(request, order, state="signed")
        self._change(request, state="signed")
        self._happened(record.ORDER_SIGNED, order.number, actor.user_name, order.unit_code)

    async def begin(self, actor: Actor, order_id: int) -> None:
        request, order = self._order(actor, order_id, "signed")
        self._set_order(request, order, state="in_progress")
        self._change(request, state="in_progress")
        self._happened(record.REQUEST_MOVED, order.number, actor.user_name, order.unit_code)

    async def reply(self, actor: Actor, order_id: int, text: str, outcome: str = "solved") -> None:
        request, order = self._order(actor, order_id, "in_progress")
        self._set_order(request, order, state="done", reply=text)
        self._change(request, state="replied")
        self._happened(record.ORDER_REPLIED, order.number, actor.user_name, order.unit_code)

    # -- what changed ---------------------------------------------------------------------------
    async def events_after(self, actor: Actor, position: int, limit: int = 200) -> Sequence[Event]:
        known = []
        for event in self.events[position:]:
            request = self.requests.get(event.request_number or "")
            if actor.role != "unit" or (request and self._may_read(actor, request)):
                known.append(event)
        return known[:limit]

    async def newest_position(self) -> int:
        return len(self.events)


def a_busy_desk(bus: LocalBus | None = None) -> FakeDesk:
    """A desk with staff and a handful of requests in different states."""
    desk = FakeDesk(bus)
    desk.add_staff()
    desk.now = NOON - timedelta(minutes=48)
    for _ in range(3):
        desk.transcribe(desk.open_request())
        desk.now += timedelta(minutes=7)
    return desk
