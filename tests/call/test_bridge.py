"""A caller and the house's telephones: who rings, who talks, who hears what, and how each talk ends."""

from __future__ import annotations

import pytest

from hotline.call.bridge_states import LEAVING_S
from hotline.call.messages import Answer, CallerConfirmed, HangUp, Refuse, Reoffer
from hotline.events.ids import CallId
from hotline.ivr.check import load_flow
from hotline.media.plan import Aim, Bridge, MediaFailed, OpenPort, PortMoved, PortOpened, Record
from hotline.sip.events import CallEnded, MediaMoved, ReofferFailed, TransferAsked
from hotline.sip.uri import Uri
from hotline.sip.voice_terms import VoiceTerms
from tests.call.bridge_rig import HELD, HOUSE, VOICE, House

WORDS = dict.fromkeys(
    ["hello", "speak", "bye", "beep", "pause", "hold_music", "ringback", *(f"digit_{d}" for d in range(10))],
    "字",
)
FLOW = load_flow(
    """
start = "ring"
languages = ["zh"]
person = "message"
person_keys = "0*"
fault = "bye"
too_long = "bye"
[steps.ring]
do = "connect"
to = "agents"
ring = "25s"
tries = 3
ended = "bye"
busy = "message"
no_answer = "message"
failed = "message"
spent = "bye"
[steps.message]
do = "record"
prompt = "speak"
for_agent = true
tries = 3
recorded = "open"
silent = "bye"
spent = "bye"
[steps.open]
do = "ask"
question = "open_request"
opened = "bye"
failed = "bye"
[steps.bye]
do = "say"
prompt = "bye"
next = "end"
[steps.end]
do = "hang_up"
""",
    file="ring.toml",
    texts={"zh": WORDS},
)


@pytest.fixture
def house() -> House:
    return House(FLOW)


def talking(house: House, user: str = "1001", number: int = 1) -> tuple[CallId, CallId]:
    """Bring a resident together with an agent."""
    caller = house.resident(number)
    agent = house.leg_to(user)
    house.ring(agent)
    house.answer(agent)
    return caller, agent


def path_of(house: House, caller: CallId) -> list[str]:
    return [step for step in house.calls[caller].path[1:] if not step.startswith("!")]


# -- ringing ------------------------------------------------------------------------------------------------


def test_all_registered_telephones_of_a_group_ring(house: House) -> None:
    caller = house.resident()
    assert [dial.peer for dial in house.dialled.values()] == ["1001", "1002", "1003"]
    assert house.hears(caller) == "zh/ringback"
    assert house.wishes[0].only_idle
    assert house.wishes[0].acting == ""


def test_each_telephone_gets_a_port_of_its_own_before_it_is_dialled(house: House) -> None:
    house.opens_ports = False
    caller = CallId("20261123-0001")
    house.resident()
    house.tell(PortOpened(caller, HOUSE, 16000))
    house.tell(CallerConfirmed(caller))
    assert house.dialled == {}
    legs = [one.call_id for one in house.commands if isinstance(one, OpenPort)][1:]
    house.tell(PortOpened(legs[1], HOUSE, 16002))
    (dial,) = house.dialled.values()
    assert (dial.peer, dial.order.local_ip, dial.order.local_port) == ("1002", HOUSE, 16002)


def test_the_codec_of_the_caller_is_offered_first(house: House) -> None:
    house.resident(terms=VoiceTerms("192.0.2.7", 40000, "PCMU", 0, 101))
    assert house.dialled[house.leg_to("1001")].order.voice.codecs[0] == "PCMU"


def test_whoever_answers_first_has_the_call(house: House) -> None:
    caller = house.resident()
    first, second, third = (house.leg_to(user) for user in ("1001", "1002", "1003"))
    house.ring(first)
    house.answer(second)
    assert house.hears(caller) == second
    assert house.hears(second) == caller
    assert house.hung_up == [first, third]
    house.answer(first)  # crossed our CANCEL: the user agent ends it, and the talk goes on
    assert house.hears(caller) == second


