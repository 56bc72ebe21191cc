"""Guests of a talk: supervisors who listen, whisper and barge in, and a third who takes part."""

from __future__ import annotations

import pytest

from hotline.call.guests import GUEST_WAIT_S, MOST_GUESTS
from hotline.call.messages import GuestAsked, GuestChanged, GuestDismissed
from hotline.events.ids import CallId
from hotline.media.plan import Bridge, MediaFailed, Mix, Play, Unbridge
from hotline.sip.admission import Origin, OriginKind
from tests.call.bridge_rig import House
from tests.call.test_bridge import FLOW, path_of, talking


@pytest.fixture
def house() -> House:
    return House(FLOW, users=("1001", "1009", "1010", "1011", "1012", "1013"))


def joined(house: House, caller: CallId, name: str, part: str, *, tone: bool = False) -> CallId:
    """Bring a guest into a talk."""
    house.invite(caller, name, part, acting="1001" if part == "member" else "", tone=tone)
    leg = house.leg_to(name)
    house.ring(leg)
    house.answer(leg)
    return leg


def hears(house: House, leg: CallId) -> set[str]:
    return set(house.ports[leg].listens)


@pytest.mark.parametrize(
    ("part", "caller_hears_her", "agent_hears_her"),
    [("monitor", False, False), ("whisper", False, True), ("barge", True, True), ("member", True, True)],
)
def test_each_part_is_heard_by_whom_it_is_for(
    house: House, part: str, caller_hears_her: bool, agent_hears_her: bool
) -> None:
    caller, agent = talking(house)
    guest = joined(house, caller, "1009", part)
    assert hears(house, guest) == {caller, agent}
    assert hears(house, caller) == {agent, guest} if caller_hears_her else {agent}
    assert hears(house, agent) == ({caller, guest} if agent_hears_her else {caller})


def test_a_whisper_is_never_for_the_caller_though_she_has_a_telephone_of_the_house(house: House) -> None:
    caller = house.resident(1, caller="1013", origin=Origin(OriginKind.PHONE, "1013"))
    agent = house.leg_to("1001")
    house.answer(agent)
    boss = joined(house, caller, "1009", "whisper", tone=True)
    assert hears(house, caller) == {agent}
    assert hears(house, agent) == {caller, boss}
    tones = [one for one in house.commands if isinstance(one, Play) and one.prompts == ("zh/beep",)]
    assert [tone.call_id for tone in tones] == [agent]


def test_a_supervisors_telephone_answers_by_itself_and_a_third_ones_rings(house: House) -> None:
    caller, _ = talking(house)
    house.invite(caller, "1009", "monitor")
    house.invite(caller, "02012345678", "member", acting="1001")
    assert [(wish.to, wish.answers_itself, wish.acting) for wish in house.wishes[-2:]] == [
        (("1009",), True, ""),
        (("02012345678",), False, "1001"),
    ]


def test_while_a_guest_rings_nothing_changes(house: House) -> None:
    caller, agent = talking(house)
    count = len([one for one in house.commands if isinstance(one, Bridge | Mix | Unbridge)])
    house.invite(caller, "1009", "barge")
    house.ring(house.leg_to("1009"))
    assert len([one for one in house.commands if isinstance(one, Bridge | Mix | Unbridge)]) == count
    assert (house.hears(caller), house.hears(agent)) == (agent, caller)


def test_a_supervisor_goes_from_one_part_to_another_and_leaves(house: House) -> None:
    caller, agent = talking(house)
    boss = joined(house, caller, "1009", "monitor")
    house.tell_call(GuestChanged(caller, "1009", "whisper", "li"))
    assert hears(house, agent) == {caller, boss}
    house.tell_call(GuestChanged(caller, "1009", "barge", "li"))
    assert hears(house, caller) == {agent, boss}
    house.tell_call(GuestDismissed(caller, "1009"))
    assert (house.hears(caller), house.hears(agent)) == (agent, caller)
    assert boss in house.hung_up
    told = [(note.part, note.by, note.has_left) for note in house.guest_notes]
    assert told == [
        ("monitor", "wang", False),
        ("whisper", "li", False),
        ("barge", "li", False),
        ("barge", "li", True),
    ]
    assert not [one for one in house.commands if isinstance(one, Unbridge)], "the two were never parted"


def test_a_supervisor_who_hangs_up_leaves_the_two_as_they_were(house: House) -> None:
    caller, agent = talking(house)
    boss = joined(house, caller, "1009", "barge")
    house.leave(boss)
    assert (house.hears(caller), house.hears(agent)) == (agent, caller)
    assert house.guest_notes[-1].has_left
    house.leave(agent)
    house.leave(caller)
    house.wait(60)
    house.check_end()


@pytest.mark.parametrize("who", ["caller", "agent"])
def test_the_end_of_the_talk_ends_its_supervision(house: House, who: str) -> None:
    caller, agent = talking(house)
    boss = joined(house, caller, "1009", "monitor")
    house.leave(caller if who == "caller" else agent)
    assert boss in house.hung_up
    assert house.guest_notes[-1].has_left
    house.leave(caller)
    house.wait(60)
    house.check_end()


def test_the_agent_leaves_and_the_third_talks_on_with_the_caller(house: House) -> None:
    caller, agent = talking(house)
    clerk = joined(house, caller, "1010", "member")
    boss = joined(house, caller, "1009", "monitor")
    house.leave(agent)
    assert hears(house, caller) == {clerk}
    assert hears(house, clerk) == {caller}
    assert hears(house, boss) == {caller, clerk}
    assert "!talked on with 1010" in house.calls[caller].path
    house.leave(clerk)
    assert path_of(house, caller)[-1] == "bye", "the flow goes on behind its connect"
    house.leave(caller)
    house.wait(60)
    house.check_end()


