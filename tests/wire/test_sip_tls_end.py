"""A certificate that ends is named in the log, and stops nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog.testing
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hotline.wire.sip_tls import TOLD_BEFORE, Tls, TlsFiles

ENDS = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sip.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ENDS - timedelta(days=90))
        .not_valid_after(ENDS)
        .sign(key, hashes.SHA256())
    )
    made = TlsFiles(tmp_path / "sip.pem", tmp_path / "sip.key")
    assert made.certificate is not None
    assert made.key is not None
    made.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (ENDS - TOLD_BEFORE - timedelta(seconds=1), []),
        (ENDS - TOLD_BEFORE, ["sip.certificate_ends"]),
        (ENDS, ["sip.certificate_ended"]),
    ],
)
def test_the_end_of_a_certificate_is_told_in_time(files: TlsFiles, now: datetime, told: list[str]) -> None:
    tls = Tls(files, lambda: 0.0, lambda: now)
    with structlog.testing.capture_logs() as lines:
        tls.server_factory(object(), object())
        assert tls.refresh()
    assert [line["event"] for line in lines] == [*told, "sip.certificate_loaded", *told]
    assert all("without a restart" in line["remedy"] for line in lines if line["event"] in told)


def test_who_only_checks_the_files_is_told_nothing(files: TlsFiles) -> None:
    with structlog.testing.capture_logs() as lines:
        Tls(files, lambda: 0.0, lambda: ENDS)
    assert lines == []
