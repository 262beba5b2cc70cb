"""Rules of small bodies in memory."""

import tracemalloc

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from peerstor.uploads.collecting import Collector
from tests.uploads.scaffold import Source


class MemoryTests(SynchronousTestCase):
    def test_tiny_pieces(self) -> None:
        """A body that comes in pieces of two bytes costs little more than its size."""
        size = 64 * 1024
        collector = Collector(limit=None)
        taken = Deferred.fromCoroutine(collector.take(Source(), size))
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for number in range(0, size, 2):
            collector.write(b"%02d" % (number % 100))
        held, _ = tracemalloc.get_traced_memory()
        self.assertLess(held, 3 * size)
        self.assertNoResult(taken)

    def test_joined(self) -> None:
        """What is given on is what came, in whichever pieces, and can't change any more."""
        for sizes in ((1,), (5000,), (1, 1, 5000, 3, 4096, 7)):
            collector, source = Collector(limit=None), Source()
            taken = Deferred.fromCoroutine(collector.take(source, sum(sizes)))
            pieces = [bytes([number]) * size for number, size in enumerate(sizes)]
            for piece in pieces:
                source.send(piece)
            source.end()
            found = self.successResultOf(taken)
            self.assertIsInstance(found, bytes)
            self.assertEqual(found, b"".join(pieces))
