"""A telephone that sends its call to another one of the house (3xx), and where that ends."""

from __future__ import annotations

import pytest

from hotline.call.bridge_states import PORT_S
from hotline.call.search import MOST_FORWARDS
from tests.call.bridge_rig import House
from tests.call.test_bridge import FLOW, path_of, talking

OUTSIDE = "01065241234"


@pytest.fixture
def house() -> House:
    return House(FLOW)


def test_the_call_goes_where_the_telephone_sends_it(house: House) -> None:
    near = house.phone("1001", "1002")
    house.forward(house.leg_to("1002"), "1003")
    assert [one.status for one in house.progress] == [181]
    far = house.leg_to("1003")
    house.ring(far)
    house.answer(far)
    assert (house.hears(near), house.hears(far)) == (far, near)
    house.leave(far)
    assert house.ends[near].path == ("to 1002", "!1002 forwarded to 1003", "!talked with 1003")
    house.check_end()


def test_nobody_acts_for_a_telephone_that_sends_its_call_on(house: House) -> None:
    house.phone("1001", "1002")
    house.forward(house.leg_to("1002"), "1003")
    assert [wish.acting for wish in house.wishes] == ["1001", ""]


@pytest.mark.parametrize("to", [("1003", "192.0.2.99"), (OUTSIDE, "192.0.2.99")])
def test_it_goes_nowhere_else(house: House, to: tuple[str, str]) -> None:
    near = house.phone("1001", "1002")
    house.forward(house.leg_to("1002"), to[0], host=to[1])
    assert house.refused == {near: 503}
    assert len(house.wishes) == 1
    house.check_end()


def test_a_number_outside_is_not_found_for_it(house: House) -> None:
    """The directory would not even tell such a user; if it did, no line is asked for without who acts."""
    near = house.phone("1001", "1002")
    house.forward(house.leg_to("1002"), OUTSIDE)
    assert house.legs_to(OUTSIDE) == []
    assert house.refused == {near: 503}


def test_two_that_send_to_each_other_come_to_an_end(house: House) -> None:
    near = house.phone("1001", "1002")
    house.forward(house.leg_to("1002"), "1003")
    house.forward(house.leg_to("1003"), "1002")
    assert house.refused == {near: 503}
    assert len(house.dialled) == 2
    house.check_end()


def test_one_that_sends_to_itself_comes_to_an_end(house: House) -> None:
    near = house.phone("1001", "1002")
    house.forward(house.leg_to("1002"), "1002")
    assert house.refused == {near: 503}


def test_a_long_chain_comes_to_an_end(house: House) -> None:
    house.users = tuple(str(2000 + number) for number in range(20))
    near = house.phone("1001", "2000")
    for number in range(19):
        if near not in house.refused:
            house.forward(house.leg_to(str(2000 + number)), str(2001 + number))
    assert len(house.dialled) == 1 + MOST_FORWARDS
    assert house.refused == {near: 503}


def test_all_places_that_it_names_ring(house: House) -> None:
    house.users = ("1002", "1003", "1004")
    house.phone("1001", "1002")
    house.forward(house.leg_to("1002"), "1003", "1004", "1003")
    assert [dial.peer for dial in house.dialled.values()] == ["1002", "1003", "1004"]


def test_of_a_group_the_others_go_on_ringing(house: House) -> None:
    house.users = ("1001", "1002", "1003", "1004")
    caller = house.resident()
    first = {user: house.leg_to(user) for user in house.users}
    house.forward(first["1001"], "1009")
    house.forward(first["1002"], "1003")
    assert len(house.dialled) == 4, "1009 is not registered, and 1003 rings already"
    house.answer(first["1003"])
    assert house.hears(caller) == first["1003"]


def test_who_is_found_joins_those_that_ring(house: House) -> None:
    caller = house.resident()
    house.users = (*house.users, "1004")
    house.forward(house.leg_to("1001"), "1004")
    assert house.wishes[-1].only_idle
    house.answer(house.leg_to("1004"))
    assert house.hears(caller) == house.leg_to("1004")
    assert house.leg_to("1002") in house.hung_up


def test_who_is_not_there_leads_back_into_the_flow(house: House) -> None:
    house.users = ("1001",)
    caller = house.resident()
    house.forward(house.leg_to("1001"), "1009")
    assert path_of(house, caller) == ["ring", "message"]


def test_a_line_out_sends_nobody_to_a_telephone(house: House) -> None:
    near = house.phone("1001", OUTSIDE)
    house.users = ()
    house.forward(house.leg_to(OUTSIDE), "1003", host="192.0.2.1")
    assert house.refused == {near: 503}


def test_a_transfer_follows_it(house: House) -> None:
    caller, agent = talking(house)
    house.transfer(agent, "1002")
    house.forward(house.leg_to("1002"), "1003")
    assert house.hears(caller) == "music"
    house.answer(house.leg_to("1003"))
    assert house.hears(caller) == house.leg_to("1003")
    assert house.reports[-1] == (agent, 200)


def test_whom_nobody_finds_in_time_is_given_up(house: House) -> None:
    near = house.phone("1001", "1002")
    house.finds = False
    house.forward(house.leg_to("1002"), "1003")
    assert house.refused == {}
    house.wait(180 + PORT_S)
    assert house.refused == {near: 503}
    house.check_end()
