"""Calls over a path that loses a fifth of all SIP datagrams: each completes once, with one record."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from examples.product import Product, free_port_range
from tests.faults.lossy_proxy import LossyProxy
from tests.faults.udp_phone import UdpPhone
from tests.interop.site import rows, wait_until

pytestmark = pytest.mark.interop

CALLS = 30
WITHIN_S = 36.0
"""64*T1 and a little: later, a transaction has given up and the call has failed."""


@pytest.mark.parametrize("seed", [96156])
def test_each_call_completes_once_over_a_lossy_path(seed: int, tmp_path: Path) -> None:
    low, high = free_port_range(4 * CALLS)  # two ports a leg, room for two legs a call
    product = Product(tmp_path / "site", speech__workers=0, media__port_low=low, media__port_high=high)
    product.appoint()
    product.start()
    proxy = LossyProxy(("127.0.0.1", product.sip_port), seed).start()
    phone = UdpPhone(proxy.address)
    try:
        calls = [phone.dial() for _ in range(CALLS)]
        assert phone.pump_until(lambda: all(call.is_over for call in calls), WITHIN_S), proxy.counts
        assert [set(call.finals) for call in calls] == [{200}] * CALLS
        assert [call.statuses.get("BYE") for call in calls] == [[200]] * CALLS
        assert proxy.counts["lost"] > 0.1 * proxy.counts["seen"]
        assert proxy.counts["repeated"]
        wait_until(lambda: not rows(product, "select 1 from calls where ended_at is null"), "the last record")
        records = rows(product, "select sip_call_id, cause, answered_at from calls")
        assert Counter(record["sip_call_id"] for record in records) == Counter(call.call_id for call in calls)
        assert {record["cause"] for record in records} == {"caller"}
        assert all(record["answered_at"] for record in records)
    finally:
        phone.close()
        proxy.stop()
        product.stop()
