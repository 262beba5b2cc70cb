"""How fresh a daemon's knowledge of credentials is, and what it does when it can't look."""

import math
import os
import shutil
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, globalLogPublisher

from peerstor.access.digests import SecretDigest
from peerstor.access.keyring import FRESH, PATIENCE, Keyring
from peerstor.access.rights import Right
from peerstor.errors import StartupError, StorageUnavailable
from tests.access.scaffold import INSTANCE, START, StateCase
from tests.fakes import HeldThreads


class KeyringCase(StateCase):
    def setUp(self) -> None:
        super().setUp()
        self.logged: list[LogEvent] = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)

    def opened(self, **options: Any) -> Keyring:
        ring = self.keyring(**options)
        ring.open()
        return ring

    def refresh(self, ring: Keyring) -> None:
        self.result(ring.refresh())

    def warnings(self) -> int:
        return sum("can't be read" in str(event.get("log_format")) for event in self.logged)


class OpenTests(KeyringCase):
    def test_nothing_set(self) -> None:
        """Where nothing is set nothing is made, and nothing is known."""
        ring = self.opened()
        self.assertFalse(ring.any)
        self.refresh(ring)
        self.assertEqual(os.listdir(self.folder), [])

    def test_tokens_are_known_at_once(self) -> None:
        """Who has opened it knows the tokens before anything else runs, and holds no file open over a fork."""
        secret = self.tokens().add("a", Right.READ, (), None)
        before = os.listdir("/proc/self/fd")
        ring = self.opened(threads=HeldThreads())
        self.assertEqual(os.listdir("/proc/self/fd"), before)
        self.assertTrue(ring.any)
        self.assertIsNotNone(ring.tokens.find(secret.encode()))

    def test_owner(self) -> None:
        """The owner counts as a token, and is known by a credential that lives."""
        ring = self.opened(secret="the owner's")
        self.assertTrue(ring.any)
        self.assertTrue(ring.live(ring.owner.identity or ""))
        again = self.opened(secret="the owner's")
        self.assertEqual(again.owner.identity, ring.owner.identity)

    def test_lost_key(self) -> None:
        """Tokens without their key are refused at the start: nobody could get in, and nobody would know why."""
        self.tokens().add("a", Right.READ, (), None)
        os.unlink(os.path.join(self.folder, SecretDigest.name_for(INSTANCE)))
        for secret in (None, "the owner's"):
            with self.assertRaises(StartupError) as caught:
                self.opened(secret=secret)
            self.assertIn("is gone", str(caught.exception))

    def test_no_database(self) -> None:
        """What is no database is a fault at the start."""
        with open(self.path, "wb") as file:
            file.write(b"no database" * 500)
        with self.assertRaises(StorageUnavailable):
            self.opened()

    def test_unknown_kinds(self) -> None:
        """A credential of no kind that is known doesn't live."""
        ring = self.opened(secret="the owner's")
        for credential in ("", "token", "token:", "other:1", "owner:", ":"):
            self.assertFalse(ring.live(credential), credential)


