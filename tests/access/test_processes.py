"""Real processes that change the tokens of one storage at once, and are killed at any point of it."""

import os
import random
import signal
import subprocess
import sys
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.access.busy import tokens_in
from tests.scratch import scratch_folder

ROUNDS = 6


class ProcessTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        self.secrets: dict[str, str] = {}
        self.revoked: dict[str, str] = {}

    def start(self, own: str, rounds: int) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.access.busy", self.folder, own, str(rounds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def take(self, said: bytes) -> None:
        """Note what a process has said that it did."""
        for line in said.decode().splitlines():
            word, name, *secret = line.split()
            if word == "added":
                self.secrets[name] = secret[0]
            else:
                self.revoked[name] = self.secrets.pop(name)

    def check(self, under_way: set[str]) -> None:
        """All that was said is so; what goes beyond that is at most what somebody was about to say."""
        tokens = tokens_in(os.fsencode(self.folder))
        tokens.load()
        for name, secret in self.secrets.items():
            found = tokens.find(secret.encode())
            # The second of a round may be revoked, and that not said any more.
            if found is None:
                self.assertIn(name, under_way)
            else:
                self.assertEqual(found.name, name)
        for secret in self.revoked.values():
            self.assertIsNone(tokens.find(secret.encode()))
        unsaid = {token.name for token in tokens.all()} - set(self.secrets)
        self.assertLessEqual(unsaid, under_way)

    def test_at_once(self) -> None:
        """Two that begin at once, with neither database nor key, lose nothing of each other's."""
        processes = [self.start(own, 15) for own in ("one", "two")]
        for process in processes:
            said, _ = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0)
            self.take(said)
        self.assertEqual((len(self.secrets), len(self.revoked)), (30, 30))
        self.check(set())

    def test_kill(self) -> None:
        """After kill -9 at any point what was said is so, and nothing needs repair: also not for those beside."""
        chance = random.Random(3)
        for round in range(ROUNDS):
            steady, victim = self.start(f"s{round}", 5), self.start(f"v{round}", 0)
            assert victim.stdout is not None
            first = victim.stdout.readline()
            time.sleep(chance.uniform(0, 0.1))
            victim.send_signal(signal.SIGKILL)
            self.take(first + victim.stdout.read())
            said, _ = steady.communicate(timeout=60)
            self.assertEqual(steady.returncode, 0)
            self.take(said)
            self.check(self.next_of(f"v{round}"))
            # They are told apart by their names, and each round begins with what the others left.
            for name in [name for name in self.secrets if name.startswith(f"v{round}.")]:
                tokens_in(os.fsencode(self.folder)).revoke(name)
                del self.secrets[name]
            for name in self.next_of(f"v{round}"):
                tokens_in(os.fsencode(self.folder)).revoke(name)

    def next_of(self, own: str) -> set[str]:
        """Name what a killed process may have had in hand."""
        numbers = [
            int(name.split(".")[1]) for name in (*self.secrets, *self.revoked) if name.startswith(f"{own}.")
        ]
        last = max(numbers, default=0)
        return {f"{own}.{number}.{letter}" for number in (last, last + 1) for letter in "ab"}
