"""Shares: what they are, when they hold, and what becomes of them."""

import math
import os

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent

from peerstor.access.rights import EVERY, Grant, Principal, Right
from peerstor.access.shares import tables
from peerstor.access.shares.makers import OWNER, Makers
from peerstor.access.shares.share import Delivery, Mode, new_id
from peerstor.errors import BadRequest, NoSpace
from tests.access.scaffold import START
from tests.access.shares.scaffold import ShareCase, share
from tests.fakes import HeldThreads

DAY = 86400.0


class Identity(ShareCase):
    def test_id(self) -> None:
        """An id is 128 random bits, in letters that an address needs not quote."""
        ids = {new_id() for _ in range(100)}
        self.assertEqual(len(ids), 100)
        for one in ids:
            self.assertRegex(one, r"\A[A-Za-z0-9_-]{22}\Z")

    def test_principal(self) -> None:
        """Whoever opens a share may do what it is for, there and below, and nothing else."""
        for mode, right in ((Mode.READ, Right.READ), (Mode.UPLOAD, Right.CREATE)):
            opener = share(mode=mode).principal
            self.assertTrue(opener.may(right, (b"folder", b"x")))
            for other in EVERY & ~right:
                self.assertFalse(opener.may(other, (b"folder",)))
            for beside in ((), (b"folder2",), (b"Folder",)):
                self.assertFalse(opener.may(right, beside))

    def test_secret(self) -> None:
        """What others read of a share, by name or in a trace, doesn't open it."""
        made = share(password="$argon2id$hash")
        for told in (made.name, repr(made)):
            self.assertNotIn(made.id, told)
            self.assertNotIn("argon2id", told)


class Holding(ShareCase):
    def test_kept(self) -> None:
        """A share with all that it has is there again after a restart."""
        made = self.add(
            parts=(b"a\xff", b"b"), folder=False, mode=Mode.UPLOAD, expires=START + 9, password="hash",
            max_downloads=3, max_bytes=7, note="n\u00f6te",
        )  # fmt: skip
        top = self.add(parts=())
        _, again = self.open()
        self.assertEqual((again.find(made.id), again.find(top.id)), (made, top))

    def test_expiry(self) -> None:
        """A share holds until its time, by itself, and transfers are told of its end."""
        made, told = self.add(expires=START + 100), []
        self.keys.on_change.append(lambda: told.append(self.keys.live(made.identity)))
        self.keys.start()
        self.addCleanup(lambda: self.result(self.keys.stop()))
        self.pass_time(99)
        self.assertEqual(self.shares.find(made.id), made)
        self.assertNotIn(False, told)
        self.pass_time(1)
        self.assertIsNone(self.shares.find(made.id))
        self.assertIn(False, told)
        self.assertEqual(self.shares.get(made.id), made)
        self.assertEqual(self.shares.next_end(self.now), math.inf)

    def test_given_more_time(self) -> None:
        """A share that has expired can be changed into one that hasn't."""
        made = self.add(expires=START + 1)
        self.pass_time(2)
        self.result(self.shares.change(made.id, {"expires": START + 100, "note": "later"}))
        self.assertEqual(self.shares.find(made.id), evolve(made, expires=START + 100, note="later"))

    def test_unknown(self) -> None:
        """Whatever else is asked for is none."""
        for other in ("", "x", new_id(), "\u00e9", "a" * 10_000):
            self.assertIsNone(self.shares.find(other))
            self.assertFalse(self.keys.live(f"share:{other}"))

    def test_revoked(self) -> None:
        """A revoked share ends at once, for good, with all that was known of it."""
        made = self.add()
        self.shares.count_download(made.id, b"visit")
        self.result(self.shares.deliver(made.id, Delivery(START, "-", "", "", (), 0)))
        told: list[bool] = []
        self.keys.on_change.append(lambda: told.append(self.keys.live(made.identity)))
        self.result(self.shares.revoke(made.id))
        self.assertEqual(told[0], False)
        self.assertIsNone(self.open()[1].get(made.id))
        for table in ("shares", "share_visits", "deliveries"):
            self.assertEqual(self.keys.database.read(f"SELECT count(*) FROM {table}"), [(0,)], table)

    def test_revoked_while_the_database_is_read(self) -> None:
        """What was read just before brings no revoked share back, nor one that can't be removed at the moment."""
        threads = HeldThreads()
        _, shares = self.open(threads)
        adding = Deferred.fromCoroutine(shares.add(made := share()))
        threads.release_all()
        self.successResultOf(adding)
        read = shares.read()
        revoking = Deferred.fromCoroutine(shares.revoke(made.id))
        shares.take(read)
        self.assertIsNone(shares.find(made.id))
        threads.release_all()
        self.successResultOf(revoking)

    def test_crowd(self) -> None:
        """However many are counted while one write is under way, the next one writes all of it."""
        threads = HeldThreads()
        _, shares = self.open(threads)
        adding = Deferred.fromCoroutine(shares.add(made := share()))
        threads.release_all()
        self.successResultOf(adding)
        for number in range(3000):
            shares.count_download(made.id, b"%d" % number)
        waiting = [Deferred.fromCoroutine(shares.save()) for _ in range(3000)]
        writes = 0
        while threads.waiting:
            threads.release()
            writes += 1
        for one in waiting:
            self.successResultOf(one)
        self.assertEqual((writes, self.flushLoggedErrors()), (2, []))
        found = self.open()[1].find(made.id)
        self.assertEqual(None if found is None else found.downloads, 3000)
        self.successResultOf(Deferred.fromCoroutine(shares.save()))
        self.assertEqual(threads.waiting, [])

    def test_visits_on_disk(self) -> None:
        """Visits that nobody remembers any more don't pile up on the disk."""
        made = self.add()
        self.patch(tables, "TRIMMED_EVERY", 10)
        self.patch(tables, "_LATEST", "SELECT * FROM share_visits ORDER BY counted DESC LIMIT 3")
        for number in range(25):
            self.now += 1
            self.shares.count_download(made.id, b"%d" % number)
        rows = self.keys.database.read("SELECT visit FROM share_visits ORDER BY counted")
        self.assertEqual([row[0] for row in rows][:3], [b"17", b"18", b"19"])
        self.assertEqual(len(rows), 8)
        self.assertEqual(len(self.shares.read()[1]), 3)

    def test_broken_rows(self) -> None:
        """A row that makes no sense is left out and said, and keeps nothing else from being read."""
        good, bad = self.add(), [self.add() for _ in range(5)]
        changes = ("mode = 'zzz'", "expires = 'soon'", "parts = 'text'", "downloads = x'00'", "max_bytes = 'much'")
        with self.keys.database.transaction() as base:
            for one, change in zip(bad, changes, strict=True):
                base.execute(f"UPDATE shares SET {change} WHERE id = ?", (one.id,))
            base.execute("INSERT INTO share_visits VALUES ('x', 'text', 'never')")
        with capturedLogs() as said:
            _, shares = self.open()
        told = [formatEvent(event) or "" for event in said]
        self.assertEqual([sum(one.id[:8] in line for line in told) for one in (good, *bad)], [0, 1, 1, 1, 1, 1])
        self.assertEqual([one for one in bad if one.id in str(told)], [])
        self.assertEqual(shares.all(), [good])
        self.result(shares.add(share()))
        self.assertEqual(len(shares.all()), 2)

    def test_how_many(self) -> None:
        """There is a most of them; those that expired long ago make room."""
        self.patch(tables, "SHARES", 2)
        old = self.add(expires=START + 1)
        self.add()
        failed = self.failureResultOf(Deferred.fromCoroutine(self.shares.add(share())), BadRequest)
        self.assertIn("2 shares", failed.value.reason)
        self.pass_time(31 * DAY)
        self.add()
        self.assertIsNone(self.shares.get(old.id))


