"""The switchboard with several legs a call: telephones that ring, calls of telephones, transfers."""

from __future__ import annotations

import asyncio
import itertools

from switchboard_rig import World, in_a_world

from hotline.call.destinations import Found
from hotline.call.messages import GuestAsked, NoteGuest
from hotline.events.ids import CallId
from hotline.media.plan import Bridge, DigitPressed, ExpectVoice, MediaFailed, Mix, OpenPort, Play
from hotline.sip.admission import Origin, OriginKind
from hotline.sip.events import CallAnswered, CallConfirmed, CallEnded, CallRinging, TransferAsked
from hotline.sip.uri import Uri
from hotline.sip.voice_terms import VoiceTerms
from tests.call.bridge_rig import a_destination
from tests.call.call_rig import CALL

LEG = CallId(f"{CALL}-leg1")
PHONE = Origin(OriginKind.PHONE, "1001")
VOICE = VoiceTerms("192.0.2.50", 50000)


def found(*users: str) -> Found:
    return Found(tuple(a_destination(user) for user in users))


async def ringing(world: World, *users: str) -> None:
    """Bring a caller to where telephones ring for her."""
    world.directory.found = found(*users)
    await world.talk()
    world.press("0")
    await world.settle()


async def a_talk(world: World) -> None:
    await ringing(world, "1001")
    world.board.on_sip(CallRinging(LEG, 180))
    world.board.on_sip(CallAnswered(LEG, VOICE))
    await world.settle()


@in_a_world
async def test_a_telephone_is_dialled_when_its_port_is_open(world: World) -> None:
    await ringing(world, "1001")
    assert world.did[-2:] == [f"INVITE {LEG}", "leg dialled"]
    order = world.edge.agent.orders[LEG]
    assert (order.local_ip, order.local_port) == ("198.51.100.1", 16002)
    assert world.directory.asked == [(("agents",), "")]
    (dialled,) = world.journal.legs
    assert dialled.sip_call_id == f"{LEG}-0@house"


@in_a_world
async def test_both_hear_each_other_when_it_is_answered(world: World) -> None:
    await a_talk(world)
    assert Bridge(CALL, LEG) in world.media.sent
    (_, answered) = world.journal.legs
    assert (answered.what, answered.call_id, answered.sip_call_id) == ("answered", CALL, f"{LEG}@house")
    assert world.board.call_of(LEG) == CALL


@in_a_world
async def test_the_end_of_a_call_ends_its_legs(world: World) -> None:
    await a_talk(world)
    world.board.on_sip(CallEnded(CALL, "bye"))
    await world.settle()
    assert world.board.call_of(LEG) is None
    world.board.on_sip(CallEnded(LEG, "hung_up"))
    world.board.on_media(MediaFailed(LEG, "late"))
    await world.settle()
    assert world.did.count("BYE") == 1
    assert world.journal.legs[-1].what == "ended"


@in_a_world
async def test_who_talks_already_is_not_rung(world: World) -> None:
    await a_talk(world)
    other = CallId("20261123-1300-bb")
    await world.arrive(call_id=other)
    world.board.on_sip(CallConfirmed(other))
    await world.settle()
    before = len(world.edge.agent.orders)
    world.board.on_media(DigitPressed(other, "0"))
    await world.settle()
    assert len(world.edge.agent.orders) == before
    last = [one for one in world.media.sent if isinstance(one, Play)][-1]
    assert (last.call_id, last.prompts) == (other, ("zh/leave_for_agent",))


@in_a_world
async def test_a_telephone_that_calls_a_colleague_is_written_down_before_he_is_dialled(world: World) -> None:
    world.journal.gate.clear()
    world.directory.found = found("1002")
    await world.arrive(called="1002", caller="1001", origin=PHONE)
    await world.wait(1)
    assert world.did == []
    world.journal.gate.set()
    await world.settle()
    assert world.did == ["open_call", "OpenPort", "OpenPort", f"INVITE {LEG}", "leg dialled"]
    (call,) = world.journal.offered
    assert (call.direction, call.origin) == ("inside", "1001")
    assert world.directory.asked == [(("1002",), "1001")]


@in_a_world
async def test_a_call_out_is_told_from_one_inside(world: World) -> None:
    await world.arrive(called="01065241234", caller="1001", origin=PHONE)
    assert [call.direction for call in world.journal.offered] == ["out"]


@in_a_world
async def test_a_telephone_that_calls_the_hotline_gets_the_flow(world: World) -> None:
    await world.talk(origin=PHONE)
    assert [call.direction for call in world.journal.offered] == ["in"]
    assert "OpenPort" in world.did
    assert world.directory.asked == []


@in_a_world
async def test_a_trunk_reaches_nothing_but_the_flow(world: World) -> None:
    for number, kind in enumerate((OriginKind.TRUNK, OriginKind.OPEN)):
        await world.arrive(
            call_id=CallId(f"20261123-140{number}-cc"), called="1002", origin=Origin(kind, "unicom")
        )
    assert [call.direction for call in world.journal.offered] == ["in", "in"]
    assert world.directory.asked == []
    world.board.hang_up_all()
    await world.settle()


@in_a_world
async def test_a_network_s_announcement_is_passed_on(world: World) -> None:
    world.directory.found = Found((a_destination("01065241234", OriginKind.TRUNK),))
    await world.arrive(called="01065241234", caller="1001", origin=PHONE)
    await world.settle()
    world.board.on_sip(CallRinging(LEG, 183, VOICE))
    await world.settle()
    assert "183 198.51.100.1:16000" in world.did
    assert world.journal.legs[0].trunk == "unicom"


