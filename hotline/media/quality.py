"""How good a voice connection is to the ear: the E-model of ITU-T G.107, and the pattern of what was lost.

The scale is that of narrow-band telephony (R 0 to 100, MOS 1 to 4.5), for wide-band codecs as well:
then two legs can be compared, and recordings are 8,000 samples a second whatever came. So a good G.722
or Opus leg is told to be as good as G.711, never better.

Not in it: echo (telephones cancel their own), noise in the rooms, the loudness of the talkers. All of
these have the defaults of G.107, table 3, with which R is 93.2 for a connection that harms nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hotline.media.plan import Codec

BEST_R: Final = 93.2
"""Of a connection with nothing wrong (G.107, 7.8: all parameters at their defaults)."""
FREE_DELAY_MS: Final = 100.0  # G.107, (3-27): no impairment below it
LARGEST_MOS: Final = 4.5  # G.107, annex B
PACKET_MS: Final = 20.0  # that a talker's phone gathers before it sends
SPARSE_LOSS: Final = 0.02  # G.107, 7.5: from there on burst ratios above 2 are outside of the model
LONGEST_BURST_RATIO: Final = 2.0


@dataclass(frozen=True, slots=True)
class Impairment:
    """What a codec costs by itself, and how it bears loss."""

    ie: float
    """Equipment impairment factor (G.113, table I.1)."""
    bpl: float
    """Packet-loss robustness factor (G.113, table I.2 and amendments)."""


IMPAIRMENTS: Final[Mapping[Codec, Impairment]] = {
    Codec.PCMA: Impairment(0.0, 25.1),
    Codec.PCMU: Impairment(0.0, 25.1),
    Codec.G722: Impairment(0.0, 25.1),
    Codec.OPUS: Impairment(0.0, 25.1),
}
"""G.711 with the concealment of its appendix I, which every telephone of today has (G.113, I.1 and I.2).

G.113 gives values on this scale to neither of the others. That they cost nothing and bear loss like
G.711 is our guess: right for G.722, whose phones conceal alike, cautious for Opus, which can send what
was lost once more."""
NO_CONCEALMENT: Final = Impairment(0.0, 4.3)
"""G.711 whose listener hears a hole where a packet was lost (G.113, I.2)."""


def burst_ratio(lost: int, bursts: int, expected: int) -> float:
    """Tell how much longer losses are in a row than with the same loss at random (G.107, 7.5).

    :param bursts: rows of lost packets, each one or longer.
    :returns: 1 for losses at random and where nothing was lost.
    """
    if not lost or not bursts or lost >= expected:
        return 1.0
    return max(1.0, lost / bursts * (1.0 - lost / expected))


def delay_impairment(one_way_ms: float) -> float:
    """Tell what delay costs, echo aside: Idd (G.107, 7.4)."""
    if one_way_ms <= FREE_DELAY_MS:
        return 0.0
    x = math.log2(one_way_ms / FREE_DELAY_MS)
    return 25.0 * (math.pow(1.0 + x**6, 1 / 6) - 3.0 * math.pow(1.0 + (x / 3.0) ** 6, 1 / 6) + 2.0)


def loss_impairment(impairment: Impairment, loss: float, ratio: float = 1.0) -> float:
    """Tell what a codec and its losses cost: Ie,eff (G.107, (7-29)).

    :param loss: part of the packets that were not there to be played, 0 to 1.
    :param ratio: ``burst_ratio``.
    """
    percent = 100.0 * min(max(loss, 0.0), 1.0)
    if loss >= SPARSE_LOSS:
        ratio = min(ratio, LONGEST_BURST_RATIO)
    return impairment.ie + (95.0 - impairment.ie) * percent / (percent / max(ratio, 1.0) + impairment.bpl)


def rating(codec: Codec, *, loss: float = 0.0, ratio: float = 1.0, one_way_ms: float = 0.0) -> float:
    """Give the transmission rating factor R, 0 to 93.2 (G.107, (7-1))."""
    cost = delay_impairment(one_way_ms) + loss_impairment(IMPAIRMENTS[codec], loss, ratio)
    return max(0.0, BEST_R - cost)


def mos(r: float) -> float:
    """Turn a rating into a mean opinion score, 1 to 4.5 (G.107, annex B)."""
    if r <= 0.0:
        return 1.0
    if r >= 100.0:
        return LARGEST_MOS
    return max(1.0, 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6)


def one_way_ms(round_trip_ms: float | None, jitter_ms: float) -> float:
    """Guess how long a word is on its way: half the round trip, a packet, and the listener's jitter buffer.

    :param round_trip_ms: None where the other side did not tell: as if it were next door.
    :param jitter_ms: mean deviation (RFC 3550, 6.4.1); a buffer that loses little holds some four of it.
    """
    return (round_trip_ms or 0.0) / 2.0 + PACKET_MS + min(max(4.0 * jitter_ms, PACKET_MS), 120.0)


@dataclass(frozen=True, slots=True)
class Rows:
    """Lost packets in a row, in a stretch of a stream."""

    lost: int
    bursts: int
    """Rows that began in the stretch."""
    longest: int
    """Packets of the longest row, what was carried in included."""
    open: int
    """Packets of the row that the stretch ends in."""


def count_rows(is_there: NDArray[np.bool_], carried: int = 0) -> Rows:
    """Count what is missing in a stretch, packet by packet in their order.

    :param carried: packets of the row that the stretch before ended in.
    """
    missing = ~is_there
    lost = int(np.count_nonzero(missing))
    if not lost:
        return Rows(0, 0, carried, 0)
    edges = np.diff(np.concatenate(([False], missing, [False])).astype(np.int8))
    starts, ends = np.nonzero(edges == 1)[0], np.nonzero(edges == -1)[0]
    lengths = ends - starts
    goes_on = carried > 0 and starts[0] == 0
    if goes_on:
        lengths[0] += carried
    is_open = ends[-1] == len(missing)
    longest = max(carried, int(lengths.max()))
    return Rows(lost, len(starts) - goes_on, longest, int(lengths[-1]) if is_open else 0)
