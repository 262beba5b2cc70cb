"""Rules of looking at the running server, certificates, databases and tokens."""

import os
import sqlite3
import time
from contextlib import closing

from cryptography.hazmat.primitives.asymmetric import rsa
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.database import Database
from peerstor.checks.certificates import check_certificate
from peerstor.checks.credentials import check_access, check_database
from peerstor.checks.findings import Finding, Level
from peerstor.checks.instance import check_instance, instance_of, server_of
from peerstor.settings import Settings
from peerstor.tree.private import PrivateFolder
from peerstor.uploads.ledger import Ledger
from tests.certificates import Authority
from tests.scratch import scratch_folder

AUTHORITY = Authority()


def levels(found: list[Finding]) -> list[str]:
    return [one.level.value for one in found]


class InstanceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = os.fsencode(scratch_folder(self))

    def open(self) -> PrivateFolder:
        fd = os.open(self.root, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        private = PrivateFolder.open(fd, storage=self.root)
        self.addCleanup(private.close)
        return private

    def test_none(self) -> None:
        """A storage that nobody serves has no server, also one that was never served; nothing is made."""
        self.assertIsNone(server_of(self.root))
        self.assertIsNone(instance_of(self.root))
        self.assertEqual(os.listdir(self.root), [])
        private = self.open()
        self.assertIsNone(server_of(self.root))
        self.assertEqual(instance_of(self.root), private.instance_id)

    def test_running(self) -> None:
        """The process that holds the claim is told; the claim stays with it."""
        private = self.open()
        private.acquire_lock()
        self.assertEqual(server_of(self.root), os.getpid())
        self.assertIn(str(os.getpid()), check_instance(self.root, os.getpid()).text)
        private.release()
        self.assertIsNone(server_of(self.root))

    def test_somebody_else_by_now(self) -> None:
        """A number that was left behind counts for nothing when it is another process's by now, or nobody's."""
        self.open().close()
        for pid in (os.getpid(), 2**30, 2**40):
            with open(self.root + b"/.peerstor/lock", "w") as file:
                file.write(f"{pid}\n")
            self.assertIsNone(server_of(self.root), pid)

    def test_hidden_process(self) -> None:
        """Where the kernel doesn't show what a process has open, that it lives has to do."""
        private = self.open()
        private.acquire_lock()
        self.assertEqual(server_of(self.root, proc="/nowhere"), os.getpid())

    def test_cut_off(self) -> None:
        """A restore that was cut off is wrong."""
        self.open().begin_restoring()
        self.assertIs(check_instance(self.root, None).level, Level.WRONG)


class CertificateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        self.now = time.time()

    def check(
        self,
        *names: str,
        allow: tuple[str, ...] = ("localhost",),
        key_file: bytes | None = None,
        later: float = 0.0,
        key: object = None,
        days: float = 90,
    ) -> list[Finding]:
        """Look at a new certificate, so many days later."""
        made = AUTHORITY.issue(*names, key=key, days=days)
        for name, content in (("cert", made.cert_pem), ("key", key_file or made.key_pem)):
            with open(f"{self.folder}/{name}", "wb") as file:
                file.write(content)
            os.chmod(f"{self.folder}/{name}", 0o600)
        settings = Settings(https=True, cert=f"{self.folder}/cert", key=f"{self.folder}/key", allow_host=allow)
        known = ("localhost", "127.0.0.1", *allow)
        return check_certificate(settings, None, now=self.now + later * 86400, accepts=lambda name: name in known)

    def test_good(self) -> None:
        """One that holds, for a name that the server answers to, with a key that is closed, is well."""
        self.assertEqual(levels(self.check()), ["ok"] * 3)

    def test_term(self) -> None:
        """One that has expired or doesn't hold yet is wrong, one that soon expires a warning."""
        for later, days, level in ((0, -1, "wrong"), (-9, 90, "wrong"), (0, 5, "warning"), (80, 90, "warning")):
            self.assertEqual(levels(self.check(days=days, later=later))[0], level, (later, days))

    def test_key(self) -> None:
        """A key of another certificate, or one that is too small, is wrong; one open to all a warning."""
        self.assertIn("isn't that of the first", self.check(key_file=AUTHORITY.issue().key_pem)[0].text)
        self.assertIn("can't be used", self.check(key=rsa.generate_private_key(65537, 1024))[0].text)
        found = self.check()
        os.chmod(f"{self.folder}/key", 0o644)
        settings = Settings(https=True, cert=f"{self.folder}/cert", key=f"{self.folder}/key")
        found = check_certificate(settings, None, now=self.now, accepts=lambda name: True)
        self.assertEqual(levels(found), ["ok", "warning", "ok"])

    def test_names(self) -> None:
        """A name that is allowed and not certified, or the other way round, is a warning."""
        self.assertIn("isn't for a.example", self.check(allow=("a.example",))[2].text)
        self.assertIn("doesn't answer", self.check("b.example", allow=())[2].text)
        self.assertEqual(levels(self.check("*.b.example", allow=("any.b.example",)))[2], "ok")

    def test_absent(self) -> None:
        """Without HTTPS none is needed, and PeerStor makes its own; a file that isn't there is wrong."""
        for settings, level in (
            (Settings(), "ok"),
            (Settings(https=True), "ok"),
            (Settings(https=True, cert=f"{self.folder}/none"), "wrong"),
        ):
            self.assertEqual(
                levels(check_certificate(settings, None, now=self.now, accepts=lambda name: True)), [level]
            )


class DatabaseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.fsencode(scratch_folder(self))
        self.scratch = os.fsencode(scratch_folder(self))
        self.path = self.folder + b"/ledger"

    def check(self, *, exclusive: bool = True) -> Finding:
        for name in os.listdir(self.scratch):
            os.unlink(self.scratch + b"/" + name)
        return check_database(self.path, self.scratch, exclusive=exclusive)

    def test_ledger(self) -> None:
        """One that isn't there, is of this version or of an older one is well; a newer one is wrong."""
        self.assertIn("no ledger", self.check().text)
        Ledger(path=self.path).check()
        self.assertIn("is whole, and of version 2", self.check().text)
        for version, level, words in (
            (1, Level.OK, "next start"),
            (99, Level.WRONG, "newer PeerStor (version 99"),
        ):
            with closing(sqlite3.connect(self.path)) as base:
                base.execute(f"PRAGMA user_version = {version}")
            found = self.check()
            self.assertEqual((found.level, words in found.text), (level, True), found.text)

    def test_in_use(self) -> None:
        """The ledger is looked at while its server has it to itself."""
        ledger = Ledger(path=self.path)
        ledger.open()
        self.addCleanup(ledger.close)
        self.assertIs(self.check().level, Level.OK)

    def test_damaged(self) -> None:
        """What is no database is wrong."""
        with open(self.path, "wb") as file:
            file.write(b"something else entirely" * 500)
        for exclusive in (True, False):
            found = self.check(exclusive=exclusive)
            self.assertEqual((found.level, "can't be used" in found.text), (Level.WRONG, True))


class AccessTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.fsencode(scratch_folder(self))
        self.path, self.key = self.folder + b"/access", self.folder + b"/key"

    def add(self, name: str, expires: float | None) -> None:
        base = Database(path=self.path, key=self.key, fsync=False)
        with base.transaction() as rows:
            rows.execute(
                "INSERT INTO tokens VALUES (?, ?, ?, 'read', x'', 1.0, ?)", (name, name.encode(), name, expires)
            )
        base.close()
        with open(self.key, "wb"):
            pass

    def check(self, beyond: bool = True, **settings: object) -> list[Finding]:
        return check_access(Settings(**settings), self.path, self.key, now=1e9, beyond=beyond)  # type: ignore[arg-type]

    def test_open(self) -> None:
        """A server that the network reaches without any token is a warning; for this machine alone it is well."""
        self.assertEqual(levels(self.check()), ["warning"])
        self.assertEqual(levels(self.check(beyond=False)), ["ok"])
        self.assertEqual(levels(self.check(anonymous="none")), ["ok"])

    def test_tokens(self) -> None:
        """Tokens close it; when all have expired nobody gets in, which is a warning."""
        self.add("a", 5.0)
        self.assertEqual(levels(self.check()), ["warning", "ok"])
        self.add("b", None)
        found = self.check()
        self.assertEqual(levels(found), ["ok", "ok"])
        self.assertIn("1 in force, 1 expired", found[0].text)
        self.assertEqual(levels(self.check(anonymous="full")), ["ok", "warning"])

    def test_key_gone(self) -> None:
        """Tokens without their key are wrong."""
        self.add("a", None)
        os.unlink(self.key)
        self.assertEqual(levels(self.check())[0], "wrong")

    def test_database_gone(self) -> None:
        """A key without the tokens that were made with it is wrong."""
        self.add("a", None)
        os.unlink(self.path)
        self.assertEqual(levels(self.check())[0], "wrong")

    def test_on_the_command_line(self) -> None:
        """A token that others can see is a warning; it isn't shown once more."""
        found = self.check(token="secret-of-mine")
        self.assertEqual(levels(found), ["warning", "ok"])
        self.assertNotIn("secret-of-mine", repr(found))
