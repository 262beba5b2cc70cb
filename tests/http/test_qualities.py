"""Values of `Accept` and its kin before werkzeug reads them."""

from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.qualities import readable


class ReadableTests(SynchronousTestCase):
    def test_points(self) -> None:
        """A quality may end in its point."""
        self.assertEqual(readable("a;q=0., b ; q=1. ,c;q=0.5"), "a;q=0, b ; q=1 ,c;q=0.5")

    def test_blanks(self) -> None:
        """However many blanks stand somewhere, one is left: reading them takes the square of their number."""
        self.assertEqual(readable("a" + " \t" * 8000 + "b  ;\t\tq=0."), "a b ; q=0")
