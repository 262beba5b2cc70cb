"""Every input that is kept breaks no rule."""

import importlib

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import corpus, engine
from tests.fuzz.targets import NAMES


class Corpus(SynchronousTestCase):
    def test_every_input(self) -> None:
        """What was once found, or made by hand, is read as the rules say."""
        for name in NAMES:
            target = importlib.import_module(f"tests.fuzz.targets.{name}")
            kept = corpus.inputs(name)
            self.assertTrue(kept, name)
            for file, data in kept:
                with self.subTest(target=name, file=file):
                    target.check(data)

    def test_size(self) -> None:
        """The corpus is small: tens of inputs a target, each of a few hundred bytes."""
        for name in NAMES:
            kept = corpus.inputs(name)
            self.assertLessEqual(len(kept), 60, name)
            self.assertLess(sum(len(data) for _, data in kept), 30_000, name)


class Mutation(SynchronousTestCase):
    def test_finds(self) -> None:
        """A rule that an input of the corpus almost breaks is found broken, and the input is told."""

        def check(data: bytes) -> None:
            assert b"word\0" not in data

        mutator = engine.Mutator([b"a word or two"], [b"other"], seed=1)
        finding = self.assertRaises(engine.Finding, engine.run, check, mutator, seconds=30)
        self.assertIn(b"word\0", finding.data)

    def test_repeatable(self) -> None:
        """The same seed makes the same inputs."""
        made = [
            [engine.Mutator([b"abc", b"def"], [b"x"], seed=seed).make() for _ in range(5)] for seed in (1, 1, 2)
        ]
        self.assertEqual(made[0], made[1])
        self.assertNotEqual(made[0], made[2])
