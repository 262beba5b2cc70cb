"""Rules of the certificate that the server makes for itself."""

import os
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon import selfsigned
from peerstor.daemon.identity import Identity
from peerstor.daemon.selfsigned import SelfSigned, machine_names
from peerstor.errors import StartupError
from peerstor.secretfiles import read_secret, write_secret
from tests.scratch import scratch_folder

DAY = 86400.0
NAMES = ["box", "box.local", "localhost", "*.example.org", "127.0.0.1", "::1", "192.0.2.2"]


class SelfSignedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.fsencode(scratch_folder(self))
        self.wall = 1_800_000_000.0
        self.source = SelfSigned(
            folder=self.folder, instance_id="0123456789abcdef" * 2, names=lambda: NAMES, wall=lambda: self.wall
        )

    def after(self, days: float) -> Identity:
        self.wall += days * DAY
        return self.source.load()

    def test_made_once(self) -> None:
        """The first start makes it, in a file for its owner alone; the next ones find it there."""
        first = self.source.load()
        (name,) = os.listdir(self.folder)
        self.assertEqual(name, b"tls-0123456789abcdef.pem")
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.folder, name)).st_mode), 0o600)
        self.assertEqual(self.source.load(), first)

    def test_names(self) -> None:
        """It names all by which clients come, names as names and addresses as addresses."""
        names = self.source.load().chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), NAMES[:4])
        self.assertEqual(names.get_values_for_type(x509.IPAddress), [ip_address(name) for name in NAMES[4:]])

    def test_openssl_takes_it(self) -> None:
        """Trusted by hand, it passes for a server under its names, and for no others."""
        identity, path = self.source.load(), os.path.join(self.folder, self.source.file)
        del identity
        for name, right in (("box.local", True), ("192.0.2.2", True), ("other.example", False)):
            kind = "-verify_ip" if name[0].isdigit() else "-verify_hostname"
            when = ["-attime", str(int(self.wall)), "-purpose", "sslserver"]
            done = subprocess.run(
                ["openssl", "verify", *when, "-x509_strict", kind, name, "-CAfile", path, path],
                capture_output=True,
            )
            self.assertEqual(done.returncode == 0, right, done.stderr)

    def test_validity(self) -> None:
        """It holds for no more than the 398 days that browsers take, and since yesterday, for clocks that are late."""
        identity, now = self.source.load(), datetime.fromtimestamp(self.wall, UTC)
        self.assertEqual(identity.ends - identity.begins, timedelta(days=397))
        self.assertEqual(identity.begins, now - timedelta(days=1))

    def test_renewed(self) -> None:
        """With 30 days left it is made anew, with the same key, and stays so."""
        first = self.source.load()
        self.assertEqual(self.after(365), first)
        second = self.after(1)
        self.assertNotEqual(second, first)
        self.assertEqual(second.pin, first.pin)
        self.assertEqual(self.source.load(), second)
        self.assertEqual(self.after(1000).pin, first.pin)

    def test_clock_that_went_back(self) -> None:
        """One that doesn't hold yet, made while the clock was wrong, is made anew."""
        first = self.source.load()
        second = self.after(-100)
        self.assertLess(second.begins, first.begins)
        self.assertEqual(second.pin, first.pin)

    def test_broken_file(self) -> None:
        """A file that is there and can't be read is never replaced: the key in it may be the one people compared."""
        write_secret(self.folder, self.source.file, b"junk")
        with self.assertRaises(StartupError):
            self.source.load()
        self.assertEqual(read_secret(self.folder, self.source.file), b"junk")

    def test_two_storages(self) -> None:
        """Two storages that share a state folder have a key each."""
        other = SelfSigned(folder=self.folder, instance_id="f" * 32, names=lambda: NAMES, wall=lambda: self.wall)
        self.assertNotEqual(other.load().pin, self.source.load().pin)


class MachineNameTests(SynchronousTestCase):
    def test_names(self) -> None:
        """The machine's name, with and without .local, localhost, allowed names, loopback and its addresses."""
        self.patch(selfsigned.socket, "gethostname", lambda: "Box.Example.org")
        names = machine_names(["files.example.org", ".lab.example"])
        self.assertEqual(
            names[:5], ["box.example.org", "box.local", "localhost", "files.example.org", "*.lab.example"]
        )
        self.assertEqual(names[5:7], ["127.0.0.1", "::1"])
        self.assertEqual(len(names), len(set(names)))

    def test_odd_machine_name(self) -> None:
        """A machine's name that is no DNS name doesn't keep the certificate from being made."""
        for odd in ("", "büro", "a b", "-x", "x" * 64):
            self.patch(selfsigned.socket, "gethostname", lambda odd=odd: odd)
            self.assertIn(machine_names([])[0].partition(".")[2], ("", "local"))
            SelfSigned(
                folder=os.fsencode(scratch_folder(self)),
                instance_id="0" * 32,
                names=lambda: machine_names([]),
                wall=lambda: 1.8e9,
            ).load()

    def test_bounded(self) -> None:
        """A machine with thousands of addresses doesn't get a certificate of a megabyte."""
        self.assertEqual(len(machine_names([f"n{number}.example" for number in range(5000)])), 100)
