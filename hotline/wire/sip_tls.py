"""TLS for SIP (RFC 3261, 26.2; RFC 5922): contexts made from the site's files, and made anew with them.

TLS 1.2 at least. As a server we may ask for a certificate of the peer (``never``, ``optional``,
``required``); as a client we always verify the peer's chain and its name, and show our own certificate
if asked. When the files change on disk, new connections use the new ones; what stands goes on. Files
that cannot be used leave the old ones in force, with a line in the log.
"""

# ruff: noqa: N802, ANN401 - Twisted's names and types; the files may vanish while we look
from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from OpenSSL import SSL, crypto
from twisted.internet import ssl
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from hotline.errors import ConfigError
from hotline.wire.reactor import wall_now

log = structlog.get_logger("hotline.sip")

LOOK_AGAIN_S: Final = 5.0
"""How often, at most, the files are looked at when connections come."""

TOLD_BEFORE: Final = timedelta(days=14)
"""How long before its end a certificate is named in the log, at each start and each time it is read."""

LOWEST: Final[dict[str, Any]] = {"insecurelyLowerMinimumTo": ssl.TLSVersion.TLSv1_2}
"""TLS 1.2: older telephones speak no other; RFC 8996 forbids what is below."""

ClientCertificate = Literal["never", "optional", "required"]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the site keeps its certificate, and whom it believes."""

    certificate: Path | None = None
    """PEM: ours first, then the chain up to, but without, its root. None: we can only connect."""
    key: Path | None = None
    """PEM, without a passphrase."""
    ca: Path | None = None
    """PEM: authorities that peers' certificates must come from. None: those that the system trusts."""
    client: ClientCertificate = "never"
    """Whether who connects to us shows a certificate."""


class _Identity:
    """What one reading of the files gave."""

    def __init__(self, files: TlsFiles) -> None:
        self.options: dict[str, Any] = {}
        self.ends: datetime | None = None
        """When our certificate is no longer believed."""
        if files.certificate is not None and files.key is not None:
            chain = _certificates(files.certificate, "tls_certificate")
            key = _key(files.key)
            if chain[0].public_key() != key.public_key():
                raise ConfigError(
                    f"[sip] tls_key does not belong to the first certificate of {files.certificate}; "
                    "name the key that the certificate was made for, and put that certificate first",
                    file=str(files.key),
                )
            self.ends = min(one.not_valid_after_utc for one in chain)
            self.options = {
                "privateKey": crypto.PKey.from_cryptography_key(key),
                "certificate": crypto.X509.from_cryptography(chain[0]),
                "extraCertChain": [crypto.X509.from_cryptography(one) for one in chain[1:]],
            }
        self.trust: Any = ssl.platformTrust()  # type: ignore[no-untyped-call]
        if files.ca is not None:
            authorities = [ssl.Certificate.load(_pem(one), 1) for one in _certificates(files.ca, "tls_ca")]
            self.trust = ssl.trustRootFromCertificates(authorities)  # type: ignore[no-untyped-call]
        self.server: SSL.Context | None = self._server(files.client) if self.options else None

    def _server(self, client: ClientCertificate) -> SSL.Context:
        trust = {} if client == "never" else {"trustRoot": self.trust}
        options = ssl.CertificateOptions(
            insecurelyLowerMinimumTo=ssl.TLSVersion.TLSv1_2, **trust, **self.options
        )
        context = options.getContext()
        context.set_options(SSL.OP_NO_RENEGOTIATION)
        if client == "optional":  # a certificate that is shown must be good all the same
            context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_CLIENT_ONCE)
        return context

    def client(self, name: str) -> Any:
        return ssl.optionsForClientTLS(
            name,
            trustRoot=self.trust,
            extraCertificateOptions={**LOWEST, **self.options},
        )


@implementer(IOpenSSLServerConnectionCreator)
class Tls:
    """The TLS side of one edge.

    :param seconds: monotonic clock.
    :param wall: the time of day, by which certificates end.
    :raises ConfigError: naming the file and the remedy.
    """

    def __init__(
        self, files: TlsFiles, seconds: Callable[[], float], wall: Callable[[], datetime] = wall_now
    ) -> None:
        self._files, self._seconds, self._wall = files, seconds, wall
        self._stamps = self._look()
        self._looked_at = seconds()
        self._identity = _Identity(files)

    def server_factory(self, factory: Any, clock: Any) -> Any:
        """Wrap a factory of connections that come to us."""
        self._tell_end()
        creator: Any = self
        return TLSMemoryBIOFactory(creator, False, factory, clock)

    def client_factory(self, factory: Any, name: str, clock: Any) -> Any:
        """Wrap a factory of one connection of ours.

        :param name: that the peer's certificate must bear: a domain, or a numeric address.
        """
        self._refresh_if_due()
        return TLSMemoryBIOFactory(self._identity.client(name), True, factory, clock)

    def serverConnectionForTLS(self, _protocol: Any) -> SSL.Connection:
        """Make the TLS state of a connection that came to us; Twisted asks."""
        self._refresh_if_due()
        assert self._identity.server is not None
        return SSL.Connection(self._identity.server, None)

    def refresh(self) -> bool:
        """Read the files again.

        :returns: False when they cannot be used, and the old ones stay in force.
        """
        self._stamps = self._look()
        self._looked_at = self._seconds()
        try:
            self._identity = _Identity(self._files)
        except ConfigError as error:
            log.error("sip.certificate_unusable", error=str(error), remedy="the old one stays in force")
            return False
        log.info("sip.certificate_loaded", file=str(self._files.certificate or ""))
        self._tell_end()
        return True

    def _tell_end(self) -> None:
        """Say in the log that the certificate has ended, or soon will. The other transports go on."""
        ends = self._identity.ends
        if ends is None or ends - self._wall() > TOLD_BEFORE:
            return
        ended = ends <= self._wall()
        log.log(
            logging.ERROR if ended else logging.WARNING,
            "sip.certificate_ended" if ended else "sip.certificate_ends",
            file=str(self._files.certificate),
            at=ends.isoformat(),
            remedy="put a new certificate and its chain there; it is read without a restart",
        )

    def _refresh_if_due(self) -> None:
        if self._seconds() - self._looked_at < LOOK_AGAIN_S:
            return
        self._looked_at = self._seconds()
        if self._look() != self._stamps:
            self.refresh()

    def _look(self) -> list[tuple[int, int, int]]:
        stamps = []
        for file in (self._files.certificate, self._files.key, self._files.ca):
            with contextlib.suppress(OSError):
                if file is not None:
                    found = file.stat()
                    stamps.append((found.st_mtime_ns, found.st_ino, found.st_size))
        return stamps


def _read(file: Path, setting: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"[sip] {setting} cannot be read: {error.strerror}", file=str(file)) from error


def _certificates(file: Path, setting: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(file, setting))
    except ValueError as error:
        raise ConfigError(
            f"[sip] {setting} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", file=str(file)
        ) from error


def _key(file: Path) -> Any:
    try:
        return load_pem_private_key(_read(file, "tls_key"), password=None)
    except TypeError as error:
        raise ConfigError(
            "[sip] tls_key is locked with a passphrase, and nobody is there to type it at start: store it "
            "without one, readable by this user only",
            file=str(file),
        ) from error
    except ValueError as error:
        raise ConfigError(
            "[sip] tls_key holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)", file=str(file)
        ) from error


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
