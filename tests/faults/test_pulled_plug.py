"""Kill -9 of everything while a caller speaks: what she said until a second before is kept."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from examples.product import ROOT, Product
from tests.interop.site import DATA, read_wav, rows, through_alaw, transcribed, wait_until, write_wav

pytestmark = pytest.mark.interop

SPOKEN_S = 6.0
LOST_AT_MOST_S = 1.0
RATE_HZ = 8000


def test_what_was_said_until_a_second_before_the_kill_becomes_a_request(tmp_path: Path) -> None:
    pytest.importorskip("baresip", reason="baresip-python is not installed (pip install -e '.[test]')")
    human = np.concatenate([read_wav(DATA / f"aishell_{n}.wav") for n in (1, 2, 3, 4, 5)])
    alaw, sound = through_alaw(human)
    speech = write_wav(tmp_path / "speech.wav", sound)
    product = Product(tmp_path / "site")
    product.appoint()
    product.start()
    phone = subprocess.Popen(
        [
            sys.executable, "-m", "tests.interop.baresip_phone", "--server", f"127.0.0.1:{product.sip_port}",
            "--speak", str(speech), "--press", "1:1", "--longest", "40",
        ],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert phone.stdout is not None
        for row in phone.stdout:
            if '"speaking"' in row:
                break
        began = time.monotonic()
        time.sleep(SPOKEN_S)
        product.kill()
        spoken_s = time.monotonic() - began
        (call,) = rows(product, "select * from calls")
        assert call["ended_at"] is None, "the call had ended before the kill: this proves nothing"
        assert not rows(product, "select * from service_requests")

        product.start()
        request = wait_until(lambda: rows(product, "select * from service_requests"), "the request")[0]
        (call,) = rows(product, "select * from calls")
        (recording,) = rows(product, "select * from recordings")
        assert call["cause"] == "fault"
        assert call["ended_at"] is not None
        assert recording["cut_short"]
        assert recording["call_id"] == request["call_id"] == call["call_id"]
        kept = (product.data_dir / "recordings" / recording["path"]).read_bytes()
        start = kept.find(alaw[:800])
        assert start >= 0, "the recording does not hold what was said"
        length = len(kept) - start
        assert kept[start:] == alaw[:length]
        assert length / RATE_HZ >= spoken_s - LOST_AT_MOST_S - 0.3  # the phone begins to speak within 0.3 s
        assert transcribed(product, call["call_id"])["transcript_state"] == "done"

        product.stop()
        product.start()  # once more: recovery is repeated without harm
        assert len(rows(product, "select * from service_requests")) == 1
    finally:
        phone.kill()
        phone.wait()
        product.stop()
