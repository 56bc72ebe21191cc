"""The pool of media ports: no port twice, the longest unused one first, rest for callers behind NAT."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import LocalProtocolError
from hotline.media.ports import REST_S, PortPool, Seat, even_ports, place_of

CALLER = ("192.0.2.7", 40000)


def test_only_even_ports_of_the_range_carry_voice() -> None:
    assert list(even_ports(16001, 16006)) == [16002, 16004, 16006]
    assert list(even_ports(16000, 16000)) == [16000]
    assert not even_ports(16001, 16001)


def test_a_freed_port_is_taken_again_as_late_as_possible() -> None:
    pool = PortPool(["192.0.2.1"], [16000, 16002, 16004])
    first = pool.take("", CALLER, 0.0)[1]
    pool.give_back(first, 1.0)
    assert [pool.take("", CALLER, 9.0)[1].port for _ in range(3)] == [16002, 16004, 16000]


def test_a_pool_that_is_empty_says_so() -> None:
    pool = PortPool(["192.0.2.1"], [16000, 16002])
    pool.take("", CALLER, 0.0)
    pool.take("", CALLER, 0.0)
    assert pool.free == 0
    with pytest.raises(LocalProtocolError, match="all 2 media ports are taken"):
        pool.take("", CALLER, 0.0)


@pytest.mark.parametrize(("remote", "may_latch"), [(CALLER, True), (("", 0), False)])
def test_a_port_rests_before_it_serves_a_caller_who_is_known_by_her_first_packet(
    remote: tuple[str, int], may_latch: bool
) -> None:
    pool = PortPool(["192.0.2.1"], [16000])
    pool.give_back(pool.take("", CALLER, 0.0)[1], 5.0)
    with pytest.raises(LocalProtocolError):
        pool.take("", remote, 5.0 + REST_S / 2, may_latch=may_latch)
    assert pool.take("", remote, 5.0 + REST_S, may_latch=may_latch)[1].port == 16000


def test_a_caller_whose_address_is_known_need_not_wait_for_a_port_to_rest() -> None:
    pool = PortPool(["192.0.2.1"], [16000])
    pool.give_back(pool.take("", CALLER, 0.0)[1], 5.0)
    assert pool.take("", ("192.0.2.8", 40000), 5.0)[1].port == 16000


def test_the_port_is_at_the_address_where_the_caller_reached_us() -> None:
    pool = PortPool(["192.0.2.1", "2001:db8::1"], [16000, 16002])
    told, seat = pool.take("2001:db8::1", ("2001:db8::7", 40000), 0.0)
    assert (told, seat.index, seat.port) == ("2001:db8::1", 2, 16000)


@pytest.mark.parametrize(
    ("local_ip", "ips", "group"),
    [
        ("", ["192.0.2.1"], 0),
        ("192.0.2.9", ["::1", "0.0.0.0"], 1),
        ("203.0.113.5", ["192.0.2.1", "2001:db8::1"], 0),
        ("2001:db8::9", ["192.0.2.1", "2001:db8::1"], 1),
    ],
)
def test_an_address_finds_its_ports(local_ip: str, ips: list[str], group: int) -> None:
    assert place_of(local_ip, ips) == (local_ip or ips[0], group)


def test_an_address_without_ports_is_told_with_the_remedy() -> None:
    with pytest.raises(LocalProtocolError, match=r"no media ports at 203\.0\.113\.5.*let hotline listen"):
        place_of("203.0.113.5", ["192.0.2.1", "192.0.2.2"])


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.booleans()), max_size=60),
)
def test_no_two_calls_can_be_taken_for_each_other(per_port: int, moves: list[tuple[bool, int, bool]]) -> None:
    pool = PortPool(["192.0.2.1"], [16000, 16002, 16004], per_port)
    taken: list[Seat] = []
    for now, (comes, who, may_latch) in enumerate(moves):
        if comes:
            remote = ("192.0.2.7", 40000 + who) if who else ("", 0)
            try:
                taken.append(pool.take("", remote, 10.0 * now, may_latch=may_latch)[1])
            except LocalProtocolError:
                continue
        elif taken:
            pool.give_back(taken.pop(who % len(taken)), 10.0 * now)
        assert pool.free == 3 * per_port - len(taken)
        for port in (16000, 16002, 16004):
            there = [seat for seat in taken if seat.port == port]
            assert len({seat.remote for seat in there}) == len(there) <= per_port
            assert sum(seat.may_latch or not seat.remote for seat in there) <= 1
