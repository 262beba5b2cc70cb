"""Keys and certificates for tests: an authority that nobody else trusts, and what it signs."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make a key."""
    return ec.generate_private_key(ec.SECP256R1())


@frozen
class Issued:
    """A key and the certificates that belong to it, its own first."""

    key: Any
    chain: tuple[x509.Certificate, ...]

    @property
    def cert_pem(self) -> bytes:
        return b"".join(one.public_bytes(Encoding.PEM) for one in self.chain)

    @property
    def key_pem(self) -> bytes:
        return self.encrypted(None)

    def encrypted(self, password: bytes | None) -> bytes:
        """Give the key in PEM, locked where a password is given."""
        lock = NoEncryption() if password is None else BestAvailableEncryption(password)
        pem: bytes = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)
        return pem

    def write(self, folder: str, name: str = "server") -> tuple[str, str]:
        """Write both as files and tell their paths."""
        paths = os.path.join(folder, f"{name}.crt"), os.path.join(folder, f"{name}.key")
        for path, pem in zip(paths, (self.cert_pem, self.key_pem), strict=True):
            with open(path, "wb") as file:
                file.write(pem)
        return paths


class Authority:
    """Signs certificates."""

    def __init__(self) -> None:
        self.key = new_key()
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "PeerStor test authority")])
        self.certificate = (
            _builder(self.name, self.name, self.key.public_key(), days=365)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def issue(self, *names: str, key: Any = None, days: float = 90) -> Issued:
        """Sign a server's certificate.

        :param names: host names and addresses; by default those of this machine's loopback.
        :param days: for which it still holds; negative when it has expired.
        """
        key = key or new_key()
        names = names or ("localhost", "127.0.0.1")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        leaf = (
            _builder(subject, self.name, key.public_key(), days=days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )
        return Issued(key, (leaf, self.certificate))

    def write(self, folder: str) -> str:
        """Write its certificate as a file and tell the path."""
        path = os.path.join(folder, "ca.crt")
        with open(path, "wb") as file:
            file.write(self.certificate.public_bytes(Encoding.PEM))
        return path


def _builder(subject: x509.Name, issuer: x509.Name, public: Any, *, days: float) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=max(1, 1 - days)))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(**on: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: on.get(name, False) for name in names})


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
