"""Rules of telling whether the server can do its work."""

import os
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerstor.errors import StorageUnavailable
from peerstor.web.health import FRESH, PATIENCE, Pulse
from tests.fakes import HeldThreads
from tests.web.house import House


class PulseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.threads = Clock(), HeldThreads()
        self.wrong: Exception | None = None
        self.pulse = Pulse(look=self.look, threads=self.threads, clock=self.clock)

    def look(self) -> None:
        if self.wrong is not None:
            raise self.wrong

    def ask(self) -> Deferred[bool]:
        return Deferred.fromCoroutine(self.pulse.felt())

    def test_good_and_bad(self) -> None:
        """It is as the storage answers; what is known holds for a second."""
        for wrong, good in (
            (None, True),
            (StorageUnavailable("gone"), False),
            (OSError(5, "EIO"), False),
            (None, True),
        ):
            self.wrong = wrong
            asked = self.ask()
            self.assertNoResult(asked)
            self.threads.release()
            self.assertEqual(self.successResultOf(asked), good)
            self.clock.advance(FRESH - 0.1)
            self.assertEqual(self.successResultOf(self.ask()), good)
            self.clock.advance(0.1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_defect(self) -> None:
        """A mistake of ours is no good sign either, and is logged."""
        self.wrong = ZeroDivisionError()
        asked = self.ask()
        self.threads.release()
        self.assertFalse(self.successResultOf(asked))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_crowd(self) -> None:
        """However many ask, the storage is asked once."""
        crowd = [self.ask() for _ in range(1000)]
        self.assertEqual(len(self.threads.waiting), 1)
        self.threads.release()
        self.assertEqual({self.successResultOf(one) for one in crowd}, {True})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_hangs(self) -> None:
        """One that doesn't answer in two seconds is unwell at once for all who ask, until it answers after all."""
        first = self.ask()
        self.clock.advance(PATIENCE - 0.5)
        second = self.ask()
        self.assertNoResult(first)
        self.clock.advance(0.5)
        self.assertEqual((self.successResultOf(first), self.successResultOf(second)), (False, False))
        self.clock.advance(100)
        self.assertFalse(self.successResultOf(self.ask()))
        self.assertEqual(len(self.threads.waiting), 1)
        self.threads.release()
        self.assertTrue(self.successResultOf(self.ask()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_leaves(self) -> None:
        """A client that leaves takes nothing from the others."""
        first, second = self.ask(), self.ask()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.threads.release()
        self.assertTrue(self.successResultOf(second))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class HealthTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House(token="12345678")
        self.addCleanup(self.house.close)

    def check(self, answer: Any, status: int, word: str) -> None:
        self.assertEqual((answer.status, answer.headers["cache-control"]), (status, "no-store"))
        self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertEqual(answer.body, b'{"status":"%s"}\n' % word.encode())

    def test_ok(self) -> None:
        """Whoever asks is told that all is well, a token or not; HEAD is the same without its body."""
        self.check(self.house.get("/-/health"), 200, "ok")
        self.check(self.house.get("/-/health", Authorization="Bearer wrong", Accept="text/html"), 200, "ok")
        head = self.house.ask("HEAD", "/-/health")
        self.assertEqual((head.status, head.headers["content-length"], head.body), (200, "16", b""))
        self.assertEqual(self.house.ask("POST", "/-/health", b"").status, 405)

    def test_vanished(self) -> None:
        """A storage that has gone is 503, within a second; back again, it is well."""
        self.house.get("/-/health")
        os.rename(self.house.storage, self.house.storage + ".away")
        self.house.clock.advance(FRESH)
        self.check(self.house.get("/-/health"), 503, "unavailable")
        os.mkdir(self.house.storage)  # another folder in its place is none either
        self.house.clock.advance(FRESH)
        self.check(self.house.get("/-/health"), 503, "unavailable")
        os.rmdir(self.house.storage)
        os.rename(self.house.storage + ".away", self.house.storage)
        self.house.clock.advance(FRESH)
        self.check(self.house.get("/-/health"), 200, "ok")

    def test_stopping(self) -> None:
        """A server that stops is 503, so that nobody is sent there any more."""
        self.house.site.stopping = True
        self.check(self.house.get("/-/health"), 503, "unavailable")
