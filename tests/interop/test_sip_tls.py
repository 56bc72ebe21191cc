"""SIP over TLS on real sockets of loopback; the other side is Python's own ``ssl``."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import Authority
from test_sip_sockets import options
from test_sipp_signalling import Hotline, a_hotline

pytestmark = pytest.mark.slow
HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def ours(authority: Authority) -> tuple[Path, Path]:
    return authority.issue("sip.example", HOST)


def a_tls_hotline(files: tuple[Path, Path], *more: str) -> contextlib.AbstractContextManager[Hotline]:
    certificate, key = map(str, files)
    return a_hotline("--quiet", "--place", f"tls:{HOST}:0", "--certificate", certificate, "--key", key, *more)


def tls_port(hotline: Hotline) -> int:
    return int(hotline._first["ports"][-1])


def a_context(authority: Authority, files: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if files is not None:
        context.load_cert_chain(*map(str, files))
    return context


@contextlib.contextmanager
def a_phone(hotline: Hotline, context: ssl.SSLContext, name: str = "sip.example") -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection((HOST, tls_port(hotline)), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=name) as phone,
    ):
        yield phone


def ask(phone: ssl.SSLSocket, number: int = 1) -> bytes:
    phone.sendall(options(HOST, 5061, number, "TLS"))
    return phone.recv(4096)


def test_a_request_over_tls_is_answered(authority: Authority, ours: tuple[Path, Path]) -> None:
    with a_tls_hotline(ours) as hotline, a_phone(hotline, a_context(authority)) as phone:
        assert ask(phone).startswith(b"SIP/2.0 200 OK")
        phone.sendall(b"\r\n\r\n")
        assert phone.recv(16) == b"\r\n"  # RFC 5626, 4.4.1
        assert phone.version() in {"TLSv1.2", "TLSv1.3"}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_what_is_older_than_tls_1_2_is_refused(authority: Authority, ours: tuple[Path, Path]) -> None:
    context = a_context(authority)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with a_tls_hotline(ours) as hotline:
        with pytest.raises((ssl.SSLError, OSError)), a_phone(hotline, context):
            pass
        with a_phone(hotline, a_context(authority)) as phone:
            assert ask(phone).startswith(b"SIP/2.0 200 OK")


@pytest.mark.parametrize(
    ("client", "shows", "is_served"),
    [
        ("required", "nothing", False),
        ("required", "ours", True),
        ("required", "another", False),
        ("optional", "nothing", True),
        ("optional", "ours", True),
        ("optional", "another", False),
        ("never", "nothing", True),
    ],
)
def test_the_peers_certificate_is_asked_for_and_checked(
    client: str, shows: str, is_served: bool, authority: Authority, ours: tuple[Path, Path], tmp_path: Path
) -> None:
    shown = {
        "nothing": None,
        "ours": authority.issue("trunk.example"),
        "another": Authority(tmp_path, "stranger").issue("trunk.example"),
    }[shows]
    with a_tls_hotline(ours, "--ca", str(authority.file), "--client", client) as hotline:
        answer = b""
        with contextlib.suppress(OSError), a_phone(hotline, a_context(authority, shown)) as phone:
            answer = ask(phone)
        assert answer.startswith(b"SIP/2.0 200 OK") is is_served


def test_a_new_certificate_is_taken_up_without_a_restart(authority: Authority, tmp_path: Path) -> None:
    first = authority.issue("sip.example", file="changing")
    with a_tls_hotline(first) as hotline, a_phone(hotline, a_context(authority)) as standing:
        before = standing.getpeercert()
        authority.issue("sip.example", file="changing")
        after, deadline = before, time.monotonic() + 15
        while after == before and time.monotonic() < deadline:
            with a_phone(hotline, a_context(authority)) as phone:
                after = phone.getpeercert()
            time.sleep(0.5)
        assert after != before
        assert ask(standing).startswith(b"SIP/2.0 200 OK")


@pytest.mark.parametrize(("name", "answer"), [("sip.example", 200), ("", 200), ("other.example", None)])
def test_a_request_of_ours_goes_only_to_whom_the_certificate_names(
    name: str, answer: int | None, authority: Authority, ours: tuple[Path, Path]
) -> None:
    with a_tls_hotline(ours) as there:
        place = f"tls:{HOST}:{tls_port(there)}"
        with a_hotline("--ca", str(authority.file), "--ask", place, "--name", name) as hotline:
            assert hotline.next_line() == {"answer": answer}


def test_an_authority_that_is_not_ours_is_not_believed(ours: tuple[Path, Path], tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    with a_tls_hotline(ours) as there:
        place = f"tls:{HOST}:{tls_port(there)}"
        with a_hotline("--ca", str(stranger.file), "--ask", place, "--name", "sip.example") as hotline:
            assert hotline.next_line() == {"answer": None}


def test_noise_where_tls_is_spoken_does_no_harm(authority: Authority, ours: tuple[Path, Path]) -> None:
    with a_tls_hotline(ours) as hotline:
        for noise in (
            b"OPTIONS sip:x SIP/2.0\r\n\r\n",
            os.urandom(2000),
            b"\x16\x03\x01\xff\xff" + bytes(3000),
        ):
            with socket.create_connection((HOST, tls_port(hotline)), timeout=5) as phone:
                phone.sendall(noise)
                with contextlib.suppress(OSError):
                    while phone.recv(4096):
                        pass
        with a_phone(hotline, a_context(authority)) as phone:
            assert ask(phone).startswith(b"SIP/2.0 200 OK")
        assert hotline.stop()["faults"] == 0
