"""Two of our endpoints back to back over a bad network, a thousand scripts.

A seed that fails is printed with its story; ``HOTLINE_SEED=123 pytest tests/sip/test_two_endpoints.py``
plays that one alone, ``HOTLINE_SEED=1000-5000`` a range.
"""

from __future__ import annotations

import os

import pytest
from two_ends import play

SEEDS = 1000
BLOCKS = 20


def seeds_of(block: int) -> range:
    wanted = os.environ.get("HOTLINE_SEED")
    if wanted is None:
        size = SEEDS // BLOCKS
        return range(block * size, block * size + size)
    first, _, last = wanted.partition("-")
    return range(int(first), int(last or first) + 1) if block == 0 else range(0)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_both_ends_agree_whatever_the_network_does(block: int) -> None:
    for seed in seeds_of(block):
        play(seed)


@pytest.mark.parametrize(
    "seed",
    [
        1005,  # a BYE overtook the final response to the other side's re-INVITE, whose transaction stayed
        3519,  # a refresh was overtaken, refused with 500, and not tried again
        7000,  # a refresh had 15 s for its answer, of the 32 s that its transaction may take
        17628,  # a refresh that came due while a change crossed one of the other side drove the change out
        12532,  # the answer to a refresh came 16 s late, and so did the next refresh
    ],
)
def test_both_ends_agree_where_they_once_did_not(seed: int) -> None:
    play(seed)
