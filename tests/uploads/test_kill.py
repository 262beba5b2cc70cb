"""kill -9 at random points of uploads."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.uploads.victim import SIZE, content

ROUNDS = 8


class KillTests(SynchronousTestCase):
    """With real processes."""

    def setUp(self) -> None:
        self.root = os.fsencode(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)

    def round(self, number: int, seconds: float) -> list[list[str]]:
        """Let a process upload for so long after its first acknowledgement; gives all of them."""
        command = [sys.executable, "-m", "tests.uploads.victim", os.fsdecode(self.root), str(number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
            lines = first + process.stdout.read()
            self.assertEqual(process.wait(), -signal.SIGKILL)
        return [line.split() for line in lines.decode().splitlines()]

    def test_nothing_acknowledged_is_lost(self) -> None:
        """Every acknowledged byte is there after a kill -9, nothing is torn, nothing is published twice."""
        chance = random.Random(5)
        number, acknowledged = 0, 0
        for _ in range(ROUNDS):
            said = self.round(number, chance.uniform(0, 0.2))
            if said[0][0] == "at":
                self.assertGreaterEqual(int(said[0][2]), acknowledged)
            acknowledged = 0
            for word, which, *offset in said:
                number = int(which) + (word == "done")
                acknowledged = int(offset[0]) if word == "at" else 0
            self.check(number)
        self.assertGreater(number, 0)

    def check(self, number: int) -> None:
        """All that was completed is visible and whole; at most the one under way may be there too."""
        names = {name for name in os.listdir(self.root) if name != b".peerstor"}
        finished = {b"file-%d" % one for one in range(number)}
        self.assertLessEqual(finished, names)
        self.assertLessEqual(names, finished | {b"file-%d" % number})
        for name in names:
            with open(self.root + b"/" + name, "rb") as file:
                found = file.read()
            self.assertEqual(len(found), SIZE)
            self.assertTrue(found == content(int(name.removeprefix(b"file-"))))
        self.assertLessEqual(len(os.listdir(self.root + b"/.peerstor/parts")), 1)
