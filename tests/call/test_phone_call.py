"""Calls that telephones of the house make: to each other, out on a trunk; and transfers of both kinds."""

from __future__ import annotations

import pytest

from hotline.call.failures import best_of, outcome_of, relayed
from hotline.call.messages import (
    Answer,
    CallerLeft,
    OfferedNotWritten,
    OfferedWritten,
    Refuse,
    WriteAnswered,
    WriteEnded,
)
from hotline.call.phone_call import PhoneCall
from hotline.events.ids import CallId
from hotline.media.plan import Bridge, MediaFailed, OpenPort
from hotline.sip.admission import Origin, OriginKind
from hotline.sip.events import CallEnded
from tests.call.bridge_rig import VOICE, House
from tests.call.call_rig import an_arrival
from tests.call.test_bridge import FLOW, talking

PHONE = CallId("20261123-0009")


@pytest.fixture
def house() -> House:
    return House(FLOW)


def a_call(**changes: object) -> PhoneCall:
    facts = an_arrival(call_id=PHONE, caller="1001", origin=Origin(OriginKind.PHONE, "1001"), **changes)
    return PhoneCall(facts, 0.0, direction="inside", music="zh/hold_music")


def connected(
    house: House, user: str = "1001", called: str = "1002", number: int = 9
) -> tuple[CallId, CallId]:
    """Bring two telephones together."""
    near = house.phone(user, called, number)
    far = house.leg_to(called)
    house.ring(far)
    house.answer(far)
    return near, far


# -- setting it up -----------------------------------------------------------------------------------------


def test_nothing_is_dialled_before_the_record_is_written(house: House) -> None:
    call = a_call()
    assert [type(one).__name__ for one in call.take_commands()] == ["WriteOffered"]
    call.handle(OfferedWritten(PHONE), 0.0)
    (port,) = call.take_commands()
    assert isinstance(port, OpenPort)


def test_the_telephone_is_answered_when_the_other_one_is(house: House) -> None:
    near = house.phone("1001", "1002")
    far = house.leg_to("1002")
    assert house.answered == []
    house.ring(far)
    assert [(one.call_id, one.status) for one in house.progress] == [(near, 180)]
    house.answer(far)
    assert house.answered == [near]
    assert (house.hears(near), house.hears(far)) == (far, near)
    assert WriteAnswered(near) in house.commands


def test_the_record_names_who_was_talked_with(house: House) -> None:
    near, far = connected(house)
    house.leave(far)
    assert house.ends[near] == WriteEnded(near, "finished", ("to 1002", "!talked with 1002"))
    house.check_end()


def test_an_announcement_of_the_network_is_heard_before_the_answer(house: House) -> None:
    near = house.phone("1001", "01065241234")
    far = house.leg_to("01065241234")
    house.ring(far, VOICE)
    assert [(one.status, one.local_port) for one in house.progress] == [(183, 16000)]
    assert house.hears(near) == far
    house.answer(far)
    assert house.hears(near) == far
    assert sum(isinstance(one, Bridge) for one in house.commands) == 1


def test_a_call_out_goes_out_for_the_telephone_that_makes_it(house: House) -> None:
    house.phone("1001", "01065241234")
    assert house.wishes[0].acting == "1001"


def test_a_call_to_a_colleague_rings_only_him_even_while_he_talks(house: House) -> None:
    house.phone("1001", "1002")
    assert not house.wishes[0].only_idle


@pytest.mark.parametrize(
    ("status", "told", "cause"),
    [(486, 486, "busy"), (603, 603, "busy"), (404, 404, "failed"), (408, 408, "no_answer"),
     (480, 480, "no_answer"), (503, 503, "failed"), (302, 503, "failed"),
     (407, 503, "failed"), (401, 503, "failed")],
)  # fmt: skip
def test_the_other_side_s_refusal_is_passed_on(house: House, status: int, told: int, cause: str) -> None:
    near = house.phone("1001", "1002")
    house.decline(house.leg_to("1002"), status)
    assert house.refused == {near: told}
    assert house.ends[near].cause == cause
    house.check_end()


def test_every_status_that_is_passed_on_is_a_final_error() -> None:
    assert all(400 <= relayed(status) < 700 for status in range(700))


def test_of_several_failures_the_one_that_persons_made_is_told() -> None:
    assert best_of([503, 486, 408]) == 408
    assert best_of([503, 603, 480]) == 603
    assert best_of([500, 404]) == 404
    assert best_of([]) == 503
    assert [outcome_of(status) for status in (486, 480, 500)] == ["busy", "no_answer", "failed"]


def test_a_name_that_nobody_has_is_refused(house: House) -> None:
    near = house.phone("1001", "nobody")
    assert house.refused == {near: 480}
    assert house.ends[near].cause == "failed"
    house.check_end()


