"""A bounded pool of threads for what may block, with the reactor handed in."""

from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure
from zope.interface import implementer

from peerstor.interfaces import IThreads

P = ParamSpec("P")
T = TypeVar("T")

Job = tuple[Deferred[Any], Callable[[], Any]]


@implementer(IThreads)
class Threads:
    """Runs functions in threads of its own: as few as get on with the work, at most `size`.

    Most of what runs here takes microseconds, in many calls of the system that each let go of the interpreter's
    lock and take it again. Several threads of that kind are slower than one: they wait for the lock, not for the
    disk. So there are `few` threads, and one more for each function that has run for `patience` (a cold disk, a
    large folder, a sync): who waits for the disk holds nobody up for longer than that.

    Twisted's own pool is not used: its hop to a thread and back costs several times that of a queue, and it wakes
    the reactor once for each result, where here all that are there by then come with one call.

    Kinds of work that must not wait for each other at all get a pool each.
    """

    def __init__(self, *, reactor: Any, name: str, size: int, few: int = 1, patience: float = 0.02) -> None:
        """Make a pool; `start` it before use.

        :param reactor: provides `IReactorFromThreads` and `IReactorTime`.
        :param few: threads while all functions are quick.
        :param patience: seconds after which a function no longer counts as quick.
        """
        self._reactor = reactor
        self._name = name
        self._size = size
        self._few = self._allowed = few
        self._patience = patience
        self._running = False
        # Threads that still run, or did a moment ago, and how many were not told to end.
        self._threads: list[Thread] = []
        self._present = 0
        self._open = 0
        self._look: IDelayedCall | None = None
        # What is to be done (None tells one thread to end), and what came of it.
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._outcomes: deque[tuple[Callable[[Any], object], Any]] = deque()
        # Since when each thread works, by the clock of the threads themselves; each touches its own entry only.
        self._began: dict[object, float] = {}
        self._told = False

    def start(self) -> None:
        """Begin to take work; before this, work waits in the queue."""
        self._running = True
        self._populate()

    def stop(self, patience: float) -> None:
        """Finish what was begun and end the threads.

        :param patience: seconds to wait for them; one that hangs in the disk is left behind, and as a daemon it
            doesn't keep the process.
        """
        if self._look is not None:
            self._look.cancel()
            self._look = None
        self._running = False
        self._dismiss(self._present)
        end = monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, end - monotonic()))

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """See `IThreads`."""
        self._open += 1
        if self._look is None:
            self._look = self._reactor.callLater(self._patience, self._look_around)
        done: Deferred[T] = Deferred()
        self._jobs.put((done, partial(function, *args, **kwargs)))
        if self._present < self._allowed:
            self._populate()
        return done

    def _populate(self) -> None:
        """Have a thread for each function that is to run, as far as that is allowed."""
        while self._running and self._present < min(self._allowed, self._open):
            self._present += 1
            # A daemon: it doesn't keep a process alive which wants to end.
            thread = Thread(target=self._work, name=f"{self._name}-{self._present}", daemon=True)
            self._threads = [one for one in self._threads if one.is_alive()]
            self._threads.append(thread)
            thread.start()

    def _dismiss(self, count: int) -> None:
        """Let so many threads end, once they have done what is in the queue by now."""
        self._present -= count
        for _ in range(count):
            self._jobs.put(None)

    # In the threads.

    def _work(self) -> None:
        """Do one job after the other, leaving word when each began."""
        token, began, outcomes = object(), self._began, self._outcomes
        while (job := self._jobs.get()) is not None:
            done, work = job
            began[token] = monotonic()
            try:
                outcome: tuple[Callable[[Any], object], Any] = (done.callback, work())
            except BaseException:
                outcome = (done.errback, Failure())
            del began[token]
            outcomes.append(outcome)
            # What it refers to must not outlive it in a thread that waits for the next.
            del job, done, work, outcome
            if not self._told:
                self._told = True
                self._reactor.callFromThread(self._deliver)

    # In the reactor's thread again.

    def _deliver(self) -> None:
        """Give all outcomes that are there by now to those who wait."""
        # First: whoever finds it set has added its outcome before, and whoever doesn't calls again.
        self._told = False
        for _ in range(len(self._outcomes)):
            tell, outcome = self._outcomes.popleft()
            self._open -= 1
            tell(outcome)

    def _look_around(self) -> None:
        """Have one thread more for each function that proved slow, and no more than a few when all is quiet."""
        self._look = None
        slow = monotonic() - self._patience
        self._allowed = min(self._size, self._few + sum(began < slow for began in list(self._began.values())))
        self._dismiss(max(0, self._present - self._allowed))
        self._populate()
        if self._open > 0 or self._allowed > self._few:
            self._look = self._reactor.callLater(self._patience, self._look_around)
