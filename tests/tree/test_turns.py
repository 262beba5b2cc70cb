"""One at a time for each key."""

import threading

from twisted.trial.unittest import SynchronousTestCase

from peerstor.tree.turns import Turns


class TurnsTests(SynchronousTestCase):
    """`Turns`."""

    def test_same_key_waits(self) -> None:
        """A second thread enters only after the first has left."""
        turns, order = Turns(), []
        inside, go = threading.Event(), threading.Event()

        def first() -> None:
            with turns.take("a"):
                inside.set()
                go.wait(10)
                order.append("first")

        def second() -> None:
            with turns.take("a"):
                order.append("second")

        threads = [threading.Thread(target=first), threading.Thread(target=second)]
        threads[0].start()
        inside.wait(10)
        threads[1].start()
        with turns.take("b"):
            order.append("other key")
        go.set()
        for thread in threads:
            thread.join(10)
        self.assertEqual(order, ["other key", "first", "second"])

    def test_one_more(self) -> None:
        """Who holds some may have one more that nobody has, once or often, and doesn't wait for one that is taken."""
        turns = Turns()
        with turns.take("c"), turns.take_all((2,), (1,)) as held:
            self.assertTrue(held.take("d") and held.take("d") and held.take((1,)))
            self.assertFalse(held.take("c"))
            self.assertEqual(len(turns._all), 4)
        self.assertEqual(turns._all, {})
        with turns.take("d"), turns.take((1,)):
            pass

    def test_nothing_is_kept(self) -> None:
        """A key that nobody wants any more costs no memory, also after a failure."""
        turns = Turns()

        def fail() -> None:
            with turns.take("a"):
                raise ValueError

        self.assertRaises(ValueError, fail)
        self.assertEqual(turns._all, {})
