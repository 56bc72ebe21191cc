"""Another program holds the store for some seconds while callers speak and dial: nobody notices."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from examples.product import Product
from tests.faults.udp_phone import UdpPhone
from tests.interop.site import DATA, read_wav, rows, through_alaw, wait_until

pytestmark = pytest.mark.interop

HELD_S = 3.0
"""Less than the store waits for another writer."""


@contextlib.contextmanager
def held(product: Product) -> Iterator[None]:
    """Hold the store's file as a careless backup would."""
    other = sqlite3.connect(product.data_dir / "hotline.sqlite3", isolation_level=None, timeout=10)
    try:
        other.execute("begin exclusive")
        yield
        other.execute("rollback")
    finally:
        other.close()


def test_words_and_calls_wait_for_the_store(tmp_path: Path) -> None:
    alaw = through_alaw(np.concatenate([read_wav(DATA / f"aishell_{n}.wav") for n in (1, 2)]))[0][:16000]
    product = Product(tmp_path / "site", speech__workers=0)
    product.appoint()
    product.start()
    phone = UdpPhone(("127.0.0.1", product.sip_port))
    try:
        speaking = phone.leave_words(alaw)
        with held(product):
            phone.press(speaking, "#")
            dialling = phone.dial(talk_s=0.5)
            assert phone.pump_until(lambda: dialling.is_over, 10)
            assert set(dialling.finals) == {200}, "a caller waits for the store"
            phone.pump(HELD_S - 1)
            assert not rows(product, "select 1 from service_requests")
            assert len(rows(product, "select 1 from calls")) == 1
        assert not speaking.was_hung_up
        request = wait_until(lambda: rows(product, "select * from service_requests"), "the request")
        assert len(request) == 1
        phone.hang_up(speaking)
        assert phone.pump_until(lambda: speaking.is_over, 5)
        ended = "select cause from calls where ended_at is not null"
        wait_until(lambda: len(rows(product, ended)) == 2, "both records closed")
        assert {row["cause"] for row in rows(product, ended)} == {"caller"}
        assert [line for line in product.log if line.get("level") == "error"] == []
    finally:
        phone.close()
        product.stop()
