"""Telephones that we did not write register as docs/phones.md says, and call the hotline."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples.product import ROOT, Product, free_port
from tests.interop.certificates import Authority
from tests.interop.site import likeness, prompt, rows, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PAGE = ROOT / "docs" / "phones.md"
MODULES = Path("/usr/lib/baresip/modules")
TRUNKS = """
[trunks.carrier]
networks = ["10.255.0.0/24"]
"""
"""No trunk on this machine: whoever calls from loopback is a telephone or a stranger."""


def a_site(folder: Path, **settings: object) -> Product:
    """Prepare a product that takes loopback for the open network."""
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    (config / "trunks.toml").write_text(TRUNKS)
    product = Product(folder / "site", speech__workers=0, site__config_dir=config, **settings)
    product.appoint()
    return product


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    product = a_site(tmp_path_factory.mktemp("site"))
    product.start()
    yield product
    product.stop()


def add_phone(product: Product, extension: str, *words: str) -> str:
    """Make an account; returns the password that was shown."""
    said = product.run("phone", "add", extension, *words)
    [password] = re.findall(r"^password: (\S+)$", said, re.MULTILINE)
    return str(password)


def add_known_phone(product: Product, extension: str, *words: str) -> str:
    """Make an account while the product runs, and wait until it knows it."""
    seen = len(product.log)
    password = add_phone(product, extension, *words)
    product.wait_for("phone.book_changed", after=seen)
    return password


def account_of_the_page(
    product: Product, password: str, transport: str = "udp", port: int = 0, user: str = "1001"
) -> str:
    """Take the line for baresip from docs/phones.md, with our address, user and password in it."""
    lines = re.findall(r"^<sip:1001@\S+$", PAGE.read_text(), re.MULTILINE)
    [line] = [line for line in lines if ("transport=tls" in line) == (transport == "tls")]
    place = f"127.0.0.1:{port or product.sip_port}"
    line = re.sub(r"192\.0\.2\.1(:[0-9]+)?", place, line).replace("PASSWORD", password)
    return line.replace("sip:1001@", f"sip:{user}@")


def run_phone(*words: str, within_s: float = 60.0) -> list[dict[str, Any]]:
    """Run a telephone to its end; returns what it said happened."""
    command = [sys.executable, "-m", "tests.interop.house_phone", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=within_s, check=False)
    facts = [json.loads(row) for row in done.stdout.splitlines() if row.startswith("{")]
    assert facts, f"{done.stdout}\n{done.stderr[-3000:]}"
    return facts


def test_a_telephone_registers_before_it_hears_the_greeting(product: Product, tmp_path: Path) -> None:
    account = account_of_the_page(product, add_known_phone(product, "1001", "--shown-as", "前台"))
    heard = tmp_path / "heard.pcm"
    place = f"sip:96156@127.0.0.1:{product.sip_port}"
    facts = run_phone("--account", account, "--dial", place, "--heard", str(heard))
    assert [fact["event"] for fact in facts] == ["registered", "answered", "heard", "unregistered"]
    [call] = wait_until(lambda: rows(product, "select * from calls where ended_at is not null"), "the record")
    assert call["answered_at"]
    assert likeness(np.frombuffer(heard.read_bytes(), np.int16), prompt("zh/greeting")[:24_000]) > 0.8


def test_over_tls_a_telephone_hears_the_greeting_encrypted(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("127.0.0.1")
    port = free_port()
    product = a_site(
        tmp_path,
        sip__listen=f"udp:127.0.0.1:{free_port(socket.SOCK_DGRAM)},tls:127.0.0.1:{port}",
        sip__tls_certificate=certificate,
        sip__tls_key=key,
    )
    account = account_of_the_page(product, add_phone(product, "1001", "--srtp", "required"), "tls", port=port)
    product.start()
    try:
        heard = tmp_path / "heard.pcm"
        words = ["--authority", str(authority.file), "--dial", f"sip:96156@127.0.0.1:{port};transport=tls"]
        facts = run_phone("--account", account, *words, "--heard", str(heard))
        assert [fact["event"] for fact in facts] == ["registered", "answered", "heard", "unregistered"]
        assert likeness(np.frombuffer(heard.read_bytes(), np.int16), prompt("zh/greeting")[:24_000]) > 0.8
    finally:
        product.stop()


def test_a_wrong_password_registers_nobody(product: Product) -> None:
    add_known_phone(product, "1002")
    [fact] = run_phone("--account", account_of_the_page(product, "wrong", user="1002"))
    assert (fact["event"], fact["status"]) == ("refused", 401)


def test_a_disabled_telephone_registers_no_more(product: Product) -> None:
    account = account_of_the_page(product, add_known_phone(product, "1003"), user="1003")
    assert run_phone("--account", account)[0]["event"] == "registered"
    seen = len(product.log)
    product.run("phone", "disable", "1003")
    product.wait_for("phone.book_changed", after=seen)
    assert run_phone("--account", account)[0]["event"] == "refused"


def test_an_old_telephone_registers_at_its_second_try(product: Product, tmp_path: Path) -> None:
    """libre of 2020, as Debian ships it, gives up before a challenge that also names SHA-256."""
    if shutil.which("baresip") is None or not MODULES.is_dir():
        pytest.skip("Debian's baresip is not installed")
    account = account_of_the_page(product, add_known_phone(product, "1004"), user="1004")
    folder = tmp_path / "phone"
    folder.mkdir()
    modules = "".join(f"module {name}.so\n" for name in ("account", "menu", "g711"))
    (folder / "config").write_text(f"module_path {MODULES}\n{modules}")
    (folder / "accounts").write_text(account + "\n")
    seen = []
    for _ in range(2):  # its own second try comes after half a minute
        words = ["baresip", "-4", "-n", "127.0.0.1", "-f", str(folder), "-t", "3"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
        seen.append("200 OK" in done.stdout + done.stderr)
    assert seen[1], done.stdout + done.stderr
