"""How long decoded voice waits for a packet that others have overtaken."""

from __future__ import annotations

import numpy as np

from hotline.media.coded import (
    CALM_PACKETS,
    LEAST_WAIT_TICKS,
    MOST_WAIT_TICKS,
    WAIT_TICKS,
    CodedVoice,
    Heard,
)
from hotline.media.g711 import Samples
from hotline.media.rtp import FRAME, RtpPacket


class Plain:
    """A coder whose payload is the number of its frame."""

    def encode(self, samples: Samples) -> bytes:
        return samples[:1].tobytes()

    def decode(self, payload: bytes) -> Samples:
        return np.full(FRAME, payload[0], np.int16)

    def conceal(self, length_samples: int, following: bytes) -> Samples:
        return np.zeros(0, np.int16)


def packet(n: int) -> RtpPacket:
    return RtpPacket(9, False, n & 0xFFFF, n * FRAME, 7, bytes([n & 0xFF]))


def run(voice: CodedVoice, order: list[int | None]) -> list[int]:
    """Let a packet come every 20 ms, None for none; give the numbers in the order in which they are heard."""
    heard: list[Heard] = []
    for n in order:
        if n is not None:
            heard += voice.take(packet(n))
        heard += voice.wait()
    return [piece.timestamp // FRAME for piece in heard]


def overtaken(start: int, by: int) -> list[int | None]:
    """Ten packets of which the third comes so many packets late."""
    order: list[int | None] = [start + k for k in range(10)]
    late = order.pop(2)
    order.insert(2 + by, late)
    return order


def test_patience_grows_with_packets_that_come_after_they_were_given_up() -> None:
    voice = CodedVoice(Plain(), 1)
    assert run(voice, overtaken(0, 5)) == [0, 1, 3, 4, 5, 6, 7, 8, 9]
    assert voice.patience == WAIT_TICKS + 1
    for turn in range(1, 5):
        run(voice, overtaken(10 * turn, 5))
    assert run(voice, overtaken(50, 5)) == list(range(50, 60))
    for turn in range(6, 30):
        run(voice, overtaken(10 * turn, 7))
    assert voice.patience <= MOST_WAIT_TICKS


def test_patience_shrinks_in_calm_and_never_below_a_packet() -> None:
    voice = CodedVoice(Plain(), 1)
    run(voice, list(range(CALM_PACKETS * 4)))
    assert voice.patience == LEAST_WAIT_TICKS
    assert run(voice, overtaken(CALM_PACKETS * 4, 1))[2] == CALM_PACKETS * 4 + 2


def test_doubles_and_losses_teach_no_patience() -> None:
    voice = CodedVoice(Plain(), 1)
    for n in range(60):
        run(voice, [None if n % 7 == 3 else n, n - 1 if n % 7 != 4 else n])
    assert voice.patience == WAIT_TICKS


def test_a_lost_packet_is_waited_for_as_long_as_patience_says() -> None:
    voice = CodedVoice(Plain(), 1)
    assert run(voice, [0, 1, 3]) == [0, 1]
    assert run(voice, [None] * WAIT_TICKS) == [3]