def test_a_telephone_that_hangs_up_while_it_rings_stops_the_ringing(house: House) -> None:
    near = house.phone("1001", "1002")
    far = house.leg_to("1002")
    house.ring(far)
    house.leave(near, "cancel")
    assert house.hung_up == [far]
    assert house.ends[near].cause == "cancelled"
    house.check_end()


def test_a_record_that_cannot_be_written_refuses_the_call() -> None:
    call = a_call()
    call.take_commands()
    call.handle(OfferedNotWritten(PHONE, "disk full"), 0.0)
    assert call.take_commands() == [Refuse(PHONE, 503)]
    assert call.is_over


def test_a_telephone_that_hangs_up_before_the_record_is_written_is_recorded() -> None:
    call = a_call()
    call.take_commands()
    call.handle(CallEnded(PHONE, "cancel"), 0.0)
    assert not call.is_over
    call.handle(OfferedWritten(PHONE), 1.0)
    assert call.take_commands() == [WriteEnded(PHONE, "cancelled", ("to 96156",))]


def test_a_store_that_says_nothing_refuses_the_call() -> None:
    call = a_call()
    call.take_commands()
    call.handle_timer(10.0)
    assert call.take_commands() == [Refuse(PHONE, 503)]
    call.handle_timer(70.0)
    assert call.is_over


def test_a_telephone_without_a_port_is_refused(house: House) -> None:
    house.opens_ports = False
    near = house.phone("1001", "1002")
    house.tell(MediaFailed(near, "no port is free"))
    assert house.refused == {near: 503}
    house.check_end()


def test_a_port_that_never_comes_refuses_the_call(house: House) -> None:
    house.opens_ports = False
    near = house.phone("1001", "1002")
    house.wait(6)
    assert house.refused == {near: 503}
    house.check_end()


# -- the talk ------------------------------------------------------------------------------------------------


def test_either_side_ends_it(house: House) -> None:
    near, far = connected(house)
    house.leave(near)
    assert house.hung_up == [far]
    assert house.ends[near].cause == "caller"
    house.check_end()


def test_either_side_may_hold_the_other(house: House) -> None:
    near, far = connected(house)
    house.hold(near)
    assert house.hears(far) == "music"
    house.resume(near)
    house.hold(far)
    assert (house.hears(near), house.hears(far)) == ("music", near)


def test_a_receiver_that_was_not_put_back_is_cut_some_day(house: House) -> None:
    near, far = connected(house)
    house.wait(5 * 3600)
    assert set(house.hung_up) == {near, far}
    house.check_end()


def test_the_end_of_the_house_ends_it(house: House) -> None:
    near, far = connected(house)
    house.tell_call(CallerLeft(near, "hung_up"))
    assert set(house.hung_up) == {near, far}
    assert house.ends[near].cause == "finished"
    house.check_end()


# -- transfers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [0, 1])
def test_either_side_may_transfer_the_other(house: House, who: int) -> None:
    legs = connected(house)
    asks, stays = legs[who], legs[1 - who]
    house.transfer(asks, "1003")
    target = house.leg_to("1003")
    house.answer(target)
    assert (house.hears(stays), house.hears(target)) == (target, stays)
    house.leave(asks)
    assert house.hears(stays) == target
    house.leave(stays)
    assert house.hung_up[-1] == target
    house.check_end()


@pytest.mark.parametrize("who", [0, 1])
def test_a_transfer_that_fails_gives_the_other_back(house: House, who: int) -> None:
    legs = connected(house)
    asks, stays = legs[who], legs[1 - who]
    house.transfer(asks, "1003")
    house.decline(house.leg_to("1003"))
    assert house.reports[-1] == (asks, 486)
    assert house.hears(stays) == asks
    house.leave(asks)
    house.check_end()


def test_another_telephone_takes_either_place(house: House) -> None:
    near, _far = connected(house)
    first = house.take_place(near, "1003", 8)
    second = house.take_place(house.leg_to("1002"), "1004", 7)
    assert (house.hears(first), house.hears(second)) == (second, first)
    house.leave(first)
    house.check_end()


# -- attended transfers --------------------------------------------------------------------------------------


def consulting(house: House) -> tuple[CallId, CallId, CallId, CallId]:
    """Bring an agent to where he holds a caller and talks with a colleague."""
    caller, agent = talking(house)
    house.hold(agent)
    second, colleague = connected(house, "1001", "1002")
    assert house.hears(caller) == "music"
    return caller, agent, second, colleague