def test_what_she_says_from_then_on_is_recorded(house: House) -> None:
    caller, _ = talking(house)
    assert house.ports[caller].recording == f"{caller}-1"
    commands = [type(one) for one in house.commands]
    assert commands.index(Bridge) < commands.index(Record)


def test_nobody_registered_leads_her_to_leave_a_message_at_once(house: House) -> None:
    house.users = ()
    caller = house.resident()
    assert path_of(house, caller) == ["ring", "message"]
    assert house.hears(caller) == "zh/speak"


@pytest.mark.parametrize(("statuses", "step"), [((486, 486, 603), "message"), ((486, 500, 404), "message")])
def test_she_goes_on_when_all_have_declined(house: House, statuses: tuple[int, ...], step: str) -> None:
    caller = house.resident()
    for user, status in zip(house.users, statuses, strict=True):
        assert path_of(house, caller) == ["ring"]
        house.decline(house.leg_to(user), status)
    assert path_of(house, caller) == ["ring", step]


def test_one_who_declines_does_not_end_it_for_the_others(house: House) -> None:
    caller = house.resident()
    house.decline(house.leg_to("1001"), 603)
    house.answer(house.leg_to("1002"))
    assert house.hears(caller) == house.leg_to("1002")


def test_ringing_that_nobody_answers_ends(house: House) -> None:
    caller = house.resident()
    for user in house.users:
        house.ring(house.leg_to(user))
    house.wait(31)
    assert path_of(house, caller) == ["ring", "message"]
    assert len(house.hung_up) == 3


def test_a_caller_who_hangs_up_stops_the_ringing(house: House) -> None:
    caller = house.resident()
    house.leave(caller)
    assert house.hung_up == [house.leg_to(user) for user in house.users]
    assert house.ends[caller].cause == "caller"
    house.check_end()


def test_a_telephone_without_a_port_does_not_ring(house: House) -> None:
    house.opens_ports = False
    house.resident()
    caller = CallId("20261123-0001")
    house.tell(PortOpened(caller, HOUSE, 16000))
    house.tell(CallerConfirmed(caller))
    legs = [one.call_id for one in house.commands if isinstance(one, OpenPort)][1:]
    for leg in legs:
        house.tell(MediaFailed(leg, "no port is free"))
    assert house.dialled == {}
    assert path_of(house, caller) == ["ring", "message"]


# -- the talk -----------------------------------------------------------------------------------------------


def test_when_the_agent_hangs_up_her_flow_goes_on(house: House) -> None:
    caller, agent = talking(house)
    house.leave(agent)
    assert house.hears(caller) == "zh/bye"
    house.end_prompt(caller)
    assert house.ends[caller].cause == "finished"
    house.check_end()


def test_when_she_hangs_up_the_agent_is_hung_up(house: House) -> None:
    caller, agent = talking(house)
    house.leave(caller)
    assert house.hung_up[-1] == agent
    assert house.ends[caller].cause == "caller"
    house.check_end()


def test_a_talk_opens_one_request_for_what_she_said(house: House) -> None:
    caller, agent = talking(house)
    house.leave(agent)
    (request,) = house.requests
    assert request.recording.recording_id == f"{caller}-1"
    assert request.for_agent is False
    house.end_prompt(caller)
    assert len(house.requests) == 1


def test_a_talk_that_she_ends_opens_its_request_as_well(house: House) -> None:
    caller, _ = talking(house)
    house.leave(caller)
    assert [request.recording.recording_id for request in house.requests] == [f"{caller}-1"]


def test_the_path_tells_whom_she_talked_with(house: House) -> None:
    caller, agent = talking(house)
    house.leave(agent)
    house.end_prompt(caller)
    assert house.ends[caller].path[1:] == ("ring", "bye", "end", "!talked with 1001")