class Makings(ShareCase):
    def token(self, rights: Right, *parts: bytes, name: str = "ann") -> str:
        secret = self.tokens().add(name, rights, parts, None)
        self.keys.tokens.load()
        found = self.keys.tokens.find(secret.encode())
        assert found is not None
        return found.identity

    def test_maker(self) -> None:
        """A share belongs to the token or owner behind what its maker came with, also through a session."""
        makers = Makers(keyring=self.keys, everybody=lambda: Principal("anonymous", ()))
        identity = self.token(EVERY)
        self.keys.tokens.load()
        for behind, maker in ((identity, identity), (self.keys.owner.identity, OWNER)):
            cookie = self.result(self.keys.sessions.begin(behind, self.now)).encode()
            session = self.keys.sessions.credential(cookie)
            for credential in (behind, session):
                self.assertEqual(makers.of(Principal("x", (), credential=credential)), maker)
            self.result(self.keys.sessions.end(cookie))
            self.assertIsNone(makers.of(Principal("x", (), credential=session)))
        opener = self.add().principal
        for nobody in (Principal("x", ()), opener, Principal("x", (), credential="token:gone")):
            self.assertIsNone(makers.of(nobody))

    def test_ends_with_its_token(self) -> None:
        """A share ends when its maker's token does, or has no longer the right; one of the owner's stays."""
        made = self.add(maker=self.token(Right.READ | Right.SHARE, b"folder"), made_by="ann")
        own = self.add()
        self.assertTrue(self.keys.live(made.identity))
        self.tokens().revoke("ann")
        self.pass_time(1)
        self.result(self.keys.refresh())
        self.assertFalse(self.keys.live(made.identity))
        self.assertTrue(self.keys.live(own.identity))

    def test_rights_of_the_maker(self) -> None:
        """It holds as long as its maker may share there and do there what it is for."""
        for rights, parts, mode, holds in (
            (Right.READ | Right.SHARE, (), Mode.READ, True),
            (Right.READ | Right.SHARE, (b"folder", b"below"), Mode.READ, False),
            (Right.READ | Right.SHARE, (b"other",), Mode.READ, False),
            (Right.READ, (), Mode.READ, False),
            (Right.SHARE, (), Mode.READ, False),
            (Right.READ | Right.SHARE, (), Mode.UPLOAD, False),
            (Right.CREATE | Right.SHARE, (b"folder",), Mode.UPLOAD, True),
            (EVERY, (), Mode.UPLOAD, True),
        ):  # fmt: skip
            maker = self.token(rights, *parts)
            made = self.add(mode=mode, maker=maker)
            self.assertIs(self.keys.live(made.identity), holds, (rights, parts, mode))
            self.tokens().revoke("ann")

    def test_what_everybody_may(self) -> None:
        """A token may share what it reads as everybody does, and as long as everybody does."""
        made = self.add(maker=self.token(Right.SHARE, b"folder"))
        self.assertFalse(self.keys.live(made.identity))
        self.level = "read"
        self.assertTrue(self.keys.live(made.identity))

    def test_model(self) -> None:
        """The owner's share holds whatever the tokens are."""
        makers = Makers(keyring=self.keys, everybody=lambda: Principal("anonymous", (Grant((), Right.NONE),)))
        self.assertTrue(makers.may(OWNER, Right.READ, (b"any",)))
        self.assertFalse(makers.may("token:none", Right.READ, (b"any",)))


