"""Who may listen to talks, come to them, and call a third in."""

from __future__ import annotations

import pytest

from hotline.desk.live_talks import LiveTalk, LiveTalks, TalkGuest
from hotline.desk.views import Actor
from hotline.errors import Refused

BOSS, WANG, ADMIN = (
    Actor(name, name, role, None, "zh")
    for name, role in (("zhao", "supervisor"), ("wang", "agent"), ("root", "admin"))
)
GUESTS = (TalkGuest("1009", "monitor", "zhao", True), TalkGuest("010 12345", "member", "wang", False))
TALK = LiveTalk("c1", "in", "96156", "13800138000", "1001", GUESTS)
OUT = LiveTalk("c2", "out", "13900139000", "1002", "13900139000")


class FakeCalls:
    """The telephone side: notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def talks(self) -> list[LiveTalk]:
        return [TALK, OUT]

    def talk_of(self, user_name: str) -> LiveTalk | None:
        return TALK if user_name == "wang" else None

    def supervise(self, user_name: str, call_id: str, part: str) -> None:
        self.asked.append(("supervise", user_name, call_id, part))

    def leave(self, user_name: str, call_id: str) -> None:
        self.asked.append(("leave", user_name, call_id))

    def invite(self, user_name: str, number: str) -> None:
        self.asked.append(("invite", user_name, number))

    def dismiss(self, user_name: str, number: str) -> None:
        self.asked.append(("dismiss", user_name, number))


@pytest.fixture
def calls() -> FakeCalls:
    return FakeCalls()


@pytest.fixture
def door(calls: FakeCalls) -> LiveTalks:
    door = LiveTalks()
    door.calls = calls
    return door


@pytest.mark.parametrize("actor", [BOSS, ADMIN])
def test_supervisors_and_administrators_see_talks_with_masked_numbers(door: LiveTalks, actor: Actor) -> None:
    first, second = door.talks(actor)
    assert (first.near, first.far) == ("138****8000", "1001")
    assert (second.near, second.far) == ("1002", "139****9000")


def test_supervisors_come_and_go(door: LiveTalks, calls: FakeCalls) -> None:
    door.supervise(BOSS, "c1", "whisper")
    door.leave(BOSS, "c1")
    assert calls.asked == [("supervise", "zhao", "c1", "whisper"), ("leave", "zhao", "c1")]


def test_a_part_that_is_none_is_refused(door: LiveTalks, calls: FakeCalls) -> None:
    with pytest.raises(Refused, match="no such part"):
        door.supervise(BOSS, "c1", "member")
    assert not calls.asked


@pytest.mark.parametrize("role", ["agent", "shift_leader", "reviewer", "unit", "unit_leader", "mayor"])
def test_nobody_else_sees_or_hears_talks_of_others(door: LiveTalks, calls: FakeCalls, role: str) -> None:
    actor = Actor("li", "li", role, "D001", "zh")
    for attempt in (
        lambda: door.talks(actor),
        lambda: door.supervise(actor, "c1", "monitor"),
        lambda: door.leave(actor, "c1"),
    ):
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.code == "role"
    assert not calls.asked


def test_an_agent_calls_a_third_in(door: LiveTalks, calls: FakeCalls) -> None:
    door.invite(WANG, " (010) 6524-1234 ")
    door.dismiss(WANG, "01065241234")
    assert calls.asked == [("invite", "wang", "01065241234"), ("dismiss", "wang", "01065241234")]


@pytest.mark.parametrize("number", ["", "sip:evil@host", "1" * 33, "12;34", "张三"])
def test_what_is_no_number_is_refused(door: LiveTalks, number: str) -> None:
    with pytest.raises(Refused) as refused:
        door.invite(WANG, number)
    assert refused.value.code == "input"


def test_an_agent_sees_who_listens_where_the_site_says_so(door: LiveTalks) -> None:
    seen = door.own(WANG)
    assert seen is not None
    assert seen.guests == GUESTS
    door.shows_supervision = False
    seen = door.own(WANG)
    assert seen is not None
    assert seen.guests == GUESTS[1:]
    assert door.own(ADMIN) is None


def test_before_the_telephones_run_there_are_no_talks() -> None:
    door = LiveTalks()
    assert not door.talks(BOSS)
    assert door.own(WANG) is None
    with pytest.raises(Refused, match="does not run"):
        door.supervise(BOSS, "c1", "monitor")