def test_the_longest_call_is_not_counted_while_she_talks(house: House) -> None:
    caller, agent = talking(house)
    house.wait(1800)
    assert house.hears(caller) == agent
    house.leave(agent)
    assert house.hears(caller) == "zh/bye"


def test_each_leg_has_its_row(house: House) -> None:
    _, agent = talking(house)
    house.leave(agent)
    assert [(note.what, note.peer, note.cause) for note in house.notes if note.call_id == agent] == [
        ("answered", "1001", ""),
        ("ended", "1001", "bye"),
    ]
    assert {note.cause for note in house.notes if note.call_id != agent} == {"hung_up"}


# -- hold ---------------------------------------------------------------------------------------------------


def test_a_caller_who_is_held_hears_music(house: House) -> None:
    caller, agent = talking(house)
    house.hold(agent)
    assert house.hears(caller) == "music"
    house.resume(agent)
    assert (house.hears(caller), house.hears(agent)) == (agent, caller)


def test_an_agent_whom_the_exchange_holds_hears_music(house: House) -> None:
    caller, agent = talking(house)
    house.hold(caller)
    assert house.hears(agent) == "music"
    assert house.hears(caller) == agent
    house.resume(caller)
    assert house.hears(agent) == caller


def test_nobody_hears_music_while_both_hold(house: House) -> None:
    caller, agent = talking(house)
    house.hold(agent)
    house.hold(caller)
    assert (house.hears(caller), house.hears(agent)) == (agent, caller)
    house.resume(agent)
    assert house.hears(agent) == "music"


def test_a_hold_by_address_keeps_the_port_aimed(house: House) -> None:
    caller, agent = talking(house)
    house.tell(MediaMoved(agent, VoiceTerms("", 0, "PCMA", 8, 101, sends=False)))
    aim = next(one for one in reversed(house.commands) if isinstance(one, Aim))
    assert (aim.remote_ip, aim.remote_port, aim.sends) == (VOICE.remote_ip, VOICE.remote_port, False)
    assert house.hears(caller) == "music"


def test_a_talk_that_begins_on_hold_begins_with_music(house: House) -> None:
    caller = house.resident()
    house.answer(house.leg_to("1001"), HELD)
    assert house.hears(caller) == "music"
    house.resume(house.leg_to("1001"))
    assert house.hears(caller) == house.leg_to("1001")


# -- blind transfer -----------------------------------------------------------------------------------------


def transferring(house: House, target: str = "1002") -> tuple[CallId, CallId, CallId]:
    caller, agent = talking(house)
    house.hold(agent)
    house.transfer(agent, target)
    return caller, agent, house.leg_to(target)


def test_a_blind_transfer_brings_her_to_the_target(house: House) -> None:
    caller, agent, target = transferring(house)
    assert house.hears(caller) == "music"
    house.ring(target)
    house.answer(target)
    assert (house.hears(caller), house.hears(target)) == (target, caller)
    assert house.reports == [(agent, 100), (agent, 180), (agent, 200)]
    assert agent not in house.hung_up
    house.wait(LEAVING_S)
    assert agent in house.hung_up
    assert house.ports[caller].recording == f"{caller}-1"


def test_whoever_transfers_may_hang_up_at_once(house: House) -> None:
    caller, agent, target = transferring(house)
    house.leave(agent)
    assert house.hears(caller) == "music"
    house.answer(target)
    assert house.hears(caller) == target
    assert house.reports[-1] == (agent, 200)
    house.leave(target)
    assert house.hears(caller) == "zh/bye"


def test_whoever_transfers_and_hangs_up_afterwards_ends_nothing(house: House) -> None:
    caller, agent, target = transferring(house)
    house.answer(target)
    house.leave(agent)
    house.wait(10)
    assert agent not in house.hung_up
    assert house.hears(caller) == target


