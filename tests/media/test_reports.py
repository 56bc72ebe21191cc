"""RTCP of a plane's legs: what is sent when, who is heard, and whose voice is missed."""

from __future__ import annotations

from typing import Any

import pytest

from hotline.events.ids import CallId
from hotline.media.plan import (
    Aim,
    Bridge,
    ClosePort,
    Codec,
    ExpectVoice,
    LegQuality,
    Play,
    Srtp,
    VoiceFound,
    VoiceMissing,
)
from hotline.media.reports import Outbound
from hotline.media.rtcp import Report, ReportBlock, SenderInfo, middle, ntp_time, parse_report, write_report
from hotline.media.rtp import FRAME
from hotline.wire.srtp import LibSrtp
from tests.media.voice_rig import CALLER, Rig, rtp

KEYS = Srtp("AES_CM_128_HMAC_SHA1_80", bytes(range(30)), bytes(range(1, 31)))
THEIR_KEYS = Srtp(KEYS.suite, KEYS.receive_key, KEYS.send_key)
THEIRS = 99
C1 = CallId("c1")


class Talk:
    """A rig whose calls hear a packet every 20 ms, in the plane's time."""

    def __init__(self, **terms: object) -> None:
        self.rig, self.now, self.n = Rig(), 0.0, 0
        self.port = self.rig.open(**terms)  # type: ignore[arg-type]
        self.sent: list[Outbound] = []

    def go(self, seconds: float, *, talks: bool = True, loses: int = 0, kind: int = 8) -> None:
        """Let time go by.

        :param loses: every so manieth packet is lost; 0: none.
        """
        for _ in range(round(seconds * 50)):
            self.now += 0.02
            self.n += 1
            if talks and not (loses and self.n % loses == 0):
                self.rig.bring(rtp(self.n, self.n * FRAME, bytes(FRAME), kind=kind, ssrc=THEIRS))
            self.rig.turn()
            self.rig.plane.reports.handle_timer(self.now)
            self.sent += self.rig.plane.reports.take_outbound()
        self.rig.collect()

    def say(self, data: bytes, source: tuple[str, int] = (CALLER[0], CALLER[1] + 1)) -> bool:
        return self.rig.plane.reports.hear(0, source, data, self.now)

    @property
    def ours(self) -> int:
        """SSRC of ours."""
        return int.from_bytes(self.rig.packets_to()[-1][8:12], "big")

    def reports(self) -> list[Report]:
        return [parse_report(out.data) for out in self.sent]

    def told(self, kind: type) -> list[Any]:
        return self.rig.of(kind)


def test_a_report_goes_out_every_five_seconds_or_so_to_the_port_above_the_voice() -> None:
    talk = Talk()
    talk.go(101)
    assert 15 <= len(talk.sent) <= 30  # every 2.05 to 6.2 s, the first after half of that
    assert {(out.port_index, out.is_muxed, out.to) for out in talk.sent} == {
        (0, False, (CALLER[0], CALLER[1] + 1))
    }
    last = talk.reports()[-1]
    assert last.ssrc == talk.ours
    assert last.sender is not None
    assert abs(last.sender.packets - len(talk.rig.packets_to())) < 400
    assert last.sender.octets == last.sender.packets * FRAME
    (block,) = last.blocks
    assert (block.ssrc, block.lost, block.fraction_lost) == (THEIRS, 0, 0)
    assert len(last.cname) == 24
    assert {report.cname for report in talk.reports()} == {last.cname}


def test_loss_is_told_to_the_other_side_and_to_the_product() -> None:
    talk = Talk()
    talk.go(60, loses=10)
    talk.rig.plane.command(ClosePort(C1))
    (block,) = talk.reports()[-1].blocks
    assert block.fraction_lost == pytest.approx(0.1, abs=0.02)
    quality = talk.told(LegQuality)[-1]
    assert quality.is_final
    assert (quality.expected, quality.lost, quality.duplicates, quality.longest_gap_ms) == (2999, 299, 0, 20)
    assert quality.mos == pytest.approx(3.40, abs=0.05)  # R = 93.2 - 95 * 10 / 35.1
    assert quality.burst_ratio == 1.0
    assert quality.far_mos is None


