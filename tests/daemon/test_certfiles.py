"""Rules of the owner's own certificate files."""

import os
import time

from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon import certfiles
from peerstor.daemon.certfiles import CertificateFiles
from peerstor.errors import StartupError
from tests.certificates import Authority, Issued
from tests.scratch import scratch_folder

AUTHORITY = Authority()


class CertificateFilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def files(self, issued: Issued, *, wall: float | None = None) -> CertificateFiles:
        cert, key = issued.write(self.folder)
        now = time.time() if wall is None else wall
        return CertificateFiles(cert=os.fsencode(cert), key=os.fsencode(key), wall=lambda: now)

    def warnings(self) -> list[str]:
        return [
            str(event["what"])
            for event in self.events
            if event.get("log_namespace") == certfiles.__name__ and event["log_level"] == LogLevel.warn
        ]

    def test_two_files(self) -> None:
        """The certificate and its key are read from their files, without a word when all is well."""
        issued = AUTHORITY.issue()
        self.assertEqual(self.files(issued).load().chain, issued.chain)
        self.assertEqual(self.warnings(), [])

    def test_one_file(self) -> None:
        """Both may lie in one file."""
        issued = AUTHORITY.issue()
        path = os.path.join(self.folder, "both.pem")
        with open(path, "wb") as file:
            file.write(issued.cert_pem + issued.key_pem)
        files = CertificateFiles(cert=os.fsencode(path), key=None, wall=time.time)
        self.assertEqual(files.load().chain, issued.chain)

    def test_unreadable(self) -> None:
        """A file that can't be read is one line with its path and the reason."""
        for missing, what in (("server.crt", "certificate"), ("server.key", "key")):
            files = self.files(AUTHORITY.issue())
            os.unlink(os.path.join(self.folder, missing))
            with self.assertRaises(StartupError) as caught:
                files.load()
            path = os.path.join(self.folder, missing)
            self.assertEqual(str(caught.exception), f"The {what} {path} can't be read: No such file or directory.")

    def test_warnings(self) -> None:
        """One that has expired, is about to, or doesn't hold yet is served all the same, with a warning."""
        for days, wall, words in (
            (-2, None, "expired on"),
            (5, None, "expires on"),
            (90, time.time() - 10 * 86400, "doesn't hold before"),
        ):
            self.events.clear()
            self.files(AUTHORITY.issue(days=days), wall=wall).load()
            (warning,) = self.warnings()
            self.assertIn(words, warning)
