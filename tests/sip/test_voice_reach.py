"""Where our voice may be wanted: nobody far away aims it at this machine or its neighbours' secrets."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_bench import OFFER, Bench, a_request, an_invite
from test_dialling_ways import FIRST, OURS, Caller, a_target

from hotline.sip.events import CallArrived, CallEnded
from hotline.sip.flow import Flow
from hotline.sip.message import Response
from hotline.sip.voice_reach import VoiceReach, is_unicast

US, FAR, NEAR = "192.0.2.1", "203.0.113.9", "127.0.0.1"
PUBLIC = "198.51.100.1"
NOWHERE_FROM_AFAR = [
    "127.0.0.1",
    "127.0.1.1",
    "169.254.169.254",
    "169.254.7.7",
    "100.100.100.200",
    "0.1.2.3",
    "224.0.1.75",
    "255.255.255.255",
    "gateway.example",
    US,
    PUBLIC,
]


def reach(*peers: str, own: tuple[str, ...] = (US, PUBLIC)) -> VoiceReach:
    return VoiceReach(peers, own)


@pytest.mark.parametrize("address", NOWHERE_FROM_AFAR)
@pytest.mark.parametrize("peers", [(FAR,), (NEAR, FAR), (NEAR, ""), (FAR, NEAR), (US, FAR)])
def test_from_afar_no_near_address_is_taken(address: str, peers: tuple[str, ...]) -> None:
    assert not reach(*peers).takes(address)


@pytest.mark.parametrize("address", [FAR, "198.51.100.77", "10.1.2.3", "192.168.1.20", "2001:db8::9"])
@pytest.mark.parametrize("peers", [(FAR,), (NEAR, FAR), (NEAR,)])
def test_any_other_machine_may_be_named_the_private_ones_behind_a_nat_as_well(
    address: str, peers: tuple[str, ...]
) -> None:
    assert reach(*peers).takes(address)


@pytest.mark.parametrize("peers", [(NEAR,), (US,), (PUBLIC,), ("::1",), (NEAR, NEAR), (NEAR, US)])
@pytest.mark.parametrize("address", [NEAR, "127.0.1.1", US, PUBLIC])
def test_who_is_on_this_machine_may_name_it(address: str, peers: tuple[str, ...]) -> None:
    assert reach(*peers).takes(address)


@pytest.mark.parametrize(
    "address", ["::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "fe80::1", "ff02::1"]
)
def test_the_same_holds_for_ipv6(address: str) -> None:
    assert not reach("2001:db8::9", own=("2001:db8::1",)).takes(address)


def test_on_one_wire_the_addresses_of_the_wire_count() -> None:
    assert reach("fe80::2").takes("fe80::1")
    assert reach("169.254.1.2").takes("169.254.1.3")
    assert not reach("169.254.1.2").takes("169.254.169.254")


@settings(max_examples=200, deadline=None)
@given(st.ip_addresses(), st.ip_addresses(), st.ip_addresses())
def test_whoever_speaks_may_have_its_voice_where_it_speaks_and_nothing_ever_breaks(
    address: ipaddress.IPv4Address, peer: ipaddress.IPv4Address, own: ipaddress.IPv4Address
) -> None:
    place = VoiceReach((str(peer),), (str(own),))
    assert place.takes(str(peer)) is is_unicast(str(peer))
    if place.takes(str(address)):
        plain = getattr(address, "ipv4_mapped", None) or address
        assert not plain.is_multicast
        assert not plain.is_loopback or peer == own or peer.is_loopback


# -- in calls -----------------------------------------------------------------------------------------


def offering(place: str) -> str:
    return OFFER.replace("c=IN IP4 192.0.2.7", f"c=IN IP4 {place}")


@pytest.mark.parametrize("place", ["127.0.0.1", "169.254.169.254", "192.0.2.1"])
def test_an_offer_from_afar_that_names_our_own_machine_is_refused(place: str) -> None:
    bench = Bench()
    refused = bench.hear(an_invite(body=offering(place)))[-1]
    assert isinstance(refused, Response)
    assert refused.status == 488
    assert (refused.headers.get("Warning") or "").startswith("301 ")
    assert bench.events() == []


def test_a_caller_on_this_machine_may_offer_its_loopback() -> None:
    bench = Bench(flow=Flow("udp", ("127.0.0.1", 5060), ("127.0.0.1", 5062), 1))
    bench.hear(an_invite(body=offering("127.0.0.1"), via="SIP/2.0/UDP 127.0.0.1:5062"))
    [arrived] = bench.events()
    assert isinstance(arrived, CallArrived)
    assert arrived.terms is not None
    assert arrived.terms.remote_ip == "127.0.0.1"


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        ("203.0.113.9:5060;branch=z9hG4bKp", 488),
        ("127.0.0.1:5060;branch=z9hG4bKp;received=203.0.113.9", 488),
        ("desk.example;branch=z9hG4bKp", 488),
        ("127.0.0.1:5070;branch=z9hG4bKp", 200),
    ],
)
def test_behind_a_proxy_on_this_machine_it_counts_where_the_call_began(caller: str, status: int) -> None:
    bench = Bench(flow=Flow("udp", ("127.0.0.1", 5060), ("127.0.0.1", 5062), 1))
    invite = an_invite(
        body=offering("127.0.0.1"),
        via="SIP/2.0/UDP 127.0.0.1:5062",
        headers=f"Via: SIP/2.0/UDP {caller}",
    )
    said = bench.statuses(invite)
    if said[-1] == 100 or not said:
        [arrived] = bench.events()
        bench.ua.accept(arrived.call_id, "", 16000, bench.now)
        said = bench.statuses(a_request("OPTIONS", branch="z9hG4bKother", call_id="o"))[:1]
    assert said[-1] == status


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_call_that_stands_is_not_led_there_either(method: str) -> None:
    bench = Bench()
    _, tag = bench.talking()
    moved = a_request(method, to_tag=tag, cseq=2, branch="z9hG4bKmove", body=offering("127.0.0.1"))
    assert bench.statuses(moved)[-1] == 488
    assert bench.events() == []
    held = a_request(method, to_tag=tag, cseq=3, branch="z9hG4bKhold", body=offering("0.0.0.0"))
    assert bench.statuses(held)[-1] == 200  # RFC 2543's hold sends nothing anywhere


def test_a_telephone_that_we_call_does_not_lead_our_voice_there() -> None:
    caller = Caller()
    [invite] = caller.dial((a_target(FIRST),))
    caller.hear(invite, 183, sdp=offering("127.0.0.1"))
    assert all(getattr(event, "terms", None) is None for event in caller.events())
    caller.hear(invite, 200, sdp=offering("127.0.0.1"))
    [ended] = caller.events()
    assert isinstance(ended, CallEnded)
    assert (ended.call_id, ended.status) == (OURS, 488)