def test_when_the_caller_leaves_all_leave(house: House) -> None:
    caller, agent = talking(house)
    clerk = joined(house, caller, "1010", "member")
    house.leave(caller)
    assert {agent, clerk} <= set(house.hung_up)
    house.wait(60)
    house.check_end()


def test_a_hold_of_the_agent_lets_caller_and_third_talk(house: House) -> None:
    caller, agent = talking(house)
    clerk = joined(house, caller, "1010", "member")
    house.hold(agent)
    assert house.hears(caller) == "+".join(sorted((agent, clerk)))
    house.hold(clerk)
    assert house.hears(caller) == "music"
    house.resume(agent)
    assert house.hears(caller) == "+".join(sorted((agent, clerk)))


def test_a_supervisor_comes_and_goes_while_the_caller_hears_music(house: House) -> None:
    caller, agent = talking(house)
    house.hold(agent)
    boss = joined(house, caller, "1009", "monitor")
    assert house.hears(caller) == "music"
    house.leave(boss)
    assert house.hears(caller) == "music"
    played = [one for one in house.commands if isinstance(one, Play) and one.call_id == caller]
    assert len([one for one in played if "hold_music" in one.prompts[0]]) == 1, "not begun anew"


def test_a_tone_tells_the_agent_alone_that_somebody_listens(house: House) -> None:
    caller, agent = talking(house)
    joined(house, caller, "1009", "monitor", tone=True)
    tones = [one for one in house.commands if isinstance(one, Play) and one.prompts == ("zh/beep",)]
    assert [tone.call_id for tone in tones] == [agent]
    joined(house, caller, "1010", "member", tone=True)
    assert len([one for one in house.commands if isinstance(one, Play) and one.prompts == ("zh/beep",)]) == 1


def test_who_does_not_come_is_given_up(house: House) -> None:
    caller, agent = talking(house)
    house.invite(caller, "1009", "monitor")
    house.decline(house.leg_to("1009"), 480)
    house.invite(caller, "9999", "monitor")
    house.invite(caller, "1010", "monitor")
    house.wait(GUEST_WAIT_S + 1)
    assert not house.calls[caller].bridge.guests  # type: ignore[union-attr]
    assert house.leg_to("1010") in house.hung_up
    assert (house.hears(caller), house.hears(agent)) == (agent, caller)
    assert not house.guest_notes, "nobody came, so nobody left"


def test_a_guest_without_a_port_is_given_up(house: House) -> None:
    caller, agent = talking(house)
    boss = joined(house, caller, "1009", "barge")
    house.tell(MediaFailed(boss, "all ports are taken"))
    assert (house.hears(caller), house.hears(agent)) == (agent, caller)
    house.leave(agent)
    house.leave(caller)
    house.wait(60)
    house.check_end()


def test_a_talk_has_room_for_few_and_for_one_third(house: House) -> None:
    caller, _ = talking(house)
    for name in ("1009", "1010", "1011", "1012", "1013"):
        house.invite(caller, name, "monitor")
    guests = house.calls[caller].bridge.guests  # type: ignore[union-attr]
    assert len(guests) == MOST_GUESTS
    house.tell_call(GuestDismissed(caller, "1009"))
    house.invite(caller, "1009", "member", acting="1001")
    house.tell_call(GuestDismissed(caller, "1010"))
    house.invite(caller, "1013", "member", acting="1001")
    assert [guest.name for guest in house.calls[caller].bridge.guests][-1] == "1009"  # type: ignore[union-attr]


def test_nobody_comes_twice_or_to_herself(house: House) -> None:
    caller, _ = talking(house)
    joined(house, caller, "1009", "monitor")
    count = len(house.wishes)
    house.invite(caller, "1009", "barge")
    house.invite(caller, "1001", "monitor")
    assert len(house.wishes) == count


def test_nobody_comes_where_nobody_talks(house: House) -> None:
    caller = house.resident()
    house.invite(caller, "1009", "monitor")
    assert all(wish.to == ("agents",) for wish in house.wishes)
    house.tell_call(GuestAsked(CallId("unknown"), "1009", "monitor", "wang"))


def test_a_guest_may_not_transfer_the_talk(house: House) -> None:
    caller, _ = talking(house)
    boss = joined(house, caller, "1009", "monitor")
    house.transfer(boss, "1010")
    assert house.reports[-1] == (boss, 403)


def test_a_transfer_keeps_the_supervisor(house: House) -> None:
    caller, agent = talking(house)
    boss = joined(house, caller, "1009", "monitor")
    house.transfer(agent, "1010")
    assert house.hears(boss) == "silence"
    house.answer(house.leg_to("1010"))
    assert hears(house, boss) == {caller, house.leg_to("1010")}
    house.leave(agent)
    house.leave(caller)
    house.wait(60)
    house.check_end()


def test_two_supervisors_hear_the_talk_and_not_each_other(house: House) -> None:
    caller, agent = talking(house)
    first = joined(house, caller, "1009", "monitor")
    second = joined(house, caller, "1010", "whisper")
    assert hears(house, first) == hears(house, second) == {caller, agent}


def test_a_call_between_telephones_may_have_guests(house: House) -> None:
    call_id = house.phone("1001", "1010")
    house.answer(house.leg_to("1010"))
    boss = joined(house, call_id, "1009", "whisper")
    assert hears(house, call_id) == {house.leg_to("1010"), boss}
    assert hears(house, house.leg_to("1010")) == {call_id}
