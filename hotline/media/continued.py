"""The quality of a leg that several planes carried, one after the other."""

from __future__ import annotations

from dataclasses import replace

from hotline.media.plan import LegQuality


def continued(earlier: LegQuality, later: LegQuality) -> LegQuality:
    """Add what a plane told of a leg to what the one before it had told last.

    Packets are added, means are weighed by the packets that they are of, and of the worst the worse stays;
    what the other side reports counts from the leg's beginning anyway.
    """
    expected = earlier.expected + later.expected
    share = later.expected / expected if expected else 1.0

    def mean(one: float, other: float) -> float:
        return one + (other - one) * share

    mos = later.mos if earlier.mos is None else earlier.mos
    if earlier.mos is not None and later.mos is not None:
        mos = mean(earlier.mos, later.mos)
    return replace(
        later,
        mos=mos,
        expected=expected,
        lost=earlier.lost + later.lost,
        late=earlier.late + later.late,
        duplicates=earlier.duplicates + later.duplicates,
        reordered=earlier.reordered + later.reordered,
        jitter_ms=mean(earlier.jitter_ms, later.jitter_ms),
        jitter_max_ms=max(earlier.jitter_max_ms, later.jitter_max_ms),
        longest_gap_ms=max(earlier.longest_gap_ms, later.longest_gap_ms),
        burst_ratio=mean(earlier.burst_ratio, later.burst_ratio),
        round_trip_ms=earlier.round_trip_ms if later.round_trip_ms is None else later.round_trip_ms,
        sent=earlier.sent + later.sent,
        far_mos=earlier.far_mos if later.far_mos is None else later.far_mos,
        far_loss=earlier.far_loss if later.far_loss is None else later.far_loss,
        far_jitter_ms=earlier.far_jitter_ms if later.far_jitter_ms is None else later.far_jitter_ms,
    )