@pytest.mark.parametrize("status", [486, 404, 603, 408, 503])
def test_a_target_that_declines_gives_her_back(house: House, status: int) -> None:
    caller, agent, target = transferring(house)
    house.decline(target, status)
    assert house.reports[-1] == (agent, status)
    assert house.hears(caller) == "music"  # the agent still holds her
    house.resume(agent)
    assert house.hears(caller) == agent


def test_a_target_that_does_not_answer_gives_her_back(house: House) -> None:
    caller, agent, target = transferring(house)
    house.ring(target)
    house.wait(300)
    assert target in house.hung_up
    assert house.reports[-1] == (agent, 408)
    house.resume(agent)
    assert house.hears(caller) == agent


def test_a_target_that_nobody_knows_gives_her_back(house: House) -> None:
    caller, agent = talking(house)
    house.transfer(agent, "9999")
    assert house.reports == [(agent, 100), (agent, 480)]
    assert house.hears(caller) == agent


def test_a_target_that_declines_when_the_agent_is_gone_leads_her_back_to_her_flow(house: House) -> None:
    caller, agent, target = transferring(house)
    house.leave(agent)
    house.decline(target)
    assert house.reports[-1] == (agent, 486)
    assert path_of(house, caller)[-1] == "message"


def test_a_caller_who_leaves_during_the_transfer_ends_it_for_all(house: House) -> None:
    caller, agent, target = transferring(house)
    house.leave(caller)
    assert {agent, target} <= set(house.hung_up)
    assert house.reports[-1] == (agent, 487)
    house.check_end()


def test_a_transfer_to_an_outside_number_goes_out_for_the_agent(house: House) -> None:
    caller, agent = talking(house)
    house.transfer(agent, "01065241234")
    assert house.wishes[-1].acting == "1001"
    house.answer(house.leg_to("01065241234"))
    assert house.hears(caller) == house.leg_to("01065241234")


def test_the_caller_s_own_line_may_transfer_nobody(house: House) -> None:
    caller, agent = talking(house)
    house.transfer(caller, "01065241234")
    assert house.reports == [(caller, 403)]
    assert house.hears(caller) == agent


def test_a_line_out_may_transfer_nobody(house: House) -> None:
    caller, agent = talking(house)
    house.transfer(agent, "01065241234")
    outside = house.leg_to("01065241234")
    house.answer(outside)
    house.transfer(outside, "1003")
    assert house.reports[-1] == (outside, 403)
    assert house.hears(caller) == outside


def test_a_second_transfer_waits_for_the_first(house: House) -> None:
    _, agent, _ = transferring(house)
    house.transfer(agent, "1003")
    assert house.reports[-1] == (agent, 480)


def test_a_transfer_to_nobody_is_refused(house: House) -> None:
    _, agent = talking(house)
    house.tell(TransferAsked(agent, Uri("sip", None, host=HOUSE), None, ""))
    assert house.reports == [(agent, 403)]


# -- taking a place (Replaces) ------------------------------------------------------------------------------


def test_another_telephone_takes_the_agent_s_place(house: House) -> None:
    caller, agent = talking(house)
    other = house.take_place(agent)
    assert other in house.answered
    assert (house.hears(caller), house.hears(other)) == (other, caller)
    assert agent in house.hung_up
    house.leave(agent, "replaced")
    assert house.hears(caller) == other


def test_who_takes_a_place_is_answered_before_the_other_one_goes(house: House) -> None:
    _, agent = talking(house)
    other = house.take_place(agent)
    told = [(type(one), one.call_id) for one in house.commands if isinstance(one, Answer | HangUp)]
    assert told[-2:] == [(Answer, other), (HangUp, agent)]


def test_a_call_that_rings_elsewhere_is_picked_up(house: House) -> None:
    caller = house.resident()
    ringing = house.leg_to("1001")
    house.ring(ringing)
    other = house.take_place(ringing)
    assert house.hears(caller) == other
    assert {house.leg_to(user) for user in house.users} <= set(house.hung_up)


