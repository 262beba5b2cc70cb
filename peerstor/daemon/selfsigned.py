"""A certificate that the server makes for itself, and renews with the same key."""

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from twisted.logger import Logger

from peerstor.daemon.addresses import machine_addresses
from peerstor.daemon.identity import Identity, ServerKey, identity_from_pem
from peerstor.secretfiles import read_secret, write_secret

VALIDITY = timedelta(days=397)
"""The longest that every browser takes: some refuse more than 398 days."""

RENEWAL = timedelta(days=30)
"""Before its end, when a certificate is made anew: time enough for a server that runs now and then."""

SKEW = timedelta(days=1)
"""By which it begins early: clocks of small devices are late."""

NAMES_AT_MOST = 100

_DNS_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)

_log = Logger()


@frozen(kw_only=True)
class SelfSigned:
    """Reads an identity from a file of its own, which it makes and renews.

    :param folder: path of the folder for secrets.
    :param instance_id: of the storage: several may share that folder.
    :param names: tells by which names and addresses clients come.
    :param wall: the time, seconds since the epoch.
    """

    folder: bytes
    instance_id: str
    names: Callable[[], Sequence[str]]
    wall: Callable[[], float]

    @property
    def file(self) -> bytes:
        """Name of the file."""
        return certificate_file(self.instance_id)

    def load(self) -> Identity:
        """Read it, having made or renewed it where that is due. Blocks.

        The key stays the same for ever, so that whoever has compared it once need not do it again.

        :raises StartupError: it can't be read or written, or the file system doesn't keep secrets.
        """
        now = datetime.fromtimestamp(self.wall(), UTC)
        pem = read_secret(self.folder, self.file)
        if pem is None:
            return self._write(ec.generate_private_key(ec.SECP256R1()), now, "made")
        where = f"{self.folder.decode('utf-8', 'replace')}/{self.file.decode()}"
        identity = identity_from_pem(pem, pem, cert_name=where, key_name=where)
        if identity.begins > now or identity.ends - RENEWAL <= now:
            return self._write(identity.key, now, "renewed")
        return identity

    def _write(self, key: ServerKey, now: datetime, done: str) -> Identity:
        names = self.names()
        identity = Identity(key, (_signed(key, names, now),))
        write_secret(self.folder, self.file, _pem(identity))
        _log.info(
            "{done} a self-signed certificate for {names}, until {ends}",
            done=done,
            names=", ".join(names),
            ends=f"{identity.ends:%Y-%m-%d}",
        )
        return identity


def certificate_file(instance_id: str) -> bytes:
    """Name the file of a storage's own certificate and key.

    :param instance_id: of the storage, 32 hex digits.
    """
    return b"tls-%s.pem" % instance_id[:16].encode()


def machine_names(allowed: Iterable[str]) -> list[str]:
    """List the names and addresses by which clients come to this machine. Blocks for an instant.

    :param allowed: further ones, as `--allow-host` has them.
    """
    host = socket.gethostname().lower().rstrip(".")
    names = [host, f"{host.partition('.')[0]}.local", "localhost"]
    names += [f"*{name}" if name.startswith(".") else name for name in allowed]
    names = [name for name in names if _DNS_NAME.fullmatch(name.removeprefix("*."))]
    addresses = [one.address for one in machine_addresses() if not one.address.is_link_local]
    listed = ["127.0.0.1", "::1", *(str(address) for address in addresses)]
    return list(dict.fromkeys(names + listed))[:NAMES_AT_MOST]


def _signed(key: ServerKey, names: Sequence[str], now: datetime) -> x509.Certificate:
    # A common name has 64 characters at most.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now - SKEW + VALIDITY)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_DIGITAL_SIGNATURE, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, None if isinstance(key, Ed25519PrivateKey) else SHA256())
    )


_DIGITAL_SIGNATURE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(identity: Identity) -> bytes:
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key + identity.chain[0].public_bytes(Encoding.PEM)
