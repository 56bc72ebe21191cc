"""What a leg's counts mean to the ear: from what came, and what the other side says, to LegQuality."""

from __future__ import annotations

from dataclasses import dataclass

from hotline.media.arrivals import Arrivals
from hotline.media.leg import Leg
from hotline.media.plan import LegQuality
from hotline.media.quality import burst_ratio, mos, one_way_ms, rating


@dataclass(frozen=True, slots=True)
class Far:
    """What the other side says of the stream that we send."""

    lost: int
    fraction_lost: float
    """Of late, 0 to 1."""
    jitter_s: float


def judge(
    arrivals: Arrivals, leg: Leg, sent: int, far: Far | None, round_trip_s: float | None, *, is_final: bool
) -> LegQuality:
    """Judge a leg by all that is settled.

    :param sent: packets that went to the other side.
    :param far: None where it never reported.
    """
    slot = leg.slot
    expected, lost, late = arrivals.expected_settled(slot), int(arrivals.lost[slot]), int(arrivals.late[slot])
    jitter_ms = arrivals.jitter_mean_s(slot) * 1000
    trip_ms = None if round_trip_s is None else round_trip_s * 1000
    ratio = burst_ratio(lost, int(arrivals.bursts[slot]), expected)
    loss = min(1.0, (lost + late) / expected) if expected else 0.0
    score = None
    if expected:
        delay = one_way_ms(trip_ms, jitter_ms)
        score = round(mos(rating(leg.codec, loss=loss, ratio=ratio, one_way_ms=delay)), 2)
    far_loss = far_score = far_jitter_ms = None
    if far is not None and sent:
        far_loss = min(1.0, max(0, far.lost) / sent)
        far_jitter_ms = far.jitter_s * 1000
        delay = one_way_ms(trip_ms, far_jitter_ms)
        far_score = round(mos(rating(leg.codec, loss=far_loss, one_way_ms=delay)), 2)
    return LegQuality(
        leg.call_id,
        leg.codec,
        is_final,
        score,
        expected,
        lost,
        late,
        int(arrivals.duplicates[slot]),
        int(arrivals.reordered[slot]),
        round(jitter_ms, 1),
        round(float(arrivals.jitter_max_s[slot]) * 1000, 1),
        round(int(arrivals.longest[slot]) * float(arrivals.packet_s[slot]) * 1000),
        round(ratio, 2),
        None if trip_ms is None else round(trip_ms, 1),
        sent,
        far_score,
        None if far_loss is None else round(far_loss, 4),
        None if far_jitter_ms is None else round(far_jitter_ms, 1),
    )
