"""A server's key and certificates, read from PEM, and how people compare them."""

import base64
import hashlib
import re
from datetime import datetime

from attrs import field, frozen
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificates

from peerstor.errors import StartupError

ServerKey = EllipticCurvePrivateKey | RSAPrivateKey | Ed25519PrivateKey

# A file may hold more before it: certificates, or the parameters of a curve.
_KEY = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


@frozen
class Identity:
    """What a server shows of itself, and the key by which it proves that.

    :param chain: its own certificate first, then those that lead from it towards a root.
    """

    key: ServerKey = field(eq=False, repr=False)
    chain: tuple[Certificate, ...]

    @property
    def pin(self) -> str:
        """The SHA-256 of the public key, as `curl --pinnedpubkey` takes it (RFC 7469, section 2.4)."""
        return "sha256//" + base64.b64encode(hashlib.sha256(_spki(self.key)).digest()).decode()

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate, as browsers show it."""
        return self.chain[0].fingerprint(SHA256()).hex(":").upper()

    @property
    def begins(self) -> datetime:
        """Since when it holds."""
        return self.chain[0].not_valid_before_utc

    @property
    def ends(self) -> datetime:
        """Until when it holds."""
        return self.chain[0].not_valid_after_utc

    def lines(self) -> list[str]:
        """Say what people compare with what their browser or curl shows."""
        return [
            f"Key: {self.pin} (curl --pinnedpubkey)",
            f"Certificate: SHA-256 {self.fingerprint}, until {self.ends:%Y-%m-%d}",
        ]


def identity_from_pem(cert: bytes, key: bytes, *, cert_name: str, key_name: str) -> Identity:
    """Read an identity.

    :param cert: PEM with the certificates.
    :param key: PEM with the key, and maybe more.
    :param cert_name: what to call the one in a message, and so `key_name` the other.
    :raises StartupError: with the one line that says what is wrong.
    """
    identity = Identity(_key_in(key, key_name), _chain_in(cert, cert_name))
    if _spki(identity.key) != _certified(identity.chain[0], cert_name):
        raise StartupError(f"The key in {key_name} isn't that of the first certificate in {cert_name}.")
    return identity


def _chain_in(pem: bytes, name: str) -> tuple[Certificate, ...]:
    try:
        return tuple(load_pem_x509_certificates(pem))
    except ValueError:
        raise StartupError(f"{name} holds no certificate that can be read (PEM is what is taken).") from None


def _key_in(pem: bytes, name: str) -> ServerKey:
    found = _KEY.search(pem)
    if found is None:
        raise StartupError(f"{name} holds no private key (PEM is what is taken).")
    try:
        key = load_pem_private_key(found[0], None)
    except TypeError:  # what cryptography raises for a missing password
        raise StartupError(
            f"The key in {name} is locked with a password, which nobody is there to type."
            f" Unlock it: openssl pkey -in LOCKED -out UNLOCKED"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise StartupError(f"The private key in {name} can't be read.") from None
    if not isinstance(key, ServerKey):
        raise StartupError(f"The private key in {name} is of a kind that browsers don't take. Use ECDSA or RSA.")
    return key


def _certified(certificate: Certificate, name: str) -> bytes:
    try:
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        raise StartupError(f"The key of the first certificate in {name} is of an unknown kind.") from None


def _spki(key: ServerKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
