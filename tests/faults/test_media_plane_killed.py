"""Kill -9 of the media plane alone: calls end, the next call works, and what was said becomes a request."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from examples.product import Product
from tests.faults.udp_phone import UdpPhone
from tests.interop.site import DATA, read_wav, rows, through_alaw, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SPOKEN_S = 3
REQUEST_WITHIN_S = 60.0
"""The call waits 10 s for its file, and the file must be quiet for 30 s before anybody takes it up."""


def media_plane(product: Product) -> int:
    """Find the process that carries voice."""
    assert product.process is not None
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            parent = f"PPid:\t{product.process.pid}\n" in status.read_text()
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue  # it has just ended
        if parent and b"hotline.wire.media_process" in command:
            return int(status.parent.name)
    raise AssertionError("there is no media plane")


def test_what_was_said_becomes_a_request_without_a_restart(tmp_path: Path) -> None:
    alaw = through_alaw(np.concatenate([read_wav(DATA / f"aishell_{n}.wav") for n in (1, 2)]))[0]
    alaw = alaw[: SPOKEN_S * 8000]
    product = Product(tmp_path / "site", speech__workers=0)
    product.appoint()
    product.start()
    phone = UdpPhone(("127.0.0.1", product.sip_port))
    try:
        call = phone.leave_words(alaw)
        before = len(product.log)
        os.kill(media_plane(product), signal.SIGKILL)
        assert phone.pump_until(lambda: call.was_hung_up, 5)

        product.wait_for("media.ready", after=before, within_s=15)
        other = phone.leave_words(alaw)
        phone.press(other, "#")
        assert phone.pump_until(lambda: bool(rows(product, "select 1 from service_requests")), 10)
        phone.hang_up(other)
        assert phone.pump_until(lambda: other.is_over, 5)

        sql = (
            "select r.*, c.cause from service_requests s join recordings r on r.recording_id = s.recording_id"
            " join calls c on c.call_id = s.call_id where c.sip_call_id = ?"
        )
        (kept,) = wait_until(lambda: rows(product, sql, call.call_id), "the request", REQUEST_WITHIN_S)
        assert kept["cause"] == "fault"
        assert kept["cut_short"]
        sound = (product.data_dir / "recordings" / kept["path"]).read_bytes()
        start = sound.find(alaw[:800])
        assert start >= 0
        assert alaw.startswith(sound[start:])
        assert len(sound) - start >= len(alaw) - 8000  # a second at most is lost
    finally:
        phone.close()
        product.stop()
