"""Debian's sipvicious against the running product: it learns nothing, and is locked out."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.product import Product
from hotline.sip.headers import parse_credentials
from hotline.sip.message import Response, parse_message
from tests.interop.test_phones import a_site
from tests.sip.registrar_rig import answer

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PASSWORD = "trustno1atall"
"""One that a guesser has in his list; `hotline phone add` alone would have made a better one."""
GUESSES = 60
DOMAIN = "phones.example"


def scan(program: str, product: Product, *words: str, folder: Path, target: str = "127.0.0.1") -> str:
    """Run one of sipvicious's programs; returns all that it printed."""
    if shutil.which(program) is None:
        pytest.skip("Debian's sipvicious is not installed")
    command = [program, "-p", str(product.sip_port), "-x", "127.0.0.1", *words, target]
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=90, check=False, cwd=folder, env=environment
    )
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    # svcrack dies of a challenge for SHA-256; with MD5 alone it guesses as fast as it can.
    product = a_site(tmp_path_factory.mktemp("scanned"), phones__digest="MD5")
    product.run("phone", "add", "1001", "--password-stdin", text_in=f"{PASSWORD}\n")
    product.start()
    yield product
    product.stop()


def register(product: Product, ip: str, password: str) -> int:
    """Register extension 1001 from an address, as a telephone does; returns the last status."""
    place = f"sip:127.0.0.1:{product.sip_port}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind((ip, 0))
        phone.settimeout(5)
        credentials, status = "", 0
        for number in (1, 2):
            port = phone.getsockname()[1]
            request = (
                f"REGISTER {place} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {ip}:{port};rport;branch=z9hG4bK{port}{number}\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:1001@127.0.0.1>;tag={port}\r\nTo: <sip:1001@127.0.0.1>\r\n"
                f"Call-ID: {port}@{ip}\r\nCSeq: {number} REGISTER\r\nContact: <sip:1001@{ip}:{port}>\r\n"
                f"{credentials}Content-Length: 0\r\n\r\n"
            )
            phone.sendto(request.encode(), ("127.0.0.1", product.sip_port))
            response = parse_message(phone.recv(4096))
            assert isinstance(response, Response)
            status = response.status
            challenge = response.headers.get("WWW-Authenticate")
            if challenge is None:
                break
            text = answer(challenge, password=password, user="1001", uri=place)
            assert parse_credentials(text).param("realm") == "hotline"
            credentials = f"Authorization: {text}\r\n"
        return status


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE", "SUBSCRIBE"])
def test_a_map_of_the_network_does_not_show_us(product: Product, tmp_path: Path, method: str) -> None:
    said = scan("svmap", product, "-m", method, folder=tmp_path)
    assert "found nothing" in said, said
    assert str(product.sip_port) not in said


@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS", "INVITE"])
def test_no_extension_shows_itself(product: Product, tmp_path: Path, method: str) -> None:
    words = ("-e", "998-1010", "-m", method, "--force", "--maximumtime", "5")
    said = scan("svwar", product, *words, folder=tmp_path)
    assert "found nothing" in said or "no server response" in said, said
    assert "1001" not in said


def test_a_guesser_is_locked_out_although_the_password_is_in_his_list(
    product: Product, tmp_path: Path
) -> None:
    words = [f"guess-number-{number}" for number in range(GUESSES)]
    words[GUESSES // 2] = PASSWORD
    (tmp_path / "words").write_text("\n".join(words) + "\n")
    said = scan("svcrack", product, "-u", "1001", "-d", "words", folder=tmp_path)
    assert PASSWORD not in said, said
    assert "found nothing" in said, said
    line = product.wait_for("phone.locked_out", within_s=5)
    assert (line["source"], line["user"]) == ("127.0.0.1", "1001")
    assert register(product, "127.0.0.1", PASSWORD) == 401
    assert register(product, "127.0.0.9", PASSWORD) == 200


def test_a_site_that_names_its_domain_is_silent_to_those_who_go_by_address(tmp_path: Path) -> None:
    product = a_site(tmp_path, phones__domains=DOMAIN)
    product.start()
    try:
        said = scan("svmap", product, "-m", "REGISTER", folder=tmp_path)
        assert "found nothing" in said, said
    finally:
        product.stop()