def test_the_product_is_told_when_the_score_changes_and_at_the_end() -> None:
    talk = Talk()
    talk.go(60)
    assert len(talk.told(LegQuality)) == 1
    talk.go(30, loses=4)
    talk.rig.plane.command(ClosePort(C1))
    told = talk.told(LegQuality)
    assert [quality.is_final for quality in told[-2:]] == [False, True]
    assert 3 <= len(told) <= 12
    assert told[0].mos > 4.3 > told[-1].mos


def test_a_goodbye_ends_the_stream() -> None:
    talk = Talk()
    talk.go(1)
    ours = talk.ours
    talk.rig.plane.command(ClosePort(C1))
    (out,) = talk.rig.plane.reports.take_outbound()
    assert parse_report(out.data).gone == (ours,)


def test_a_call_in_which_nothing_was_sent_says_nothing() -> None:
    talk = Talk(may_latch=False)
    talk.go(20, talks=False)
    talk.rig.plane.command(ClosePort(C1))
    assert talk.sent == []
    assert talk.rig.plane.reports.take_outbound() == []
    assert talk.told(LegQuality) == []


def test_what_the_other_side_reports_gives_round_trip_and_its_view() -> None:
    talk = Talk()
    talk.go(12)
    sender = talk.reports()[-1].sender
    assert sender is not None
    sent_at = next(at for at in (talk.now - k / 100 for k in range(1200)) if ntp_time(at) <= sender.ntp)
    delay = talk.now - sent_at - 0.08
    block = ReportBlock(talk.ours, 0.1, 30, 600, 80, middle(sender.ntp), int(delay * 65536))
    assert talk.say(write_report(THEIRS, SenderInfo(ntp_time(7.0), 0, 600, 0), [block], "them"))
    talk.go(0.5)
    talk.rig.plane.command(ClosePort(C1))
    quality = talk.told(LegQuality)[-1]
    assert quality.round_trip_ms == pytest.approx(80, abs=11)
    assert quality.far_jitter_ms == 10.0
    assert quality.far_loss == pytest.approx(30 / quality.sent)
    assert quality.far_mos < quality.mos
    last = parse_report(talk.rig.plane.reports.take_outbound()[-1].data)
    assert last.blocks[0].last_report == middle(ntp_time(7.0))
    assert last.blocks[0].delay == pytest.approx(0.5 * 65536, rel=0.05)


def test_reports_of_strangers_are_not_heard() -> None:
    talk = Talk()
    talk.go(8)
    block = ReportBlock(talk.ours, 0.9, 300, 600, 8000, 0, 0)
    forged = write_report(THEIRS, None, [block], "them")
    for source in (("203.0.113.9", CALLER[1] + 1), (CALLER[0], 5), ("2001:db8::7", CALLER[1] + 1), ("", 0)):
        assert not talk.say(forged, source)
    assert not talk.say(b"noise")
    assert not talk.rig.plane.reports.hear(3, (CALLER[0], CALLER[1] + 1), forged, talk.now)
    talk.rig.plane.command(ClosePort(C1))
    assert talk.told(LegQuality)[-1].far_mos is None


def test_behind_a_nat_reports_go_to_where_the_others_come_from() -> None:
    talk = Talk(may_latch=True)
    talk.go(4)
    assert talk.say(write_report(THEIRS, None, [], "them"), (CALLER[0], 61_001))
    talk.go(10)
    assert {out.to for out in talk.sent if out is not talk.sent[0]} == {(CALLER[0], 61_001)}


