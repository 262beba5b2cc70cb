"""Looking after the cache while the server runs."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerstor.cache.upkeep import LOOK_EVERY, Upkeep
from tests.fakes import HeldThreads, ImmediateThreads


class Cache:
    """Counts how often it is looked at."""

    def __init__(self) -> None:
        self.asked: int | None = None
        self.looks = 0
        self.broken = False

    def look(self) -> None:
        self.looks += 1
        if self.broken:
            raise ZeroDivisionError


class UpkeepTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cache, self.clock = Cache(), Clock()
        self.upkeep = Upkeep(cache=self.cache, threads=ImmediateThreads(), clock=self.clock)  # type: ignore[arg-type]

    def test_looks(self) -> None:
        """It looks at the start and each minute until it is stopped; a defect doesn't end that."""
        self.assertEqual(self.cache.looks, 0)
        self.upkeep.start()
        self.assertEqual(self.cache.looks, 1)
        self.cache.broken = True
        self.clock.pump([LOOK_EVERY / 2] * 4)
        self.assertEqual(self.cache.looks, 3)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.upkeep.stop()
        self.upkeep.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_resize(self) -> None:
        """Another size holds at once while the server runs, and from its start when it doesn't yet."""
        self.upkeep.resize(5)
        self.assertEqual((self.cache.asked, self.cache.looks), (5, 0))
        self.upkeep.start()
        self.upkeep.resize(None)
        self.assertEqual((self.cache.asked, self.cache.looks), (None, 2))
        self.upkeep.stop()

    def test_never_in_the_reactor(self) -> None:
        """It looks in a thread, and a look that hangs doesn't keep the next one back."""
        threads = HeldThreads()
        upkeep = Upkeep(cache=self.cache, threads=threads, clock=self.clock)  # type: ignore[arg-type]
        upkeep.start()
        self.clock.advance(LOOK_EVERY)
        self.assertEqual((len(threads.waiting), self.cache.looks), (2, 0))
        upkeep.stop()