@in_a_world
async def test_a_transfer_is_carried_out_and_told(world: World) -> None:
    await a_talk(world)
    world.directory.found = found("1002")
    world.board.on_sip(TransferAsked(LEG, Uri("sip", "1002", host="h"), None, ""))
    await world.settle()
    second = CallId(f"{CALL}-leg2")
    world.board.on_sip(CallAnswered(second, VOICE))
    await world.settle()
    assert [one for one in world.did if one.startswith("NOTIFY")] == ["NOTIFY 100", "NOTIFY 200"]
    assert Bridge(CALL, second) in world.media.sent


@in_a_world
async def test_two_calls_are_joined(world: World) -> None:
    await a_talk(world)
    near = CallId("20261123-1500-dd")
    far = CallId(f"{near}-leg1")
    world.directory.found = found("1002")
    await world.arrive(call_id=near, called="1002", caller="1001", origin=PHONE)
    await world.settle()
    world.board.on_sip(CallAnswered(far, VOICE))
    await world.settle()
    world.board.on_sip(TransferAsked(LEG, Uri("sip", "1002", host="h"), near, ""))
    await world.settle()
    assert Bridge(CALL, far) in world.media.sent
    assert world.board.call_of(far) == CALL
    assert world.board.calls == 1
    assert world.journal.ended == [("transferred", ("to 1002", "!talked with 1002"))]


@in_a_world
async def test_a_transfer_into_a_call_that_nobody_has_is_declined(world: World) -> None:
    await a_talk(world)
    world.board.on_sip(TransferAsked(LEG, Uri("sip", "x", host="h"), CallId("gone"), ""))
    assert world.did[-1] == "NOTIFY 603"


@in_a_world
async def test_a_call_that_wants_the_place_of_a_leg_gets_it(world: World) -> None:
    await a_talk(world)
    other = CallId("20261123-1600-ee")
    await world.arrive(call_id=other, caller="1003", origin=Origin(OriginKind.PHONE, "1003"), replaces=LEG)
    ports = [one.call_id for one in world.media.sent if isinstance(one, OpenPort)]
    assert f"200 198.51.100.1:{16000 + 2 * ports.index(other)}" in world.did
    assert Bridge(CALL, other) in world.media.sent
    assert [note.what for note in world.journal.legs if note.leg_id == other] == ["arrived", "answered"]
    assert world.board.calls == 1


@in_a_world
async def test_a_call_that_wants_the_place_of_a_leg_that_ended_is_refused(world: World) -> None:
    await world.arrive(replaces=CallId("gone"))
    assert world.did == ["481"]
    assert world.board.calls == 0


@in_a_world
async def test_a_ringing_telephone_is_asked_to_answer(world: World) -> None:
    await ringing(world, "1001", "1002")
    assert world.board.answer_phone("1002")
    assert world.did[-1] == f"NOTIFY talk {CALL}-leg2"
    assert not world.board.answer_phone("1003")


@in_a_world
async def test_a_bug_lets_go_of_every_leg(world: World) -> None:
    world.bugs = 1  # type: ignore[attr-defined]
    await a_talk(world)
    sent: list[object] = []

    def send_once(command: object) -> None:
        if isinstance(command, ExpectVoice):  # asks for nothing
            return
        sent.append(command)
        if len(sent) == 1:
            raise ZeroDivisionError

    world.media.send = send_once  # type: ignore[method-assign]
    world.board.on_sip(CallAnswered(LEG, VOICE))
    world.board.on_sip(CallEnded(LEG, "bye"))
    await world.settle()
    assert world.board.calls == 0
    assert world.board.call_of(LEG) is None
    assert world.journal.ended[0][0] == "fault"


@in_a_world
async def test_the_end_of_the_house_ends_calls_of_telephones(world: World) -> None:
    world.directory.found = found("1002")
    await world.arrive(called="1002", caller="1001", origin=PHONE)
    await world.settle()
    world.board.on_sip(CallAnswered(LEG, VOICE))
    await world.settle()
    world.board.hang_up_all()
    await world.settle()
    assert world.did.count("BYE") == 2
    await asyncio.wait_for(world.board.idle(), 1)


@in_a_world
async def test_a_supervisor_is_rung_into_a_talk_and_told_of(world: World) -> None:
    told: list[NoteGuest] = []
    world.board.on_guest = told.append
    await a_talk(world)
    world.directory.found = found("1009")
    world.board.ask(GuestAsked(CALL, "1009", "barge", "zhao"))
    await world.settle()
    boss = CallId(f"{CALL}-leg2")
    assert world.board.call_of(boss) == CALL
    world.board.on_sip(CallAnswered(boss, VOICE))
    await world.settle()
    mix = next(command for command in reversed(world.media.sent) if isinstance(command, Mix))
    assert set(mix.hears) == set(itertools.permutations((CALL, LEG, boss), 2))
    assert world.board.recorded_call_of(["1001"]) == CALL
    assert world.board.recorded_call_of(["1009"]) is None, "she may not pause what is recorded"
    world.board.on_sip(CallEnded(boss, "bye"))
    await world.settle()
    assert [(note.part, note.by, note.has_left) for note in told] == [
        ("barge", "zhao", False),
        ("barge", "zhao", True),
    ]
    assert world.board.call_of(boss) is None
    assert [(leg.what, leg.peer) for leg in world.journal.legs if leg.leg_id == boss] == [
        ("dialled", "1009"),
        ("answered", "1009"),
        ("ended", "1009"),
    ]


@in_a_world
async def test_nobody_is_asked_into_a_call_that_is_over(world: World) -> None:
    world.board.ask(GuestAsked(CALL, "1009", "barge", "zhao"))
    await world.settle()
    assert not world.did