def test_reports_go_where_the_description_says() -> None:
    talk = Talk(rtcp_port=53_021)
    talk.go(10)
    elsewhere = Talk(rtcp_ip="192.0.2.99", rtcp_port=53_020)
    elsewhere.go(10)
    assert {out.to for out in talk.sent} == {(CALLER[0], 53_021)}
    assert {out.to for out in elsewhere.sent} == {("192.0.2.99", 53_020)}
    assert elsewhere.say(write_report(THEIRS, None, [], "them"), ("192.0.2.99", 53_020))
    assert not elsewhere.say(write_report(THEIRS, None, [], "them"))


def test_where_both_share_a_port_reports_come_and_go_with_the_voice() -> None:
    talk = Talk(rtcp_mux=True)
    talk.go(10)
    assert {(out.is_muxed, out.to) for out in talk.sent} == {(True, CALLER)}
    block = ReportBlock(talk.ours, 0.1, 30, 600, 80, 0, 0)
    talk.rig.bring(write_report(THEIRS, None, [block], "them"))
    talk.go(0.1)
    talk.rig.plane.command(ClosePort(C1))
    quality = talk.told(LegQuality)[-1]
    assert quality.far_jitter_ms == 10.0
    assert quality.lost == 0
    assert talk.rig.plane.counts["malformed"] == 0


@pytest.mark.parametrize("is_muxed", [False, True])
def test_reports_of_a_protected_voice_are_protected(is_muxed: bool) -> None:
    talk = Talk(srtp=KEYS, rtcp_mux=is_muxed)
    phone = LibSrtp(THEIR_KEYS)
    for n in range(500):
        talk.now += 0.02
        packet = phone.protect(rtp(n, n * FRAME, bytes(FRAME), ssrc=THEIRS))
        assert packet is not None
        talk.rig.bring(packet)
        talk.rig.turn()
        talk.rig.plane.reports.handle_timer(talk.now)
        talk.sent += talk.rig.plane.reports.take_outbound()
    assert talk.sent
    assert talk.sent[-1].is_muxed is is_muxed
    opened = phone.open_report(talk.sent[-1].data)
    assert opened is not None
    report = parse_report(opened)
    assert report.blocks[0].ssrc == THEIRS
    plain = write_report(THEIRS, None, [ReportBlock(report.ssrc, 0.1, 30, 600, 80, 0, 0)], "them")
    sealed = phone.protect_report(plain)
    assert sealed is not None
    for datagram in (plain, sealed):
        if is_muxed:
            talk.rig.bring(datagram)
        else:
            assert talk.say(datagram) is (datagram is sealed)
    talk.rig.plane.command(ClosePort(C1))
    quality = talk.told(LegQuality)[-1]
    assert quality.far_jitter_ms == 10.0
    assert (quality.expected, quality.lost) == (500, 0)


def test_in_a_bridge_what_was_lost_before_us_is_not_counted_as_sent() -> None:
    talk = Talk()
    other = ("192.0.2.8", 50_000)
    port = talk.rig.open("c2", other)
    talk.rig.plane.command(Bridge(C1, CallId("c2")))
    talk.go(30, loses=10)
    counted = [parse_report(out.data).sender for out in talk.sent if out.to[0] == other[0]]
    assert counted[-1] is not None
    talk.rig.plane.command(ClosePort(CallId("c2")))
    (quality,) = (one for one in talk.told(LegQuality) if one.call_id == "c2" and one.is_final)
    assert quality.sent == len(talk.rig.packets_to(other, port))
    assert quality.mos is None


# -- voices that do not come ----------------------------------------------------------------------------


def test_a_voice_that_never_comes_is_told_within_three_seconds_of_the_answer() -> None:
    talk = Talk()
    talk.rig.plane.command(Play(C1, ("zh/voice",), 1, repeats=True))
    talk.go(20, talks=False)
    assert talk.told(VoiceMissing) == []  # early media, ringing
    talk.rig.plane.command(ExpectVoice(C1))
    talk.go(2.3, talks=False)
    assert talk.told(VoiceMissing) == []
    talk.go(0.5, talks=False)
    assert talk.told(VoiceMissing) == [VoiceMissing(C1, "silent")]
    talk.go(10, talks=False)
    assert len(talk.told(VoiceMissing)) == 1
    assert talk.told(VoiceFound) == []
    talk.go(0.3)
    assert talk.told(VoiceFound) == [VoiceFound(C1)]


