"""Encrypted hand-over and log-in, against a relay with a certificate made for the test."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from notify_builders import AT, MemoryPost, a_letter, a_relay, a_service


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1, as one file of key and certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=36500))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("relay") / "relay.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def context_of(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def check_password(server, session, envelope, mechanism, auth_data):
    return AuthResult(success=auth_data.password == b"right", handled=False)


def deliver(certificate, password_file, password, **relay_options):
    """Send one letter to a relay that wants TLS and a password; returns its first fate and what arrived."""
    password_file.write_text(password)

    async def scenario():
        post = MemoryPost(a_letter())
        options = {
            "tls_context": context_of(certificate),
            "require_starttls": True,
            "auth_required": True,
            "authenticator": check_password,
        }
        async with a_relay(**options | relay_options) as (relay, port):
            settings = {"security": "starttls", "user": "hotline", "password_file": password_file}
            async with a_service(post, port, timeout_s=5.0, at=lambda: AT, **settings):
                await post.until(lambda p: p.fates[7])
        return post.fates[7][0], relay.taken

    return asyncio.run(scenario())


def test_letter_goes_over_starttls_with_a_password(certificate, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    (fate, _), taken = deliver(certificate, tmp_path / "password", "right\n")
    assert fate == "sent"
    assert len(taken) == 1


def test_wrong_password_delays_and_is_not_logged(certificate, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    (fate, words), taken = deliver(certificate, tmp_path / "password", "wr0ng-s3cret")
    assert (fate, taken) == ("delayed", [])
    assert "535" in words
    printed = capsys.readouterr()
    assert "wr0ng-s3cret" not in words + printed.out + printed.err


def test_certificate_that_nobody_vouches_for_gets_neither_password_nor_letter(
    certificate, tmp_path, monkeypatch
):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    (fate, words), taken = deliver(certificate, tmp_path / "password", "right")
    assert (fate, taken) == ("delayed", [])
    assert "certificate" in words.lower()
