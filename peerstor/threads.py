"""A bounded pool of threads for what may block, with the reactor handed in."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from peerstor.interfaces import IThreads

P = ParamSpec("P")
T = TypeVar("T")


@implementer(IThreads)
class Threads:
    """Runs functions in at most `size` threads of its own.

    Kinds of work that must not wait for each other (a slow upload disk, a listing) get a pool each.
    """

    def __init__(self, *, reactor: IReactorFromThreads, name: str, size: int) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=0, maxthreads=size, name=name)

    def start(self) -> None:
        """Begin to take work; before this, work waits in the queue."""
        self._pool.start()

    def stop(self) -> None:
        """Finish what was begun and end the threads (blocks until they have ended)."""
        self._pool.stop()

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """See `IThreads`."""
        return deferToThreadPool(self._reactor, self._pool, function, *args, **kwargs)
