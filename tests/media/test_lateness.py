"""How punctual a plane is, counted in buckets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.media.lateness import BOUNDS_MS, BUCKETS, GROWTH, Lateness, add, percentile_ms

TIMES = st.floats(0.06, 800.0)


def counted(times: list[float]) -> tuple[int, ...]:
    lateness = Lateness()
    for ms in times:
        lateness.note(ms)
    return lateness.take()[0]


@settings(max_examples=100, deadline=None)
@given(st.lists(TIMES, min_size=1, max_size=50), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_right_to_the_width_of_a_bucket(times: list[float], share: float) -> None:
    told = percentile_ms(counted(times), share)
    assert told is not None
    assert sum(ms <= told * 1.001 for ms in times) >= share * len(times)
    assert sum(ms < told / GROWTH / 1.001 for ms in times) <= share * len(times)


def test_nothing_has_no_percentile() -> None:
    assert percentile_ms([0] * BUCKETS, 0.99) is None


def test_what_is_later_than_all_bounds_counts_as_the_last() -> None:
    assert percentile_ms(counted([5000.0]), 0.99) == BOUNDS_MS[-1]
    assert BOUNDS_MS[-1] > 800


def test_rows_add_up_and_taking_begins_anew() -> None:
    lateness = Lateness()
    lateness.note(1.0)
    lateness.note(7.0)
    first, most = lateness.take()
    assert most == 7.0
    assert lateness.take() == ((0,) * BUCKETS, 0.0)
    assert sum(add([first, first])) == 4
