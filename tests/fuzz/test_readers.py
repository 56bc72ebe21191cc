"""What ``make fuzz`` looks for in minutes, looked for in a second: the seeds, and hypothesis."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import READERS, seeds_of


@pytest.mark.parametrize("name", READERS)
def test_every_seed_is_read_or_refused(name: str) -> None:
    seeds = seeds_of(name)
    assert seeds
    for seed in seeds:
        READERS[name](seed)


@pytest.mark.parametrize("name", READERS)
def test_no_octets_bring_another_error_out(name: str) -> None:
    seeds = seeds_of(name)

    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from(seeds), st.integers(0, 2**16), st.integers(0, 30), st.binary(max_size=12))
    def damaged(seed: bytes, at: int, length: int, put: bytes) -> None:
        at %= len(seed) + 1
        READERS[name](seed[:at] + put + seed[at + length :])

    damaged()
