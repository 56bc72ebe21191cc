"""Who is heard at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.front_door import (
    ACQUAINTANCE_S,
    MAX_ACQUAINTANCES,
    MAX_NOTED,
    NOTE_EVERY_S,
    PEERS_FRESH_S,
    FrontDoor,
)
from hotline.sip.rate import SourceRates, TokenBucket

TRUNK, STRANGER, PHONE = "192.0.2.7", "198.51.100.66", "203.0.113.9"
INVITE, REGISTER, BYE, OK = b"INVITE sip:9", b"REGISTER sip:", b"BYE sip:9", b"SIP/2.0 200 OK"


class House:
    """A front door, and what stands behind it."""

    def __init__(self, **limits: float) -> None:
        self.known = {TRUNK}
        self.peers: set[str] = set()
        self.lists = 0
        self.door = FrontDoor(
            lambda ip, _now: ip in self.known,
            self._list,
            known=SourceRates(10, 20),
            strangers=SourceRates(1, 3),
            all_strangers=TokenBucket(2, limits.get("all_strangers", 100)),
        )

    def _list(self) -> set[str]:
        self.lists += 1
        return self.peers


@pytest.mark.parametrize("start", [INVITE, REGISTER, BYE, OK, b"\r\n\r\n", b"", b"\x00"])
def test_a_trunk_is_heard_whatever_it_says(start: bytes) -> None:
    assert House().door.admits(start, TRUNK, 0.0)


@pytest.mark.parametrize(
    "start", [INVITE, BYE, OK, b"OPTIONS sip:", b"register sip:", b"\r\n\r\n", b"", b"REGISTER"]
)
def test_a_stranger_is_not_heard_unless_he_registers(start: bytes) -> None:
    house = House()
    assert not house.door.admits(start, STRANGER, 0.0)
    assert house.door.counts.unknown_source == 1
    assert house.door.admits(REGISTER, STRANGER, 0.0)


def test_who_registered_is_heard() -> None:
    house = House()
    house.known.add(PHONE)
    assert house.door.admits(INVITE, PHONE, 0.0)


def test_whom_we_wrote_to_is_heard_for_a_while() -> None:
    house = House()
    house.door.wrote_to(STRANGER, 100.0)
    assert house.door.admits(OK, STRANGER, 100.0 + ACQUAINTANCE_S - 1)
    assert not house.door.admits(OK, STRANGER, 100.0 + ACQUAINTANCE_S)


def test_who_stands_in_a_call_is_heard_though_his_registration_ended() -> None:
    house = House()
    house.peers.add(PHONE)
    assert house.door.admits(BYE, PHONE, 0.0)


def test_the_list_of_calls_is_asked_for_once_a_second_whatever_comes() -> None:
    house = House()
    for number in range(100):
        house.door.admits(INVITE, f"198.51.100.{number}", 5.0)
    assert house.lists == 1
    house.door.admits(INVITE, STRANGER, 5.0 + PEERS_FRESH_S)
    assert house.lists == 2


def test_a_known_source_has_its_limit() -> None:
    house = House()
    assert sum(house.door.admits(INVITE, TRUNK, 0.0) for _ in range(30)) == 20
    assert house.door.counts.throttled == 10
    assert house.door.admits(INVITE, TRUNK, 0.1)


def test_registrations_of_one_stranger_have_a_small_limit() -> None:
    house = House()
    assert sum(house.door.admits(REGISTER, STRANGER, 0.0) for _ in range(10)) == 3
    assert house.door.counts.strangers_throttled == 7
    assert house.door.admits(REGISTER, PHONE, 0.0)


def test_forged_strangers_share_one_limit_and_a_trunk_does_not_feel_them() -> None:
    house = House(all_strangers=50)
    assert sum(house.door.admits(REGISTER, f"198.51.{n // 250}.{n % 250}", 0.0) for n in range(1000)) == 50
    assert house.door.admits(INVITE, TRUNK, 0.0)


def test_an_ipv6_subscriber_is_one_source() -> None:
    house = House()
    assert sum(house.door.admits(REGISTER, f"2001:db8::{n:x}", 0.0) for n in range(10)) == 3
    assert house.door.admits(REGISTER, "2001:db8:1::1", 0.0)


def test_connections_of_strangers_are_limited_like_their_messages() -> None:
    house = House()
    assert sum(house.door.admits_connection(STRANGER, 0.0) for _ in range(10)) == 3
    assert all(house.door.admits_connection(TRUNK, 0.0) for _ in range(10))


def test_one_line_an_address_an_hour() -> None:
    door = House().door
    assert [door.is_worth_a_line(STRANGER, at) for at in (0.0, 1.0, NOTE_EVERY_S, NOTE_EVERY_S + 1)] == [
        True,
        False,
        True,
        False,
    ]
    assert door.is_worth_a_line(PHONE, 1.0)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_no_number_of_strangers_takes_more_memory(first: int) -> None:
    door = House().door
    for n in range(MAX_NOTED + 100):
        ip = ".".join(str((first + n * 7919 >> shift) % 256) for shift in (24, 16, 8, 0))
        door.is_worth_a_line(ip, 0.0)
        door.wrote_to(ip, 0.0)
    assert len(door._noted) <= MAX_NOTED
    assert len(door._acquaintances) <= MAX_ACQUAINTANCES