class FreshTests(KeyringCase):
    def test_added_and_revoked(self) -> None:
        """What another process adds or revokes is known half a second later at most, whoever asks."""
        ring, command = self.opened(), self.tokens()
        self.refresh(ring)
        secret = command.add("a", Right.READ, (), None).encode()
        self.pass_time(FRESH)
        self.refresh(ring)
        token = ring.tokens.find(secret)
        assert token is not None
        self.assertTrue(ring.live(token.identity) and ring.any)
        command.revoke("a")
        self.pass_time(FRESH)
        self.refresh(ring)
        self.assertIsNone(ring.tokens.find(secret))
        self.assertFalse(ring.live(token.identity) or ring.any)

    def test_rarely(self) -> None:
        """However many ask, the disk is asked at most every half second, and all who wait share one look."""
        held = HeldThreads()
        ring = self.opened(threads=held)
        waiting = [Deferred.fromCoroutine(ring.refresh()) for _ in range(50)]
        self.assertEqual(len(held.waiting), 1)
        for one in waiting:
            self.assertNoResult(one)
        held.release_all()
        for one in waiting:
            self.successResultOf(one)
        self.pass_time(FRESH * 0.9)
        self.refresh(ring)
        self.assertEqual(held.waiting, [])
        self.pass_time(FRESH * 0.1)
        Deferred.fromCoroutine(ring.refresh())
        self.assertEqual(len(held.waiting), 1)

    def test_age_counts_from_the_look(self) -> None:
        """A look that took long is as old as its beginning."""
        held = HeldThreads()
        ring = self.opened(threads=held)
        Deferred.fromCoroutine(ring.refresh())
        self.pass_time(FRESH)
        held.release_all()
        Deferred.fromCoroutine(ring.refresh())
        self.assertEqual(len(held.waiting), 1)

    def test_one_gives_up(self) -> None:
        """One who leaves while waiting takes nobody along."""
        held = HeldThreads()
        ring = self.opened(threads=held)
        first, second = (Deferred.fromCoroutine(ring.refresh()) for _ in range(2))
        first.addErrback(lambda _: None)
        first.cancel()
        held.release_all()
        self.successResultOf(second)

    def test_by_itself(self) -> None:
        """Once started it looks of its own accord, and tells of every change: transfers have to be cut."""
        ring, command, told = self.opened(), self.tokens(), []
        ring.on_change.append(lambda: told.append([token.name for token in ring.tokens.all()]))
        ring.start()
        self.pass_time(FRESH)
        told.clear()
        command.add("a", Right.READ, (), None)
        self.pass_time(FRESH)
        self.assertEqual(told, [["a"]])
        self.pass_time(FRESH)
        command.revoke("a")
        self.pass_time(FRESH)
        self.assertEqual(told, [["a"], []])
        self.result(ring.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_expiry_is_told(self) -> None:
        """A token that expires is told of when it does, though nothing on the disk has changed."""
        self.tokens().add("a", Right.READ, (), START + 10)
        self.tokens().add("b", Right.READ, (), START + 20)
        ring, told = self.opened(), []
        ring.start()
        self.pass_time(FRESH)
        ring.on_change.append(lambda: told.append(self.now - START))
        for _ in range(60):
            self.pass_time(FRESH)
        self.assertEqual(told, [10, 20])
        self.result(ring.stop())

    def test_a_listener_that_fails(self) -> None:
        """Somebody who fails to be told keeps nobody else from it, and is in the log."""
        ring, told = self.opened(), []
        ring.on_change += [lambda: 1 / 0, lambda: told.append(1)]
        self.tokens().add("a", Right.READ, (), None)
        self.refresh(ring)
        self.assertEqual(told, [1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_session_use_is_noted(self) -> None:
        """The use of sessions gets to the disk without anybody's doing."""
        ring = self.opened(secret="the owner's")
        ring.start()
        cookie = self.result(ring.sessions.begin(ring.owner.identity, self.now))
        self.pass_time(4000)
        ring.sessions.find(cookie.encode())
        self.pass_time(FRESH)
        self.assertEqual([used - START for _, _, used in ring.sessions.read()], [4000])
        self.result(ring.stop())

    def test_another_kind(self) -> None:
        """Another kind of credentials is read, held, asked and told of like the others."""

        class Passes:
            kind = "pass"
            held: Any = None

            def read(self) -> Any:
                return ["x"]

            def take(self, found: Any) -> None:
                self.held = found

            def live(self, identity: str) -> bool:
                return identity.removeprefix("pass:") in self.held

            def next_end(self, after: float) -> float:
                return START + 5 if after < START + 5 else math.inf

        ring, told = self.keyring(), []
        ring.include(Passes())
        ring.open()
        self.assertEqual((ring.live("pass:x"), ring.live("pass:y")), (True, False))
        ring.start()
        self.pass_time(FRESH)
        ring.on_change.append(lambda: told.append(self.now - START))
        for _ in range(20):
            self.pass_time(FRESH)
        self.assertEqual(told, [5])
        self.result(ring.stop())


class FaultTests(KeyringCase):
    def test_hangs(self) -> None:
        """A disk that hangs holds a request up for a second at most, the next not at all; one line says so."""
        secret = self.tokens().add("a", Right.READ, (), None).encode()
        held = HeldThreads()
        ring = self.opened(threads=held)
        first = Deferred.fromCoroutine(ring.refresh())
        self.pass_time(PATIENCE - 0.1)
        self.assertNoResult(first)
        self.pass_time(0.1)
        self.successResultOf(first)
        for _ in range(5):
            self.refresh(ring)
            self.pass_time(FRESH)
        self.assertIsNotNone(ring.tokens.find(secret))
        self.assertEqual((len(held.waiting), self.warnings()), (1, 1))
        self.tokens().revoke("a")
        held.release_all()
        self.assertIsNone(ring.tokens.find(secret))

    def test_gone(self) -> None:
        """While the database is gone what was known holds, said once; nobody new gets in, and it isn't made anew."""
        secret = self.tokens().add("a", Right.READ, (), None).encode()
        ring = self.opened()
        os.rename(self.path, self.path + b".away")
        for _ in range(5):
            self.pass_time(FRESH)
            self.refresh(ring)
        token = ring.tokens.find(secret)
        assert token is not None
        self.assertTrue(ring.any)
        self.failureResultOf(
            Deferred.fromCoroutine(ring.sessions.begin(token.identity, self.now)), StorageUnavailable
        )
        self.assertEqual(self.warnings(), 1)
        self.assertFalse(os.path.exists(self.path))
        os.rename(self.path + b".away", self.path)
        self.tokens().revoke("a")
        self.pass_time(FRESH)
        self.refresh(ring)
        self.assertIsNone(ring.tokens.find(secret))
        os.unlink(self.path)
        self.pass_time(FRESH)
        self.refresh(ring)
        self.assertEqual(self.warnings(), 2)

    def test_restored(self) -> None:
        """A backup put in its place is what counts half a second later."""
        command = self.tokens()
        old = command.add("old", Right.READ, (), None).encode()
        shutil.copy(self.path, self.path + b".backup")
        ring = self.opened()
        new = command.add("new", Right.READ, (), None).encode()
        self.refresh(ring)
        self.assertIsNotNone(ring.tokens.find(new))
        os.rename(self.path + b".backup", self.path)
        self.pass_time(FRESH)
        self.refresh(ring)
        self.assertIsNone(ring.tokens.find(new))
        self.assertIsNotNone(ring.tokens.find(old))

    def test_damaged(self) -> None:
        """A database that is overwritten with something else leaves what was known."""
        secret = self.tokens().add("a", Right.READ, (), None).encode()
        ring = self.opened()
        with open(self.path, "r+b") as file:
            file.write(b"\xff" * 8192)
        self.pass_time(FRESH)
        self.refresh(ring)
        self.assertIsNotNone(ring.tokens.find(secret))
        self.assertEqual(self.warnings(), 1)

    def test_use_that_cannot_be_noted(self) -> None:
        """A use that can't be written down keeps nobody out, ends no loop, and is complained of once."""
        ring = self.opened(secret="the owner's")
        ring.start()
        cookie = self.result(ring.sessions.begin(ring.owner.identity, self.now)).encode()
        os.rename(self.path, self.path + b".away")
        for _ in range(3):
            self.pass_time(4000)
            self.assertIsNotNone(ring.sessions.find(cookie))
            self.pass_time(FRESH)
        self.assertEqual(self.warnings(), 1)
        os.rename(self.path + b".away", self.path)
        self.pass_time(4000)
        ring.sessions.find(cookie)
        self.pass_time(FRESH)
        self.assertEqual([used for _, _, used in ring.sessions.read()], [self.now - FRESH])
        self.result(ring.stop())

    def test_a_defect(self) -> None:
        """Whatever else goes wrong in a look, requests go on."""
        ring = self.opened()
        self.patch(ring.database, "stamp", lambda: 1 / 0)
        self.refresh(ring)
        self.assertEqual(self.warnings(), 1)
