"""Voices for whoever listens along: both directions apart, bit by bit."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mix_rig import AGENT, CALLER, PAIR, PLACES, THREE, Talk, hiss
from voice_rig import FRAME

from hotline.errors import RemoteProtocolError
from hotline.events.ids import CallId, RecordingId
from hotline.media.plan import Aim, ClosePort, Codec, Record, StopRecording, Tap
from hotline.media.ring import BLOCK
from hotline.media.taps import MOST_TAPS, TapBlock, read_block


def said(talk: Talk, name: CallId, subscriber: str = "s") -> bytes:
    return b"".join(block.data for one, block in talk.tapped if block.call_id == name and one == subscriber)


class Tapped(Talk):
    def __init__(self) -> None:
        super().__init__()
        self.tapped: list[tuple[str, TapBlock]] = []

    def turn(self, ticks: int = 1) -> None:
        for _ in range(ticks):
            super().turn()
            self.tapped += self.plane.take_blocks()


@pytest.fixture
def talk() -> Tapped:
    talk = Tapped()
    talk.says[CALLER], talk.says[AGENT] = hiss(600, 5), hiss(600, 6)
    return talk


@pytest.mark.parametrize("table", [(), PAIR, THREE])
def test_each_direction_comes_as_it_was_said(talk: Tapped, table: tuple[tuple[CallId, CallId], ...]) -> None:
    talk.mix(table)
    for name in (CALLER, AGENT):
        talk.plane.command(Tap(name, "s"))
    talk.talk(100)
    for name in (CALLER, AGENT):
        heard = said(talk, name)
        assert len(heard) >= 90 * FRAME
        assert heard in talk.says[name], "from the first sample on, without a gap"
        starts = [block.start for _, block in talk.tapped if block.call_id == name]
        assert starts == list(range(0, len(starts) * BLOCK, BLOCK))


def test_a_block_comes_soon(talk: Tapped) -> None:
    talk.plane.command(Tap(CALLER, "s"))
    talk.talk(13)
    assert len(talk.tapped) == 1, "200 ms, and 40 ms for packets out of order"


def test_a_tap_and_a_recording_do_not_disturb_each_other(talk: Tapped) -> None:
    talk.plane.command(Record(CALLER, RecordingId("r"), 60.0))
    talk.plane.command(Tap(CALLER, "s"))
    talk.plane.command(Tap(CALLER, "other"))
    talk.talk(300)
    talk.plane.command(StopRecording(CALLER))
    talk.collect()
    assert talk.disk["r"] == talk.says[CALLER][: 300 * FRAME]
    assert said(talk, CALLER) == said(talk, CALLER, "other")
    assert said(talk, CALLER) in talk.says[CALLER]


def test_who_ends_her_tap_hears_no_more(talk: Tapped) -> None:
    talk.plane.command(Tap(CALLER, "s"))
    talk.plane.command(Tap(CALLER, "other"))
    talk.talk(30)
    talk.plane.command(Tap(CALLER, "s", is_on=False))
    count = len(said(talk, CALLER))
    talk.talk(30)
    assert len(said(talk, CALLER)) == count < len(said(talk, CALLER, "other"))
    talk.plane.forget_subscriber("other")
    assert not talk.plane._taps.is_on


def test_the_end_of_a_leg_is_told(talk: Tapped) -> None:
    talk.plane.command(Tap(CALLER, "s"))
    talk.talk(30)
    talk.plane.command(ClosePort(CALLER))
    talk.turn()
    _, last = talk.tapped[-1]
    assert last.is_last
    assert last.start == len(said(talk, CALLER))
    assert not talk.plane._taps.is_on
    talk.plane.command(Tap(CALLER, "s"))  # too late: no failure
    talk.plane.command(Tap(CALLER, "s", is_on=False))


def test_a_mute_is_silence_of_the_same_length(talk: Tapped) -> None:
    talk.plane.command(Tap(CALLER, "s"))
    talk.talk(20, CALLER)
    talk.turn(100)
    heard = said(talk, CALLER)
    assert len(heard) >= 100 * FRAME
    assert heard[-80 * FRAME :] == b"\xd5" * 80 * FRAME


def test_blocks_name_their_law(talk: Tapped) -> None:
    talk.plane.command(Aim(CALLER, *PLACES[CALLER], Codec.PCMU, 101))
    talk.plane.command(Tap(CALLER, "s"))
    talk.codecs[CALLER] = Codec.PCMU
    talk.talk(30, CALLER)
    assert {block.codec for _, block in talk.tapped} == {Codec.PCMU}


def test_too_many_listeners_are_refused(talk: Tapped) -> None:
    for n in range(MOST_TAPS + 1):
        talk.plane.command(Tap(CALLER, f"s{n}"))
    assert len(talk.plane.take_complaints()) == 1


@given(
    st.text(min_size=1, max_size=40),
    st.sampled_from([Codec.PCMA, Codec.PCMU]),
    st.integers(0, 2**63),
    st.binary(max_size=BLOCK),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_a_block_is_read_as_it_was_written(
    name: str, codec: Codec, start: int, data: bytes, lost: int, is_last: bool
) -> None:
    block = TapBlock(CallId(name), codec, start, data, lost, is_last)
    assert read_block(block.to_bytes()) == block


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda rest: b"TAP1" + rest))
def test_no_bytes_break_the_reader(datagram: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        assert read_block(datagram).to_bytes() == datagram
