"""Uploads in memory, and what must be known of them when they leave it."""

import errno
import os

from peerstor.errors import StorageUnavailable
from peerstor.uploads.ledger import Ledger
from tests.uploads.scaffold import EngineCase


class FailedSyncTests(EngineCase):
    """A background sync fails: the kernel may have dropped what it should have written."""

    def setUp(self) -> None:
        super().setUp()
        self.failing = False
        real = os.fdatasync

        def fdatasync(fd: int) -> None:
            if self.failing:
                raise OSError(errno.EIO, "Input/output error")
            real(fd)

        self.patch(os, "fdatasync", fdatasync)
        self.append(b"hello")
        self.world.clock.advance(1.1)
        self.append(b" world", 5)

    def fail_sync(self) -> None:
        """Let the sync behind the second piece fail, while nobody holds the upload."""
        self.failing = True
        self.world.clock.advance(1.1)
        self.failing = False

    def assert_cut_back(self) -> None:
        """Only what was synced counts, and the upload goes on from there."""
        self.assertEqual(self.offset(), 5)
        self.assertEqual(self.part(), b"hello")
        self.append(b" again", 5)
        self.complete(11)
        self.assertEqual(self.content(), b"hello again")

    def test_idle(self) -> None:
        """The next call finds the upload cut back."""
        self.fail_sync()
        self.assert_cut_back()

    def test_closed_when_idle(self) -> None:
        """So it does when the upload was closed for idleness in between."""
        self.fail_sync()
        for _ in range(7):
            self.world.clock.advance(60)
        self.assert_cut_back()

    def test_stopped(self) -> None:
        """So does the next process, though the machine is the same."""
        self.fail_sync()
        self.now(self.engine.stop())
        self.boot()
        self.assert_cut_back()

    def test_ledger_fails_too(self) -> None:
        """A disk that takes no row about it either can't make this process forget it."""
        self.fail_sync()
        real = Ledger.reopen

        def reopen(*_: object) -> None:
            raise StorageUnavailable("broken")

        self.patch(Ledger, "reopen", reopen)
        for _ in range(7):
            self.world.clock.advance(60)
        self.patch(Ledger, "reopen", real)
        self.assert_cut_back()
