"""Reports of RTCP: known bytes, everything that is written can be read, and nothing breaks the reader."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.errors import RemoteProtocolError
from hotline.media.rtcp import (
    MOST_LOST,
    ReportBlock,
    SenderInfo,
    interval_s,
    is_rtcp,
    middle,
    ntp_time,
    parse_report,
    round_trip_s,
    write_report,
)

words = st.integers(0, 2**32 - 1)
blocks = st.builds(
    ReportBlock,
    words,
    st.integers(0, 255).map(lambda n: n / 256),
    st.integers(-MOST_LOST - 1, MOST_LOST),
    words,
    words,
    words,
    words,
)
senders = st.builds(SenderInfo, st.integers(0, 2**64 - 1), words, words, words)


def test_a_sender_report_is_laid_out_as_rfc_3550_draws_it() -> None:
    block = ReportBlock(0x11223344, 0.5, -2, 0x10005, 80, 0xAABBCCDD, 65536)
    told = write_report(0x01020304, SenderInfo(5 << 32, 160, 7, 1120), [block], "x", says_goodbye=True)
    assert told.hex() == (
        "81c8000c" "01020304" "0000000500000000" "000000a0" "00000007" "00000460"
        "11223344" "80fffffe" "00010005" "00000050" "aabbccdd" "00010000"
        "81ca0002" "01020304" "01017800"
        "81cb0001" "01020304"
    )  # fmt: skip


def test_a_lone_receiver_report_with_another_family_behind_it_is_read() -> None:
    extended = bytes.fromhex("80cf00020102030404000000")  # RFC 3611, an empty block
    report = parse_report(bytes.fromhex("80c9000101020304") + extended)
    assert (report.ssrc, report.sender, report.blocks, report.cname) == (0x01020304, None, (), "")


@settings(max_examples=60)
@given(words, st.none() | senders, st.lists(blocks, max_size=3), st.text(max_size=60), st.booleans())
def test_what_is_written_can_be_read(
    ssrc: int, sender: SenderInfo | None, said: list[ReportBlock], name: str, goes: bool
) -> None:
    told = write_report(ssrc, sender, said, name, says_goodbye=goes)
    assert len(told) % 4 == 0
    assert is_rtcp(told)
    report = parse_report(told)
    assert (report.ssrc, report.sender, report.blocks) == (ssrc, sender, tuple(said))
    assert report.cname == name.encode()[:255].decode("utf-8", "replace")
    assert report.gone == ((ssrc,) if goes else ())


@settings(max_examples=100)
@given(st.binary(max_size=120), st.integers(0, 60))
def test_no_bytes_break_the_reader(noise: bytes, cut: int) -> None:
    whole = write_report(1, SenderInfo(1, 2, 3, 4), [ReportBlock(5, 0, 0, 0, 0, 0, 0)], "name")
    for datagram in (noise, whole[:cut], whole + noise, bytes([0x81, 200]) + noise):
        with contextlib.suppress(RemoteProtocolError):
            parse_report(datagram)


def test_what_is_cut_off_is_refused() -> None:
    whole = write_report(1, None, [ReportBlock(5, 0, 0, 0, 0, 0, 0)], "name")
    for bad in (b"", whole[:-1], whole[:16], b"\x81\xc9\x00\x01" + bytes(4), b"\x82\xcb\x00\x01" + bytes(4)):
        with pytest.raises(RemoteProtocolError):
            parse_report(bad)


def test_the_round_trip_is_what_is_left_of_the_time_since_our_report() -> None:
    sent = 123_456.25
    block = ReportBlock(1, 0, 0, 0, 0, middle(ntp_time(sent)), int(2.5 * 65536))
    assert round_trip_s(block, sent + 2.5 + 0.080) == pytest.approx(0.080, abs=1e-4)
    assert round_trip_s(block, sent + 2.5 - 0.004) == 0.0  # a coarse clock at the other side
    assert round_trip_s(block, sent + 1.0) is None
    assert round_trip_s(ReportBlock(1, 0, 0, 0, 0, 0, 0), sent) is None


def test_the_round_trip_survives_the_wrap_of_the_middle_bits() -> None:
    sent = 65535.9
    block = ReportBlock(1, 0, 0, 0, 0, middle(ntp_time(sent)), 0)
    assert round_trip_s(block, sent + 0.3) == pytest.approx(0.3, abs=1e-4)


def test_reports_are_five_seconds_apart_on_the_whole_and_the_first_comes_sooner() -> None:
    chances = [k / 1000 for k in range(1001)]
    assert min(interval_s(c, is_first=False) for c in chances) == pytest.approx(2.5 / 1.21828)
    assert max(interval_s(c, is_first=False) for c in chances) == pytest.approx(7.5 / 1.21828)
    assert interval_s(0.5, is_first=True) == pytest.approx(2.5 / 1.21828)
