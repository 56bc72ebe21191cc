"""The product on a carrier's trunk: registered at Kamailio, called through it, calling out over it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from examples.product import ROOT, Product, free_port
from tests.interop.kamailio import DOMAIN, KAMAILIO, PASSWORD, PRIVATE_USER, Kamailio
from tests.interop.site import rows, wait_until

HERE = Path(__file__).parent
SIPP = shutil.which("sipp")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(KAMAILIO is None, reason="kamailio is not installed (Debian: kamailio)"),
    pytest.mark.skipif(SIPP is None, reason="sipp is not installed (Debian: sip-tester)"),
]
NUMBER = "+861065240001"


@dataclass
class Line:
    """The product, and the two proxies of its carrier."""

    product: Product
    first: Kamailio
    second: Kamailio
    callee: int
    """Port of whoever is called outside."""

    def view(self) -> dict[str, Any]:
        """Ask the running product how its trunk stands."""
        [view] = json.loads(self.product.run("trunk", "status", "--json"))
        return dict(view)


@pytest.fixture
def line(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Line]:
    over = f";{getattr(request, 'param', 'udp')}"
    callee = free_port()
    first = Kamailio(tmp_path / "first", free_port(), callee=callee)
    second = Kamailio(tmp_path / "second", free_port(), callee=callee, expires_s=90)
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config)
    (config / "telecom.password").write_text(PASSWORD + "\n")
    (config / "trunks.toml").write_text(
        "[trunks.telecom]\n"
        'mode = "registered"\n'
        f'proxies = ["127.0.0.1:{first.port}{over}", "127.0.0.1:{second.port}{over}"]\n'
        f'registrar = "{DOMAIN}"\n'
        f'user = "{NUMBER}"\n'
        f'auth_user = "{PRIVATE_USER}"\n'
        'password_file = "telecom.password"\n'
        'contact_user = "96156"\n'
        f'caller_numbers = ["{NUMBER}"]\n'
        "keepalive_s = 1\n"
        "register_expires_s = 600\n"
    )
    product = Product(tmp_path / "site", speech__workers=0, site__config_dir=config)
    product.appoint()
    try:
        first.start()
        second.start()
        product.start()
        yield Line(product, first, second, callee)
    finally:
        product.stop()
        first.kill()
        second.kill()


def call_in(line: Line, through: Kamailio, folder: Path) -> None:
    """Call the registered number at a proxy; fail with sipp's own words."""
    folder.mkdir()
    command = [str(SIPP), f"127.0.0.1:{through.port}", "-sf", str(HERE / "sipp" / "carrier_calls.xml")]
    command += ["-i", "127.0.0.1", "-p", str(free_port()), "-s", NUMBER, "-m", "3", "-r", "2"]
    command += ["-timeout", "20s", "-nostdin", "-trace_err", "-error_file", "errors"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    errors = folder / "errors"
    told = errors.read_text(errors="replace") if errors.exists() else ""
    assert done.returncode == 0, f"{told}\n{done.stdout[-2000:]}\n{through.log()}\n{line.product.log[-10:]}"


@pytest.mark.parametrize("line", ["udp", "tcp"], indirect=True)
def test_a_registered_trunk_brings_calls_in(line: Line, tmp_path: Path) -> None:
    """The authentication user is not the From user, the registrar's domain not the proxy."""
    told = line.product.wait_for("trunk.registered", trunk="telecom")
    assert (told["account"], told["expires_s"]) == (f"sip:{NUMBER}@{DOMAIN}", 600)
    assert told["through"].endswith(f":127.0.0.1:{line.first.port}")
    line.product.wait_for("trunk.up")
    call_in(line, line.first, tmp_path / "sipp")
    calls = wait_until(
        lambda: (
            len(found := rows(line.product, "select * from calls where ended_at is not null")) == 3 and found
        ),
        "three call records",
    )
    assert {(call["caller"], bool(call["answered_at"])) for call in calls} == {("+861065249999", True)}
    view = line.view()
    assert (view["state"], view["calls_in"], view["calls"]) == ("up", 3, 0)
    assert view["proxies"][0]["rtt_ms"] < 1000


def test_the_second_proxy_takes_over_when_the_first_is_killed(line: Line, tmp_path: Path) -> None:
    line.product.wait_for("trunk.registered", through=f"udp:127.0.0.1:{line.first.port}")
    began = time.monotonic()
    line.first.kill()
    line.product.wait_for("trunk.silent", proxy=f"127.0.0.1:{line.first.port};udp", within_s=40)
    told = line.product.wait_for("trunk.registered", through=f"udp:127.0.0.1:{line.second.port}", within_s=40)
    assert time.monotonic() - began < 40
    assert told["expires_s"] == 90, "the second registrar grants less than we ask for"
    call_in(line, line.second, tmp_path / "sipp")
    view = line.view()
    assert view["state"] == "degraded"
    assert view["alarms"][0].startswith(f"127.0.0.1:{line.first.port};udp answers nothing")
    line.first.start()
    line.product.wait_for(
        "trunk.heard", after=len(line.product.log) - 1, proxy=f"127.0.0.1:{line.first.port};udp"
    )


def test_a_telephone_of_the_house_calls_out_over_the_trunk(line: Line, tmp_path: Path) -> None:
    """The carrier challenges the INVITE (407); the number shown is the trunk's own."""
    line.product.wait_for("trunk.up")
    said = line.product.run("phone", "add", "1001")
    [password] = re.findall(r"^password: (\S+)$", said, re.MULTILINE)
    line.product.wait_for("phone.book_changed", within_s=10)
    command = [str(SIPP), "-sf", str(HERE / "sipp" / "carrier_answers.xml"), "-i", "127.0.0.1"]
    command += ["-p", str(line.callee), "-m", "1", "-timeout", "40s", "-nostdin", "-trace_msg"]
    command += [
        "-message_file",
        str(tmp_path / "messages"),
        "-trace_err",
        "-error_file",
        str(tmp_path / "errors"),
    ]
    callee = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        place = f"127.0.0.1:{line.product.sip_port}"
        account = f"<sip:1001@{place}>;auth_pass={password};regint=60;audio_codecs=PCMA/8000/1"
        command = [sys.executable, "-m", "tests.interop.house_phone", "--account", account]
        command += ["--dial", f"sip:02161234567@{place}", "--listen", "2"]
        phone = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert '"event": "answered"' in phone.stdout, (
            phone.stdout + phone.stderr + str(line.product.log[-15:])
        )
        assert callee.wait(30) == 0, (tmp_path / "errors").read_text(errors="replace")
    finally:
        callee.kill()
    messages = (tmp_path / "messages").read_text(errors="replace")
    invite = messages[messages.index("INVITE sip:") :].split("\n\n")[0]
    assert f"INVITE sip:02161234567@{DOMAIN};user=phone SIP/2.0" in invite
    assert f"From: <sip:{NUMBER}@{DOMAIN};user=phone>" in invite
    assert f"P-Asserted-Identity: <sip:{NUMBER}@{DOMAIN};user=phone>" in invite
    view = line.view()
    assert (view["calls_out"], view["calls"]) == (1, 0)


def test_the_house_takes_its_registration_back_when_it_stops(line: Line, tmp_path: Path) -> None:
    line.product.wait_for("trunk.registered")
    assert line.product.stop() == 0
    assert not [entry for entry in line.product.log if entry["event"] == "trunk.left_registered"]
    with pytest.raises(AssertionError, match=r"407|Aborting"):
        call_in(line, line.first, tmp_path / "sipp")


def test_a_wrong_password_is_told_with_what_to_do(line: Line, tmp_path: Path) -> None:
    line.product.wait_for("trunk.registered")
    line.product.stop()
    (tmp_path / "config" / "telecom.password").write_text("forgotten\n")
    line.product.start()
    told = line.product.wait_for("trunk.refused", after=len(line.product.log) - 20)
    assert told["status"] == 401
    assert line.view()["accounts"][0]["state"] == "refused"
