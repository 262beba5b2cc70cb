"""Rules of keys and certificates that are read."""

import subprocess

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon.identity import Identity, identity_from_pem
from peerstor.errors import StartupError
from tests.certificates import Authority, Issued, new_key

AUTHORITY = Authority()
ISSUED = AUTHORITY.issue()


def read(cert: bytes, key: bytes) -> Identity:
    return identity_from_pem(cert, key, cert_name="the.crt", key_name="the.key")


def openssl(command: str, stdin: bytes) -> bytes:
    return subprocess.run(["openssl", *command.split()], input=stdin, capture_output=True, check=True).stdout


class IdentityTests(SynchronousTestCase):
    def refusal(self, cert: bytes, key: bytes) -> str:
        with self.assertRaises(StartupError) as caught:
            read(cert, key)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_chain(self) -> None:
        """The certificates stay in their order; the key may lie anywhere in a file with them."""
        for cert, key in (
            (ISSUED.cert_pem, ISSUED.key_pem),
            (ISSUED.cert_pem + ISSUED.key_pem, ISSUED.cert_pem + ISSUED.key_pem),
            (b"Bag Attributes\n" + ISSUED.key_pem + ISSUED.cert_pem, ISSUED.key_pem),
        ):
            self.assertEqual(read(cert, key).chain, ISSUED.chain)

    def test_kinds(self) -> None:
        """Keys of the kinds that servers have are taken; others are refused in words."""
        for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
            issued = AUTHORITY.issue(key=key)
            self.assertEqual(read(issued.cert_pem, issued.key_pem).chain, issued.chain)
        issued = AUTHORITY.issue(key=ed25519.Ed25519PrivateKey.generate())
        self.assertEqual(read(issued.cert_pem, issued.key_pem).chain, issued.chain)
        other = Issued(dsa.generate_private_key(2048), ())
        self.assertIn("of a kind that browsers don't take", self.refusal(ISSUED.cert_pem, other.key_pem))

    def test_older_forms(self) -> None:
        """A key as older programs write it, with the parameters of its curve before it, is taken."""
        pem = openssl("ecparam -name prime256v1 -genkey", b"")
        self.assertIn(b"EC PARAMETERS", pem)
        self.assertIn("isn't that of the first certificate", self.refusal(ISSUED.cert_pem, pem))

    def test_locked_key(self) -> None:
        """A key with a password is refused, and how to unlock it is said, whatever form it has."""
        old = openssl("ec -aes256 -passout pass:secret", ISSUED.key_pem)
        self.assertIn(b"ENCRYPTED", old)
        for locked in (ISSUED.encrypted(b"secret"), old):
            self.assertIn("openssl pkey", self.refusal(ISSUED.cert_pem, locked))

    def test_no_match(self) -> None:
        """A key of another certificate is refused, that of the authority behind the first one too."""
        for key in (new_key(), AUTHORITY.key):
            said = self.refusal(ISSUED.cert_pem, Issued(key, ()).key_pem)
            self.assertIn("the.key isn't that of the first certificate in the.crt", said)

    def test_nothing_in_it(self) -> None:
        """A file that holds no certificate, or no key, or a broken one, is refused by its name."""
        for junk in (b"", b"junk", ISSUED.key_pem, ISSUED.cert_pem[:200], b"\xff" * 100):
            self.assertIn("the.crt holds no certificate", self.refusal(junk, ISSUED.key_pem))
        for junk in (b"", ISSUED.cert_pem, ISSUED.key_pem[:100]):
            self.assertIn("the.key holds no private key", self.refusal(ISSUED.cert_pem, junk))
        broken = ISSUED.key_pem[:60] + b"AAAA" + ISSUED.key_pem[64:]
        self.assertIn("can't be read", self.refusal(ISSUED.cert_pem, broken))

    def test_fingerprints(self) -> None:
        """Both fingerprints are those that openssl shows, and they stand in the lines."""
        identity = read(ISSUED.cert_pem, ISSUED.key_pem)
        shown = openssl("x509 -noout -fingerprint -sha256", ISSUED.cert_pem).decode()
        self.assertEqual(shown.strip().partition("=")[2], identity.fingerprint)
        spki = ISSUED.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = openssl("dgst -sha256 -binary", spki)
        self.assertEqual(identity.pin, "sha256//" + openssl("base64 -A", digest).decode())
        key, certificate = identity.lines()
        self.assertIn(identity.pin, key)
        self.assertIn(identity.fingerprint, certificate)

    def test_no_secret_shown(self) -> None:
        """An identity that gets into a log shows nothing of its key."""
        self.assertNotIn("PrivateKey", repr(read(ISSUED.cert_pem, ISSUED.key_pem)))
