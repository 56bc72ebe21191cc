"""Random text is handed out once, and fetched anew before it runs out."""

from __future__ import annotations

import os

import pytest

from hotline.wire.chance import POOL_BYTES, Chance


def test_no_text_comes_twice() -> None:
    chance = Chance()
    given = [chance.hex(12) for _ in range(3 * POOL_BYTES // 12)]
    assert len(set(given)) == len(given)
    assert {len(text) for text in given} == {24}


def test_octets_are_handed_out_in_turn_and_none_is_left_over_for_a_longer_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pools = iter((bytes(range(256)) * (POOL_BYTES // 256), bytes(POOL_BYTES)))
    monkeypatch.setattr(os, "urandom", lambda _count: next(pools))
    chance = Chance()
    assert chance.hex(2) == "0001"
    assert chance.hex(3) == "020304"
    chance.hex(POOL_BYTES - 6)
    assert chance.hex(2) == "0000"  # of the second pool: one octet was left in the first
