"""The synced mark behind a writer."""

import errno

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerstor.uploads.marks import BEHIND, EVERY, SYNC_AT, SyncedMark
from tests.fakes import HeldThreads


class Disk:
    """Something that is synced, or fails to be."""

    def __init__(self) -> None:
        self.error: OSError | None = None

    def sync(self) -> None:
        if self.error is not None:
            raise self.error


class SyncedMarkTests(SynchronousTestCase):
    """With threads that the test lets run."""

    def setUp(self) -> None:
        self.threads = HeldThreads()
        self.clock = Clock()
        self.disk = Disk()
        self.moves: list[int] = []
        self.broken: list[OSError] = []
        self.mark = SyncedMark(
            part=self.disk,
            synced=0,
            threads=self.threads,
            clock=self.clock,
            moved=self.moves.append,
            broke=self.broken.append,
        )

    def test_a_second_behind(self) -> None:
        """A byte is synced at most a second after it was written, however slowly others follow."""
        for offset in range(1, 5):
            self.assertIsNone(self.mark.written(offset))
            self.clock.advance(EVERY / 4)
        self.assertEqual(len(self.threads.waiting), 1)
        self.threads.release()
        self.assertEqual((self.mark.synced, self.moves), (4, [4]))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many_bytes_behind(self) -> None:
        """Many bytes are synced at once, while the next are written."""
        self.assertIsNone(self.mark.written(SYNC_AT))
        self.assertEqual(len(self.threads.waiting), 1)
        self.assertIsNone(self.mark.written(SYNC_AT + 5))
        self.threads.release()
        self.assertEqual(self.moves, [SYNC_AT])
        self.clock.advance(EVERY)
        self.threads.release()
        self.assertEqual(self.moves, [SYNC_AT, SYNC_AT + 5])

    def test_never_further_behind(self) -> None:
        """The writer waits when the mark would fall further behind than promised."""
        wait = self.mark.written(BEHIND)
        assert wait is not None
        self.assertNoResult(wait)
        self.threads.release()
        self.successResultOf(wait)

    def test_reach_end(self) -> None:
        """Before publishing everything is synced, also what was written during a sync."""
        self.mark.written(SYNC_AT)
        self.mark.written(SYNC_AT + 1)
        done = Deferred.fromCoroutine(self.mark.reach_end())
        self.threads.release()
        self.assertNoResult(done)
        self.threads.release()
        self.successResultOf(done)
        self.assertEqual(self.mark.synced, SYNC_AT + 1)

    def test_failure_is_final(self) -> None:
        """After a failed sync the mark stays for good: a second sync would succeed without the lost pages."""
        self.mark.written(5)
        self.disk.error = OSError(errno.EIO, "Input/output error")
        self.clock.advance(EVERY)
        self.threads.release()
        self.disk.error = None
        self.mark.written(10)
        self.clock.advance(10)
        self.assertEqual(self.threads.waiting, [])
        self.assertEqual((self.mark.synced, len(self.broken)), (0, 1))
        self.failureResultOf(Deferred.fromCoroutine(self.mark.reach_end()), OSError)

    def test_stop(self) -> None:
        """Stopping waits for the sync under way and leaves no timer."""
        self.mark.written(SYNC_AT)
        self.mark.written(SYNC_AT + 1)
        done = Deferred.fromCoroutine(self.mark.stop())
        self.assertNoResult(done)
        self.threads.release()
        self.successResultOf(done)
        self.assertEqual((self.clock.getDelayedCalls(), self.threads.waiting), ([], []))
