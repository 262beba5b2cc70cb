"""The pool of threads: what it promises beyond the contract of its seam (`tests/test_interfaces.py`)."""

import threading
import traceback

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from peerstor.daemon.threads import Threads


class Counted:
    """A reactor that counts how often threads wake it."""

    def __init__(self) -> None:
        self.woken = 0

    def callFromThread(self, *args: object) -> None:
        self.woken += 1
        reactor.callFromThread(*args)  # type: ignore[attr-defined]

    def callLater(self, *args: object) -> object:
        return reactor.callLater(*args)  # type: ignore[attr-defined]


def deep() -> None:
    """Fail a step down."""
    raise ZeroDivisionError


class ThreadsTests(TestCase):
    """With real threads."""

    def pool(self, **options: object) -> Threads:
        options = {"reactor": reactor, "name": "test", "size": 4, **options}
        pool = Threads(**options)  # type: ignore[arg-type]
        self.addCleanup(pool.stop, 5)
        return pool

    def test_before_start(self) -> Deferred[None]:
        """Work that comes before the start waits for it."""
        pool = self.pool()
        done = [pool.run(abs, -number) for number in range(10)]
        pool.start()
        return gatherResults(done).addCallback(self.assertEqual, [*range(10)])

    def test_stop_finishes(self) -> None:
        """What was begun or waits comes to its end before the threads do, and no thread is left."""
        pool, seen = self.pool(name="finishing"), []
        pool.start()
        for number in range(100):
            pool.run(seen.append, number)
        pool.stop(5)
        self.assertEqual(sorted(seen), [*range(100)])
        self.assertEqual([one.name for one in threading.enumerate() if "finishing" in one.name], [])

    def test_traceback(self) -> Deferred[None]:
        """A failure says where in the thread it happened."""
        pool = self.pool()
        pool.start()

        async def check() -> None:
            try:
                await pool.run(deep)
            except ZeroDivisionError as error:
                self.assertIn("deep", [frame.name for frame in traceback.extract_tb(error.__traceback__)])
            else:
                self.fail("it did not fail")

        return Deferred.fromCoroutine(check())

    def test_one_call_for_several(self) -> Deferred[None]:
        """Outcomes that are there together arrive by one wake-up of the reactor, each at who waits for it."""
        counted = Counted()
        pool = self.pool(reactor=counted, size=1)
        pool.start()
        done = [pool.run(abs, -number) for number in range(50)]
        last = threading.Event()
        pool.run(last.set)
        last.wait(5)

        def judge(results: list[int]) -> None:
            self.assertEqual(results, [*range(50)])
            self.assertLessEqual(counted.woken, 2)

        return gatherResults(done).addCallback(judge)

    def test_shrinks_again(self) -> Deferred[None]:
        """Threads that came for slow work end when it is over."""
        pool = self.pool(name="shrinking", patience=0.01)
        pool.start()

        async def check() -> None:
            go = threading.Event()
            slow = [pool.run(go.wait, 10) for _ in range(3)]
            await pool.run(int)  # a fourth thread
            go.set()
            await gatherResults(slow)
            while sum("shrinking" in one.name for one in threading.enumerate()) > 1:
                done: Deferred[None] = Deferred()
                reactor.callLater(0.01, done.callback, None)  # type: ignore[attr-defined]
                await done

        return Deferred.fromCoroutine(check()).addTimeout(10, reactor)
