"""Keys of a bridged call that the voice cannot bring across: events of our own, or a matter of signalling."""

from __future__ import annotations

import struct

import pytest
from test_bridges import THERE, A, B, Pair
from voice_rig import FRAME, audio, key_event, rtp

from hotline.events.ids import CallId
from hotline.media.dtmf import KEYS, EventKeys
from hotline.media.key_sender import ENDS, KEY_TICKS, PAUSE_TICKS
from hotline.media.plan import Aim, Bridge, ClosePort, Codec, DigitPressed, KeyUnsent, NoteKey, Unbridge

SPEECH = audio(1)


def talk(pair: Pair, ticks: int, first: int = 0) -> None:
    """Let one side talk for so long, a packet each tick, and time pass."""
    for n in range(first, first + ticks):
        pair.say_a(rtp(n, n * FRAME, SPEECH))
        pair.turn()


def split(packets: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Tell voice and keys apart."""
    keys = [packet for packet in packets if packet[1] & 0x7F == 101]
    return [packet for packet in packets if packet[1] & 0x7F != 101], keys


def pressed(keys: list[bytes]) -> list[str]:
    """Read the keys as a telephone does."""
    reader = EventKeys()
    told = (reader.press(struct.unpack("!I", packet[4:8])[0], packet[12:]) for packet in keys)
    return [key for key in told if key is not None]


def test_a_key_by_info_is_heard_as_an_event_by_the_other_side() -> None:
    pair = Pair()
    talk(pair, 5)
    pair.plane.command(NoteKey(A, "5"))
    talk(pair, 12, 5)
    _, keys = split(pair.at_b())
    assert pressed(keys) == ["5"]
    assert len(keys) == KEY_TICKS - 1 + ENDS
    assert [packet[1] >> 7 for packet in keys] == [1] + [0] * (len(keys) - 1), "the first bears the marker"
    assert len({packet[4:8] for packet in keys}) == 1, "all bear the time when it began"
    durations = [struct.unpack("!H", packet[14:16])[0] for packet in keys]
    assert durations == [FRAME * n for n in range(1, KEY_TICKS)] + [FRAME * KEY_TICKS] * ENDS
    assert [packet[13] >> 7 for packet in keys] == [0] * (KEY_TICKS - 1) + [1] * ENDS
    assert pair.of(DigitPressed) == [DigitPressed(A, "5")]


def test_its_packets_stand_in_one_line_with_the_voice() -> None:
    pair = Pair()
    talk(pair, 5)
    pair.plane.command(NoteKey(A, "#"))
    talk(pair, 12, 5)
    packets = pair.at_b()
    numbers = [struct.unpack("!H", packet[2:4])[0] for packet in packets]
    assert sorted(numbers) == [min(numbers) + n for n in range(len(numbers))]
    assert len({packet[8:12] for packet in packets}) == 1
    voice, _ = split(packets)
    times = [struct.unpack("!I", packet[4:8])[0] for packet in voice]
    assert times == sorted(times)


def test_keys_that_come_together_are_pressed_one_after_another() -> None:
    pair = Pair()
    for key in "1199*#0D":
        pair.plane.command(NoteKey(A, key))
    talk(pair, 8 * (KEY_TICKS + PAUSE_TICKS + 2))
    assert pressed(split(pair.at_b())[1]) == list("1199*#0D")


def test_a_key_is_heard_while_nobody_talks() -> None:
    pair = Pair()
    pair.plane.command(NoteKey(A, "7"))
    pair.turn(20)
    voice, keys = split(pair.at_b())
    assert pressed(keys) == ["7"]
    numbers = [struct.unpack("!H", packet[2:4])[0] for packet in [*voice, *keys]]
    assert sorted(numbers) == [min(numbers) + n for n in range(len(numbers))]


def test_whoever_has_no_events_is_told_by_signalling() -> None:
    pair = Pair()
    pair.plane.command(Aim(B, *THERE, Codec.PCMA, None))
    pair.plane.command(NoteKey(A, "5"))
    pair.turn(20)
    assert split(pair.at_b())[1] == []
    assert pair.of(KeyUnsent) == [KeyUnsent(B, "5")]


def test_a_key_in_the_voice_stream_reaches_whoever_has_no_events_as_well() -> None:
    pair = Pair()
    pair.plane.command(Aim(B, *THERE, Codec.PCMA, None))
    pair.say_a(
        rtp(0, 0, key_event(5, 400), kind=101),
        rtp(1, 0, key_event(5, 800, is_end=True), kind=101),
    )
    pair.turn(3)
    assert pair.of(KeyUnsent) == [KeyUnsent(B, "5")]


def test_a_key_in_the_voice_stream_is_not_sent_twice() -> None:
    pair = Pair()
    pair.say_a(
        rtp(0, 0, key_event(5, 400), kind=101),
        rtp(1, 0, key_event(5, 800, is_end=True), kind=101),
    )
    pair.plane.command(NoteKey(A, "5"))  # the gateway tells it by INFO as well
    pair.turn(20)
    assert len(split(pair.at_b())[1]) == 2
    assert pair.of(KeyUnsent) == []


@pytest.mark.parametrize("key", KEYS)
def test_every_key_has_its_code(key: str) -> None:
    pair = Pair()
    pair.plane.command(NoteKey(A, key))
    pair.turn(10)
    assert pressed(split(pair.at_b())[1]) == [key]


@pytest.mark.parametrize("how", [Unbridge(A), ClosePort(A), ClosePort(B)])
def test_a_key_ends_with_the_talk(how: Unbridge | ClosePort) -> None:
    pair = Pair()
    pair.plane.command(NoteKey(A, "5"))
    pair.turn(2)
    pair.plane.command(how)
    before = len(split(pair.at_b())[1])
    pair.turn(10)
    assert len(split(pair.at_b())[1]) == before


def test_a_call_that_takes_the_place_of_another_gets_none_of_its_keys() -> None:
    pair = Pair()
    pair.plane.command(NoteKey(A, "5"))
    pair.plane.command(ClosePort(B))
    pair.b = pair.open("b2", THERE)
    pair.plane.command(Bridge(A, CallId("b2")))
    pair.turn(10)
    assert split(pair.at_b())[1] == []


def test_outside_a_talk_a_key_is_for_us_alone() -> None:
    pair = Pair()
    pair.plane.command(Unbridge(A))
    pair.plane.command(NoteKey(A, "5"))
    pair.turn(10)
    assert split(pair.at_b())[1] == []
    assert pair.of(DigitPressed) == [DigitPressed(A, "5")]
