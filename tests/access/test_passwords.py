"""Passwords of share links."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.passwords import LONGEST, WAITING_AT_MOST, Passwords
from peerstor.errors import TooMany
from tests.fakes import HeldThreads, ImmediateThreads


class Checking(SynchronousTestCase):
    def test_right_and_wrong(self) -> None:
        """The one that was hashed is right, any other is wrong; the hash has a salt and doesn't tell it."""
        passwords = Passwords(threads=ImmediateThreads())
        kept = self.successResultOf(Deferred.fromCoroutine(passwords.hash("s\u00e9cret")))
        again = self.successResultOf(Deferred.fromCoroutine(passwords.hash("s\u00e9cret")))
        self.assertNotEqual(kept, again)
        self.assertTrue(kept.startswith("$argon2id$"))
        for tried, right in (("s\u00e9cret", True), ("secret", False), ("", False), ("x" * (LONGEST + 1), False)):
            found = self.successResultOf(Deferred.fromCoroutine(passwords.right(kept, tried)))
            self.assertIs(found, right)
        self.assertFalse(self.successResultOf(Deferred.fromCoroutine(passwords.right("no hash", "x"))))

    def test_how_many_wait(self) -> None:
        """Beyond a number that wait nobody else is heard, also when those before have left; then there is room."""
        threads = HeldThreads()
        passwords = Passwords(threads=threads)
        waiting = [Deferred.fromCoroutine(passwords.right("no hash", "x")) for _ in range(WAITING_AT_MOST)]
        self.failureResultOf(Deferred.fromCoroutine(passwords.right("no hash", "x")), TooMany)
        threads.release_all()
        for one in waiting:
            self.assertFalse(self.successResultOf(one))
        Deferred.fromCoroutine(passwords.right("no hash", "x"))
        self.assertEqual(len(threads.waiting), 1)
