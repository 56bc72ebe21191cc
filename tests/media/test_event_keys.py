"""RFC 4733: each key once, however its packets fare."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from voice_rig import key_event

from hotline.media.dtmf import KEYS, EventKeys


def packets_of(text: str, hold: int = 5) -> list[tuple[int, bytes]]:
    """As a phone sends a string: updates every 20 ms, the end three times."""
    stamp, out = 4_294_960_000, []
    for key in text:
        code = KEYS.index(key)
        out += [(stamp & 0xFFFFFFFF, key_event(code, 160 * (n + 1))) for n in range(hold)]
        out += [(stamp & 0xFFFFFFFF, key_event(code, 160 * (hold + 1), is_end=True))] * 3
        stamp += 160 * (hold + 6)
    return out


def read(packets: list[tuple[int, bytes]]) -> str:
    keys = EventKeys()
    return "".join(key for key in (keys.press(*packet) for packet in packets) if key)


def test_a_key_counts_once() -> None:
    assert read(packets_of(KEYS)) == KEYS


def test_the_same_key_twice_counts_twice() -> None:
    assert read(packets_of("5500")) == "5500"


@settings(max_examples=100)
@given(st.text(KEYS, max_size=12), st.randoms(use_true_random=False))
def test_a_string_survives_any_loss_that_leaves_one_packet_a_key(text: str, chance: random.Random) -> None:
    packets = packets_of(text)
    stamps = {stamp for stamp, _ in packets}
    kept_for_sure = {
        stamp: chance.choice([n for n, p in enumerate(packets) if p[0] == stamp]) for stamp in stamps
    }
    kept = [p for n, p in enumerate(packets) if n in kept_for_sure.values() or chance.random() > 0.6]
    assert read(kept) == text


def test_twenty_digits_at_five_percent_loss() -> None:
    chance = random.Random(5)
    for _ in range(200):
        text = "".join(chance.choice(KEYS) for _ in range(20))
        assert read([p for p in packets_of(text) if chance.random() > 0.05]) == text


def test_a_straggler_of_an_earlier_key_counts_nothing() -> None:
    packets = packets_of("12")
    late_end = packets.pop(7)
    assert read([*packets[:9], late_end, *packets[9:]]) == "12"


def test_a_key_held_for_half_a_minute_is_one_key() -> None:
    keys, told = EventKeys(), []
    for n in range(1500):
        total = 160 * (n + 1)
        segment, duration = divmod(total, 0xFFFF)
        told.append(keys.press(1000 + segment * 0xFFFF, key_event(7, duration)))
    assert [key for key in told if key] == ["7"]


def test_a_second_press_after_a_lost_end_is_a_second_key() -> None:
    keys = EventKeys()
    assert keys.press(1000, key_event(7, 800)) == "7"
    assert keys.press(1000 + 0xFFFF, key_event(7, 160)) == "7"


def test_flash_is_no_key() -> None:
    assert EventKeys().press(0, key_event(16, 160)) is None


def test_a_cut_off_event_is_no_key() -> None:
    keys = EventKeys()
    assert keys.press(0, b"\x05\x00\x00") is None
    assert keys.press(0, key_event(5, 160)) == "5"


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=6))))
def test_no_payload_crashes(packets: list[tuple[int, bytes]]) -> None:
    assert len(read(packets)) <= len(packets)
