"""Three and more that talk: who hears whom, and that nobody's stream breaks when that changes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mix_rig import (
    AGENT,
    ALL,
    BARGE,
    BOSS,
    CALLER,
    CLERK,
    MONITOR,
    PAIR,
    PITCHES,
    PLACES,
    THREE,
    WHISPER,
    Talk,
    heads,
    hiss,
    is_one_stream,
    loudness,
    steepest,
    tone,
)
from voice_rig import FRAME, Rig, a_bank, key_event, rtp

from hotline.events.ids import CallId, RecordingId
from hotline.media.g711 import EXPANDED, codec_index, encode
from hotline.media.plan import (
    Aim,
    Bridge,
    ClosePort,
    Codec,
    DigitPressed,
    KeyUnsent,
    MediaFailed,
    Mix,
    Play,
    Record,
    Srtp,
    StopPlaying,
    StopRecording,
    Unbridge,
)
from hotline.wire.srtp import SUITES, LibSrtp
from hotline.wire.voice_codecs import available_codecs, make_coder

SILENCE = b"\xd5" * FRAME
SUITE = next(iter(SUITES))


def of(table: tuple[tuple[CallId, CallId], ...], name: CallId) -> set[CallId]:
    return {speaker for listener, speaker in table if listener == name}


@pytest.mark.parametrize(
    "table", [PAIR, MONITOR, WHISPER, BARGE, THREE], ids=("pair", "monitor", "whisper", "barge", "three")
)
def test_everybody_hears_whom_the_table_names_and_nobody_else(
    table: tuple[tuple[CallId, CallId], ...],
) -> None:
    talk = Talk()
    talk.mix(table)
    talk.talk(60)
    for name in (CALLER, AGENT, BOSS, CLERK):
        assert talk.hears(name) == of(table, name), name


@pytest.mark.parametrize("codec", [Codec.PCMU, Codec.G722, Codec.OPUS])
@pytest.mark.parametrize("who", [CALLER, AGENT, BOSS])
def test_legs_of_other_codecs_take_part(codec: Codec, who: CallId) -> None:
    if codec.name.lower() not in map(str.lower, available_codecs()):
        pytest.skip(f"the library of {codec.name} is not installed")
    talk = Talk({who: codec} if codec is Codec.PCMU else None)
    if codec is Codec.PCMU:
        talk.mix(BARGE)
        talk.talk(60)
        for name in (CALLER, AGENT, BOSS):
            assert talk.hears(name) == of(BARGE, name)
        return
    coder, ratio = make_coder(codec), 6 if codec is Codec.OPUS else 1
    sound, packets = tone(PITCHES[who], 70), []
    talk.plane.command(Aim(who, *PLACES[who], codec, 101, payload_type=96))
    for k in range(70):
        payload = coder.encode(sound[k * FRAME : (k + 1) * FRAME])
        packets.append(rtp(k, k * FRAME * ratio, payload, kind=96, ssrc=5))
    talk.mix(BARGE)
    for packet in packets:
        talk.bring(packet, port=talk.port_of[who], at=PLACES[who])
        talk.talk(1, *(one for one in (CALLER, AGENT, BOSS) if one is not who))
    for name in (CALLER, AGENT, BOSS):
        if name is not who:
            assert talk.hears(name) == of(BARGE, name)
    ear = make_coder(codec)
    heard = np.concatenate([ear.decode(packet[12:]) for packet in talk.packets(who)[-40:]])
    for one, pitch in PITCHES.items():
        assert (loudness(heard[FRAME * 10 :], pitch) > 1000) is (one in of(BARGE, who)), one


@pytest.mark.parametrize("who", [CALLER, AGENT, BOSS])
def test_a_protected_leg_takes_part_in_every_way(who: CallId) -> None:
    talk = Talk()
    ours, theirs = bytes(range(30)), bytes(range(30, 60))
    peer = LibSrtp(Srtp(SUITE, theirs, ours))
    talk.plane.command(Aim(who, *PLACES[who], Codec.PCMA, 101, srtp=Srtp(SUITE, ours, theirs)))
    k = 0
    for table in (PAIR, MONITOR, WHISPER, BARGE, PAIR, BARGE):
        talk.mix(table)
        for _ in range(40):
            frame = talk.says[who][k * FRAME : (k + 1) * FRAME]
            packet = peer.protect(rtp(k, k * FRAME, frame, ssrc=7))
            assert packet is not None
            talk.bring(packet, port=talk.port_of[who], at=PLACES[who])
            talk.talk(1, *(one for one in (CALLER, AGENT, BOSS) if one is not who))
            k += 1
        for name in {CALLER, AGENT, BOSS} - {who}:
            assert talk.hears(name) == of(table, name)
    opened = [peer.open(packet) for packet in talk.packets(who)]
    assert None not in opened, "nothing goes in the clear, and no number comes twice"
    octets = np.frombuffer(b"".join(packet[12:] for packet in opened[-25:] if packet), np.uint8)
    sound = EXPANDED[codec_index(Codec.PCMA)][octets]
    assert {one for one, hz in PITCHES.items() if loudness(sound, hz) > 1000} == of(BARGE, who)
    assert is_one_stream([packet for packet in opened if packet])


def test_a_lone_voice_in_a_sum_is_heard_bit_by_bit() -> None:
    talk = Talk()
    talk.says[CALLER] = hiss(600, 5)
    talk.mix(MONITOR)
    talk.talk(60, CALLER)
    heard = talk.voice(BOSS)
    assert talk.says[CALLER][2 * FRAME : 50 * FRAME] in heard, "but for the fade of the first frame"


def test_who_listens_takes_nothing_from_those_who_talk() -> None:
    talk = Talk()
    talk.says[CALLER], talk.says[AGENT] = hiss(600, 5), hiss(600, 6)
    talk.plane.command(Bridge(CALLER, AGENT))
    talk.talk(20)
    talk.mix(MONITOR)
    talk.talk(20)
    talk.mix(PAIR)
    talk.talk(20)
    assert talk.voice(AGENT) == talk.says[CALLER][: 60 * FRAME], "each packet passed as it came"
    assert talk.voice(CALLER) == talk.says[AGENT][: 60 * FRAME]


def test_who_goes_over_to_a_sum_and_back_hears_one_voice_without_a_seam() -> None:
    talk = Talk()
    talk.says[CALLER], talk.says[AGENT] = hiss(600, 5), hiss(600, 6)
    talk.plane.command(Bridge(CALLER, AGENT))
    for table in (BARGE, PAIR, WHISPER, MONITOR, THREE, BARGE, PAIR):
        talk.talk(17, CALLER, AGENT)  # the third says nothing
        talk.mix(table)
    talk.talk(17, CALLER, AGENT)
    said = 8 * 17 * FRAME
    assert talk.voice(AGENT) == talk.says[CALLER][:said], "every sample once, in order"
    assert talk.voice(CALLER) == talk.says[AGENT][:said]
    assert is_one_stream(talk.packets(AGENT))
    assert is_one_stream(talk.packets(CALLER))


@pytest.mark.parametrize("codec", [Codec.PCMA, Codec.PCMU])
def test_nothing_clicks_when_somebody_comes_or_goes(codec: Codec) -> None:
    talk = Talk(dict.fromkeys(ALL, codec))
    for name in ALL:
        talk.says[name] = encode(tone(233.0 + 31 * len(name), 600, 5000), codec).tobytes()
    for table in (PAIR, BARGE, MONITOR, WHISPER, THREE, BARGE, PAIR):
        talk.mix(table)
        talk.talk(23)
    single = steepest(tone(450.0, 50, 5000))
    for name in (CALLER, AGENT):
        assert steepest(talk.sound_at(name, 7 * 23 - 3)) < 3 * single


def test_loud_voices_together_bend_and_do_not_break() -> None:
    talk = Talk()
    for name, pitch in zip(ALL, (210, 270, 350, 440), strict=True):
        talk.says[name] = encode(tone(pitch, 600, 30_000), Codec.PCMA).tobytes()
    talk.mix(THREE)
    talk.talk(60)
    sound = talk.sound_at(AGENT)
    assert steepest(sound) < 20_000, "a sum that overflowed would jump from end to end"
    assert min(loudness(sound, 210), loudness(sound, 440)) > 12_000
    assert max(loudness(sound, 270), loudness(sound, 350)) < 1000


def test_a_leg_that_goes_leaves_the_others_talking() -> None:
    talk = Talk()
    talk.mix(BARGE)
    talk.talk(30)
    talk.plane.command(ClosePort(BOSS))
    talk.talk(40, CALLER, AGENT)
    assert talk.hears(CALLER) == {AGENT}
    assert talk.hears(AGENT) == {CALLER}
    assert is_one_stream(talk.packets(CALLER))
    assert talk.plane.is_bridged(np.arange(8)).sum() == 2, "passed on again"


def test_the_agent_goes_and_caller_and_clerk_talk_on() -> None:
    talk = Talk()
    talk.mix(THREE)
    talk.talk(30)
    talk.plane.command(ClosePort(AGENT))
    talk.talk(40, CALLER, CLERK)
    assert talk.hears(CALLER) == {CLERK}
    assert talk.hears(CLERK) == {CALLER}
    talk.plane.command(Unbridge(CALLER))
    talk.talk(40, CALLER, CLERK)
    assert talk.voice(CLERK)[-20 * FRAME :] == SILENCE * 20


def test_recordings_of_both_sides_go_on_as_they_came() -> None:
    talk = Talk()
    talk.says[CALLER], talk.says[AGENT] = hiss(600, 5), hiss(600, 6)
    talk.plane.command(Bridge(CALLER, AGENT))
    talk.plane.command(Record(CALLER, RecordingId("r"), 60.0, both=True))
    for table in (BARGE, MONITOR, THREE, WHISPER, PAIR):
        talk.talk(15)
        talk.mix(table)
    talk.talk(15)
    talk.plane.command(StopRecording(CALLER))
    talk.collect()
    assert talk.disk["r"] == talk.says[CALLER][: 90 * FRAME]
    assert talk.disk["r.far"] == talk.says[AGENT][: 90 * FRAME]


def test_music_stands_above_a_sum() -> None:
    talk = Talk()
    talk.mix(THREE)
    talk.talk(10)
    talk.plane.command(Play(CALLER, ["zh/short"], 1, repeats=True))
    before = len(talk.packets(CALLER))
    talk.talk(10)
    bank = a_bank()
    start, end = bank.span("zh/short") or (0, 0)
    music = bank.rows[codec_index(Codec.PCMA), start:end].tobytes()
    assert talk.voice(CALLER, before) == music * 5
    assert talk.hears(AGENT) == {CALLER, CLERK}
    talk.plane.command(StopPlaying(CALLER))
    talk.talk(40)
    assert talk.hears(CALLER) == {AGENT, CLERK}
    assert is_one_stream(talk.packets(CALLER))


def test_a_held_leg_is_sent_nothing_and_hears_on_later() -> None:
    talk = Talk()
    talk.mix(THREE)
    talk.talk(10)
    talk.plane.command(Aim(CLERK, *PLACES[CLERK], Codec.PCMA, 101, sends=False))
    before = len(talk.packets(CLERK))
    talk.talk(20)
    assert len(talk.packets(CLERK)) == before
    talk.plane.command(Aim(CLERK, *PLACES[CLERK], Codec.PCMA, 101, sends=True))
    talk.talk(40)
    assert talk.hears(CLERK) == {CALLER, AGENT}


def test_a_lost_packet_fades_and_the_talk_goes_on() -> None:
    talk = Talk()
    talk.mix(MONITOR)
    talk.talk(20, CALLER)
    talk.k[CALLER] += 1  # lost
    talk.turn()
    talk.talk(60, CALLER)
    sound = talk.sound_at(BOSS, 75)
    assert steepest(sound) < 3 * steepest(tone(PITCHES[CALLER], 20))
    assert talk.hears(BOSS) == {CALLER}


def test_packets_out_of_order_and_in_bursts_are_put_right() -> None:
    talk = Talk()
    talk.says[CALLER] = hiss(600, 5)
    talk.mix(MONITOR)
    order = [0, 1, 2, 4, 3, 5, 6, 8, 7, 9]
    for start in range(0, 100, 10):
        for k in order:
            talk.k[CALLER] = start + k
            talk.say(CALLER)
            talk.turn()
    assert talk.says[CALLER][10 * FRAME : 90 * FRAME] in talk.voice(BOSS)


def test_after_a_pause_a_voice_is_not_far_behind() -> None:
    talk = Talk()
    talk.mix(MONITOR)
    talk.talk(20, CALLER)
    talk.turn(100)
    talk.k[CALLER] += 100
    before = len(talk.packets(BOSS))
    talk.talk(10, CALLER)
    heard = talk.sound_at(BOSS, len(talk.packets(BOSS)) - before)
    assert loudness(heard[4 * FRAME :], PITCHES[CALLER]) > 3000, "40 ms, and not two seconds"


@pytest.mark.parametrize("ticks", [49, 51], ids=["slow", "fast"])
def test_a_talkers_clock_may_be_wrong_for_an_hour(ticks: int) -> None:
    """A talker whose clock is 2 % off: a thousand times what is usual, so that seconds stand for an hour."""
    talk = Talk()
    talk.says[CALLER] = encode(tone(PITCHES[CALLER], 2000), Codec.PCMA).tobytes()
    talk.mix(MONITOR)
    for n in range(30 * 50):
        if n % 50 != 49 or ticks == 51:
            talk.say(CALLER)
        if n % 50 == 49 and ticks == 51:
            talk.say(CALLER)
        talk.turn()
        if n > 100:
            slot = talk.plane._legs.by_call[CALLER].slot
            behind = talk.plane._parts.lines.edge[slot] - talk.plane._mixing._position[slot]
            assert behind <= 7 * FRAME
    assert loudness(talk.sound_at(BOSS, 30), PITCHES[CALLER]) > 2000


def test_keys_reach_those_who_hear_a_sum() -> None:
    talk = Talk()
    talk.plane.command(Aim(CALLER, *PLACES[CALLER], Codec.PCMA, None))
    talk.mix(THREE)
    talk.talk(10)
    for n in range(1, 5):
        packet = rtp(900 + n, 90_000, key_event(7, n * 160, is_end=n == 4), kind=101, ssrc=ord("a"))
        talk.bring(packet, port=talk.port_of[AGENT], at=PLACES[AGENT])
    talk.talk(20, CALLER, CLERK)
    assert [(event.call_id, event.digit) for event in talk.of(DigitPressed)] == [(AGENT, "7")]
    assert [(event.call_id, event.digit) for event in talk.of(KeyUnsent)] == [(CALLER, "7")]
    keys = [packet for packet in talk.packets(CLERK) if packet[1] & 0x7F == 101]
    assert len(keys) >= 5
    assert {packet[12] for packet in keys} == {7}
    assert len({head[2] for head in heads(keys)}) == 1


def test_talkers_in_a_sum_press_no_keys_in_their_voice() -> None:
    talk = Talk()
    two = tone(770.0, 60, 6000) + tone(1336.0, 60, 6000)  # a 5
    talk.says[CALLER] = encode(two, Codec.PCMA).tobytes()
    talk.mix(THREE)
    talk.talk(50)
    assert not talk.of(DigitPressed)


def test_who_cannot_take_part_is_told_and_nothing_changes() -> None:
    talk = Talk()
    talk.plane.command(Bridge(CALLER, AGENT))
    talk.mix((*PAIR, (CallId("nobody"), CALLER)))
    talk.mix((*PAIR, (CALLER, CALLER)))
    talk.plane.command(Mix(CallId("nobody"), PAIR))
    talk.talk(30)
    assert [event.call_id for event in talk.of(MediaFailed)] == [CALLER, CALLER, "nobody"]
    assert talk.hears(CALLER) == {AGENT}


def test_a_hundred_talks_of_three_do_not_mix() -> None:
    rig = Rig(ports=300)
    places = [("192.0.2.9", 2000 + n) for n in range(300)]
    ports = [rig.open(f"c{n}", places[n]) for n in range(300)]
    names = [CallId(f"c{n}") for n in range(300)]
    for n in range(0, 300, 3):
        rig.plane.command(Mix(names[n], tuple(itertools.permutations(names[n : n + 3], 2))))
    sounds = [encode(tone(300 + 7 * n, 40, 3000), Codec.PCMA).tobytes() for n in range(300)]
    for k in range(40):
        for n in range(300):
            frame = sounds[n][k * FRAME : (k + 1) * FRAME]
            rig.bring(rtp(k, k * FRAME, frame, ssrc=n), port=ports[n], at=places[n])
        rig.turn()
    for n in range(300):
        heard = b"".join(packet[12:] for packet in rig.packets_to(places[n], ports[n])[-25:])
        sound = EXPANDED[codec_index(Codec.PCMA)][np.frombuffer(heard, np.uint8)]
        first = n - n % 3
        for one in range(first, first + 3):
            assert (loudness(sound, 300 + 7 * one) > 1500) is (one != n)
        assert loudness(sound, 300 + 7 * ((n + 50) % 300)) < 500


TABLES = (PAIR, MONITOR, WHISPER, BARGE, THREE, (), ((BOSS, CALLER),), ((CLERK, BOSS), (BOSS, CLERK)))
MOVES = st.lists(st.tuples(st.sampled_from(ALL), st.integers(0, 9), st.sampled_from(TABLES)), max_size=50)


def do(talk: Talk, name: CallId, move: int, table: tuple[tuple[CallId, CallId], ...], number: int) -> None:
    if move == 0:
        talk.plane.command(ClosePort(name))
        talk.port_of[name] = talk.open(name, PLACES[name], Codec.PCMA)
        talk.codecs[name] = Codec.PCMA
    elif move == 3:
        codec = talk.codecs[name] = Codec.PCMU if talk.codecs[name] is Codec.PCMA else Codec.PCMA
        talk.plane.command(Aim(name, *PLACES[name], codec, 101, sends=len(table) != 2))
    elif move == 6 and name != CALLER:
        talk.plane.command(Bridge(CALLER, name))
    else:
        talk.plane.command(
            {
                1: Play(name, ["zh/short"], number, repeats=bool(table)),
                2: StopPlaying(name),
                4: Unbridge(name),
                5: Record(name, RecordingId(f"r{number}"), 9.0, both=bool(table)),
            }.get(move, Mix(name, table))
        )


def assert_nothing_is_left(talk: Talk) -> None:
    roster, mixing = talk.plane.roster, talk.plane._mixing
    assert talk.plane.is_idle()
    assert not mixing.is_on
    assert not {*mixing._gathering, *mixing._tails, *mixing._is_fresh}
    assert not (mixing.is_source | roster._is_gathering | roster.is_relayed).any()
    for phase in range(roster.phases):
        assert not len(roster.sending(phase)) + len(roster.resting(phase)) + len(roster.relayed(phase))


@settings(max_examples=60, deadline=None)
@given(MOVES)
def test_no_order_of_commands_leaves_anything_behind(
    moves: list[tuple[CallId, int, tuple[tuple[CallId, CallId], ...]]],
) -> None:
    talk = Talk()
    for number, (name, move, table) in enumerate(moves):
        do(talk, name, move, table, number)
        talk.talk(2, *ALL[: 1 + number % 4])
    for packets in talk.all_packets():
        streams: dict[int, list[int]] = {}
        for head in heads(packets):
            streams.setdefault(head[3], []).append(head[1])
        for numbers in streams.values():
            assert all((b - a) & 0xFFFF == 1 for a, b in itertools.pairwise(numbers))
    for name in ALL:
        talk.plane.command(ClosePort(name))
    talk.turn(2)
    assert_nothing_is_left(talk)
