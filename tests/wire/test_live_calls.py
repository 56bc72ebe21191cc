"""Guests of live talks: from the desk and the command line down to the machine of a call, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from hotline.call.join import AnyCall
from hotline.call.messages import GuestEvent
from hotline.desk.live_talks import LiveTalk
from hotline.errors import OutsideError, Refused
from hotline.events.ids import CallId
from hotline.media.plan import MediaCommand, Tap
from hotline.sip.events import CallArrived
from hotline.wire.live_answers import answers_of
from hotline.wire.live_calls import LiveCallsOf
from tests.call.bridge_rig import House
from tests.call.test_bridge import FLOW, talking

PHONES = {"wang": ["1001"], "zhao": ["1009"], "root": []}


class Board:
    """The switchboard's part: a house's calls."""

    def __init__(self, house: House) -> None:
        self.house = house

    @property
    def calls_now(self) -> Iterator[tuple[CallArrived, AnyCall]]:
        yield from ((call.facts, call) for call in self.house.calls.values())

    def ask(self, event: GuestEvent) -> None:
        self.house.tell_call(event)


class Notes:
    def __init__(self) -> None:
        self.written: list[tuple[Any, ...]] = []
        self.fails = False

    async def note_guest(
        self, call_id: CallId, leg: CallId, name: str, part: str, by: str, *, has_left: bool
    ) -> None:
        if self.fails:
            raise OutsideError("the disk is full")
        self.written.append((call_id, leg, name, part, by, has_left))


class World:
    def __init__(self) -> None:
        self.house = House(FLOW, users=("1001", "1009", "1010"), trunks=("unicom",))
        self.notes = Notes()
        self.sent: list[MediaCommand] = []
        self.live = LiveCallsOf(
            Board(self.house),
            self.notes,
            lambda user: PHONES.get(user, []),
            tone=True,
            send=self.sent.append,
        )
        self.caller, self.agent = talking(self.house)

    def come(self, name: str) -> CallId:
        leg = self.house.leg_to(name)
        self.house.answer(leg)
        return leg

    @property
    def talk(self) -> LiveTalk:
        (talk,) = self.live.talks()
        return talk


@pytest.fixture
def world() -> World:
    return World()


def test_a_talk_is_seen_with_its_ends_and_guests(world: World) -> None:
    assert (world.talk.call_id, world.talk.direction, world.talk.far) == (world.caller, "in", "1001")
    world.live.supervise("zhao", world.caller, "monitor")
    assert [(one.name, one.part, one.by, one.is_there) for one in world.talk.guests] == [
        ("1009", "monitor", "zhao", False)
    ]
    world.come("1009")
    assert world.talk.guests[0].is_there


def test_a_call_in_its_flow_is_no_talk(world: World) -> None:
    world.house.leave(world.agent)
    assert not world.live.talks()
    with pytest.raises(Refused, match="no talk"):
        world.live.supervise("zhao", world.caller, "monitor")


def test_who_has_no_telephone_is_told_so(world: World) -> None:
    with pytest.raises(Refused, match="no telephone") as refused:
        world.live.supervise("root", world.caller, "monitor")
    assert refused.value.code == "phone"


def test_a_second_wish_of_a_supervisor_changes_her_part(world: World) -> None:
    world.live.supervise("zhao", world.caller, "monitor")
    boss = world.come("1009")
    world.live.supervise("zhao", world.caller, "barge")
    assert boss in world.house.ports[world.caller].listens
    assert len(world.house.legs_to("1009")) >= 1
    world.live.leave("zhao", world.caller)
    assert boss in world.house.hung_up
    assert not world.talk.guests


def test_an_agent_calls_a_third_on_her_own_behalf(world: World) -> None:
    world.live.invite("wang", "01065241234")
    assert world.house.wishes[-1].acting == "1001"
    clerk = world.come("01065241234")
    assert world.house.ports[world.caller].listens == {world.agent, clerk}
    world.live.dismiss("wang", "01065241234")
    assert clerk in world.house.hung_up


def test_who_is_in_no_talk_calls_nobody_in(world: World) -> None:
    with pytest.raises(Refused, match="you are in no talk"):
        world.live.invite("zhao", "01065241234")
    with pytest.raises(Refused, match="takes no part"):
        world.live.dismiss("wang", "01065241234")


def test_an_agent_cannot_send_her_supervisor_away(world: World) -> None:
    world.live.supervise("zhao", world.caller, "monitor")
    world.come("1009")
    with pytest.raises(Refused):
        world.live.dismiss("wang", "1009")
    with pytest.raises(Refused, match="cannot come"):
        world.live.invite("wang", "1009")


def test_a_supervisor_of_a_talk_is_in_no_talk_of_her_own(world: World) -> None:
    world.live.supervise("zhao", world.caller, "monitor")
    world.come("1009")
    assert world.live.talk_of("zhao") is None
    assert world.live.talk_of("wang") == world.talk


def test_what_guests_do_is_written() -> None:
    async def body() -> None:
        world = World()
        world.live.supervise("zhao", world.caller, "monitor")
        leg = world.come("1009")
        world.live.leave("zhao", world.caller)
        for note in world.house.guest_notes:
            world.live.note(note)
        await world.live.idle()
        came = (world.caller, leg, "1009", "monitor", "zhao")
        assert world.notes.written == [(*came, False), (*came, True)]
        world.notes.fails = True
        world.live.note(world.house.guest_notes[0])
        await world.live.idle()

    asyncio.run(body())


def test_the_command_line_is_answered(world: World) -> None:
    answers = answers_of(world.live)
    assert answers["talks"]({})[0]["call_id"] == world.caller
    assert answers["supervise"]({"call": world.caller, "phone": "1009", "part": "whisper"})
    boss = world.come("1009")
    assert boss in world.house.ports[world.agent].listens
    assert answers["invite"]({"call": world.caller, "number": "01065241234"})
    assert world.house.wishes[-1].acting == "1001", "the agent's telephone is what may call out"
    assert answers["send_away"]({"call": world.caller, "name": "1009"})
    assert boss in world.house.hung_up


def test_a_program_is_sent_both_voices_and_that_is_written() -> None:
    async def body() -> None:
        world = World()
        answers = answers_of(world.live)
        legs = answers["tap"]({"call": world.caller, "path": "/run/x"})
        assert [leg for leg, _ in legs] == [world.caller, world.agent]
        assert [name for _, name in legs][1] == "1001"
        answers["tap"]({"call": world.caller, "path": "/run/x", "on": False})
        await world.live.idle()
        wanted = [Tap(leg, "/run/x", is_on=on) for on in (True, False) for leg in (world.caller, world.agent)]
        assert world.sent == wanted
        assert [(note[3], note[5]) for note in world.notes.written] == [("tap", False), ("tap", True)]
        with pytest.raises(Refused, match="is over"):
            answers["tap"]({"call": "none", "path": "/run/x"})

    asyncio.run(body())


@pytest.mark.parametrize(
    "question",
    [
        {"call": "none", "phone": "1009", "part": "monitor"},
        {"call": "", "phone": "", "part": "listen"},
        {},
    ],
)
def test_the_command_line_is_told_what_is_wrong(world: World, question: dict[str, str]) -> None:
    for word in ("supervise", "invite", "send_away"):
        with pytest.raises(Refused):
            answers_of(world.live)[word](question)
