"""Who is heard: the declared address, or once the first agreed packet; nobody else, ever."""

import pytest
from voice_rig import CALLER, FRAME, Rig, audio, frame_of, key_event, rtp

from hotline.events.ids import CallId
from hotline.media.plan import Aim, Codec, DigitPressed, Play, StopRecording

C1 = CallId("c1")
STRANGER = ("203.0.113.66", 40000)
BEHIND_NAT = ("192.0.2.200", 51234)
SOUND = audio(60)


def speak(rig: Rig, start: int, count: int, **where: object) -> None:
    for k in range(start, start + count):
        rig.bring(rtp(k, k * FRAME, frame_of(SOUND, k)), **where)  # type: ignore[arg-type]
        rig.turn()


def recorded(rig: Rig) -> bytes:
    rig.plane.command(StopRecording(C1))
    rig.collect()
    return rig.disk["r"]


@pytest.mark.parametrize("stranger", [STRANGER, (CALLER[0], CALLER[1] + 2), ("192.0.2.8", CALLER[1])])
def test_a_stranger_is_neither_heard_nor_answered(stranger: tuple[str, int]) -> None:
    rig = Rig()
    rig.open()
    rig.record()
    rig.plane.command(Play(C1, ["zh/greeting"], 1))
    for k in range(20):
        rig.bring(rtp(k, k * FRAME, frame_of(SOUND, k)))
        rig.bring(rtp(k, k * FRAME, bytes(FRAME)), rtp(9, 9, key_event(5, 160), kind=101), at=stranger)
        rig.turn()
    assert recorded(rig) == SOUND[: 20 * FRAME]
    assert rig.plane.counts["stranger"] == 40
    assert not rig.packets_to(stranger)
    assert not rig.of(DigitPressed)


def test_the_right_caller_at_another_calls_port_is_a_stranger() -> None:
    rig = Rig()
    rig.open()
    other = rig.open("c2", ("192.0.2.99", 1))
    rig.bring(rtp(1, 0, frame_of(SOUND, 0)), port=other)
    assert rig.plane.counts["stranger"] == 1


def test_the_first_agreed_packet_fixes_the_source() -> None:
    rig = Rig()
    rig.open(at=("10.0.0.5", 4000), may_latch=True)
    rig.record()
    rig.plane.command(Play(C1, ["zh/greeting"], 1))
    rig.turn()
    speak(rig, 0, 20, at=BEHIND_NAT)
    rig.bring(rtp(20, 20 * FRAME, bytes(FRAME)), at=STRANGER)
    rig.bring(rtp(21, 21 * FRAME, bytes(FRAME)), at=("10.0.0.5", 4000))
    assert recorded(rig) == SOUND[: 20 * FRAME]
    assert len(rig.packets_to(("10.0.0.5", 4000))) == 1
    assert len(rig.packets_to(BEHIND_NAT)) == 20
    assert rig.plane.counts["stranger"] == 2


def test_a_packet_that_was_not_agreed_fixes_nothing() -> None:
    rig = Rig()
    rig.open(at=("10.0.0.5", 4000), may_latch=True)
    rig.bring(rtp(0, 0, bytes(FRAME), kind=96), b"scan", rtp(1, 0, bytes(24), kind=200), at=STRANGER)
    speak(rig, 0, 3, at=BEHIND_NAT)
    assert rig.packets_to(BEHIND_NAT)
    assert not rig.packets_to(STRANGER)


def test_a_key_may_fix_the_source() -> None:
    rig = Rig()
    rig.open(at=("10.0.0.5", 4000), may_latch=True)
    rig.bring(rtp(0, 0, key_event(4, 160), kind=101), at=BEHIND_NAT)
    rig.turn()
    assert [event.digit for event in rig.of(DigitPressed)] == ["4"]
    assert rig.packets_to(BEHIND_NAT)


def test_once_the_declared_address_spoke_nobody_else_may() -> None:
    rig = Rig()
    rig.open(may_latch=True)
    rig.record()
    speak(rig, 0, 5)
    rig.bring(rtp(5, 5 * FRAME, bytes(FRAME)), at=STRANGER)
    assert recorded(rig) == SOUND[: 5 * FRAME]
    assert rig.plane.counts["stranger"] == 1


def test_without_leave_to_latch_a_silent_address_stays_silent() -> None:
    rig = Rig()
    rig.open(at=("10.0.0.5", 4000))
    rig.record()
    speak(rig, 0, 5, at=BEHIND_NAT)
    assert recorded(rig) == b""


def test_the_same_address_again_keeps_the_source_that_was_found() -> None:
    rig = Rig()
    rig.open(at=("10.0.0.5", 4000), may_latch=True)
    speak(rig, 0, 3, at=BEHIND_NAT)
    rig.plane.command(Aim(C1, "10.0.0.5", 4000, Codec.PCMA, 101))
    speak(rig, 3, 3, at=BEHIND_NAT)
    assert len(rig.packets_to(BEHIND_NAT)) == 6


