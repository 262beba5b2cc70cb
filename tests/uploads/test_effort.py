"""What small files take: when several threads are worth having, and when one is."""

from twisted.trial.unittest import SynchronousTestCase

from peerstor.uploads.effort import ABREAST, REMEMBERED, REMOTE, TOILSOME, Effort
from peerstor.uploads.groups import AT_MOST


class EffortTests(SynchronousTestCase):
    """With clocks that the test sets."""

    def setUp(self) -> None:
        self.now = self.work = 0.0
        self.effort = Effort(clock=lambda: self.now, worked=lambda: self.work)

    def make(self, files: int, *, each: float, work: float = 0.0) -> int:
        """Make files that take so many seconds each; tells what follows from it."""
        with self.effort.measured(files):
            self.now += files * each
            self.work += files * work
        return self.effort.abreast()

    def test_quick(self) -> None:
        """One thread is enough for an ordinary disk, however many files come."""
        for _ in range(100):
            self.assertEqual(self.make(8, each=REMOTE / 2, work=TOILSOME / 2), 1)

    def test_toil(self) -> None:
        """Several are worth having where the kernel has much to do, and one again when that is over."""
        self.make(REMEMBERED, each=2 * TOILSOME, work=2 * TOILSOME)
        self.assertEqual(self.effort.abreast(), ABREAST)
        self.make(REMEMBERED, each=TOILSOME / 2, work=TOILSOME / 2)
        self.assertEqual(self.effort.abreast(), 1)

    def test_far(self) -> None:
        """And where it does little, and everything takes its time."""
        for _ in range(REMEMBERED):
            self.make(1, each=2 * REMOTE)
        self.assertEqual(self.effort.abreast(), ABREAST)

    def test_hanging_once(self) -> None:
        """One group that took a minute says nothing of the next, however large; a second one does."""
        self.assertEqual(self.make(AT_MOST, each=60, work=60), 1)
        self.assertEqual(self.make(AT_MOST, each=60, work=60), ABREAST)

    def test_none(self) -> None:
        """Where nothing was made nothing was learnt."""
        self.assertEqual(self.make(0, each=0), 1)

    def test_failure(self) -> None:
        """A disk that fails is slow all the same."""
        with self.assertRaises(OSError), self.effort.measured(REMEMBERED):
            self.now += 2 * REMOTE * REMEMBERED
            raise OSError
        self.assertEqual(self.effort.abreast(), ABREAST)

    def test_own_clocks(self) -> None:
        """Its own clocks count a thread's work, and the time that passes."""
        effort = Effort()
        with effort.measured(REMEMBERED):
            sum(range(3_000_000))
        self.assertEqual(effort.abreast(), ABREAST)