def test_a_leg_that_ends_while_its_voice_is_missing_is_forgotten() -> None:
    talk = Talk()
    talk.rig.plane.command(ExpectVoice(C1))
    talk.go(3, talks=False)
    assert len(talk.told(VoiceMissing)) == 1
    talk.rig.plane.command(ClosePort(C1))
    talk.go(1, talks=False)  # the plane goes on
    talk.rig.open()
    talk.go(1)
    assert (len(talk.told(VoiceMissing)), talk.told(VoiceFound)) == (1, [])


def test_a_voice_that_stops_is_told_and_so_is_its_return() -> None:
    talk = Talk()
    talk.rig.plane.command(ExpectVoice(C1))
    talk.go(10)
    talk.go(2.9, talks=False)
    assert len(talk.told(VoiceMissing)) == 1
    talk.go(1)
    talk.go(2.9, talks=False)
    assert (len(talk.told(VoiceMissing)), len(talk.told(VoiceFound))) == (2, 1)


def test_packets_of_strangers_in_its_place_are_told_as_such() -> None:
    talk = Talk()
    talk.rig.plane.command(ExpectVoice(C1))
    for _ in range(150):
        talk.n += 1
        talk.rig.bring(rtp(talk.n, talk.n * FRAME, bytes(FRAME)), at=("203.0.113.9", 7000))
        talk.go(0.02, talks=False)
    assert talk.told(VoiceMissing) == [VoiceMissing(C1, "strangers")]
    assert talk.rig.plane.roster.peer_at(0)[0] == 0  # the port is open to be seen at
    talk.go(0.5)
    assert talk.rig.plane.roster.peer_at(0)[0] != 0


@pytest.mark.parametrize("held", [{"sends": False}, {"receives": False}, {"remote_ip": ""}])
def test_whoever_holds_us_or_is_muted_by_its_terms_is_not_missed(held: dict[str, object]) -> None:
    talk = Talk()
    talk.rig.plane.command(ExpectVoice(C1))
    talk.go(1)
    terms = {"remote_ip": CALLER[0]} | held
    talk.rig.plane.command(Aim(C1, remote_port=CALLER[1], codec=Codec.PCMA, event_payload_type=101, **terms))  # type: ignore[arg-type]
    talk.go(20, talks=False)
    assert talk.told(VoiceMissing) == []
    talk.rig.plane.command(Aim(C1, *CALLER, Codec.PCMA, 101))
    talk.go(2.2, talks=False)
    assert talk.told(VoiceMissing) == []
    talk.go(0.7, talks=False)
    assert len(talk.told(VoiceMissing)) == 1


def test_a_hold_ends_the_alarm() -> None:
    talk = Talk()
    talk.rig.plane.command(ExpectVoice(C1))
    talk.go(3, talks=False)
    talk.rig.plane.command(Aim(C1, *CALLER, Codec.PCMA, 101, receives=False))
    talk.go(0.1, talks=False)
    assert (len(talk.told(VoiceMissing)), len(talk.told(VoiceFound))) == (1, 1)


def test_comfort_noise_is_a_sign_of_life() -> None:
    talk = Talk()
    talk.rig.plane.command(ExpectVoice(C1))
    talk.go(2)
    talk.go(0.02, kind=13)
    talk.go(30, talks=False)
    talk.go(2)
    talk.go(10, talks=False)
    assert talk.told(VoiceMissing) == []


def test_a_stream_that_said_goodbye_is_not_missed() -> None:
    talk = Talk()
    talk.rig.plane.command(ExpectVoice(C1))
    talk.go(2)
    assert talk.say(write_report(THEIRS, None, [], "them", says_goodbye=True))
    talk.go(10, talks=False)
    assert talk.told(VoiceMissing) == []
