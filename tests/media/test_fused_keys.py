"""A key pressed once counts once: events, INFO and tones of the same press, in any mixture."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from voice_rig import Rig, key_event, rtp

from hotline.events.ids import CallId
from hotline.media.dtmf import KEYS
from hotline.media.keys import FusedKeys, KeySource
from hotline.media.plan import DigitPressed, MediaFailed, NoteKey

TONE, INFO, EVENT = KeySource
C1 = CallId("c1")


def counted(*presses: tuple[str, KeySource, int]) -> str:
    keys = FusedKeys()
    return "".join(
        key for key, source, tick in sorted(presses, key=lambda p: p[2]) if keys.press(key, source, tick)
    )


def test_each_source_alone_counts_all_its_keys() -> None:
    for source in KeySource:
        assert counted(*((key, source, 9 * n) for n, key in enumerate("1155*"))) == "1155*"


def test_tone_and_info_within_200_ms_are_one_key() -> None:
    assert counted(("4", TONE, 10), ("4", INFO, 14)) == "4"
    assert counted(("4", INFO, 10), ("4", TONE, 14)) == "4"


def test_info_of_a_long_key_is_the_echo_of_its_tone() -> None:
    keys = FusedKeys()
    assert keys.press("4", TONE, 10)
    for tick in range(11, 120):
        keys.hold("4", TONE, tick)
    assert not keys.press("4", INFO, 130)
    assert keys.press("4", INFO, 140)


def test_the_same_key_again_is_not_an_echo_of_what_has_had_its_own() -> None:
    assert counted(("4", TONE, 10), ("4", INFO, 14), ("4", TONE, 20), ("4", INFO, 24)) == "44"


def test_another_key_is_no_echo() -> None:
    assert counted(("4", INFO, 10), ("5", EVENT, 12)) == "45"


def test_much_later_it_is_another_press() -> None:
    assert counted(("4", TONE, 10), ("4", INFO, 60)) == "44"
    assert counted(("4", INFO, 10), ("4", EVENT, 25)) == "44"


@settings(max_examples=200)
@given(
    st.text(KEYS, min_size=1, max_size=12),
    st.sets(st.sampled_from(list(KeySource)), min_size=1),
    st.data(),
)
def test_any_mixture_of_sources_that_are_punctual_counts_each_press_once(
    text: str, sources: set[KeySource], data: st.DataObject
) -> None:
    delays = {TONE: st.integers(3, 5), INFO: st.integers(0, 5), EVENT: st.integers(0, 2)}
    presses = [
        (key, source, 8 * n + data.draw(delays[source])) for n, key in enumerate(text) for source in sources
    ]
    assert counted(*presses) == text


# -- in a plane -------------------------------------------------------------------------------------


def digits(rig: Rig) -> str:
    return "".join(event.digit for event in rig.of(DigitPressed))


def test_an_info_counts_by_itself() -> None:
    rig = Rig()
    rig.open(event_payload_type=None)
    for key in "12#":
        rig.plane.command(NoteKey(C1, key))
        rig.turn(20)
    assert digits(rig) == "12#"


def test_an_info_counts_also_where_events_were_agreed_and_never_come() -> None:
    rig = Rig()
    rig.open()
    rig.plane.command(NoteKey(C1, "7"))
    assert digits(rig) == "7"


def test_a_gateway_that_sends_events_and_info_is_heard_once() -> None:
    rig = Rig()
    rig.open()
    for n, key in enumerate("5501"):
        for k in range(3):
            rig.bring(rtp(10 * n + k, 8000 * n, key_event(int(key), 160 * (k + 1)), kind=101))
        rig.turn(3)
        rig.plane.command(NoteKey(C1, key))
        rig.turn(10)
    assert digits(rig) == "5501"


def test_an_info_that_was_faster_than_the_first_event_is_the_same_press() -> None:
    rig = Rig()
    rig.open()
    rig.plane.command(NoteKey(C1, "5"))
    rig.turn(3)
    rig.bring(rtp(0, 0, key_event(5, 160), kind=101))
    assert digits(rig) == "5"


def test_what_is_no_key_is_refused_and_a_call_that_is_over_needs_none() -> None:
    rig = Rig()
    rig.open()
    rig.plane.command(NoteKey(C1, "flash"))
    rig.plane.command(NoteKey(CallId("gone"), "1"))
    assert [event.call_id for event in rig.of(MediaFailed)] == [C1]


@settings(max_examples=60, deadline=None)
@given(st.text(KEYS, min_size=1, max_size=6), st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_a_string_survives_loss_in_the_voice_stream(
    text: str, seed: int, is_told: bool, is_marked: bool
) -> None:
    """Half of each key's packets are lost, its last and its marked ones too; INFO comes too, or not."""
    chance = np.random.default_rng(seed)
    rig = Rig()
    rig.open()
    stamp, number = int(chance.integers(2**32)), int(chance.integers(2**16))
    for key in text:
        length = int(chance.integers(4, 40))
        kept = chance.random(length) < 0.5
        kept[int(chance.integers(min(length, 8)))] = True  # else the key was never told
        for k in range(length):
            number += 1
            if kept[k]:
                event = key_event(KEYS.index(key), 160 * (k + 1), is_end=k > length - 4)
                kind = 101 | (0x80 if k == 0 and is_marked else 0)
                rig.bring(rtp(number, stamp, event, kind=kind))
            rig.turn()
        if is_told:
            rig.plane.command(NoteKey(C1, key))
        stamp += 160 * (length + 5)
        rig.turn(5)
    assert digits(rig) == text
