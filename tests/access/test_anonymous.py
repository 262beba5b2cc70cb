"""What somebody without a token may do."""

from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.anonymous import LEVELS, anonymous
from peerstor.access.rights import Right
from peerstor.values import ANONYMOUS


class Levels(SynchronousTestCase):
    def test_every_level_of_the_option_exists(self) -> None:
        """The option's words and the levels are the same."""
        self.assertEqual(set(LEVELS), set(ANONYMOUS))

    def test_levels(self) -> None:
        """Each level has what the one below has; only `full` can change what is there; none can administer."""
        rights = {
            level: {right for right in Right if anonymous(level).may(right, (b"any", b"where"))}
            for level in LEVELS
        }
        self.assertEqual(rights["none"], set())
        self.assertEqual(rights["read"], {Right.READ})
        self.assertEqual(rights["create"], {Right.READ, Right.CREATE})
        self.assertEqual(rights["full"], {Right.READ, Right.CREATE, Right.CHANGE})
