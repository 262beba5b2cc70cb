"""The bytes of an upload-only share: reserved before they are written, and never exceeded."""

import random

from twisted.internet.defer import Deferred

from peerstor.access.shares.allowance import Allowance, Reservation
from peerstor.access.shares.share import Mode, Share
from peerstor.errors import NoSpace, QuotaExceeded, TooLarge
from tests.access.shares.scaffold import ShareCase


class Reserving(ShareCase):
    def setUp(self) -> None:
        super().setUp()
        self.allowance = Allowance(shares=self.shares)
        self.share = self.add(mode=Mode.UPLOAD, max_bytes=100)

    def found(self) -> Share:
        found = self.shares.find(self.share.id)
        assert found is not None
        return found

    def settle(self, reservation: Reservation, used: int) -> None:
        self.result(self.allowance.settle(reservation, used))

    def test_kept_or_given_back(self) -> None:
        """What was used is counted for good, the rest can be used by others."""
        first, second = self.allowance.reserve(self.share, 60), self.allowance.reserve(self.share, 40)
        self.assertEqual(self.allowance.left(self.share), 0)
        self.settle(first, 50)
        self.settle(second, 0)
        self.assertEqual((self.allowance.left(self.share), self.found().bytes), (50, 50))
        self.assertEqual(self.open()[1].find(self.share.id), self.found())
        self.assertEqual(self.allowance._held, {})

    def test_too_much(self) -> None:
        """More than is left is refused with what is left; more than it takes in all is too large by itself."""
        with self.assertRaises(TooLarge) as large:
            self.allowance.reserve(self.share, 101)
        self.assertEqual(large.exception.limit, 100)
        self.allowance.reserve(self.share, 60)
        with self.assertRaises(QuotaExceeded) as refused:
            self.allowance.reserve(self.share, 41)
        self.assertEqual(refused.exception.left, 40)
        self.allowance.reserve(self.share, 40)

    def test_no_maximum(self) -> None:
        """Without a maximum everything is taken, and counted."""
        free = self.add(mode=Mode.UPLOAD)
        reservation = self.allowance.reserve(free, 10**15)
        self.assertIsNone(self.allowance.left(free))
        self.settle(reservation, 10**15)
        found = self.shares.find(free.id)
        assert found is not None
        self.assertEqual(found.bytes, 10**15)

    def test_revoked_meanwhile(self) -> None:
        """An upload may end after its share."""
        reservation = self.allowance.reserve(self.share, 10)
        self.result(self.shares.revoke(self.share.id))
        self.settle(reservation, 10)

    def test_full_disk(self) -> None:
        """What can't be written down is counted all the same."""

        def full(_: object) -> None:
            raise NoSpace()

        self.patch(self.shares._book, "count", full)
        reservation = self.allowance.reserve(self.share, 10)
        self.failureResultOf(Deferred.fromCoroutine(self.allowance.settle(reservation, 10)), NoSpace)
        self.assertEqual(self.allowance.left(self.share), 90)

    def test_fifty_writers(self) -> None:
        """Fifty writers that add piece by piece never have more together than there is."""
        chance = random.Random(7)
        writers = [self.allowance.reserve(self.share, 0) for _ in range(50)]
        kept = 0
        while writers:
            writer = chance.choice(writers)
            try:
                self.allowance.extend(self.share, writer, chance.randint(1, 9))
            except QuotaExceeded:
                used = writer.held if chance.random() < 0.7 else 0
                kept += used
                self.settle(writer, used)
                writers.remove(writer)
            self.assertLessEqual(kept + sum(one.held for one in writers), 100)
        self.assertEqual(self.found().bytes, kept)
        self.assertEqual(self.allowance.left(self.share), 100 - kept)
