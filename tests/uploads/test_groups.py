"""Visits in groups: who goes with whom, and who waits for nobody."""

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerstor.uploads.groups import AT_MOST, PATIENCE, Groups
from tests.fakes import HeldThreads, ImmediateThreads


class GroupsTests(SynchronousTestCase):
    """With threads and a clock that the test lets run."""

    def setUp(self) -> None:
        self.clock, self.threads = Clock(), HeldThreads()
        self.seen: list[list[int]] = []
        self.groups = self.made(lambda: 1)

    def made(self, abreast: Callable[[], int]) -> Groups[int, int]:
        """Make groups, of which so many may be under way."""
        return Groups(threads=self.threads, clock=self.clock, visit=self.visit, abreast=abreast)

    def visit(self, members: Sequence[int]) -> list[int | Exception]:
        """Double each; a negative one can't be."""
        self.seen.append([*members])
        return [ValueError(member) if member < 0 else member * 2 for member in members]

    def test_alone(self) -> None:
        """Who comes first goes at once."""
        done = self.groups.join(1)
        self.threads.release()
        self.assertEqual((self.successResultOf(done), self.seen), (2, [[1]]))

    def test_company(self) -> None:
        """Who comes while a visit is under way goes with the next, and each has its own outcome."""
        done = [self.groups.join(number) for number in (1, 2, -3, 4)]
        self.threads.release_all()
        self.assertEqual(self.seen, [[1], [2, -3, 4]])
        self.failureResultOf(done.pop(2), ValueError)
        self.assertEqual([self.successResultOf(one) for one in done], [2, 4, 8])

    def test_gathering(self) -> None:
        """Who comes together goes together."""
        with self.groups.gathering():
            for number in (1, 2, 3):
                self.groups.join(number)
        self.threads.release_all()
        self.assertEqual(self.seen, [[1, 2, 3]])

    def test_turn(self) -> None:
        """Who doesn't want to go at once goes with all who come in the same turn; with the next visit, if one is due."""
        for number in (1, 2, 3):
            self.groups.join(number, at_once=False)
        self.assertEqual(self.threads.waiting, [])
        self.clock.advance(0)
        self.groups.join(4, at_once=False)
        self.threads.release_all()
        self.assertEqual(self.seen, [[1, 2, 3], [4]])

    def test_at_most(self) -> None:
        """A group has an end, and what is over goes with the next."""
        with self.groups.gathering():
            done = [self.groups.join(number) for number in range(AT_MOST + 2)]
        self.threads.release_all()
        self.assertEqual([len(group) for group in self.seen], [AT_MOST, 2])
        self.assertEqual([self.successResultOf(one) for one in done], [2 * n for n in range(AT_MOST + 2)])

    def test_slow(self) -> None:
        """A visit that hangs keeps the others from theirs for a moment only, and still comes to its end."""
        slow, other = self.groups.join(1), self.groups.join(2)
        self.assertEqual(len(self.threads.waiting), 1)
        self.clock.pump([PATIENCE] * 2)
        hanging = self.threads.waiting.pop(0)
        self.threads.release_all()
        self.assertEqual(self.successResultOf(other), 4)
        self.assertNoResult(slow)
        self.threads.waiting.append(hanging)
        self.threads.release_all()
        self.assertEqual(self.successResultOf(slow), 2)

    def test_quick_again(self) -> None:
        """Visits that are quick go one after the other, however long that goes on; then nothing is left to do."""
        for number in range(10):
            done = self.groups.join(number)
            self.clock.advance(PATIENCE)
            self.assertEqual(len(self.threads.waiting), 1)
            self.threads.release()
            self.successResultOf(done)
        self.clock.pump([PATIENCE] * 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_abreast(self) -> None:
        """Where several may be under way, who waits is spread over them, and each takes the next when it is back."""
        groups = self.made(lambda: 3)
        with groups.gathering():
            done = [groups.join(number) for number in range(8)]
        done += [groups.join(number) for number in (8, 9)]
        self.assertEqual(len(self.threads.waiting), 3)
        self.threads.release()
        self.assertEqual(len(self.threads.waiting), 3)
        self.threads.release_all()
        self.assertEqual(self.seen, [[0, 1, 2], [3, 4, 5], [6, 7], [8, 9]])
        self.assertEqual([self.successResultOf(one) for one in done], [2 * number for number in range(10)])

    def test_narrower(self) -> None:
        """What is under way comes to its end when fewer may be; the next begins when they are few enough."""
        allowed = 2
        groups = self.made(lambda: allowed)
        done = [groups.join(number) for number in range(2)]
        allowed = 1
        done += [groups.join(number, at_once=False) for number in (2, 3)]
        self.clock.advance(0)
        self.threads.release()
        self.assertEqual(len(self.threads.waiting), 1)
        self.threads.release_all()
        self.assertEqual(self.seen, [[0], [1], [2, 3]])
        self.assertEqual([self.successResultOf(one) for one in done], [0, 2, 4, 6])

    def test_slow_abreast(self) -> None:
        """Each that hangs makes room for another, and none of them twice."""
        groups = self.made(lambda: 2)
        for number in range(3):
            groups.join(number)
        self.assertEqual(len(self.threads.waiting), 2)
        self.clock.pump([PATIENCE] * 2)
        groups.join(3)
        groups.join(4)
        self.assertEqual(len(self.threads.waiting), 4)
        self.threads.release(2)
        self.assertEqual(len(self.threads.waiting), 2)
        self.threads.release_all()
        self.assertEqual(self.seen, [[0], [1], [2], [3], [4]])

    def test_defect(self) -> None:
        """A visit that fails as a whole fails for each."""

        def broken(members: Sequence[int]) -> list[int | Exception]:
            raise ZeroDivisionError

        groups: Groups[int, int] = Groups(
            threads=ImmediateThreads(), clock=self.clock, visit=broken, abreast=lambda: 1
        )
        with groups.gathering():
            done: list[Deferred[int]] = [groups.join(number) for number in (1, 2)]
        for one in done:
            self.failureResultOf(one, ZeroDivisionError)
