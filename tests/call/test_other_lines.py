"""A call out that its trunk cannot carry goes out over the next one; one that a person refused does not."""

from __future__ import annotations

import pytest

from hotline.call.search import MOST_LINES
from hotline.events.ids import CallId
from hotline.sip.events import CallRinging
from tests.call.bridge_rig import VOICE, House
from tests.call.test_bridge import FLOW, talking

OUTSIDE = "01065241234"
LINES = ("unicom", "telecom", "mobile")


@pytest.fixture
def house() -> House:
    return House(FLOW, trunks=LINES)


def lines_of(house: House) -> list[str]:
    return [house.dialled[leg].order.origin.name for leg in house.legs_to(OUTSIDE)]


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 580, 401, 407])
def test_what_speaks_of_the_trunk_leads_to_the_next_one(house: House, status: int) -> None:
    near = house.phone("1001", OUTSIDE)
    house.decline(house.leg_to(OUTSIDE), status)
    assert lines_of(house) == ["unicom", "telecom"]
    assert house.wishes[-1].but == ("unicom",)
    assert house.refused == {}
    second = house.leg_to(OUTSIDE)
    house.ring(second)
    house.answer(second)
    assert (house.hears(near), house.hears(second)) == (second, near)
    house.leave(second)
    assert house.ends[near].cause == "finished"
    house.check_end()


@pytest.mark.parametrize("status", [486, 600, 603, 404, 484, 403, 480, 488, 302])
def test_what_speaks_of_the_person_or_the_number_does_not(house: House, status: int) -> None:
    house.phone("1001", OUTSIDE)
    house.decline(house.leg_to(OUTSIDE), status)
    assert lines_of(house) == ["unicom"]
    house.check_end()


@pytest.mark.parametrize("status", [408, 500, 503])
def test_nobody_s_telephone_rings_twice(house: House, status: int) -> None:
    near = house.phone("1001", OUTSIDE)
    house.ring(house.leg_to(OUTSIDE))
    house.decline(house.leg_to(OUTSIDE), status)
    assert lines_of(house) == ["unicom"]
    assert house.refused == {near: status}


def test_the_words_of_a_network_are_no_ringing(house: House) -> None:
    near = house.phone("1001", OUTSIDE)
    first = house.leg_to(OUTSIDE)
    house.ring(first, VOICE)
    assert house.hears(near) == first
    house.decline(first, 503)
    second = house.leg_to(OUTSIDE)
    assert (second != first, house.hears(near)) == (True, "silence")
    house.ring(second, VOICE)
    assert house.hears(near) == second


def test_a_ringing_tone_of_the_network_s_own_is_ringing_to_its_end(house: House) -> None:
    """Mobile networks play songs before the answer (183) and send no 180."""
    near = house.phone("1001", OUTSIDE)
    house.ring(house.leg_to(OUTSIDE), VOICE)
    house.decline(house.leg_to(OUTSIDE), 408)
    assert lines_of(house) == ["unicom"]
    assert house.refused == {near: 408}


def test_when_all_fail_one_of_their_reasons_is_told(house: House) -> None:
    near = house.phone("1001", OUTSIDE)
    for status in (503, 502, 500):
        house.decline(house.leg_to(OUTSIDE), status)
    assert lines_of(house) == list(LINES)
    assert house.refused == {near: 500}
    assert house.ends[near].cause == "failed"
    assert [(note.peer, note.status) for note in house.notes if note.what == "ended"] == [
        (OUTSIDE, 503), (OUTSIDE, 502), (OUTSIDE, 500)
    ]  # fmt: skip
    house.check_end()


def test_a_silent_trunk_and_none_beside_it_is_no_answer(house: House) -> None:
    house.trunks = ("unicom",)
    near = house.phone("1001", OUTSIDE)
    house.decline(house.leg_to(OUTSIDE), 408)
    assert house.refused == {near: 408}
    assert house.ends[near].cause == "no_answer"


def test_a_call_tries_only_so_many_trunks(house: House) -> None:
    house.trunks = tuple(f"trunk{number}" for number in range(9))
    near = house.phone("1001", OUTSIDE)
    while near not in house.refused:
        house.decline(house.leg_to(OUTSIDE), 503)
    assert lines_of(house) == list(house.trunks[:MOST_LINES])


def test_a_trunk_that_is_tried_twice_is_tried_no_more(house: House) -> None:
    """A directory that does not leave out what failed must not keep a caller waiting for ever."""
    house.trunks = ("unicom",)
    near = house.phone("1001", OUTSIDE)
    house.decline(house.leg_to(OUTSIDE), 503)
    assert near in house.refused
    house.check_end()


def test_who_hangs_up_between_two_trunks_stops_it(house: House) -> None:
    near = house.phone("1001", OUTSIDE)
    house.decline(house.leg_to(OUTSIDE), 503)
    second = house.leg_to(OUTSIDE)
    house.leave(near, "cancel")
    assert house.hung_up == [second]
    assert house.ends[near].cause == "cancelled"
    house.check_end()


def test_a_transfer_goes_over_the_next_trunk_as_well(house: House) -> None:
    caller, agent = talking(house)
    house.transfer(agent, OUTSIDE)
    house.decline(house.leg_to(OUTSIDE), 503)
    assert house.hears(caller) == "music"
    assert [status for _, status in house.reports] == [100]
    house.answer(house.leg_to(OUTSIDE))
    assert house.hears(caller) == house.leg_to(OUTSIDE)
    assert house.reports[-1] == (agent, 200)


def test_a_transfer_that_no_trunk_carries_gives_her_back(house: House) -> None:
    house.trunks = LINES[:2]
    caller, agent = talking(house)
    house.transfer(agent, OUTSIDE)
    house.decline(house.leg_to(OUTSIDE), 503)
    house.decline(house.leg_to(OUTSIDE), 503)
    assert house.hears(caller) == agent
    assert house.reports[-1] == (agent, 503)


def test_a_colleague_s_telephone_that_fails_is_no_line(house: House) -> None:
    near = house.phone("1001", "1002")
    house.decline(house.leg_to("1002"), 503)
    assert house.refused == {near: 503}
    assert len(house.wishes) == 1


def test_each_provisional_response_is_heard_once_it_is_ours(house: House) -> None:
    near = house.phone("1001", OUTSIDE)
    house.tell(CallRinging(CallId(f"{near}-leg9"), 180, None))
    house.decline(house.leg_to(OUTSIDE), 503)
    assert lines_of(house) == ["unicom", "telecom"]