class Counting(ShareCase):
    def test_counts_stay(self) -> None:
        """What was counted is counted after a restart, the visits too, for their day."""
        made = self.add()
        self.shares.count_download(made.id, b"one")
        self.shares.count_download(made.id, b"two")
        self.shares.count_bytes(made.id, 10)
        self.shares.count_bytes(made.id, -3)
        self.result(self.shares.save())
        _, again = self.open()
        found = again.find(made.id)
        assert found is not None
        self.assertEqual((found.downloads, found.bytes), (2, 7))
        self.assertTrue(again.visits.counted(made.id, b"one"))
        self.assertFalse(again.visits.counted(made.id, b"three"))
        self.pass_time(DAY)
        self.assertFalse(again.visits.counted(made.id, b"one"))
        self.assertFalse(self.open()[1].visits.counted(made.id, b"one"))

    def test_read_while_counting(self) -> None:
        """What was read before a count was written doesn't undo it."""
        made = self.add()
        read = self.shares.read()
        self.shares.count_download(made.id, b"one")
        self.shares.take(read)
        found = self.shares.find(made.id)
        assert found is not None
        self.assertEqual(found.downloads, 1)

    def test_full_disk(self) -> None:
        """A count that could not be written counts, and is written with the next one."""
        made = self.add()

        def full(_: object) -> None:
            raise NoSpace()

        broken = self.patch(self.shares._book, "count", full)
        self.shares.count_download(made.id, b"one")
        self.shares.count_bytes(made.id, 5)
        self.failureResultOf(Deferred.fromCoroutine(self.shares.save()), NoSpace)
        broken.restore()
        self.shares.count_download(made.id, b"two")
        found = self.open()[1].find(made.id)
        assert found is not None
        self.assertEqual((found.downloads, found.bytes), (2, 5))

    def test_written_together(self) -> None:
        """Counts that come while one is written are written as one more."""
        threads = HeldThreads()
        keys, shares = self.open(threads)
        adding = Deferred.fromCoroutine(shares.add(made := share()))
        threads.release_all()
        self.successResultOf(adding)
        for number in range(50):
            shares.count_download(made.id, b"%d" % number)
        self.assertEqual(len(threads.waiting), 1)
        threads.release()
        self.assertEqual(len(threads.waiting), 1)
        threads.release()
        self.assertEqual(threads.waiting, [])
        self.assertEqual(keys.database.read("SELECT downloads FROM shares"), [(50,)])


class Deliveries(ShareCase):
    def test_kept(self) -> None:
        """Deliveries are kept as they came, the last first, each with its own share, up to a most of them."""
        self.patch(tables, "DELIVERIES", 3)
        made, other = self.add(mode=Mode.UPLOAD), self.add(mode=Mode.UPLOAD)
        sent = [Delivery(START + n, "10.0.0.1", f"s{n}", "n\n\u202e", (("a\ufffd", n),), 1) for n in range(5)]
        for one in sent:
            self.result(self.shares.deliver(made.id, one))
        self.result(self.shares.deliver(other.id, sent[0]))
        self.assertEqual(self.result(self.shares.deliveries(made.id)), sent[:1:-1])
        self.assertEqual(self.result(self.shares.deliveries(other.id)), sent[:1])

    def test_full_disk(self) -> None:
        """A delivery that can't be written down is no reason to refuse the files, which lie there already."""
        made = self.add()

        def full(*_: object) -> None:
            raise NoSpace()

        self.patch(self.shares._book, "deliver", full)
        self.result(self.shares.deliver(made.id, Delivery(START, "-", "", "", (), 0)))
        self.assertTrue(os.path.exists(self.path))
