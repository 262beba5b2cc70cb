"""Measuring how late the reactor is."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon.loopdelay import BOUNDS, EVERY, LoopDelay


class LoopDelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.delay = LoopDelay(self.clock)
        self.delay.start()
        self.addCleanup(self.delay.stop)

    def test_in_time(self) -> None:
        """A reactor that is in time has no delay."""
        self.clock.pump([EVERY] * 20)
        self.assertEqual(self.delay.classes, [20] + [0] * len(BOUNDS))
        self.assertEqual(self.delay.total, 0)

    def test_late(self) -> None:
        """A delay counts once, in the class whose bound it doesn't exceed, and what follows is in time again."""
        self.clock.advance(EVERY + 0.03)
        self.clock.advance(EVERY - 0.03)
        self.assertEqual(self.delay.classes[BOUNDS.index(0.05)], 1)
        self.assertEqual(self.delay.classes[0], 1)
        self.assertAlmostEqual(self.delay.total, 0.03)

    def test_held_up(self) -> None:
        """One that was held up for several of our times counts with all of that, and once."""
        self.clock.advance(EVERY)
        self.clock.advance(EVERY + 1.7)
        self.assertAlmostEqual(self.delay.total, 1.7)
        for _ in range(4):
            self.clock.advance(EVERY)
        self.assertAlmostEqual(self.delay.total, 1.7 + 4 * 0.2)  # each step of this clock ends beside our times
        self.assertEqual(sum(self.delay.classes), 6)
        self.clock.advance(EVERY + 100)
        self.assertEqual(self.delay.classes[-1], 1)

    def test_stopped(self) -> None:
        """Nothing waits for it once it has stopped."""
        self.delay.stop()
        self.delay.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
