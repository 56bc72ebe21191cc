"""Kill -9 of the media plane alone, under a telephone that hears no new offer: what it said is kept."""

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
LOST_S = 0.8
"""What a plane that is killed may lose of a recording (docs/media-promises.md)."""


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


def test_the_call_goes_on_and_what_was_said_before_and_after_is_kept(tmp_path: Path) -> None:
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
        product.wait_for("media.goes_on", after=before, within_s=15)
        phone.pump(1.0)
        phone.speak(call, alaw)
        assert not call.was_hung_up
        other = phone.leave_words(alaw)
        for one in (call, other):
            phone.hang_up(one)
            assert phone.pump_until(lambda one=one: one.is_over, 5)

        sql = (
            "select r.* from service_requests s join recordings r on r.recording_id = s.recording_id"
            " join calls c on c.call_id = s.call_id where c.sip_call_id = ?"
        )
        (kept,), (also,) = (
            wait_until(lambda one=one: rows(product, sql, one.call_id), "the request", REQUEST_WITHIN_S)
            for one in (call, other)
        )
        sound, next_sound = (
            (product.data_dir / "recordings" / row["path"]).read_bytes() for row in (kept, also)
        )
        start = sound.find(alaw[:800])
        assert start >= 0
        kept_of_first = len(alaw) - round(LOST_S * 8000)
        assert sound[start : start + kept_of_first] == alaw[:kept_of_first]
        assert alaw in sound[start + kept_of_first :], "what was said afterwards"
        assert alaw in next_sound
    finally:
        phone.close()
        product.stop()
