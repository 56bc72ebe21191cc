"""Ports at several addresses, IPv4 and IPv6, in one plane."""

import pytest
from voice_rig import FRAME, Rig, audio, frame_of, rtp

from hotline.events.ids import CallId
from hotline.media.plan import (
    Aim,
    Bridge,
    ClosePort,
    Codec,
    MediaFailed,
    OpenPort,
    Play,
    PortOpened,
    StopRecording,
)
from hotline.media.rtp import address_words, remote_number

A, B = CallId("a"), CallId("b")
FOUR, SIX = "198.51.100.1", "2001:db8::1"
PHONE_FOUR, PHONE_SIX = ("192.0.2.7", 4000), ("2001:db8:5::7", 6000)
TWIN = ("2001:db8:5:7::", 6000)
"""Another address with the same folded number as PHONE_SIX."""


def a_rig() -> Rig:
    return Rig(ports=4, port_ips=[FOUR, FOUR, SIX, SIX])


def test_a_call_gets_a_port_at_the_address_it_names() -> None:
    rig = a_rig()
    rig.open("a", PHONE_SIX, local_ip=SIX)
    rig.open("b", PHONE_FOUR)
    assert [(event.local_ip, event.local_port) for event in rig.of(PortOpened)] == [
        (SIX, rig.ports[2]),
        (FOUR, rig.ports[0]),
    ]


def test_each_address_runs_out_by_itself() -> None:
    rig = a_rig()
    for n in range(3):
        rig.plane.command(
            OpenPort(CallId(f"c{n}"), "2001:db8:5::7", 6000 + n, Codec.PCMA, None, local_ip=SIX)
        )
    assert [event.reason for event in rig.of(MediaFailed)] == ["all 2 media ports are taken"]
    rig.open("four", PHONE_FOUR)
    rig.plane.command(ClosePort(CallId("c1")))
    assert rig.open("next", PHONE_SIX, local_ip=SIX) == rig.ports[3]


def test_an_address_without_ports_is_named() -> None:
    rig = Rig(ports=2, port_ips=[FOUR, "198.51.100.2"])
    for ip, remote in (("198.51.100.9", PHONE_FOUR), (SIX, PHONE_SIX)):
        rig.plane.command(OpenPort(A, *remote, Codec.PCMA, None, local_ip=ip))
        said = rig.of(MediaFailed)[-1].reason
        assert f"no media ports at {ip}, only at 198.51.100.1, 198.51.100.2" in said


def test_the_outer_address_of_a_nat_leads_to_the_only_one_inside() -> None:
    rig = a_rig()
    rig.open("a", PHONE_FOUR, local_ip="203.0.113.80")
    (opened,) = rig.of(PortOpened)
    assert (opened.local_ip, opened.local_port) == ("203.0.113.80", rig.ports[0])


def test_ports_at_a_wildcard_serve_every_address_of_their_family() -> None:
    rig = Rig(ports=2, port_ips=["0.0.0.0", "::"])
    rig.open("a", PHONE_SIX, local_ip=SIX)
    rig.open("b", PHONE_FOUR, local_ip=FOUR)
    assert [event.local_ip for event in rig.of(PortOpened)] == [SIX, FOUR]


@pytest.mark.parametrize(("ours", "theirs"), [(FOUR, PHONE_SIX), (SIX, PHONE_FOUR)])
def test_the_other_family_is_refused_in_words(ours: str, theirs: tuple[str, int]) -> None:
    rig = a_rig()
    rig.plane.command(OpenPort(A, *theirs, Codec.PCMA, None, local_ip=ours))
    assert (
        f"{theirs[0]} cannot be reached from a port that is IPv{4 if ours == FOUR else 6} only"
        in rig.of(MediaFailed)[0].reason
    )
    rig.plane.command(OpenPort(A, "", 0, Codec.PCMA, None, local_ip=ours))
    rig.plane.command(Aim(A, *theirs, Codec.PCMA, None))
    assert len(rig.of(MediaFailed)) == 2


def test_a_call_over_ipv6_is_recorded_and_hears() -> None:
    rig, sound = a_rig(), audio(20)
    port = rig.open("a", PHONE_SIX, local_ip=SIX)
    rig.record("a")
    rig.plane.command(Play(A, ["zh/greeting"], 1))
    for k in range(20):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)), port=port, at=PHONE_SIX)
        rig.turn()
    rig.plane.command(StopRecording(A))
    rig.collect()
    assert rig.disk["r"] == sound
    assert len(rig.packets_to(PHONE_SIX, port)) == 20


@pytest.mark.parametrize("may_latch", [False, True])
def test_an_address_with_the_same_number_is_a_stranger_all_the_same(may_latch: bool) -> None:
    rig = a_rig()
    assert remote_number(*TWIN) == remote_number(*PHONE_SIX)
    port = rig.open("a", PHONE_SIX, local_ip=SIX, may_latch=may_latch)
    rig.record("a")
    rig.bring(rtp(0, 0, audio(1)), port=port, at=PHONE_SIX)
    for k in range(1, 5):
        rig.bring(rtp(k, k * FRAME, audio(1, 9)), port=port, at=TWIN)
        rig.turn()
    rig.plane.command(StopRecording(A))
    rig.collect()
    assert rig.disk["r"] == audio(1)
    assert rig.plane.counts["stranger"] == 4


def test_behind_an_ipv6_firewall_the_first_agreed_packet_fixes_the_source() -> None:
    rig, sound = a_rig(), audio(10)
    port = rig.open("a", PHONE_SIX, local_ip=SIX, may_latch=True)
    rig.record("a")
    for k in range(10):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)), port=port, at=TWIN)
        rig.bring(rtp(k, k * FRAME, bytes(FRAME)), port=port, at=("2001:db8:6::1", 9))
        rig.turn()
    rig.plane.command(StopRecording(A))
    rig.collect()
    assert rig.disk["r"] == sound
    (slot,) = [slot for slot in range(4) if rig.plane.roster.peer(slot)[0]]
    assert rig.plane.roster.peer(slot)[1] == address_words(TWIN[0])


def test_the_two_families_talk_with_each_other() -> None:
    rig, sound = a_rig(), audio(20)
    a = rig.open("a", PHONE_SIX, local_ip=SIX)
    b = rig.open("b", PHONE_FOUR)
    rig.plane.command(Bridge(A, B))
    for k in range(20):
        rig.bring(rtp(k, k * FRAME, frame_of(sound, k)), port=a, at=PHONE_SIX)
        rig.bring(rtp(k, k * FRAME, frame_of(sound, 19 - k)), port=b, at=PHONE_FOUR)
        rig.turn()
    assert b"".join(packet[12:] for packet in rig.packets_to(PHONE_FOUR, b)) == sound
    assert len(rig.packets_to(PHONE_SIX, a)) == 20


def test_names_of_interfaces_and_hosts_are_no_addresses() -> None:
    rig = a_rig()
    for ip in ("fe80::1%eth0", "phone.example", "192.0.2.300"):
        rig.plane.command(OpenPort(A, ip, 4000, Codec.PCMA, None))
    assert len(rig.of(MediaFailed)) == 3