def test_the_caller_s_own_place_cannot_be_taken(house: House) -> None:
    caller, agent = talking(house)
    other = house.take_place(caller)
    assert house.refused == {other: 603}
    assert house.hears(caller) == agent


def test_a_place_is_taken_once(house: House) -> None:
    caller, agent = talking(house)
    house.opens_ports = False
    first, second = house.take_place(agent), house.take_place(agent, "1002", 7)
    house.tell(PortOpened(first, HOUSE, 16000))
    house.tell(PortOpened(second, HOUSE, 16002))
    assert house.hears(caller) == first
    assert house.refused == {second: 603}


def test_a_place_whose_leg_ended_meanwhile_is_not_taken(house: House) -> None:
    caller, agent = talking(house)
    house.opens_ports = False
    other = house.take_place(agent)
    house.leave(agent)
    assert other in house.refused
    assert house.hears(caller) == "zh/bye"


def test_who_wants_a_place_in_a_call_without_telephones_is_refused(house: House) -> None:
    house.users = ()
    caller = house.resident()
    other = house.take_place(caller)
    assert house.refused == {other: 486}


# -- when something fails -----------------------------------------------------------------------------------


def test_both_sides_of_a_talk_are_told_where_their_voices_are_expected_now(house: House) -> None:
    caller, agent = talking(house)
    before = len(house.commands)
    for leg in (caller, agent):
        house.tell(PortMoved(leg, HOUSE, 18000))
    assert house.commands[before:] == [Reoffer(caller, HOUSE, 18000), Reoffer(agent, HOUSE, 18000)]
    for leg in (caller, agent):
        house.tell(MediaMoved(leg, VOICE))
    assert house.hears(caller) == agent


def test_an_agent_who_does_not_follow_to_another_port_is_hung_up_and_her_flow_goes_on(house: House) -> None:
    caller, agent = talking(house)
    house.tell(PortMoved(agent, HOUSE, 18000))
    house.tell(ReofferFailed(agent, 488))
    assert house.hung_up[-1] == agent
    assert caller in house.calls
    assert house.hears(caller) != agent


def test_an_agent_who_refuses_the_same_port_talks_on(house: House) -> None:
    caller, agent = talking(house)
    house.tell(PortMoved(agent, HOUSE, 16000))
    house.tell(ReofferFailed(agent, 500))
    assert agent not in house.hung_up
    assert house.hears(caller) == agent


def test_who_answers_after_the_plane_was_replaced_is_told_then(house: House) -> None:
    house.resident()
    leg = house.leg_to("1001")
    house.ring(leg)
    house.tell(PortMoved(leg, HOUSE, 18000))
    assert not [command for command in house.commands if isinstance(command, Reoffer)]
    house.answer(leg)
    assert [command for command in house.commands if isinstance(command, Reoffer)] == [
        Reoffer(leg, HOUSE, 18000)
    ]


def test_a_plane_that_dies_ends_the_talk_on_both_sides(house: House) -> None:
    caller, agent = talking(house)
    house.tell(MediaFailed(agent, "the plane died"))
    assert agent in house.hung_up
    house.tell(MediaFailed(caller, "the plane died"))
    house.tell(MediaFailed(caller, "the plane died"))
    house.wait(60)
    assert house.ends[caller].cause == "fault"
    house.check_end()


def test_a_talk_is_never_answered_or_refused_twice(house: House) -> None:
    caller, agent = talking(house)
    house.answer(agent)
    house.ring(agent)
    house.tell(CallEnded(agent, "bye"))
    house.tell(CallEnded(agent, "bye"))
    house.end_prompt(caller)
    assert sum(isinstance(one, Answer) for one in house.commands) == 1
    assert not any(isinstance(one, Refuse) for one in house.commands)
    house.check_end()
