"""What is counted of packets that come: against what was done to them on the way, and a plain loop."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.media.arrivals import LATE_S, WAIT, Arrivals

Sent = tuple[int, int, float]
"""Number, timestamp, and when it came."""


def bring(
    arrivals: Arrivals, packets: Sequence[Sent], *, slot: int = 0, ssrc: int = 7, first: int = 0x8008
) -> None:
    """Let packets arrive; they are counted with the next ``count``."""
    words = np.array([[first << 16 | n & 0xFFFF, t & 0xFFFFFFFF, ssrc] for n, t, _ in packets], np.uint32)
    at = np.array([at for _, _, at in packets])
    slots = np.full(len(packets), slot)
    arrivals.note(words.reshape(-1, 3), np.full(len(packets), 172), slots, at)


def stream(count: int, start: int = 100, delay: Sequence[float] | None = None) -> list[Sent]:
    """Packets of 20 ms, each so much delayed."""
    waits = delay or [0.0] * count
    return [(start + k, 5000 + 160 * k, 1000 + 0.02 * k + waits[k]) for k in range(count)]


def test_a_clean_stream_has_no_faults() -> None:
    arrivals = Arrivals(2)
    arrivals.open(1, 0.0)
    for start in range(0, 1000, 7):
        bring(arrivals, stream(1000, start=65_000)[start : start + 7], slot=1)
        arrivals.count(0.0)
    arrivals.settle(1, is_end=True)
    assert arrivals.expected(1) == arrivals.received[1] == arrivals.expected_settled(1) == 1000
    assert arrivals.stream(1) == (1000, 1000, 65_999)
    for column in (arrivals.lost, arrivals.duplicates, arrivals.reordered, arrivals.late, arrivals.longest):
        assert column[1] == 0
    assert arrivals.jitter_max_s[1] == pytest.approx(0, abs=1e-9)
    assert arrivals.expected(0) == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from("gggggglld"), min_size=60, max_size=300),
    st.integers(1, 40),
    st.integers(0, 65_535),
)
def test_what_is_lost_and_doubled_on_the_way_is_counted_as_such(
    fates: list[str], cut: int, start: int
) -> None:
    fates[0] = fates[-1] = "g"
    packets = [
        packet
        for packet, fate in zip(stream(len(fates), start=start), fates, strict=True)
        for _ in range({"g": 1, "l": 0, "d": 2}[fate])
    ]
    arrivals = Arrivals(1)
    arrivals.open(0, 0.0)
    for k in range(0, len(packets), cut):
        bring(arrivals, packets[k : k + cut])
        arrivals.count(0.0)
    arrivals.settle(0, is_end=True)
    rows = "".join("l" if fate == "l" else " " for fate in fates).split()
    assert arrivals.expected(0) == len(fates)
    assert arrivals.lost[0] == fates.count("l")
    assert arrivals.duplicates[0] == fates.count("d")
    assert arrivals.bursts[0] == len(rows)
    assert arrivals.longest[0] == max(map(len, rows), default=0)
    assert arrivals.reordered[0] == 0


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(40)), st.integers(1, 40))
def test_packets_out_of_order_are_not_lost(order: list[int], cut: int) -> None:
    ready = stream(42)
    packets = [ready[0], *(ready[1 + k] for k in order), ready[41]]
    arrivals = Arrivals(1)
    arrivals.open(0, 0.0)
    for k in range(0, len(packets), cut):
        bring(arrivals, packets[k : k + cut])
        arrivals.count(0.0)
    arrivals.settle(0, is_end=True)
    overtaken = sum(one < max(order[:k], default=-1) for k, one in enumerate(order))
    assert (arrivals.lost[0], arrivals.duplicates[0], arrivals.reordered[0]) == (0, 0, overtaken)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 0.1), min_size=2, max_size=80), st.integers(1, 80))
def test_jitter_is_that_of_rfc_3550_a_8(delays: list[float], cut: int) -> None:
    packets = stream(len(delays), delay=delays)
    arrivals = Arrivals(1)
    arrivals.open(0, 0.0)
    for k in range(0, len(packets), cut):
        bring(arrivals, packets[k : k + cut])
        arrivals.count(0.0)
    jitter = 0.0
    for before, after in itertools.pairwise(delays):
        jitter += (abs(after - before) - jitter) / 16
    assert arrivals.jitter_s[0] == pytest.approx(jitter, abs=1e-9)


def test_a_packet_far_behind_the_fastest_is_late() -> None:
    delays = [0.0] * 50
    delays[10], delays[20] = LATE_S + 0.01, LATE_S - 0.01
    arrivals = Arrivals(1)
    arrivals.open(0, 0.0)
    bring(arrivals, sorted(stream(50, delay=delays), key=lambda packet: packet[2]))
    arrivals.count(0.0)
    assert arrivals.late[0] == 1
    assert arrivals.reordered[0] == 2


def test_a_key_held_long_is_no_jitter_and_no_loss() -> None:
    arrivals = Arrivals(1)
    arrivals.open(0, 0.0)
    arrivals.agree(0, 101, 8000)
    voice = stream(100)
    bring(arrivals, voice[:40])
    bring(arrivals, [(n, 5000 + 160 * 40, at) for n, _, at in voice[40:70]], first=0x8065)
    bring(arrivals, voice[70:])
    arrivals.count(0.0)
    arrivals.settle(0, is_end=True)
    assert arrivals.received[0] == 100
    assert arrivals.jitter_max_s[0] == pytest.approx(0, abs=1e-9)
    assert not arrivals.pauses[0]


def test_a_new_ssrc_and_a_jump_of_the_numbers_begin_another_stream() -> None:
    arrivals = Arrivals(1)
    arrivals.open(0, 0.0)
    bring(arrivals, stream(50))
    bring(arrivals, stream(50, start=900), ssrc=8)
    arrivals.count(0.0)
    bring(arrivals, stream(50, start=940)[10:], ssrc=8)
    arrivals.count(0.0)
    bring(arrivals, stream(20, start=30_000), ssrc=8)
    arrivals.count(0.0)
    arrivals.settle(0, is_end=True)
    # the first stream went in one batch with the begin of the second, and is left out: no loss is made of it
    assert arrivals.lost[0] == 0
    assert arrivals.expected(0) == 90 + 20
    assert arrivals.stream(0)[:2] == (20, 20)


def test_a_talker_who_is_silent_while_she_listens_pauses() -> None:
    arrivals = Arrivals(2)
    arrivals.open(0, 0.0)
    arrivals.open(1, 0.0)
    bring(arrivals, [(1, 0, 10.0), (2, 160, 10.02), (3, 16_160, 12.02)])
    bring(arrivals, [(1, 0, 10.0), (2, 160, 10.02), (5, 16_160, 12.02)], slot=1)
    arrivals.count(0.0)
    assert arrivals.pauses.tolist() == [True, False]
    bring(arrivals, [(6, 16_320, 12.04)], slot=1, first=0x800D)
    arrivals.count(0.0)
    assert arrivals.pauses[1]


def test_a_clock_that_stood_still_between_talk_spurts_is_no_jitter() -> None:
    arrivals = Arrivals(1)
    arrivals.open(0, 0.0)
    bring(arrivals, stream(20))
    bring(arrivals, [(n, t, at + 0.6) for n, t, at in stream(40)[20:21]], first=0x8088)
    bring(arrivals, [(n, t, at + 0.6) for n, t, at in stream(40)[21:]])
    arrivals.count(0.0)
    assert arrivals.jitter_max_s[0] == pytest.approx(0, abs=1e-9)
    assert arrivals.late[0] == 0


def test_reports_on_a_shared_port_and_foreign_packets_are_not_voice() -> None:
    arrivals = Arrivals(1)
    arrivals.open(0, 0.0)
    bring(arrivals, stream(5))
    bring(arrivals, [(40, 0, 1.0)], first=0x80C8)
    bring(arrivals, [(41, 0, 1.0)], first=0x0008)
    bring(arrivals, stream(5), slot=-1, ssrc=9)
    arrivals.count(3.5)
    assert arrivals.expected(0) == 5
    assert arrivals.heard_at[0] == 3.5


def test_a_call_in_a_slot_begins_without_the_one_before() -> None:
    arrivals = Arrivals(1)
    arrivals.open(0, 0.0)
    bring(arrivals, [*stream(30)[:10], *stream(30)[20:]])
    arrivals.count(0.0)
    bring(arrivals, stream(8, start=120))
    arrivals.open(0, 1.0)
    arrivals.count(1.0)
    assert arrivals.expected(0) == 0
    bring(arrivals, stream(WAIT * 4, start=3))
    arrivals.count(1.0)
    arrivals.settle(0)
    assert arrivals.expected_settled(0) == WAIT * 3
    assert arrivals.lost[0] == 0
