"""Whether a folder still is what was copied."""

import os
import time

from twisted.trial.unittest import SynchronousTestCase

from peerstor.errors import ChangedMeanwhile
from peerstor.tree.likeness import Likeness, Look
from tests.scratch import scratch_folder


class LookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        os.mkdir(f"{self.folder}/x")
        os.close(os.open(f"{self.folder}/x/a", os.O_CREAT))
        os.mkdir(f"{self.folder}/x/hidden")
        self.fd = os.open(self.folder, os.O_RDONLY)
        self.addCleanup(os.close, self.fd)

    def look(self, *, most: int) -> int:
        """Look at the folder, and tell how much was seen."""
        hidden = os.stat(f"{self.folder}/x/hidden")
        likeness = Likeness(since=time.time_ns())
        Look(
            likeness,
            most=most,
            hides=lambda found: os.path.samestat(found, hidden),
            enters=lambda _: None,
            check=lambda: None,
        ).at(self.fd, b"x")
        return likeness.count

    def test_hidden_at_the_end(self) -> None:
        """What is hidden counts for nothing, also where it comes when all that was copied has been seen."""
        self.assertEqual(self.look(most=2), 2)

    def test_more(self) -> None:
        """What is more than was copied isn't the same."""
        self.assertRaises(ChangedMeanwhile, self.look, most=1)