@pytest.mark.parametrize("asks", ["the leg with the caller", "the leg with the colleague"])
def test_an_attended_transfer_lets_caller_and_colleague_talk(house: House, asks: str) -> None:
    caller, agent, second, colleague = consulting(house)
    if asks == "the leg with the caller":
        house.transfer(agent, "1002", replaces=second)
        assert house.reports == [(agent, 200)]
    else:
        house.transfer(second, "caller", replaces=agent)
        assert house.reports == [(second, 200)]
    assert (house.hears(caller), house.hears(colleague)) == (colleague, caller)
    assert house.ends[second].cause == "transferred"
    house.wait(LONG)
    assert {agent, second} <= set(house.hung_up)
    assert house.hears(caller) == colleague
    assert house.ports[caller].recording == f"{caller}-1"
    house.leave(colleague)
    assert house.hears(caller) == "zh/bye"
    house.end_prompt(caller)
    house.check_end()


LONG = 10.0


def test_the_row_of_the_colleague_s_leg_moves_to_the_caller_s_call(house: House) -> None:
    caller, agent, second, colleague = consulting(house)
    house.transfer(agent, "1002", replaces=second)
    house.leave(colleague)
    assert [(note.what, note.call) for note in house.notes if note.call_id == colleague] == [
        ("answered", second),
        ("moved", caller),
        ("ended", caller),
    ]


def test_a_transfer_before_the_colleague_answers_lets_her_wait_for_him(house: House) -> None:
    caller, agent = talking(house)
    house.hold(agent)
    second = house.phone("1001", "1002")
    colleague = house.leg_to("1002")
    house.ring(colleague)
    house.transfer(agent, "1002", replaces=second)
    assert house.hears(caller) == "music"
    assert house.refused == {second: 480}
    house.leave(agent)
    house.answer(colleague)
    assert (house.hears(caller), house.hears(colleague)) == (colleague, caller)


def test_a_colleague_who_then_does_not_answer_leads_her_back_to_her_flow(house: House) -> None:
    caller, agent = talking(house)
    second = house.phone("1001", "1002")
    house.ring(house.leg_to("1002"))
    house.transfer(agent, "1002", replaces=second)
    house.decline(house.leg_to("1002"))
    assert house.hears(caller) == "zh/speak"


def test_two_callers_are_not_joined(house: House) -> None:
    first, agent = talking(house)
    second = house.resident(2)
    other = house.leg_to("1001")
    house.answer(other)
    house.transfer(agent, "1001", replaces=other)
    assert house.reports == [(agent, 603)]
    assert (house.hears(first), house.hears(second)) == (agent, other)


def test_a_caller_s_own_leg_is_never_what_a_transfer_replaces(house: House) -> None:
    caller, agent = talking(house)
    near, _far = connected(house, "1002", "1003")
    house.transfer(near, "caller", replaces=caller)
    assert house.reports == [(near, 603)]
    assert house.hears(caller) == agent


def test_whoever_waits_for_an_answer_is_not_handed_over(house: House) -> None:
    near = house.phone("1001", "1002")
    second, _ = connected(house, "1003", "01065241234", 10)
    house.transfer(second, "1002", replaces=house.leg_to("1002"))
    assert house.reports == [(second, 603)]
    house.answer(house.leg_to("1002"))
    assert house.hears(near) == house.leg_to("1002")


def test_three_telephones_join_two_of_them(house: House) -> None:
    near, far = connected(house, "1001", "1002")
    second, colleague = connected(house, "1001", "1003", 10)
    house.transfer(near, "1003", replaces=second)
    assert (house.hears(far), house.hears(colleague)) == (colleague, far)
    house.leave(far)
    house.check_end()


def test_a_colleague_who_called_by_himself_is_joined_as_well(house: House) -> None:
    caller, agent = talking(house)
    near, second = connected(house, "1002", "1001")  # he called the agent
    house.transfer(agent, "1002", replaces=second)
    assert (house.hears(caller), house.hears(near)) == (near, caller)
    assert house.ends[near].cause == "transferred"
    house.leave(near)
    house.end_prompt(caller)
    house.wait(LONG)
    house.check_end()


def test_a_transfer_to_a_call_that_ended_is_refused(house: House) -> None:
    caller, agent, second, _ = consulting(house)
    house.leave(second)
    house.transfer(agent, "1002", replaces=second)
    assert house.reports == [(agent, 603)]
    house.resume(agent)
    assert house.hears(caller) == agent


def test_a_leg_is_never_joined_with_its_own_call(house: House) -> None:
    near, far = connected(house)
    house.transfer(near, "1002", replaces=far)
    assert house.reports == [(near, 603)]
    assert house.hears(near) == far


def test_answers_are_given_once(house: House) -> None:
    consulting(house)
    assert len({one.call_id for one in house.commands if isinstance(one, Answer)}) == 2
