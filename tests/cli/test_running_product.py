"""The engineer's commands against a running product and one call."""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree

import pytest

from examples.product import ROOT, Product, free_port
from hotline import cli
from tests.faults.udp_phone import UdpPhone
from tests.sip.test_hep import decoded
from tests.sip.test_pcap import read

pytestmark = pytest.mark.slow

NUMBER = "13800138000"


@dataclass
class Night:
    """What the engineer had on her screen, one night."""

    product: Product
    call_id: str
    sip_call_id: str
    traced: str
    raw: str
    legs: str
    copies: list[bytes]
    metrics: str


def run(product: Product, *words: str) -> tuple[int, str]:
    """Run a short command in this process: starting Python takes longer than most commands."""
    printed = io.StringIO()
    with (
        patch.dict(os.environ, product.environment),
        patch.object(sys, "argv", ["hotline", *words]),
        redirect_stdout(printed),
        redirect_stderr(printed),
        chdir(ROOT),
        pytest.raises(SystemExit) as ended,
    ):
        cli.main()
    return int(ended.value.code or 0), printed.getvalue()


def watch(product: Product, *words: str) -> subprocess.Popen[str]:
    """Start a command that looks on; returns when it looks."""
    process = subprocess.Popen(
        product.command("sip", "trace", *words),
        env=product.environment | {"COLUMNS": "80"}, cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()  # the head of the page: written when the product has greeted
    time.sleep(0.3)
    return process


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """One call, looked at from every side."""
    page = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        product = Product(
            tmp_path_factory.mktemp("site"),
            speech__workers=0,
            metrics__listen=f"127.0.0.1:{page}",
            sip__hep_address=f"127.0.0.1:{server.getsockname()[1]}",
        )
        product.appoint()
        product.start()
        phone = UdpPhone(("127.0.0.1", product.sip_port))
        lookers = [watch(product), watch(product, "--raw", "--method", "bye")]
        try:
            secret = 'Authorization: Digest username="li", realm="x", response="5ec4e7"\r\n'
            call = phone.dial(talk_s=60, headers=secret)
            assert phone.pump_until(lambda: call.media is not None, 10)
            legs = run(product, "sip", "legs")[1]
            phone.hang_up(call)
            assert phone.pump_until(lambda: call.is_over, 10)
            time.sleep(0.5)
            copies = [server.recv(65536) for _ in range(len(STEPS))]
            with urllib.request.urlopen(f"http://127.0.0.1:{page}/metrics", timeout=10) as asked:
                metrics = asked.read().decode()
            for looker in lookers:
                looker.send_signal(signal.SIGINT)
            traced, raw = (looker.communicate(timeout=20)[0] for looker in lookers)
            assert [looker.returncode for looker in lookers] == [0, 0]
            call_id = run(product, "call", "list")[1].splitlines()[1].split()[2]
            sip_call_id = re.search(r"SIP Call-ID +(\S+)", run(product, "call", "show", call_id)[1])
            assert sip_call_id is not None
            yield Night(product, call_id, sip_call_id[1], traced, raw, legs, copies, metrics)
        finally:
            phone.close()
            for looker in lookers:
                looker.kill()
                looker.communicate()
            product.stop()


STEPS = ["INVITE 96156", "200 OK", "ACK", "BYE", "200 OK · BYE"]


def titles(ladder: str) -> list[str]:
    return [title.split(" from ")[0] for title in re.findall(r"─ (.+?) ─", ladder)]


def test_the_trace_shows_each_message_as_it_passes(night: Night) -> None:
    assert titles(night.traced) == STEPS
    assert f"from {NUMBER}" in night.traced
    assert "PCMA keys/101" in night.traced
    assert "\x1b" not in night.traced  # no colours: nobody sits at a terminal


def test_the_trace_shows_only_what_was_asked_for(night: Night) -> None:
    assert re.findall(r"^(?:[A-Z]+ sip|SIP/2.0 \d+)", night.raw, re.MULTILINE) == ["BYE sip", "SIP/2.0 200"]


def test_a_standing_call_is_listed(night: Night) -> None:
    _, row = night.legs.splitlines()
    assert row.split()[0] == night.call_id
    assert ("confirmed" in row, NUMBER in row, "PCMA" in row) == (True, True, True)


def test_the_last_calls_hide_the_numbers_unless_asked(night: Night) -> None:
    code, said = run(night.product, "call", "list")
    assert code == 0
    assert NUMBER not in said
    assert "138****8000" in said
    assert NUMBER in run(night.product, "call", "list", "--full")[1]
    assert "no calls yet" in run(night.product, "call", "list", "--number", "555")[1]


def test_a_past_call_is_shown_by_each_of_its_names(night: Night) -> None:
    code, said = run(night.product, "call", "show", night.call_id, "--sdp")
    assert code == 0
    assert [step for step in STEPS if f" {step} " in said] == STEPS
    assert "call.answered" in said
    assert said.count("m=audio") == 2
    assert NUMBER not in said
    assert run(night.product, "call", "show", night.sip_call_id, "--sdp") == (0, said)


def test_whole_messages_come_without_secrets(night: Night) -> None:
    said = run(night.product, "call", "show", night.sip_call_id, "--raw")[1]
    assert 'username="li"' in said
    assert "5ec4e7" not in said
    assert "5ec4e7" not in night.raw
    kept = b"".join(file.read_bytes() for file in (night.product.data_dir / "signalling").iterdir())
    assert b"5ec4e7" not in kept
    assert not any(b"5ec4e7" in copy for copy in night.copies)


def test_the_ladder_is_drawn_into_a_file(night: Night, tmp_path: Path) -> None:
    file = tmp_path / "call.svg"
    assert run(night.product, "call", "show", night.call_id, "--svg", str(file))[0] == 0
    drawing = file.read_text()
    ElementTree.fromstring(drawing)
    for step in STEPS:
        assert f">{step}<" in drawing
    code, said = run(night.product, "call", "show", night.call_id, "--svg", str(tmp_path / "no" / "call.svg"))
    assert code == 2
    assert "the file cannot be written" in said


def test_the_messages_are_written_into_a_capture_file(night: Night, tmp_path: Path) -> None:
    file = tmp_path / "call.pcap"
    assert run(night.product, "call", "show", night.call_id, "--pcap", str(file))[0] == 0
    packets = list(read(file.read_bytes()))
    assert len(packets) == len(STEPS)
    assert packets[0][3].startswith(b"INVITE ")
    assert b"5ec4e7" not in file.read_bytes()


def test_a_call_that_nobody_knows_is_said_to_be_unknown(night: Night) -> None:
    code, said = run(night.product, "call", "show", "nobody")
    assert code == 2
    assert "nothing is on record about 'nobody'" in said
    assert "hotline call list" in said


def test_the_capture_server_gets_each_message(night: Night) -> None:
    first = [decoded(copy)[0x000F].split(b"\r\n")[0].split(b" ") for copy in night.copies]
    assert [line[1] if line[0].startswith(b"SIP/") else line[0] for line in first] == [
        b"INVITE", b"200", b"ACK", b"BYE", b"200",
    ]  # fmt: skip


def test_metrics_tell_of_the_call(night: Night) -> None:
    assert "hotline_user_agent_calls_in_total 1.0" in night.metrics
    assert "hotline_sip_sent_total 2.0" in night.metrics
    assert 'hotline_jobs_waiting{topic="transcribe"} 0.0' in night.metrics
    code, said = run(night.product, "metrics")
    assert code == 0
    assert "hotline_signalling_kept_total 5.0" in said


def test_the_commands_for_trunks_and_telephones_speak_with_it(night: Night) -> None:
    assert run(night.product, "trunk", "status")[0] == 0
    assert run(night.product, "phone", "registrations") == (0, "no telephone is registered\n")
    code, said = run(night.product, "phone", "answer", "1001")
    assert code == 2
    assert "phone 1001 has no call" in said


def test_it_tells_that_it_runs(night: Night) -> None:
    code, said = run(night.product, "status")
    assert code == 0
    assert f"SIP port {night.product.sip_port}, 0 SIP calls" in said


def test_draining_lets_a_call_end_and_then_nothing_runs(tmp_path: Path) -> None:
    product = Product(tmp_path, speech__workers=0)
    product.appoint()
    product.start()
    phone = UdpPhone(("127.0.0.1", product.sip_port))
    try:
        call = phone.dial(talk_s=60)
        assert phone.pump_until(lambda: call.media is not None, 10)
        draining = subprocess.Popen(
            product.command("drain"), env=product.environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert draining.stdout is not None
        assert draining.stdout.readline() == "draining: 1 SIP calls stand\n"
        late = phone.dial(talk_s=1)
        assert phone.pump_until(lambda: late.is_over, 10)
        assert late.media is None
        assert "hotline is draining" in run(product, "status")[1]
        assert run(product, "drain", "--no-wait")[0] == 0  # twice is no order to hurry
        phone.pump(1.0)
        assert not call.is_over
        assert product.wait_for("serve.draining")["longest_s"] == 14400
        phone.hang_up(call)
        phone.pump_until(lambda: call.is_over, 10)
        assert draining.communicate(timeout=30)[0] == "stopped\n"
    finally:
        phone.close()
        product.stop()
    for command in (("status",), ("sip", "trace"), ("sip", "legs"), ("drain",), ("metrics",)):
        code, said = run(product, *command)
        assert code == 2, command
        assert "hotline is not running" in said
        assert "hotline serve" in said
    code, said = run(product, "call", "list")  # what was kept needs no running product
    assert code == 0
    call_id = next(row.split()[2] for row in said.splitlines() if "caller" in row.split()[-1])
    assert "BYE" in run(product, "call", "show", call_id)[1]
    assert not (product.data_dir / "control.sock").exists()