def test_a_new_address_may_be_behind_a_nat_once_more() -> None:
    rig = Rig()
    rig.open(at=("10.0.0.5", 4000), may_latch=True)
    speak(rig, 0, 3, at=BEHIND_NAT)
    rig.plane.command(Aim(C1, "10.0.0.5", 4002, Codec.PCMA, 101))
    speak(rig, 3, 3, at=("192.0.2.200", 51999))
    rig.bring(rtp(6, 6 * FRAME, bytes(FRAME)), at=BEHIND_NAT)
    assert len(rig.packets_to(("192.0.2.200", 51999))) == 3
    assert rig.plane.counts["stranger"] == 1


def test_after_aim_only_the_new_address_is_heard() -> None:
    rig = Rig()
    rig.open()
    rig.record()
    speak(rig, 0, 5)
    rig.plane.command(Aim(C1, "192.0.2.50", 6000, Codec.PCMA, 101))
    speak(rig, 5, 5, at=("192.0.2.50", 6000))
    rig.bring(rtp(10, 10 * FRAME, bytes(FRAME)))
    assert recorded(rig) == SOUND[: 10 * FRAME]
    assert rig.plane.counts["stranger"] == 1


def test_a_delayed_offer_hears_nobody_before_its_answer() -> None:
    rig = Rig()
    rig.open(at=("", 0))
    rig.record()
    rig.bring(rtp(0, 0, bytes(FRAME)), at=STRANGER)
    rig.plane.command(Aim(C1, *CALLER, Codec.PCMA, 101))
    speak(rig, 0, 5)
    assert recorded(rig) == SOUND[: 5 * FRAME]


def test_a_port_forgets_the_call_before() -> None:
    from hotline.media.plan import ClosePort

    rig = Rig(ports=1)
    rig.open()
    speak(rig, 0, 3)
    rig.plane.command(ClosePort(C1))
    rig.open("c2", ("192.0.2.77", 7))
    rig.record("c2")
    rig.bring(rtp(4, 4 * FRAME, bytes(FRAME)))
    assert rig.plane.counts["stranger"] == 1
    rig.plane.command(StopRecording(CallId("c2")))
    rig.collect()
    assert not rig.disk


def test_a_shared_port_tells_its_calls_apart() -> None:
    rig = Rig(ports=1, calls_per_port=3)
    callers = [("192.0.2.1", 1000 + n) for n in range(3)]
    ports = [rig.open(f"c{n}", at) for n, at in enumerate(callers)]
    assert set(ports) == {rig.ports[0]}
    for n in range(3):
        rig.record(f"c{n}", recording=f"r{n}")
    for k in range(20):
        for n, at in enumerate(callers):
            rig.bring(rtp(k, k * FRAME, frame_of(SOUND, k + n)), at=at)
        rig.turn()
    for n in range(3):
        rig.plane.command(StopRecording(CallId(f"c{n}")))
    rig.collect()
    assert [rig.disk[f"r{n}"] for n in range(3)] == [SOUND[n * FRAME : (20 + n) * FRAME] for n in range(3)]


def test_calls_that_could_be_confused_do_not_share_a_port() -> None:
    rig = Rig(ports=3, calls_per_port=2)
    first, second = rig.open("c1"), rig.open("c2")
    assert first != second, "the same remote address"
    waiting = [rig.open(f"n{n}", (f"10.0.0.{n}", 4), may_latch=True) for n in range(3)]
    assert len(set(waiting)) == 3, "one waiting call a port"


def test_a_flood_of_strangers_leaves_the_call_whole() -> None:
    rig = Rig()
    rig.open()
    rig.record()
    junk = [rtp(k, k, bytes(FRAME)) for k in range(1500)]
    for k in range(20):
        rig.bring(*junk, at=STRANGER)
        rig.bring(rtp(k, k * FRAME, frame_of(SOUND, k)))
        rig.turn()
    assert recorded(rig) == SOUND[: 20 * FRAME]
    assert rig.plane.counts["stranger"] == 30_000


def test_a_flood_of_odd_packets_is_bounded() -> None:
    rig = Rig()
    rig.open()
    rig.bring(*[rtp(k, k, bytes(7)) for k in range(1500)])
    assert rig.plane.counts["flood"] == 1500 - 512


def test_keys_and_voice_are_told_apart_by_the_agreed_payload_type() -> None:
    rig = Rig()
    rig.open()
    rig.plane.command(Aim(C1, *CALLER, Codec.PCMA, 97))
    rig.bring(rtp(0, 0, key_event(1, 160), kind=101), rtp(1, 0, key_event(2, 160), kind=97))
    assert [event.digit for event in rig.of(DigitPressed)] == ["2"]
