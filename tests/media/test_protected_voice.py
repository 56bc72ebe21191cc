"""SRTP: what each leg says and hears is protected by its own keys; what is not, is silence."""

import itertools
import secrets
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voice_rig import CALLER, FRAME, Rig, audio, frame_of, key_event, rtp

from hotline.errors import LocalProtocolError
from hotline.events.ids import CallId
from hotline.media.plan import (
    Aim,
    Bridge,
    ClosePort,
    Codec,
    DigitPressed,
    MediaFailed,
    OpenPort,
    Play,
    Srtp,
    StopRecording,
)
from hotline.wire.srtp import SUITES, LibSrtp

C1 = CallId("c1")
EIGHTY, THIRTY_TWO = SUITES
STRANGER = ("203.0.113.66", 40000)


def keys(suite: str = EIGHTY) -> tuple[Srtp, LibSrtp]:
    """Keys as the plane gets them, and the other side's end of the same stream."""
    ours, theirs = secrets.token_bytes(30), secrets.token_bytes(30)
    return Srtp(suite, ours, theirs), LibSrtp(Srtp(suite, theirs, ours))


def secured(codec: Codec = Codec.PCMA, suite: str = EIGHTY, **terms: object) -> tuple[Rig, LibSrtp, Srtp]:
    rig, (srtp, peer) = Rig(), keys(suite)
    rig.open(codec=codec, srtp=srtp, **terms)  # type: ignore[arg-type]
    return rig, peer, srtp


def sealed(peer: LibSrtp, *args: object, **kw: object) -> bytes:
    packet = peer.protect(rtp(*args, **kw))  # type: ignore[arg-type]
    assert packet is not None
    return packet


def recorded(rig: Rig) -> bytes:
    rig.plane.command(StopRecording(C1))
    rig.collect()
    return rig.disk["r"]


@pytest.mark.parametrize("suite", [EIGHTY, THIRTY_TWO])
def test_both_directions_are_protected(suite: str) -> None:
    rig, peer, _ = secured(suite=suite)
    rig.record()
    rig.plane.command(Play(C1, ["zh/greeting"], 1))
    sound = audio(50)
    for k in range(50):
        rig.bring(sealed(peer, 65_520 + k, k * FRAME, frame_of(sound, k)))
        rig.turn()
    assert recorded(rig) == sound
    tag = 10 if suite == EIGHTY else 4
    packets = rig.packets_to()
    assert {len(packet) for packet in packets} == {12 + FRAME + tag}
    opened = [peer.open(packet) for packet in packets]
    assert None not in opened
    plain = Rig()
    plain.open()
    plain.plane.command(Play(C1, ["zh/greeting"], 1))
    plain.turn(50)
    assert [packet[12:] for packet in opened if packet] == [packet[12:] for packet in plain.packets_to()]


def test_roll_over_of_the_sequence_number_is_followed_both_ways() -> None:
    rig, peer, _ = secured()
    for k in range(0, 140_000, 400):
        rig.bring(sealed(peer, k, k * FRAME, audio(1)))
    assert rig.plane.counts["forged"] == 0, "theirs wrapped twice"
    rig.plane.command(Play(C1, ["zh/greeting"], 1))
    rig.turn(6_000)
    assert all(peer.open(packet) is not None for packet in rig.packets_to()), "ours wrapped"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda packet: rtp(5, 5 * FRAME, bytes(FRAME)),
        lambda packet: packet[:-1],
        lambda packet: packet[:40] + bytes([packet[40] ^ 1]) + packet[41:],
        lambda packet: packet[:2] + b"\x77" + packet[3:],
        lambda packet: packet[:12],
        lambda packet: b"",
        lambda packet: packet + bytes(1200),
    ],
)
def test_what_is_forged_or_damaged_is_counted_and_silent(spoil) -> None:
    rig, peer, _ = secured()
    rig.record()
    sound = audio(10)
    for k in range(10):
        packet = sealed(peer, k, k * FRAME, frame_of(sound, k))
        rig.bring(spoil(packet) if k == 5 else packet)
        rig.turn()
    assert recorded(rig) == sound[: 5 * FRAME] + b"\xd5" * FRAME + sound[6 * FRAME :]
    assert rig.plane.counts["forged"] == 1
    assert not rig.of(MediaFailed)


