"""A telephone that we did not write speaks each of our codecs, in the clear and with keys by SDES."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.interop.site import likeness, prompt, rows, wait_until
from tests.interop.test_phones import a_site, account_of_the_page, add_phone, know_phones, run_phone

pytestmark = [pytest.mark.interop, pytest.mark.slow]

CODECS = {"PCMA": "PCMA/8000/1", "PCMU": "PCMU/8000/1", "G722": "G722/16000/1", "opus": "opus/48000/2"}
SAMPLES = {"PCMA": 1, "PCMU": 1, "G722": 2, "opus": 12}
"""How many samples the telephone hands out for each of ours: G.722 at 16 kHz, Opus at 48 on two ears."""


@pytest.mark.parametrize("security", ["never", "required"])
@pytest.mark.parametrize("codec", CODECS)
def test_baresip_hears_the_greeting_in_each_codec(codec: str, security: str, tmp_path: Path) -> None:
    product = a_site(tmp_path)
    product.start()
    try:
        account = account_of_the_page(product, add_phone(product, "1001", "--srtp", security))
        account += f";audio_codecs={CODECS[codec]}" + (
            ";mediaenc=srtp-mand" if security == "required" else ""
        )
        know_phones(product)
        heard = tmp_path / "heard.pcm"
        place = f"sip:96156@127.0.0.1:{product.sip_port}"
        facts = run_phone("--account", account, "--dial", place, "--heard", str(heard))
        assert [fact["event"] for fact in facts] == ["registered", "answered", "heard", "unregistered"]
        [call] = wait_until(
            lambda: rows(product, "select * from calls where ended_at is not null"), "the record"
        )
        assert call["answered_at"]
        sound = np.frombuffer(heard.read_bytes(), np.int16)[:: SAMPLES[codec]]
        assert likeness(sound, prompt("zh/greeting")[:24_000]) > (0.6 if codec == "opus" else 0.8)
    finally:
        product.stop()
