"""Token buckets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.rate import SourceRates, TokenBucket, source_key


def test_a_burst_passes_at_once_before_the_rate_counts() -> None:
    bucket = TokenBucket(2.0, 3)
    assert [bucket.takes(100.0) for _ in range(5)] == [True, True, True, False, False]
    assert bucket.wait_s(100.0) == 0.5
    assert bucket.takes(100.5)
    assert not bucket.takes(100.6)


def test_a_clock_that_steps_back_gives_no_tokens() -> None:
    bucket = TokenBucket(1.0, 1)
    assert bucket.takes(100.0)
    assert not bucket.takes(50.0)


def test_a_bucket_without_a_rate_ends() -> None:
    bucket = TokenBucket(0.0, 1)
    assert bucket.takes(0.0)
    assert bucket.wait_s(9.0) == float("inf")
    assert not bucket.takes(1e9)


@settings(max_examples=60)
@given(
    st.floats(0.1, 100),
    st.integers(1, 20),
    st.lists(st.floats(0, 2), min_size=1, max_size=60),
)
def test_never_more_passes_than_burst_and_rate_allow(per_s: float, burst: int, waits: list[float]) -> None:
    bucket, now, passed, began = TokenBucket(per_s, burst), 1000.0, 0, 1000.0
    for wait in waits:
        now += wait
        expected = bucket.wait_s(now) == 0.0
        taken = bucket.takes(now)
        assert taken == expected
        passed += taken
    assert passed <= burst + (now - began) * per_s + 1e-6


def test_each_source_has_its_own_bucket() -> None:
    rates = SourceRates(1.0, 1)
    assert rates.takes("192.0.2.1", 0.0)
    assert not rates.takes("192.0.2.1", 0.0)
    assert rates.takes("192.0.2.2", 0.0)


@pytest.mark.parametrize(
    ("ip", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:aaaa::1", "2001:db8:0:1::/64"),
        ("2001:db8:0:1::ffff", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_one_network_of_ipv6_is_one_source(ip: str, key: str) -> None:
    assert source_key(ip) == key


def test_memory_is_bounded_while_busy_sources_are_kept() -> None:
    rates = SourceRates(1.0, 2, most=10)
    rates.takes("busy", 99.9)
    rates.takes("busy", 99.9)
    for n in range(9):
        rates.takes(f"quiet{n}", 90.0)
    rates.takes("new", 100.0)
    assert len(rates) <= 10
    assert not rates.takes("busy", 100.0)
    for n in range(100):
        rates.takes(f"loud{n}", 100.0)
    assert len(rates) <= 10
