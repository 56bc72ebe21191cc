"""The desk on the real store: what an agent and a unit do, in one transaction each."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from store_world import COMMUNITY, DEPARTMENT, STREET, World, a_transcript

from hotline.desk.desk import Desk
from hotline.desk.views import Actor
from hotline.errors import Refused
from hotline.events.outbox import MAIL
from hotline.events.record import (
    NOTICE_FAILED,
    NOTICE_QUEUED,
    ORDER_RETURNED,
    ORDER_SIGNED,
    RECORDING_PLAYED,
    REQUEST_EDITED,
    REQUEST_MOVED,
    REQUEST_ROUTED,
    USER_LOGIN_REFUSED,
)
from hotline.routing.suggestion import KIND, PLACE, PRIORITY, UNIT, Suggestion
from hotline.store import Store
from hotline.store.tables import SuggestionRow
from hotline.tickets.service_request import Given

PASSWORD = "correct horse 7 battery"
AGENT = Actor("li", "李话务员", "agent", None, "zh")
LEADER = Actor("zhang", "张值班长", "shift_leader", None, "zh")
SUPERVISOR = Actor("boss", "王督查", "supervisor", None, "zh")
ADMIN = Actor("root1", "管理员", "admin", None, "zh")
STREET_USER = Actor("bxq", "北新桥", "unit", STREET, "zh")
OTHER_USER = Actor("hw", "环卫", "unit", DEPARTMENT, "zh")
NOTHING_DECIDED = {"kind_code": "", "region_code": "", "place": "", "text": ""}


class PlainPasswords:
    """Hashes nothing, so that tests do not wait for a slow hash."""

    async def hash(self, password: str) -> str:
        return f"plain:{password}"

    async def verify(self, password_hash: str, password: str) -> bool:
        return password_hash == f"plain:{password}"


def a_desk(world: World, store: Store) -> Desk:
    tokens = itertools.count(1)
    return Desk(store, PlainPasswords(), lambda: f"token-{next(tokens)}", world.clock)


def desk_story(world: World, story: Callable[[Desk, Store], Awaitable[None]]) -> None:
    """Live through a story with the usual people at their desks."""

    async def play(store: Store) -> None:
        desk = a_desk(world, store)
        for person in (AGENT, LEADER, SUPERVISOR, ADMIN, STREET_USER, OTHER_USER):
            await desk.add_user(
                person.user_name, person.display_name, PASSWORD, person.role, person.unit_code
            )
        await story(desk, store)

    world.run(play)


async def send(desk: Desk, number: str, unit: str, note: str = "") -> None:
    """Decide what a request is about, where nobody has, and send it to a unit."""
    page = await desk.request(AGENT, number)
    if not page.kind_code:
        decided = {"kind_code": "0201", "region_code": "", "place": "", "text": page.text or "垃圾桶满了"}
        await desk.edit(AGENT, number, page.line.version, **decided)
    await desk.route(AGENT, number, (await desk.line(AGENT, number)).version, unit, note)


async def finish(desk: Desk, actor: Actor, order_id: int, text: str = "已清运") -> None:
    """Sign, speak with the caller, reply."""
    await desk.sign(actor, order_id)
    await desk.begin(actor, order_id)
    await desk.reply(actor, order_id, text)


async def kinds_of(store: Store, number: str) -> list[str]:
    events = await store.events_after(0)
    return [event.kind for event in events if event.request_number == number]


def some_suggestions() -> list[Suggestion]:
    return [
        Suggestion(KIND, "0102", "乱堆物料", 0.3, "提到“堆”"),
        Suggestion(KIND, "0201", "垃圾清运", 0.9, "提到“垃圾桶”", "垃圾桶"),
        Suggestion(PLACE, "和平里七区", "和平里七区", 0.8, "提到地名"),
        Suggestion(UNIT, DEPARTMENT, "区环卫中心", 0.7, "目录"),
        Suggestion(PRIORITY, "P1", "紧急", 0.9, "提到“着火”"),
    ]


async def transcribed(world: World, store: Store, **changes: Any) -> str:
    number = await world.a_request(store, **changes)
    (job,) = await store.claim("transcribe", limit=1, lease_s=60)
    await store.save_transcript(job.id, number, a_transcript(), some_suggestions())
    return number


def test_new_request_shows_up_in_the_queue(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        first = await world.a_request(store)
        second = await world.a_request(store)
        lines = await desk.queue(AGENT)
        assert [line.number for line in lines] == [second, first]
        assert lines[0].caller == "138****8000"
        assert (lines[0].transcript_state, lines[0].excerpt, lines[0].version) == ("waiting", "", 1)
        assert [line.number for line in await desk.queue(AGENT, before=second)] == [first]
        assert len(await desk.queue(AGENT, limit=1)) == 1
        assert await desk.queue(AGENT, state="dispatched") == []

    desk_story(world, story)


def test_transcript_brings_text_suggestions_and_priority(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await transcribed(world, store)
        page = await desk.request(AGENT, number)
        assert page.text == "和平里七区的垃圾桶三天没清运了"
        assert (page.line.kind_label, page.line.place, page.line.priority) == ("垃圾清运", "和平里七区", "P1")
        assert [s.value for s in page.suggestions if s.field == KIND] == ["0201", "0102"]
        assert page.segments[0].confidence == "high"
        assert page.line.transcript_state == "done"
        assert page.recordings[0].length_s == 4.0
        assert page.line.version == 2

    desk_story(world, story)


def test_failed_transcript_says_listen(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        (job,) = await store.claim("transcribe", limit=1, lease_s=60)
        await store.fail_transcript(job.id, number, "three times in vain")
        assert (await desk.request(AGENT, number)).line.transcript_state == "failed"
        assert await store.next_due_s("transcribe") is None

    desk_story(world, story)


def test_second_transcript_of_a_request_changes_nothing(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await transcribed(world, store)
        await store.save_transcript(1, number, a_transcript("别的"), [])
        page = await desk.request(AGENT, number)
        assert page.text == "和平里七区的垃圾桶三天没清运了"
        assert page.line.version == 2

    desk_story(world, story)


def test_routing_is_order_event_and_letter_at_once(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await transcribed(world, store)
        await desk.edit(
            AGENT, number, 2, kind_code="0201", region_code=STREET, place="和平里七区", text="垃圾桶满了"
        )
        await desk.route(AGENT, number, 3, DEPARTMENT, "请今天处理")
        page = await desk.request(AGENT, number)
        assert (page.line.state, page.line.unit_name, page.line.version) == ("dispatched", "区环卫中心", 5)
        (order,) = page.orders
        assert (order.unit_code, order.part, order.state, order.note) == (
            DEPARTMENT,
            "lead",
            "dispatched",
            "请今天处理",
        )
        assert order.routed_by == "李话务员"
        assert [(n.state, n.address) for n in order.notices] == [("queued", "huanwei@dongcheng.example")]
        (job,) = await store.claim(MAIL, limit=5, lease_s=60)
        assert job.payload == {"notice_id": order.notices[0].notice_id}
        assert (await kinds_of(store, number))[-4:] == [
            REQUEST_EDITED,
            REQUEST_MOVED,
            REQUEST_ROUTED,
            NOTICE_QUEUED,
        ]
        letter = await store.letter(order.notices[0].notice_id)
        assert letter is not None
        assert (letter.caller, letter.text, letter.kind_label) == ("+8613800138000", "垃圾桶满了", "垃圾清运")
        assert (letter.region_name, letter.place, letter.priority) == ("北新桥街道", "和平里七区", "P1")
        assert (letter.transcript_confidence, letter.is_co, letter.routed_by) == ("high", False, "李话务员")

    desk_story(world, story)


def test_accepted_suggestions_are_remembered(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await transcribed(world, store)
        await desk.edit(AGENT, number, 2, kind_code="0102", region_code="", place="和平里七区", text="")
        await desk.route(AGENT, number, 3, STREET, "")

        def accepted(session: Any) -> dict[tuple[str, str], bool | None]:
            rows = session.query(SuggestionRow).filter_by(number=number)
            return {(row.field, row.value): row.accepted for row in rows}

        assert await store.read(accepted) == {
            (KIND, "0201"): False,
            (KIND, "0102"): True,
            (PLACE, "和平里七区"): True,
            (UNIT, DEPARTMENT): False,
            (PRIORITY, "P1"): None,
        }

    desk_story(world, story)


def test_unit_without_an_address_gets_its_order_all_the_same(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        await send(desk, number, COMMUNITY)
        page = await desk.request(AGENT, number)
        (notice,) = page.orders[0].notices
        assert (page.line.state, notice.state, notice.last_error) == ("dispatched", "failed", "no address")
        assert await store.next_due_s(MAIL) is None
        assert (await kinds_of(store, number))[-1] == NOTICE_FAILED

    desk_story(world, story)


def test_a_granted_return_takes_the_request_from_the_unit(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        await send(desk, number, STREET)
        (first_job,) = await store.claim(MAIL, limit=5, lease_s=60)
        version = (await desk.line(AGENT, number)).version
        await desk.move(STREET_USER, number, version, "request_return", Given(reason="不是街道的"))
        with pytest.raises(Refused) as refused:  # an agent does not decide on it
            await desk.move(AGENT, number, version + 1, "grant_return")
        assert refused.value.code == "role"
        await desk.move(LEADER, number, version + 1, "grant_return")
        assert (await desk.line(AGENT, number)).unit_name == ""
        await send(desk, number, DEPARTMENT, "请环卫处理")
        page = await desk.request(AGENT, number)
        assert [(o.unit_code, o.state) for o in page.orders] == [
            (DEPARTMENT, "dispatched"),
            (STREET, "returned"),
        ]
        assert page.orders[1].notices[0].state == "failed"
        assert await store.letter(page.orders[1].notices[0].notice_id) is None
        # The mail worker that held the first letter comes back late: nothing changes.
        await store.notice_delayed(first_job, page.orders[1].notices[0].notice_id, "timeout", 5)
        assert [job.payload for job in await store.claim(MAIL, limit=5, lease_s=60)] == [
            {"notice_id": page.orders[0].notices[0].notice_id}
        ]
        with pytest.raises(Refused) as refused:
            await desk.request(STREET_USER, number)
        assert refused.value.code == "missing"
        returned = [e for e in await desk.events_after(STREET_USER, 0) if e.kind == ORDER_RETURNED]
        assert len(returned) == 1
        assert "不是街道的" in [line.said for line in page.history]

    desk_story(world, story)


def test_a_dispatched_request_cannot_be_taken_to_another_unit(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        await send(desk, number, STREET)
        for unit in (STREET, DEPARTMENT):
            with pytest.raises(Refused) as refused:
                await send(desk, number, unit)
            assert refused.value.code == "state"
        assert len((await desk.request(AGENT, number)).orders) == 1

    desk_story(world, story)


def test_a_draft_without_kind_or_words_is_not_accepted(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        with pytest.raises(Refused, match="accept needs: kind, text") as refused:
            await desk.route(AGENT, number, 1, STREET, "")
        assert refused.value.code == "input"
        assert (await desk.line(AGENT, number)).state == "draft"

    desk_story(world, story)


def test_decision_on_an_old_version_is_refused(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await transcribed(world, store)
        for act in (
            desk.edit(AGENT, number, 1, kind_code="0201", region_code="", place="", text=""),
            desk.route(AGENT, number, 1, STREET, ""),
        ):
            with pytest.raises(Refused) as refused:
                await act
            assert refused.value.code == "stale"
        assert (await desk.request(AGENT, number)).orders == []

    desk_story(world, story)


@pytest.mark.parametrize(
    ("decision", "unit_code"),
    [
        ({"kind_code": "9999"}, ""),
        ({"region_code": "1"}, ""),
        ({"text": "长" * 20_000}, ""),
        ({}, "D999"),
        ({}, ""),
    ],
)
def test_unknown_values_are_refused(world: World, decision: dict[str, str], unit_code: str) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        act = (
            desk.edit(AGENT, number, 1, **{**NOTHING_DECIDED, **decision})
            if decision
            else desk.route(AGENT, number, 1, unit_code, "")
        )
        with pytest.raises(Refused) as refused:
            await act
        assert refused.value.code == "input"

    desk_story(world, story)


def test_unit_signs_and_replies(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        await send(desk, number, STREET)
        (order,) = await desk.inbox(STREET_USER)
        with pytest.raises(Refused) as refused:
            await desk.reply(STREET_USER, order.order_id, "先回复")
        assert refused.value.code == "state"
        await desk.sign(STREET_USER, order.order_id)
        assert (await desk.line(AGENT, number)).state == "signed"
        await desk.begin(STREET_USER, order.order_id)
        assert (await desk.line(AGENT, number)).state == "in_progress"
        await desk.reply(STREET_USER, order.order_id, "已清运")
        (done,) = await desk.inbox(STREET_USER)
        assert (done.state, done.reply) == ("done", "已清运")
        status = await store.request_status(number)
        assert (status.state, status.unit_name) == ("replied", "北新桥街道办事处")
        with pytest.raises(Refused):
            await desk.sign(STREET_USER, order.order_id)

    desk_story(world, story)


def test_inbox_lists_open_orders_first(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        numbers = [await world.a_request(store) for _ in range(3)]
        for number in numbers:
            await send(desk, number, STREET)
        newest = (await desk.inbox(STREET_USER))[0]
        assert newest.number == numbers[2]
        await finish(desk, STREET_USER, newest.order_id)
        assert [order.number for order in await desk.inbox(STREET_USER)] == [
            numbers[1],
            numbers[0],
            numbers[2],
        ]
        assert await desk.inbox(AGENT) == await desk.inbox(AGENT, STREET)
        assert await desk.inbox(AGENT, DEPARTMENT) == []

    desk_story(world, story)


def test_unit_knows_of_no_other_units_work(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        mine, other = await world.a_request(store), await world.a_request(store)
        await send(desk, mine, STREET)
        await send(desk, other, DEPARTMENT)
        assert [line.number for line in await desk.queue(STREET_USER)] == [mine]
        assert await desk.line(STREET_USER, other) is None
        (order,) = await desk.inbox(OTHER_USER)
        with pytest.raises(Refused) as refused:
            await desk.sign(STREET_USER, order.order_id)
        assert refused.value.code == "missing"
        with pytest.raises(Refused) as refused:
            await desk.inbox(STREET_USER, DEPARTMENT)
        assert refused.value.code == "role"
        events = await desk.events_after(STREET_USER, 0)
        assert {event.unit_code for event in events} == {STREET}
        assert (await desk.request(STREET_USER, mine)).earlier == []
        assert [line.number for line in (await desk.request(AGENT, mine)).earlier] == [other]

    desk_story(world, story)


def test_number_is_full_for_those_who_call_back(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)

        async def seen_by(actor: Actor) -> str:
            return (await desk.request(actor, number)).line.caller

        assert await seen_by(AGENT) == "+8613800138000"
        assert await seen_by(SUPERVISOR) == "138****8000"
        assert await seen_by(ADMIN) == "138****8000"
        await send(desk, number, STREET)
        assert await seen_by(AGENT) == "138****8000"
        assert await seen_by(STREET_USER) == "+8613800138000"
        (order,) = await desk.inbox(STREET_USER)
        await finish(desk, STREET_USER, order.order_id)
        assert await seen_by(STREET_USER) == "138****8000"

    desk_story(world, story)


def test_withheld_number_is_shown_to_nobody(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store, withheld=True)
        await world.a_request(store, withheld=True)
        page = await desk.request(AGENT, number)
        assert (page.line.caller, page.earlier) == ("", [])
        await send(desk, number, STREET)
        (order,) = await desk.inbox(STREET_USER)
        letter = await store.letter(order.notices[0].notice_id)
        assert letter.caller == ""

    desk_story(world, story)


def test_listening_is_noted_once(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        recording_id = (await desk.request(AGENT, number)).recordings[0].recording_id
        for _ in range(3):  # a player asks for stretches
            file = await desk.recording(AGENT, recording_id)
        assert (file.suffix, file.length_bytes) == (".alaw", 32_000)
        assert file.path == str(world.folder / "recordings" / f"2026-11-23/{recording_id}.alaw")
        await desk.recording(SUPERVISOR, recording_id)
        world.clock.advance(3600)
        await desk.recording(AGENT, recording_id)
        assert (await kinds_of(store, number)).count(RECORDING_PLAYED) == 3
        with pytest.raises(Refused) as refused:
            await desk.recording(AGENT, "../../etc/passwd")
        assert refused.value.code == "missing"

    desk_story(world, story)


def test_allowed_actions_follow_role_and_state(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        assert (await desk.request(AGENT, number)).may == {"edit", "route", "play"}
        assert (await desk.request(SUPERVISOR, number)).may == {"play"}
        assert (await desk.request(ADMIN, number)).may == frozenset()
        await send(desk, number, STREET)
        assert (await desk.request(STREET_USER, number)).may == {"sign"}
        (order,) = await desk.inbox(STREET_USER)
        await desk.sign(STREET_USER, order.order_id)
        assert (await desk.request(STREET_USER, number)).may == {"contact"}
        await desk.begin(STREET_USER, order.order_id)
        assert (await desk.request(STREET_USER, number)).may == {"reply"}
        assert (await desk.request(AGENT, number)).may == {"play"}

    desk_story(world, story)


def test_choices_come_from_the_districts_files(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        assert [(u.code, u.kind) for u in await desk.units(AGENT)] == [
            (STREET, "street"),
            (DEPARTMENT, "department"),
            (COMMUNITY, "community"),
        ]
        assert [(k.code, k.group) for k in await desk.kinds(AGENT)][1] == ("0201", "城市管理 › 环境卫生")

    desk_story(world, story)


def test_first_administrator_is_made_once(world: World) -> None:
    async def story(store: Store) -> None:
        desk = a_desk(world, store)
        assert await desk.needs_set_up()
        await desk.set_up("Chief", "站长", PASSWORD)
        assert not await desk.needs_set_up()
        with pytest.raises(Refused):
            await desk.set_up("other", "别人", PASSWORD)
        token = await desk.log_in("chief", PASSWORD, "127.0.0.1")
        assert (await desk.who(token)).role == "admin"

    world.run(story)


def test_session_ends_after_a_shift(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        token = await desk.log_in("li", PASSWORD, "127.0.0.1")
        for _ in range(11):
            world.clock.advance(3600)
            assert await desk.who(token) == AGENT
        world.clock.advance(3600)
        assert await desk.who(token) is None

    desk_story(world, story)


def test_session_ends_when_nobody_uses_it(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        token = await desk.log_in("li", PASSWORD, "127.0.0.1")
        world.clock.advance(8 * 3600 - 1)
        assert await desk.who(token) == AGENT
        world.clock.advance(8 * 3600)
        assert await desk.who(token) is None

    desk_story(world, story)


def test_logged_out_token_opens_nothing(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        token = await desk.log_in("li", PASSWORD, "127.0.0.1")
        await desk.log_out(token)
        await desk.log_out(token)
        assert await desk.who(token) is None
        assert await desk.who("") is None
        assert await desk.who("token-\udcff") is None

    desk_story(world, story)


def test_token_itself_is_not_stored(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        token = await desk.log_in("li", PASSWORD, "127.0.0.1")
        assert token.encode() not in (world.folder / "hotline.sqlite3-wal").read_bytes()

    desk_story(world, story)


def test_wrong_password_is_refused_and_told_to_administrators_only(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        for name in ("li", "nobody", "x" * 500):
            with pytest.raises(Refused, match="user name or password is wrong") as refused:
                await desk.log_in(name, "wrong", "192.0.2.1")
            assert refused.value.code == "login"
        assert sum(e.kind == USER_LOGIN_REFUSED for e in await desk.events_after(ADMIN, 0)) == 3
        assert not any(e.kind == USER_LOGIN_REFUSED for e in await desk.events_after(AGENT, 0))

    desk_story(world, story)


def test_guessing_is_slowed_down(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        for _ in range(5):
            with pytest.raises(Refused, match="wrong"):
                await desk.log_in("li", "guess", "192.0.2.1")
        with pytest.raises(Refused, match="too many"):
            await desk.log_in("li", PASSWORD, "192.0.2.1")
        assert await desk.log_in("li", PASSWORD, "192.0.2.2")
        world.clock.advance(15 * 60)
        assert await desk.log_in("li", PASSWORD, "192.0.2.1")

    desk_story(world, story)


def test_language_is_remembered(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        token = await desk.log_in("li", PASSWORD, "127.0.0.1")
        await desk.set_language(AGENT, "en")
        assert (await desk.who(token)).language == "en"
        with pytest.raises(Refused):
            await desk.set_language(AGENT, "fr")

    desk_story(world, story)


def test_administrator_adds_people(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        await desk.create_user(ADMIN, "zhao", "赵", PASSWORD, "unit", unit_code=COMMUNITY)
        assert [user.user_name for user in await desk.users(ADMIN)][-1] == "zhao"
        with pytest.raises(Refused, match="taken"):
            await desk.create_user(ADMIN, "zhao", "赵", PASSWORD, "agent")
        with pytest.raises(Refused, match="no unit"):
            await desk.create_user(ADMIN, "qian", "钱", PASSWORD, "unit", unit_code="D999")
        with pytest.raises(Refused) as refused:
            await desk.create_user(AGENT, "sun", "孙", PASSWORD, "admin")
        assert refused.value.code == "role"

    desk_story(world, story)


def test_signing_event_reaches_the_hotline(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        await send(desk, number, STREET)
        start = await desk.newest_position()
        (order,) = await desk.inbox(STREET_USER)
        await desk.sign(STREET_USER, order.order_id)
        (event,) = await desk.events_after(AGENT, start)
        assert (event.kind, event.request_number, event.actor) == (ORDER_SIGNED, number, "bxq")

    desk_story(world, story)


HOSTILE = [
    "",
    "\x00",
    "\ud800",
    "'; DROP TABLE events; --",
    "<script>",
    "9" * 400,
    "-1",
    "２６",
    "../..",
    "％",
]


def test_hostile_input_is_refused_and_nothing_else(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        await send(desk, number, STREET)

        async def attempt(act: Awaitable[Any]) -> None:
            try:
                await act
            except Refused:
                return

        for text in HOSTILE:
            await attempt(desk.queue(AGENT, before=text))
            await attempt(desk.queue(AGENT, state=text))
            await attempt(desk.line(AGENT, text))
            await attempt(desk.request(AGENT, text))
            await attempt(desk.recording(AGENT, text))
            await attempt(desk.inbox(AGENT, text))
            await attempt(desk.log_in(text, text, "192.0.2.9"))
            await attempt(desk.who(text))
            await attempt(desk.log_out(text))
            await attempt(desk.set_language(AGENT, text))
            await attempt(desk.route(AGENT, number, 2, text, text))
            await attempt(desk.create_user(ADMIN, text, text, text + PASSWORD, "agent"))
            version = (await desk.line(AGENT, number)).version
            for name in NOTHING_DECIDED:
                await attempt(desk.edit(AGENT, number, version, **{**NOTHING_DECIDED, name: text}))
        for count in (-(2**70), -1, 0, 2**31, 2**70):
            await attempt(desk.sign(STREET_USER, count))
            await attempt(desk.reply(STREET_USER, count, "x"))
            await attempt(desk.events_after(AGENT, count, count))
            await attempt(desk.queue(AGENT, limit=count))
            await attempt(desk.route(AGENT, number, count, STREET, ""))

    desk_story(world, story)


def test_typed_text_is_kept_as_it_was_typed(world: World) -> None:
    async def story(desk: Desk, store: Store) -> None:
        number = await world.a_request(store)
        typed = " 第一行\r\n<b>第二行</b>\x00\t😀 "
        await desk.edit(AGENT, number, 1, kind_code="", region_code="", place="", text=typed)
        assert (await desk.request(AGENT, number)).edited_text == "第一行\n<b>第二行</b>\t😀"

    desk_story(world, story)
