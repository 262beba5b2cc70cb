"""A bounded pool of threads for what may block, with the reactor handed in."""

from collections.abc import Callable
from functools import partial
from threading import Thread
from time import monotonic
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from peerstor.interfaces import IThreads

P = ParamSpec("P")
T = TypeVar("T")


class _Daemon(Thread):
    """A thread that doesn't keep a process alive which wants to end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "daemon": True})


class _DaemonPool(ThreadPool):
    threadFactory = _Daemon


@implementer(IThreads)
class Threads:
    """Runs functions in threads of its own: as few as get on with the work, at most `size`.

    Most of what runs here takes microseconds, in many calls of the system that each let go of the interpreter's
    lock and take it again. Several threads of that kind are slower than one: they wait for the lock, not for the
    disk. So there are `few` threads, and one more for each function that has run for `patience` (a cold disk, a
    large folder, a sync): who waits for the disk holds nobody up for longer than that.

    Kinds of work that must not wait for each other at all get a pool each.
    """

    def __init__(self, *, reactor: Any, name: str, size: int, few: int = 1, patience: float = 0.02) -> None:
        """Make a pool; `start` it before use.

        :param reactor: provides `IReactorFromThreads` and `IReactorTime`.
        :param few: threads while all functions are quick.
        :param patience: seconds after which a function no longer counts as quick.
        """
        self._reactor = reactor
        self._size = size
        self._few = self._present = few
        self._patience = patience
        self._pool = _DaemonPool(minthreads=0, maxthreads=few, name=name)
        # Since when each runs, by the clock of the threads themselves; each thread touches its own entry only.
        self._began: dict[object, float] = {}
        self._open = 0
        self._look: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to take work; before this, work waits in the queue."""
        self._pool.start()

    def stop(self, patience: float) -> None:
        """Finish what was begun and end the threads.

        :param patience: seconds to wait for them; one that hangs in the disk is left behind, and as a daemon it
            doesn't keep the process.
        """
        if self._look is not None:
            self._look.cancel()
            self._look = None
        stopping = Thread(target=self._pool.stop, daemon=True)
        stopping.start()
        stopping.join(patience)

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """See `IThreads`."""
        self._open += 1
        if self._look is None:
            self._look = self._reactor.callLater(self._patience, self._look_around)
        done = deferToThreadPool(self._reactor, self._pool, self._timed, partial(function, *args, **kwargs))
        return done.addBoth(self._ended)

    def _timed(self, work: Callable[[], T]) -> T:
        """Do the work in a thread, leaving word when it began."""
        token = object()
        self._began[token] = monotonic()
        try:
            return work()
        finally:
            del self._began[token]

    def _ended(self, outcome: T) -> T:
        self._open -= 1
        return outcome

    def _look_around(self) -> None:
        """Have one thread more for each function that proved slow, and no more than a few when all is quiet."""
        self._look = None
        slow = monotonic() - self._patience
        wanted = min(self._size, self._few + sum(began < slow for began in list(self._began.values())))
        if wanted != self._present:
            grows, self._present = wanted > self._present, wanted
            self._pool.adjustPoolsize(minthreads=wanted if grows else 0, maxthreads=wanted)
        if self._open > 0 or wanted > self._few:
            self._look = self._reactor.callLater(self._patience, self._look_around)
