"""Sessions: how long they last, and what ends them."""

import os
import re

from twisted.internet.defer import Deferred

from peerstor.access import sessions as module
from peerstor.access.keyring import Keyring
from peerstor.access.rights import Right
from peerstor.access.sessions import IDLE, NOTED_EVERY
from peerstor.errors import StorageUnavailable
from tests.access.scaffold import START, StateCase
from tests.fakes import HeldThreads


class SessionTests(StateCase):
    def setUp(self) -> None:
        super().setUp()
        self.ring = self.opened()
        secret = self.ring.tokens.add("a", Right.READ, (), START + 90 * 86400)
        token = self.ring.tokens.find(secret.encode())
        assert token is not None
        self.identity = token.identity

    def opened(self, secret: str | None = "the owner's") -> Keyring:
        ring = self.keyring(secret=secret)
        ring.open()
        return ring

    def begin(self, identity: str | None = None, ring: Keyring | None = None) -> bytes:
        began: str = self.result((ring or self.ring).sessions.begin(identity or self.identity, self.now))
        return began.encode()

    def test_found(self) -> None:
        """A session stands for its token's identity, and has one of its own; both hold in another process too."""
        cookie = self.begin()
        self.assertTrue(re.fullmatch(rb"[A-Za-z0-9_-]{43}", cookie))
        for ring in (self.ring, self.opened()):
            self.assertEqual(ring.sessions.find(cookie), self.identity)
            credential = ring.sessions.credential(cookie)
            assert credential is not None
            self.assertTrue(ring.live(credential))
            self.assertNotIn(cookie.decode(), credential)

    def test_unknown(self) -> None:
        """Nothing but a whole cookie is one; a token's secret is none."""
        cookie = self.begin()
        for wrong in (b"", cookie[:-1], cookie + b"x", b"\xff" * 9999):
            self.assertIsNone(self.ring.sessions.find(wrong))
            self.assertIsNone(self.ring.sessions.credential(wrong))
        self.assertFalse(self.ring.live("session:" + "00" * 32))

    def test_cookie_is_nowhere(self) -> None:
        """No file holds the cookie."""
        cookie = self.begin()
        for name in os.listdir(self.folder):
            with open(os.path.join(self.folder, name), "rb") as file:
                self.assertNotIn(cookie, file.read())

    def test_end(self) -> None:
        """A session that was ended is dead at once, here and after a restart; others go on."""
        cookie, other = self.begin(), self.begin()
        credential = self.ring.sessions.credential(cookie)
        assert credential is not None
        self.result(self.ring.sessions.end(cookie))
        self.result(self.ring.sessions.end(cookie))
        for ring in (self.ring, self.opened()):
            self.assertIsNone(ring.sessions.find(cookie))
            self.assertFalse(ring.live(credential))
            self.assertEqual(ring.sessions.find(other), self.identity)

    def test_end_while_it_is_read(self) -> None:
        """What was read just before the end doesn't bring a session back."""
        cookie = self.begin()
        rows = self.ring.sessions.read()
        held = HeldThreads()
        self.ring.sessions._threads = held
        ended = Deferred.fromCoroutine(self.ring.sessions.end(cookie))
        self.ring.sessions.take(rows)
        self.assertIsNone(self.ring.sessions.find(cookie))
        held.release_all()
        self.successResultOf(ended)

    def test_end_on_a_broken_disk(self) -> None:
        """An end that can't be written is said to have failed, and holds here all the same."""
        cookie = self.begin()
        rows = self.ring.sessions.read()
        os.rename(self.path, self.path + b".away")
        self.failureResultOf(Deferred.fromCoroutine(self.ring.sessions.end(cookie)), StorageUnavailable)
        self.ring.sessions.take(rows)
        self.assertIsNone(self.ring.sessions.find(cookie))

    def test_an_end_is_told(self) -> None:
        """Who signs out, or makes room for another session, is told of: what the session transfers has to end."""
        self.patch(module, "PER_CREDENTIAL", 2)
        told: list[bool] = []
        first, second = self.begin(), self.begin()
        credential = self.ring.sessions.credential(second) or ""
        self.ring.on_change.append(lambda: told.append(self.ring.live(credential)))
        self.result(self.ring.sessions.end(first))
        self.assertEqual(told, [True])
        self.pass_time(1)
        self.begin()
        self.assertEqual(told, [True])
        self.pass_time(1)
        self.begin()
        self.assertEqual(told, [True, False])

    def test_idle(self) -> None:
        """A session lives as long as it is used, and 30 days more."""
        cookie, unused = self.begin(), self.begin()
        self.pass_time(IDLE - 1)
        self.assertIsNotNone(self.ring.sessions.find(cookie))
        self.pass_time(1)
        self.assertIsNone(self.ring.sessions.find(unused))
        self.pass_time(IDLE - 2)
        self.assertIsNotNone(self.ring.sessions.find(cookie))
        self.pass_time(IDLE)
        self.assertIsNone(self.ring.sessions.find(cookie))

    def test_use_is_noted(self) -> None:
        """Use is written down at most hourly, so that a restart costs no more than that of the 30 days."""
        cookie = self.begin()
        held = HeldThreads()
        self.ring.sessions._threads = held
        for seconds, writes in ((NOTED_EVERY - 1, 0), (1, 1), (1, 0), (NOTED_EVERY, 1)):
            self.pass_time(seconds)
            self.ring.sessions.find(cookie)
            noted = Deferred.fromCoroutine(self.ring.sessions.note_uses())
            self.assertEqual(len(held.waiting), writes)
            held.release_all()
            self.successResultOf(noted)
        self.pass_time(IDLE - 1)
        self.assertIsNotNone(self.opened().sessions.find(cookie))

    def test_reading_keeps_the_use(self) -> None:
        """What is read from the disk is no older use than the one that is known."""
        cookie = self.begin()
        self.pass_time(100)
        self.ring.sessions.find(cookie)
        self.ring.sessions.take(self.ring.sessions.read())
        self.pass_time(IDLE - 1)
        self.assertIsNotNone(self.ring.sessions.find(cookie))

    def test_end_with_their_token(self) -> None:
        """All sessions of a token die with it, revoked or expired."""
        cookie = self.begin()
        credential = self.ring.sessions.credential(cookie) or ""
        self.assertTrue(self.ring.live(credential))
        self.now = START + 29 * 86400
        self.ring.sessions.find(cookie)
        self.tokens().revoke("a")
        self.clock.advance(1)
        self.result(self.ring.refresh())
        self.assertIsNone(self.ring.sessions.find(cookie))
        self.assertFalse(self.ring.live(credential))
        self.assertEqual(len(self.ring.sessions), 0)

    def test_end_with_an_expired_token(self) -> None:
        """They don't outlive a token that expires, though they were in use."""
        cookie = self.begin()
        for _ in range(89):
            self.pass_time(86400)
            self.assertIsNotNone(self.ring.sessions.find(cookie))
        self.pass_time(86400)
        self.assertIsNone(self.ring.sessions.find(cookie))

    def test_end_with_the_owner(self) -> None:
        """Sessions of the owner survive a restart, and die with the secret that they were begun with."""
        cookie = self.begin(self.ring.owner.identity)
        again, changed, none = self.opened(), self.opened("another secret"), self.opened(None)
        self.assertEqual(again.sessions.find(cookie), self.ring.owner.identity)
        self.assertIsNone(changed.sessions.find(cookie))
        self.assertIsNone(none.sessions.find(cookie))

    def test_bounded_for_each(self) -> None:
        """A token has so many sessions at most; the one that was used longest ago makes room, others stay."""
        self.patch(module, "PER_CREDENTIAL", 3)
        owners = self.begin(self.ring.owner.identity)
        cookies = []
        for _ in range(5):
            self.pass_time(1)
            cookies.append(self.begin())
        found = [self.ring.sessions.find(cookie) is not None for cookie in cookies]
        self.assertEqual(found, [False, False, True, True, True])
        self.assertIsNotNone(self.ring.sessions.find(owners))

    def test_bounded_in_all(self) -> None:
        """There are so many sessions at most, and a new one is never the one that has to go."""
        self.patch(module, "IN_ALL", 3)
        for second in (1, 1, 1, 1, -1000):
            self.pass_time(second) if second > 0 else setattr(self, "now", START - 1000)
            cookie = self.begin()
            self.assertIsNotNone(self.ring.sessions.find(cookie))
        self.assertEqual(len(self.ring.sessions), 3)

    def test_old_ones_are_forgotten(self) -> None:
        """What has been idle for too long is dropped from the disk with the next beginning."""
        self.begin()
        self.pass_time(IDLE)
        self.begin()
        self.assertEqual(len(self.ring.sessions.read()), 1)
