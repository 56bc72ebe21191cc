"""The E-model against known values, and the counting of losses against a plain loop."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.media.plan import Codec
from hotline.media.quality import (
    BEST_R,
    IMPAIRMENTS,
    NO_CONCEALMENT,
    burst_ratio,
    count_rows,
    delay_impairment,
    loss_impairment,
    mos,
    one_way_ms,
    rating,
)


@pytest.mark.parametrize(
    ("r", "score"),
    [
        (0, 1.0),
        (50, 2.58),
        (60, 3.10),
        (70, 3.60),
        (80, 4.03),
        (90, 4.34),
        (93.2, 4.41),
        (100, 4.5),
        (120, 4.5),
    ],
)
def test_ratings_become_the_scores_of_g_107_annex_b(r: float, score: float) -> None:
    assert mos(r) == pytest.approx(score, abs=0.01)


@pytest.mark.parametrize(
    ("percent", "expected_r"),
    # 95 * p / (p + 25.1), taken from 93.2
    [(0, 93.2), (1, 89.56), (2, 86.19), (5, 77.42), (10, 66.13), (20, 51.07)],
)
def test_loss_at_random_costs_g_711_with_concealment_what_g_113_says(percent: int, expected_r: float) -> None:
    assert rating(Codec.PCMA, loss=percent / 100) == pytest.approx(expected_r, abs=0.01)


def test_a_hole_costs_more_than_what_was_concealed() -> None:
    assert loss_impairment(NO_CONCEALMENT, 0.01) == pytest.approx(95 / 5.3)
    assert loss_impairment(IMPAIRMENTS[Codec.PCMA], 0.01) == pytest.approx(95 / 26.1)


@pytest.mark.parametrize(
    # x = 1 at 200 ms and 2 at 400 ms, put into (7-28) by hand
    ("delay", "cost"),
    [(0, 0.0), (100, 0.0), (200, 3.04), (400, 24.07)],
)
def test_delay_costs_nothing_up_to_a_tenth_of_a_second_and_then_ever_more(delay: float, cost: float) -> None:
    assert delay_impairment(delay) == pytest.approx(cost, abs=0.02)


def test_burst_ratio_is_one_for_losses_at_random_and_grows_with_rows() -> None:
    assert burst_ratio(0, 0, 1000) == 1.0
    there = np.random.default_rng(4).random(200_000) >= 0.1
    rows = count_rows(there)
    assert burst_ratio(rows.lost, rows.bursts, len(there)) == pytest.approx(1.0, abs=0.01)
    assert burst_ratio(100, 20, 1000) == pytest.approx(4.5)
    assert rating(Codec.PCMA, loss=0.1, ratio=4.5) == rating(Codec.PCMA, loss=0.1, ratio=2.0)
    assert rating(Codec.PCMA, loss=0.01, ratio=4.5) < rating(Codec.PCMA, loss=0.01, ratio=2.0)


def test_a_word_is_on_its_way_for_half_the_round_trip_a_packet_and_a_buffer() -> None:
    assert one_way_ms(None, 0.0) == 40
    assert one_way_ms(80, 10) == 100
    assert one_way_ms(80, 500) == 180


@settings(max_examples=60)
@given(st.lists(st.booleans(), max_size=60), st.lists(st.integers(0, 60), max_size=3))
def test_rows_are_the_same_however_the_stream_is_cut(there: list[bool], cuts: list[int]) -> None:
    whole = [len(list(group)) for is_there, group in itertools.groupby(there) if not is_there]
    lost = bursts = longest = carried = 0
    edges = [0, *sorted(min(cut, len(there)) for cut in cuts), len(there)]
    for start, end in itertools.pairwise(edges):
        if start == end:
            continue
        rows = count_rows(np.array(there[start:end], np.bool_), carried)
        lost, bursts, longest = lost + rows.lost, bursts + rows.bursts, max(longest, rows.longest)
        carried = rows.open
    assert (lost, bursts, longest) == (sum(whole), len(whole), max(whole, default=0))


@settings(max_examples=60)
@given(st.floats(0, 1), st.floats(1, 20), st.floats(0, 2000), st.sampled_from(list(Codec)))
def test_no_connection_is_better_than_one_that_harms_nothing(
    loss: float, ratio: float, delay: float, codec: Codec
) -> None:
    r = rating(codec, loss=loss, ratio=ratio, one_way_ms=delay)
    assert 0 <= r <= BEST_R
    assert 1 <= mos(r) <= 4.42
