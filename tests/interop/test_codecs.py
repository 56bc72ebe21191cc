"""A telephone that we did not write speaks each of our codecs, in the clear and with keys by SDES."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples.product import Product
from tests.interop.site import likeness, prompt, rows, wait_until
from tests.interop.test_phones import a_site, account_of_the_page, add_phone, run_phone

pytestmark = [pytest.mark.interop, pytest.mark.slow]

CODECS = {"PCMA": "PCMA/8000/1", "PCMU": "PCMU/8000/1", "G722": "G722/16000/1", "opus": "opus/48000/2"}
SAMPLES = {"PCMA": 1, "PCMU": 1, "G722": 2, "opus": 12}
"""How many samples the telephone hands out for each of ours: G.722 at 16 kHz, Opus at 48 on two ears."""


@dataclass(frozen=True)
class House:
    """A running product, and a telephone's account for each way to protect the voice."""

    product: Product
    accounts: dict[str, str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    product = a_site(tmp_path_factory.mktemp("site"))
    passwords = {
        security: (user, add_phone(product, user, "--srtp", security))
        for security, user in (("never", "1001"), ("required", "1002"))
    }
    product.start()
    accounts = {
        security: account_of_the_page(product, password, user=user)
        for security, (user, password) in passwords.items()
    }
    yield House(product, accounts)
    product.stop()


@pytest.mark.parametrize("security", ["never", "required"])
@pytest.mark.parametrize("codec", CODECS)
def test_baresip_hears_the_greeting_in_each_codec(
    house: House, codec: str, security: str, tmp_path: Path
) -> None:
    account = house.accounts[security] + f";audio_codecs={CODECS[codec]}"
    if security == "required":
        account += ";mediaenc=srtp-mand"
    before = {row["call_id"] for row in ended_calls(house.product)}
    heard = tmp_path / "heard.pcm"
    place = f"sip:96156@127.0.0.1:{house.product.sip_port}"
    facts = run_phone("--account", account, "--dial", place, "--heard", str(heard))
    assert [fact["event"] for fact in facts] == ["registered", "answered", "heard", "unregistered"], facts
    [call] = wait_until(
        lambda: [row for row in ended_calls(house.product) if row["call_id"] not in before], "the record"
    )
    assert call["answered_at"]
    sound = np.frombuffer(heard.read_bytes(), np.int16)[:: SAMPLES[codec]]
    assert likeness(sound, prompt("zh/greeting")[:24_000]) > (0.55 if codec == "opus" else 0.65)


def ended_calls(product: Product) -> list[dict[str, Any]]:
    return rows(product, "select * from calls where ended_at is not null")
