"""An announcement that costs its caller nothing, heard by a telephone that we did not write."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from examples.product import ROOT, Product
from tests.interop.office import a_tone
from tests.interop.office_phone import level_of
from tests.interop.peers import facts_of, run
from tests.interop.site import PROMPTS, RATE_HZ, rows, wait_until, write_wav

pytestmark = [pytest.mark.interop, pytest.mark.slow]

TONE_HZ, TONE_S = 700.0, 2.0
FLOW = """
start = "closed"
languages = ["zh"]
person = "closed"
person_keys = "0"
fault = "closed"
too_long = "goodbye"
free = true
[steps.closed]
do = "say"
prompt = "goodbye"
next = "end"
[steps.end]
do = "hang_up"
"""


@pytest.mark.parametrize("is_free", [True, False], ids=["before the answer", "after it"])
def test_it_is_heard_and_costs_nothing_where_the_trunk_allows_that(tmp_path: Path, is_free: bool) -> None:
    pytest.importorskip("baresip", reason="baresip-python is not installed (pip install -e '.[test]')")
    config, prompts, heard = tmp_path / "config", tmp_path / "prompts", tmp_path / "heard.pcm"
    shutil.copytree(ROOT / "config", config)
    (config / "trunks.toml").write_text(
        f'[trunks.carrier]\nnetworks = ["127.0.0.1"]\nearly_media = {str(is_free).lower()}\n'
    )
    shutil.copytree(PROMPTS, prompts)
    write_wav(prompts / "zh" / "goodbye.wav", a_tone(TONE_HZ, TONE_S))
    (tmp_path / "closed.toml").write_text(FLOW)
    product = Product(
        tmp_path / "site",
        speech__workers=0,
        site__config_dir=config,
        media__prompts_dir=prompts,
        ivr__flow=tmp_path / "closed.toml",
    )
    product.appoint()
    product.start()
    try:
        written = run(
            [
                sys.executable, "-m", "tests.interop.baresip_phone", "--early",
                "--server", f"127.0.0.1:{product.sip_port}", "--caller", "01064000001",
                "--heard", str(heard), "--speak", str(prompts / "zh" / "goodbye.wav"), "--longest", "15",
            ]
        )  # fmt: skip
        [call] = wait_until(
            lambda: rows(product, "select * from calls where ended_at is not null"), "the end of the call"
        )
    finally:
        product.stop()
    ended = next(fact for fact in facts_of(written) if fact["event"] == "ended")
    assert ended["is_closed"], "the flow ends the call"
    assert ended["was_answered"] is not is_free
    assert bool(call["answered_at"]) is not is_free
    assert (call["cause"], json.loads(call["path"])[1:]) == ("finished", ["closed", "end"])
    samples = np.frombuffer(heard.read_bytes(), np.int16)
    loud = samples[np.abs(samples) > 1000]
    assert len(loud) / RATE_HZ > TONE_S / 2, "most of the announcement was heard"
    first = int(np.argmax(np.abs(samples) > 1000))
    level = level_of(samples[first : first + int((TONE_S - 0.3) * RATE_HZ)])
    assert abs(level["hz"] - TONE_HZ) < 8
    assert level["purity"] > 0.9