def test_wrong_keys_hear_nothing_and_end_nothing() -> None:
    rig, _, _ = secured()
    _, other = keys()
    rig.record()
    for k in range(20):
        rig.bring(sealed(other, k, k * FRAME, audio(1)))
        rig.turn()
    assert recorded(rig) == b""
    assert rig.plane.counts["forged"] == 20
    assert not rig.of(MediaFailed)
    assert not rig.packets_to(), "nobody agreed has spoken"


def test_a_packet_is_heard_once() -> None:
    rig, peer, _ = secured()
    packet = sealed(peer, 1, 0, key_event(7, 160), kind=101)
    for _ in range(3):
        rig.bring(packet)
    later = sealed(peer, 2, 0, key_event(7, 320), kind=101)
    rig.bring(later, packet)
    assert len(rig.of(DigitPressed)) == 1
    assert rig.plane.counts["forged"] == 3


def test_a_new_source_under_the_same_keys_is_heard() -> None:
    rig, peer, _ = secured()
    rig.record()
    sound = audio(20)
    for k in range(20):
        rig.bring(sealed(peer, 9000 * (k // 10) + k, k * FRAME, frame_of(sound, k), ssrc=10 + k // 10))
        rig.turn(1 if k != 9 else 5)
    assert len(recorded(rig)) >= 20 * FRAME
    assert rig.plane.counts["forged"] == 0


def test_nothing_goes_in_the_clear_before_the_answer_says_whether_it_may() -> None:
    """A telephone speaks as soon as it has answered, and its packets may come before its answer."""
    rig, (srtp, peer) = Rig(), keys()
    rig.open(at=("", 0), may_latch=True)
    rig.bring(sealed(peer, 1, 0, audio(1)))
    rig.turn(3)
    assert rig.packets_to() == []
    rig.plane.command(Aim(C1, *CALLER, Codec.PCMA, 101, srtp=srtp))
    rig.bring(sealed(peer, 2, FRAME, audio(1)))
    rig.turn(3)
    opened = [peer.open(packet) for packet in rig.packets_to()]
    assert len(opened) == 3
    assert None not in opened


def test_other_keys_start_the_protection_anew_and_the_same_ones_go_on() -> None:
    rig, peer, srtp = secured()
    rig.plane.command(Play(C1, ["zh/greeting"], 1))
    rig.turn(3)
    rig.plane.command(Aim(C1, *CALLER, Codec.PCMA, 101, srtp=srtp))
    rig.bring(sealed(peer, 1, 0, audio(1)))
    rig.turn(3)
    new, new_peer = keys(THIRTY_TWO)
    rig.plane.command(Aim(C1, *CALLER, Codec.PCMA, 101, srtp=new))
    rig.turn(3)
    rig.bring(sealed(new_peer, 2, FRAME, audio(1)))
    rig.plane.command(Aim(C1, *CALLER, Codec.PCMA, 101))
    rig.turn(3)
    packets = rig.packets_to()
    opened = [peer.open(packet) for packet in packets[:6]] + [
        new_peer.open(packet) for packet in packets[6:9]
    ]
    heads = [struct.unpack("!BBHII", packet[:12]) for packet in [*opened, *packets[9:]] if packet is not None]
    assert len(heads) == 12
    assert {(b[2] - a[2]) & 0xFFFF for a, b in itertools.pairwise(heads)} == {1}
    assert rig.plane.counts["forged"] == 0


def test_only_the_keys_find_a_caller_behind_a_nat() -> None:
    rig, peer, _ = secured(may_latch=True)
    nat = ("203.0.113.5", 61_000)
    rig.record()
    _, other = keys()
    sound = audio(10)
    rig.bring(sealed(other, 1, 0, bytes(FRAME)), rtp(1, 0, bytes(FRAME)), b"x" * 20, b"", at=STRANGER)
    rig.bring(*(sealed(peer, k, k * FRAME, frame_of(sound, k)) for k in range(5)), at=nat)
    rig.turn()
    rig.bring(*(sealed(peer, k, k * FRAME, frame_of(sound, k)) for k in range(5, 10)), at=nat)
    rig.turn()
    assert recorded(rig) == sound
    assert not rig.packets_to(STRANGER)
    assert len(rig.packets_to(nat)) == 2
    assert rig.plane.counts["forged"] == 3


@pytest.mark.parametrize(("one", "other"), [(Codec.PCMA, Codec.PCMU), (Codec.OPUS, Codec.PCMA)])
def test_a_bridge_opens_with_one_key_and_closes_with_the_other(one: Codec, other: Codec) -> None:
    rig = Rig()
    (here, phone), (there, trunk) = keys(), keys(THIRTY_TWO)
    a = rig.open("a", ("192.0.2.1", 1000), one, srtp=here, payload_type=96 if one is Codec.OPUS else -1)
    b = rig.open("b", ("192.0.2.2", 2000), other, srtp=there)
    rig.plane.command(Bridge(CallId("a"), CallId("b")))
    sound = audio(20)
    for k in range(20):
        packet = sealed(trunk, k, k * FRAME, frame_of(sound, k), kind=other.value)
        rig.bring(packet, packet, port=b, at=("192.0.2.2", 2000))
        rig.turn()
    packets = [phone.open(packet) for packet in rig.packets_to(("192.0.2.1", 1000), a)]
    assert len(packets) == 20, "and the doubles are dropped"
    assert None not in packets
    rig.bring(sealed(phone, 1, 0, key_event(4, 160), kind=101), port=a, at=("192.0.2.1", 1000))
    told = trunk.open(rig.packets_to(("192.0.2.2", 2000), b)[-1])
    assert told is not None
    assert told[1] & 0x7F == 101
    for call in ("a", "b"):
        rig.plane.command(ClosePort(CallId(call)))
    assert rig.plane.is_idle()


@pytest.mark.parametrize(
    ("suite", "length", "says"),
    [("AES_CM_256_HMAC_SHA1_80", 46, "is not one of"), (EIGHTY, 29, "has 30 bytes")],
)
def test_keys_that_cannot_be_used_are_told_without_showing_them(suite: str, length: int, says: str) -> None:
    rig, secret = Rig(), bytes(range(65, 65 + length))
    rig.plane.command(OpenPort(C1, *CALLER, Codec.PCMA, 101, srtp=Srtp(suite, secret, secret)))
    (failed,) = rig.of(MediaFailed)
    assert says in failed.reason
    assert secret[:4].decode() not in failed.reason
    assert secret.hex()[:8] not in failed.reason
    assert rig.plane.is_idle()


def test_keys_show_in_no_text() -> None:
    srtp = Srtp(EIGHTY, b"topsecret-topsecret-topsecret!", b"hushhush-hushhush-hushhush-hus")
    for text in (repr(srtp), str(Aim(C1, *CALLER, Codec.PCMA, None, srtp=srtp))):
        assert "secret" not in text
        assert "hush" not in text
    with pytest.raises(LocalProtocolError) as told:
        LibSrtp(Srtp("NONE", b"topsecret", b"hush"))
    assert "secret" not in str(told.value)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=1400), max_size=5))
def test_no_bytes_from_the_peers_address_do_harm(datagrams: list[bytes]) -> None:
    rig, peer, _ = secured()
    rig.record()
    rig.bring(sealed(peer, 1, 0, audio(1)))
    rig.bring(*datagrams)
    rig.turn()
    rig.bring(sealed(peer, 2, FRAME, audio(1, 4)))
    rig.turn()
    assert recorded(rig) == audio(1) + audio(1, 4)
