"""A log that nobody can write to costs the log, not the call: its reader is gone, or its disk is full."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from examples.product import ROOT, Product, free_port
from tests.faults.udp_phone import UdpPhone
from tests.interop.site import DATA, read_wav, rows, through_alaw, wait_until

pytestmark = pytest.mark.interop


def closed_pipe() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def full_disk() -> int:
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("open_log", [closed_pipe, full_disk])
def test_a_call_is_kept_and_the_product_stops_although_its_log_is_lost(
    open_log: Callable[[], int], tmp_path: Path
) -> None:
    alaw = through_alaw(np.concatenate([read_wav(DATA / f"aishell_{n}.wav") for n in (1, 2)]))[0][:24000]
    product = Product(tmp_path / "site", sip__port=free_port(), speech__workers=0)
    product.appoint()
    log = open_log()
    process = subprocess.Popen(
        product.command("serve", "--log", "json"),
        env=product.environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True,
    )  # fmt: skip
    os.close(log)
    phone = UdpPhone(("127.0.0.1", int(product.environment["HOTLINE__SIP__PORT"])))
    try:
        first = phone.dial(talk_s=0.2)  # is repeated until the product has started
        assert phone.pump_until(lambda: first.is_over, 31), "the product does not answer"
        phone.hang_up(phone.leave_words(alaw))
        phone.pump(1.0)
        (request,) = wait_until(lambda: rows(product, "select * from service_requests"), "the request")
        assert request["transcript_state"] in {"waiting", "failed"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        phone.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
